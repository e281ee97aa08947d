package gate

import (
	"log/slog"
	"sync"
	"time"
)

// refused is why somebody is not admitted.
type refused struct {
	code   uint8
	text   string // to the other side
	reason string // to the log
}

func refuse(code uint8, text, reason string) *refused { return &refused{code, text, reason} }

// refusals logs who was not let in: LogBurst at once, then one a logEvery, and how many
// more there were. It is safe for concurrent use.
type refusals struct {
	log *slog.Logger

	mu    sync.Mutex // guards what follows
	left  int        // that may be logged now, as of since
	since time.Time
	more  int         // that were not logged
	timer *time.Timer // says more; nil: none is under way

	flushing sync.WaitGroup // the timer's goroutine
}

const logEvery = time.Second

func newRefusals(log *slog.Logger) *refusals {
	return &refusals{log: log, left: LogBurst, since: time.Now()}
}

// warn logs a record, or counts it.
func (r *refusals) warn(message string, attrs ...any) {
	if r.allowed() {
		r.log.Warn(message, attrs...)
	}
}

func (r *refusals) allowed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := time.Since(r.since) / logEvery
	r.left, r.since = int(min(LogBurst, time.Duration(r.left)+n)), r.since.Add(n*logEvery)
	if r.left > 0 {
		r.left--
		return true
	}
	r.more++
	if r.timer == nil {
		r.flushing.Add(1)
		r.timer = time.AfterFunc(logEvery, func() {
			defer r.flushing.Done()
			r.flush()
		})
	}
	return false
}

// flush says what was not logged.
func (r *refusals) flush() {
	r.mu.Lock()
	more := r.more
	r.more, r.timer = 0, nil
	r.mu.Unlock()
	if more > 0 {
		r.log.Warn("refused more connections", "count", more)
	}
}

// close says what is left to say, now. Nothing may be logged after it.
func (r *refusals) close() {
	r.mu.Lock()
	if r.timer != nil && r.timer.Stop() {
		r.flushing.Done()
	}
	r.mu.Unlock()
	r.flushing.Wait()
	r.flush()
}
