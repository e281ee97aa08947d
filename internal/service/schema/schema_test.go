package schema

import (
	"net"
	"os"
	"time"
)

type level string

// everything has a field of each kind, with what tags can say of it.
type everything struct {
	Name    string            `cbor:"name" doc:"the new host name" pattern:"^[a-z0-9-]{1,63}$" arg:"0"`
	Port    uint16            `cbor:"port" min:"1" default:"0x50" arg:"1"`
	Words   []string          `json:"words" pattern:"[a-z]+" maxlen:"3" arg:"2..."`
	Level   level             `cbor:"level,omitempty" enum:"low,high"`
	Count   int64             `cbor:"count" max:"9007199254740992"`
	Small   int8              `cbor:"small,omitzero" enum:"1,2,-3"`
	Big     uint64            `cbor:"big"`
	Ratio   float32           `cbor:"ratio" min:"0.1" max:"0.9"`
	Exact   float64           `cbor:"exact"`
	Key     []byte            `cbor:"key,omitempty" secret:"true" minlen:"2" maxlen:"5"`
	Wait    time.Duration     `cbor:"wait" min:"1s" max:"1h" default:"90s"`
	When    time.Time         `cbor:"when,omitzero"`
	IP      net.IP            `cbor:"ip,omitempty"`
	Force   *bool             `cbor:"force"`
	Note    *string           `cbor:"note,omitempty" minlen:"1" maxlen:"4"`
	Entries []entry           `cbor:"entries" maxlen:"2"`
	Shared  []*entry          `cbor:"shared,omitempty"`
	Inner   *entry            `cbor:"inner"`
	Labels  map[string]int32  `cbor:"labels" min:"0" max:"9" maxlen:"2"`
	More    map[level][]entry `cbor:"more,omitempty"`
	Grid    [][]float64       `cbor:"grid,omitempty" maxlen:"2"`
	Skipped int               `cbor:"-"`
	Plain   bool
}

type entry struct {
	Name  string `cbor:"name" pattern:"[a-z]+" doc:"its name"`
	Token string `cbor:"token,omitempty" secret:"true" maxlen:"8"`
}

type withFile struct {
	File *os.File `cbor:"file" doc:"what to read" arg:"0"`
	Log  *os.File `cbor:"log,omitempty"`
	Mode string   `cbor:"mode" enum:"r,w"`
}

func valid() everything {
	return everything{
		Name: "web1", Port: 80, Words: []string{"a"}, Ratio: 0.1, Wait: time.Second,
		Entries: []entry{{Name: "x"}}, Labels: map[string]int32{"k": 1},
	}
}
