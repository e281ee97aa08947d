package link

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/container/pattern"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// reader is an io.ReaderAt.
type reader func(p []byte, off int64) (int, error)

func (f reader) ReadAt(p []byte, off int64) (int, error) { return f(p, off) }

// boundless is a live source of so many zeros that nothing about it comes to an end.
func boundless() (container.Container, *atomic.Int64) {
	reads := new(atomic.Int64)
	return container.FromReaderAt(reader(func(p []byte, _ int64) (int, error) {
		reads.Add(1)
		clear(p)
		return len(p), nil
	}), 1<<60, container.Live{Name: "zeros"}), reads
}

func (p *pager) compare(r compareRequest) (int64, string) {
	reply, fail := asks(p, frame.CompareContainer, &comparePlan, r, &compareReplyPlan)
	return reply.At, fail
}

func (p *pager) extent(r extentRequest) (extentReply, string) {
	return asks(p, frame.ExtentContainer, &extentPlan, r, &extentReplyPlan)
}

// TestLiveSourcesStay: they are paged where files cross too, shared or lent.
func TestLiveSourcesStay(t *testing.T) {
	both(t, func(t *testing.T, by medium) {
		nothingLeft(t)
		text := numbered(1 << 20)
		var got atomic.Int64
		src := reader(func(p []byte, off int64) (int, error) {
			got.Add(int64(len(p)))
			return bytes.NewReader(text).ReadAt(p, off)
		})
		c := container.FromReaderAt(src, int64(len(text)), container.Live{})
		defer c.Close()
		tb := table{shares: map[string]uint64{"live": 1}, bytes: map[uint64]container.Container{1: c}}
		f := all(func(_ context.Context, a everything) (r everything, err error) {
			b := make([]byte, 10)
			_, err = a.C.ReadAt(b, 5000)
			return everything{Data: b}, err
		})
		m, w := pair(t, by, []*Function{f}, Config{Container: tb.get}, Config{})
		far, err := w.Shared(t.Context(), "live")
		if err != nil || got.Load() != 0 {
			t.Fatal(got.Load(), err)
		}
		defer far.Close()
		b := make([]byte, 4096)
		if _, err := far.ReadAt(b, 500<<10); err != nil || !bytes.Equal(b, text[500<<10:][:4096]) || got.Load() > 16<<10 {
			t.Error(got.Load(), err)
		}
		r, err := call[everything, everything](t.Context(), m, f, everything{C: c}, nil)
		if err != nil || !bytes.Equal(r.Data, text[5000:5010]) {
			t.Errorf("%q, %v", r.Data, err)
		}
		rest(t, m, w)
		served := m.Served()
		if len(served) != 2 || served[0].Name != "live" || served[0].Reads != 1 || served[0].Bytes != 16<<10 || served[1].Name != "" || served[1].Reads != 1 {
			t.Errorf("%+v", served)
		}
		uses, err := m.Uses(t.Context())
		if err != nil || len(uses) != 2 || uses[0].Name != "live" || !uses[0].Paged || uses[0].Stats.Bytes != 4096 || uses[1].Stats.Bytes != 10 {
			t.Errorf("%+v, %v", uses, err)
		}
	})
}

// TestLiveSourcesDoNotTravel where they would have to be copied.
func TestLiveSourcesDoNotTravel(t *testing.T) {
	both(t, func(t *testing.T, by medium) {
		nothingLeft(t)
		c, reads := boundless()
		f := all(func(context.Context, everything) (everything, error) { return everything{C: c}, nil })
		m, w := pair(t, by, []*Function{f}, Config{}, Config{})
		_, err := call[everything, everything](t.Context(), m, f, everything{}, nil)
		if err == nil || !strings.Contains(err.Error(), "container.FromReader makes a copy") || reads.Load() > 0 {
			t.Error(reads.Load(), err)
		}
		rest(t, m, w)
	})
}

