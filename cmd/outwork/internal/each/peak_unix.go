//go:build unix

package each

import (
	"runtime"
	"syscall"
)

// peakMemory is the most bytes that were resident at once in this process; 0: that is not known.
func peakMemory() int64 {
	var use syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &use) != nil {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return use.Maxrss
	}
	return use.Maxrss << 10
}
