package link

import (
	"bytes"
	"context"
	"crypto/sha256"
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
	"testing/synctest"
	"time"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/container/pattern"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// asking counts what a worker asks for, by handle.
type counts struct {
	mu    sync.Mutex
	opens map[frame.Handle]int
}

func (c *counts) record(sent bool, h frame.Header, _ []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if sent && h.Kind == frame.Open {
		c.opens[h.Handle]++
	}
}

// since is what was asked for since it was last called.
func (c *counts) since() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for h, n := range c.opens {
		all = append(all, fmt.Sprintf("%d %s", n, h))
	}
	slices.Sort(all)
	clear(c.opens)
	return strings.Join(all, ", ")
}

// shelf shares containers, under their numbers from 1 on.
func shelf(shared ...container.Container) func(string, uint64) (uint64, container.Container, error) {
	return func(name string, have uint64) (uint64, container.Container, error) {
		var n int
		fmt.Sscan(name, &n)
		switch {
		case n < 1 || n > len(shared):
			return 0, nil, os.ErrNotExist
		case have == uint64(n):
			return have, nil, nil
		}
		return uint64(n), shared[n-1], nil
	}
}

// fetchShared is what is shared under name.
func fetchShared(t testing.TB, w *Link, name string) container.Container {
	t.Helper()
	c, err := w.Shared(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestFar(t *testing.T) {
	each(t, func(t *testing.T, by medium) {
		nothingLeft(t)
		text := numbered(3<<20 + 77)
		asked := &counts{opens: map[frame.Handle]int{}}
		m, w := pair(t, by, nil, Config{NoFiles: true, Container: shelf(sources(t, text)...)}, Config{NoFiles: true, Record: asked.record})
		for i, name := range []string{"1", "2"} {
			c := fetchShared(t, w, name)
			if c.Size() != int64(len(text)) || c.Immutable() != (i == 0) {
				t.Errorf("%d bytes, %t", c.Size(), c.Immutable())
			}
			if b, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size())); err != nil || !bytes.Equal(b, text) {
				t.Errorf("%d bytes, %v", len(b), err)
			}
			if b, err := c.Bytes(); i == 0 && !bytes.Equal(b, text) || i == 1 && !errors.Is(err, container.ErrMutable) {
				t.Errorf("%d bytes, %v", len(b), err)
			}
			if err := c.View(func(b []byte) error {
				if !bytes.Equal(b, text) {
					t.Error("the view differs")
				}
				return io.ErrNoProgress
			}); err != io.ErrNoProgress {
				t.Error(err)
			}
			part, err := c.Slice(1000, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			asked.since()
			needle := []byte("22222,")
			if at, err := part.Find(needle, 5); err != nil || at != int64(bytes.Index(text[1005:], needle))+5 {
				t.Error(at, err)
			}
			if got := asked.since(); got != "1 SEARCH_CONTAINER" {
				t.Error(got)
			}
			var all []int64
			for at, err := range part.All([]byte("1,")) {
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, at)
			}
			n, err := container.Count(t.Context(), part, []byte("1,"))
			if want := strings.Count(string(text[1000:1000+1<<20]), "1,"); len(all) != want || n != int64(want) || err != nil || all[0] != int64(bytes.Index(text[1000:], []byte("1,"))) {
				t.Error(len(all), n, want, err)
			}
			if got := asked.since(); got != "4 SEARCH_CONTAINER" { // 1,024, 8,192, the rest; the count
				t.Error(got)
			}
			sum, err := container.SHA256(t.Context(), part)
			if err != nil || sum != sha256.Sum256(text[1000:1000+1<<20]) {
				t.Errorf("%x, %v", sum, err)
			}
			if got := asked.since(); got != "1 HASH_CONTAINER" {
				t.Error(got)
			}
			c.Close()
			if _, err := c.ReadAt(make([]byte, 1), 0); err != container.ErrClosed {
				t.Error(err)
			}
			if _, err := part.ReadAt(make([]byte, 1), 0); err != nil {
				t.Error("a slice of what was closed:", err)
			}
			part.Close()
		}
		rest(t, m, w)
	})
}

