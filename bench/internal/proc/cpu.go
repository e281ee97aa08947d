// Package proc asks Linux what processes cost: processor time to the
// nanosecond, memory, and who descends from whom. It also starts a process on
// a single processor.
package proc

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// CPU is the processor time, user and system, that the processes have used so
// far in all their threads.
func CPU(pids []int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		d, err := cpuOf(pid)
		if err != nil {
			return 0, fmt.Errorf("processor time of process %d: %w", pid, err)
		}
		sum += d
	}
	return sum, nil
}

// cpuOf reads the clock of one process, which has the resolution of the
// scheduler's own accounts; rusage of a process that still runs cannot be had,
// and /proc/PID/stat counts in ticks of 10 ms.
func cpuOf(pid int) (time.Duration, error) {
	const scheduled = 2 // CPUCLOCK_SCHED
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduled), &ts); err != nil {
		return 0, err
	}
	return time.Duration(ts.Nano()), nil
}
