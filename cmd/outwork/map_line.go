package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/cmd/outwork/internal/each"
	"github.com/outwork-go/outwork/lost"
	"github.com/outwork-go/outwork/script/python"
)

// mapLine is a line of the results.
type mapLine struct {
	File    string          `json:"file"`
	Base64  string          `json:"file_base64,omitempty"`
	Value   json.RawMessage `json:"value,omitempty"`
	Error   *mapTrouble     `json:"error,omitempty"`
	Output  string          `json:"output,omitempty"`
	Cut     bool            `json:"output_cut,omitempty"`
	Emitted []string        `json:"emitted,omitempty"`
	Time    float64         `json:"time"`             // seconds
	Memory  int64           `json:"memory,omitempty"` // bytes
	Tries   int             `json:"tries,omitempty"`
}

// kindLimit is that a script went beyond a limit that its worker has for it.
const kindLimit = each.KindLimit

// kindFile is that a file could not be read.
const kindFile = "file"

// Causes, as the help of map tells them.
const (
	causeUnreadable = "unreadable"
	causeScript     = each.CauseScript
	causeTime       = each.CauseTime
	causeSteps      = each.CauseSteps
	causeMemory     = each.CauseMemory
	causeOutput     = each.CauseOutput
	causeProtocol   = "protocol"
	causeOther      = "other"
)

// causeWords are the causes of lost workers.
var causeWords = map[lost.Cause]string{
	lost.Exit: "exit", lost.Crash: "crash", lost.Killed: "killed", lost.Memory: causeMemory,
	lost.CPU: "cpu", lost.Time: causeTime, lost.Output: causeOutput, lost.Policy: "policy",
	lost.Overdue: "overdue", lost.Protocol: causeProtocol,
}

// causes are all that a line can have, in the order in which they are told.
func causes() []string {
	return []string{causeUnreadable, causeScript, causeTime, causeSteps, causeMemory, causeOutput, "crash", "exit", "killed", "policy", "cpu", "overdue", causeProtocol, causeOther}
}

// mapTrouble is why there is no value.
type mapTrouble struct {
	Kind      string `json:"kind"`
	Cause     string `json:"cause"`
	Message   string `json:"message"`
	Traceback string `json:"traceback,omitempty"`
}

// Error is the message.
func (t *mapTrouble) Error() string { return t.Message }

// troubleOf is a worker's word, of which nothing is believed that could not be.
func troubleOf(f *each.Fault) *mapTrouble {
	t := &mapTrouble{f.Kind, f.Cause, each.Cut(f.Message), each.Cut(f.Traceback)}
	if !slices.Contains([]string{kindScript, kindLimit, kindTimeout}, t.Kind) || !slices.Contains(causes(), t.Cause) {
		t.Kind, t.Cause = kindScript, causeScript
	}
	return t
}

// unreadableTrouble is that a file cannot be read.
func unreadableTrouble(name string, err error) *mapTrouble {
	return &mapTrouble{Kind: kindFile, Cause: causeUnreadable, Message: fileTrouble(name, err).Message}
}

// trouble is err as a line tells it.
func (m *mapping) trouble(err error) *mapTrouble {
	if t, ok := errors.AsType[*mapTrouble](err); ok {
		return t
	}
	t := &mapTrouble{Kind: kindOther, Cause: causeOther, Message: err.Error()}
	if gone, ok := errors.AsType[*outwork.LostError](err); ok {
		t.Kind, t.Message = kindLost, lossText(gone)
		if cause, ok := errors.AsType[lost.Cause](err); ok && causeWords[cause] != "" {
			t.Cause = causeWords[cause]
		}
	} else if broke, ok := errors.AsType[*outwork.ProtocolError](err); ok {
		t.Kind, t.Cause, t.Message = kindLost, causeProtocol, broke.Error()
	} else if errors.Is(err, context.DeadlineExceeded) {
		*t = mapTrouble{Kind: kindTimeout, Cause: causeTime, Message: each.Overdue(time.Duration(m.timeout))}
	} else if exit, ok := errors.AsType[*python.Exit](err); ok {
		t.Kind, t.Cause, t.Message = kindScript, causeScript, exit.Error()
	} else if remote, ok := errors.AsType[*outwork.RemoteError](err); ok {
		t.Kind, t.Cause, t.Message, t.Traceback = kindScript, causeScript, remote.Message, remote.Stack
	}
	t.Message, t.Traceback = each.Cut(t.Message), each.Cut(t.Traceback)
	return t
}

// line is what is told of a file.
func (m *mapping) line(in *mapInput, o *outwork.Outcome[*mapResult]) *mapLine {
	l := &mapLine{Time: rounded(o.Time)}
	if o.Attempts > 1 {
		l.Tries = o.Attempts
	}
	l.of(in.name)
	if r := o.Value; r != nil {
		l.Value, l.Emitted, l.Memory, l.Cut = r.value, r.emitted, max(r.Memory, 0), r.Cut
		l.Output = strings.ToValidUTF8(string(r.Output[:min(len(r.Output), each.MaxOutput)]), "\uFFFD")
		l.Time = rounded(r.Time)
	}
	if o.Err != nil {
		l.Value, l.Error = nil, m.trouble(o.Err)
		if l.Error.Kind == kindFile {
			l.Time = 0
		}
		if lost, ok := errors.AsType[*outwork.LostError](o.Err); ok {
			l.Memory = lost.PeakMemory
		}
	}
	return l
}

// of says which file it is of.
func (l *mapLine) of(name string) {
	l.File = name
	if !utf8.ValidString(name) {
		l.File, l.Base64 = strings.ToValidUTF8(name, "\uFFFD"), base64.StdEncoding.EncodeToString([]byte(name))
	}
}

// rounded is d in seconds, to the microsecond.
func rounded(d time.Duration) float64 { return math.Round(max(d, 0).Seconds()*1e6) / 1e6 }