// TestPatternSearches: each answer, and where it goes on, against a search here.
func TestPatternSearches(t *testing.T) {
	text := bytes.Repeat([]byte("abcabc needle Needle n\x00e\x00"), 300)
	_, p := paging(t, true, container.FromReaderAt(bytes.NewReader(text), int64(len(text)), container.Live{}), container.FromBytes(append([]byte(strings.Repeat(" ", container.InlineMax)), text...)))
	for share, base := range []int64{0, container.InlineMax} {
		for _, s := range []pattern.Spec{
			{Texts: [][]byte{[]byte("abc")}},
			{Texts: [][]byte{[]byte("NEEDLE")}, Fold: true},
			{Texts: [][]byte{[]byte("ne")}, UTF16: true},
			{Kind: pattern.KindHex, Texts: [][]byte{[]byte("61 [1-3] 62")}},
			{Kind: pattern.KindRegexp, Texts: [][]byte{[]byte(`(?i)\bneed|(abc)+`)}},
			{Kind: pattern.KindAny, Texts: [][]byte{[]byte("a"), []byte("abc"), []byte("ab"), []byte("c")}},
		} {
			for _, back := range []bool{false, true} {
				for _, limit := range []int64{1, 2, 7, MaxMatches} {
					r := searchRequest{
						Share: uint64(share + 1), Kind: uint8(s.Kind), Texts: s.Texts, Fold: s.Fold, UTF16: s.UTF16,
						From: base + 1, Before: base + 4000, To: base + 4001, Limit: limit, Back: back,
					}
					p.walk(t, text, base, r, s)
				}
			}
		}
	}
}

// walk goes through all that r finds.
func (p *pager) walk(t *testing.T, text []byte, base int64, r searchRequest, s pattern.Spec) {
	t.Helper()
	compiled, err := pattern.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	var want, got []pattern.Match
	for m := range container.Search(t.Context(), container.FromBytes(text), compiled, container.Range{From: r.From - base, Before: r.Before - base, To: r.To - base, Back: r.Back}) {
		m.Offset += base
		want = append(want, m)
	}
	count := r
	count.Count, count.Limit = true, 0
	if reply, fail := p.search(count); fail != "" || reply.Count != int64(len(want)) || reply.Next != -1 || len(reply.Offsets)+len(reply.Lengths)+len(reply.Indexes) > 0 {
		t.Fatalf("kind %d: %+v, %s, want %d", r.Kind, reply, fail, len(want))
	}
	for range len(want) + 1 {
		reply, fail := p.search(r)
		if fail != "" {
			t.Fatal(fail)
		}
		if err := r.checkReply(&reply); err != nil {
			t.Fatalf("kind %d, back %t: %v: %+v", r.Kind, r.Back, err, reply)
		}
		got = append(got, reply.matches()...)
		if reply.Next < 0 {
			break
		}
		if r.Back {
			r.Before = reply.Next
		} else {
			r.From = reply.Next
		}
	}
	if len(want) < 10 || !reflect.DeepEqual(got, want) {
		t.Errorf("kind %d, back %t, %d at a time: %d matches, want %d", r.Kind, r.Back, r.Limit, len(got), len(want))
	}
}

