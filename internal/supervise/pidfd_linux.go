package supervise

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// NewPidfd makes a file of a pidfd, such as one received over a socket, that
// [WaitPidfd] can wait for. The file owns the descriptor from then on.
func NewPidfd(fd uintptr) (*os.File, error) {
	// Go's poller takes only descriptors that are non-blocking from the start.
	if err := unix.SetNonblock(int(fd), true); err != nil {
		return nil, fmt.Errorf("pidfd %d: %w", fd, err)
	}
	return os.NewFile(fd, "pidfd"), nil
}

// WaitPidfd returns nil when the process has ended, whether or not it was reaped
// and whoever's child it is. It waits in Go's poller and ties up no thread.
// Closing the file ends the wait with os.ErrClosed, a read deadline that passes
// with os.ErrDeadlineExceeded.
func WaitPidfd(pidfd *os.File) error {
	conn, err := pidfd.SyscallConn()
	if err != nil {
		return fmt.Errorf("wait for process: %w", err)
	}
	var ended bool
	var pollErr error
	err = conn.Read(func(fd uintptr) bool {
		ended, pollErr = hasEnded(int(fd))
		return ended || pollErr != nil
	})
	if err = errors.Join(err, pollErr); err != nil {
		return fmt.Errorf("wait for process: %w", cmp.Or(closedError(pidfd), err))
	}
	return nil
}

// closedError is os.ErrClosed if f is closed: a SyscallConn has an error of its
// own for that, which no package can name.
func closedError(f *os.File) error {
	if _, err := f.Read(nil); errors.Is(err, os.ErrClosed) {
		return os.ErrClosed
	}
	return nil
}

func hasEnded(pidfd int) (bool, error) {
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 0)
		if !errors.Is(err, unix.EINTR) {
			return n > 0, err
		}
	}
}

// SignalPidfd sends sig to the process alone, not to its group. Once the process
// was reaped it returns os.ErrProcessDone.
func SignalPidfd(pidfd *os.File, sig syscall.Signal) error {
	conn, err := pidfd.SyscallConn()
	if err != nil {
		return fmt.Errorf("signal process: %w", err)
	}
	var sendErr error
	err = conn.Control(func(fd uintptr) {
		sendErr = unix.PidfdSendSignal(int(fd), sig, nil, 0)
	})
	if errors.Is(sendErr, unix.ESRCH) {
		return os.ErrProcessDone
	}
	if err = errors.Join(err, sendErr); err != nil {
		return fmt.Errorf("signal process: %w", err)
	}
	return nil
}
