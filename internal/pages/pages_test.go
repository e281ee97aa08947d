package pages

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/container/pattern"
)

// library is a Peer that has one container.
type library struct {
	t    testing.TB
	data []byte

	mu       sync.Mutex // guards what follows
	asked    []Block    // what was read, its place alone
	held     []*Block   // when hold is set: what has not been answered yet
	hold     bool
	lost     bool
	bad      int64 // no block with this byte can be read; -1: none
	searched []Search
	compared int
	lame     bool // it can only be read
	gap      struct{ from, to int64 }
}

var errBad, errAway = errors.New("a bad sector"), errors.New("the peer is away")

func newLibrary(t testing.TB, size int) *library {
	data := make([]byte, size)
	for i := 0; i+4 <= size; i += 4 {
		binary.BigEndian.PutUint32(data[i:], uint32(i)*2654435761)
	}
	return &library{t: t, data: data, bad: -1}
}

// source is its container, with a cache of its own.
func (l *library) source(limit int64, immutable bool) *Source {
	s := New(l, 7, "book", int64(len(l.data)), immutable)
	s.cache = &cache{limit: limit}
	return s
}

func (l *library) Fetch(_ context.Context, b *Block) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b.Share() != 7 || b.N < 1 || b.N > maxBlock || b.Off < 0 || b.Off+b.N > int64(len(l.data)) {
		l.t.Errorf("asked for %d bytes at %d", b.N, b.Off)
	}
	if l.lost {
		return errAway
	}
	l.asked = append(l.asked, Block{Off: b.Off, N: b.N})
	if l.hold {
		l.held = append(l.held, b)
		return nil
	}
	go l.answer(b)
	return nil
}

func (l *library) answer(b *Block) {
	if l.bad >= b.Off && l.bad < b.Off+b.N {
		b.Done(nil, errBad)
		return
	}
	b.Done(bytes.Clone(l.data[b.Off:b.Off+b.N]), nil)
}

// release answers what was held back.
func (l *library) release() {
	l.mu.Lock()
	held := l.held
	l.held, l.hold = nil, false
	l.mu.Unlock()
	for _, b := range held {
		l.answer(b)
	}
}

