package container

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"iter"
	"math"
	"slices"
	"testing"

	"github.com/outwork-go/outwork/container/pattern"
)

// TestSearchesInWindows: matches at the windows' borders are told once each.
func TestSearchesInWindows(t *testing.T) {
	data := make([]byte, 2*lookEvery+100)
	places := []int64{0, 5, 7, lookEvery - 2, lookEvery, lookEvery + 2, 2*lookEvery - 1, int64(len(data)) - 3}
	for _, at := range places {
		copy(data[at:], "aba")
	}
	c, aba := FromBytes(data), []byte("aba")
	var all []int64
	for at, err := range All(t.Context(), c, aba) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, at)
	}
	if !slices.Equal(all, places) {
		t.Errorf("%v", all)
	}
	if n, err := Count(t.Context(), c, aba); n != int64(len(places)) || err != nil {
		t.Error(n, err)
	}
	for i, from := range []int64{0, 1, 6, 8, lookEvery - 1, lookEvery + 1, lookEvery + 3, 2 * lookEvery} {
		if at, err := Find(t.Context(), c, aba, from); at != places[i] || err != nil {
			t.Error(from, at, err)
		}
	}
	if at, err := Find(t.Context(), c, aba, int64(len(data))-2); at != -1 || err != nil {
		t.Error(at, err)
	}
	if at, err := Find(t.Context(), c, make([]byte, lookEvery+50), 8); at != -1 || err != nil {
		t.Error("longer than a window:", at, err)
	}
	if sum, err := SHA256(t.Context(), c); sum != sha256.Sum256(data) || err != nil {
		t.Errorf("%x, %v", sum, err)
	}
}

// nothingBut is a reader of zeros, of any size, but for text at an offset. It counts what is read.
type nothingBut struct {
	at   int64
	text string
	read int64
}

func (z *nothingBut) ReadAt(p []byte, off int64) (int, error) {
	z.read += int64(len(p))
	clear(p)
	for i, c := range []byte(z.text) {
		if k := z.at + int64(i) - off; k >= 0 && k < int64(len(p)) {
			p[k] = c
		}
	}
	return len(p), nil
}

// TestSearchesAtTheHighestOffsets: nothing that is added to an offset exceeds all numbers.
func TestSearchesAtTheHighestOffsets(t *testing.T) {
	z := &nothingBut{at: math.MaxInt64 - 6, text: "needle"}
	c := FromReaderAt(z, math.MaxInt64, Live{})
	for _, from := range []int64{z.at - 100, z.at - lookEvery - 3, z.at} {
		if at, err := Find(t.Context(), c, []byte("needle"), from); at != z.at || err != nil {
			t.Error(from, at, err)
		}
		if at, err := Find(t.Context(), c, []byte("none"), from); at != -1 || err != nil {
			t.Error(from, at, err)
		}
		for _, text := range []string{"needle", "re:needle"} {
			if got := offsets(t, c, text, Range{From: from}); !slices.Equal(got, []int64{z.at}) {
				t.Errorf("%s from %d: %d", text, from, got)
			}
		}
	}
}

// TestSearchesStepOverHoles, whatever their size: looking at a context takes them no longer.
func TestSearchesStepOverHoles(t *testing.T) {
	const size = 1 << 50
	z := &nothingBut{size - 3, "abc", 0}
	asked := 0
	c := FromReaderAt(z, size, Live{Extents: func(off int64) (start, end int64, err error) {
		asked++
		for _, w := range []span{{1 << 20, 100}, {1 << 49, 7}, {size - 10, 10}} {
			if end := w.off + w.n; end > off {
				return w.off, end, nil
			}
		}
		return size, size, nil
	}})
	if at, err := Find(t.Context(), c, []byte("abc"), 5); at != size-3 || err != nil {
		t.Error(at, err)
	}
	if n, err := Count(t.Context(), c, []byte("\x00\x00")); n != 99+6+6 || err != nil {
		t.Error(n, err)
	}
	if asked > 200 || z.read > 1000 {
		t.Errorf("it was asked %d times what can be read, and %d bytes were", asked, z.read)
	}
}

func TestSearchesThatMakeNoSense(t *testing.T) {
	c := FromBytes([]byte("text"))
	for _, from := range []int64{-1, 5} {
		if at, err := Find(t.Context(), c, []byte("t"), from); at != -1 || !errors.Is(err, ErrRange) {
			t.Error(at, err)
		}
	}
	if at, err := Find(t.Context(), c, nil, 0); at != -1 || !errors.Is(err, errEmptyPattern) {
		t.Error(at, err)
	}
	if _, err := Count(t.Context(), c, nil); !errors.Is(err, errEmptyPattern) {
		t.Error(err)
	}
	c.Close()
	if _, err := Count(t.Context(), c, []byte("t")); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := SHA256(t.Context(), c); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestContextEndsSearches(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := FromBytes(make([]byte, 2*lookEvery))
	seen := 0
	for _, err := range All(ctx, c, []byte{0}) {
		if seen++; err != nil {
			if err != context.Canceled || seen > lookMatches+1 {
				t.Error(seen, err)
			}
			break
		}
		cancel()
	}
	if at, err := Find(ctx, c, []byte("x"), 0); at != -1 || err != context.Canceled {
		t.Error(at, err)
	}
	if _, err := Count(ctx, c, []byte("x")); err != context.Canceled {
		t.Error(err)
	}
	if _, err := SHA256(ctx, c); err != context.Canceled {
		t.Error(err)
	}
	if _, err := ReadAt(ctx, c, make([]byte, 1), 0); err != context.Canceled {
		t.Error(err)
	}
}

// farAway is a Container that is elsewhere, and notes what is asked of it.
type farAway struct {
	Container
	what bytes.Buffer
}

func (a *farAway) ReadAtContext(context.Context, []byte, int64) (int, error) {
	a.what.WriteString("read ")
	return 0, nil
}

func (a *farAway) FindContext(context.Context, []byte, int64) (int64, error) {
	a.what.WriteString("find ")
	return 0, nil
}

func (a *farAway) AllContext(context.Context, []byte) iter.Seq2[int64, error] {
	a.what.WriteString("all ")
	return nil
}

func (a *farAway) CountContext(context.Context, []byte) (int64, error) {
	a.what.WriteString("count ")
	return 0, nil
}

func (a *farAway) SearchContext(context.Context, *pattern.Pattern, Range) iter.Seq2[pattern.Match, error] {
	a.what.WriteString("search ")
	return nil
}

func (a *farAway) SHA256Context(context.Context) (sum [sha256.Size]byte, err error) {
	a.what.WriteString("hash")
	return sum, nil
}

func TestElsewhereIsAskedOnce(t *testing.T) {
	a := &farAway{}
	ReadAt(t.Context(), a, nil, 0)
	Find(t.Context(), a, nil, 0)
	All(t.Context(), a, nil)
	Count(t.Context(), a, nil)
	Search(t.Context(), a, nil, Range{})
	SHA256(t.Context(), a)
	if got := a.what.String(); got != "read find all count search hash" {
		t.Error(got)
	}
}
