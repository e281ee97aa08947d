package outwork_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/container/pattern"
	"github.com/outwork-go/outwork/sandbox"
)

// meter is an io.ReaderAt of that text, again and again, which counts what is read of it.
type meter struct {
	text       string
	reads, got atomic.Int64
	bad        int64         // reading past it fails; 0: nothing does
	block      chan struct{} // when set, every read waits for it
}

func (m *meter) ReadAt(p []byte, off int64) (int, error) {
	m.reads.Add(1)
	if m.block != nil {
		<-m.block
	}
	n := len(p)
	var err error
	if m.bad > 0 && off+int64(n) > m.bad {
		n, err = int(max(m.bad-off, 0)), syscall.EIO
	}
	for i := range p[:n] {
		p[i] = m.text[(off+int64(i))%int64(len(m.text))]
	}
	m.got.Add(int64(n))
	return n, err
}

type liveArgs struct {
	In       container.Container // or
	Name     string
	Op       string
	Off, Len int64
	Pattern  pattern.Spec
	Limit    int
	Back     bool
}

type liveReply struct {
	Bytes   []byte
	Matches []pattern.Match
	At      int64
	Stats   container.Stats
	Size    int64
	Kind    string
}

var liveFunc = outwork.Func("test.live", func(ctx context.Context, a liveArgs) (r liveReply, err error) {
	c := a.In
	if c == nil {
		if c, err = outwork.Shared(ctx, a.Name); err != nil {
			return r, err
		}
		defer c.Close()
	}
	r.Size, r.Kind = c.Size(), fmt.Sprintf("%T", c)
	if a.Len == 0 {
		a.Len = c.Size() - a.Off
	}
	switch a.Op {
	case "read":
		r.Bytes = make([]byte, a.Len)
		_, err = container.ReadAt(ctx, c, r.Bytes, a.Off)
	case "search":
		p, err := pattern.Compile(a.Pattern)
		if err != nil {
			return r, err
		}
		for m, err := range container.Search(ctx, c, p, container.Range{From: a.Off, To: a.Off + a.Len, Back: a.Back}) {
			if err != nil {
				return r, err
			}
			if r.Matches = append(r.Matches, m); len(r.Matches) == a.Limit {
				break
			}
		}
	case "sha256", "xxh3", "crc32":
		r.Bytes, err = container.Hash(ctx, c, a.Op)
	case "compare":
		part, err := c.Slice(a.Off, a.Len)
		if err != nil {
			return r, err
		}
		defer part.Close()
		r.At, err = container.Compare(ctx, part, c)
		return r, err
	}
	r.Stats = container.StatsOf(c)
	return r, err
})

