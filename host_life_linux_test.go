package outwork_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/host"
)

// quietHop leads nowhere: its command says nothing and ends when it is killed.
type quietHop struct{}

func (quietHop) String() string { return "quiet://" }

func (quietHop) Direct() {}

func (quietHop) Command(string) []string { return []string{"sleep", "1000"} }

// quiet is a manager that has this hop, beside near://.
func quiet(t *testing.T) *outwork.Manager {
	m := &outwork.Manager{Hops: map[string]func(string) (host.Hop, error){
		"quiet": func(string) (host.Hop, error) { return quietHop{}, nil },
		"near":  near["near"],
	}}
	t.Cleanup(func() { m.Close() })
	return m
}

// sleeps is how many commands of quiet:// run.
func sleeps(t *testing.T) (n int) {
	for _, pid := range relatives(t) {
		if b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); string(b) == "sleep\x001000\x00" {
			n++
		}
	}
	return n
}

// soon fails the test when f takes longer than patience.
func soon(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		f()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("%s: not within %v", what, patience)
	}
}

// Who gives up a host that others wait for too does so at once, and they go on waiting;
// with the last of them the host is given up.
func TestGiveUpSharedHost(t *testing.T) {
	nothingLeft(t)
	m := quiet(t)
	w, err := m.Begin(within(t), outwork.Target{Host: "quiet://"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var other sync.WaitGroup
	other.Go(func() {
		_, err := m.Start(ctx, outwork.Target{Host: "quiet://"})
		if e, ok := errors.AsType[*host.Error](err); !ok || e.Hop != "quiet://" || e.Stage == 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, without the stage or the hop that it was at", err)
		}
	})
	eventually(t, "both wait", func() bool { return outwork.Beginning(m) == 1 && sleeps(t) == 1 })
	soon(t, "closed", func() { w.Close() })
	if sleeps(t) != 1 {
		t.Error("the other's host was given up")
	}
	cancel()
	soon(t, "given up", other.Wait)
	eventually(t, "given up with the last", func() bool { return sleeps(t) == 0 })
}

// Starts whose contexts end while they wait for the same host all return.
func TestStartsGiveUp(t *testing.T) {
	nothingLeft(t)
	m := quiet(t)
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if _, err := m.Start(ctx, outwork.Target{Host: "quiet://"}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
	}
	soon(t, "given up", all.Wait)
	eventually(t, "its command has ended", func() bool { return sleeps(t) == 0 })
}

// A host on the way to another is given up as the last one is, and the error tells where that was.
func TestGiveUpHostBefore(t *testing.T) {
	nothingLeft(t)
	m := quiet(t)
	through := outwork.Target{Via: []string{"quiet://"}, Host: "near://"}
	for _, f := range []func(context.Context) error{
		func(ctx context.Context) error { _, err := m.Start(ctx, through); return err },
		func(ctx context.Context) error { _, err := m.Begin(ctx, through); return err },
		func(ctx context.Context) error { _, err := m.Check(ctx, through); return err },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			err := f(ctx)
			if e, ok := errors.AsType[*host.Error](err); !ok || e.Hop != "quiet://" || e.Stage == 0 || !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, without the stage or the hop that it was at", err)
			}
		})
		eventually(t, "its command runs", func() bool { return sleeps(t) == 1 })
		cancel()
		all.Wait()
		eventually(t, "its command has ended", func() bool { return sleeps(t) == 0 })
	}
}

// A worker that is given up beside one that is being started takes nothing from it.
func TestGiveUpBesideStart(t *testing.T) {
	nothingLeft(t)
	for range rounds(100) {
		m := outwork.Manager{Hops: near}
		w, err := m.Begin(within(t), outwork.Target{Host: "near://"})
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		all.Go(func() { w.Close() })
		all.Go(func() {
			other, err := m.Start(within(t), outwork.Target{Host: "near://"})
			if err != nil {
				t.Error(err)
				return
			}
			other.Close()
		})
		all.Wait()
		soon(t, "closed", func() { m.Close() })
		if t.Failed() {
			return
		}
	}
}

// agents are the agents that this run has started.
func agents(t testing.TB) (pids []int) {
	for _, pid := range relatives(t) {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if strings.Contains(string(b), "[agent]") {
			pids = append(pids, pid)
		}
	}
	return pids
}

// A worker that is closed as soon as it is begun is closed within the grace, however
// short that is.
func TestCloseAtOnce(t *testing.T) {
	nothingLeft(t)
	m := outwork.Manager{Hops: near, Grace: time.Microsecond}
	defer m.Close()
	keep, err := m.Start(within(t), outwork.Target{Host: "near://"})
	if err != nil {
		t.Fatal(err)
	}
	defer keep.Close()
	for range rounds(100) {
		w, err := m.Begin(within(t), outwork.Target{Host: "near://"})
		if err != nil {
			t.Fatal(err)
		}
		soon(t, "closed", func() { w.Close() })
	}
}

