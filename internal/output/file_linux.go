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
	return &rawWriter{c}
}

type rawWriter struct{ c syscall.RawConn }

func (w *rawWriter) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		var n int
		var err error
		var blocked int
		if e := w.c.Write(func(fd uintptr) bool {
			n, err = unix.Write(int(fd), p[done:])
			blocked = int(fd)
			return err != unix.EAGAIN
		}); e != nil {
			if err != unix.EAGAIN {
				return done, e
			}
			err = await(blocked, unix.POLLOUT)
		}
		if err != nil && err != unix.EINTR {
			return done, err
		}
		done += max(n, 0)
	}
	return done, nil
}

// await waits for a file that another process made non-blocking behind Go's
// back, so that Go's poller does not know it.
func await(fd int, events int16) error {
	_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, -1)
	return err
}
