package link

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// pager is a raw worker that asks for parts of what is shared.
type pager struct {
	*raw
	stream uint32 // its last
}

// paging is a manager's link without files, which shares containers as 1, 2, and so
// on. The worker knows them when known is set.
func paging(t *testing.T, known bool, shared ...container.Container) (*Link, *pager) {
	t.Helper()
	if known {
		return pagingWith(t, Config{}, shared...)
	}
	return pagingBy(t, Config{}, shared...)
}

// pagingWith is paging with more of a configuration; the worker knows the containers.
func pagingWith(t *testing.T, cfg Config, shared ...container.Container) (*Link, *pager) {
	t.Helper()
	l, p := pagingBy(t, cfg, shared...)
	for i, c := range shared {
		reply := p.get(fmt.Sprint(i + 1))
		if want := (part{Kind: partPaged, Size: c.Size(), Immutable: c.Immutable(), Inline: []byte{}}); !reflect.DeepEqual(reply, containerReply{uint64(i + 1), false, want}) {
			t.Fatalf("%+v", reply)
		}
	}
	return l, p
}

func pagingBy(t *testing.T, cfg Config, shared ...container.Container) (*Link, *pager) {
	t.Helper()
	cfg.NoFiles = true
	cfg.Container = func(name string, have uint64) (uint64, container.Container, error) {
		var n int
		fmt.Sscan(name, &n)
		if n < 1 || n > len(shared) {
			return 0, nil, os.ErrNotExist
		}
		return uint64(n), shared[n-1], nil
	}
	l, r := greeted(t, mux.ManagerSide, nil, cfg)
	return l, &pager{raw: r}
}

// ask sends a request, and does not wait for the answer.
func (p *pager) ask(h frame.Handle, payload []byte) uint32 {
	p.stream += 2
	p.open(p.stream, h, payload)
	p.frame(frame.Header{Stream: p.stream, Kind: frame.Credit}, binary.BigEndian.AppendUint32(nil, 4<<20))
	return p.stream
}

// answer is what comes on stream: a REPLY's payload, or the text of an ERROR.
func (p *pager) answer(stream uint32) (reply []byte, fail string) {
	p.t.Helper()
	var got []byte
	for {
		h, payload, ok := p.next()
		if !ok || h.Stream == stream && h.Kind == frame.Reset {
			p.t.Fatalf("no answer: %v", h)
		}
		if h.Stream != stream || h.Kind != frame.Message {
			continue
		}
		got = append(got, payload...)
		if h.Flags&frame.End == 0 {
			continue
		}
		if h.Handle == frame.Reply {
			return got, ""
		}
		var f failure
		if err := failurePlan.only(got, &f, "ERROR"); err != nil {
			p.t.Fatal(err)
		}
		return nil, f.Text
	}
}

func (p *pager) get(name string) (reply containerReply) {
	b, fail := p.answer(p.ask(frame.GetContainer, mustBytes(&containerRequestPlan, containerRequest{0, name, 0})))
	if fail != "" {
		p.t.Fatal(fail)
	}
	if err := containerReplyPlan.only(b, &reply, "it"); err != nil {
		p.t.Fatal(err)
	}
	return reply
}

// asks sends r, and returns the answer.
func asks[T, R any](p *pager, h frame.Handle, plan *lazy[T], r T, replyPlan *lazy[R]) (reply R, fail string) {
	b, fail := p.answer(p.ask(h, mustBytes(plan, r)))
	if fail == "" {
		if err := replyPlan.only(b, &reply, "it"); err != nil {
			p.t.Fatal(err)
		}
	}
	return reply, fail
}

func (p *pager) read(r readRequest) (string, string) {
	reply, fail := asks(p, frame.ReadContainer, &readPlan, r, &bytesReplyPlan)
	return string(reply.Bytes), fail
}

