package link

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"testing"
)

// peak measures how much the process's resident memory grew at most until the
// function that it returns is called.
func peak(t *testing.T, limit int64) func() {
	t.Helper()
	t.Cleanup(func() { debug.SetGCPercent(100) })
	debug.SetGCPercent(10) // garbage that only waits to be collected is not held
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
	before := highWater(t)
	return func() {
		t.Helper()
		grown := highWater(t) - before
		t.Logf("resident memory grew by %d MiB", grown>>20)
		if grown > limit && !underRace {
			t.Errorf("more than %d MiB", limit>>20)
		}
	}
}

func highWater(t *testing.T) (bytes int64) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	if _, err := fmt.Sscan(rest, &bytes); err != nil {
		t.Fatal(err)
	}
	return bytes << 10
}