// TestFarWithoutARequest: a reader whose context ends while no stream is free for what it
// asks returns, and one that waits for the same bytes gets them.
func TestFarWithoutARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const there = 1 << 20
		release := make(chan bool)
		src := reader(func(p []byte, off int64) (int, error) {
			<-release
			return len(p), nil
		})
		held := container.FromReaderAt(src, 2*there, container.Live{})
		m, w := pair(t, byMemory, nil, Config{NoFiles: true, Streams: 1, Container: shelf(held)}, Config{NoFiles: true})
		c, err := w.Shared(t.Context(), "1")
		if err != nil {
			t.Fatal(err)
		}
		read := func(ctx context.Context, off int64) <-chan error {
			ended := make(chan error, 1)
			go func() {
				_, err := container.ReadAt(ctx, c, make([]byte, 10), off)
				ended <- err
			}()
			synctest.Wait()
			return ended
		}
		first := read(t.Context(), 0) // has the stream
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		gone, stays := read(ctx, there), read(t.Context(), there)
		time.Sleep(time.Minute)
		synctest.Wait()
		select {
		case err := <-gone:
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		default:
			t.Error("it waits on")
		}
		close(release)
		if err := errors.Join(<-first, <-stays); err != nil {
			t.Error(err)
		}
		c.Close()
		m.Close()
		w.Close()
	})
}

// TestFarOverDistance: reading in sequence reaches the link's bandwidth.
func TestFarOverDistance(t *testing.T) {
	for _, d := range []distance{
		{10 * time.Millisecond, 100 << 20},
		{50 * time.Millisecond, 50 << 20},
		{100 * time.Millisecond, 125000},
	} {
		t.Run(fmt.Sprint(d), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				size := int64(100 << 20)
				if d.rate < 1<<20 {
					size = 2 << 20
				}
				data := make([]byte, size)
				_, w := pairAt(t, d, Config{Container: shelf(container.FromBytes(data))}, Config{})
				c := fetchShared(t, w, "1")
				began := time.Now()
				n, err := io.Copy(io.Discard, io.NewSectionReader(c, 0, size))
				took := time.Since(began)
				// Six round trips go by until enough is asked for.
				ideal := time.Duration(float64(size)/float64(d.rate)*1e9) + 12*d.delay
				if n != size || err != nil || took > ideal*11/10 {
					t.Errorf("%d bytes in %v, %v", n, took, err)
				}
			})
		})
	}
}

// pairAt is pair over a distance, in a bubble.
func pairAt(t testing.TB, d distance, manager, worker Config) (*Link, *Link) {
	t.Helper()
	a, b := apart(t, d)
	manager.Side, worker.Side = mux.ManagerSide, mux.WorkerSide
	worker.Serving = true
	for _, c := range []*Config{&manager, &worker} {
		c.Errors, c.Functions, c.NoFiles = &Errors{}, &Registry{}, true
	}
	m, w := New(a, manager), New(b, worker)
	t.Cleanup(func() { m.Close(); w.Close() })
	if _, err := m.Greeted(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m, w
}

// TestFarFiles: what a file's process has written before Shared is seen.
func TestFarFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	text := numbered(1 << 20)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := container.FromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	_, w := pair(t, byMemory, nil, Config{NoFiles: true, Container: shelf(file)}, Config{NoFiles: true})
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := file.ReadAt(make([]byte, 1), 0); err != nil { // it is open from now on
		t.Fatal(err)
	}
	for _, b := range []string{"a", "b", "c"} {
		if _, err := f.WriteAt([]byte(b), 500); err != nil {
			t.Fatal(err)
		}
		var got [1]byte
		if _, err := fetchShared(t, w, "1").ReadAt(got[:], 500); err != nil || string(got[:]) != b {
			t.Errorf("%q, want %q, %v", got, b, err)
		}
	}
	if err := f.Truncate(500 << 10); err != nil {
		t.Fatal(err)
	}
	c := fetchShared(t, w, "1")
	n, err := c.ReadAt(make([]byte, 200<<10), 400<<10)
	if n > 100<<10 || !errors.Is(err, container.ErrShrunk) || !strings.Contains(err.Error(), `shared "1": `) || !strings.Contains(err.Error(), "shrank") {
		t.Error(n, err)
	}
	b := make([]byte, 100<<10)
	if n, err := c.ReadAt(b, 400<<10); n != len(b) || err != nil {
		t.Error("what is there still:", n, err)
	}
	if _, err := c.Find([]byte("none"), 0); !errors.Is(err, container.ErrShrunk) || !strings.Contains(err.Error(), `shared "1": search from 0`) {
		t.Error(err)
	}
	if _, err := container.SHA256(t.Context(), c); err == nil || !strings.Contains(err.Error(), `shared "1": hash of 1048576 bytes at 0`) {
		t.Error(err)
	}
}