// A closed manager checks no host, and leaves nothing of what it was checking.
func TestCheckAndClose(t *testing.T) {
	nothingLeft(t)
	var m outwork.Manager
	m.Hops = quiet(t).Hops
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := m.Check(within(t), outwork.Target{Host: "quiet://"}); !errors.Is(err, outwork.ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
	eventually(t, "its command runs", func() bool { return sleeps(t) == 1 })
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	all.Wait()
	if _, err := m.Check(within(t), outwork.Target{Host: "quiet://"}); !errors.Is(err, outwork.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// lingerHop is near:// with a command that stays a while when its agent has gone.
type lingerHop struct{ nearHop }

func (h lingerHop) Command(shell string) []string {
	return []string{"sh", "-c", "trap '' TERM; " + strings.Join(h.nearHop.Command(shell), " ") + "; exec sleep 1000 >&- <&-"}
}

// Close waits for the end of a host that was lost and reached anew, too.
func TestCloseWaitsForLostHost(t *testing.T) {
	nothingLeft(t)
	m := outwork.Manager{Hops: map[string]func(string) (host.Hop, error){
		"near": func(string) (host.Hop, error) { return lingerHop{}, nil },
	}}
	defer m.Close()
	w, err := m.Start(within(t), outwork.Target{Host: "near://"})
	if err != nil {
		t.Fatal(err)
	}
	w.Close() // or Close waits for it
	for _, pid := range agents(t) {
		if b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); string(b) != "sh\n" {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	eventually(t, "lost", func() bool { return sleeps(t) == 1 })
	eventually(t, "reached anew", func() bool {
		_, err := m.Start(within(t), outwork.Target{Host: "near://"})
		return err == nil
	})
	m.Close()
	if n := outwork.LiveHosts(&m); n > 0 {
		t.Errorf("%d hosts when Close had returned", n)
	}
}

func init() {
	bareRoles["flood"] = func() {
		signs := bytes.Repeat([]byte{8: 2, 9: 6, 11: 0}, 4<<10) // PONGs
		link, begun := os.NewFile(3, "link"), os.NewFile(4, "begun")
		for {
			if _, err := link.Write(signs); err != nil {
				return
			}
			begun.Close()
		}
	}
}

// leaves starts a process that leaves the worker's group and writes to the worker's
// link without end, and ends the worker.
var leaves = outwork.Func("test.leaves", func(context.Context, struct{}) (struct{}, error) {
	all, _ := filepath.Glob("/proc/self/fd/*")
	for _, name := range all {
		fd, _ := strconv.Atoi(filepath.Base(name))
		if to, _ := os.Readlink(name); fd > 2 && strings.HasPrefix(to, "socket:") {
			cmd := exec.Command("/proc/self/exe")
			n, _ := syscall.Dup(fd)
			begun, begins, err := os.Pipe()
			if err != nil {
				return struct{}{}, err
			}
			cmd.ExtraFiles = []*os.File{os.NewFile(uintptr(n), "link"), begins}
			cmd.Env = append(os.Environ(), bareRole+"=flood")
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			if err := cmd.Start(); err != nil {
				return struct{}{}, err
			}
			begins.Close()
			io.Copy(io.Discard, begun) // until it floods
			break                      // two would write into each other's frames
		}
	}
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	return struct{}{}, nil
})

// What a worker has left behind cannot keep it alive by writing to its link for ever.
func TestFloodAfterEnd(t *testing.T) {
	nothingLeft(t)
	m := outwork.Manager{Hops: near}
	w, err := m.Start(within(t), outwork.Target{Host: "near://"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := leaves.Call(within(t), w, struct{}{}); !errors.As(err, new(*outwork.LostError)) {
		t.Errorf("got %v", err)
	}
	soon(t, "closed", func() { m.Close() })
}

// askingHop wants a password.
type askingHop struct{ quietHop }

func (askingHop) String() string { return "asking://" }

func (askingHop) Command(string) []string { return []string{"sh", "-c", "exit 1"} }

func (askingHop) Prompt(_, prompt string) []string {
	return []string{"sh", "-c", "printf %s " + prompt + " >&2; read answer; exit 1"}
}

// Close waits for nobody who thinks about an answer.
func TestCloseWhileAsked(t *testing.T) {
	for name, use := range map[string]func(*outwork.Manager) error{
		"start": func(m *outwork.Manager) error {
			_, err := m.Start(neverEnds, outwork.Target{Host: "asking://"})
			return err
		},
		"check": func(m *outwork.Manager) error {
			_, err := m.Check(neverEnds, outwork.Target{Host: "asking://"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			nothingLeft(t)
			asked := make(chan struct{})
			m := outwork.Manager{
				Hops: map[string]func(string) (host.Hop, error){
					"asking": func(string) (host.Hop, error) { return askingHop{}, nil },
				},
				Ask: func(ctx context.Context, _ host.Question) (string, error) {
					close(asked)
					<-ctx.Done()
					return "", ctx.Err()
				},
			}
			var user sync.WaitGroup
			user.Go(func() {
				if err := use(&m); !errors.Is(err, outwork.ErrClosed) {
					t.Errorf("got %v", err)
				}
			})
			<-asked
			soon(t, "closed", func() { m.Close() })
			user.Wait()
		})
	}
}

// A start at a host that is being lost is a lost worker, or finds a host anew.
func TestStartAtDyingHost(t *testing.T) {
	m := outwork.Manager{Hops: near}
	defer m.Close()
	for range 15 {
		w, err := m.Start(within(t), outwork.Target{Host: "near://"})
		if _, ok := errors.AsType[*outwork.LostError](err); ok {
			continue
		} else if err != nil {
			t.Fatalf("got %T %v", err, err)
		}
		if err := syscall.Kill(parentOf(t, w.PID()), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
}
