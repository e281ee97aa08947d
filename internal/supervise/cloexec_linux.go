package supervise

import (
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// firstStray is the first descriptor that is not a standard one.
const firstStray = 3

// closeOnExec marks all but the standard descriptors. Go marks those that it opens;
// these were inherited.
func closeOnExec() error {
	if unix.CloseRange(firstStray, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) == nil {
		return nil
	}
	return closeOnExecEach() // before Linux 5.11, or refused by a filter
}

func closeOnExecEach() error {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("read %s: %w", dir.Name(), err)
	}
	for _, fd := range numbers(names) {
		if fd >= firstStray {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}