func (p *pager) hash(r hashRequest) (string, string) {
	reply, fail := asks(p, frame.HashContainer, &hashPlan, r, &bytesReplyPlan)
	return string(reply.Bytes), fail
}

func (p *pager) search(r searchRequest) (searchReply, string) {
	return asks(p, frame.SearchContainer, &searchPlan, r, &searchReplyPlan)
}

// textSearch is for the bytes of one text.
func textSearch(share uint64, text []byte, from, to, limit int64, count bool) searchRequest {
	return searchRequest{Share: share, Texts: [][]byte{text}, From: from, Before: to, To: to, Limit: limit, Count: count}
}

// textFound is the answer: places of a text of n bytes.
func textFound(n int64, places []int64, next, count int64) searchReply {
	reply := searchReply{Offsets: places, Lengths: []int64{}, Indexes: []int64{}, Next: next, Count: count}
	if len(places) > 0 {
		reply.Lengths = []int64{n}
	}
	return reply
}

// alive checks that nothing but the answer to a PING comes.
func (p *pager) alive() {
	p.t.Helper()
	p.control(frame.Ping, []byte("alive?"))
	if h, _, ok := p.next(); !ok || h.Handle != frame.Pong {
		p.t.Errorf("%v came, %t", h, ok)
	}
}

// sources are containers of text from bytes and from a file.
func sources(t *testing.T, text []byte) []container.Container {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := container.FromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return []container.Container{container.FromBytes(text), f}
}

// numbered is n bytes of text, no two places of which are alike for long.
func numbered(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%d,", i)
	}
	return b.Bytes()[:n]
}

func TestPagedReads(t *testing.T) {
	text := numbered(3 << 20)
	_, p := paging(t, true, sources(t, text)...)
	for share := uint64(1); share <= 2; share++ {
		for _, c := range []struct{ off, n int64 }{{0, 1}, {5, 100}, {1000, MaxPage}, {3<<20 - 7, 7}, {3 << 20, 0}, {0, 0}} {
			got, fail := p.read(readRequest{share, c.off, c.n})
			if fail != "" || got != string(text[c.off:c.off+c.n]) {
				t.Errorf("share %d, %d at %d: %d bytes, %s", share, c.n, c.off, len(got), fail)
			}
		}
		for _, c := range []struct{ off, n int64 }{{-1, 1}, {0, -1}, {3<<20 - 7, 8}, {3<<20 + 1, 0}, {1 << 62, 1}, {-1 << 63, 1}, {1<<63 - 1, 1}, {0, -1 << 63}} {
			if _, fail := p.read(readRequest{share, c.off, c.n}); !strings.Contains(fail, "outside the container") || !strings.Contains(fail, fmt.Sprint(c.off)) {
				t.Errorf("share %d, %d at %d: %q", share, c.n, c.off, fail)
			}
		}
		if _, fail := p.read(readRequest{share, 0, MaxPage + 1}); !strings.Contains(fail, "1048576") {
			t.Error(fail)
		}
	}
	if _, fail := p.read(readRequest{3, 0, 1}); !strings.Contains(fail, "share 3") {
		t.Error(fail)
	}
}

func TestPagedHashes(t *testing.T) {
	text := numbered(3 << 20)
	_, p := paging(t, true, sources(t, text)...)
	for share := uint64(1); share <= 2; share++ {
		for _, c := range []struct{ off, n int }{{0, 3 << 20}, {1, 1 << 20}, {7, 0}} {
			want := sha256.Sum256(text[c.off : c.off+c.n])
			if got, fail := p.hash(hashRequest{share, int64(c.off), int64(c.n), "sha256"}); got != string(want[:]) {
				t.Errorf("share %d, %d at %d: %x, %s", share, c.n, c.off, got, fail)
			}
		}
		if _, fail := p.hash(hashRequest{share, 0, 1, "md5"}); !strings.Contains(fail, `"md5"`) || !strings.Contains(fail, "sha256") {
			t.Error(fail)
		}
		if _, fail := p.hash(hashRequest{share, 1, 3 << 20, "sha256"}); !strings.Contains(fail, "outside") {
			t.Error(fail)
		}
	}
}

