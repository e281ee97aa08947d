package logging

import (
	"io"
	"log/slog"
	"strconv"
	"sync"
	"time"

	sd "github.com/coreos/go-systemd/v22/journal"

	"github.com/outwork-go/outwork/internal/service/logging/journal"
)

// writer is the output that is lines of text.
type writer struct {
	mu sync.Mutex
	w  io.Writer // guarded by mu: one Write a record
}

func (o *writer) put(r slog.Record, c Call, a *attrs) error {
	b := make([]byte, 0, 256)
	if !r.Time.IsZero() {
		b = append(r.Time.UTC().AppendFormat(b, time.RFC3339), ' ')
	}
	b = append(append(b, r.Level.String()...), ' ')
	b = append(appendMessage(b, r, c, a), '\n')
	o.mu.Lock()
	defer o.mu.Unlock()
	_, err := o.w.Write(b)
	return err
}

// appendMessage appends what a record says to a reader.
func appendMessage(b []byte, r slog.Record, c Call, a *attrs) []byte {
	b = journal.AppendText(b, r.Message, maxMessage)
	b = append(b, a.text...)
	if a.dropped > 0 {
		b = appendPair(b, "dropped_attributes", strconv.Itoa(a.dropped))
	}
	if c != nil {
		b = appendPair(b, "request", c.Request())
		b = appendPair(b, "uid", strconv.FormatUint(uint64(c.UID()), 10))
	}
	return b
}

// journald is the output that is the journal.
type journald struct {
	service string
	conn    *journal.Conn
	text    *writer // for what the journal does not take
}

func (o *journald) put(r slog.Record, c Call, a *attrs) error {
	if o.conn.Send(o.entry(r, c, a)) == nil {
		return nil
	}
	return o.text.put(r, c, a)
}

func (o *journald) entry(r slog.Record, c Call, a *attrs) journal.Entry {
	e := append(make(journal.Entry, 0, 512), "MESSAGE="...)
	e = append(appendMessage(e, r, c, a), '\n')
	e = e.Int("PRIORITY", int64(priority(r.Level)))
	e = e.Text("SYSLOG_IDENTIFIER", o.service, maxKey)
	if s := r.Source(); s != nil {
		e = e.Text("CODE_FILE", s.File, maxWhere)
		e = e.Int("CODE_LINE", int64(s.Line))
		e = e.Text("CODE_FUNC", s.Function, maxWhere)
	}
	if c != nil {
		e = e.Text("OUTWORK_REQUEST", c.Request(), maxKey)
		e = e.Int("OUTWORK_UID", int64(c.UID()))
	}
	return append(e, a.fields...)
}

// priority is a level as syslog has it.
func priority(l slog.Level) sd.Priority {
	switch {
	case l >= slog.LevelError:
		return sd.PriErr
	case l >= slog.LevelWarn:
		return sd.PriWarning
	case l >= slog.LevelInfo:
		return sd.PriInfo
	}
	return sd.PriDebug
}
