package link

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// Call is one call from this side. It is made by the goroutine that waits for it,
// and completed by the one that reads.
type Call struct {
	l      *Link
	w      mux.Waiter
	st     *mux.Stream
	name   string
	result any         // pointer for the result, decoded by plan
	plan   *codec.Plan // nil: raw takes the payload
	raw    func(payload []byte, files []*os.File) error
	ctx    context.Context // of the call, for what its result streams

	// Progress, when set before the call, is called by the reader, and not any more when
	// the call has returned, which waits for it.
	Progress func(done, total int64, label string)
	// Grants are the functions that the peer may call back meanwhile.
	Grants map[string]*Function
	// StreamError, when set before the call, makes of an error that ends a stream of the result,
	// and is of the kinds that Link.Call returns, what the stream's reader gets.
	StreamError func(error) error

	header callHeader
	lifts  []*lifted
	lent   []int64 // numbers of containers
	waited bool    // send has waited for the answer too
	opened func()  // called when the call has been sent, or will not be; may be nil

	mu      sync.Mutex // the reader against a caller that gives up
	over    bool       // err and result are set, or the caller gave up
	err     error
	late    []byte // a long result that the caller decodes itself
	landing *landings
	telling sync.WaitGroup // Progress runs; none is added once over
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// Call calls the function f with args, a pointer, and returns a pointer to the
// result. The error is a *Failure, ctx's, a *Down, or tells why nothing was sent.
// c may be nil; it must not be used again.
func (l *Link) Call(ctx context.Context, f *Function, args any, c *Call) (any, error) {
	if c == nil {
		c = &Call{}
	}
	c.l, c.name, c.ctx = l, f.Name, ctx
	if err := l.check(f); err != nil {
		return nil, err
	}
	c.result, c.plan = f.NewReply(), f.Reply
	h := &c.header
	h.Function = f.Name
	if dl, ok := ctx.Deadline(); ok {
		h.Remaining = max(1, int64(time.Until(dl)))
	}
	for name := range c.Grants {
		h.Grants = append(h.Grants, name)
	}
	if in := from(ctx); in != nil && in.l == l {
		h.Parent = in.st.ID
	}
	err := c.send(ctx, f, h, args)
	if c.opened != nil {
		c.opened()
	}
	if err == nil && !c.waited {
		err = l.conn.Wait(ctx, &c.w)
	}
	return c.finish(err)
}

// Brief reports whether a call of f with args is one frame, which may be sent to a peer
// that has not greeted yet.
func Brief(f *Function, args any) bool { return !lifts(f.Args.Crossings(), args) }

// check compares what both ends know of f, when they differ at all. Before the peer has
// greeted it is the peer who does that.
func (l *Link) check(f *Function) error {
	if !l.greeted.Load() || l.positional.Load() || l.cfg.Service || l.hello.Functions == nil || f.builtin || l.cfg.Side == mux.WorkerSide {
		return nil
	}
	theirs, ok := l.hello.Functions[f.Name]
	switch {
	case !ok:
		return &Failure{Code: CodeUnknown, Message: unknown(f.Name, slices.Sorted(maps.Keys(l.hello.Functions)))}
	case theirs != f.Signature():
		return &Failure{Code: CodeMismatch, Message: fmt.Sprintf("function %q is %s here, and %s in the worker", f.Name, f.Signature(), theirs)}
	}
	return nil
}

func unknown(name string, known []string) string {
	return fmt.Sprintf("there is no function %q; %s", name, listed("known functions", known))
}

// send encodes the call and sends it; parts go after it.
func (c *Call) send(ctx context.Context, f *Function, h *callHeader, args any) error {
	l := c.l
	var files []*os.File
	var err error
	if crossings := f.Args.Crossings(); lifts(crossings, args) {
		if err := l.lifting.take(ctx); err != nil {
			return err
		}
		defer l.lifting.leave()
		defer func() { restore(crossings, args, c.lifts) }()
		if h.Parts, files, err = l.lift(ctx, nil, crossings, args, &c.lifts, &c.lent); err != nil {
			return fmt.Errorf("the argument of %q: %w", f.Name, err)
		}
	}
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	if err := l.encodeCall(buf, h, f, args); err != nil {
		closeAll(files)
		return fmt.Errorf("the argument of %q: %w", f.Name, err)
	}
	payload := buf.Bytes()
	if len(payload) > mux.UrgentMessage {
		payload = bytes.Clone(payload) // it may wait for credit
	}
	if len(c.lifts) == 0 && c.opened == nil {
		c.waited = true
		err = l.conn.Exchange(ctx, frame.CallFunction, payload, files, c, &c.st, &c.w)
	} else {
		c.st, err = l.conn.Open(ctx, frame.CallFunction, payload, true, files, c)
	}
	if err != nil && c.st == nil {
		return err
	}
	for _, p := range c.lifts {
		p.start(ctx)
	}
	return err
}

func (l *Link) encodeCall(buf *bytes.Buffer, h *callHeader, f *Function, args any) error {
	if err := h.append(buf); err != nil {
		return err
	}
	if err := f.Args.Append(buf, args, l.positional.Load()); err != nil {
		return err
	}
	return checkLength(buf.Len())
}

// on handles what the peer answers.
func (c *Call) on(ev mux.Event) error {
	switch {
	case ev.Cut:
		return c.onCut(ev)
	case ev.Kind == frame.Reset:
		c.complete(&Failure{Code: CodeRefused, Message: "the other side gave the call up: " + clip(string(ev.Payload))})
		return nil
	case ev.Handle == frame.Reply && ev.End:
		c.l.drain(ev.Batch)
		return c.onReply(ev)
	case c.isOver():
		return nil // the caller gave up: what it is answered is dropped
	case ev.Kind == frame.Data:
		return frame.Violated("reply", "DATA in answer to %q", c.name)
	case ev.Handle == frame.Progress:
		return c.onProgress(ev)
	case !ev.End:
		return frame.Violated("reply", "%s without END in answer to %q", ev.Handle, c.name)
	}
	if ev.Handle != frame.Error {
		return frame.Violated("reply", "%s in answer to %q", ev.Handle, c.name)
	}
	c.l.drain(ev.Batch)
	return c.onError(ev)
}

// onCut is for an answer that is longer than this side takes.
func (c *Call) onCut(ev mux.Event) error {
	if ev.Handle != frame.Reply && ev.Handle != frame.Error {
		return frame.Violated("quota", "a %s of more than %d bytes", ev.Handle, len(ev.Payload))
	}
	c.discard(ev)
	c.complete(c.tooLong())
	return nil
}

// fits reports whether a service takes an answer of that size.
func (c *Call) fits(value []byte, parts []part) bool {
	limit := int64(c.l.cfg.Limits.Argument)
	size, over := weigh(value, parts, limit)
	return size <= limit && over == nil
}

// tooLong is the end of a call back whose answer a service does not take.
func (c *Call) tooLong() *Failure {
	return &Failure{Code: CodeResult, Message: fmt.Sprintf("the answer of %q is longer than the %d bytes that this service takes", c.name, c.l.cfg.Limits.Argument)}
}

func (c *Call) onError(ev mux.Event) error {
	f, err := c.l.decodeFailure(ev.Payload)
	if err == nil {
		c.complete(f)
	}
	return err
}

// drain delivers the output that precedes a result; once for all results that
// were read together.
func (l *Link) drain(batch uint64) {
	if l.cfg.Drain != nil && l.drained != batch {
		l.cfg.Drain()
		l.drained = batch
	}
}

func (c *Call) onProgress(ev mux.Event) error {
	if len(ev.Payload) > 2*MaxErrorText {
		return frame.Violated("quota", "a PROGRESS of %d bytes", len(ev.Payload))
	}
	var p progress
	if err := progressPlan.only(ev.Payload, &p, "PROGRESS"); err != nil {
		return err
	}
	if c.Progress == nil || !c.tell() {
		return nil
	}
	defer c.telling.Done()
	c.Progress(p.Done, p.Total, p.Label)
	return nil
}

// tell keeps the call from returning while its progress is told. It is false when the
// call is over.
func (c *Call) tell() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.telling.Add(1)
	}
	return !c.over
}

