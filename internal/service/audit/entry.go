package audit

import (
	"encoding/json"

	"github.com/outwork-go/outwork/internal/service/logging/journal"
)

// journalEntry is a sheet that is an entry of the journal.
type journalEntry struct{ e journal.Entry }

// prefix begins the names of the journal's fields.
const prefix = "OUTWORK_"

func (j *journalEntry) name(name string) {
	j.e = append(j.e, prefix...)
	for i := range len(name) {
		c := name[i]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		j.e = append(j.e, c)
	}
}

func (j *journalEntry) text(name, value string, limit int) {
	if value != "" {
		j.name(name)
		j.e = j.e.Text("", value, limit)
	}
}

func (j *journalEntry) number(name string, value int64) {
	j.name(name)
	j.e = j.e.Int("", value)
}

func (j *journalEntry) numbers(name string, values []uint32) {
	if len(values) > 0 {
		j.name(name)
		j.e = append(appendNumbers(append(j.e, '='), values), '\n')
	}
}

func (j *journalEntry) args(value json.RawMessage) {
	if whole, ok := oneLine(value); ok {
		j.text("args", string(whole), maxArgs)
	} else {
		j.text("args", head(string(value), maxArgs), maxArgs)
	}
}
