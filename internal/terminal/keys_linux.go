package terminal

import (
	"bytes"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Read reads what is typed. It blocks for the next key, and ends with io.EOF when the loan
// does, or the terminal is gone.
func (l *Loan) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if !l.use() {
		return 0, io.EOF
	}
	defer l.release()
	for {
		n, stop, err := l.readSome(p)
		if l.insists(p[:n]) {
			l.end(&Signaled{os.Interrupt})
			return 0, io.EOF
		}
		if stop {
			l.suspend()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// What a terminal in raw mode says instead of interrupting and stopping its programs.
const (
	ctrlC = 0x03
	ctrlZ = 0x1a
)

// insisting is how many Ctrl-C in a row, which the borrower was told of, end the loan: one
// that obeys has ended it before.
const insisting = 3

// insists reports whether the last of so many Ctrl-C in a row is among the keys.
func (l *Loan) insists(keys []byte) bool {
	for _, k := range keys {
		if k != ctrlC {
			l.asked = 0
		} else if l.asked++; l.asked == insisting {
			return true
		}
	}
	return false
}

// readSome waits for keys and reads what is there, up to a Ctrl-Z.
func (l *Loan) readSome(p []byte) (n int, stop bool, err error) {
	if len(l.behind) == 0 {
		if err := l.wait(l.in, unix.POLLIN); err != nil {
			return 0, false, io.EOF
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.raw && !l.isOver() {
		l.turned.Wait()
	}
	switch {
	case l.isOver():
		return 0, false, io.EOF
	case len(l.behind) > 0:
		n = copy(p, l.behind)
		l.behind = l.behind[n:]
	default:
		if n, err = l.readNow(p); err != nil {
			return 0, false, err
		}
	}
	if at := bytes.IndexByte(p[:n], ctrlZ); at >= 0 {
		l.behind = append(bytes.Clone(p[at+1:n]), l.behind...)
		return at, true, nil
	}
	return n, false, nil
}

// readNow reads what is there, which may be nothing any more.
func (l *Loan) readNow(p []byte) (int, error) {
	if there, err := unix.IoctlGetInt(l.in, unix.TIOCINQ); err != nil || there == 0 {
		return 0, hungUp(err)
	}
	n, err := unix.Read(l.in, p)
	return max(n, 0), hungUp(err)
}

// hungUp is the end of what is typed, for an error that does not pass.
func hungUp(err error) error {
	if err == nil || err == unix.EINTR || err == unix.EAGAIN {
		return nil
	}
	return io.EOF
}
