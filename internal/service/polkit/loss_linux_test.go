package polkit

import (
	"errors"
	"os"
	"runtime"
	"testing"
	"time"
)

// notThere wants a question to fail because there is nobody to ask.
func notThere(t *testing.T, a *Authority, c *caller, want string) {
	t.Helper()
	answer, err := a.Ask(t.Context(), questionOf(c, "yes"))
	if _, ok := errors.AsType[*NotAvailableError](err); !ok || answer.Yes || err.Error() != "polkit is not available: "+want {
		t.Errorf("got %v, %v, want %s", answer, err, want)
	}
}

// there wants a question to be answered.
func there(t *testing.T, a *Authority, c *caller) {
	t.Helper()
	if answer, err := a.Ask(t.Context(), questionOf(c, "yes")); err != nil || !answer.Yes {
		t.Errorf("got %v, %v", answer, err)
	}
}

// A bus and a polkitd that come and go are found again, without a word to anybody.
func TestLostAndFound(t *testing.T) {
	stopBus := startBus(t)
	a := authority(t, Config{})
	c := newCaller(t, "alice")
	const noPolkit = "polkitd does not run: install polkitd (in some systems the package polkit)"
	const noBus = "the bus at /run/dbus/system_bus_socket: connect: no such file or directory: " +
		"install and start dbus, and polkitd (in some systems the package polkit)"
	notThere(t, a, c, noPolkit)
	stopPolkit := startPolkit(t)
	there(t, a, c)
	stopPolkit()
	notThere(t, a, c, noPolkit)
	stopPolkit = startPolkit(t)
	there(t, a, c)
	stopPolkit()
	stopBus()
	notThere(t, a, c, noBus)
	startBus(t)
	startPolkit(t)
	there(t, a, c)
}

func TestPolkitEndsMeanwhile(t *testing.T) {
	startBus(t)
	stop := startPolkit(t)
	a := authority(t, Config{})
	s := begin(t, t.Context(), a, newCaller(t, "alice", withAgent))
	stop()
	err := <-s.done
	if _, ok := errors.AsType[*NotAvailableError](err); !ok {
		t.Errorf("got %v", err)
	}
}

func TestBusEndsMeanwhile(t *testing.T) {
	stop := startBus(t)
	startPolkit(t)
	a := authority(t, Config{})
	s := begin(t, t.Context(), a, newCaller(t, "alice", withAgent))
	stop()
	err := <-s.done
	if _, ok := errors.AsType[*NotAvailableError](err); !ok {
		t.Errorf("got %v", err)
	}
}

func TestCloseMeanwhile(t *testing.T) {
	startBus(t)
	startPolkit(t)
	before, routines := openFiles(t), runtime.NumGoroutine()
	a := New(Config{})
	c := newCaller(t, "alice", withAgent)
	s := begin(t, t.Context(), a, c)
	a.Close()
	if err := <-s.done; !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	if _, err := a.Ask(t.Context(), questionOf(c, "yes")); !errors.Is(err, ErrClosed) {
		t.Errorf("afterwards: %v", err)
	}
	c.end()
	c.Peer.Close()
	if after := openFiles(t); after > before {
		t.Errorf("%d files are open after, %d before", after, before)
	}
	// Those of the connection end by themselves, soon.
	for late := time.Now().Add(patience); runtime.NumGoroutine() > routines; runtime.Gosched() {
		if time.Now().After(late) {
			t.Fatalf("%d goroutines after, %d before", runtime.NumGoroutine(), routines)
		}
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}
