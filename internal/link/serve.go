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
	parent *Incoming

	deadline time.Time // zero: none

	mu    sync.Mutex
	done  chan struct{} // made by the first Done
	err   error
	timer *time.Timer
	after map[int]func() // of AfterFunc
	next  int
	bare  bool // the result has been sent: no calls back any more
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
	rest, err := callPlan.first(ev.Payload, &h, "CALL_FUNCTION")
	if err != nil {
		return err
	}
	if h.Remaining < 0 || !ev.End {
		return frame.Violated("message", "CALL_FUNCTION with %d ns left, or without END", h.Remaining)
	}
	in := &Incoming{l: l, st: ev.Stream, grants: h.Grants}
	ev.Stream.User = in
	if h.Remaining > 0 {
		in.deadline = time.Now().Add(time.Duration(h.Remaining))
	}
	in.fn, err = l.target(&h)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.incoming[in.st.ID] = in
	l.mu.Unlock()
	if in.fn == nil {
		l.discardParts(h.Parts, ev.Files)
		return in.refuse(&Failure{Code: CodeUnknown, Message: unknown(h.Function, l.cfg.Functions.Names())})
	}
	return in.arrive(&h, rest, ev.Files)
}

// target is the function that a call is for. A call back must have been granted.
func (l *Link) target(h *callHeader) (*Function, error) {
	if l.cfg.Side == mux.WorkerSide {
		return l.cfg.Functions.Lookup(h.Function), nil
	}
	st := l.conn.Stream(h.Parent)
	if st == nil {
		return nil, frame.Violated("grant", "a call back of %q without a running call", h.Function)
	}
	if c, ok := st.User.(*Call); ok {
		if f := c.Grants[h.Function]; f != nil {
			return f, nil
		}
	}
	return nil, frame.Violated("grant", "a call back of %q, which the call was not granted", h.Function)
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
	rest, err := in.fn.Args.Decode(args, in.args, l.positional)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes too many", len(rest))
	}
	if err != nil {
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
	in.land = &landings{l: l, ctx: in, crossings: in.fn.Args.Crossings(), value: in.args, files: files, done: in.start}
	wait, err := in.land.all(h.Parts)
	if err == nil && !wait {
		in.start()
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

// start runs the function: in the reader as long as it has been quick lately, else
// in a goroutine.
func (in *Incoming) start() {
	if in.land != nil && in.land.err != nil {
		in.refuse(in.land.err)
		return
	}
	if in.fn.Async || in.fn.slow.Load() > 0 {
		in.fn.slow.Add(-1)
		in.l.conn.Go(func() { in.run(); in.l.conn.Flush() })
		return
	}
	in.l.conn.Lend(in.run)
}

func (in *Incoming) run() {
	began := time.Now()
	reply, err := in.invoke()
	if !in.fn.Async && time.Since(began) > SlowFunction {
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
	finished := false
	defer func() {
		if finished {
			return
		}
		v := recover()
		text := fmt.Sprintf("panic: %v", v)
		if v == nil {
			text = "the function ended its goroutine (runtime.Goexit)"
		}
		err = &Failure{Code: CodePanicked, Message: text, Stack: string(debug.Stack())}
	}()
	if err := in.Err(); err != nil {
		finished = true
		return nil, err
	}
	reply, err = in.fn.Invoke(in, in.args)
	finished = true
	return reply, err
}

// answer sends the result, and then what it streams.
func (in *Incoming) answer(reply any) {
	l := in.l
	h := replyHeader{Parts: []part{}}
	var files []*os.File
	var lifts []*lifted
	var err error
	if crossings := in.fn.Reply.Crossings(); len(crossings) > 0 {
		h.Parts, files, err = l.lift(in, crossings, reply, &lifts)
	}
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	if err == nil {
		if err = replyPlan.append(buf, &h); err == nil {
			err = in.fn.Reply.Append(buf, reply, l.positional)
		}
	}
	if err != nil {
		closeAll(files)
		for _, up := range lifts {
			l.conn.Reset(up.st, mux.Failed, "")
		}
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
	l.conn.Go(func() { in.stream(lifts) })
}

// end sends the last message. After it no call back may leave, nor progress.
func (in *Incoming) end(h frame.Handle, payload []byte, files []*os.File) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.bare = true
	in.l.conn.Queue(in.st, h, payload, true, files)
}

// stream sends the result's bulk parts; the call's context and arguments live
// as long.
func (in *Incoming) stream(lifts []*lifted) {
	var wg sync.WaitGroup
	for _, up := range lifts {
		if up.bytes != nil {
			up.start(in)
			continue
		}
		wg.Go(func() { up.pump(in) })
	}
	wg.Wait()
	for _, up := range lifts {
		if up.sent != nil {
			select {
			case <-up.sent:
			case <-in.l.conn.Done():
			}
		}
	}
	in.over()
}

// refuse answers with an error.
func (in *Incoming) refuse(err error) error {
	code := CodeReturned
	stack := ""
	if f, ok := err.(*Failure); ok {
		code, stack = f.Code, f.Stack
	}
	b, perr := failurePlan.bytes(in.l.cfg.Errors.encode(code, err, stack))
	if perr != nil {
		b, _ = failurePlan.bytes(&failure{Code: code, Text: "an error that cannot be sent: " + perr.Error(), Kinds: []string{}, Data: []typedError{}})
	}
	in.end(frame.Error, b, nil)
	in.over()
	return nil
}

// over forgets the call.
func (in *Incoming) over() {
	in.cancel(context.Canceled)
	if in.land != nil {
		in.land.release()
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
