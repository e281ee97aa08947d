package outwork

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/output"
	"github.com/outwork-go/outwork/internal/starter"
	"github.com/outwork-go/outwork/internal/transport"
)

// exec has the starter start the worker's process. (Its output has a place
// before it can print anything.)
func (w *Worker) exec(ctx context.Context, t *Target) (mux.Transport, error) {
	if !mainCalled.Load() {
		return nil, errForgotMain
	}
	cmd, err := t.command(w.name)
	if err != nil {
		return nil, err
	}
	if cmd.Confine, err = t.policy(); err != nil {
		return nil, err
	}
	var boot []byte
	if t.Lang != "" {
		if boot, err = t.interpret(&cmd, w.name, false); err != nil {
			return nil, err
		}
	}
	s, err := w.m.readyStarter(ctx)
	if err != nil {
		return nil, w.unstarted(err)
	}
	ours, theirs, err := transport.SocketPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	cmd.Link = theirs
	w.tap = w.m.sink.Worker(w.name)
	if err := w.execCaptured(ctx, s, &cmd, nil); err != nil {
		ours.Close()
		return nil, w.unstarted(err)
	}
	// What it cannot take its end will tell.
	_ = transport.SendAll(ours, [][]byte{boot}, nil)
	return ours, nil
}

// execCaptured starts cmd with its output captured, but for what it writes to stdout
// when that is given: its link.
func (w *Worker) execCaptured(ctx context.Context, s *starter.Starter, cmd *starter.Command, stdout *os.File) error {
	p, err := openPipes()
	if err != nil {
		return err
	}
	defer p.closeWriters()
	cmd.Stdout, cmd.Stderr = p.out[1], p.err[1]
	if stdout != nil {
		cmd.Stdout = stdout
	}
	// A start that is given up half way would leave a process that nobody waits for.
	proc, err := s.Start(context.WithoutCancel(ctx), *cmd)
	if err != nil {
		p.closeReaders()
		return err
	}
	if w.capture, err = output.NewCapture(p.out[0], p.err[0], w.deliver); err != nil {
		p.closeReaders()
		proc.Signal(unix.SIGKILL)
		proc.Wait()
		return err
	}
	w.proc = proc
	return nil
}

// pipes are a process's stdout and stderr: the end to read, and the one to
// write.
type pipes struct{ out, err [2]*os.File }

func openPipes() (p pipes, err error) {
	if p.out[0], p.out[1], err = os.Pipe(); err != nil {
		return p, err
	}
	if p.err[0], p.err[1], err = os.Pipe(); err != nil {
		p.out[0].Close()
		p.out[1].Close()
	}
	return p, err
}

func (p *pipes) closeReaders() { p.out[0].Close(); p.err[0].Close() }
func (p *pipes) closeWriters() { p.out[1].Close(); p.err[1].Close() }

// nameProcess makes ps and top tell the program's name: it was started as
// /proc/self/exe. (The arguments tell the worker's name too.)
func nameProcess() {
	program, _, _ := strings.Cut(os.Args[0], " [")
	os.WriteFile("/proc/self/comm", []byte(filepath.Base(program)), 0) // a nicety: what fails, fails
}

// workerTransport is the link that a worker was started with.
func workerTransport() (mux.Transport, error) { return transport.NewSocket(starter.LinkFD) }

// checkStarted makes sure that this process was started as it says: that its
// link is there, and that it is not set-user-ID, where the environment is
// somebody else's word.
func checkStarted(role string) error {
	if err := checkSecure(); err != nil {
		return err
	}
	if role == starter.RoleAgent || role == starter.RoleStage {
		return nil // its link is a stream, or is what it becomes', which checks it
	}
	kind, err := unix.GetsockoptInt(starter.LinkFD, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil || kind != unix.AF_UNIX {
		return fmt.Errorf("descriptor %d is no link to a manager; unset the variable to run the program", starter.LinkFD)
	}
	unix.CloseOnExec(starter.LinkFD)
	return nil
}

func checkSecure() error {
	if secure, err := atSecure(); err != nil || secure {
		return errors.Join(errors.New("a set-user-ID program does not serve whoever starts it"), err)
	}
	return nil
}

// atSecureTag is AT_SECURE of getauxval(3): set when the program is
// set-user-ID, or has file capabilities.
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
