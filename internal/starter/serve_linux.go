package starter

import (
	"context"
	"os"
	"sync"
	"syscall"

	"github.com/outwork-go/outwork/internal/confine"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/supervise"
	"github.com/outwork-go/outwork/internal/transport"
)

// server is the starter's side.
type server struct {
	sup *supervise.Supervisor

	mu       sync.Mutex
	last     uint64
	children map[uint64]*supervise.Child
}

// Serve is all that a starter does. It returns when its manager is gone, and
// nothing that it started is left.
func Serve() error {
	t, err := transport.NewSocket(LinkFD)
	if err != nil {
		return err
	}
	sup, err := supervise.New()
	if err != nil {
		return err
	}
	s := &server{sup: sup, children: map[uint64]*supervise.Child{}}
	_, _, _, reg := functions(does{s.start, s.wait, s.signal})
	l := link.New(t, link.Config{
		Side: mux.WorkerSide, Serving: true, Functions: reg, Errors: &link.Errors{},
		Hello: link.Hello{Name: "starter", PID: os.Getpid(), Confinement: "none"},
	})
	<-l.Done()
	return sup.Close()
}

func (s *server) start(_ context.Context, a *startArgs) (*startReply, error) {
	c, err := s.begin(a)
	for _, f := range []*os.File{a.Link, a.Stdin, a.Stdout, a.Stderr} {
		if f != nil {
			f.Close()
		}
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	s.children[s.last] = c
	return &startReply{ID: s.last, PID: c.Pid(), Pidfd: c.Pidfd()}, nil
}

// begin starts what a says.
func (s *server) begin(a *startArgs) (*supervise.Child, error) {
	policy, err := confine.Decode(a.Confine)
	if err != nil {
		return nil, err
	}
	return s.sup.Start(supervise.Spec{
		Path: a.Path, Args: a.Args, Env: a.Env, Dir: a.Dir, Session: a.Session, Confine: policy,
		Files: []*os.File{a.Stdin, a.Stdout, a.Stderr, a.Link},
	})
}

func (s *server) child(id uint64) (*supervise.Child, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.children[id]; c != nil {
		return c, nil
	}
	return nil, errGone
}

// wait answers when the process has ended, and forgets it.
func (s *server) wait(ctx context.Context, id *uint64) (*Exit, error) {
	c, err := s.child(*id)
	if err != nil {
		return nil, err
	}
	select {
	case <-c.Done():
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.mu.Lock()
	delete(s.children, *id)
	s.mu.Unlock()
	e := c.Exit()
	return &e, nil
}

func (s *server) signal(_ context.Context, a *signalArgs) (*struct{}, error) {
	c, err := s.child(a.ID)
	if err == nil {
		err = c.Signal(syscall.Signal(a.Signal))
	}
	return &struct{}{}, err
}
