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
	// maxInitMillis is how long the init of one package may take, in
	// milliseconds, in the shortest of the runs: a busy machine does not count.
	maxInitMillis = 0.3

	// maxInitBytes is what the init of one package may allocate.
	maxInitBytes = 32 << 10

	// initRuns is how often a program is run before a package is blamed.
	initRuns = 200
)

// initCost is what the runtime reports of one package's init.
type initCost struct {
	millis float64
	bytes  int
}

func (c initCost) heavy() bool { return c.millis > maxInitMillis || c.bytes > maxInitBytes }

// initLine is a line of GODEBUG=inittrace=1, such as
// "init os @1.9 ms, 0.058 ms clock, 416 bytes, 9 allocs".
var initLine = regexp.MustCompile(`(?m)^init (\S+) @\S+ ms, (\S+) ms clock, (\d+) bytes, \d+ allocs$`)

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
			for name, cost := range lightest(t, binary, program.args) {
				if cost.heavy() {
					t.Errorf("init of %s takes %.3f ms and %d bytes, more than %.3f ms or %d bytes",
						name, cost.millis, cost.bytes, maxInitMillis, maxInitBytes)
				}
			}
		})
	}
}

// lightest runs a binary until the init of each of its packages was light once, at
// most initRuns times, and returns the least that each took.
func lightest(t *testing.T, binary string, args []string) map[string]initCost {
	t.Helper()
	least := make(map[string]initCost)
	for range initRuns {
		cmd := exec.CommandContext(t.Context(), binary, args...)
		cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v\n%s", binary, err, &stderr)
		}
		for name, cost := range parseInits(t, stderr.Bytes()) {
			if known, ok := least[name]; ok {
				cost = initCost{min(cost.millis, known.millis), min(cost.bytes, known.bytes)}
			}
			least[name] = cost
		}
		if !anyHeavy(least) {
			break
		}
	}
	return least
}

func anyHeavy(costs map[string]initCost) bool {
	for _, c := range costs {
		if c.heavy() {
			return true
		}
	}
	return false
}

// parseInits reads a trace. One without the runtime's own init is no trace.
func parseInits(t *testing.T, trace []byte) map[string]initCost {
	t.Helper()
	costs := make(map[string]initCost)
	for _, m := range initLine.FindAllSubmatch(trace, -1) {
		millis, err := strconv.ParseFloat(string(m[2]), 64)
		if err != nil {
			t.Fatal(err)
		}
		size, err := strconv.Atoi(string(m[3]))
		if err != nil {
			t.Fatal(err)
		}
		costs[string(m[1])] = initCost{millis, size}
	}
	if _, ok := costs["runtime"]; !ok {
		t.Fatalf("no trace of inits in %q", trace)
	}
	return costs
}

func TestParseInits(t *testing.T) {
	got := parseInits(t, []byte("init runtime @0.016 ms, 0.76 ms clock, 0 bytes, 0 allocs\nnoise\n"+
		"init os @1.9 ms, 0.058 ms clock, 416 bytes, 9 allocs\n"))
	if len(got) != 2 || got["os"] != (initCost{0.058, 416}) {
		t.Errorf("got %v", got)
	}
}
