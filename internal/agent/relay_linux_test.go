package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/module"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
)

// station is a manager and an agent in memory.
type station struct {
	t    testing.TB
	kept *kept
	chat int // bytes that are passed on at once

	shared map[string]container.Container // by a name that ends with its share

	mu      sync.Mutex // guards what follows
	opens   map[frame.Handle]int
	sources map[string]string // of modules; "!": it cannot be read
}

func newStation(t testing.TB) *station {
	return &station{
		t: t, kept: newKept(keptBytes), chat: pumpSize, shared: map[string]container.Container{},
		opens: map[frame.Handle]int{}, sources: map[string]string{},
	}
}

// asked is what has come to the manager since it was last called.
func (s *station) asked() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for h, n := range s.opens {
		all = append(all, fmt.Sprintf("%d %s", n, h))
	}
	slices.Sort(all)
	clear(s.opens)
	return strings.Join(all, ", ")
}

func (s *station) record(sent bool, h frame.Header, _ []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !sent && h.Kind == frame.Open {
		s.opens[h.Handle]++
	}
}

func (s *station) write(name, source string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sources[name] = source
}

func (s *station) module(_, name string) ([]module.Module, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	source, ok := s.sources[name]
	if source == "!" {
		return nil, errors.New("it cannot be read")
	}
	return []module.Module{{Name: name, Path: name, Source: []byte(source), Missing: !ok}}, nil
}

func (s *station) container(name string, _ uint64) (share uint64, c container.Container, err error) {
	if c = s.shared[name]; c == nil {
		return 0, nil, os.ErrNotExist
	}
	_, err = fmt.Sscan(name[strings.LastIndexByte(name, ' ')+1:], &share)
	return share, c, err
}

// worker is a worker's link, with the agent between it and its manager.
func (s *station) worker(spawn link.Spawn) *link.Link {
	s.t.Helper()
	_, w := s.pair(spawn, nil, link.Config{})
	return w
}

// pair is both ends of a worker's link. They end with the test.
func (s *station) pair(spawn link.Spawn, f *link.Function, manager link.Config) (m, w *link.Link) {
	s.t.Helper()
	reg := &link.Registry{}
	if f != nil {
		reg = link.RegistryOf(f)
	}
	mine, toManager := transport.Pair()
	toWorker, theirs := transport.Pair()
	r := s.relay(toManager, toWorker, &spawn)
	manager.Side, manager.NoFiles, manager.Holes = mux.ManagerSide, true, true
	manager.Functions, manager.Errors, manager.Record = reg, &link.Errors{}, s.record
	manager.Modules, manager.Container = s.module, s.container
	m = link.New(mine, manager)
	w = link.New(theirs, link.Config{Side: mux.WorkerSide, Serving: true, Functions: reg, Errors: &link.Errors{}})
	s.t.Cleanup(func() {
		w.Close()
		m.Close()
		r.end()
	})
	if _, err := m.Greeted(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	return m, w
}

// relaying is what a process's pumps do, without the process.
type relaying struct {
	a, b  mux.Transport
	up    *upstream
	ended atomic.Bool
	pumps sync.WaitGroup
}

func (s *station) relay(toManager, toWorker mux.Transport, spawn *link.Spawn) *relaying {
	w := newWatch(s.kept, spawn)
	r := &relaying{a: toManager, b: toWorker, up: newUpstream(toManager, w, func(int, []byte) {})}
	r.up.stir = toManager.Wake
	r.pumps.Go(func() {
		newDownstream(toManager, toWorker, w, 0, r.ended.Load).run()
	})
	r.pumps.Go(func() {
		defer r.up.close()
		b := make([]byte, s.chat)
		for {
			n, err := recv(toWorker, b, r.ended.Load)
			if err == nil {
				err = r.up.write(slices.Clone(b[:n]))
			}
			if err != nil {
				return
			}
		}
	})
	return r
}

func (r *relaying) end() {
	r.ended.Store(true)
	r.a.Stop()
	r.b.Stop()
	r.a.Wake()
	r.b.Wake()
	r.pumps.Wait()
	r.a.Close()
	r.b.Close()
}

func (s *station) ask(w *link.Link, name string) string {
	s.t.Helper()
	m, err := w.Modules(s.t.Context(), "starlark", name)
	switch {
	case err != nil:
		return "error"
	case m[0].Missing:
		return "missing"
	}
	return string(m[0].Source)
}

func numbered(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%d,", i)
	}
	return b.Bytes()[:n]
}

