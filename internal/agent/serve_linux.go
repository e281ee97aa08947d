package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/resume"
	"github.com/outwork-go/outwork/internal/supervise"
	"github.com/outwork-go/outwork/internal/transport"
)

// server is an agent.
type server struct {
	sup    *supervise.Supervisor
	kept   *kept
	stream *resume.Conn    // below its link; nil: there is none
	life   context.Context // until the link has ended
	keeper sync.WaitGroup

	mu       sync.Mutex // guards what follows
	children map[uint32]*started
	asking   map[uint32]*asking
}

// started is a process that was asked for.
type started struct {
	known chan struct{}
	child *supervise.Child // set before known is closed; nil: it could not be started
}

// Serve is all that an agent does whose link is its standard input and output. It returns
// when its manager is gone, or nothing has come from it for silence (link.Silence, 0 is no
// limit), and nothing that it started is left.
func Serve(hello link.Hello, silence time.Duration) error {
	t, err := standard()
	if err != nil {
		return err
	}
	stream, err := greet(t, silence)
	if err != nil {
		t.Close()
		return err
	}
	cfg := link.Config{Hello: hello, Alive: silence, Met: true}
	if stream != nil {
		t, cfg.Alive, cfg.Met = stream, link.LastingSilence, false
	}
	return serve(t, stream, cfg, func() {})
}

// ServeOver is Serve over stream, which the caller sees to, and which is closed when it
// returns. greeted is called when the manager has spoken. When it is not
// the stream that has ended the link, its error is what has.
func ServeOver(stream *resume.Conn, hello link.Hello, greeted func()) error {
	return serve(stream, nil, link.Config{Hello: hello, Alive: link.LastingSilence}, greeted)
}

// serve is an agent's life over t.
func serve(t mux.Transport, stream *resume.Conn, cfg link.Config, greeted func()) error {
	sup, err := supervise.New()
	if err != nil {
		t.Close()
		return err
	}
	s := &server{sup: sup, kept: newKept(keptBytes), stream: stream, children: map[uint32]*started{}, asking: map[uint32]*asking{}}
	life, end := context.WithCancel(context.Background())
	s.life = life
	cfg.Side, cfg.Serving, cfg.NoFiles, cfg.Paced, cfg.Errors = mux.WorkerSide, true, true, true, &link.Errors{}
	cfg.Functions = link.RegistryOf(newSignal(s.signal), newAnswer(s.answers), newBack(s.connectBack), newOutlast(bear))
	cfg.Relay, cfg.RelayComes = s.relay, s.comes
	l := link.New(t, cfg)
	if _, err := l.Greeted(life); err == nil {
		greeted()
	}
	<-l.Done()
	end()
	err = sup.Close()
	why := l.Err()
	l.Close()
	s.keeper.Wait()
	if c, ok := t.(*resume.Conn); ok && errors.Is(c.Err(), mux.ErrClosed) {
		return errors.Join(why, err)
	}
	return err
}

// bear is agent.outlast.
func bear(ctx context.Context, o *outlast) (*struct{}, error) {
	if o.Silence < link.Silence || o.Silence > link.LastingSilence {
		return nil, fmt.Errorf("silence of %v is not between %v and %v", o.Silence, link.Silence, link.LastingSilence)
	}
	link.From(ctx).Link().Outlast(o.Silence)
	return &struct{}{}, nil
}

// standard is the link, which was the standard input and output: they are moved out
// of the way, so that nothing that prints gets into it.
func standard() (mux.Transport, error) {
	in, err := moveAway(0)
	if err != nil {
		return nil, err
	}
	out, err := moveAway(1)
	if err != nil {
		in.Close()
		return nil, err
	}
	null, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		err = errors.Join(unix.Dup2(null, 0), unix.Dup2(2, 1), unix.Close(null))
	}
	if err != nil {
		in.Close()
		out.Close()
		return nil, os.NewSyscallError("dup", err)
	}
	return transport.NewPipes(in, out)
}

func moveAway(fd int) (*os.File, error) {
	moved, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	return os.NewFile(uintptr(moved), "link"), nil
}

// comes notes a process that is about to be started: a signal that is sent to it already
// must not be lost.
func (s *server) comes(p *link.Relayed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.children[p.ID()] = &started{known: make(chan struct{})}
}

// signal sends a signal to a process and its group. One that has ended is no error.
func (s *server) signal(ctx context.Context, a *signalArgs) (*struct{}, error) {
	s.mu.Lock()
	c := s.children[a.ID]
	s.mu.Unlock()
	if c == nil {
		return &struct{}{}, nil
	}
	select {
	case <-c.known:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if c.child == nil {
		return &struct{}{}, nil
	}
	if err := c.child.Signal(syscall.Signal(a.Signal)); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return nil, err
	}
	return &struct{}{}, nil
}

// relay is the whole life of a process.
func (s *server) relay(p *link.Relayed) {
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.children, p.ID())
	}()
	s.mu.Lock()
	c := s.children[p.ID()]
	s.mu.Unlock()
	r, err := s.start(p)
	if err != nil {
		close(c.known)
		p.Failed(err)
		return
	}
	c.child = r.child
	close(c.known)
	p.Began(r.child.Pid())
	p.Ended(s.run(r))
}