// TestFarShareIsOne: however it was asked for, its pages are kept once. Few bytes of
// it can be passed on.
func TestFarShareIsOne(t *testing.T) {
	text := numbered(1 << 20)
	asked := &counts{opens: map[frame.Handle]int{}}
	_, w := pair(t, byMemory, nil, Config{NoFiles: true, Container: shelf(container.FromBytes(text))}, Config{NoFiles: true, Record: asked.record})
	for i := range 3 {
		if i == 2 {
			w.shares.close() // as if it had made room
			w.shares.closed = false
		}
		var b [10]byte
		if _, err := fetchShared(t, w, "1").ReadAt(b[:], 777); err != nil || string(b[:]) != string(text[777:787]) {
			t.Errorf("%q, %v", b, err)
		}
	}
	if got := asked.since(); got != "1 READ_CONTAINER, 3 GET_CONTAINER" {
		t.Error(got)
	}
	part, err := fetchShared(t, w, "1").Slice(5, container.InlineMax)
	if err != nil {
		t.Fatal(err)
	}
	h, err := container.Pass(part)
	if err != nil || string(h.Inline) != string(text[5:5+container.InlineMax]) {
		t.Errorf("%d bytes, %v", len(h.Inline), err)
	}
}

// TestFarTogether: readers, searches and slices at once, and the link ends beneath
// them: all that ends with an error says so, and nothing is left.
func TestFarTogether(t *testing.T) {
	each(t, func(t *testing.T, by medium) {
		nothingLeft(t)
		text := numbered(8 << 20)
		m, w := pair(t, by, nil, Config{NoFiles: true, Container: shelf(sources(t, text)...)}, Config{NoFiles: true})
		var ended, whole atomic.Int64
		var wg sync.WaitGroup
		var all []container.Container // before anybody reads: the last to read enough ends the link
		for i := range 8 {
			all = append(all, fetchShared(t, w, fmt.Sprint(1+i%2)))
		}
		for _, c := range all {
			wg.Go(func() {
				for whole.Load() < 8 {
					b, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
					if err == nil && !bytes.Equal(b, text) {
						t.Error("other bytes")
					}
					if _, err := c.Find([]byte("none"), 0); err != nil {
						var down *Down
						if ended.Add(1); !errors.As(err, &down) || !strings.Contains(err.Error(), "shared ") {
							t.Error(err)
						}
						return
					}
					whole.Add(1)
				}
				m.Close()
			})
		}
		wg.Wait()
		_, err := fetchOr(w, "1")
		var down *Down
		if !errors.As(err, &down) {
			t.Error(err)
		}
		w.Close()
	})
}

func fetchOr(w *Link, name string) (int, error) {
	c, err := w.Shared(context.Background(), name)
	if err != nil {
		return 0, &Down{Err: err}
	}
	return c.ReadAt(make([]byte, 1), 1<<20)
}