// read is all of a container, as a worker gets it, so many bytes at a time.
func read(t testing.TB, w *link.Link, name string, step int) []byte {
	t.Helper()
	c, err := w.Shared(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var all bytes.Buffer
	if _, err := io.CopyBuffer(struct{ io.Writer }{&all}, struct{ io.Reader }{io.NewSectionReader(c, 0, c.Size())}, make([]byte, step)); err != nil {
		t.Fatal(err)
	}
	return all.Bytes()
}

func TestSecondWorkerAsksForNothing(t *testing.T) {
	s := newStation(t)
	text := numbered(10<<20 + 77)
	s.shared["text 7"] = container.FromBytes(text)
	long := strings.Repeat("x = 1\n", 200<<10) // above every window
	s.write("lib.star", long)
	s.write("small.star", "y = 2")
	for i, step := range []int{1 << 20, 32 << 10, 4 << 20, 5000} {
		w := s.worker(link.Spawn{})
		if got := s.ask(w, "lib.star") == long && s.ask(w, "small.star") == "y = 2" && s.ask(w, "none.star") == "missing"; !got {
			t.Fatal("other modules")
		}
		if got := read(t, w, "text 7", step); !bytes.Equal(got, text) {
			t.Fatalf("%d other bytes", len(got))
		}
		got := s.asked()
		if i > 0 && got != "1 GET_CONTAINER" || i == 0 && !(strings.Contains(got, "3 GET_MODULE") && strings.Contains(got, "READ_CONTAINER")) {
			t.Errorf("worker %d: %s", i, got)
		}
	}
}

// TestAskedAgain goes to the manager, and others get what that says then.
func TestAskedAgain(t *testing.T) {
	s := newStation(t)
	a, b := s.worker(link.Spawn{}), s.worker(link.Spawn{})
	say := func(w *link.Link, want, asked string) {
		t.Helper()
		if got := s.ask(w, "m"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := s.asked(); got != asked {
			t.Errorf("asked %q, want %q", got, asked)
		}
	}
	const one = "1 GET_MODULE"
	say(a, "missing", one)
	say(b, "missing", "")
	s.write("m", "it appeared")
	say(b, "it appeared", one)
	say(s.worker(link.Spawn{}), "it appeared", "")
	say(a, "it appeared", one)
	s.write("m", "!")
	say(a, "error", one)
	say(s.worker(link.Spawn{}), "error", one) // nothing is kept
	s.write("m", "again")
	say(s.worker(link.Spawn{}), "again", one)
	say(s.worker(link.Spawn{}), "again", "")
	s.write("m", strings.Repeat("large", largestKept/5))
	say(a, strings.Repeat("large", largestKept/5), one)
	say(s.worker(link.Spawn{}), strings.Repeat("large", largestKept/5), one)
}

// TestScope: an interpreter may be given other modules than a worker.
func TestScope(t *testing.T) {
	s := newStation(t)
	s.write("m", "1")
	for _, spawn := range []link.Spawn{{}, {Kind: link.SpawnInterpreter, Lang: "python"}, {Kind: link.SpawnInterpreter, Lang: "perl"}} {
		for i := range 2 {
			if s.ask(s.worker(spawn), "m"); s.asked() != []string{"1 GET_MODULE", ""}[i] {
				t.Errorf("%+v, worker %d", spawn, i)
			}
		}
	}
}

// TestWhatMayChangeIsNotKept, nor is what comes inline looked at.
func TestWhatMayChangeIsNotKept(t *testing.T) {
	s := newStation(t)
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, numbered(64<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := container.FromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	s.shared["file 3"], s.shared["small 4"] = file, container.FromBytes([]byte("small"))
	for range 2 {
		w := s.worker(link.Spawn{})
		if read(t, w, "file 3", 64<<10); !strings.Contains(s.asked(), "READ_CONTAINER") {
			t.Error("a file was not read")
		}
		if got := read(t, w, "small 4", 100); string(got) != "small" || s.asked() != "1 GET_CONTAINER" {
			t.Errorf("%q", got)
		}
	}
	if s.kept.held != 0 {
		t.Errorf("%d bytes are kept", s.kept.held)
	}
}

// TestManyAtOnce: workers that ask, read and call at once, whose bytes come in pieces.
func TestManyAtOnce(t *testing.T) {
	s := newStation(t)
	s.chat = 777
	text := numbered(2<<20 + 5)
	s.shared["text 1"] = container.FromBytes(text)
	for i := range 100 {
		s.write(fmt.Sprint(i), strings.Repeat(fmt.Sprint(i), i*100))
	}
	type nothing struct{}
	echo := link.Own("echo", "here", func(context.Context, *signalArgs) (*nothing, error) { return &nothing{}, nil })
	var all sync.WaitGroup
	for range 6 {
		m, w := s.pair(link.Spawn{}, echo, link.Config{})
		all.Go(func() {
			for i := range 100 {
				if got := s.ask(w, fmt.Sprint(i)); got != strings.Repeat(fmt.Sprint(i), i*100) {
					t.Errorf("module %d is %.20q", i, got)
				}
			}
		})
		all.Go(func() {
			if got := read(t, w, "text 1", 100<<10); !bytes.Equal(got, text) {
				t.Errorf("%d other bytes", len(got))
			}
		})
		all.Go(func() {
			for range 200 {
				if _, err := m.Call(t.Context(), echo, &signalArgs{}, nil); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}