func TestPagedSearches(t *testing.T) {
	// Matches at a window's borders, and overlapping ones.
	text := make([]byte, 2*(16<<20)+100)
	places := []int64{0, 5, 7, (16 << 20) - 2, (16 << 20), (16 << 20) + 2, 2*(16<<20) - 1, int64(len(text)) - 3}
	for _, at := range places {
		copy(text[at:], "aba")
	}
	_, p := paging(t, true, sources(t, text)...)
	aba, end := []byte("aba"), int64(len(text))
	for share := uint64(1); share <= 2; share++ {
		for _, c := range []struct {
			r    searchRequest
			want searchReply
		}{
			{textSearch(0, aba, 0, end, MaxMatches, false), textFound(3, places, -1, 8)},
			{textSearch(0, aba, 0, end, 3, false), textFound(3, places[:3], 8, 3)},
			{textSearch(0, aba, 8, end, 5, false), textFound(3, places[3:], -1, 5)}, // no more fits behind the last
			{textSearch(0, aba, 0, 10, 3, false), textFound(3, places[:3], -1, 3)},
			{textSearch(0, aba, 1, 9, MaxMatches, false), textFound(3, places[1:2], -1, 1)},
			{textSearch(0, aba, 0, end, 0, true), textFound(3, []int64{}, -1, 8)},
			{textSearch(0, aba, (16<<20)-2, (16<<20)+2, 9, true), textFound(3, []int64{}, -1, 1)},
			{textSearch(0, aba, 5, 7, 1, false), textFound(3, []int64{}, -1, 0)},
			{textSearch(0, aba, end, end, 1, false), textFound(3, []int64{}, -1, 0)},
			{textSearch(0, []byte("none"), 0, end, 1, false), textFound(3, []int64{}, -1, 0)},
			{textSearch(0, make([]byte, MaxPattern), 100, 100+MaxPattern, 1, false), textFound(MaxPattern, []int64{100}, -1, 1)},
		} {
			c.r.Share = share
			if got, fail := p.search(c.r); fail != "" || !reflect.DeepEqual(got, c.want) {
				t.Errorf("share %d, %.3q from %d to %d: %+v, %s", share, c.r.Texts[0], c.r.From, c.r.To, got, fail)
			}
		}
	}
	for _, c := range []struct {
		r    searchRequest
		want string
	}{
		{textSearch(1, nil, 0, end, 1, false), "empty text"},
		{textSearch(1, make([]byte, MaxPattern+1), 0, end, 1, false), "65537 bytes"},
		{textSearch(1, aba, 0, end, 0, false), "limit"},
		{textSearch(1, aba, 0, end, MaxMatches+1, false), "limit"},
		{textSearch(1, aba, -1, end, 1, false), "outside"},
		{textSearch(1, aba, 2, 1, 1, false), "outside"},
		{textSearch(1, aba, 0, end+1, 1, false), "outside"},
		{textSearch(1, aba, 0, 1<<63-1, 1, true), "outside"},
		{textSearch(9, aba, 0, end, 1, true), "share 9"},
	} {
		if _, fail := p.search(c.r); !strings.Contains(fail, c.want) {
			t.Errorf("%d bytes from %d to %d, %d: %q", len(c.r.Texts[0]), c.r.From, c.r.To, c.r.Limit, fail)
		}
	}
}

// TestMostMatches: the longest answer to a search crosses.
func TestMostMatches(t *testing.T) {
	_, p := paging(t, true, container.FromBytes(make([]byte, 1<<20)))
	got, fail := p.search(textSearch(1, []byte{0}, 1<<20-MaxMatches-1, 1<<20, MaxMatches, false))
	if fail != "" || len(got.Offsets) != MaxMatches || got.Next != 1<<20-1 || got.Count != MaxMatches {
		t.Error(len(got.Offsets), got.Next, fail)
	}
}