func (l *library) Wait(ctx context.Context, b *Block) error {
	done := make(chan struct{})
	if !b.Notify(func() { close(done) }) {
		return nil
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *library) Search(ctx context.Context, _ uint64, s Search) (found Found, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.searched = append(l.searched, s)
	if l.lame {
		return found, errors.ErrUnsupported
	}
	if !fits(s.Spec) || s.Spec.Kind == pattern.KindBytes && len(s.Spec.Texts[0]) > maxTotal {
		l.t.Errorf("a pattern of %d texts, %d bytes", len(s.Spec.Texts), len(s.Spec.Texts[0]))
	}
	p, err := pattern.Compile(s.Spec)
	if err != nil {
		return found, err
	}
	found.Next = -1
	for m, err := range container.Search(ctx, container.FromBytes(l.data), p, container.Range{From: s.From, Before: s.Before, To: s.To, Back: s.Back}) {
		if err != nil {
			return found, err
		}
		if n := len(found.Matches); !s.Count && int64(n) >= s.Limit && (s.Spec.Kind != pattern.KindAny || m.Offset != found.Matches[n-1].Offset) {
			break
		}
		if found.Count++; s.Count {
			continue
		}
		found.Matches = append(found.Matches, m)
		found.Next = -1
		if found.Count < s.Limit {
			continue
		}
		switch {
		case s.Back && m.Offset > s.From:
			found.Next = m.Offset
		case s.Spec.Kind == pattern.KindRegexp && m.End() < s.Before:
			found.Next = m.End()
		case !s.Back && s.Spec.Kind != pattern.KindRegexp && m.Offset+1 < s.Before:
			found.Next = m.Offset + 1
		}
	}
	return found, nil
}

func (l *library) Hash(ctx context.Context, _ uint64, algorithm string, off, n int64) ([]byte, error) {
	if l.lame {
		return nil, errors.ErrUnsupported
	}
	return container.Hash(ctx, container.FromBytes(l.data[off:off+n]), algorithm)
}

func (l *library) Compare(ctx context.Context, _ uint64, off int64, _ uint64, otherOff, n int64) (int64, error) {
	if l.lame {
		return -1, errors.ErrUnsupported
	}
	l.compared++
	return container.Compare(ctx, container.FromBytes(l.data[off:off+n]), container.FromBytes(l.data[otherOff:otherOff+n]))
}

func (l *library) Extent(_ context.Context, _ uint64, off int64) (start, end int64, err error) {
	size := int64(len(l.data))
	switch {
	case l.lame:
		return 0, 0, errors.ErrUnsupported
	case l.gap.to == 0 || off >= l.gap.to:
		return off, size, nil
	case off < l.gap.from:
		return off, l.gap.from, nil
	}
	return l.gap.to, size, nil
}

// since is what was read since it was last called.
func (l *library) since() []Block {
	l.mu.Lock()
	defer l.mu.Unlock()
	asked := l.asked
	l.asked = nil
	return asked
}

// consistent checks what the cache counts.
func consistent(t testing.TB, sources ...*Source) {
	t.Helper()
	c := sources[0].cache
	c.mu.Lock()
	defer c.mu.Unlock()
	var held int64
	came := 0
	for _, s := range sources {
		for k, b := range s.pages {
			if !b.listed || b.s != s || k*page < b.Off || k*page >= b.Off+b.N {
				t.Fatalf("page %d leads to %d bytes at %d", k, b.N, b.Off)
			}
		}
		for _, b := range s.blocksLocked() {
			if held += b.N; b.done {
				came++
			}
			if n := max(b.N, page); n&(n-1) == 0 && b.Off%n != 0 || b.N > maxBlock {
				t.Fatalf("a block of %d bytes at %d", b.N, b.Off)
			}
		}
	}
	if held != c.held || came != c.used.Len() || len(c.runs) > maxRuns {
		t.Fatalf("holds %d bytes and counts %d, has %d blocks and lists %d, has %d runs", held, c.held, came, c.used.Len(), len(c.runs))
	}
}

// FuzzReads holds any reads against a bytes.Reader of the same bytes, with a cache
// that is too small for them.
func FuzzReads(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x10\x01\x00\x00\x10\x00\x00"), false)
	f.Add([]byte("read here and there and there again"), true)
	f.Add(bytes.Repeat([]byte{1, 0, 0, 0xff, 0xff}, 40), true)
	f.Fuzz(func(t *testing.T, program []byte, immutable bool) {
		program = program[:min(len(program), 200)]
		l := newLibrary(t, 3<<20+5)
		s := l.source(512<<10, immutable)
		model, end := bytes.NewReader(l.data), int64(len(l.data))
		c, pos := s.Container(), int64(0)
		for ; len(program) >= 5; program = program[5:] {
			n := int64(binary.BigEndian.Uint16(program[3:])) * 16
			switch program[0] % 4 {
			case 0: // anywhere, also outside
				pos = int64(int32(binary.BigEndian.Uint32(program[:4])))%(end+1000) - 100
			case 2:
				n /= 1000
			case 3:
				s.Refresh()
			}
			got, want := make([]byte, n), make([]byte, n)
			gotN, gotErr := c.ReadAt(got, pos)
			wantN, wantErr := model.ReadAt(want, pos)
			if gotN != wantN || (gotErr == nil) != (wantErr == nil) || (gotErr == io.EOF) != (wantErr == io.EOF) || !bytes.Equal(got, want) {
				t.Fatalf("%d bytes at %d: %d, %v; want %d, %v", n, pos, gotN, gotErr, wantN, wantErr)
			}
			pos += int64(gotN)
		}
		s.cache.mu.Lock()
		over := s.cache.held > s.cache.limit+MaxAhead
		s.cache.mu.Unlock()
		if over {
			t.Errorf("holds %d bytes", s.cache.held)
		}
		consistent(t, s)
	})
}

// FuzzSearches holds searches against bytes.Index.
func FuzzSearches(f *testing.F) {
	f.Add([]byte("abababab"), []byte("aba"), int64(1), int64(0), int64(8))
	f.Add([]byte("aaaa"), []byte("a"), int64(0), int64(1), int64(2))
	f.Add([]byte("x"), []byte(""), int64(-1), int64(1), int64(1<<62))
	f.Add([]byte("0"), []byte("0"), int64(0), int64(0), int64(0))
	f.Fuzz(func(t *testing.T, data, pattern []byte, from, off, n int64) {
		l := newLibrary(t, 0)
		l.data = bytes.Repeat(data, 3)
		whole := l.source(1<<20, true).Container()
		c, err := whole.Slice(off, n)
		m, merr := container.FromBytes(l.data).Slice(off, n)
		if (err == nil) != (merr == nil) || errors.Is(err, container.ErrRange) != errors.Is(merr, container.ErrRange) {
			t.Fatalf("slice of %d at %d: %v, %v", n, off, err, merr)
		}
		if err != nil {
			return
		}
		at, err := c.Find(pattern, from)
		want, merr := m.Find(pattern, from)
		if at != want || (err == nil) != (merr == nil) {
			t.Fatalf("find: %d, %v; want %d, %v", at, err, want, merr)
		}
		collect := func(c container.Container) (all []int64) {
			for at, err := range c.All(pattern) {
				if err != nil {
					return []int64{-1}
				}
				all = append(all, at)
			}
			return all
		}
		all := collect(c)
		if !slices.Equal(all, collect(m)) {
			t.Fatalf("all: %v, want %v", all, collect(m))
		}
		if count, err := container.Count(t.Context(), c, pattern); err == nil && count != int64(len(all)) {
			t.Fatalf("count: %d of %v", count, all)
		}
	})
}

// TestLongPattern: what is too long to be asked for is compared here.
func TestLongPattern(t *testing.T) {
	l := newLibrary(t, 4<<20)
	pattern := bytes.Clone(l.data[1<<20-3 : 3<<20])
	copy(l.data[5:], pattern[:500<<10]) // begins like it
	copy(l.data[600<<10:], pattern[:maxPattern+1])
	c := l.source(1<<20, true).Container()
	if at, err := c.Find(pattern, 0); at != 1<<20-3 || err != nil {
		t.Error(at, err)
	}
	if n, err := container.Count(t.Context(), c, pattern); n != 1 || err != nil {
		t.Error(n, err)
	}
	if at, err := c.Find(pattern[:maxPattern+2], 0); at != 1<<20-3 && at != 5 || err != nil {
		t.Error(at, err)
	}
	if at, err := c.Find(append(pattern, 'x'), 0); at != -1 || err != nil {
		t.Error(at, err)
	}
}

// reads reads n bytes at each of places.
func reads(t testing.TB, c container.Container, n int, places ...int64) {
	t.Helper()
	for _, at := range places {
		if _, err := c.ReadAt(make([]byte, n), at); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRandomReadsAskForAPage(t *testing.T) {
	l := newLibrary(t, 64<<20)
	c := l.source(CacheBytes, true).Container()
	reads(t, c, 100, 50<<20+5, 3<<20, 40<<20, 3<<20+200, 40<<20+300, 50<<20)
	want := []Block{{Off: 50 << 20, N: page}, {Off: 3 << 20, N: page}, {Off: 40 << 20, N: page}}
	if got := l.since(); !slices.EqualFunc(got, want, func(a, b Block) bool { return a.Off == b.Off && a.N == b.N }) {
		t.Errorf("%+v", got)
	}
}

// TestReadingOnAsksAhead: ever more, in ever larger blocks, and nothing twice.
func TestReadingOnAsksAhead(t *testing.T) {
	for _, size := range []int{4 << 10, 32 << 10, 1000, 1 << 20, 5 << 20, 24 << 20} {
		synctest.Test(t, func(t *testing.T) {
			l := newLibrary(t, 24<<20+999)
			s := l.source(CacheBytes, true)
			c := s.Container()
			for at := int64(0); at < c.Size(); at += int64(size) {
				reads(t, c, int(min(int64(size), c.Size()-at)), at)
				synctest.Wait()
			}
			asked, next, largest := l.since(), int64(0), int64(0)
			for _, b := range asked {
				if b.Off != next {
					t.Fatalf("%d: %d bytes at %d, after %d", size, b.N, b.Off, next)
				}
				next, largest = b.Off+b.N, max(largest, b.N)
			}
			if next != c.Size() || largest != maxBlock || len(asked) > 60 {
				t.Errorf("%d: %d requests, up to %d, of at most %d bytes", size, len(asked), next, largest)
			}
			consistent(t, s)
		})
	}
}

// TestReadersTogether ask once for what both want, and each is asked ahead.
func TestReadersTogether(t *testing.T) {
	l := newLibrary(t, 8<<20)
	s := l.source(CacheBytes, true)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			c := s.Container()
			if b, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size())); err != nil || !bytes.Equal(b, l.data) {
				t.Error(len(b), err)
			}
		})
	}
	wg.Wait()
	total := int64(0)
	for _, b := range l.since() {
		total += b.N
	}
	if total != 8<<20 {
		t.Errorf("asked for %d bytes", total)
	}
	consistent(t, s)
}

func TestOnePageIsAskedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t, 8<<20)
		l.hold = true
		c := l.source(CacheBytes, true).Container()
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() { reads(t, c, 10, int64(i)) })
		}
		synctest.Wait()
		if got := l.since(); len(got) != 1 || got[0].N != page {
			t.Errorf("%+v", got)
		}
		l.release()
		wg.Wait()
	})
}

// TestSlowPeer: what is asked for ahead does not wait in a queue for long.
func TestSlowPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t, 4<<20)
		l.hold = true
		s := l.source(CacheBytes, true)
		done := make(chan error)
		go func() {
			_, err := io.Copy(io.Discard, io.NewSectionReader(s.Container(), 0, 4<<20))
			done <- err
		}()
		worst := 0
		for {
			synctest.Wait()
			l.mu.Lock()
			if len(l.held) == 0 {
				l.mu.Unlock()
				break
			}
			b, under := l.held[0], int64(0)
			for _, h := range l.held {
				under += h.N
			}
			l.held = l.held[1:]
			worst = max(worst, int(under))
			l.mu.Unlock()
			time.Sleep(time.Duration(b.N) * time.Second / (128 << 10)) // 1 Mbit/s
			l.answer(b)
		}
		if err := <-done; err != nil || worst > 512<<10 {
			t.Errorf("%d bytes were under way, %v", worst, err)
		}
	})
}