// TestFarLostWhileWaiting: who waits for bytes that will not come is told.
func TestFarLostWhileWaiting(t *testing.T) {
	nothingLeft(t)
	c := &vast{read: make(chan []byte), begun: make(chan struct{})}
	m, w := pair(t, byMemory, nil, Config{NoFiles: true, Container: shelf(c)}, Config{NoFiles: true})
	far := fetchShared(t, w, "1")
	failed := make(chan error)
	for range 3 {
		go func() {
			_, err := far.ReadAt(make([]byte, 10), 1<<30)
			failed <- err
		}()
	}
	<-c.begun
	w.Fail(io.ErrClosedPipe)
	for range 3 {
		if err := <-failed; !errors.Is(err, io.ErrClosedPipe) || !strings.Contains(err.Error(), `shared "1": 10 bytes at 1073741824: the link ended`) {
			t.Error(err)
		}
	}
	close(c.read) // the manager's Close waits for it
	m.Close()
	w.Close()
	if _, err := far.ReadAt(make([]byte, 10), 0); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}

// farReply is what a hostile manager answers to a worker's request for 100 KiB under
// a name, or for parts of it.
type farReply struct {
	name string
	do   func(c container.Container)
	h    frame.Handle // of the answer
	b    []byte
	rule string
}

var (
	findX    = func(c container.Container) { c.Find([]byte("x"), 10) }
	read10   = func(c container.Container) { c.ReadAt(make([]byte, 10), 0) }
	hashIt   = func(c container.Container) { container.SHA256(context.Background(), c) }
	quickly  = func(c container.Container) { container.XXH3(context.Background(), c) }
	compares = func(c container.Container) { container.Compare(context.Background(), c, c) }
	extends  = func(c container.Container) { container.Extent(context.Background(), c, 10) }
	anyXY    = searching(pattern.Spec{Kind: pattern.KindAny, Texts: [][]byte{[]byte("x"), []byte("y")}}, false)
	backX    = searching(pattern.Spec{Texts: [][]byte{[]byte("x")}}, true)
	regexpX  = searching(pattern.Spec{Kind: pattern.KindRegexp, Texts: [][]byte{[]byte("x+")}}, false)
	countX   = func(c container.Container) { container.Count(context.Background(), c, []byte("x")) }
)

// searching looks for all matches.
func searching(s pattern.Spec, back bool) func(c container.Container) {
	return func(c container.Container) {
		p, err := pattern.Compile(s)
		if err != nil {
			panic(err)
		}
		for range container.Search(context.Background(), c, p, container.Range{Back: back}) {
		}
	}
}

