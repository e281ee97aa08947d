package terminal

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Sizes tell the terminal's size: at once, whenever it changes, and when all is to be drawn
// anew, even if it is the same. Only the last one is kept for who is slow.
func (l *Loan) Sizes() <-chan Size { return l.sizes }

// measure tells the size.
func (l *Loan) measure() {
	size := Size{80, 24}
	if w, err := unix.IoctlGetWinsize(l.out, unix.TIOCGWINSZ); err == nil && w.Col > 0 && w.Row > 0 {
		size = Size{int(w.Col), int(w.Row)}
	}
	l.mu.Lock() // who holds it is the only one to send
	defer l.mu.Unlock()
	select {
	case <-l.sizes:
	default:
	}
	l.sizes <- size
}

// listen follows signals until the loan ends.
func (l *Loan) listen() {
	defer close(l.done)
	for {
		select {
		case s := <-l.signals:
			l.signaled(s)
		case <-l.over:
			return
		}
	}
}

func (l *Loan) signaled(s os.Signal) {
	switch s {
	case syscall.SIGWINCH:
		l.measure()
	case syscall.SIGTSTP:
		l.suspend()
	case syscall.SIGCONT: // whoever stopped us, a shell has had the terminal since
		l.resume()
	default:
		l.end(&Signaled{s})
	}
}