// TestLiveSource: nothing is read before it is asked for, and no more than there is to be.
func TestLiveSource(t *testing.T) {
	everywhere(t, func(t *testing.T, m *outwork.Manager, w *outwork.Worker) {
		src := &meter{text: "0123456789abcde"}
		const size = 1 << 50
		closed := false
		c := container.FromReaderAt(src, size, container.Live{Name: "the tape", Close: func() error { closed = true; return nil }})
		if err := w.Share("tape", c); err != nil {
			t.Fatal(err)
		}
		call := func(a liveArgs) liveReply {
			t.Helper()
			r, err := liveFunc.Call(within(t), w, a)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		if r := call(liveArgs{Name: "tape"}); r.Size != size || src.reads.Load() != 0 {
			t.Fatalf("%d bytes; %d reads before anything was asked for", r.Size, src.reads.Load())
		}
		for i, off := range []int64{1 << 40, 12 << 10, size - 4096} {
			before := src.got.Load()
			r := call(liveArgs{Name: "tape", Op: "read", Off: off, Len: 4096})
			want := make([]byte, 4096)
			(&meter{text: src.text}).ReadAt(want, off)
			if !bytes.Equal(r.Bytes, want) {
				t.Errorf("at %d: %.20q", off, r.Bytes)
			}
			if got := src.got.Load() - before; got > 16<<10 {
				t.Errorf("read %d: %d bytes were read for 4,096", i, got)
			}
		}
		// The same, lent for a call.
		before := src.got.Load()
		if r := call(liveArgs{In: c, Op: "read", Off: 1 << 30, Len: 10}); len(r.Bytes) != 10 || src.got.Load()-before > 16<<10 {
			t.Errorf("%q, %d bytes read", r.Bytes, src.got.Load()-before)
		}
		stats, err := w.Stats(within(t))
		if err != nil || len(stats) != 2 {
			t.Fatalf("%+v, %v", stats, err)
		}
		if s := stats[0]; s.Name != "tape" || !s.Paged || s.Worker.Reads != 3 || s.Worker.Bytes != 3*4096 || s.Worker.Misses < 3 || s.Manager.Reads < 3 || s.Manager.Bytes < 3*4096 {
			t.Errorf("%+v", s)
		}
		if s := stats[1]; s.Name != "" || s.Worker.Reads != 1 || s.Worker.Bytes != 10 || s.Manager.Reads != 1 {
			t.Errorf("%+v", s)
		}
		w.Unshare("tape")
		c.Close()
		w.Close()
		if !closed {
			t.Error("its Close was not called when nobody had it any more")
		}
	})
}

// TestLiveOperations run where the bytes are: the worker fetches nothing.
func TestLiveOperations(t *testing.T) {
	everywhere(t, func(t *testing.T, m *outwork.Manager, w *outwork.Worker) {
		text := []byte(strings.Repeat("hay ", 50<<10) + "MZ\x90\x00\x50 NEEDLE needle" + strings.Repeat(" straw", 50<<10))
		c := container.FromReaderAt(bytes.NewReader(text), int64(len(text)), container.Live{})
		share(t, m, "live", c)
		ctx := within(t)
		for name, p := range map[string]pattern.Spec{
			"bytes":  {Texts: [][]byte{[]byte("straw")}},
			"fold":   {Texts: [][]byte{[]byte("Needle")}, Fold: true},
			"hex":    {Kind: pattern.KindHex, Texts: [][]byte{[]byte("4D 5A ?? [1-6] 50")}},
			"regexp": {Kind: pattern.KindRegexp, Texts: [][]byte{[]byte(`(?i)\bneed[a-z]+`)}},
			"any":    {Kind: pattern.KindAny, Texts: [][]byte{[]byte("needle"), []byte("needl"), []byte("NEED"), []byte("y h")}},
		} {
			for _, back := range []bool{false, true} {
				for _, limit := range []int{1, 3, 1 << 30} {
					r, err := liveFunc.Call(ctx, w, liveArgs{Name: "live", Op: "search", Pattern: p, Back: back, Limit: limit})
					if err != nil {
						t.Fatal(name, err)
					}
					want := here(t, text, p, back, limit)
					if len(want) == 0 || fmt.Sprint(r.Matches) != fmt.Sprint(want) {
						t.Errorf("%s, back %t: %d matches, %.100v, want %d, %.100v", name, back, len(r.Matches), r.Matches, len(want), want)
					}
					if r.Stats.Fetched != 0 || r.Stats.Searches == 0 {
						t.Errorf("%s: %+v", name, r.Stats)
					}
				}
			}
		}
		for _, name := range []string{"sha256", "xxh3", "crc32"} {
			r, err := liveFunc.Call(ctx, w, liveArgs{Name: "live", Op: name})
			want, err2 := container.Hash(ctx, container.FromBytes(text), name)
			if err != nil || err2 != nil || !bytes.Equal(r.Bytes, want) || r.Stats.Fetched != 0 {
				t.Errorf("%s: %x, want %x, %+v, %v, %v", name, r.Bytes, want, r.Stats, err, err2)
			}
		}
		if sum, err := liveFunc.Call(ctx, w, liveArgs{Name: "live", Op: "sha256"}); err != nil || [32]byte(sum.Bytes) != sha256.Sum256(text) {
			t.Errorf("%x, %v", sum.Bytes, err)
		}
		for off, want := range map[int64]int64{4: 50<<10*4 - 4, 0: -1} {
			r, err := liveFunc.Call(ctx, w, liveArgs{Name: "live", Op: "compare", Off: off})
			if err != nil || r.At != want {
				t.Errorf("compared with what begins at %d: %d, %v", off, r.At, err)
			}
		}
	})
}

// here is what a search of text finds.
func here(t *testing.T, text []byte, s pattern.Spec, back bool, limit int) (all []pattern.Match) {
	t.Helper()
	p, err := pattern.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	for m, err := range container.Search(t.Context(), container.FromBytes(text), p, container.Range{Back: back}) {
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, m); len(all) == limit {
			break
		}
	}
	return all
}

// TestLiveFails: what a source does not give is an error that says where, what and why.
func TestLiveFails(t *testing.T) {
	everywhere(t, func(t *testing.T, m *outwork.Manager, w *outwork.Worker) {
		src := &meter{text: "text", bad: 50000}
		share(t, m, "disk", container.FromReaderAt(src, 1<<20, container.Live{Name: "/dev/bad"}))
		if r, err := liveFunc.Call(within(t), w, liveArgs{Name: "disk", Op: "read", Off: 49000, Len: 1000}); err != nil || string(r.Bytes[:8]) != "texttext" {
			t.Errorf("before the bad sector, in its page: %q, %v", r.Bytes, err)
		}
		for op, a := range map[string]liveArgs{
			"read":   {Off: 49990, Len: 20},
			"search": {Pattern: pattern.Spec{Texts: [][]byte{[]byte("none")}}},
			"xxh3":   {},
		} {
			a.Name, a.Op = "disk", op
			_, err := liveFunc.Call(within(t), w, a)
			if !errors.Is(err, syscall.EIO) {
				t.Errorf("%s: %v", op, err)
				continue
			}
			for _, part := range []string{`shared "disk"`, "/dev/bad", "input/output error", " of "} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%s: %v lacks %q", op, err, part)
				}
			}
		}
		if _, err := liveFunc.Call(within(t), w, liveArgs{Name: "disk", Op: "read", Off: 49990, Len: 20}); !strings.Contains(err.Error(), "10 of 20 bytes at 49990") {
			t.Error(err)
		}
	})
}

