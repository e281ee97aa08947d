package outwork_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/host"
	"github.com/outwork-go/outwork/outworktest"
)

// The test binary plays other parts too, when these variables say so.
const (
	bareRole  = "OUTWORK_TEST_BARE"  // a program that does not call Main, or not yet
	usualRole = "OUTWORK_TEST_USUAL" // a program that has called Main
	runMark   = "OUTWORK_TEST_RUN"   // in the environment of all that this run starts
)

var bareRoles, usualRoles = map[string]func(){}, map[string]func(){}

// TestMain is the recipe of the documentation, with more programs around it.
func TestMain(m *testing.M) {
	if role := bareRoles[os.Getenv(bareRole)]; role != nil {
		role()
		return
	}
	outwork.Main()
	if role := usualRoles[os.Getenv(usualRole)]; role != nil {
		role()
		return
	}
	if os.Getenv(runMark) == "" {
		os.Setenv(runMark, fmt.Sprintf("%d-%d", os.Getpid(), time.Now().UnixNano()))
	}
	if raceEnabled && os.Getenv("GORACE") == "" {
		os.Setenv("GORACE", "atexit_sleep_ms=0") // or each worker takes a second to end
	}
	os.Exit(m.Run())
}

// patience is how long a test waits for what ought to come at once.
const patience = 3 * time.Minute

// rounds is how often to do what takes long under the race detector, or when
// time is short.
func rounds(n int) int {
	if testing.Short() || raceEnabled {
		return n / 10
	}
	return n
}

// within is the test's context with patience as its deadline.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until ok, and says what did not become so.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// started is a worker of m, which is closed at the test's end.
func started(t testing.TB, m *outwork.Manager, target outwork.Target) *outwork.Worker {
	t.Helper()
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	w, err := m.Start(within(t), target)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// everywhere runs f with each kind of worker that the system has.
func everywhere(t *testing.T, f func(t *testing.T, m *outwork.Manager, w *outwork.Worker)) {
	t.Run("memory", func(t *testing.T) {
		var m outwork.Manager
		f(t, &m, outworktest.Start(t, &m, outwork.Target{}))
	})
	if !processes {
		return
	}
	t.Run("process", func(t *testing.T) {
		var m outwork.Manager
		f(t, &m, started(t, &m, outwork.Target{}))
	})
	t.Run("agent", func(t *testing.T) {
		m := outwork.Manager{Hops: near}
		f(t, &m, started(t, &m, outwork.Target{Host: "near://"}))
	})
}

// named is w as errors name it.
func named(w *outwork.Worker) string {
	name := fmt.Sprintf("worker %q", w.Name())
	if w.Host() != "" {
		name += " at " + w.Host()
	}
	return name
}

// near is a hop to an agent on this machine.
var near = map[string]func(string) (host.Hop, error){
	"near": func(string) (host.Hop, error) { return nearHop{}, nil },
}

type nearHop struct{}

func (nearHop) String() string { return "near://" }

func (nearHop) Direct() {}

func (nearHop) Command(string) []string {
	return []string{"env", "OUTWORK_ROLE=agent", "/proc/" + strconv.Itoa(os.Getpid()) + "/exe", "[agent]"}
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *buffer) Bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.b.Bytes())
}
