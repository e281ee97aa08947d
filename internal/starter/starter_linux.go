package starter

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/confine"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/output"
	"github.com/outwork-go/outwork/internal/supervise"
	"github.com/outwork-go/outwork/internal/transport"
)

// Starter is a manager's side of its starter process. It is safe for concurrent
// use.
type Starter struct {
	l                   *link.Link
	proc                *os.Process
	capture             *output.Capture
	start, wait, signal *link.Function
	abandoned           sync.WaitGroup // of Starts that were given up
	ended               chan struct{}  // closed when the process has been reaped
	state               *os.ProcessState
}

// New starts a starter: this program again.
func New(ctx context.Context) (*Starter, error) {
	sock, theirs, err := transport.SocketPair()
	if err != nil {
		return nil, fmt.Errorf("start the starter: %w", err)
	}
	s := &Starter{ended: make(chan struct{})}
	var reg *link.Registry
	s.start, s.wait, s.signal, reg = functions(does{})
	err = s.exec(theirs)
	theirs.Close()
	if err != nil {
		sock.Close()
		return nil, fmt.Errorf("start the starter: %w", err)
	}
	s.l = link.New(sock, link.Config{
		Side: mux.ManagerSide, Functions: reg, Errors: &link.Errors{}, Hello: link.Hello{PID: os.Getpid(), Confinement: "none"},
	})
	go s.reap()
	if _, err := s.l.Greeted(ctx); err != nil {
		s.proc.Kill()
		s.Close()
		if ctx.Err() == nil {
			err = &link.Down{Err: err}
		}
		return nil, fmt.Errorf("start the starter (this program again): %w%s", err, s.lastWords())
	}
	return s, nil
}

func (s *Starter) exec(theirs *os.File) error {
	var ends [4]*os.File // read and write end of stdout, of stderr
	var err error
	for i := 0; i < 4 && err == nil; i += 2 {
		ends[i], ends[i+1], err = os.Pipe()
	}
	null, nullErr := os.Open(os.DevNull)
	if err = errors.Join(err, nullErr); err == nil {
		s.proc, err = os.StartProcess("/proc/self/exe", []string{os.Args[0] + " [starter]"}, &os.ProcAttr{
			Env:   append(os.Environ(), RoleVariable+"="+RoleStarter),
			Files: []*os.File{null, ends[1], ends[3], theirs},
			Sys:   &syscall.SysProcAttr{Setpgid: true}, // a terminal's Ctrl-C is for the manager to act on
		})
	}
	if err == nil {
		s.capture, err = output.NewCapture(ends[0], ends[2], func(int, []byte) {})
		if err == nil {
			ends[0], ends[2] = nil, nil
		} else {
			s.proc.Kill()
			s.proc.Wait()
		}
	}
	for _, f := range append(ends[:], null) {
		if f != nil {
			f.Close()
		}
	}
	return err
}

func (s *Starter) reap() {
	s.state, _ = s.proc.Wait()
	close(s.ended)
}

func (s *Starter) lastWords() string {
	if tail := s.capture.Tail(); len(tail) > 0 {
		return ": its last words: " + string(output.Sanitize(tail))
	}
	return ""
}

// Done is closed when the starter is lost: its workers are about to die.
func (s *Starter) Done() <-chan struct{} { return s.l.Done() }

// Command says what to start.
type Command struct {
	Path           string // of the executable; empty: this program
	Args, Env      []string
	Dir            string
	Confine        *confine.Policy
	Session        bool     // in a session of its own, without a terminal
	Stdin          *os.File // nil: nothing to read; it stays the caller's
	Stdout, Stderr *os.File // write ends; they stay the caller's
	Link           *os.File // becomes LinkFD; it stays the caller's
}

// Process is a worker's process. Wait must be called.
type Process struct {
	PID   int
	s     *Starter
	id    uint64
	mu    sync.Mutex
	pidfd *os.File
}

