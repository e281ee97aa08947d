package terminal

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a terminal that takes nothing is waited for when it is to be put
// back.
const patience = time.Second

// Loan is a terminal while it is lent. Read and Write are the borrower's, each for one
// goroutine at a time; Close is for anybody, at any time.
type Loan struct {
	in, out int // descriptors
	before  unix.Termios
	stop    func()
	signals chan os.Signal
	sizes   chan Size
	over    chan struct{} // closed when the loan ends
	done    chan struct{} // closed when nobody listens to signals any more

	screen chan struct{} // holds a token, which who writes to the terminal takes
	filter Filter        // of who has the token
	buf    []byte

	mu     sync.Mutex // guards what follows, and is held while the terminal's input is read or set
	turned sync.Cond  // raw or over have changed
	raw    bool
	wake   [2]int // a pipe, which is closed to end all waiting for the terminal
	uses   int    // of the pipe
	why    error  // the loan ended early

	behind []byte // keys behind a Ctrl-Z, of Read
	asked  int    // how many Ctrl-C there were in a row, of Read
	torn   error  // the terminal could not be put back; set before ending is done

	ending sync.Once
}

// Lend lends the terminal that in and out lead to, which may be one file. It is in raw mode
// until Close: what is typed then goes to the borrower, all but Ctrl-Z, which stops this
// process until it is continued. A third Ctrl-C in a row is not left to the borrower, but
// ends the loan as an interrupt does. Signals that would end it (interrupt, hangup, quit,
// terminate) end the loan instead, and Err tells: what follows from that is the caller's
// to decide. The error matches ErrNoTerminal when there is no terminal.
func Lend(in, out *os.File, o Options) (*Loan, error) {
	l := &Loan{
		stop: o.Stop, screen: make(chan struct{}, 1), sizes: make(chan Size, 1),
		signals: make(chan os.Signal, 8), over: make(chan struct{}), done: make(chan struct{}),
	}
	l.turned.L = &l.mu
	l.in, l.out, l.filter.Clipboard = int(in.Fd()), int(out.Fd()), o.Clipboard
	if l.stop == nil {
		l.stop = Stop
	}
	before, err := unix.IoctlGetTermios(l.in, unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("lend the terminal: standard input is %w", ErrNoTerminal)
	}
	if _, err := unix.IoctlGetTermios(l.out, unix.TCGETS); err != nil {
		return nil, fmt.Errorf("lend the terminal: standard output is %w", ErrNoTerminal)
	}
	l.before = *before
	if err := unix.Pipe2(l.wake[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("lend the terminal: %w", err)
	}
	l.uses = 1
	// Before the mode is set, so that no signal leaves it so.
	signal.Notify(l.signals, syscall.SIGWINCH, syscall.SIGTSTP, syscall.SIGCONT,
		syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	if err := l.setRaw(); err != nil {
		signal.Stop(l.signals)
		unix.Close(l.wake[1])
		unix.Close(l.wake[0])
		return nil, fmt.Errorf("lend the terminal: %w", err)
	}
	l.screen <- struct{}{}
	l.measure()
	go l.listen()
	return l, nil
}

func (l *Loan) isOver() bool {
	select {
	case <-l.over:
		return true
	default:
		return false
	}
}

// Over is closed when the loan has ended.
func (l *Loan) Over() <-chan struct{} { return l.over }

// Err is why the loan ended before Close: a *Signaled, or nil.
func (l *Loan) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.why
}

// Close takes the terminal back, and puts it into the state it was in. When it returns
// nothing of the loan goes on: what reads has its end, what writes gets ErrOver. The error
// is that of the terminal, when that is gone or takes nothing. Closing twice is harmless.
func (l *Loan) Close() error {
	l.end(nil)
	<-l.done
	return l.torn
}

// end takes the terminal back once, and returns when that is done.
func (l *Loan) end(why error) {
	l.ending.Do(func() {
		signal.Stop(l.signals)
		l.mu.Lock()
		l.why = why
		close(l.over)
		l.turned.Broadcast()
		unix.Close(l.wake[1])
		l.mu.Unlock()
		l.torn = l.restore()
		l.mu.Lock()
		l.releaseLocked()
		l.mu.Unlock()
	})
}

// restore undoes what the borrower and Lend did.
func (l *Loan) restore() error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-l.screen: // kept: nobody writes any more
		l.put(l.filter.modes.undo(nil), waitBriefly)
	case <-timer.C:
	}
	if err := l.setCooked(); err != nil {
		return fmt.Errorf("put the terminal back: %w", err)
	}
	return nil
}

// use keeps the pipe open until release. It is false when the loan is over.
func (l *Loan) use() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isOver() {
		return false
	}
	l.uses++
	return true
}

func (l *Loan) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.releaseLocked()
}

func (l *Loan) releaseLocked() {
	if l.uses--; l.uses == 0 {
		unix.Close(l.wake[0])
	}
}
