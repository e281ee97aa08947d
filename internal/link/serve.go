package link

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// Incoming is a call that runs on this side. It is also the context that its function
// is given: made of one piece, because a context.WithCancel and a timer for each
// call would cost more than the call.
type Incoming struct {
	l      *Link
	st     *mux.Stream
	fn     *Function
	args   any
	grants []string
	land   *landings

	deadline time.Time // zero: none

	mu    sync.Mutex
	done  chan struct{} // made by the first Done
	err   error
	timer *time.Timer
	after map[int]func() // of AfterFunc
	next  int
	bare  bool // the result has been sent: no calls back any more
	begun bool // see begin

	opening sync.WaitGroup // calls back that are being sent; none is added once bare

	given bool // the function was called: files in its arguments are its own
}

type incomingKey struct{}

// from is the call that ctx belongs to, or nil.
func from(ctx context.Context) *Incoming {
	in, _ := ctx.Value(incomingKey{}).(*Incoming)
	return in
}

// From is the call that ctx belongs to, or nil.
func From(ctx context.Context) *Incoming { return from(ctx) }

// Link is the link that the call came over.
func (in *Incoming) Link() *Link { return in.l }

// Granted reports whether the caller granted the function of that name.
func (in *Incoming) Granted(name string) bool { return slices.Contains(in.grants, name) }

// Grants are the names of the functions that the caller granted.
func (in *Incoming) Grants() []string { return in.grants }

