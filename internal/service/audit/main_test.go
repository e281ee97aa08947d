package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/outwork-go/outwork/internal/realm"
)

func TestMain(m *testing.M) { realm.Main(m, realm.Options{}) }

// memory is a sink that takes JSON lines until it is told to fail.
type memory struct {
	lines   []string
	fail    error // of prepare
	broken  error // of write
	crowded bool  // no room to spare
	size    int   // what prepare was asked for last
	open    int
	opened  int // how often it was reopened
}

var errFull = errors.New("full")

func (m *memory) name() string                    { return "memory" }
func (m *memory) describe() string                { return "memory" }
func (*memory) encode(b []byte, r *Record) []byte { return appendJSON(b, r) }
func (m *memory) spare() bool                     { return !m.crowded }
func (*memory) close() error                      { return nil }

func (m *memory) prepare(size, open int) error {
	m.size, m.open = size, open
	return m.fail
}

func (m *memory) write(record []byte) error {
	if m.broken != nil {
		return m.broken
	}
	m.lines = append(m.lines, string(record))
	return nil
}

func (m *memory) reopen(int) error {
	m.opened++
	return m.fail
}

// line is a line as it is read back.
type line struct {
	Time, Event, Request, Exe, Label, Function string
	Decision, Rule, Result, Error, First       string
	UID, GID                                   uint32
	PID                                        int
	Groups                                     []uint32
	Args                                       any
	Duration                                   int64 `json:"duration_ns"`
	Count                                      int64
}

// parse reads whole lines, each valid by itself.
func parse(t testing.TB, text string) (lines []line) {
	t.Helper()
	for text != "" {
		one, rest, ok := strings.Cut(text, "\n")
		if !ok {
			t.Errorf("the last line is not whole: %q", one)
		}
		var l line
		if err := json.Unmarshal([]byte(one), &l); err != nil {
			t.Errorf("%v in %q", err, one)
		}
		if _, err := time.Parse(time.RFC3339Nano, l.Time); err != nil {
			t.Error(err)
		}
		lines = append(lines, l)
		text = rest
	}
	return lines
}

func (m *memory) parse(t testing.TB) []line {
	t.Helper()
	return parse(t, strings.Join(m.lines, ""))
}

// story is lines in short: "call a; done a; denied b 3".
func story(lines []line) string {
	var b strings.Builder
	for i, l := range lines {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(l.Event + " " + l.Function)
		if l.Count > 0 {
			fmt.Fprintf(&b, " %d", l.Count)
		}
	}
	return b.String()
}

func call(function string, uid uint32) *Record {
	return &Record{Request: NewRequest(), UID: uid, GID: uid, PID: 7, Function: function, Decision: "allowed", Rule: "code:1"}
}

func denial(function string, uid uint32) *Record {
	return &Record{Request: NewRequest(), UID: uid, GID: uid, PID: 7, Function: function, Decision: "denied", Rule: "none"}
}
