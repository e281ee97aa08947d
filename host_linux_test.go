package outwork_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/host"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/sshtest"
)

// over is a manager that reaches machines of the tests.
func over(machines ...*sshtest.Machine) *outwork.Manager {
	return &outwork.Manager{SSH: []string{"ssh", "-F", machines[0].Config}}
}

func TestHost(t *testing.T) {
	nothingLeft(t)
	machine := sshtest.NewMachine(t, sshtest.Options{Sudo: sshtest.SudoNoPassword})
	for range 2 { // with an empty cache, and with a warm one
		m := over(machine)
		w := started(t, m, outwork.Target{Host: "ssh://" + machine.Host})
		if n, err := double.Call(within(t), w, 21); n != 42 || err != nil {
			t.Fatalf("got %d, %v", n, err)
		}
		r, err := m.Start(within(t), outwork.Target{Via: []string{"ssh://" + machine.Host}, Host: "sudo://"})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := double.Call(within(t), r, 21); n != 42 || err != nil {
			t.Fatalf("got %d, %v", n, err)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		if left := machine.Processes(); len(left) > 0 {
			t.Errorf("left in the machine: %v", left)
		}
	}
}

// What Begin has begun takes a call along with its request, and tells why it is not there.
func TestBegin(t *testing.T) {
	for _, host := range []string{"", "near://"} {
		m := outwork.Manager{Hops: near}
		w, err := m.Begin(within(t), outwork.Target{Host: host})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := double.Call(within(t), w, 21); n != 42 || err != nil {
			t.Errorf("at %q: got %d, %v", host, n, err)
		}
		if err := w.Ready(within(t)); err != nil {
			t.Error(err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestUnreachable(t *testing.T) {
	nothingLeft(t)
	m := outwork.Manager{Hops: map[string]func(string) (host.Hop, error){
		"fails": func(string) (host.Hop, error) { return failingHop{}, nil },
	}}
	_, err := m.Start(within(t), outwork.Target{Host: "fails://"})
	unreachable(t, err)
	w, err := m.Begin(within(t), outwork.Target{Host: "fails://"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = double.Call(within(t), w, 21)
	unreachable(t, err)
	unreachable(t, w.Ready(within(t)))
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

func unreachable(t *testing.T, err error) {
	t.Helper()
	e, ok := errors.AsType[*host.Error](err)
	if !ok || !strings.Contains(err.Error(), "the bridge is out") || e.Hop != "fails://" {
		t.Errorf("got %T: %[1]v", err)
	}
}

type failingHop struct{}

func (failingHop) String() string { return "fails://" }

func (failingHop) Command(string) []string {
	return []string{"sh", "-c", "echo the bridge is out >&2; exit 3"}
}

// greetsHop speaks the protocol, and ends before it has greeted.
type greetsHop struct{}

func (greetsHop) String() string { return "greets://" }
func (greetsHop) Direct()        {}
func (greetsHop) Command(string) []string {
	var preamble strings.Builder
	for _, c := range frame.Preamble() {
		fmt.Fprintf(&preamble, `\%03o`, c)
	}
	return []string{"sh", "-c", "printf '" + preamble.String() + "'; exit 3"}
}

// Of several starts at a host that does not come to life, each is told at what stage that was, also
// those that have waited for one another.
func TestHostDiesGreeting(t *testing.T) {
	for range rounds(20) {
		m := &outwork.Manager{Log: slog.New(slog.DiscardHandler), Hops: map[string]func(string) (host.Hop, error){
			"greets": func(string) (host.Hop, error) { return greetsHop{}, nil },
		}}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				_, err := m.Start(within(t), outwork.Target{Host: "greets://"})
				if e, ok := errors.AsType[*host.Error](err); !ok || e.Stage != host.Handshake {
					t.Errorf("%T: %v", err, err)
				}
			})
		}
		all.Wait()
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}
