package terminal

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// suspend stops this process, with the terminal as it was before the loan, and returns when
// it goes on. Where nobody would continue it, it does nothing.
func (l *Loan) suspend() {
	if !continuable() || !l.takeScreen() {
		return
	}
	l.put(l.filter.modes.undo(nil), waitBriefly)
	l.setCooked()
	l.stop()
	l.again()
}

// resume is for when this process has been stopped by somebody else.
func (l *Loan) resume() {
	if l.takeScreen() {
		l.again()
	}
}

// again has the borrower draw anew, and gives the token back.
func (l *Loan) again() {
	if l.setRaw() == nil {
		l.put(l.filter.modes.redo(nil), waitBriefly)
	}
	l.screen <- struct{}{}
	l.measure()
}

// Stop stops this process's group, as Ctrl-Z does, and returns when it is continued.
func Stop() {
	goesOn := make(chan os.Signal, 1)
	signal.Notify(goesOn, syscall.SIGCONT)
	defer signal.Stop(goesOn)
	syscall.Kill(0, syscall.SIGSTOP)
	<-goesOn // this goroutine may run on for a moment before the stop
}

// continuable reports whether a shell looks after this process's group: one in the session
// that is not of the group itself.
func continuable() bool {
	group, err := unix.Getpgid(0)
	if err != nil {
		return false
	}
	session, _ := unix.Getsid(0)
	for pid := os.Getppid(); pid > 1; pid = parent(pid) {
		g, err := unix.Getpgid(pid)
		if err != nil {
			return false
		}
		if g != group {
			s, err := unix.Getsid(pid)
			return err == nil && s == session
		}
	}
	return false
}

// parent is that of a process; 0: nobody knows.
func parent(pid int) (parent int) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(b[bytes.LastIndexByte(b, ')')+1:], []byte{' '})
	var state string
	fmt.Sscan(string(rest), &state, &parent)
	return parent
}