// TestBadRequests: each is answered with a sentence, and the link lives on.
func TestBadRequests(t *testing.T) {
	nothingLeft(t)
	holes := container.FromReaderAt(bytes.NewReader(make([]byte, 1000)), 1000, container.Live{Name: "swiss", Extents: func(off int64) (int64, int64, error) {
		if off < 100 {
			return 0, 100, nil
		}
		return 200, 1000, nil
	}})
	l, p := paging(t, true, container.FromBytes(make([]byte, container.InlineMax+1)), holes)
	x := [][]byte{[]byte("x")}
	ok := searchRequest{Share: 1, Texts: x, From: 5, Before: 10, To: 20, Limit: 1}
	search := func(change func(r *searchRequest)) func() string {
		return func() string {
			r := ok
			change(&r)
			_, fail := p.search(r)
			return fail
		}
	}
	compare := func(r compareRequest) func() string {
		return func() string { _, fail := p.compare(r); return fail }
	}
	for name, c := range map[string]struct {
		ask  func() string
		want string
	}{
		"kind 4":          {search(func(r *searchRequest) { r.Kind = 4 }), "kind 4"},
		"kind 255":        {search(func(r *searchRequest) { r.Kind = 255 }), "kind 255"},
		"no text":         {search(func(r *searchRequest) { r.Texts = [][]byte{} }), "no text"},
		"two texts":       {search(func(r *searchRequest) { r.Texts = [][]byte{x[0], x[0]} }), "2 texts"},
		"an empty one":    {search(func(r *searchRequest) { r.Kind, r.Texts = 3, [][]byte{x[0], nil} }), "text 1: an empty text"},
		"too many texts":  {search(func(r *searchRequest) { r.Kind, r.Texts = 3, make([][]byte, MaxTexts+1) }), "4097 texts"},
		"too much text":   {search(func(r *searchRequest) { r.Kind, r.Texts = 3, [][]byte{make([]byte, MaxPattern), x[0]} }), "65537 bytes"},
		"no hex":          {search(func(r *searchRequest) { r.Kind = 1 }), "x"},
		"a bad regexp":    {search(func(r *searchRequest) { r.Kind, r.Texts = 2, [][]byte{[]byte("(x")} }), "regular expression: missing closing )"},
		"an empty regexp": {search(func(r *searchRequest) { r.Kind, r.Texts = 2, [][]byte{[]byte("x*")} }), "empty string"},
		"a regexp bomb": {search(func(r *searchRequest) {
			r.Kind, r.Texts = 2, [][]byte{[]byte(strings.Repeat("(x{900}y){1,1000}", 3000))}
		}), "regular expression"},
		"a deep regexp": {search(func(r *searchRequest) {
			r.Kind, r.Texts = 2, [][]byte{[]byte(strings.Repeat("(", 30000) + "x" + strings.Repeat(")", 30000))}
		}), "regular expression"},
		"UTF-16 of hex":     {search(func(r *searchRequest) { r.Kind, r.UTF16 = 1, true }), "UTF-16"},
		"no UTF-8":          {search(func(r *searchRequest) { r.Texts, r.UTF16 = [][]byte{{0xff}}, true }), "not UTF-8"},
		"limit 0":           {search(func(r *searchRequest) { r.Limit = 0 }), "limit"},
		"limit -1":          {search(func(r *searchRequest) { r.Limit = math.MinInt64 }), "limit"},
		"limit 65537":       {search(func(r *searchRequest) { r.Limit = MaxMatches + 1 }), "limit"},
		"from -1":           {search(func(r *searchRequest) { r.From = -1 }), "outside"},
		"from beyond":       {search(func(r *searchRequest) { r.From = math.MaxInt64 }), "outside"},
		"before from":       {search(func(r *searchRequest) { r.Before = 4 }), "outside"},
		"before beyond to":  {search(func(r *searchRequest) { r.Before = 21 }), "outside"},
		"to beyond":         {search(func(r *searchRequest) { r.To = math.MaxInt64 }), "outside"},
		"to negative":       {search(func(r *searchRequest) { r.To, r.Before, r.From = math.MinInt64, math.MinInt64, math.MinInt64 }), "outside"},
		"share 0":           {search(func(r *searchRequest) { r.Share = 0 }), "share 0"},
		"share 2^64-1":      {search(func(r *searchRequest) { r.Share = math.MaxUint64 }), "is over"},
		"compare share 9":   {compare(compareRequest{1, 0, 9, 0, 1}), "share 9"},
		"share 9 with":      {compare(compareRequest{9, 0, 1, 0, 1}), "share 9"},
		"compare -1":        {compare(compareRequest{1, -1, 1, 0, 1}), "outside"},
		"compare with -1":   {compare(compareRequest{1, 0, 1, -1, 1}), "outside"},
		"compare length -1": {compare(compareRequest{1, 0, 1, 0, -1}), "outside"},
		"compare too much":  {compare(compareRequest{1, 1, 1, 0, container.InlineMax + 1}), "outside"},
		"compare overflow":  {compare(compareRequest{1, math.MaxInt64, 1, math.MaxInt64, math.MaxInt64}), "outside"},
		"compare a hole":    {compare(compareRequest{1, 0, 2, 0, 300}), "compare with share 2: 0 of 300 bytes at 0: swiss: 100 of 300 bytes at 0: at 100 nothing"},
		"extent -1":         {func() string { _, fail := p.extent(extentRequest{2, -1}); return fail }, "outside"},
		"extent beyond":     {func() string { _, fail := p.extent(extentRequest{2, 1001}); return fail }, "outside"},
		"extent of share 7": {func() string { _, fail := p.extent(extentRequest{7, 0}); return fail }, "share 7"},
		"read a hole":       {func() string { _, fail := p.read(readRequest{2, 90, 20}); return fail }, "at 100 nothing is there"},
		"hash a hole":       {func() string { _, fail := p.hash(hashRequest{2, 0, 1000, "xxh3"}); return fail }, "nothing is there"},
		"hash sha1":         {func() string { _, fail := p.hash(hashRequest{1, 0, 1, "sha1"}); return fail }, "known: sha256, xxh3, crc32"},
	} {
		if fail := c.ask(); !strings.Contains(fail, c.want) || len(fail) > 1000 {
			t.Errorf("%s: %.500q", name, fail)
		}
	}
	for off, want := range map[int64]extentReply{0: {0, 100}, 99: {99, 100}, 100: {200, 1000}, 1000: {1000, 1000}} {
		if got, fail := p.extent(extentRequest{2, off}); got != want {
			t.Errorf("extent at %d: %+v, %s", off, got, fail)
		}
	}
	if at, fail := p.compare(compareRequest{1, 0, 2, 200, 800}); at != -1 {
		t.Error(at, fail)
	}
	p.alive()
	for _, s := range l.Served() {
		if s.Refused == 0 {
			t.Errorf("%+v", s)
		}
	}
}