// TestPagedFileThatShrank: an error that says where and why, and no zeros.
func TestPagedFileThatShrank(t *testing.T) {
	text := numbered(1 << 20)
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := container.FromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	l, p := paging(t, true, c)
	if got, _ := p.read(readRequest{1, 0, 5}); got != string(text[:5]) { // it is open now
		t.Errorf("%q", got)
	}
	if err := os.Truncate(path, 500<<10); err != nil {
		t.Fatal(err)
	}
	_, fail := p.read(readRequest{1, 400 << 10, 200 << 10})
	if !strings.Contains(fail, "102400 of 204800 bytes at 409600") || !strings.Contains(fail, "shrank") {
		t.Error(fail)
	}
	if _, fail := p.search(textSearch(1, []byte("none"), 100, 1<<20, 1, false)); !strings.Contains(fail, "bytes at 262244") || !strings.Contains(fail, "shrank") {
		t.Error(fail)
	}
	if _, fail := p.hash(hashRequest{1, 0, 1 << 20, "sha256"}); !strings.Contains(fail, "bytes at 262144") || !strings.Contains(fail, "shrank") {
		t.Error(fail)
	}
	if got, fail := p.read(readRequest{1, 0, 500 << 10}); got != string(text[:500<<10]) {
		t.Error("what is there still:", fail)
	}
	if l.Err() != nil {
		t.Error(l.Err())
	}
}

// TestPagedShares: what crosses inline is not paged, and what is paged is kept until
// the link ends, once.
func TestPagedShares(t *testing.T) {
	nothingLeft(t)
	short, long := container.FromBytes([]byte("short")), container.FromBytes(make([]byte, container.InlineMax+1))
	l, p := paging(t, false, short, long)
	if _, fail := p.read(readRequest{2, 0, 1}); !strings.Contains(fail, "share 2") {
		t.Errorf("before it was asked for: %q", fail)
	}
	if got := p.get("1").Part; got.Kind != partContainer || string(got.Inline) != "short" || !got.Immutable {
		t.Errorf("%+v", got)
	}
	if _, fail := p.read(readRequest{1, 0, 1}); !strings.Contains(fail, "share 1") {
		t.Errorf("what crossed as itself: %q", fail)
	}
	for range 2 {
		if got := p.get("2").Part; got.Kind != partPaged || got.Size != container.InlineMax+1 || got.Stream != 0 || len(got.Inline) != 0 {
			t.Errorf("%+v", got)
		}
		long.Close() // the link has a view
	}
	if got, fail := p.read(readRequest{2, container.InlineMax, 1}); got != "\x00" {
		t.Error(fail)
	}
	if len(l.paged.staying) != 1 {
		t.Error(len(l.paged.staying))
	}
	view := l.paged.staying[2].view
	l.Close()
	if _, err := view.ReadAt(make([]byte, 1), 0); !errors.Is(err, container.ErrClosed) {
		t.Error(err)
	}
	if _, err := l.paged.part(3, "", short); err == nil {
		t.Error("kept after the end")
	}
}

