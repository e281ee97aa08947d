package link

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// Incoming is a call that runs on this side. It is also the context that its
// function is given: made of one piece, because a context.WithCancel and a
// timer for each call would cost more than the call.
type Incoming struct {
	l      *Link
	st     *mux.Stream
	fn     *Function
	args   any
	grants []string
	land   *landings

	deadline time.Time // zero: none

	mu    sync.Mutex    // not held over what takes the Conn's lock: a wait there asks the context
	done  chan struct{} // made by the first Done
	err   error
	timer *time.Timer
	after map[int]func() // of AfterFunc
	next  int
	bare  bool // the result has been sent: no calls back any more
	begun bool // see begin

	opening sync.WaitGroup // calls back and progress that are being sent; none is added once bare

	memory int64 // what l.decoded has of it; under the Link's lock

	given bool // the function was called: files in its arguments are its own
}

type incomingKey struct{}

// from is the call that ctx belongs to, or nil.
func from(ctx context.Context) *Incoming {
	in, _ := ctx.Value(incomingKey{}).(*Incoming)
	return in
}

// ErrOutside is for what only a function in a worker can do: there, From is not nil.
var ErrOutside = errors.New("the context is not that of a function in a worker")

// From is the call that ctx belongs to, or nil.
func From(ctx context.Context) *Incoming { return from(ctx) }

// Link is the link that the call came over.
func (in *Incoming) Link() *Link { return in.l }

// Granted reports whether the caller granted the function of that name.
func (in *Incoming) Granted(name string) bool { return slices.Contains(in.grants, name) }

// Progress tells the caller how far the call is.
func (in *Incoming) Progress(done, total int64, label string) {
	b, err := progressPlan.bytes(&progress{done, total, clip(label)})
	if err != nil {
		return
	}
	if !in.openBack() {
		return
	}
	defer in.opening.Done()
	in.l.conn.Message(in.st, frame.Progress, b, false, nil)
}

// Deadline is of context.Context.
func (in *Incoming) Deadline() (time.Time, bool) { return in.deadline, !in.deadline.IsZero() }

// Value is of context.Context.
func (in *Incoming) Value(key any) any {
	if key == (incomingKey{}) {
		return in
	}
	return nil
}

// Done is of context.Context.
func (in *Incoming) Done() <-chan struct{} {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.done == nil {
		in.done = make(chan struct{})
		if in.err != nil {
			close(in.done)
		}
		in.startTimer()
	}
	return in.done
}

// startTimer watches the deadline, once somebody wants to know.
func (in *Incoming) startTimer() {
	if in.timer == nil && in.err == nil && !in.deadline.IsZero() {
		in.timer = time.AfterFunc(time.Until(in.deadline), func() { in.cancel(context.DeadlineExceeded) })
	}
}

// Err is of context.Context.
func (in *Incoming) Err() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.err == nil && !in.deadline.IsZero() && !time.Now().Before(in.deadline) {
		in.cancelLocked(context.DeadlineExceeded)
	}
	return in.err
}

// AfterFunc is what package context looks for, to spare a goroutine for each
// derived context.
func (in *Incoming) AfterFunc(f func()) (stop func() bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.err != nil {
		go f()
		return func() bool { return false }
	}
	if in.after == nil {
		in.after = map[int]func(){}
	}
	id := in.next
	in.next++
	in.after[id] = f
	in.startTimer()
	return func() bool {
		in.mu.Lock()
		defer in.mu.Unlock()
		_, ok := in.after[id]
		delete(in.after, id)
		return ok
	}
}

func (in *Incoming) cancel(err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.cancelLocked(err)
}

func (in *Incoming) cancelLocked(err error) {
	if in.err != nil {
		return
	}
	in.err = err
	if in.done != nil {
		close(in.done)
	}
	if in.timer != nil {
		in.timer.Stop()
	}
	for _, f := range in.after {
		go f()
	}
	in.after = nil
}
