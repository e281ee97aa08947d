package transport

import (
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// starve takes all further descriptors from this process until the test is over.
func starve(t *testing.T) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Setrlimit(unix.RLIMIT_NOFILE, &old) })
	next, err := unix.Dup(0) // all below it are taken
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(next)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(next), Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Dup(0); err == nil {
		t.Fatal("there are descriptors left")
	}
}

// A link that is there works on without descriptors: each way to wait ends, when it should or a
// little earlier, and none fails.
func TestStarved(t *testing.T) {
	a, b := sockets(t)
	defer a.Close()
	defer b.Close()
	starve(t)
	for name, wait := range map[string]func() error{"Poll": b.Poll, "Park": b.Park, "Rest": b.Rest} {
		for round := range 2 { // with nothing there, and with something
			if err := wait(); err != nil {
				t.Errorf("%s, round %d: %v", name, round, err)
			}
			if _, err := a.Send([][]byte{{1}}, nil); err != nil {
				t.Fatal(err)
			}
		}
		b.Unpark()
		b.Wake()
		if err := wait(); err != nil {
			t.Errorf("%s that is woken: %v", name, err)
		}
	}
	full := make([]byte, 1<<20)
	for n := 1; n > 0; {
		n, _ = a.Send([][]byte{full}, nil)
	}
	if err := a.PollSend(); err != nil {
		t.Errorf("PollSend: %v", err)
	}
	var read sync.WaitGroup
	read.Go(func() {
		for n := 1; n > 0; {
			n, _, _ = b.Recv([][]byte{full})
		}
	})
	for sent := 0; sent == 0; sent, _ = a.Send([][]byte{{1}}, nil) {
		if err := a.PollSend(); err != nil {
			t.Fatalf("PollSend, while it is read: %v", err)
		}
	}
	read.Wait()
	a.Stop()
	if err := a.PollSend(); err != nil {
		t.Errorf("PollSend after Stop: %v", err)
	}
}
