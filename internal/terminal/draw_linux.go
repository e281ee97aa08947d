package terminal

import (
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// maxWrite is how many bytes are written to the terminal at once, between two looks at
// whether the loan is over.
const maxWrite = 4 << 10

// Write shows what the borrower draws, as far as that is allowed (see Filter). It waits
// while this process is stopped, and for a terminal that takes nothing.
func (l *Loan) Write(p []byte) (n int, err error) {
	if !l.use() {
		return 0, ErrOver
	}
	defer l.release()
	for len(p) > 0 {
		part := p[:min(len(p), maxWrite)]
		if err := l.show(part); err != nil {
			return n, err
		}
		n += len(part)
		p = p[len(part):]
	}
	return n, nil
}

func (l *Loan) show(p []byte) error {
	select {
	case <-l.screen:
	case <-l.over:
		return ErrOver
	}
	defer func() { l.screen <- struct{}{} }()
	l.buf = l.filter.Append(l.buf[:0], p)
	return l.put(l.buf, l.wait)
}

// put writes to the terminal; wait waits until that takes something.
func (l *Loan) put(p []byte, wait func(fd int, events int16) error) error {
	for len(p) > 0 {
		if err := wait(l.out, unix.POLLOUT); err != nil {
			return err
		}
		n, err := unix.Write(l.out, p)
		if err != nil && err != unix.EINTR && err != unix.EAGAIN {
			return fmt.Errorf("write to the terminal: %w", err)
		}
		p = p[max(n, 0):]
	}
	return nil
}

// wait waits until the terminal is ready for events, or the loan over.
func (l *Loan) wait(fd int, events int16) error {
	for {
		fds := []unix.PollFd{{Fd: int32(fd), Events: events}, {Fd: int32(l.wake[0])}}
		_, err := unix.Poll(fds, -1)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return err
		case fds[1].Revents != 0:
			return ErrOver
		case fds[0].Revents&events != 0:
			return nil
		case fds[0].Revents != 0:
			return io.ErrUnexpectedEOF // it was hung up
		}
	}
}

// waitBriefly waits for a terminal that is to be put back.
func waitBriefly(fd int, events int16) error {
	fds := []unix.PollFd{{Fd: int32(fd), Events: events}}
	n, err := unix.Poll(fds, int(patience.Milliseconds()))
	if err == unix.EINTR {
		return nil // writing finds out
	}
	if n == 0 && err == nil {
		err = unix.ETIMEDOUT
	}
	return err
}

// takeScreen takes the token of who writes to the terminal, unless the loan ends or the
// writer is stuck.
func (l *Loan) takeScreen() bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-l.screen:
		return true
	case <-l.over:
	case <-timer.C:
	}
	return false
}
