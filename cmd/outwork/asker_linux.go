package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/host"
)

// controlling is the terminal of this process, wherever its standard streams lead.
const controlling = "/dev/tty"

// terminalAsk asks the person at the terminal, about one host after another; nil when
// neither standard input nor standard error is one: then nobody sits there. Ctrl-C at a
// question ends the command as it does elsewhere. No answer is kept.
func terminalAsk() func(context.Context, host.Question) (string, error) {
	if !isTerminal(os.Stdin) && !isTerminal(os.Stderr) {
		return nil
	}
	f, err := os.OpenFile(controlling, os.O_RDWR, 0)
	if err != nil {
		return nil
	}
	f.Close()
	turn := make(chan struct{}, 1)
	return func(ctx context.Context, q host.Question) (string, error) {
		select {
		case turn <- struct{}{}:
		case <-ctx.Done():
			return "", ctx.Err()
		}
		defer func() { <-turn }()
		return askTerminal(ctx, q)
	}
}

func askTerminal(ctx context.Context, q host.Question) (string, error) {
	tty, err := os.OpenFile(controlling, os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer tty.Close()
	if q.Notice {
		_, err := io.WriteString(tty, prompt(q))
		return "", err
	}
	i := interruptible(ctx, tty)
	answer, err := converse(tty, q)
	sig := i.stop()
	if sig == nil && (err == nil || ctx.Err() == nil) {
		return answer, err
	}
	io.WriteString(tty, "\n") // the prompt's line is not finished
	if sig != nil {
		return "", again(sig.(syscall.Signal))
	}
	return "", ctx.Err()
}

// again lets a signal do what it does, now that the terminal is as it was. It returns
// when that is not to end the process.
func again(sig syscall.Signal) error {
	runtime.LockOSThread() // so that it comes before Tgkill returns
	defer runtime.UnlockOSThread()
	unix.Tgkill(os.Getpid(), unix.Gettid(), sig)
	return fmt.Errorf("interrupted (%v)", sig)
}

// converse shows the question and reads a line, which is not shown if it is secret.
func converse(tty *os.File, q host.Question) (answer string, err error) {
	if q.Secret {
		restore, err := conceal(tty)
		if err != nil {
			return "", err
		}
		defer restore()
	}
	if _, err := io.WriteString(tty, prompt(q)); err != nil {
		return "", err
	}
	var line []byte
	b := make([]byte, maxTyped)
	for {
		n, err := tty.Read(b)
		line = append(line, b[:n]...)
		if before, _, ok := bytes.Cut(line, []byte{'\n'}); ok {
			return string(before), nil
		}
		if err != nil || n == 0 || len(line) > maxTyped {
			return "", cmp.Or(ignoreEOF(err), errNotTyped)
		}
	}
}

func ignoreEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// conceal makes the terminal show nothing of a line but its end. What was typed before
// is thrown away. Ctrl-Z would leave the terminal so: it does nothing meanwhile.
func conceal(tty *os.File) (restore func(), err error) {
	raw, err := tty.SyscallConn()
	if err != nil {
		return nil, err
	}
	var old *unix.Termios
	control := raw.Control(func(fd uintptr) {
		if old, err = unix.IoctlGetTermios(int(fd), unix.TCGETS); err != nil {
			return
		}
		t := *old
		t.Lflag = t.Lflag&^unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG
		t.Cc[unix.VSUSP] = 0
		err = unix.IoctlSetTermios(int(fd), unix.TCSETSF, &t)
	})
	if err = cmp.Or(err, control); err != nil {
		return nil, fmt.Errorf("hide what is typed at the terminal: %w", err)
	}
	return func() {
		raw.Control(func(fd uintptr) { unix.IoctlSetTermios(int(fd), unix.TCSETSF, old) }) // it may be gone
	}, nil
}

// interruption ends the reading of a terminal at a signal or a context's end.
type interruption struct {
	signals chan os.Signal
	done    chan struct{} // closed when nobody reads any more
	over    chan struct{} // closed when nobody watches any more
	got     os.Signal
}

// interruptible begins to watch. Reading fails from the first signal, or the context's
// end, on.
func interruptible(ctx context.Context, tty *os.File) *interruption {
	i := &interruption{signals: make(chan os.Signal, 1), done: make(chan struct{}), over: make(chan struct{})}
	signal.Notify(i.signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	go func() {
		defer close(i.over)
		select {
		case i.got = <-i.signals:
		case <-ctx.Done():
		case <-i.done:
			return
		}
		tty.SetReadDeadline(time.Unix(1, 0))
	}()
	return i
}

// stop ends the watch, and returns the signal that came, or nil.
func (i *interruption) stop() os.Signal {
	signal.Stop(i.signals)
	close(i.done)
	<-i.over
	if i.got == nil {
		select {
		case i.got = <-i.signals: // at the last moment
		default:
		}
	}
	return i.got
}
