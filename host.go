package outwork

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/outwork-go/outwork/host"
	"github.com/outwork-go/outwork/internal/agent"
	"github.com/outwork-go/outwork/internal/boot"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/resume"
	"github.com/outwork-go/outwork/internal/tcp"
	"github.com/outwork-go/outwork/internal/transport"
)

// hostConn is a connection to a place that starts workers. It goes through these states:
//
//	made ──▶ reaching ──▶ there ──▶ lost ──▶ gone
//	  │          └─ the hop's command runs; what is asked of the agent waits, or was sent ahead
//	  └─ something is asked of it already: it is sent along
type hostConn struct {
	m     *Manager
	url   string // its hops, for errors
	key   string // in the manager
	depth int
	agent *agent.Host

	// Of one that is reached by a hop.
	from  boot.Place
	hop   host.Hop
	ahead *transport.Deferred
	stage atomic.Int32 // a host.Stage: how far reaching it is; 0: not begun, or there is no hop

	// Of one that has joined, or is to connect back.
	stream *resume.Conn
	door   tcp.Door // nil: it does not connect back

	reachOnce sync.Once
	ctx       context.Context // of reaching it
	giveUp    context.CancelCauseFunc
	ready     chan struct{} // closed when the agent has greeted, or failed is set
	failed    error         // why it was not reached
	cause     error         // why it was lost; set before gone is closed
	gone      chan struct{} // closed when nothing is left of it
}

func (m *Manager) newHost(url string, depth int) *hostConn {
	h := &hostConn{m: m, url: url, key: url, depth: depth, ready: make(chan struct{}), gone: make(chan struct{})}
	h.ctx, h.giveUp = context.WithCancelCause(context.Background())
	return h
}

// over reports whether the host is lost. Its link learns of its stream's end a moment later,
// and the next host of that name may be here by then.
func (h *hostConn) over() bool {
	return h.agent.Err() != nil || h.stream != nil && h.stream.Err() != nil
}

// hello is what the manager tells agents.
func (m *Manager) hello() link.Hello {
	return link.Hello{Build: buildID(), Confinement: "none", PID: os.Getpid()}
}

// lasting makes the host one that is to connect back to d.
func (h *hostConn) lasting(d tcp.Door) {
	h.door = d
	h.stream = resume.New(resume.Config{Silence: link.Silence, Redial: tcp.Redial(h.m.Redial)})
	h.stream.Begin(h.ahead)
	h.agent = agent.NewLastingHost(h.stream, h.m.hello())
}

// reach begins to reach the host. What was asked of it before goes along.
func (h *hostConn) reach() {
	h.reachOnce.Do(func() { go h.live() })
}

// await waits until the host has been reached.
func (h *hostConn) await(ctx context.Context) error {
	select {
	case <-h.ready:
		return h.failed
	case <-ctx.Done():
		return h.late(ctx.Err())
	}
}

// late is err, of a context that has ended before the host was reached, with the stage.
func (h *hostConn) late(err error) error {
	if s := host.Stage(h.stage.Load()); s != 0 {
		return &host.Error{Stage: s, Hop: h.url, Err: err, Code: -1}
	}
	return fmt.Errorf("%s: %w", h.url, err)
}

// live is the host's whole life.
func (h *hostConn) live() {
	defer h.leave()
	r, err := h.arrive()
	if err != nil {
		h.failed = err
		h.ahead.Fail(err)
		h.agent.Fail(err)
		close(h.ready)
		return
	}
	h.agent.Expect()
	if _, err = h.agent.Greeted(h.ctx); err != nil {
		h.failed = h.handshake(err)
		h.agent.Fail(err)
	}
	close(h.ready)
	if err == nil && h.behind() {
		err = h.agent.Outlast(h.ctx, min(tcp.Redial(h.m.Redial)+2*link.Silence, link.LastingSilence)) // what is wrong is told as the host's loss
	}
	if err == nil && h.door != nil && h.connectBack() && boot.LetsGo(h.hop) {
		r.Process.Signal(sigTerm)
		h.bury(r.Process, exitSoon)
		r = nil
	}
	<-h.agent.Done()
	h.cause = h.loss(r)
}

// loss is why the host was lost. When it had a hop's command, that has ended then.
func (h *hostConn) loss(r *boot.Reached) error {
	err := h.agent.Err()
	_, lost := errors.AsType[*resume.LostError](err) // says more than that it ended
	if e, ok := errors.AsType[*resume.EndError](err); ok {
		err = errors.New(e.Error())
	} else if errors.Is(err, io.EOF) && !lost {
		err = errors.New("the connection ended")
	}
	if r == nil {
		return err
	}
	wait := exitSoon
	if _, silent := errors.AsType[*mux.SilentError](err); silent {
		wait = 0 // nor does it hear of the end
	}
	h.bury(r.Process, wait)
	lines := r.Lines()
	if len(lines) > 0 {
		err = fmt.Errorf("%w: %s", err, lines[len(lines)-1])
	}
	return err
}

