package starter

import (
	"context"
	"os"
	"sync"
	"syscall"

	"github.com/outwork-go/outwork/internal/host"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
)

// server is the starter's side.
type server struct {
	sup *host.Supervisor

	mu       sync.Mutex
	last     uint64
	children map[uint64]*host.Child
}

// Serve is all that a starter does. It returns when its manager is gone, and
// nothing that it started is left.
func Serve() error {
	t, err := transport.NewSocket(LinkFD)
	if err != nil {
		return err
	}
	sup, err := host.New()
	if err != nil {
		return err
	}
	s := &server{sup: sup, children: map[uint64]*host.Child{}}
	_, _, _, reg := functions(does{s.start, s.wait, s.signal})
	l := link.New(t, link.Config{
		Side: mux.WorkerSide, Serving: true, Functions: reg, Errors: &link.Errors{},
		Hello: link.Hello{Name: "starter", PID: os.Getpid(), Confinement: "none"},
	})
	<-l.Done()
	return sup.Close()
}

func (s *server) start(_ context.Context, a *startArgs) (*startReply, error) {
	for _, f := range []*os.File{a.Stdin, a.Stdout, a.Stderr} {
		setBlocking(f)
	}
	c, err := s.sup.Start(host.Spec{
		Path: a.Path, Args: a.Args, Env: a.Env, Dir: a.Dir,
		Files: []*os.File{a.Stdin, a.Stdout, a.Stderr, a.Link},
	})
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

// setBlocking makes f what programs expect of their standard streams. A pipe of Go's
// does not block, and that goes along with its descriptor.
func setBlocking(f *os.File) {
	if f == nil {
		return
	}
	if raw, err := f.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { syscall.SetNonblock(int(fd), false) }) // what it cannot be it need not be
	}
}

func (s *server) child(id uint64) (*host.Child, error) {
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
	return &Exit{e.Code, int(e.Signal), e.User, e.System, e.MaxRSS}, nil
}

func (s *server) signal(_ context.Context, a *signalArgs) (*struct{}, error) {
	c, err := s.child(a.ID)
	if err == nil {
		err = c.Signal(syscall.Signal(a.Signal))
	}
	return &struct{}{}, err
}