var farReplies = []farReply{
	{"too few bytes", read10, frame.Reply, mustBytes(&bytesReplyPlan, bytesReply{make([]byte, 16<<10-1)}), "reply"},
	{"too many bytes", read10, frame.Reply, mustBytes(&bytesReplyPlan, bytesReply{make([]byte, 16<<10+1)}), "reply"},
	{"no bytes", read10, frame.Reply, mustBytes(&bytesReplyPlan, bytesReply{[]byte{}}), "reply"},
	{"bytes behind the bytes", read10, frame.Reply, append(mustBytes(&bytesReplyPlan, bytesReply{make([]byte, 16<<10)}), 0), "message"},
	{"a length that is claimed", read10, frame.Reply, append([]byte("\x81\x59\x40\x00"), make([]byte, 100)...), "message"},
	{"a text", read10, frame.Reply, []byte("\x81\x61x"), "message"},
	{"PROGRESS", read10, frame.Progress, []byte("\x83\x00\x00\x60"), "reply"},
	{"an error that is none", read10, frame.Error, []byte("\x00"), "message"},
	{"a match before the search", findX, frame.Reply, mustBytes(&searchReplyPlan, textFound(1, []int64{9}, -1, 1)), "reply"},
	{"a match behind the end", findX, frame.Reply, mustBytes(&searchReplyPlan, textFound(1, []int64{100 << 10}, -1, 1)), "reply"},
	{"two matches", findX, frame.Reply, mustBytes(&searchReplyPlan, textFound(1, []int64{11, 12}, -1, 2)), "reply"},
	{"a match and no count", findX, frame.Reply, mustBytes(&searchReplyPlan, textFound(1, []int64{11}, -1, 0)), "reply"},
	{"a search without end", findX, frame.Reply, mustBytes(&searchReplyPlan, textFound(1, []int64{}, 10, 0)), "reply"},
	{"a search that goes back", findX, frame.Reply, mustBytes(&searchReplyPlan, textFound(1, []int64{20}, 20, 1)), "reply"},
	{"a search that goes on outside", findX, frame.Reply, mustBytes(&searchReplyPlan, textFound(1, []int64{20}, 100<<10+1, 1)), "reply"},
	{"a negative count", countX, frame.Reply, mustBytes(&searchReplyPlan, textFound(1, []int64{}, -1, -1)), "reply"},
	{"more matches than bytes", countX, frame.Reply, mustBytes(&searchReplyPlan, textFound(1, []int64{}, -1, 100<<10+1)), "reply"},
	{"a count with places", countX, frame.Reply, mustBytes(&searchReplyPlan, textFound(1, []int64{1}, -1, 1)), "reply"},
	{"no length", findX, frame.Reply, mustBytes(&searchReplyPlan, searchReply{[]int64{20}, []int64{}, []int64{}, -1, 1}), "reply"},
	{"two lengths", findX, frame.Reply, mustBytes(&searchReplyPlan, searchReply{[]int64{20}, []int64{1, 1}, []int64{}, -1, 1}), "reply"},
	{"a length of nothing", findX, frame.Reply, mustBytes(&searchReplyPlan, searchReply{[]int64{}, []int64{1}, []int64{}, -1, 0}), "reply"},
	{"a length of 0", findX, frame.Reply, mustBytes(&searchReplyPlan, textFound(0, []int64{20}, -1, 1)), "reply"},
	{"a negative length", findX, frame.Reply, mustBytes(&searchReplyPlan, textFound(-5, []int64{20}, -1, 1)), "reply"},
	{"a length beyond the end", findX, frame.Reply, mustBytes(&searchReplyPlan, textFound(1<<63-1, []int64{20}, -1, 1)), "reply"},
	{"the number of a text", findX, frame.Reply, mustBytes(&searchReplyPlan, searchReply{[]int64{20}, []int64{1}, []int64{0}, -1, 1}), "reply"},
	{"no number of a text", anyXY, frame.Reply, mustBytes(&searchReplyPlan, textFound(1, []int64{20}, -1, 1)), "reply"},
	{"a text that is none", anyXY, frame.Reply, mustBytes(&searchReplyPlan, searchReply{[]int64{20}, []int64{1}, []int64{2}, -1, 1}), "reply"},
	{"a text below 0", anyXY, frame.Reply, mustBytes(&searchReplyPlan, searchReply{[]int64{20}, []int64{1}, []int64{-1}, -1, 1}), "reply"},
	{"the same twice", anyXY, frame.Reply, mustBytes(&searchReplyPlan, searchReply{[]int64{20, 20}, []int64{1}, []int64{1, 1}, -1, 2}), "reply"},
	{"texts out of order", anyXY, frame.Reply, mustBytes(&searchReplyPlan, searchReply{[]int64{20, 20}, []int64{1}, []int64{1, 0}, -1, 2}), "reply"},
	{"forwards, where it was backwards", backX, frame.Reply, mustBytes(&searchReplyPlan, textFound(1, []int64{20, 30}, -1, 2)), "reply"},
	{"on backwards at the same place", backX, frame.Reply, mustBytes(&searchReplyPlan, textFound(1, []int64{30, 20}, 21, 2)), "reply"},
	{"on backwards at the beginning", backX, frame.Reply, mustBytes(&searchReplyPlan, textFound(1, []int64{30, 20}, 0, 2)), "reply"},
	{"matches of a regexp that overlap", regexpX, frame.Reply, mustBytes(&searchReplyPlan, searchReply{[]int64{20, 24}, []int64{5, 5}, []int64{}, -1, 2}), "reply"},
	{"a long xxh3", quickly, frame.Reply, mustBytes(&bytesReplyPlan, bytesReply{make([]byte, 9)}), "reply"},
	{"a difference behind", compares, frame.Reply, mustBytes(&compareReplyPlan, compareReply{100 << 10}), "reply"},
	{"a difference before", compares, frame.Reply, mustBytes(&compareReplyPlan, compareReply{-2}), "reply"},
	{"an extent before", extends, frame.Reply, mustBytes(&extentReplyPlan, extentReply{5, 20}), "reply"},
	{"an empty extent", extends, frame.Reply, mustBytes(&extentReplyPlan, extentReply{20, 20}), "reply"},
	{"an extent beyond", extends, frame.Reply, mustBytes(&extentReplyPlan, extentReply{20, 100<<10 + 1}), "reply"},
	{"an extent that is no CBOR", extends, frame.Reply, []byte("\x82\x01"), "message"},
	{"half a hash", hashIt, frame.Reply, mustBytes(&bytesReplyPlan, bytesReply{make([]byte, 16)}), "reply"},
	{"a search that is no CBOR", findX, frame.Reply, []byte{0xff}, "message"},
}