// Progress tells the caller how far the call is.
func (in *Incoming) Progress(done, total int64, label string) {
	b, err := progressPlan.bytes(&progress{done, total, clip(label)})
	if err != nil {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.bare {
		in.l.conn.Message(in.st, frame.Progress, b, false, nil)
	}
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

// onCall takes in a call.
func (l *Link) onCall(ev mux.Event) error {
	var h callHeader
	name, rest, err := h.parse(ev.Payload)
	if err == nil {
		err = h.check(ev.End)
	}
	if err != nil {
		return err
	}
	in := &Incoming{l: l, st: ev.Stream, grants: h.Grants}
	ev.Stream.User = in
	if h.Remaining > 0 {
		in.deadline = time.Now().Add(time.Duration(h.Remaining))
	}
	in.fn, err = l.target(&h, name)
	if err != nil {
		return err
	}
	l.enter(in)
	if in.fn == nil {
		l.discardParts(h.Parts, ev.Files)
		return in.refuse(l.refusal(&h))
	}
	return in.arrive(&h, rest, ev.Files)
}

// target is the function that a call is for. A call back must have been granted.
func (l *Link) target(h *callHeader, name []byte) (*Function, error) {
	if l.cfg.Side == mux.WorkerSide {
		f := l.cfg.Functions.lookup(name)
		if f == nil {
			h.Function = string(name)
		}
		return f, nil
	}
	h.Function = string(name)
	st := l.conn.Stream(h.Parent)
	if st == nil {
		return nil, frame.Violated("grant", "a call back of %q without a running call", h.Function)
	}
	c, ok := st.User.(*Call)
	if ok && c.Grants[h.Function] != nil {
		if c.isOver() {
			return nil, nil // its caller gave up, which the worker does not know yet
		}
		return c.Grants[h.Function], nil
	}
	return nil, frame.Violated("grant", "a call back of %q, which the call was not granted", h.Function)
}

// enter notes a call that runs here. On a link that has ended it is cancelled at once.
func (l *Link) enter(in *Incoming) {
	l.mu.Lock()
	l.incoming[in.st.ID] = in
	ended := l.ended
	l.mu.Unlock()
	if ended {
		in.cancel(context.Canceled)
	}
}

// refusal is for a call that target found no function for.
func (l *Link) refusal(h *callHeader) *Failure {
	if l.cfg.Side == mux.ManagerSide {
		return &Failure{Code: CodeRefused, Message: fmt.Sprintf("%q: who granted it has given the call up", h.Function)}
	}
	return &Failure{Code: CodeUnknown, Message: unknown(h.Function, l.cfg.Functions.Names())}
}

// discardParts forgets what came with a call that cannot be.
func (l *Link) discardParts(parts []part, files []*os.File) {
	closeAll(files)
	for _, p := range parts {
		if p.Kind > partStream {
			continue
		}
		if st, err := l.claim(p.Stream); err == nil {
			l.conn.Reset(st, mux.Unwanted, "")
		}
	}
}

// arrive decodes the arguments, and runs the function when all of them are there.
func (in *Incoming) arrive(h *callHeader, args []byte, files []*os.File) error {
	l := in.l
	in.args = in.fn.New()
	if err := decodeAll(in.fn.Args, args, in.args, l.positional); err != nil {
		if l.positional {
			return frame.Violated("message", "the argument of %q: %v", in.fn.Name, err)
		}
		l.discardParts(h.Parts, files)
		return in.refuse(&Failure{Code: CodeMismatch, Message: fmt.Sprintf("the argument of %q does not fit: %v", in.fn.Name, err)})
	}
	if len(h.Parts) == 0 && len(files) == 0 {
		in.start()
		return nil
	}
	land := &landings{l: l, ctx: in, crossings: in.fn.Args.Crossings(), value: in.args, files: files, done: in.landed}
	in.mu.Lock()
	in.land = land
	in.mu.Unlock()
	wait, err := land.all(h.Parts)
	if err == nil && !wait {
		in.landed()
	}
	return err
}

// on is a RESET of the caller: it gave up.
func (in *Incoming) on(ev mux.Event) error {
	if ev.Kind != frame.Reset {
		return frame.Violated("handle", "%s on the stream of a call", ev.Handle)
	}
	in.cancel(context.Canceled)
	return nil
}

// landed is called when all arguments are there, or one of them will not be.
func (in *Incoming) landed() {
	switch {
	case !in.begin():
	case in.land.err != nil:
		in.refuse(in.land.err)
	default:
		in.start()
	}
}

// begin is true for the one that decides what becomes of a call whose arguments come
// in parts: who sees the last of them, or the end of the link.
func (in *Incoming) begin() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	first := !in.begun
	in.begun = true
	return first
}

// lost is the end of the link.
func (in *Incoming) lost() {
	in.cancel(context.Canceled)
	in.mu.Lock()
	waits := in.land != nil
	in.mu.Unlock()
	if waits && in.begin() {
		in.over()
	}
}

// start runs the function: in the reader when it has been quick lately, or is the only one
// there is to run; else in a goroutine.
func (in *Incoming) start() {
	slow := in.fn.slow.Load() > 0
	if slow {
		in.fn.slow.Add(-1)
	}
	if in.fn.Async || slow && !in.l.lone() {
		in.l.conn.Go(func() { in.run(); in.l.conn.Flush() })
		return
	}
	in.l.conn.Lend(in.run)
}

// lone reports whether only one call runs, and no other is about to.
func (l *Link) lone() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.incoming) == 1 && !l.conn.More()
}

// run runs the function and answers, also for one that ends its goroutine.
func (in *Incoming) run() {
	var began time.Time
	if in.fn.calls.Add(1)%timedCalls == 1 {
		began = time.Now()
	}
	var reply any
	err := errGoexit
	defer func() { in.answered(reply, err, began) }()
	reply, err = in.invoke()
}

// errGoexit is the answer of a function that ended its goroutine.
var errGoexit error = &Failure{Code: CodePanicked, Message: "the function ended its goroutine (runtime.Goexit)"}

// timedCalls is of how many calls one is timed: two looks at the clock are a tenth of
// a small call's time.
const timedCalls = 8