func TestPagedSharesAreBounded(t *testing.T) {
	var p paged
	defer p.close()
	c := container.FromBytes([]byte("x"))
	for i := range uint64(MaxPaged) {
		if _, err := p.part(i, "", c); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.part(MaxPaged, "", c); err == nil || !strings.Contains(err.Error(), "65536") {
		t.Error(err)
	}
	if _, err := p.part(5, "", c); err != nil {
		t.Error("one that is kept:", err)
	}
}

// vast is a container of so many zeros that no search comes to an end.
type vast struct {
	container.Container
	windows atomic.Int64
	read    chan []byte // when set, ReadAt waits for it
	readers atomic.Int64
	begun   chan struct{} // when set, is closed by the first ReadAt
	once    sync.Once
	size    int64 // 0: 2^60
}

func (v *vast) Size() int64     { return cmp.Or(v.size, 1<<60) }
func (v *vast) Immutable() bool { return false }

func (v *vast) Slice(_, n int64) (container.Container, error) {
	if n == v.Size() {
		return v, nil
	}
	v.windows.Add(1)
	return container.FromBytes(make([]byte, n)), nil
}

func (v *vast) ReadAt(p []byte, _ int64) (int, error) {
	v.readers.Add(1)
	defer v.readers.Add(-1)
	if v.begun != nil {
		v.once.Do(func() { close(v.begun) })
	}
	if v.read == nil {
		return len(p), nil
	}
	return copy(p, <-v.read), nil
}

func (v *vast) Close() error { return nil }

// immutable is one that says that it cannot change.
type immutable struct{ vast }

func (*immutable) Immutable() bool { return true }

func (v *immutable) Slice(int64, int64) (container.Container, error) { return v, nil }

// TestPagedRequestsAreGivenUp: a search or hash that takes long ends soon after its
// RESET, or the end of the link, and says nothing more.
func TestPagedRequestsAreGivenUp(t *testing.T) {
	const size = 1 << 60
	for name, ask := range map[string]func(p *pager) uint32{
		"search": func(p *pager) uint32 {
			return p.ask(frame.SearchContainer, mustBytes(&searchPlan, textSearch(1, []byte("x"), 0, size, 1, false)))
		},
		"a slow search": func(p *pager) uint32 { // it matches everywhere
			return p.ask(frame.SearchContainer, mustBytes(&searchPlan, textSearch(1, make([]byte, MaxPattern), 0, size, 0, true)))
		},
		"hash": func(p *pager) uint32 {
			return p.ask(frame.HashContainer, mustBytes(&hashPlan, hashRequest{1, 0, size, "sha256"}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			nothingLeft(t)
			c := &vast{}
			l, p := paging(t, true, c)
			stream := ask(p)
			p.alive()
			p.reset(stream)
			if h, _ := p.until(frame.Reset, 0); h.Stream != stream {
				t.Error(h)
			}
			for l.requests.Load() > 0 { // its goroutine is about to end
				p.alive()
			}
			p.alive()
			ask(p)
			p.alive()
			l.Close() // waits for it
		})
	}
}

// TestStuckReadIsGivenUp: its stream ends when it really has, without an answer.
func TestStuckReadIsGivenUp(t *testing.T) {
	nothingLeft(t)
	c := &vast{read: make(chan []byte)}
	l, p := paging(t, true, c)
	stream := p.ask(frame.ReadContainer, mustBytes(&readPlan, readRequest{1, 0, 1}))
	for c.readers.Load() == 0 {
		p.alive()
	}
	p.reset(stream)
	p.alive()
	c.read <- []byte("x")
	if h, _, ok := p.next(); !ok || h.Kind != frame.Reset || h.Stream != stream {
		t.Error(h)
	}
	for l.requests.Load() > 0 {
		p.alive()
	}
}

// TestPagedRequestsAreBounded: so many run at once, and the others wait; who waits
// can be given up.
func TestPagedRequestsAreBounded(t *testing.T) {
	nothingLeft(t)
	c := &vast{read: make(chan []byte)}
	l, p := paging(t, true, c)
	const many = 3 * askers
	first := p.stream + 2
	for i := range int64(many) {
		p.ask(frame.ReadContainer, mustBytes(&readPlan, readRequest{1, i, 1}))
	}
	for c.readers.Load() < askers {
		p.alive()
	}
	waiting := p.ask(frame.ReadContainer, mustBytes(&readPlan, readRequest{1, 0, 1}))
	p.reset(waiting)
	if h, _ := p.until(frame.Reset, 0); h.Stream != waiting {
		t.Error(h)
	}
	if n := c.readers.Load(); n != askers {
		t.Errorf("%d read at once", n)
	}
	seen := map[uint32]bool{}
	for range many {
		c.read <- []byte("x")
		h, payload := p.until(frame.Message, frame.Reply)
		var reply bytesReply
		if err := bytesReplyPlan.only(payload, &reply, "it"); err != nil || string(reply.Bytes) != "x" || seen[h.Stream] || h.Stream < first {
			t.Error(h, reply, err)
		}
		seen[h.Stream] = true
	}
	for l.requests.Load() > 0 {
		p.alive()
	}
}

// TestShortReads: a source that gives less than it has is an error, whatever it says.
func TestShortReads(t *testing.T) {
	c := &vast{read: make(chan []byte, 2)}
	_, p := paging(t, true, c)
	c.read <- []byte("two")
	if _, fail := p.read(readRequest{1, 77, 10}); !strings.Contains(fail, "3 of 10 bytes at 77: unexpected EOF") {
		t.Error(fail)
	}
	c.read <- nil
	if _, fail := p.hash(hashRequest{1, 5, 10, "sha256"}); !strings.Contains(fail, "0 of 10 bytes at 5") {
		t.Error(fail)
	}
}

// TestNoFiles: what needs a file descriptor ends its call, and nothing else.
func TestNoFiles(t *testing.T) {
	each(t, func(t *testing.T, by medium) {
		nothingLeft(t)
		file, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		short := &vast{size: 5}
		given := make(chan everything, 1)
		f := all(func(_ context.Context, a everything) (everything, error) {
			if a.C != nil {
				b, err := a.C.Bytes()
				return everything{C: container.FromBytes(bytes.ToUpper(b))}, err
			}
			return <-given, nil
		})
		m, w := pair(t, by, []*Function{f}, Config{NoFiles: true}, Config{NoFiles: true})
		if _, err := call[everything, everything](t.Context(), m, f, everything{F: file}, nil); !errors.Is(err, errNoFiles) || !strings.Contains(err.Error(), "an open file") {
			t.Error(err)
		}
		result, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		for want, r := range map[string]everything{
			"plain streams":     {F: result},
			"takes no containe": {C: short},
			"more than the 107": {C: &immutable{vast{size: MaxCarried + 1}}},
			"container of -1 b": {C: &immutable{vast{size: -1}}},
		} {
			given <- r
			_, err := call[everything, everything](t.Context(), m, f, everything{}, nil)
			if fail, ok := errors.AsType[*Failure](err); !ok || fail.Code != CodeResult || !strings.Contains(fail.Message, want) {
				t.Error(want, err)
			}
		}
		r, err := call[everything, everything](t.Context(), m, f, everything{C: container.FromBytes([]byte("text"))}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := r.C.Bytes(); string(b) != "TEXT" {
			t.Errorf("%q, %v", b, err)
		}
		r.C.Close()
		rest(t, m, w)
	})
}

// TestOutput: in order, and before the result that follows it.
func TestOutput(t *testing.T) {
	var got bytes.Buffer
	f := all(nil)
	l, r := greeted(t, mux.ManagerSide, []*Function{f}, Config{Output: func(fd int, p []byte) { fmt.Fprintf(&got, "%d%s", fd, p) }})
	done := make(chan error, 1)
	go func() {
		_, err := call[everything, everything](t.Context(), l, f, everything{}, nil)
		done <- err
	}()
	r.until(frame.Open, frame.CallFunction)
	long := strings.Repeat("x", MaxOutput)
	for _, s := range []string{"\x01a", "\x02b", "\x01" + long, "\x01\x00"} {
		r.control(frame.Output, []byte(s))
	}
	r.message(1, frame.Reply, replyOf())
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if want := "1a2b1" + long + "1\x00"; got.String() != want {
		t.Errorf("%.20q", got.String())
	}
}

// asPagedWorker is what a hostile worker does whose output is taken and to which a
// container is shared: share 1, of 100 KiB.
var asPagedWorker = []struct {
	name string
	do   func(r *raw)
	rule string
}{
	{"an empty OUTPUT", func(r *raw) { r.control(frame.Output, nil) }, "message"},
	{"OUTPUT of nothing", func(r *raw) { r.control(frame.Output, []byte{1}) }, "message"},
	{"OUTPUT to stdin", func(r *raw) { r.control(frame.Output, []byte("\x00text")) }, "message"},
	{"OUTPUT to 3", func(r *raw) { r.control(frame.Output, []byte("\x03text")) }, "message"},
	{"OUTPUT of 65,537 bytes", func(r *raw) { r.control(frame.Output, append([]byte{1}, make([]byte, MaxOutput+1)...)) }, "message"},
	{"OUTPUT with END", func(r *raw) {
		r.frame(frame.Header{Kind: frame.Message, Handle: frame.Output, Flags: frame.End}, []byte("\x01text"))
	}, "flags"},
	{"OUTPUT on a stream", func(r *raw) { r.open(2, frame.Output, []byte("\x01text")) }, "handle"},
	{"READ_CONTAINER that is no CBOR", func(r *raw) { r.open(2, frame.ReadContainer, []byte{0xff}) }, "message"},
	{"READ_CONTAINER with bytes behind it", func(r *raw) {
		r.open(2, frame.ReadContainer, append(mustBytes(&readPlan, readRequest{1, 0, 1}), 0))
	}, "message"},
	{"READ_CONTAINER of a negative share", func(r *raw) { r.open(2, frame.ReadContainer, []byte("\x83\x20\x00\x01")) }, "message"},
	{"SEARCH_CONTAINER that is no CBOR", func(r *raw) { r.open(2, frame.SearchContainer, nil) }, "message"},
	{"SEARCH_CONTAINER of a text", func(r *raw) { r.open(2, frame.SearchContainer, []byte("\x86\x01\x61x\x00\x01\x01\xf4")) }, "message"},
	{"HASH_CONTAINER with an element too few", func(r *raw) {
		r.open(2, frame.HashContainer, mustBytes(&readPlan, readRequest{1, 0, 1}))
	}, "message"},
	{"SEARCH_CONTAINER as it was", func(r *raw) { r.open(2, frame.SearchContainer, []byte("\x86\x01\x41x\x00\x01\x01\xf4")) }, "message"},
	{"SEARCH_CONTAINER of kind 256", func(r *raw) {
		r.open(2, frame.SearchContainer, []byte("\x8b\x01\x19\x01\x00\x81\x41x\xf4\xf4\x00\x01\x01\x01\xf4\xf4"))
	}, "message"},
	{"SEARCH_CONTAINER of a map", func(r *raw) {
		r.open(2, frame.SearchContainer, []byte("\x8b\x01\x00\xa0\xf4\xf4\x00\x01\x01\x01\xf4\xf4"))
	}, "message"},
	{"SEARCH_CONTAINER of 2^32 texts", func(r *raw) {
		r.open(2, frame.SearchContainer, []byte("\x8b\x01\x03\x9a\xff\xff\xff\xff\x40"))
	}, "message"},
	{"SEARCH_CONTAINER from beyond 2^63", func(r *raw) {
		r.open(2, frame.SearchContainer, []byte("\x8b\x01\x00\x81\x41x\xf4\xf4\x1b\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01\x01\xf4\xf4"))
	}, "message"},
	{"COMPARE_CONTAINER that is no CBOR", func(r *raw) { r.open(2, frame.CompareContainer, []byte{0x85}) }, "message"},
	{"COMPARE_CONTAINER with bytes behind it", func(r *raw) {
		r.open(2, frame.CompareContainer, append(mustBytes(&comparePlan, compareRequest{1, 0, 1, 0, 1}), 0))
	}, "message"},
	{"COMPARE_CONTAINER without END", func(r *raw) {
		r.frame(frame.Header{Stream: 2, Kind: frame.Open, Handle: frame.CompareContainer}, mustBytes(&comparePlan, compareRequest{1, 0, 1, 0, 1}))
	}, "message"},
	{"EXTENT_CONTAINER of a text", func(r *raw) { r.open(2, frame.ExtentContainer, []byte("\x82\x01\x61x")) }, "message"},
	{"EXTENT_CONTAINER as a message", func(r *raw) { r.message(2, frame.ExtentContainer, mustBytes(&extentPlan, extentRequest{1, 0})) }, "handle"},
	{"handle 26", func(r *raw) { r.open(2, frame.ExtentContainer+1, nil) }, "handle"},
	{"READ_CONTAINER without END", func(r *raw) {
		r.frame(frame.Header{Stream: 2, Kind: frame.Open, Handle: frame.ReadContainer}, mustBytes(&readPlan, readRequest{1, 0, 1}))
	}, "message"},
	{"SEARCH_CONTAINER in pieces", func(r *raw) {
		r.frame(frame.Header{Stream: 2, Kind: frame.Open, Handle: frame.SearchContainer, Flags: frame.More}, []byte{0x86})
	}, "flags"},
	{"SEARCH_CONTAINER that goes on", func(r *raw) {
		r.message(2, frame.SearchContainer, []byte{0x86})
	}, "handle"},
	{"a message after READ_CONTAINER", func(r *raw) {
		r.open(2, frame.ReadContainer, mustBytes(&readPlan, readRequest{1, 0, 1}))
		r.message(2, frame.Reply, nil)
	}, "ended"},
	{"SEARCH_CONTAINER above the window", func(r *raw) { r.open(2, frame.SearchContainer, make([]byte, mux.Window)) }, "credit"},
	{"too many requests", func(r *raw) {
		b := mustBytes(&hashPlan, hashRequest{1, 0, 1 << 60, "sha256"})
		r.open(2, frame.GetContainer, mustBytes(&containerRequestPlan, containerRequest{0, "c", 0}))
		r.until(frame.Message, frame.Reply)
		for i := range uint32(WorkerStreams + 1) {
			r.open(2*i+4, frame.HashContainer, b)
		}
	}, "streams"},
	{"a container in a reply that stays elsewhere", func(r *raw) {
		r.message(1, frame.Reply, replyOf(part{Field: fieldC, Kind: partPaged, Size: 5, Immutable: true}))
	}, "reply"},
	{"a file where none can cross", func(r *raw) {
		b := replyOf(part{Field: fieldF, Kind: partFile})
		h := frame.Header{Stream: 1, Kind: frame.Message, Handle: frame.Reply, Flags: frame.End, Length: uint32(len(b)), FDs: 1}
		r.write(append(h.Append(nil), b...))
	}, "fds"},
}

func TestHostilePagedWorker(t *testing.T) {
	for _, c := range asPagedWorker {
		t.Run(c.name, func(t *testing.T) {
			nothingLeft(t)
			f := all(nil)
			l, r := greeted(t, mux.ManagerSide, []*Function{f}, Config{
				NoFiles: true,
				Output:  func(int, []byte) {},
				Container: func(string, uint64) (uint64, container.Container, error) {
					return 1, &vast{}, nil
				},
			})
			failed := make(chan error, 1)
			go func() {
				_, err := call[everything, everything](t.Context(), l, f, everything{}, nil)
				failed <- err
			}()
			r.until(frame.Open, frame.CallFunction)
			c.do(r)
			if rule := ends(t, l); rule != c.rule {
				t.Fatalf("rule %q: %v", rule, l.Err())
			}
			if _, ok := errors.AsType[*Down](<-failed); !ok {
				t.Error("the call did not end by the link's end")
			}
		})
	}
}