// hostileShelf is a worker's link to a raw manager which has shared 100 KiB, and the
// container that the worker has of it.
func hostileShelf(t *testing.T, p part) (*Link, *raw, container.Container, error) {
	t.Helper()
	l, r := greeted(t, mux.WorkerSide, nil, Config{NoFiles: true})
	type got struct {
		c   container.Container
		err error
	}
	came := make(chan got, 1)
	go func() {
		c, err := l.Shared(context.Background(), "c")
		came <- got{c, err}
	}()
	h, _ := r.until(frame.Open, frame.GetContainer)
	r.message(h.Stream, frame.Reply, mustBytes(&containerReplyPlan, containerReply{1, false, p}))
	g := <-came
	return l, r, g.c, g.err
}

func TestHostileFarReplies(t *testing.T) {
	for _, c := range farReplies {
		t.Run(c.name, func(t *testing.T) {
			nothingLeft(t)
			l, r, far, err := hostileShelf(t, part{Kind: partPaged, Size: 100 << 10, Immutable: true, Inline: []byte{}})
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan bool)
			go func() { c.do(far); close(ended) }()
			h := r.opened()
			r.message(h.Stream, c.h, c.b)
			if rule := ends(t, l); rule != c.rule {
				t.Errorf("rule %q: %v", rule, l.Err())
			}
			<-ended
		})
	}
}

// opened is the next OPEN.
func (r *raw) opened() frame.Header {
	for {
		h, _, ok := r.next()
		if !ok || h.Kind == frame.Open {
			return h
		}
	}
}

func TestHostileFarContainers(t *testing.T) {
	for name, p := range map[string]part{
		"a negative size": {Kind: partPaged, Size: -1},
		"a vast size":     {Kind: partPaged, Size: 1<<63 - 1},
		"an offset":       {Kind: partPaged, Size: 5, Offset: 1},
		"a stream":        {Kind: partPaged, Size: 5, Stream: 1},
		"bytes":           {Kind: partPaged, Size: 5, Inline: []byte("bytes")},
	} {
		t.Run(name, func(t *testing.T) {
			nothingLeft(t)
			if p.Inline == nil {
				p.Inline = []byte{}
			}
			l, _, _, err := hostileShelf(t, p)
			if rule := ends(t, l); rule != "reply" || err == nil {
				t.Errorf("rule %q: %v, %v", rule, l.Err(), err)
			}
		})
	}
}

