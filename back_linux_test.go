package outwork_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/sshtest"
	"github.com/outwork-go/outwork/lost"
	"github.com/outwork-go/outwork/tcp"
)

// logged is a log that is looked at while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// says waits until the log has that text.
func (l *logged) says(t *testing.T, text string) {
	t.Helper()
	eventually(t, "the log says "+text, func() bool { return strings.Contains(l.String(), text) })
}

// backFrom is a manager that machines connect back to, its log, and the target.
func backFrom(machine *sshtest.Machine) (*outwork.Manager, *logged, outwork.Target) {
	log := &logged{}
	m := over(machine)
	m.Log = slog.New(slog.NewTextHandler(log, nil))
	return m, log, outwork.Target{Host: "ssh://" + machine.Host, ConnectBack: tcp.Auto}
}

// mirror gives back what it is given.
var mirror = outwork.Func("test.mirror", func(_ context.Context, b []byte) ([]byte, error) { return b, nil })

// The agent dials, ssh ends, and nothing is lost in between.
func TestConnectBack(t *testing.T) {
	nothingLeft(t)
	machine := sshtest.NewMachine(t, sshtest.Options{Network: true})
	m, log, target := backFrom(machine)
	w := started(t, m, target)
	var calls sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		calls.Go(func() {
			for i := 0; ; i++ {
				if n, err := double.Call(t.Context(), w, i); n != 2*i || err != nil {
					t.Errorf("got %d, %v", n, err)
					return
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	log.says(t, "a host has connected back")
	eventually(t, "ssh has ended", func() bool { return !strings.Contains(machineSessions(t, machine), "sshd: deploy") })
	close(stop)
	calls.Wait()
	big := bytes.Repeat([]byte("outwork\n"), 1<<20)
	if got, err := mirror.Call(within(t), w, big); err != nil || !bytes.Equal(got, big) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	second := started(t, m, target)
	if n, err := double.Call(within(t), second, 21); n != 42 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	closes(t, m, machine)
}

// machineSessions are the processes of the machine.
func machineSessions(t *testing.T, machine *sshtest.Machine) string {
	t.Helper()
	return machine.Run(t, "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; echo; done 2>/dev/null || true")
}

var runs atomic.Int64

// countsRuns counts how often it was called, and returns when so much time has passed.
var countsRuns = outwork.Func("test.counts.runs", func(ctx context.Context, d time.Duration) (int64, error) {
	n := runs.Add(1)
	select {
	case <-time.After(d):
		return n, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
})

// A network that is gone for less than Redial loses nothing: calls go on, whether they were
// made before or meanwhile, and each runs once.
func TestCutIsSurvived(t *testing.T) {
	cuts := []time.Duration{time.Second, 5 * time.Second, time.Minute}
	if raceEnabled {
		cuts = cuts[:2] // the minute has no more to race than they have
	}
	for _, cut := range cuts {
		t.Run(cut.String(), func(t *testing.T) {
			t.Parallel()
			machine := sshtest.NewMachine(t, sshtest.Options{Network: true})
			m, log, target := backFrom(machine)
			w := started(t, m, target)
			log.says(t, "a host has connected back")
			before := countsRuns.Go(t.Context(), w, cut/2)
			feed := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
			bulk := mirror.Go(t.Context(), w, feed)
			if err := machine.Cut(); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			meanwhile := countsRuns.Go(t.Context(), w, 0)
			<-time.After(time.Until(begun.Add(cut)))
			if err := machine.Heal(); err != nil {
				t.Fatal(err)
			}
			after := countsRuns.Go(t.Context(), w, 0)
			var sum int64
			for _, call := range []*outwork.Pending[int64]{before, meanwhile, after} {
				n, err := call.Result()
				if sum += n; err != nil {
					t.Error(err)
				}
			}
			if got, err := bulk.Result(); err != nil || !bytes.Equal(got, feed) {
				t.Errorf("%d bytes of %d, %v", len(got), len(feed), err)
			}
			t.Logf("cut for %v, all there after %v", cut, time.Since(begun))
			if n, err := countsRuns.Call(within(t), w, 0); n != 4 || sum != 1+2+3 || err != nil {
				t.Errorf("it has run %d times, %v", n, err)
			}
			closes(t, m, machine)
		})
	}
}

// One that is gone for longer is lost, on both sides.
func TestCutForTooLong(t *testing.T) {
	t.Parallel()
	machine := sshtest.NewMachine(t, sshtest.Options{Network: true})
	m, log, target := backFrom(machine)
	m.Redial = time.Second
	w := started(t, m, target)
	log.says(t, "a host has connected back")
	call := wait.Go(t.Context(), w, struct{}{})
	if err := machine.Cut(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	_, err := call.Result()
	took := time.Since(begun)
	e, ok := errors.AsType[*outwork.LostError](err)
	if !ok || !errors.Is(err, lost.Host) || !e.MayHaveRun || took > silence+m.Redial+deathTime {
		t.Errorf("after %v: %v", took, err)
	}
	t.Logf("after %v: %v", took, err)
	if err := machine.AwaitIdle(silence + m.Redial + deathTime); err != nil {
		t.Error(err)
	}
	closes(t, m, machine)
}

// An agent that cannot reach its manager goes on over ssh, and it is said why.
func TestNoWayBack(t *testing.T) {
	t.Parallel()
	machine := sshtest.NewMachine(t, sshtest.Options{Network: true})
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	for i, back := range []string{nobody.Addr().String(), "manager.invalid:7000"} {
		m, log, target := backFrom(machine)
		target.ConnectBack = back
		w := started(t, m, target)
		log.says(t, "a host cannot connect back")
		if !strings.Contains(log.String(), back) {
			t.Errorf("the log does not name %s: %s", back, log)
		}
		if n, err := double.Call(within(t), w, 21); n != 42 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
		if i > 0 {
			closes(t, m, machine)
			break
		}
		if err := machine.Cut(); err != nil {
			t.Fatal(err)
		}
		_, err := double.Call(t.Context(), w, 21)
		if !errors.Is(err, lost.Host) {
			t.Errorf("got %v", err)
		}
		if err := machine.Heal(); err != nil {
			t.Fatal(err)
		}
		closes(t, m, machine)
	}
}

func TestConnectBackIsNonsense(t *testing.T) {
	m := outwork.Manager{}
	_, err := m.Start(within(t), outwork.Target{Host: "sudo://nobody", ConnectBack: tcp.Auto})
	if err == nil || !strings.Contains(err.Error(), "leads to this machine") {
		t.Error(err)
	}
	m.Close()
	for _, back := range []string{"somewhere", ":", ":0", "host:port", ":99999", "[::1"} {
		m := outwork.Manager{Hops: near}
		_, err := m.Start(within(t), outwork.Target{Host: "near://", ConnectBack: back})
		if err == nil || !strings.Contains(err.Error(), "connect back to") {
			t.Errorf("%q: %v", back, err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

var ignoresHangup = outwork.Func("test.ignores.hangup", func(context.Context, struct{}) (bool, error) {
	return signal.Ignored(syscall.SIGHUP), nil
})

// An agent whose hop's command does not let go of it, being the agent or above it, connects
// back all the same, and is not killed with the command.
func TestConnectBackUnderItsHop(t *testing.T) {
	const host = "near://"
	nothingLeft(t)
	log := &logged{}
	m := &outwork.Manager{Hops: near, Redial: 5 * time.Second, Log: slog.New(slog.NewTextHandler(log, nil))}
	w := started(t, m, outwork.Target{Host: host, ConnectBack: tcp.Auto})
	log.says(t, "a host has connected back")
	// longer than the command of a hop may take to end by itself
	if n, err := countsRuns.Call(within(t), w, 4*time.Second); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	late := started(t, m, outwork.Target{Host: host, ConnectBack: tcp.Auto})
	if ignored, err := ignoresHangup.Call(within(t), late, struct{}{}); ignored || err != nil {
		t.Errorf("a worker ignores SIGHUP: %v, %v", ignored, err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if strings.Contains(log.String(), "cut off") {
		t.Errorf("the log: %s", log)
	}
}

// Who closes a worker on a host that is cut off does not wait for that; the host, and its
// other workers, go on when it is back, and the process is gone then.
func TestCloseWhileCut(t *testing.T) {
	t.Parallel()
	machine := sshtest.NewMachine(t, sshtest.Options{Network: true})
	m, log, target := backFrom(machine)
	one, other := started(t, m, target), started(t, m, target)
	log.says(t, "a host has connected back")
	before := len(machine.Processes())
	if err := machine.Cut(); err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	go func() {
		one.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(silence): // when the cut would be found
		t.Error("it waits for the host")
	}
	if err := machine.Heal(); err != nil {
		t.Fatal(err)
	}
	if n, err := double.Call(within(t), other, 21); n != 42 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	eventually(t, "the worker's process is gone", func() bool { return len(machine.Processes()) < before })
	closes(t, m, machine)
}