func (c *Call) onReply(ev mux.Event) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		c.discard(ev)
		return nil
	}
	if c.plan == nil {
		err := c.raw(ev.Payload, ev.Files)
		if err == nil {
			c.completeLocked(nil)
		}
		return err
	}
	var h replyHeader
	rest, err := h.parse(ev.Payload)
	if err != nil {
		return err
	}
	if c.l.cfg.serves() && !c.fits(rest, h.Parts) {
		c.l.discardParts(h.Parts, ev.Files)
		c.completeLocked(c.tooLong())
		return nil
	}
	if ev.Owned && len(h.Parts) == 0 {
		c.late = rest
	} else if err := c.decode(rest); err != nil {
		return err
	}
	if len(h.Parts) == 0 && len(ev.Files) == 0 {
		c.completeLocked(nil)
		return nil
	}
	return c.land(h.Parts, ev.Files)
}

// land takes up what comes beside the result.
func (c *Call) land(parts []part, files []*os.File) error {
	land := &landings{l: c.l, ctx: c.ctx, crossings: c.plan.Crossings(), value: c.result, files: files, told: c.StreamError}
	land.done = func() { c.complete(land.err) }
	c.landing = land
	wait, err := land.all(parts)
	land.watch()
	if err == nil && !wait {
		c.completeLocked(land.err)
	}
	return err
}

