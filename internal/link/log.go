package link

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// MaxRecord bounds the texts of a log record as it crosses, in bytes: longer ones
// are cut. A record that is longer than twice that, all in all, breaks a rule.
const MaxRecord = 256 << 10

// Log sends a record to the manager, and may shorten it, but not its attributes'
// Paths where they are. While LogQueue bytes wait to be written it waits, and after
// LogWait it drops the record, which is counted; the count arrives with the next one.
// Records from before the handshake follow it.
func (l *Link) Log(r *Record) {
	r.Dropped = l.dropped.Swap(0)
	b, err := r.bytes()
	if err != nil || !l.keepEarly(b) && !l.forward(b) {
		l.dropped.Add(r.Dropped + 1)
	}
}

// forward sends a record; false means that there was no room for it in time.
func (l *Link) forward(b []byte) bool {
	if !l.greeted.Load() {
		return false
	}
	deadline := time.Now().Add(LogWait)
	for {
		full := false
		err := l.conn.Update(func(s *mux.State) {
			if full = s.Queued() > LogQueue; !full {
				s.Control(frame.ForwardLog, b)
			}
		})
		if err != nil || !full {
			return true
		}
		if !l.conn.Drained(time.Until(deadline)) {
			return false
		}
	}
}

// keepEarly keeps a record until the handshake is over, if it is not and there is
// room for it: nobody can wait for a manager that has not said who it is.
func (l *Link) keepEarly(b []byte) bool {
	if l.greeted.Load() {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.greeted.Load() || l.earlyLen+len(b) > LogQueue {
		return false
	}
	l.early = append(l.early, b)
	l.earlyLen += len(b)
	return true
}

// bytes is r as it crosses, cut where it is too long: its texts first, then all of
// its attributes.
func (r *Record) bytes() ([]byte, error) {
	r.thin()
	r.clip()
	b, err := recordPlan.bytes(r)
	if err == nil && len(b) > 2*MaxRecord {
		r.Message = r.Message[:min(len(r.Message), MaxErrorText)] + fmt.Sprintf(" … (%d attributes left out)", len(r.Attrs))
		r.Message, r.Attrs = strings.ToValidUTF8(r.Message, ""), []Attr{}
		b, err = recordPlan.bytes(r)
	}
	return b, err
}

// thin leaves attributes out, and of those that lie too deep the innermost groups.
func (r *Record) thin() {
	r.Attrs = r.Attrs[:min(len(r.Attrs), MaxAttrs)]
	for i := range r.Attrs {
		a := &r.Attrs[i]
		if key := len(a.Path) - 1; key >= MaxPath {
			a.Path = append(a.Path[:MaxPath-1:MaxPath-1], a.Path[key])
		}
	}
}

func (r *Record) clip() {
	budget := MaxRecord
	cut := func(s string) string {
		if len(s) > budget {
			s = s[:max(budget, 0)] + " …"
		}
		s = clip(s)
		budget -= len(s)
		return s
	}
	r.Message = cut(r.Message)
	r.Source.Function = cut(r.Source.Function)
	r.Source.File = cut(r.Source.File)
	for i := range r.Attrs {
		a := &r.Attrs[i]
		for j, name := range a.Path {
			if short := cut(name); short != name {
				a.Path = slices.Clone(a.Path) // it may be that of other records too
				a.Path[j] = short
			}
		}
		a.Text = cut(a.Text)
	}
}

func (l *Link) onLog(payload []byte) error {
	if len(payload) > 2*MaxRecord {
		return frame.Violated("quota", "a log record of %d bytes", len(payload))
	}
	var r Record
	if err := recordPlan.only(payload, &r, "FORWARD_LOG"); err != nil {
		return err
	}
	if len(r.Attrs) > MaxAttrs {
		return frame.Violated("quota", "a log record of %d attributes", len(r.Attrs))
	}
	for i := range r.Attrs { // who puts groups together again goes as deep
		if n := len(r.Attrs[i].Path); n > MaxPath {
			return frame.Violated("quota", "a log record with an attribute in %d groups", n-1)
		}
	}
	if l.cfg.Log != nil {
		l.cfg.Log(r)
	}
	return nil
}