// TestHashesAndComparisons of what both ends can say.
func TestHashesAndComparisons(t *testing.T) {
	text := numbered(2 << 20)
	other := bytes.Clone(text)
	other[1<<20+5] ^= 1
	_, p := paging(t, true, append(sources(t, text), sources(t, other)...)...)
	for _, name := range []string{"sha256", "xxh3", "crc32"} {
		want, err := container.Hash(t.Context(), container.FromBytes(text[7:]), name)
		for share := uint64(1); share <= 2; share++ {
			if got, fail := p.hash(hashRequest{share, 7, 2<<20 - 7, name}); got != string(want) || err != nil {
				t.Errorf("%s: %x, want %x: %s, %v", name, got, want, fail, err)
			}
		}
	}
	for _, c := range []struct {
		r    compareRequest
		want int64
	}{
		{compareRequest{1, 0, 2, 0, 2 << 20}, -1},
		{compareRequest{1, 0, 4, 0, 2 << 20}, 1<<20 + 5},
		{compareRequest{3, 1 << 20, 2, 1 << 20, 1 << 20}, 5},
		{compareRequest{3, 1<<20 + 6, 2, 1<<20 + 6, 100}, -1},
		{compareRequest{1, 0, 1, 1, 100}, 0},
		{compareRequest{1, 0, 3, 0, 0}, -1},
	} {
		if at, fail := p.compare(c.r); at != c.want || fail != "" {
			t.Errorf("%+v: %d, %s", c.r, at, fail)
		}
	}
}

