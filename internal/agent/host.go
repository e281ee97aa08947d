package agent

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/outwork-go/outwork/internal/askpass"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/resume"
	"github.com/outwork-go/outwork/internal/starter"
)

// Host is a manager's side of an agent. It is safe for concurrent use. Close must be
// called.
type Host struct {
	l      *link.Link
	signal *link.Function
	reply  *link.Function // to a question
	back   *link.Function
	longer *link.Function // it is to be patient
	there  atomic.Bool    // the agent has greeted
	answer time.Duration  // how long it may take to answer a signal
	lasts  bool           // it may be cut off, and come back
}

// NewLastingHost is NewHost over a stream that outlives its connections: an agent that says
// nothing may be cut off.
func NewLastingHost(t *resume.Conn, hello link.Hello) *Host {
	h := NewHost(t, hello, link.LastingSilence)
	h.lasts = true
	return h
}

// NewHostBehind is NewHost of one that is reached through a lasting one: it is cut off with
// that. Outlast is to be called when it has greeted.
func NewHostBehind(t mux.Transport, hello link.Hello) *Host {
	h := NewHost(t, hello, 2*link.Silence) // the cut is noticed before
	h.lasts = true
	return h
}

// NewHost makes a Host of t, which an agent is, or will be, at the other end of: what
// is started meanwhile is sent when t takes it. Nothing limits the time until the
// agent speaks before Expect is called. When it has spoken, and then nothing comes from
// it for silence (link.Silence, 0 is no limit), it is lost.
func NewHost(t mux.Transport, hello link.Hello, silence time.Duration) *Host {
	h := &Host{signal: newSignal(nil), reply: newAnswer(nil), back: newBack(nil), longer: newOutlast(nil), answer: signalTimeout}
	h.l = link.New(t, link.Config{
		Side: mux.ManagerSide, NoFiles: true, Patient: true, Alive: silence, Paced: true,
		Functions: link.RegistryOf(h.signal, h.reply, h.back, h.longer), Errors: &link.Errors{}, Hello: hello,
	})
	return h
}

// Expect says that the agent runs: it must greet within link.HandshakeTimeout.
func (h *Host) Expect() { h.l.Expect() }

// Greeted waits for what the agent tells of itself.
func (h *Host) Greeted(ctx context.Context) (link.Hello, error) {
	hello, err := h.l.Greeted(ctx)
	if err == nil {
		h.there.Store(true)
	}
	return hello, err
}

// Pause tells the agent that this side is about to be silent, as (*link.Link).Pause does.
// A host that is reached through another is paused before that one.
func (h *Host) Pause() error { return h.l.Pause() }

// Resume ends a Pause.
func (h *Host) Resume() { h.l.Resume() }

// Gaps is how often the agent was not heard for so long that it was cut off, and whether it
// is just now.
func (h *Host) Gaps() (n uint64, now bool) { return h.l.Gaps() }

// Done is closed when the agent is lost; Err is why.
func (h *Host) Done() <-chan struct{} { return h.l.Done() }

// Err is why the agent is lost, or nil.
func (h *Host) Err() error { return h.l.Err() }

// Fail ends the link. The processes that the agent has started are lost with err.
func (h *Host) Fail(err error) { h.l.Fail(err) }

// Close ends the link, and with it the agent and what it has started.
func (h *Host) Close() { h.l.Close() }

// Process is one that the agent has started. Wait must be called.
type Process struct {
	*link.Relay
	h    *Host
	asks *inquiry // nil: it may not ask

	abandoned atomic.Bool
}

// Abandon is the Relay's; signals are not sent any more.
func (p *Process) Abandon() {
	p.abandoned.Store(true)
	p.Relay.Abandon()
}

// Start has the agent start a process. output, which may be nil, is given what it
// prints, and must not block for long. What cannot be started Wait tells.
func (h *Host) Start(ctx context.Context, s *link.Spawn, output func(fd int, p []byte)) (*Process, error) {
	r, err := h.l.Relay(ctx, s, output, nil)
	if err != nil {
		return nil, err
	}
	return &Process{Relay: r, h: h}, nil
}

// StartAsking is Start for a command of whose questions, through SSH_ASKPASS, each is
// put to ask. Wait returns after ask has.
func (h *Host) StartAsking(ctx context.Context, s *link.Spawn, output func(fd int, p []byte), ask askpass.Ask) (*Process, error) {
	s.Ask = true
	i := &inquiry{h: h, ask: ask, begun: make(chan struct{})}
	r, err := h.l.Relay(ctx, s, output, i.take)
	if err != nil {
		i.end()
		return nil, err
	}
	i.id = r.ID()
	close(i.begun)
	return &Process{Relay: r, h: h, asks: i}, nil
}

// Wait returns when the process has ended, was not started, or is lost with its host.
func (p *Process) Wait() (starter.Exit, error) {
	e, err := p.Relay.Wait()
	if p.asks != nil {
		p.asks.end()
	}
	if errors.Is(err, link.ErrAbandoned) {
		return starter.Exit{Code: -1}, err
	}
	if err != nil {
		if f, ok := errors.AsType[*link.Failure](err); ok {
			return starter.Exit{Code: -1}, &StartError{f}
		}
		if d, ok := errors.AsType[*link.Down](err); ok {
			err = d.Err
		} else {
			err = fmt.Errorf("it tells nothing of the process any more: %w", err)
		}
		return starter.Exit{Code: -1}, &LostError{err}
	}
	return exitOf(e), nil
}

// StartError is a process that the agent could not start, and why.
type StartError struct{ Err error }

func (e *StartError) Error() string { return e.Err.Error() }

// Unwrap is the reason.
func (e *StartError) Unwrap() error { return e.Err }

// LostError is a process whose agent is lost, or has let go of it.
type LostError struct{ Err error }

func (e *LostError) Error() string { return fmt.Sprintf("its host is lost: %v", e.Err) }

// Unwrap is why.
func (e *LostError) Unwrap() error { return e.Err }

const signalTimeout = 5 * time.Second

// Signal sends sig to the process and its group. One that has ended, or whose agent is
// lost, is no error, nor is one that was abandoned. An agent that has greeted and does not answer in time is lost, and
// with it its processes: or whoever waits for one to end would wait for ever. One that may be
// cut off loses the process alone.
func (p *Process) Signal(sig syscall.Signal) error {
	if p.abandoned.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.h.answer)
	defer cancel()
	_, err := p.h.l.Call(ctx, p.h.signal, &signalArgs{p.ID(), int(sig)}, nil)
	if err == nil {
		return nil // also where the time is up since
	}
	if _, lost := errors.AsType[*link.Down](err); lost {
		return nil
	}
	if ctx.Err() != nil && p.h.lasts {
		p.Abandon() // it is killed when the agent hears of that
		return nil
	}
	if ctx.Err() != nil && p.h.there.Load() {
		err = fmt.Errorf("the agent did not answer a signal within %v", p.h.answer)
		p.h.Fail(err)
	}
	return err
}
