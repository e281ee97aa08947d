package outwork_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/outwork-go/outwork"
)

// However a manager ends, its workers do too, and their children.
func TestManagerDies(t *testing.T) {
	for name, end := range map[string]func(manager int) error{
		"SIGKILL": func(pid int) error { return syscall.Kill(pid, syscall.SIGKILL) },
		"SIGTERM": func(pid int) error { return syscall.Kill(pid, syscall.SIGTERM) },
		"Ctrl-C":  func(pid int) error { return syscall.Kill(-pid, syscall.SIGINT) },
	} {
		t.Run(name, func(t *testing.T) {
			nothingLeft(t)
			target := self(t, usualRole, "manager")
			cmd := exec.Command(target.Program)
			cmd.Env, cmd.Stderr = target.Env, os.Stderr
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			out, err := cmd.StdoutPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			if line, _ := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
				t.Errorf("it says %q", line)
			}
			if n := len(relatives(t)); n < 2+2+2*3 { // manager, starter, workers and their children
				t.Errorf("only %d processes are there", n)
			}
			began := time.Now()
			if err := end(cmd.Process.Pid); err != nil {
				t.Fatal(err)
			}
			cmd.Wait()
			noProcess(t)
			t.Logf("after %v", time.Since(began))
		})
	}
}

// TestKilledAtRandom kills a thousand workers at whatever they are doing,
// starting among it.
func TestKilledAtRandom(t *testing.T) {
	toKill := rounds(1000)
	nothingLeft(t)
	var m outwork.Manager
	first, err := m.Start(within(t), outwork.Target{Name: "first"})
	if err != nil {
		t.Fatal(err)
	}
	starter := parentOf(t, first.PID())
	var killed, stillborn atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for ctx.Err() == nil {
				switch err := workUntilKilled(ctx, &m); {
				case errors.Is(err, errStillborn):
					stillborn.Add(1)
				case err != nil:
					t.Error(err)
					cancel()
				}
			}
		})
	}
	for killed.Load() < int64(toKill) && ctx.Err() == nil {
		if killOne(starter, first.PID()) {
			killed.Add(1)
		}
		<-time.After(rand.N(4 * time.Millisecond))
	}
	cancel()
	all.Wait()
	t.Logf("killed %d workers, %d of them while they started", killed.Load(), stillborn.Load())
	if n, err := double.Call(within(t), first, 2); n != 4 || err != nil {
		t.Errorf("the worker that was spared: %d, %v", n, err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

var errStillborn = errors.New("it never came to serve")

// workUntilKilled starts a worker and calls it until it is lost. Any end but
// that is an error.
func workUntilKilled(ctx context.Context, m *outwork.Manager) error {
	w, err := m.Start(context.Background(), outwork.Target{})
	if err != nil {
		if e, ok := errors.AsType[*outwork.LostError](err); ok && e.Signal == "killed" {
			return errStillborn
		}
		return fmt.Errorf("start: %w", err)
	}
	for ctx.Err() == nil {
		if _, err = double.Call(context.Background(), w, 1); err == nil {
			continue
		}
		if e, ok := errors.AsType[*outwork.LostError](err); !ok || e.Signal != "killed" {
			return fmt.Errorf("call: %w", err)
		}
		return nil
	}
	return w.Close()
}

// killOne kills a child of the starter, other than spare.
func killOne(starter, spare int) bool {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", starter))
	var pids []int
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		for field := range strings.FieldsSeq(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil && pid != spare {
				pids = append(pids, pid)
			}
		}
	}
	if len(pids) == 0 {
		return false
	}
	p, err := os.FindProcess(pids[rand.N(len(pids))]) // holds a pidfd
	if err != nil {
		return false
	}
	defer p.Release()
	again, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Pid))
	if !strings.Contains(string(again), fmt.Sprintf(") S %d ", starter)) && !strings.Contains(string(again), fmt.Sprintf(") R %d ", starter)) {
		return false // it has ended, and its number may be another's
	}
	return p.Kill() == nil
}
