package link

import (
	"sync/atomic"
	"time"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// MaxRecord bounds a log record as it crosses, in bytes: a longer one is
// cut.
const MaxRecord = 256 << 10

// Log sends a record to the manager. While LogQueue bytes wait to be written it waits, and
// after LogWait it drops the record, which is counted; the count arrives with
// the next one.
func (l *Link) Log(r *Record) {
	r.Dropped = l.dropped.Swap(0)
	r.clip()
	b, err := recordPlan.bytes(r)
	if err != nil {
		l.dropped.Add(r.Dropped + 1)
		return
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
			return
		}
		if !l.conn.Drained(time.Until(deadline)) {
			l.dropped.Add(r.Dropped + 1)
			return
		}
	}
}

// Dropped is how many records were dropped and not told of yet.
func (l *Link) Dropped() *atomic.Uint64 { return &l.dropped }

func (r *Record) clip() {
	budget := MaxRecord
	cut := func(s *string) {
		if len(*s) > budget {
			*s = (*s)[:max(budget, 0)] + " …"
		}
		*s = clip(*s)
		budget -= len(*s)
	}
	cut(&r.Message)
	for i := range r.Attrs {
		for j := range r.Attrs[i].Path {
			cut(&r.Attrs[i].Path[j])
		}
		cut(&r.Attrs[i].Text)
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
	if l.cfg.Log != nil {
		l.cfg.Log(r)
	}
	return nil
}
