package daemon

import (
	"errors"
	"io"
	"log/slog"
	"os"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/internal/ident"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
)

// session is one connection.
type session struct {
	d    *Daemon
	peer *ident.Peer
	over func()
	link *link.Link // under the Daemon's lock until Serve has returned
}

// Peer is who connected.
func (s *session) Peer() *ident.Peer { return s.peer }

// ErrStopping is what Serve fails with once the daemon stops.
var ErrStopping = errors.New("the daemon is stopping")

// Serve serves the connection t of peer, which it owns from then on, and calls
// over when it has ended and nothing of it is left. It does not wait for that.
// When it fails, t is closed and over is not called.
func (d *Daemon) Serve(t mux.Transport, peer *ident.Peer, over func()) error {
	s := &session{d: d, peer: peer, over: over}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopping {
		t.Close()
		return ErrStopping
	}
	d.sessions[s] = struct{}{}
	d.gone.Add(1)
	s.link = link.New(t, d.linkConfig(s))
	return nil
}

func (d *Daemon) linkConfig(s *session) link.Config {
	limits := d.cfg.Service.Limits
	return link.Config{
		Side: mux.WorkerSide, Service: true, Serving: true, Owner: s,
		Functions: &d.registry, Errors: hook.Errors,
		Limits: link.Limits{Streams: limits.Calls, Argument: limits.Argument, CallTime: limits.CallTime},
		Hello:  link.Hello{Name: d.cfg.Service.Name, Build: d.cfg.Service.Version, Confinement: "none", PID: os.Getpid()},
		Closed: func(err error) { go s.bury(err) }, // the link waits for what it calls
	}
}

// bury is the end of a session.
func (s *session) bury(err error) {
	d := s.d
	d.mu.Lock()
	l := s.link
	d.mu.Unlock()
	l.Close()
	s.tell(err)
	d.mu.Lock()
	delete(d.sessions, s)
	d.mu.Unlock()
	s.over()
	d.gone.Done()
}

// tell logs how a session ended, unless it was the client's good right.
func (s *session) tell(err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, mux.ErrClosed) {
		return
	}
	level := slog.LevelInfo
	if v, ok := errors.AsType[*frame.Violation](err); ok {
		level, err = slog.LevelWarn, v
	}
	s.d.ends.tell(level, s.peer, err)
}
