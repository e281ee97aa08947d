package link

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// onCall takes in a call.
func (l *Link) onCall(ev mux.Event) error {
	var h callHeader
	name, rest, err := l.header(&h, ev)
	if err != nil {
		return err
	}
	in := &Incoming{l: l, st: ev.Stream, grants: h.Grants}
	ev.Stream.User = in
	if left := l.cfg.callTime(h.Remaining); left > 0 {
		in.deadline = time.Now().Add(left)
	}
	in.fn, err = l.target(&h, name)
	if err != nil {
		return err
	}
	l.enter(in)
	if refusal := l.refusal(in, &h, ev, rest); refusal != nil {
		l.discardParts(h.Parts, ev.Files)
		return in.refuse(refusal)
	}
	return in.arrive(&h, rest, ev.Files)
}

// header reads and checks the header of a call, and returns what follows it.
func (l *Link) header(h *callHeader, ev mux.Event) (name, args []byte, err error) {
	head := ev.Payload[:l.cfg.headerOf(ev.Payload)]
	name, rest, err := h.parse(head)
	if err == nil {
		err = h.check(name, ev.End || ev.Cut)
	}
	if err == nil {
		err = l.cfg.checkGrants(h)
	}
	if err != nil {
		return nil, nil, err
	}
	return name, ev.Payload[len(head)-len(rest):], nil
}

// target is the function that a call is for. A call back must have been granted.
func (l *Link) target(h *callHeader, name []byte) (*Function, error) {
	if l.cfg.Side == mux.WorkerSide {
		f := l.cfg.Functions.lookup(name)
		if f == nil {
			f = l.cfg.builtin(name)
		}
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

// enter notes a call that runs here. On a link that has ended it is cancelled
// at once.
func (l *Link) enter(in *Incoming) {
	l.mu.Lock()
	l.incoming[in.st.ID] = in
	ended := l.ended
	l.mu.Unlock()
	if ended {
		in.cancel(context.Canceled)
	}
}

// refusal is why a call cannot be, before its argument is looked at; nil: it can.
func (l *Link) refusal(in *Incoming, h *callHeader, ev mux.Event, args []byte) *Failure {
	switch {
	case in.fn == nil:
		return l.noFunction(h)
	case l.cfg.serves():
		return l.excess(in, h, ev, args)
	}
	return nil
}

// noFunction is for a call that target found no function for.
func (l *Link) noFunction(h *callHeader) *Failure {
	if l.cfg.Side == mux.ManagerSide {
		return &Failure{Code: CodeRefused, Message: fmt.Sprintf("%q: who granted it has given the call up", h.Function)}
	}
	return &Failure{Code: CodeUnknown, Message: unknown(h.Function, l.cfg.Functions.Names()) + l.whose()}
}

// discardParts forgets what came with a call that cannot be.
func (l *Link) discardParts(parts []part, files []*os.File) {
	l.discard(files)
	for _, p := range parts {
		if p.Kind > partStream && p.Kind != partCarried {
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
	if err := in.decode(args); err != nil {
		if l.positional.Load() {
			return frame.Violated("message", "the argument of %q: %v", in.fn.Name, err)
		}
		l.discardParts(h.Parts, files)
		return in.refuse(err)
	}
	if len(h.Parts) == 0 && len(files) == 0 {
		in.start()
		return nil
	}
	land := &landings{l: l, ctx: in, crossings: in.fn.Args.Crossings(), value: in.args, files: files, call: in.st, done: in.landed}
	in.mu.Lock()
	in.land = land
	in.mu.Unlock()
	wait, err := land.all(h.Parts)
	if err == nil && !wait {
		in.landed()
	}
	return err
}

// decode sets the argument. Between equal digests the text of the error is the
// detail of a violation; else it is the answer.
func (in *Incoming) decode(args []byte) error {
	l := in.l
	rules := codec.Rules{Positional: l.positional.Load()}
	if l.cfg.serves() {
		rules.Memory = ServiceDecoded
	}
	memory, err := decodeAll(in.fn.Args, rules, args, in.args)
	switch {
	case err == nil && l.cfg.serves():
		return l.charge(in, memory)
	case err == nil || l.positional.Load():
		return err
	}
	return in.misfit("%v", in.l.tellable(err))
}

// whose is the end of a sentence about what a service does not have: a client may
// be of another version.
func (l *Link) whose() string {
	if h := &l.cfg.Hello; l.cfg.serves() && h.Build != "" {
		return fmt.Sprintf(" (this is %s, version %s)", h.Name, h.Build)
	}
	return ""
}

// misfit is the answer to an argument that does not fit.
func (in *Incoming) misfit(format string, args ...any) *Failure {
	return &Failure{Code: CodeMismatch, Message: fmt.Sprintf("the argument of %q does not fit: %s", in.fn.Name, fmt.Sprintf(format, args...)) + in.l.whose()}
}

// on is a RESET of the caller: it gave up.
func (in *Incoming) on(ev mux.Event) error {
	if ev.Kind != frame.Reset {
		return frame.Violated("handle", "%s on the stream of a call", ev.Handle)
	}
	if ev.Code == mux.Expired {
		in.cancel(context.DeadlineExceeded) // the caller's clock was first
	} else {
		in.cancel(context.Canceled)
	}
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

// begin is true for the one that decides what becomes of a call whose arguments
// come in parts: who sees the last of them, or the end of the link.
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

// start runs the function: in the reader when it has been quick lately, or is
// the only one there is to run; else in a goroutine.
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
