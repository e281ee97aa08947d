package proc

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// StartPinned starts cmd on one processor, the last that this process may run
// on. All that cmd starts inherits it, and Go's runtime sees a single
// processor there.
func StartPinned(cmd *exec.Cmd) error {
	// A child inherits the affinity of the thread that forks it. The thread
	// is unlocked only when it is as it was.
	runtime.LockOSThread()
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return fmt.Errorf("read the affinity: %w", err)
	}
	one.Set(last(&all))
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return fmt.Errorf("pin to one processor: %w", err)
	}
	started := cmd.Start()
	if err := unix.SchedSetaffinity(0, &all); err != nil {
		return errors.Join(started, fmt.Errorf("unpin: %w", err))
	}
	runtime.UnlockOSThread()
	return started
}

func last(set *unix.CPUSet) int {
	found := 0
	for cpu, left := 0, set.Count(); left > 0; cpu++ {
		if set.IsSet(cpu) {
			found, left = cpu, left-1
		}
	}
	return found
}
