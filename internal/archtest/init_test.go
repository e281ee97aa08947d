package archtest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

const (
	// maxInitBytes is what the init of one package may allocate. How long it takes is not
	// looked at: that is more on one machine than on another, and no verdict on the code.
	maxInitBytes = 32 << 10

	initRuns = 3
)

// initLine is a line of GODEBUG=inittrace=1, such as
// "init os @1.9 ms, 0.058 ms clock, 416 bytes, 9 allocs".
var initLine = regexp.MustCompile(`(?m)^init (\S+) @\S+ ms, \S+ ms clock, (\d+) bytes, \d+ allocs$`)

func TestInitIsLight(t *testing.T) {
	for _, program := range []struct {
		name, needs, path string
		args              []string
	}{
		{"small program", "", "./internal/archtest/testdata/worker", nil},
		{"command", "cmd/outwork", "./cmd/outwork", []string{"version"}},
	} {
		t.Run(program.name, func(t *testing.T) {
			need(t, program.needs)
			binary := filepath.Join(t.TempDir(), "program")
			goTool(t, "build", "-o", binary, program.path)
			for name, size := range lightest(t, binary, program.args) {
				if size > maxInitBytes {
					t.Errorf("init of %s allocates %d bytes, more than %d", name, size, maxInitBytes)
				}
			}
		})
	}
}

// lightest runs a binary initRuns times and returns how many bytes the init of each of its
// packages allocated at least.
func lightest(t *testing.T, binary string, args []string) map[string]int {
	t.Helper()
	least := make(map[string]int)
	for range initRuns {
		cmd := exec.CommandContext(t.Context(), binary, args...)
		cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v\n%s", binary, err, &stderr)
		}
		for name, size := range parseInits(t, stderr.Bytes()) {
			if known, ok := least[name]; ok {
				size = min(size, known)
			}
			least[name] = size
		}
	}
	return least
}

// parseInits reads a trace. One without the runtime's own init is no trace.
func parseInits(t *testing.T, trace []byte) map[string]int {
	t.Helper()
	sizes := make(map[string]int)
	for _, m := range initLine.FindAllSubmatch(trace, -1) {
		size, err := strconv.Atoi(string(m[2]))
		if err != nil {
			t.Fatal(err)
		}
		sizes[string(m[1])] = size
	}
	if _, ok := sizes["runtime"]; !ok {
		t.Fatalf("no trace of inits in %q", trace)
	}
	return sizes
}

func TestParseInits(t *testing.T) {
	got := parseInits(t, []byte("init runtime @0.016 ms, 0.76 ms clock, 0 bytes, 0 allocs\nnoise\n"+
		"init os @1.9 ms, 0.058 ms clock, 416 bytes, 9 allocs\n"))
	if len(got) != 2 || got["os"] != 416 {
		t.Errorf("got %v", got)
	}
}
