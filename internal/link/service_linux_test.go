package link

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
)

// overSocket is a service whose client is raw, after the handshake, over a socket.
func overSocket(t testing.TB, cfg Config, fns ...*Function) (*Link, *raw) {
	t.Helper()
	s, f, err := transport.SocketPair()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Service, cfg.Side, cfg.Functions, cfg.Errors = true, mux.WorkerSide, &Registry{}, &Errors{}
	for _, fn := range fns {
		if err := cfg.Functions.Add(fn); err != nil {
			t.Fatal(err)
		}
	}
	fd, err := transport.Dup(f)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	l := New(s, cfg)
	r := &raw{t: t, tr: socketOf(t, fd)}
	t.Cleanup(func() { l.Close(); r.close() })
	r.write(frame.Preamble())
	r.control(frame.Hello, mustBytes(&helloPlan, hello(cfg.Functions)))
	r.take(frame.PreambleSize)
	r.until(frame.Message, frame.Hello)
	return l, r
}

func threads(t testing.TB) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// polling is how many threads wait in ppoll. (How many there are at all tells how
// many were needed at once some time: Go gives none back.)
func polling(t testing.TB) (n int) {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*/syscall")
	if err != nil {
		t.Fatal(err)
	}
	number := fmt.Sprintf("%d ", unix.SYS_PPOLL)
	for _, name := range tasks {
		if b, err := os.ReadFile(name); err == nil && strings.HasPrefix(string(b), number) {
			n++
		}
	}
	return n
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// TestServiceManyLinks: what an idle link costs, and one that is used now and
// then. Both ends of the sockets are in this process; the clients' are bare.
func TestServiceManyLinks(t *testing.T) {
	const links = 500
	var clients []*raw
	before, beforeFDs, beforeThreads := heap(), openFiles(t), threads(t)
	for range links {
		_, r := overSocket(t, Config{}, serviceFunctions()...)
		clients = append(clients, r)
	}
	for round := range 3 {
		for _, r := range clients {
			r.open(uint32(1+2*round), frame.CallFunction, calling("take", smallOrder))
		}
		for _, r := range clients {
			r.until(frame.Message, frame.Reply)
			r.buf = nil
		}
	}
	// Both ends of a link have one socket; the clients' have an eventfd too.
	cost := func() (each int64, fds float64, more int) {
		each = (int64(heap()) - int64(before)) / links
		return each, float64(openFiles(t)-beforeFDs)/links - 2, threads(t) - beforeThreads
	}
	each, fds, more := cost()
	for end := time.Now().Add(patience); each > 20<<10 && !underRace && time.Now().Before(end); { // until all rest
		each, fds, more = cost()
	}
	t.Logf("a link: %d bytes, %.2f fds; %d threads more for %d links", each, fds, more, links)
	if each > 20<<10 && !underRace {
		t.Errorf("a link costs %d bytes", each)
	}
	if fds > 3 {
		t.Errorf("%.2f file descriptors for a link", fds)
	}
	if more > 20 {
		t.Errorf("%d threads more for %d links", more, links)
	}
}

// TestServiceDeafClients: clients that never read hold no thread, and what waits for
// them is bounded.
func TestServiceDeafClients(t *testing.T) {
	const links, size = 40, 120 << 10
	var ran atomic.Int64
	reply := slices.Repeat([]string{strings.Repeat("x", size/4)}, 4)
	long := function("long", func(context.Context, int) ([]string, error) {
		ran.Add(1)
		return reply, nil
	})
	var clients []*raw
	for range links {
		_, r := overSocket(t, Config{}, long)
		for i := range uint32(ServiceStreams) {
			r.open(2*i+1, frame.CallFunction, calling("long", []byte{0}))
		}
		clients = append(clients, r)
	}
	// What a socket takes, the backlog, and one that is the last.
	const enough = (208<<10+ServiceBacklog)/size + 1
	for end := time.Now().Add(patience); ran.Load() < links*(enough-1) && time.Now().Before(end); {
		runtime.Gosched()
	}
	time.Sleep(20 * mux.Tick) // for what should not happen
	if n := ran.Load(); n > links*2*enough {
		t.Errorf("%d calls ran on %d links, where %d on each were enough", n, links, enough)
	}
	held := polling(t)
	for end := time.Now().Add(patience); held > 5 && time.Now().Before(end); held = polling(t) {
		time.Sleep(mux.Tick)
	}
	if held > 5 {
		t.Errorf("%d threads are held by %d links", held, links)
	}
	for _, r := range clients { // now they read
		for range ServiceStreams {
			for h, _ := r.until(frame.Message, frame.Reply); h.Flags&frame.End == 0; h, _ = r.until(frame.Message, frame.Reply) {
			}
		}
	}
}

// TestServiceHostileMemory: a client that sends as much as it may, and no end of
// anything, makes the service hold no more than PROTOCOL.md says.
func TestServiceHostileMemory(t *testing.T) {
	debug.SetGCPercent(10)
	t.Cleanup(func() { debug.SetGCPercent(100) })
	const links, most = 8, 3 << 20
	before := heap()
	for range links {
		l, r := overSocket(t, Config{}, serviceFunctions()...)
		// One long argument, as far as it may go, and a window on all others.
		h := frame.Header{Kind: frame.Open, Handle: frame.CallFunction, Flags: frame.More}
		piece := calling("take", make([]byte, 30<<10))
		for i := range uint32(ServiceStreams) {
			h.Stream, h.Kind = 2*i+1, frame.Open
			r.frame(h, piece)
			h.Kind = frame.Message
			r.frame(h, piece[:32<<10-frame.HeaderSize])
		}
		h.Stream = 1
		for sent := 0; sent < ServiceArgument-200<<10; {
			credit, payload := r.until(frame.Credit, 0)
			if credit.Stream != 1 || len(payload) != 4 {
				t.Fatal(credit, l.Err())
			}
			n := int(payload[1])<<16 + int(payload[2])<<8 + int(payload[3])
			r.frame(h, make([]byte, n-frame.HeaderSize))
			sent += n
		}
		r.control(frame.Ping, nil)
		r.until(frame.Message, frame.Pong)
		r.buf = nil
	}
	each := (int64(heap()) - int64(before)) / links
	t.Logf("%d KiB each", each>>10)
	if each > most && !underRace { // whose own memory counts
		t.Errorf("more than %d KiB", most>>10)
	}
}

// TestServiceFiles: descriptors that clients send along.
func TestServiceFiles(t *testing.T) {
	filePart := part{Field: orderFile, Kind: partFile}
	more := frame.Header{Stream: 1, Kind: frame.Open, Handle: frame.CallFunction, Flags: frame.More}
	for name, c := range map[string]struct {
		do   func(r *raw, files []*os.File)
		n    int
		rule string
	}{
		"one":                    {func(r *raw, f []*os.File) { r.open(1, frame.CallFunction, calling("take", smallOrder, filePart), f...) }, 1, ""},
		"one to nobody":          {func(r *raw, f []*os.File) { r.open(1, frame.CallFunction, calling("none", smallOrder, filePart), f...) }, 1, ""},
		"one with nonsense":      {func(r *raw, f []*os.File) { r.open(1, frame.CallFunction, calling("take", []byte{0}, filePart), f...) }, 1, ""},
		"one that no part names": {func(r *raw, f []*os.File) { r.open(1, frame.CallFunction, calling("take", smallOrder), f...) }, 1, "fds"},
		"two for one part":       {func(r *raw, f []*os.File) { r.open(1, frame.CallFunction, calling("take", smallOrder, filePart), f...) }, 2, "fds"},
		"none for a part":        {func(r *raw, _ []*os.File) { r.open(1, frame.CallFunction, calling("take", smallOrder, filePart)) }, 0, "fds"},
		"fewer than the header says": {func(r *raw, f []*os.File) {
			b := calling("take", smallOrder, filePart)
			h := frame.Header{Stream: 1, Kind: frame.Open, Handle: frame.CallFunction, Flags: frame.End, Length: uint32(len(b)), FDs: 2}
			r.write(append(h.Append(nil), b...), f...)
		}, 1, "fds"},
		"one with a PING": {func(r *raw, f []*os.File) { r.frame(frame.Header{Kind: frame.Message, Handle: frame.Ping}, nil, f...) }, 1, "fds"},
		"one with BULK":   {func(r *raw, f []*os.File) { r.open(1, frame.Bulk, nil, f...) }, 1, "fds"},
		"253":             {func(r *raw, f []*os.File) { r.write([]byte{0}, f...) }, 253, "fds"},
		"65 with messages that are not whole": {func(r *raw, f []*os.File) {
			h := more
			for i := range 3 {
				h.Stream = uint32(2*i + 1)
				r.frame(h, []byte{1}, f[:min(len(f), 22)]...)
			}
		}, 22, "fds"},
	} {
		t.Run(name, func(t *testing.T) {
			nothingLeft(t)
			l, r := overSocket(t, Config{}, serviceFunctions()...)
			var files []*os.File
			for range c.n {
				files = append(files, pipeEnd(t))
			}
			c.do(r, files)
			closeAll(files)
			if c.rule == "" {
				for h, _, ok := r.next(); h.Kind != frame.Message; h, _, ok = r.next() {
					if !ok {
						t.Fatal(l.Err())
					}
				}
				r.mustServe(l, 3)
				return
			}
			if rule := ends(t, l); rule != c.rule {
				t.Fatalf("rule %q: %v", rule, l.Err())
			}
		})
	}
}

// TestServiceFloods: what a client sends without end, while it reads.
func TestServiceFloods(t *testing.T) {
	for name, send := range map[string]func(r *raw, i uint32) (ends int){
		"PING": func(r *raw, i uint32) int { r.control(frame.Ping, []byte("hello")); return 1 },
		"BULK streams, reset": func(r *raw, i uint32) int {
			r.open(2*i+1, frame.Bulk, nil)
			r.reset(2*i + 1)
			return 0
		},
		"cancelled calls": func(r *raw, i uint32) int {
			r.open(2*i+1, frame.CallFunction, calling("hang", smallOrder))
			r.reset(2*i + 1)
			return 1
		},
		"calls that nobody knows": func(r *raw, i uint32) int {
			r.open(2*i+1, frame.CallFunction, calling("none", smallOrder))
			return 1
		},
		"cancelled calls with parts": func(r *raw, i uint32) int {
			r.open(4*i+1, frame.Bulk, nil)
			r.open(4*i+3, frame.CallFunction, calling("take", smallOrder, part{Field: orderData, Kind: partBytes, Stream: 4*i + 1, Size: 10}))
			r.reset(4*i + 3)
			r.reset(4*i + 1)
			return 1
		},
	} {
		t.Run(name, func(t *testing.T) {
			nothingLeft(t)
			l, r := overSocket(t, Config{}, serviceFunctions()...)
			const n = 500
			for i := range uint32(n) {
				for want := send(r, i); want > 0; {
					h, _, ok := r.next()
					if !ok {
						t.Fatal(l.Err())
					}
					if h.Handle == frame.Pong || h.Handle == frame.Error || h.Kind == frame.Reset {
						want--
					}
				}
			}
			r.mustServe(l, 4*n+1-2*n*map[bool]uint32{true: 0, false: 1}[strings.Contains(name, "parts")]-map[bool]uint32{true: 2 * n, false: 0}[name == "PING"])
			if n := l.running(); n > 0 {
				t.Errorf("%d calls are left", n)
			}
		})
	}
}

// TestServiceWakes: no call is lost between resting and polling, at whatever moment
// it comes.
func TestServiceWakes(t *testing.T) {
	for _, procs := range []int{1, 4} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		f := function("f", func(_ context.Context, n int) (int, error) { return n, nil })
		slow := function("slow", func(_ context.Context, n int) (int, error) { time.Sleep(time.Duration(n)); return n, nil })
		back := function("back", func(ctx context.Context, n int) (int, error) {
			r, err := From(ctx).Back(ctx, f, &n)
			if err != nil {
				return 0, err
			}
			return *r.(*int), nil
		})
		var wg sync.WaitGroup
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		for i := range 4 {
			client, _ := served(t, bySocket, Config{}, f, slow, back)
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(1, uint64(i)))
				for range 300 {
					pause := time.Duration(rng.IntN(int(3 * mux.Tick / 2)))
					time.Sleep(pause)
					fn := []*Function{f, slow, back}[rng.IntN(3)]
					n := rng.IntN(int(mux.Tick))
					if got, err := call[int, int](ctx, client, fn, n, &Call{Grants: map[string]*Function{"f": f}}); err != nil || got != n {
						t.Error(got, err)
						return
					}
				}
			})
		}
		wg.Wait()
	}
}
