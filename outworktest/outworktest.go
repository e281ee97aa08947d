// Package outworktest starts workers that live in the process of the test, and
// serves services there to users that the test makes up: see [Serve].
//
// What is called on a worker crosses a link as it would to a process: arguments and
// results are encoded, checked and decoded, the same limits hold, and errors,
// cancellation, streams, grants, progress, shared containers, modules and
// scripts work the same. The test needs no call of outwork.Main, no time for
// starting processes, and runs on every system; inside a testing/synctest
// bubble its time is the bubble's.
//
// What differs from a real worker, because there is no process:
//
//   - What functions print goes straight to the test's own output, and what they
//     log to its own slog.Default(): neither reaches the manager, and
//     Manager.SetLogLevel changes nothing.
//   - A function shares the test's variables, working directory and environment.
//     os.Exit, a fault, or a panic in a goroutine of its own ends the test. (A
//     panic in the function itself becomes an *outwork.RemoteError, as ever.)
//   - Nothing can be killed: Close cancels the functions that run, and waits for
//     them. One that ignores its context holds Close up.
//   - Target's Program, Dir and Env are errors.
//
// Tests of those things want processes: call outwork.Main in TestMain, and
// Manager.Start.
package outworktest

import (
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/hook"
)

// Start starts a worker of m in this process, where all registered functions
// can be called. m.Close is called when the test ends; by then every function
// called on the worker must have returned or heed its context. A failure to
// start ends the test. m may have other workers, of either kind.
func Start(t testing.TB, m *outwork.Manager, target outwork.Target) *outwork.Worker {
	t.Helper()
	w, err := hook.Start(t.Context(), m, target)
	if err != nil {
		t.Fatalf("start a worker in memory: %v", err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Errorf("close the manager: %v", err)
		}
	})
	return w.(*outwork.Worker)
}

// Pool starts a pool of n workers of m in this process, as [Start] starts one: n below 1 is as
// many as there are processors. m.Close, which ends the pool too, is called when the test ends.
// A failure to start ends the test. A worker is lost, for a test of what happens then, when the
// test closes it: the pool has a new one come.
func Pool(t testing.TB, m *outwork.Manager, target outwork.Target, n int) *outwork.Pool {
	t.Helper()
	p, err := hook.Pool(t.Context(), m, target, n)
	if err != nil {
		t.Fatalf("start a pool in memory: %v", err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Errorf("close the manager: %v", err)
		}
	})
	return p.(*outwork.Pool)
}