// TestServed: when Limits.Served is spent an error says so, and the worker lives on.
func TestServed(t *testing.T) {
	var m outwork.Manager
	defer m.Close()
	w, err := m.Start(within(t), outwork.Target{Limits: sandbox.Limits{Served: 100 << 10}})
	if err != nil {
		t.Fatal(err)
	}
	src := &meter{text: "x"}
	share(t, &m, "live", container.FromReaderAt(src, 1<<40, container.Live{}))
	share(t, &m, "memory", container.FromBytes(make([]byte, 1<<20)))
	if _, err := liveFunc.Call(within(t), w, liveArgs{Name: "live", Op: "read", Len: 10}); err != nil {
		t.Fatal(err)
	}
	for _, op := range []string{"search", "xxh3"} {
		_, err := liveFunc.Call(within(t), w, liveArgs{Name: "live", Op: op, Pattern: pattern.Spec{Texts: [][]byte{[]byte("none")}}})
		if err == nil || !strings.Contains(err.Error(), "the quota of 102400 bytes") {
			t.Errorf("%s: %v", op, err)
		}
	}
	for off := int64(0); ; off += 64 << 10 {
		_, err := liveFunc.Call(within(t), w, liveArgs{Name: "live", Op: "read", Off: off, Len: 8192})
		if err != nil && strings.Contains(err.Error(), "the quota of 102400 bytes") {
			break
		}
		if err != nil || off > 1<<20 {
			t.Fatal(off, err)
		}
	}
	if got := src.got.Load(); got > 100<<10 || got < 84<<10 {
		t.Errorf("%d bytes were read", got)
	}
	if _, err := liveFunc.Call(within(t), w, liveArgs{Name: "memory", Op: "sha256"}); err != nil {
		t.Error("what is mapped:", err)
	}
}

// TestStuckSource: a source that does not answer holds what asked it, and nothing else;
// and nobody waits for it for ever.
func TestStuckSource(t *testing.T) {
	var m outwork.Manager
	defer m.Close()
	stuck := &meter{text: "x", block: make(chan struct{})}
	defer close(stuck.block)
	share(t, &m, "stuck", container.FromReaderAt(stuck, 1<<20, container.Live{}))
	share(t, &m, "live", container.FromReaderAt(&meter{text: "x"}, 1<<20, container.Live{}))
	w, err := m.Start(within(t), outwork.Target{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	p := liveFunc.Go(ctx, w, liveArgs{Name: "stuck", Op: "read", Len: 10})
	for stuck.reads.Load() == 0 {
		if _, err := liveFunc.Call(within(t), w, liveArgs{Name: "live", Op: "read", Len: 10}); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if _, err := p.Result(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := liveFunc.Call(within(t), w, liveArgs{Name: "live", Op: "read", Len: 10}); err != nil {
		t.Error(err)
	}
	m.Close() // which the test's time would end
}

// TestLiveProcess: the memory of a process that ends.
func TestLiveProcess(t *testing.T) {
	cmd := exec.Command("/bin/cat")
	cmd.Env = []string{"SECRET=the needle in its environment"}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	fmt.Fprintln(in, "it runs")
	if _, err := io.ReadFull(out, make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	c, err := container.FromProcess(cmd.Process.Pid)
	if errors.Is(err, os.ErrPermission) && os.Getenv("CI") == "" {
		t.Skipf("reading its memory takes the right to trace it: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	everywhere(t, func(t *testing.T, m *outwork.Manager, w *outwork.Worker) {
		if err := m.Share("cat", c); err != nil {
			t.Fatal(err)
		}
		needle := pattern.Spec{Texts: [][]byte{[]byte("the needle in its environment")}}
		r, err := liveFunc.Call(within(t), w, liveArgs{Name: "cat", Op: "search", Pattern: needle})
		if err != nil || len(r.Matches) == 0 {
			t.Fatal(r.Matches, err)
		}
		at := r.Matches[0].Offset
		if r, err := liveFunc.Call(within(t), w, liveArgs{Name: "cat", Op: "read", Off: at, Len: 10}); string(r.Bytes) != "the needle" {
			t.Errorf("%q, %v", r.Bytes, err)
		}
		_, err = liveFunc.Call(within(t), w, liveArgs{Name: "cat", Op: "read", Off: 4096, Len: 10})
		if !errors.Is(err, container.ErrHole) || !strings.Contains(err.Error(), "process "+strconv.Itoa(cmd.Process.Pid)) || !strings.Contains(err.Error(), "at 4096") {
			t.Error("a hole:", err)
		}
	})
	cmd.Process.Kill()
	cmd.Wait()
	everywhere(t, func(t *testing.T, m *outwork.Manager, w *outwork.Worker) {
		if err := m.Share("cat", c); err != nil {
			t.Fatal(err)
		}
		_, err := liveFunc.Call(within(t), w, liveArgs{Name: "cat", Op: "search", Pattern: pattern.Spec{Texts: [][]byte{[]byte("x")}}})
		if !errors.Is(err, container.ErrProcessGone) {
			t.Error(err)
		}
	})
	c.Close()
}
