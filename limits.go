package outwork

import (
	"errors"
	"time"

	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/lost"
)

// What this side holds a worker to: its time, what it prints and logs, and that its calls end.
// The rest of Limits its own machine sees to.

// isKilled reports whether this side has killed the worker, which may not have told yet.
func (w *Worker) isKilled() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.killed != nil
}

// kill ends the worker for a reason that its loss tells, unless it is ending for another one. It
// does not wait: where output is delivered, what it would wait for may be what is to be delivered
// next.
func (w *Worker) kill(why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return
	}
	w.blameLocked(why)
	if w.launched {
		go w.finish()
	}
}

// blame has the worker's loss tell that reason, unless there is one already: it is about to be ended
// for that, whatever it does until then.
func (w *Worker) blame(why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.blameLocked(why)
}

func (w *Worker) blameLocked(why error) {
	if w.killed == nil && !w.closed && !w.over {
		w.killed = why
	}
}

// live says that the worker has a process, which may be signalled. It may have printed too much
// already.
func (w *Worker) live() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.launched = true
	if w.killed != nil {
		go w.finish()
	}
}

// startClock begins the worker's WallTime.
func (w *Worker) startClock() {
	if w.limits.WallTime == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.over && w.clock == nil {
		w.clock = time.AfterFunc(w.limits.WallTime, func() { w.kill(lost.Time) })
	}
}

// settle is for a process that has ended: it keeps who ended it. What is done to the worker from
// then on was not the reason.
func (w *Worker) settle() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	if w.clock != nil {
		w.clock.Stop()
	}
	if w.ended.by = w.killed; w.ended.by == nil && w.closed {
		w.ended.by = ErrClosed
	}
}

// deliver delivers what the worker has printed, up to its limit.
func (w *Worker) deliver(fd int, p []byte) {
	if n := w.spend(len(p)); n > 0 {
		w.tap.Write(fd, p[:n])
	}
}

// spend counts n bytes of output. It returns how many of them are within the limit: where that
// is not all, the worker is killed.
func (w *Worker) spend(n int) int {
	limit := w.limits.Output
	if limit == 0 {
		return n
	}
	over := w.spent.Add(int64(n)) - limit
	if over <= 0 {
		return n
	}
	if over <= int64(n) { // this is what went beyond it
		w.kill(lost.Output)
	}
	return int(max(0, int64(n)-over))
}

// mayLog counts a log record as output.
func (w *Worker) mayLog(r *link.Record) bool {
	if w.limits.Output == 0 {
		return true
	}
	n := recordSize(r)
	return w.spend(n) == n
}

// recordSize is about how many bytes a record has as it crosses.
func recordSize(r *link.Record) int {
	const fixed = 16 // of a record, and of an attribute
	n := fixed + len(r.Message) + len(r.Source.Function) + len(r.Source.File)
	for i := range r.Attrs {
		n += fixed + len(r.Attrs[i].Text)
		for _, name := range r.Attrs[i].Path {
			n += len(name)
		}
	}
	return n
}

// callGrace is how long a call may go on that was given up; 0: for ever.
func (w *Worker) callGrace() time.Duration {
	switch {
	case w.limits.Grace != 0:
		return max(w.limits.Grace, 0)
	case w.level != "" || w.strictGrace || w.asks != nil: // what runs there cannot be trusted to stop, or be stopped in all that it does
		return w.m.grace()
	}
	return 0
}

// overdueSoon kills the worker when a call that was given up, if it still runs, has not returned
// after the grace. One whose end nobody could read, as this program's own log handler or the like
// did not return, has the grace again.
func (w *Worker) overdueSoon(call *link.Call) {
	grace := w.callGrace()
	if grace == 0 || !call.Runs() {
		return
	}
	before, wasDeaf := w.link.Reads()
	time.AfterFunc(grace, func() {
		n, deaf := w.link.Reads()
		switch {
		case w.link.Err() != nil || !call.Runs():
		case n == before && (deaf || wasDeaf):
			w.overdueSoon(call)
		case w.host != nil && !w.host.arrived(): // it has not even begun
			w.overdueSoon(call)
		default:
			w.kill(lost.Overdue)
		}
	})
}

// errNoHolder is for what is asked where nothing would see to it.
var errNoHolder = errors.New("there is nothing there that could hold a worker to a Sandbox, or to limits of memory, CPU time, files and processes")
