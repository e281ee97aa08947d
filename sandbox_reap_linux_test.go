package outwork_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/sandbox"
)

// leavesOrphans starts so many processes, each of which leaves another behind, and returns how many
// of all of them are zombies in the end.
var leavesOrphans = outwork.Func("test.sandbox.orphans", func(ctx context.Context, n int) (zombies int, err error) {
	var all sync.WaitGroup
	var mu sync.Mutex
	for range 4 {
		all.Go(func() {
			for range n / 4 {
				e := exec.CommandContext(ctx, "/bin/sh", "-c", "true & exit 7").Run()
				if exit, ok := errors.AsType[*exec.ExitError](e); !ok || exit.ExitCode() != 7 {
					mu.Lock()
					err = fmt.Errorf("a child of one's own ended with %v, want status 7", e)
					mu.Unlock()
					return
				}
			}
		})
	}
	all.Wait()
	for err == nil {
		if zombies = countZombies(); zombies == 0 {
			return 0, nil
		}
		err = ctx.Err()
	}
	return zombies, err
})

func countZombies() (n int) {
	paths, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range paths {
		if b, err := os.ReadFile(path); err == nil && bytes.Contains(b, []byte(") Z ")) {
			n++
		}
	}
	return n
}

// A worker that is the first process of its namespace waits for what others leave behind, which
// would count against its limit, and for nothing else.
func TestSandboxOrphans(t *testing.T) {
	nothingLeft(t)
	var m outwork.Manager
	w := started(t, &m, outwork.Target{Sandbox: sandbox.Config{Level: sandbox.Contained}, Limits: sandbox.Limits{Processes: 64}})
	if n, err := leavesOrphans.Call(within(t), w, 200); n != 0 || err != nil {
		t.Errorf("%d zombies are left: %v", n, err)
	}
}