// arrive gets the agent running, and gives its stream to the link. One that has joined is
// here already: there is no command then.
func (h *hostConn) arrive() (*boot.Reached, error) {
	if h.hop == nil {
		return nil, nil
	}
	o := boot.Options{Program: h.m.program, Binaries: h.m.binaries(), Ask: h.m.Ask, Ahead: h.ahead.Sent}
	o.Stage = func(s host.Stage) { h.stage.Store(int32(s)) }
	r, err := boot.Reach(h.ctx, h.from, h.hop, o)
	if err != nil {
		if cause := context.Cause(h.ctx); cause != nil {
			err = cause
		}
		return nil, err
	}
	h.ahead.Attach(r.Transport, r.Sent)
	return r, nil
}

// handshake is why an agent that runs has not greeted.
func (h *hostConn) handshake(err error) error {
	if cause := context.Cause(h.ctx); cause != nil {
		return cause
	}
	return &host.Error{Stage: host.Handshake, Hop: h.url, Err: err, Code: -1}
}

// How long the command of a hop may take to end: by itself, when its agent has gone, and
// of SIGKILL, which one of another user's does not notice.
const (
	exitSoon = 2 * time.Second
	exitLate = 5 * time.Second
)

// bury waits for the end of the hop's command, which is killed when it has not ended by
// itself after wait.
func (h *hostConn) bury(p boot.Process, wait time.Duration) {
	ended := make(chan struct{})
	go func() {
		p.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return
	case <-time.After(wait):
	}
	p.Signal(sigKill)
	select {
	case <-ended:
	case <-time.After(exitLate):
	}
}

// leave ends the host's life in its manager.
func (h *hostConn) leave() {
	h.agent.Close()
	h.giveUp(nil)
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if h.m.hosts[h.key] == h {
		delete(h.m.hosts, h.key)
	}
	delete(h.m.allHosts, h)
	close(h.gone)
	h.m.change()
}

// unreached is why the host was not reached; nil when it was, or may be yet.
func (h *hostConn) unreached() error {
	if h == nil {
		return nil
	}
	select {
	case <-h.ready:
		return h.failed
	default:
		return nil
	}
}

// arrived reports whether the host was reached, or not and why is known.
func (h *hostConn) arrived() bool {
	select {
	case <-h.ready:
		return true
	default:
		return false
	}
}

// stop gives up reaching the host.
func (h *hostConn) stop(why error) {
	h.giveUp(why)
	h.agent.Fail(why)
	h.reach() // one that nobody has begun to reach ends so too
}

// excused is asked from time to time, and tells whether the host was cut off since it was asked
// last. It is nil for this machine.
func (h *hostConn) excused() func() bool {
	if h == nil {
		return nil
	}
	return cutSince(h.cuts)
}

// cutSince tells whether there was a cut since it was asked last, or made; one that had begun
// before counts too.
func cutSince(cuts func() (n uint64, now bool)) func() bool {
	before, was := cuts()
	return func() bool {
		n, now := cuts()
		cut := was || now || n != before
		before, was = n, now
		return cut
	}
}

// cuts is how often the host was cut off, or one on the way to it, with which it is; and
// whether it is just now.
func (h *hostConn) cuts() (n uint64, now bool) {
	for on := range h.way {
		gaps, silent := on.agent.Gaps()
		n, now = n+gaps, now || silent
		if on.stream != nil {
			gaps, silent := on.stream.Gaps()
			n, now = n+gaps+on.stream.Joins(), now || silent
		}
	}
	return n, now || h.parted()
}

// way is the host and those through which it is reached, the nearest last.
func (h *hostConn) way(yield func(*hostConn) bool) {
	for yield(h) {
		f, ok := h.from.(far)
		if !ok {
			return
		}
		h = f.h
	}
}

// behind reports whether the host is reached through one that may be cut off, and come back.
func (h *hostConn) behind() bool {
	for on := range h.way {
		if on != h && on.stream != nil {
			return true
		}
	}
	return false
}

// parted reports whether the host, or one on the way to it, is cut off.
func (h *hostConn) parted() bool {
	for on := range h.way {
		if on.stream != nil && !on.stream.Joined() {
			return true
		}
	}
	return false
}

// forsake is for a worker that ends: it waits for no host that is still being reached, or is
// cut off.
func (h *hostConn) forsake(w *Worker) {
	if h == nil || h.arrived() && !h.parted() {
		return
	}
	if p, ok := w.proc.(there); ok {
		p.Abandon()
	}
}

// end ends the connection, and returns when nothing is left of it.
func (h *hostConn) end() {
	if h.stream != nil && (h.hop == nil || h.arrived()) {
		h.stream.End(tcp.Closes, tcp.Farewell)
	}
	h.giveUp(ErrClosed)
	h.agent.Fail(mux.ErrClosed)
	h.reach() // one that nobody has begun to reach ends so too
	<-h.gone
}