// discard is for the result of a call that was given up.
func (c *Call) discard(ev mux.Event) {
	var h replyHeader
	if c.plan != nil {
		if _, err := h.parse(ev.Payload); err != nil {
			h.Parts = nil
		}
	}
	c.l.discardParts(h.Parts, ev.Files)
}

// Runs reports whether the other side has not ended the call yet, whether or not
// anybody waits for it. It is called when the call has returned.
func (c *Call) Runs() bool { return c.st != nil && c.l.conn.Stream(c.st.ID) == c.st }

func (c *Call) isOver() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over
}

func (c *Call) decode(b []byte) error {
	if _, err := decodeAll(c.plan, c.l.resultRules(), b, c.result); err != nil {
		return frame.Violated("reply", "the result of %q: %v", c.name, err)
	}
	return nil
}

func (c *Call) complete(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.completeLocked(err)
}

func (c *Call) completeLocked(err error) {
	if !c.over {
		c.over, c.err = true, err
		c.l.conn.Signal(&c.w)
	}
}

// CancelCalls ends every call of this side's because the link is about to end, with a *Down that
// tells why.
func (l *Link) CancelCalls(why error) {
	for _, u := range l.conn.Users() {
		if c, ok := u.(*Call); ok {
			c.complete(&Down{why, true})
		}
	}
}

// finish is the call's end in the goroutine of its caller.
func (c *Call) finish(err error) (any, error) {
	c.mu.Lock()
	if c.over {
		err = c.err // it came after all
	}
	c.over = true
	late, land := c.late, c.landing
	c.mu.Unlock()
	if err == nil && late != nil {
		if err = c.decode(late); err != nil {
			c.l.conn.Fail(err)
			err = &Down{err, true}
		}
	}
	if err != nil && c.st != nil {
		code := mux.Cancelled
		if errors.Is(err, context.DeadlineExceeded) {
			code = mux.Expired
		}
		c.l.conn.Reset(c.st, code, "")
	}
	if err != nil && land != nil {
		land.release(false)
	}
	for _, p := range c.lifts {
		p.end(err != nil)
	}
	c.takeBack(err != nil, land)
	c.telling.Wait() // the other side has heard by now
	if err == nil {
		return c.result, nil
	}
	return nil, c.l.downed(err, c.st != nil)
}
