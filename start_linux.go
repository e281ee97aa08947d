package outwork

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/output"
	"github.com/outwork-go/outwork/internal/starter"
	"github.com/outwork-go/outwork/internal/transport"
)

// start is Start.
func (m *Manager) start(ctx context.Context, t Target) (*Worker, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !mainCalled.Load() {
		return nil, errForgotMain
	}
	m.mu.Lock()
	m.setup()
	name, err := m.name(&t)
	m.mu.Unlock()
	if err != nil {
		return nil, err
	}
	w, err := m.spawn(ctx, t, name)
	if err != nil {
		m.mu.Lock()
		if w == nil {
			delete(m.names, name)
		}
		m.mu.Unlock()
		return nil, err
	}
	return w, nil
}

// spawn starts the process and waits until it serves.
func (m *Manager) spawn(ctx context.Context, t Target, name string) (*Worker, error) {
	cmd, err := t.command(name)
	if err != nil {
		return nil, err
	}
	s, err := m.ready(ctx)
	if err != nil {
		return nil, err
	}
	w := &Worker{m: m, name: name, done: make(chan struct{})}
	sock, err := w.exec(ctx, s, cmd)
	if err != nil {
		return nil, err
	}
	w.tap = m.sink.Worker(name)
	if m.Output == OutputAtomic {
		w.one = make(chan struct{}, 1)
	}
	m.mu.Lock()
	w.link = link.New(sock, m.config(w))
	m.workers[w] = true
	if len(m.workers) > 1 {
		m.sink.SetTag(true)
	}
	closing := m.closing
	m.mu.Unlock()
	go w.supervise()
	if closing {
		w.Close()
		return w, ErrClosed
	}
	if _, err := w.link.Greeted(ctx); err != nil {
		return w, w.stillborn(ctx, err)
	}
	return w, nil
}

// stillborn is why a worker never came to serve.
func (w *Worker) stillborn(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		w.Close()
		return fmt.Errorf("%s: %w", place(w.name, ""), ctx.Err())
	}
	w.link.Fail(err)
	w.gone()
	err = w.loss("", false)
	if lost, ok := errors.AsType[*LostError](err); ok && lost.Signal == "" {
		return fmt.Errorf("%w (does its main call outwork.Main first?)", err)
	}
	return err
}

// exec has the starter start the process.
func (w *Worker) exec(ctx context.Context, s *starter.Starter, cmd starter.Command) (*transport.Socket, error) {
	sock, theirs, err := transport.SocketPair()
	if err != nil {
		return nil, err
	}
	outR, outW, errR, errW, err := pipes()
	if err == nil {
		cmd.Link, cmd.Stdout, cmd.Stderr = theirs, outW, errW
		var p *starter.Process
		if p, err = s.Start(ctx, cmd); err == nil {
			w.proc = p
			w.capture, err = output.NewCapture(outR, errR, w.deliver)
			if err != nil {
				p.Signal(unix.SIGKILL)
				p.Wait()
			}
		}
		outW.Close()
		errW.Close()
		if err != nil {
			outR.Close()
			errR.Close()
		}
	}
	theirs.Close()
	if err != nil {
		sock.Close()
		return nil, err
	}
	return sock, nil
}

// deliver takes what the worker printed. (The tap is there before the process is
// told anything, but it might print first.)
func (w *Worker) deliver(fd int, p []byte) { w.m.sink.Worker(w.name).Write(fd, p) }

func pipes() (outR, outW, errR, errW *os.File, err error) {
	if outR, outW, err = os.Pipe(); err != nil {
		return
	}
	if errR, errW, err = os.Pipe(); err != nil {
		outR.Close()
		outW.Close()
	}
	return
}

// workerTransport is the link that a worker was started with.
func workerTransport() (mux.Transport, error) { return transport.NewSocket(starter.LinkFD) }

// checkStarted makes sure that this process was started as it says: that its link is there, and
// that it is not set-user-ID, where the environment is somebody else's word.
func checkStarted() error {
	if secure, err := atSecure(); err != nil || secure {
		return errors.Join(errors.New("a set-user-ID program does not serve whoever starts it"), err)
	}
	kind, err := unix.GetsockoptInt(starter.LinkFD, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil || kind != unix.AF_UNIX {
		return fmt.Errorf("descriptor %d is no link to a manager; unset the variable to run the program", starter.LinkFD)
	}
	unix.CloseOnExec(starter.LinkFD)
	return nil
}

// atSecureTag is AT_SECURE of getauxval(3): set when the program is set-user-ID, or
// has file capabilities.
const atSecureTag = 23

func atSecure() (bool, error) {
	auxv, err := unix.Auxv()
	if err != nil {
		return unix.Getuid() != unix.Geteuid() || unix.Getgid() != unix.Getegid(), nil
	}
	for _, a := range auxv {
		if a[0] == atSecureTag {
			return a[1] != 0, nil
		}
	}
	return false, nil
}
