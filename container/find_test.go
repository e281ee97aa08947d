package container

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/outwork-go/outwork/container/pattern"
)

func parsed(t testing.TB, text string) *pattern.Pattern {
	t.Helper()
	p, err := pattern.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// offsets is where Search finds text in c.
func offsets(t testing.TB, c Container, text string, r Range) []int64 {
	t.Helper()
	found := []int64{}
	for m, err := range Search(t.Context(), c, parsed(t, text), r) {
		if err != nil {
			t.Fatalf("%s in %+v: %v", text, r, err)
		}
		found = append(found, m.Offset)
	}
	return found
}

func TestSearchInEverySource(t *testing.T) {
	data := make([]byte, fileWindow+windowRoom+5)
	places := []int64{0, fileWindow - 3, fileWindow + 20, int64(len(data)) - 8}
	for _, at := range places {
		copy(data[at:], "Needle 9")
	}
	for name, c := range everySource(t, data) {
		for _, text := range []string{"Needle 9", "i:nEEDLE 9", "hex:4e ?? [1-3] 64 6? 65 20 39", "re:[A-Z]e+dle\\s\\d"} {
			if got := offsets(t, c, text, Range{}); !slices.Equal(got, places) {
				t.Errorf("%s: %s found at %d, want %d", name, text, got, places)
			}
			back := slices.Clone(places[1:3])
			slices.Reverse(back)
			if got := offsets(t, c, text, Range{From: 1, To: c.Size() - 1, Back: true}); !slices.Equal(got, back) {
				t.Errorf("%s: backwards, %s found at %d, want %d", name, text, got, back)
			}
			if got := offsets(t, c, text, Range{Before: places[2], Back: true}); !slices.Equal(got, []int64{places[1], 0}) {
				t.Errorf("%s: before the third, %s found at %d", name, text, got)
			}
		}
	}
}

func TestSearchOfAnotherPackagesContainer(t *testing.T) {
	c := wrapped{FromBytes(append(make([]byte, 2*fileWindow-2), "across"...))}
	if got := offsets(t, c, "across", Range{}); !slices.Equal(got, []int64{2*fileWindow - 2}) {
		t.Error(got)
	}
}

func TestRangesThatMakeNoSense(t *testing.T) {
	c := FromBytes([]byte("text"))
	for _, r := range []Range{{From: -1}, {From: 5}, {To: 5}, {To: -1}, {Before: -1}, {From: 3, To: 2}} {
		seen := 0
		for m, err := range Search(t.Context(), c, parsed(t, "t"), r) {
			if seen++; m != (pattern.Match{}) || err == nil {
				t.Errorf("%+v: %v, %v", r, m, err)
			}
		}
		if seen != 1 {
			t.Errorf("%+v: yielded %d times", r, seen)
		}
	}
}

func TestSearchOfAClosedContainer(t *testing.T) {
	c := FromBytes(bytes.Repeat([]byte("a"), 3*findWindow))
	seen := 0
	var last error
	for _, err := range Search(t.Context(), c, parsed(t, "a"), Range{}) {
		if last = err; err == nil {
			seen++
			c.Close()
		}
	}
	if !errors.Is(last, ErrClosed) || seen == 0 || seen > findWindow {
		t.Errorf("%d matches, then %v", seen, last)
	}
}

func TestSearchIsCancelled(t *testing.T) {
	c := FromBytes(make([]byte, 4*findWindow))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := 0
	var last error
	for _, err := range Search(ctx, c, parsed(t, `re:\x00`), Range{}) {
		if last = err; err == nil {
			seen++
			cancel()
		}
	}
	if last != context.Canceled || seen > findWindow {
		t.Errorf("%d matches, then %v", seen, last)
	}
}

// TestSearchLetsGoOfTheBytesInItsBody: a body that panics does so outside the guard.
func TestSearchLetsGoOfTheBytesInItsBody(t *testing.T) {
	c := FromBytes([]byte("aa"))
	defer func() {
		if p := recover(); p != io.EOF {
			t.Errorf("recovered %v", p)
		}
		if users := c.(*view).hold.src.users.Load(); users != 1 {
			t.Errorf("%d users are left, want the view alone", users)
		}
	}()
	for range Search(t.Context(), c, parsed(t, "i:a"), Range{}) {
		panic(io.EOF)
	}
}

// ragged is a source that can be read only where its bytes are not '-'.
type ragged struct{ heap }

var errHole = errors.New("a hole")

func (r ragged) with(off, n int64, fn func([]byte) error) error {
	if bytes.IndexByte(r.slice(off, n), '-') >= 0 {
		return errHole
	}
	return r.heap.with(off, n, fn)
}

func (r ragged) extent(off int64) (start, end int64, err error) {
	for start = off; start < int64(len(r.b)) && r.b[start] == '-'; start++ {
	}
	for end = start; end < int64(len(r.b)) && r.b[end] != '-'; end++ {
	}
	if start == end {
		return 0, 0, io.EOF
	}
	return start, end, nil
}

func TestSearchLeavesOutHoles(t *testing.T) {
	data := []byte("--ab-aab---b-ab")
	c := newView(share(ragged{heap{data}}), 1, int64(len(data)-1))
	for text, want := range map[string][]int64{
		"ab":        {1, 5, 12},
		"re:a+b":    {1, 4, 12},
		`re:\Aa|b$`: {1, 2, 4, 6, 10, 12, 13},
	} {
		if got := offsets(t, c, text, Range{}); !slices.Equal(got, want) {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
		slices.Reverse(want)
		if got := offsets(t, c, text, Range{Back: true}); !slices.Equal(got, want) {
			t.Errorf("%s backwards: %d, want %d", text, got, want)
		}
	}
	if got := offsets(t, c, "re:^ab|ab", Range{From: 5, To: 13}); !slices.Equal(got, []int64{5}) {
		t.Error("in a range:", got)
	}
}