// TestCacheIsBounded, and lets go what was used longest ago.
func TestCacheIsBounded(t *testing.T) {
	l := newLibrary(t, 8<<20)
	s := l.source(64*page, true)
	c := s.Container()
	place := func(i int) int64 { return int64(i*37%256) * 2 * page } // no two are neighbours
	for i := range 64 {
		reads(t, c, 1, place(i))
	}
	reads(t, c, 1, place(0))
	reads(t, c, 1, place(64), place(65))
	l.since()
	reads(t, c, 1, place(0), place(3), place(63))
	if got := l.since(); len(got) != 0 {
		t.Errorf("asked again: %+v", got)
	}
	reads(t, c, 1, place(1))
	if got := l.since(); len(got) != 1 {
		t.Errorf("kept beyond the bound: %+v", got)
	}
	if s.cache.held != 64*page {
		t.Error(s.cache.held)
	}
	consistent(t, s)
	s.Lost(errAway)
	if s.cache.held != 0 || s.cache.used.Len() != 0 || len(s.cache.runs) != 0 || len(s.pages) != 0 {
		t.Error("something is left of what was lost")
	}
}

// TestManyReadersShare what may be asked for ahead.
func TestManyReadersShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t, 64<<20)
		s := l.source(CacheBytes, true)
		c := s.Container()
		for step := range int64(400) {
			for i := range int64(16) {
				reads(t, c, 8<<10, i*4<<20+step*8<<10)
			}
			synctest.Wait()
		}
		total := int64(0)
		for _, b := range l.since() {
			total += b.N
		}
		if total > 64<<20 {
			t.Errorf("asked for %d bytes: some of them twice", total)
		}
		consistent(t, s)
	})
}

// TestWhatChangesIsReadAnew after a second, and after Refresh.
func TestWhatChangesIsReadAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t, 1<<20)
		s := l.source(CacheBytes, false)
		c := s.Container()
		read := func(want byte) {
			t.Helper()
			var b [1]byte
			if _, err := c.ReadAt(b[:], 5); err != nil || b[0] != want {
				t.Errorf("%d, want %d, %v", b[0], want, err)
			}
		}
		l.data[5] = 1
		read(1)
		l.data[5] = 2
		time.Sleep(Fresh)
		read(1)
		time.Sleep(time.Nanosecond)
		read(2)
		l.data[5] = 3
		s.Refresh()
		read(3)
		synctest.Wait()
		consistent(t, s)
		fixed := l.source(CacheBytes, true)
		c = fixed.Container()
		read(3)
		l.data[5] = 4
		fixed.Refresh()
		time.Sleep(time.Hour)
		read(3)
	})
}