// TestFarErrors: a manager's error, or its giving up, is the read's, and the link
// lives on.
func TestFarErrors(t *testing.T) {
	nothingLeft(t)
	l, r, far, err := hostileShelf(t, part{Kind: partPaged, Size: 100 << 10, Inline: []byte{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"a bad sector", "the manager gave the request up"} {
		failed := make(chan error)
		go func() {
			_, err := far.ReadAt(make([]byte, 10), 50<<10)
			failed <- err
		}()
		for range 2 { // the page, then what was asked for
			h := r.opened()
			if text == "a bad sector" {
				r.message(h.Stream, frame.Error, l.failure(errors.New(text)))
			} else {
				r.reset(h.Stream)
			}
		}
		if err := <-failed; !strings.Contains(err.Error(), `shared "c": 10 bytes at 51200: `+text) {
			t.Error(err)
		}
	}
	if l.Err() != nil {
		t.Error(l.Err())
	}
}

// BenchmarkFar reads 100 MiB in sequence over a link without files; raw copies the
// same bytes through the same transport, with nothing above it.
func BenchmarkFar(b *testing.B) {
	data := make([]byte, 100<<20)
	for _, by := range []medium{byMemory, byPipes} {
		b.Run(string(by), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				// A link of its own: nothing is kept from the last time.
				m, w := pair(b, by, nil, Config{NoFiles: true, Container: shelf(container.FromBytes(data))}, Config{NoFiles: true})
				c, err := w.Shared(b.Context(), "1")
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.CopyBuffer(onlyWrites{io.Discard}, io.NewSectionReader(c, 0, c.Size()), make([]byte, 64<<10)); n != c.Size() || err != nil {
					b.Fatal(n, err)
				}
				m.Close()
				w.Close()
			}
		})
		b.Run(string(by)+"/raw", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				to, from := by.transports(b)
				sent := make(chan bool)
				go func() {
					(&raw{t: b, tr: to}).write(data)
					close(sent)
				}()
				buf, left := make([]byte, 64<<10), len(data)
				for left > 0 {
					n, _, err := from.Recv([][]byte{buf})
					if left -= n; errors.Is(err, mux.ErrAgain) {
						err = from.Poll()
					}
					if err != nil {
						b.Fatal(err)
					}
				}
				<-sent
				to.Close()
				from.Close()
			}
		})
	}
}

// onlyWrites hides what else a Writer can do.
type onlyWrites struct{ io.Writer }

func TestBytesReplyHead(t *testing.T) {
	for _, n := range []int64{0, 1, 23, 24, 255, 256, 65535, 65536, MaxPage} {
		if want := mustBytes(&bytesReplyPlan, bytesReply{make([]byte, n)}); !bytes.Equal(append(bytesReplyHead(n), make([]byte, n)...), want) {
			t.Errorf("%d: %x, want %x", n, bytesReplyHead(n), want[:6])
		}
	}
}

// FuzzReadBytes: an answer that is taken as it lies is one that decodes, to the same.
func FuzzReadBytes(f *testing.F) {
	f.Add([]byte("\x81\x41x"), int64(1))
	f.Add([]byte("\x81\x58\x01x"), int64(1))
	f.Add(mustBytes(&bytesReplyPlan, bytesReply{make([]byte, 300)}), int64(300))
	f.Fuzz(func(t *testing.T, payload []byte, n int64) {
		if n = n & (MaxPage - 1); n == 0 {
			n = MaxPage
		}
		owned, oerr := readBytes(payload, true, n)
		copied, cerr := readBytes(payload, false, n)
		if (oerr == nil) != (cerr == nil) || !bytes.Equal(owned, copied) || oerr == nil && int64(len(owned)) != n {
			t.Errorf("%d of %d bytes, %v; decoded %d, %v", len(owned), n, oerr, len(copied), cerr)
		}
	})
}
