package audit

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/outwork-go/outwork/internal/service/logging/journal"
)

// sheet is what a record is written on. Names are short, lower case and without
// anything to escape. A value that is empty is left out.
type sheet interface {
	text(name, value string, limit int)
	number(name string, value int64)
	numbers(name string, values []uint32)
	args(value json.RawMessage)
}

// put writes r on s: the order of fields is the same everywhere.
func (r *Record) put(s sheet) {
	s.text("time", r.Time.UTC().Format(time.RFC3339Nano), maxRequest)
	s.text("event", r.Event, maxWord)
	s.text("request", r.Request, maxRequest)
	if r.Event == EventOthers || r.Event == EventTorn {
		r.putRest(s)
		return
	}
	s.number("uid", int64(r.UID))
	s.number("gid", int64(r.GID))
	s.number("pid", int64(r.PID))
	if r.Event != EventDone {
		r.putCaller(s)
	}
	s.text("function", r.Function, maxFunction)
	if r.Event != EventDone {
		s.args(r.Args)
		s.text("decision", r.Decision, maxWord)
		s.text("rule", r.Rule, maxRule)
	}
	r.putRest(s)
}

// putCaller writes what a done record leaves to the record of the call.
func (r *Record) putCaller(s sheet) {
	s.numbers("groups", r.Groups[:min(len(r.Groups), maxGroups)])
	s.text("exe", r.Exe, maxExe)
	s.text("label", r.Label, maxLabel)
}

func (r *Record) putRest(s sheet) {
	s.text("result", r.Result, maxWord)
	s.text("error", r.Error, maxError)
	if r.Event == EventDone {
		s.number("duration_ns", int64(r.Duration))
	}
	if r.Count > 1 || r.Event == EventOthers {
		s.number("count", r.Count)
		s.text("first", r.First.UTC().Format(time.RFC3339Nano), maxRequest)
	}
}

func appendNumbers(b []byte, values []uint32) []byte {
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(v), 10)
	}
	return b
}

// oneLine returns arguments as JSON of one line that prints, at most maxArgs
// bytes of it, or false when they are no JSON or longer.
func oneLine(value json.RawMessage) ([]byte, bool) {
	if len(value) == 0 {
		return nil, true
	}
	if len(value) > maxArgs {
		return nil, false
	}
	if !json.Valid(value) {
		return nil, false
	}
	if bytes.ContainsAny(value, "\n\r\t") { // between tokens: in a string they would be escaped
		var b bytes.Buffer
		if err := json.Compact(&b, value); err != nil {
			return nil, false
		}
		value = b.Bytes()
	}
	if plain(value) {
		return value, true
	}
	// Only in a string can anything be left that does not print.
	line := journal.AppendText(nil, string(value), maxEscape*len(value))
	return line, len(line) <= maxArgs
}

// maxEscape is how many bytes an escaped byte takes at most.
const maxEscape = 6

// plain reports whether a text is printable ASCII.
func plain(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}