// TestRefreshMeanwhile: who waits gets what was asked for before, and others do not.
func TestRefreshMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t, 1<<20)
		l.hold = true
		s := l.source(CacheBytes, false)
		var wg sync.WaitGroup
		wg.Go(func() { reads(t, s.Container(), 10, 0) })
		synctest.Wait()
		s.Refresh()
		wg.Go(func() { reads(t, s.Container(), 10, 0) })
		synctest.Wait()
		if got := l.since(); len(got) != 2 {
			t.Errorf("%+v", got)
		}
		l.release()
		wg.Wait()
		consistent(t, s)
	})
}

// TestFailingBlock: what can be read is, and what cannot tells where and why.
func TestFailingBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t, 1<<20)
		l.bad = 600<<10 + 1
		s := l.source(CacheBytes, true)
		c := s.Container()
		n, err := io.Copy(io.Discard, io.NewSectionReader(c, 0, c.Size()))
		if n < 600<<10-32<<10 || !errors.Is(err, errBad) || !strings.Contains(err.Error(), `book: 8192 bytes at 614400: a bad sector`) {
			t.Error(n, err)
		}
		reads(t, c, 500, 600<<10-499) // up to it
		reads(t, c, 500, 600<<10+2)   // and behind it
		if _, err := c.Bytes(); !errors.Is(err, errBad) {
			t.Error(err)
		}
		synctest.Wait()
		consistent(t, s)
	})
}

func TestLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t, 1<<20)
		l.hold = true
		s := l.source(CacheBytes, true)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, err := s.Container().ReadAt(make([]byte, 9), 100); !errors.Is(err, errAway) || !strings.Contains(err.Error(), `book: 9 bytes at 100`) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		s.Lost(errAway)
		wg.Wait()
		l.release() // which comes too late
		if _, err := s.Container().ReadAt(make([]byte, 9), 100); !errors.Is(err, errAway) {
			t.Error(err)
		}
		consistent(t, s)
	})
}

func TestContextEndsARead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t, 1<<20)
		l.hold = true
		c := l.source(CacheBytes, true).Container()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if n, err := container.ReadAt(ctx, c, make([]byte, 10), 0); n != 0 || !errors.Is(err, context.DeadlineExceeded) {
			t.Error(n, err)
		}
		l.release()
		reads(t, c, 10, 0)
		if got := l.since(); len(got) != 1 {
			t.Error("what came late was not kept")
		}
	})
}

func TestViewsAreBounded(t *testing.T) {
	l := newLibrary(t, 100)
	s := New(l, 7, "book", MaxView+1, true)
	c := s.Container()
	if _, err := c.Bytes(); err == nil || !strings.Contains(err.Error(), "67108864") {
		t.Error(err)
	}
	if err := c.View(func([]byte) error { return nil }); err == nil {
		t.Error("viewed")
	}
	part, err := c.Slice(10, 50)
	if err != nil {
		t.Fatal(err)
	}
	l.data = make([]byte, MaxView+1)
	one, err := part.Bytes()
	two, err2 := part.Bytes()
	if err != nil || err2 != nil || &one[0] != &two[0] {
		t.Error(err, err2)
	}
	part.Close()
	for name, f := range map[string]func() error{
		"Bytes":  func() error { _, err := part.Bytes(); return err },
		"View":   func() error { return part.View(func([]byte) error { return nil }) },
		"Find":   func() error { _, err := part.Find([]byte("x"), 0); return err },
		"Slice":  func() error { _, err := part.Slice(0, 1); return err },
		"Count":  func() error { _, err := container.Count(t.Context(), part, []byte("x")); return err },
		"SHA256": func() error { _, err := container.SHA256(t.Context(), part); return err },
	} {
		if err := f(); err != container.ErrClosed {
			t.Error(name, err)
		}
	}
	if part.Size() != 50 || !part.Immutable() {
		t.Error("after Close:", part.Size(), part.Immutable())
	}
}