// Start starts a process. When ctx ends first, the process is killed as soon as
// it is known of, and Close waits for that.
func (s *Starter) Start(ctx context.Context, c Command) (*Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var p *Process
	var err error
	started := make(chan struct{})
	go func() {
		defer close(started)
		p, err = s.launch(c)
	}()
	select {
	case <-started:
		return p, err
	case <-ctx.Done():
	}
	s.abandoned.Go(func() {
		if <-started; err == nil {
			p.Signal(syscall.SIGKILL)
			p.Wait()
		}
	})
	return nil, ctx.Err()
}

// launch is Start, to its end.
func (s *Starter) launch(c Command) (*Process, error) {
	if c.Path == "" {
		c.Path = "/proc/self/exe"
	}
	v, err := s.l.Call(context.Background(), s.start, &startArgs{c.Path, c.Args, c.Env, c.Dir, c.Session, c.Confine.Encode(), c.Link, c.Stdin, c.Stdout, c.Stderr}, nil)
	if err != nil {
		return nil, s.explain(err)
	}
	r := v.(*startReply)
	return &Process{PID: r.PID, s: s, id: r.ID, pidfd: r.Pidfd}, nil
}

func (s *Starter) explain(err error) error {
	if _, ok := errors.AsType[*link.Down](err); ok {
		return fmt.Errorf("the starter is lost: %w%s", err, s.lastWords())
	}
	if errors.Is(err, syscall.EMFILE) {
		return fmt.Errorf("this process may open no more files (raise ulimit -n, or have fewer workers): %w", syscall.EMFILE)
	}
	return err
}

// Wait returns when the process has ended. When the starter is lost it
// kills the process itself, and knows no exit status.
func (p *Process) Wait() (Exit, error) {
	defer p.close()
	v, err := p.s.l.Call(context.Background(), p.s.wait, &p.id, nil)
	if err == nil {
		return *v.(*Exit), nil
	}
	pidfd, ferr := p.file()
	if ferr == nil {
		supervise.SignalPidfd(pidfd, syscall.SIGKILL)
		ferr = supervise.WaitPidfd(pidfd)
		pidfd.Close()
	}
	return Exit{Code: -1, Signal: int(syscall.SIGKILL)}, errors.Join(p.s.explain(err), ferr)
}

// file is the pidfd as a file that can be waited for, once: it becomes the
// caller's.
func (p *Process) file() (*os.File, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pidfd == nil {
		return nil, os.ErrProcessDone
	}
	defer func() { p.pidfd.Close(); p.pidfd = nil }()
	fd, err := unix.FcntlInt(p.pidfd.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	return supervise.NewPidfd(uintptr(fd))
}

func (p *Process) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pidfd != nil {
		p.pidfd.Close()
		p.pidfd = nil
	}
}

// Signal sends sig to the process and its group. A process that has ended is no
// error. A starter that does not answer in time is killed, and with it its
// processes: or whoever waits for one to end would wait for ever.
func (p *Process) Signal(sig syscall.Signal) error {
	ctx, cancel := context.WithTimeout(context.Background(), signalTimeout)
	defer cancel()
	_, err := p.s.l.Call(ctx, p.s.signal, &signalArgs{p.id, int(sig)}, nil)
	if f, ok := errors.AsType[*link.Failure](err); ok && (f.Message == errGone.Error() || errors.Is(f, os.ErrProcessDone) || f.Message == os.ErrProcessDone.Error()) {
		return nil
	}
	if err != nil && ctx.Err() != nil {
		p.s.proc.Kill()
	}
	return err
}

const signalTimeout = 5 * time.Second

// closeLimit is how long a starter may take to kill its processes and exit: a
// second more than it gives itself.
const closeLimit = 6 * time.Second

// Close ends the starter, and with it every process that it started. It returns
// when nothing is left. A starter that does not end by itself is killed, and
// with it the processes themselves, but not what they left behind.
func (s *Starter) Close() error {
	s.l.Close()
	timer := time.AfterFunc(closeLimit, func() { s.proc.Kill() })
	<-s.ended
	timer.Stop()
	s.abandoned.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s.capture.Close(ctx)
	if s.state != nil && !s.state.Success() {
		return fmt.Errorf("the starter ended with %v%s", s.state, s.lastWords())
	}
	return nil
}
