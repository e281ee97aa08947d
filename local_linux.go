package outwork

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/outwork-go/outwork/internal/askpass"
	"github.com/outwork-go/outwork/internal/boot"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/output"
	"github.com/outwork-go/outwork/internal/starter"
	"github.com/outwork-go/outwork/internal/transport"
)

// local is this machine, where the first hop's command is started by the starter: it
// does not outlive the manager.
type local struct{ m *Manager }

// Start is of boot.Place.
func (l local) Start(ctx context.Context, c boot.Command) (boot.Process, error) {
	path, err := exec.LookPath(c.Args[0])
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return nil, err
	}
	s, err := l.m.readyStarter(ctx)
	if err != nil {
		return nil, err
	}
	p := &localProcess{ended: make(chan struct{})}
	cmd := starter.Command{Path: path, Args: c.Args, Session: true} // it asks nobody at a terminal
	if cmd.Env, err = p.questions(append(os.Environ(), c.Env...), c.Ask); err != nil {
		return nil, err
	}
	if err := p.start(ctx, s, &cmd, c.Stderr); err != nil {
		p.unasked()
		return nil, l.m.startError(err)
	}
	return p, nil
}

// localProcess is a hop's command on this machine.
type localProcess struct {
	t       mux.Transport
	proc    *starter.Process
	capture *output.Capture
	asks    *askpass.Server // nil: nobody answers

	once  sync.Once
	ended chan struct{}
	exit  starter.Exit
	err   error
}

// questions makes the environment of a command that may ask, or not.
func (p *localProcess) questions(env []string, ask boot.Ask) ([]string, error) {
	if ask == nil {
		return askpass.Refuse(env), nil
	}
	if !mainCalled.Load() {
		return nil, errForgotMain // what asks is this program started again
	}
	var err error
	if p.asks, err = askpass.New(answers(ask)); err != nil {
		return nil, err
	}
	return p.asks.Environ(env), nil
}

// unasked ends what the command asks.
func (p *localProcess) unasked() {
	if p.asks != nil {
		p.asks.Close()
	}
}

func (p *localProcess) start(ctx context.Context, s *starter.Starter, cmd *starter.Command, stderr func([]byte)) error {
	pipe, err := openPipes()
	if err != nil {
		return err
	}
	defer pipe.err[1].Close()
	pipe.out[1].Close() // its output is its stream
	r, w, stdin, stdout, err := transport.Stdio()
	if err != nil {
		pipe.closeReaders()
		return err
	}
	defer stdin.Close()
	defer stdout.Close()
	if p.t, err = transport.NewPipes(r, w); err != nil {
		pipe.closeReaders()
		return err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, pipe.err[1]
	if p.proc, err = s.Start(context.WithoutCancel(ctx), *cmd); err != nil {
		pipe.closeReaders()
		p.t.Close()
		return err
	}
	p.capture, err = output.NewCapture(pipe.out[0], pipe.err[0], func(_ int, b []byte) {
		if stderr != nil {
			stderr(b)
		}
	})
	if err != nil {
		pipe.closeReaders()
		p.t.Close()
		p.proc.Signal(sigKill)
		p.proc.Wait()
	}
	return err
}

// Transport is of boot.Process.
func (p *localProcess) Transport() mux.Transport { return p.t }

// Wait is of boot.Process.
func (p *localProcess) Wait() (starter.Exit, error) {
	p.once.Do(func() {
		p.exit, p.err = p.proc.Wait()
		p.unasked()
		p.capture.Close(context.Background())
		close(p.ended)
	})
	<-p.ended
	return p.exit, p.err
}

// Signal is of boot.Process.
func (p *localProcess) Signal(sig syscall.Signal) error { return p.proc.Signal(sig) }
