package confine

import (
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// reaps is whether this process is the first of its pid namespace, and may start others: the kernel
// gives it the children that those leave behind, which count against its limit until they are
// waited for.
var reaps atomic.Bool

// The kernel gives them to the first thread, which this keeps for the goroutine of main: then what
// is a child of that thread was started by nobody here, whose wait it could spoil.
func init() {
	if os.Getenv(PolicyVariable) != "" {
		runtime.LockOSThread()
	}
}

// Reap runs f, and waits meanwhile for the processes that others have left to this one. It is for
// the goroutine of main, and returns when f does.
func Reap(f func()) {
	if !reaps.Load() || unix.Gettid() != unix.Getpid() {
		f()
		return
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD)
	defer signal.Stop(ended)
	over := make(chan struct{})
	go func() {
		defer close(over)
		f()
	}()
	for {
		reap()
		select {
		case <-ended:
		case <-over:
			return
		}
	}
}

// reap waits for the children of this thread that have ended.
func reap() {
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG|unix.WNOTHREAD, nil)
		if pid <= 0 && err != syscall.EINTR {
			return
		}
	}
}