func (in *Incoming) answered(reply any, err error, began time.Time) {
	if !began.IsZero() && !in.fn.Async && time.Since(began) > SlowFunction {
		in.fn.slow.Store(slowCalls)
		defer in.l.conn.Flush()
	}
	if err != nil {
		in.refuse(err)
		return
	}
	in.answer(reply)
}

// invoke turns a panic into a Failure: the worker lives on.
func (in *Incoming) invoke() (reply any, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &Failure{Code: CodePanicked, Message: fmt.Sprintf("panic: %v", v), Stack: string(debug.Stack())}
		}
	}()
	if err := in.Err(); err != nil {
		return nil, err
	}
	in.given = true
	return in.fn.Invoke(in, in.args)
}

// answer sends the result, and then what it streams.
func (in *Incoming) answer(reply any) {
	l := in.l
	var of *result
	if len(in.fn.Reply.Crossings()) > 0 {
		of = &result{in: in}
		of.left.Store(1)
	}
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	files, lifts, err := in.encode(buf, of, reply)
	if err != nil {
		closeAll(files)
		for _, up := range lifts {
			l.conn.Reset(up.st, mux.Failed, "")
		}
		closeResult(in.fn.Reply.Crossings(), reply)
		in.refuse(&Failure{Code: CodeResult, Message: fmt.Sprintf("the result of %q cannot be sent: %v", in.fn.Name, err)})
		return
	}
	payload := buf.Bytes()
	if len(payload) > mux.UrgentMessage {
		payload = bytes.Clone(payload)
	}
	in.end(frame.Reply, payload, files)
	if len(lifts) == 0 {
		in.over()
		return
	}
	l.conn.Go(func() { in.stream(of, lifts) })
}

// encode writes the result to buf, without what travels beside it.
func (in *Incoming) encode(buf *bytes.Buffer, of *result, reply any) (files []*os.File, lifts []*lifted, err error) {
	defer guard(&err)
	var h replyHeader
	if of != nil {
		if h.Parts, files, err = in.l.lift(in, of, in.fn.Reply.Crossings(), reply, &lifts); err != nil {
			return files, lifts, err
		}
	}
	if err = h.append(buf); err == nil {
		err = in.fn.Reply.Append(buf, reply, in.l.positional)
	}
	if err == nil {
		err = checkLength(buf.Len())
	}
	return files, lifts, err
}

// end sends the last message. After it no call back may leave, nor progress.
func (in *Incoming) end(h frame.Handle, payload []byte, files []*os.File) {
	in.mu.Lock()
	in.bare = true
	in.mu.Unlock()
	in.opening.Wait()
	if in.l.conn.Queue(in.st, h, payload, true, files) != nil {
		closeAll(files)
	}
}

// refuse answers with an error.
func (in *Incoming) refuse(err error) error {
	in.end(frame.Error, in.l.failure(err), nil)
	in.over()
	return nil
}

// over forgets the call.
func (in *Incoming) over() {
	in.cancel(context.Canceled)
	if in.land != nil {
		in.land.release(in.given)
	}
	l := in.l
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.incoming, in.st.ID)
	if len(l.incoming) == 0 && l.idle != nil {
		close(l.idle)
		l.idle = nil
	}
}

// Idle waits until no call runs on this side.
func (l *Link) Idle(ctx context.Context) error {
	l.mu.Lock()
	if len(l.incoming) == 0 {
		l.mu.Unlock()
		return nil
	}
	if l.idle == nil {
		l.idle = make(chan struct{})
	}
	idle := l.idle
	l.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.Done():
		return l.Err()
	}
}

// Flushed waits until all that this side has to say was written.
func (l *Link) Flushed() { l.conn.Flushed() }

// Busy is how many streams of this side are open: its calls, and what belongs to
// them, whether or not anybody waits for them any more.
func (l *Link) Busy() int { return l.conn.Live() }

// Quiet waits until Busy is 0.
func (l *Link) Quiet(ctx context.Context) error { return l.conn.Quiet(ctx) }

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
