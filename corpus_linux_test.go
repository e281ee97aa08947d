package outwork_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/lost"
	"github.com/outwork-go/outwork/sandbox"
)

// corpusParse is a parser in C, in another program.
var corpusParse = outwork.Declare[[]byte, int]("corpus.parse")

// A corpus of files of which some break a parser in C is processed whole: each has its outcome, and
// those that break it are told apart.
func TestCorpus(t *testing.T) {
	nothingLeft(t)
	want := map[string]error{
		"segv.txt": lost.Crash, "abrt.txt": lost.Crash, "exit.txt": lost.Exit, "talk.txt": lost.Output,
		"eats.txt": lost.Memory, "keys.txt": lost.Policy, "spin.txt": context.DeadlineExceeded,
		"three.txt": nil, "none.txt": nil, "zero.txt": nil,
	}
	paths, err := filepath.Glob("testdata/corpus/*")
	if err != nil || len(paths) != len(want) {
		t.Fatalf("%q, %v", paths, err)
	}
	if _, err := exec.LookPath("gcc"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("no C compiler: apt-get install gcc libc6-dev")
	}
	t.Setenv("CGO_ENABLED", "1")
	m := outwork.Manager{Stdout: new(buffer), Stderr: new(buffer), Grace: 300 * time.Millisecond}
	p := pooled(t, &m, outwork.Target{
		Program: build(t, "./testdata/fragile"),
		Sandbox: sandbox.Config{Level: sandbox.Strict},
		Limits:  sandbox.Limits{Memory: 256 << 20, Output: 1 << 20},
	}, 2)
	do := func(ctx context.Context, w *outwork.Worker, path string) (int, error) {
		b, err := os.ReadFile(path)
		if err != nil {
			return 0, err
		}
		if filepath.Base(path) == "spin.txt" { // the others may take what time they need
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, time.Second)
			defer cancel()
		}
		return corpusParse.Call(ctx, w, b)
	}
	inputs := slices.Repeat(paths, 3)
	seen := map[string]int{}
	for path, out := range (outwork.Mapping[string, int]{}).With(within(t), p, do, slices.Values(inputs)) {
		name := filepath.Base(path)
		seen[name]++
		if w := want[name]; w == nil && out.Err != nil || !errors.Is(out.Err, w) {
			t.Errorf("%s: %d, %v; want %v", name, out.Value, out.Err, w)
		}
		if name == "three.txt" && out.Value != 3 {
			t.Errorf("%s: %d lines", name, out.Value)
		}
		if e, ok := errors.AsType[*outwork.LostError](out.Err); ok && (e.PeakMemory == 0 || e.CPU == 0) {
			t.Errorf("%s: what it used is not told: %v", name, e)
		}
	}
	for name, n := range seen {
		if n != 3 {
			t.Errorf("%s: %d outcomes", name, n)
		}
	}
	if len(seen) != len(want) {
		t.Errorf("only %q have outcomes", slices.Sorted(maps.Keys(seen)))
	}
	m.Close()
}
