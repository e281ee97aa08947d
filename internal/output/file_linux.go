package output

import (
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// isTerminal reports whether w leads to a terminal.
func isTerminal(w io.Writer) bool {
	var is bool
	ask := func(fd uintptr) {
		_, err := unix.IoctlGetTermios(int(fd), unix.TCGETS)
		is = err == nil
	}
	switch f := w.(type) {
	case syscall.Conn:
		if c, err := f.SyscallConn(); err == nil {
			_ = c.Control(ask)
		}
	case interface{ Fd() uintptr }: // a wrapper, as those that colour
		ask(f.Fd())
	}
	return is
}

// quietFile is f, written to with plain system calls: os.File.Write ends the
// process by SIGPIPE where fd 1 or 2 is a broken pipe, and with it all calls.
func quietFile(f *os.File) io.Writer {
	c, err := f.SyscallConn()
	if err != nil {
		return f // closed: it says so when written to
	}
	return &rawWriter{c: c}
}

type rawWriter struct {
	c syscall.RawConn

	// polls says that another process made the file non-blocking behind
	// the back of Go's poller, which therefore cannot wait for it.
	polls bool
}

func (w *rawWriter) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n, err := w.once(p[done:])
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// once writes some of p, or nothing when it should be tried again.
func (w *rawWriter) once(p []byte) (n int, err error) {
	waited := w.c.Write(func(fd uintptr) bool {
		n, err = unix.Write(int(fd), p)
		if err == unix.EAGAIN && w.polls {
			_, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1)
		}
		return err != unix.EAGAIN
	})
	n = max(n, 0)
	switch {
	case err == unix.EAGAIN && !w.polls:
		w.polls = true
		return n, nil
	case waited != nil:
		return n, waited
	case err == unix.EINTR:
		return n, nil
	}
	return n, err
}
