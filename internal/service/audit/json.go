package audit

import (
	"encoding/json"
	"strconv"

	"github.com/outwork-go/outwork/internal/service/logging/journal"
)

// jsonLine is a sheet that is a line of JSON.
type jsonLine struct{ b []byte }

func appendJSON(b []byte, r *Record) []byte {
	l := jsonLine{append(b, '{')}
	r.put(&l)
	l.b[len(l.b)-1] = '}' // in place of the last comma
	return append(l.b, '\n')
}

func (l *jsonLine) name(name string) {
	l.b = append(append(append(l.b, '"'), name...), '"', ':')
}

func (l *jsonLine) text(name, value string, limit int) {
	if value != "" {
		l.name(name)
		l.b = journal.AppendQuoted(append(l.b, '"'), value, limit)
		l.b = append(l.b, '"', ',')
	}
}

func (l *jsonLine) number(name string, value int64) {
	l.name(name)
	l.b = append(strconv.AppendInt(l.b, value, 10), ',')
}

func (l *jsonLine) numbers(name string, values []uint32) {
	if len(values) > 0 {
		l.name(name)
		l.b = append(appendNumbers(append(l.b, '['), values), ']', ',')
	}
}

func (l *jsonLine) args(value json.RawMessage) {
	whole, ok := oneLine(value)
	if !ok {
		l.text("args", head(string(value), maxArgs), maxArgs)
	} else if whole != nil {
		l.name("args")
		l.b = append(append(l.b, whole...), ',')
	}
}
