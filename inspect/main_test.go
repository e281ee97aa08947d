package inspect_test

import (
	"os"
	"testing"

	"github.com/outwork-go/outwork"
)

// TestMain makes workers of the test binary, when it is started as one.
func TestMain(m *testing.M) {
	if raceEnabled && os.Getenv("GORACE") == "" {
		os.Setenv("GORACE", "atexit_sleep_ms=0") // or each worker takes a second to end
	}
	outwork.Main()
	os.Exit(m.Run())
}