// TestOperationsAreGivenUp: each ends soon after its RESET, or the link, in the middle of a
// source that has no end.
func TestOperationsAreGivenUp(t *testing.T) {
	const size = 1 << 60
	s := searchRequest{Share: 1, To: size, Before: size, Limit: 1, Texts: [][]byte{[]byte("x")}}
	with := func(kind pattern.Kind, texts ...string) searchRequest {
		r := s
		r.Kind, r.Texts = uint8(kind), nil
		for _, text := range texts {
			r.Texts = append(r.Texts, []byte(text))
		}
		return r
	}
	back, count := s, with(pattern.KindBytes, strings.Repeat("\x00", MaxPattern))
	back.Back, count.Count = true, true
	backRegexp := with(pattern.KindRegexp, `\x00x`)
	backRegexp.Back = true
	slow := with(pattern.KindRegexp, `(\x00{1,30}){1,30}x`)
	for name, ask := range map[string]func(p *pager) uint32{
		"bytes": func(p *pager) uint32 { return p.ask(frame.SearchContainer, mustBytes(&searchPlan, s)) },
		"back":  func(p *pager) uint32 { return p.ask(frame.SearchContainer, mustBytes(&searchPlan, back)) },
		"count": func(p *pager) uint32 { return p.ask(frame.SearchContainer, mustBytes(&searchPlan, count)) },
		"hex": func(p *pager) uint32 {
			return p.ask(frame.SearchContainer, mustBytes(&searchPlan, with(pattern.KindHex, "00 [0-60000] 01")))
		},
		"regexp": func(p *pager) uint32 {
			return p.ask(frame.SearchContainer, mustBytes(&searchPlan, with(pattern.KindRegexp, "[a-z]+x")))
		},
		"a slow regexp": func(p *pager) uint32 { return p.ask(frame.SearchContainer, mustBytes(&searchPlan, slow)) },
		"regexp, back":  func(p *pager) uint32 { return p.ask(frame.SearchContainer, mustBytes(&searchPlan, backRegexp)) },
		"any": func(p *pager) uint32 {
			return p.ask(frame.SearchContainer, mustBytes(&searchPlan, with(pattern.KindAny, "x", "y", "\x00\x01")))
		},
		"hash": func(p *pager) uint32 {
			return p.ask(frame.HashContainer, mustBytes(&hashPlan, hashRequest{1, 0, size, "crc32"}))
		},
		"compare": func(p *pager) uint32 {
			return p.ask(frame.CompareContainer, mustBytes(&comparePlan, compareRequest{1, 0, 1, 0, size}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			nothingLeft(t)
			c, reads := boundless()
			l, p := paging(t, true, c)
			stream := ask(p)
			for reads.Load() < 3 && !t.Failed() {
				p.alive()
			}
			if t.Failed() {
				return
			}
			p.reset(stream)
			if h, _ := p.until(frame.Reset, 0); h.Stream != stream {
				t.Error(h)
			}
			for l.requests.Load() > 0 { // its goroutine is about to end
				p.alive()
			}
			p.frame(frame.Header{Stream: stream, Kind: frame.Reset}, []byte{0, 1}) // it has ended: ignored
			p.alive()
			ask(p)
			p.alive()
			l.Close() // waits for it
		})
	}
}

// TestLinkQuota: what is spent is refused, with a sentence; and nothing else ends.
func TestLinkQuota(t *testing.T) {
	nothingLeft(t)
	c, reads := boundless()
	_, p := pagingWith(t, Config{Quota: 1 << 20}, c, container.FromBytes(make([]byte, container.InlineMax+1)))
	if _, fail := p.read(readRequest{1, 0, 1000}); fail != "" {
		t.Fatal(fail)
	}
	spent := "the quota of 1048576 bytes"
	if _, fail := p.search(textSearch(1, []byte("x"), 0, 1<<60, 1, false)); !strings.Contains(fail, spent) {
		t.Error(fail)
	}
	before := reads.Load()
	for name, ask := range map[string]func() string{
		"hash":    func() string { _, fail := p.hash(hashRequest{1, 0, 1 << 60, "xxh3"}); return fail },
		"compare": func() string { _, fail := p.compare(compareRequest{1, 0, 1, 0, 1 << 60}); return fail },
		"any": func() string {
			_, fail := p.search(searchRequest{Share: 2, Kind: 3, Texts: [][]byte{{1}, {2}}, Before: container.InlineMax, To: container.InlineMax, Count: true})
			for range 40 {
				if fail == "" {
					_, fail = p.search(searchRequest{Share: 2, Kind: 3, Texts: [][]byte{{1}, {2}}, Before: container.InlineMax, To: container.InlineMax, Count: true})
				}
			}
			return fail
		},
		"read": func() string { _, fail := p.read(readRequest{1, 0, MaxPage}); return fail },
	} {
		if fail := ask(); !strings.Contains(fail, spent) || strings.Contains(fail, "share") {
			t.Errorf("%s: %q", name, fail)
		}
	}
	if n := reads.Load() - before; n > 2*(1<<20)/hashWindow {
		t.Errorf("%d reads after it was spent", n)
	}
	for {
		if _, fail := p.read(readRequest{1, 0, 4096}); fail != "" {
			break
		}
	}
	if _, fail := p.read(readRequest{1, 0, 0}); fail != "" {
		t.Error("what costs nothing:", fail)
	}
	large := searchRequest{Share: 1, Kind: 3, Texts: [][]byte{make([]byte, 4096), {1}}, Count: true}
	if _, fail := p.search(large); !strings.Contains(fail, spent) {
		t.Errorf("a pattern that is made for nothing: %q", fail)
	}
	p.alive()
}

// TestStuckSources hold their worker's places and no more, and the end of the link waits
// for them for a time.
func TestStuckSources(t *testing.T) {
	nothingLeft(t)
	release := make(chan struct{})
	var readers atomic.Int64
	c := container.FromReaderAt(reader(func(p []byte, _ int64) (int, error) {
		readers.Add(1)
		<-release
		clear(p)
		return len(p), nil
	}), 1<<40, container.Live{})
	l, p := paging(t, true, c, container.FromBytes(make([]byte, container.InlineMax+1)))
	for range askers - 1 {
		p.ask(frame.ReadContainer, mustBytes(&readPlan, readRequest{1, 0, 10}))
	}
	for readers.Load() < askers-1 {
		p.alive()
	}
	if _, fail := p.read(readRequest{2, 0, 10}); fail != "" {
		t.Error("in the last place:", fail)
	}
	stream := p.ask(frame.HashContainer, mustBytes(&hashPlan, hashRequest{1, 0, 10, "xxh3"}))
	for readers.Load() < askers {
		p.alive()
	}
	waits := p.ask(frame.ReadContainer, mustBytes(&readPlan, readRequest{2, 0, 10}))
	p.reset(stream) // which changes nothing: its place is taken until it returns
	p.reset(waits)
	if h, _ := p.until(frame.Reset, 0); h.Stream != waits {
		t.Error(h)
	}
	if n := readers.Load(); n != askers {
		t.Error(n)
	}
	l.Close()
	close(release) // for nothingLeft
}

// TestComparesWithAStuckSource that is the second of the two.
func TestComparesWithAStuckSource(t *testing.T) {
	nothingLeft(t)
	release := make(chan struct{})
	begun := make(chan struct{})
	c := container.FromReaderAt(reader(func([]byte, int64) (int, error) {
		close(begun)
		<-release
		return 0, syscall.EIO
	}), 1<<40, container.Live{})
	l, p := paging(t, true, c, container.FromBytes(make([]byte, container.InlineMax+1)))
	p.ask(frame.CompareContainer, mustBytes(&comparePlan, compareRequest{2, 0, 1, 0, 10}))
	<-begun
	l.Close()
	close(release)
}

// TestLiveFailsOnTheWire: where, and why, and no zeros.
func TestLiveFailsOnTheWire(t *testing.T) {
	c := container.FromReaderAt(reader(func(p []byte, off int64) (int, error) {
		n := max(0, min(int64(len(p)), 5000-off))
		if n < int64(len(p)) {
			return int(n), fmt.Errorf("sector 9: %w", syscall.EIO)
		}
		return len(p), nil
	}), 1<<20, container.Live{Name: "/dev/sdx"})
	var tb table
	tb.shares, tb.bytes = map[string]uint64{"disk": 1}, map[uint64]container.Container{1: c}
	_, w := pair(t, byMemory, nil, Config{Container: tb.get}, Config{})
	far, err := w.Shared(t.Context(), "disk")
	if err != nil {
		t.Fatal(err)
	}
	n, err := far.ReadAt(make([]byte, 100), 4950)
	if !errors.Is(err, syscall.EIO) || n != 0 || !strings.Contains(err.Error(), `shared "disk": 100 bytes at 4950: share 1: 50 of 100 bytes at 4950: /dev/sdx: 50 of 100 bytes at 4950: sector 9: input/output error`) {
		t.Error(n, err)
	}
	if n, err := far.ReadAt(make([]byte, 100), 4900); n != 100 || err != nil {
		t.Error("what can be read:", n, err)
	}
	for name, err := range map[string]error{
		"a hash":    second(container.XXH3(t.Context(), far)),
		"a search":  second(far.Find([]byte("x"), 0)),
		"a compare": second(container.Compare(t.Context(), far, far)),
		"a view":    far.View(func([]byte) error { t.Error("it was shown"); return nil }),
	} {
		if !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), `shared "disk"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestCountsInVastContainers: what may be there is not too much, though it is more than
// fits an integer.
func TestCountsInVastContainers(t *testing.T) {
	r := searchRequest{Texts: make([][]byte, MaxTexts), Kind: 3, Before: 1 << 60, To: 1 << 60, Count: true}
	for n, ok := range map[int64]bool{0: true, 1 << 62: true, -1: false, math.MaxInt64: true} {
		if err := r.checkReply(&searchReply{Next: -1, Count: n}); (err == nil) != ok {
			t.Errorf("%d: %v", n, err)
		}
	}
	r.Texts, r.Before = r.Texts[:3], 5
	for n, ok := range map[int64]bool{15: true, 16: false} {
		if err := r.checkReply(&searchReply{Next: -1, Count: n}); (err == nil) != ok {
			t.Errorf("%d: %v", n, err)
		}
	}
}

// TestStatsOfOthers: a peer that does not count says so.
func TestStatsOfOthers(t *testing.T) {
	l, r := greeted(t, mux.ManagerSide, nil, Config{})
	go func() {
		h, _ := r.until(frame.Open, frame.CallFunction)
		r.message(h.Stream, frame.Error, l.failure(&Failure{Code: CodeUnknown, Message: "no such"}))
	}()
	_, err := l.Uses(t.Context())
	if f, ok := errors.AsType[*Failure](err); !ok || f.Code != CodeUnknown {
		t.Error(err)
	}
}

// TestNothingBeforeTheBeginning: a search before 0, or of nothing, is not one of all.
func TestNothingBeforeTheBeginning(t *testing.T) {
	nothingLeft(t)
	_, p := paging(t, true, container.FromBytes(make([]byte, container.InlineMax+1)))
	for _, r := range []searchRequest{{To: 100}, {}, {To: 100, Back: true}} {
		r.Share, r.Texts, r.Count = 1, [][]byte{{0}}, true
		if got, fail := p.search(r); got.Count != 0 || got.Next != -1 || fail != "" {
			t.Errorf("%+v: %+v, %s", r, got, fail)
		}
	}
}
