package container

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

// torn is bytes of which those that are '-' turn out to be a hole when they are read.
type torn []byte

func (b torn) ReadAt(p []byte, off int64) (int, error) {
	if hole := bytes.IndexByte(b[off:][:len(p)], '-'); hole >= 0 {
		return copy(p[:hole], b[off:]), ErrHole
	}
	return copy(p, b[off:]), nil
}

// TestSearchGoesAroundWhatTurnsOutToBeAHole, and finds what it does where that is known beforehand.
func TestSearchGoesAroundWhatTurnsOutToBeAHole(t *testing.T) {
	const page = 8
	hole := strings.Repeat("-", page)
	for name, data := range map[string]string{
		"one":                 "abaab.ab" + hole + "bab.aabb",
		"first":               hole + "b.ab.abb",
		"last":                "ab.ab..a" + hole,
		"everywhere":          hole + hole,
		"many":                hole + "ab....ab" + hole + hole + "b.aab..a" + hole + ".......a" + hole + "abababab",
		"a match on each end": "ab....ab" + hole + "ab....ab" + hole + "ab....ab",
		"far from each other": "ab" + strings.Repeat(".", fileWindow+4) + "ab" + hole + "ab" + strings.Repeat(".", fileWindow+4) + "ab" + hole + "aab.....",
	} {
		known := newView(share(ragged{heap{[]byte(data)}}), 0, int64(len(data)))
		found := FromReaderAt(torn(data), int64(len(data)), Live{page: page})
		part, err := found.Slice(3, int64(len(data))-3)
		if err != nil {
			t.Fatal(err)
		}
		knownPart, _ := known.Slice(3, part.Size())
		for _, text := range []string{"ab", "i:AB", "hex:61 [0-1] 62", "re:a+b", `re:\Aab|b$|a\b`} {
			for _, r := range []Range{{}, {From: 1, To: part.Size() - 1}, {Before: part.Size() / 2}} {
				for _, r.Back = range []bool{false, true} {
					for of, c := range map[string][2]Container{"whole": {known, found}, "slice": {knownPart, part}} {
						if got, want := offsets(t, c[1], text, r), offsets(t, c[0], text, r); !slices.Equal(got, want) {
							t.Errorf("%s, %s: %s in %+v: %v, want %v", name, of, text, r, got, want)
						}
					}
				}
			}
		}
		want := offsets(t, known, "ab", Range{})
		if n, err := Count(t.Context(), found, []byte("ab")); n != int64(len(want)) || err != nil {
			t.Errorf("%s: Count %d, %v, want %d", name, n, err, len(want))
		}
		if at, err := found.Find([]byte("ab"), 0); at != append(want, -1)[0] || err != nil {
			t.Errorf("%s: Find %d, %v, want one of %v", name, at, err, want)
		}
	}
}

// TestHoleThatNobodyKnowsTheEndOf is an error.
func TestHoleThatNobodyKnowsTheEndOf(t *testing.T) {
	c := FromReaderAt(torn("ab-ab"), 5, Live{})
	var last error
	for _, last = range Search(t.Context(), c, parsed(t, "ab"), Range{}) {
	}
	_, err := c.Find([]byte("b-"), 0)
	for _, err := range []error{last, err} {
		if !errors.Is(err, ErrHole) || !strings.Contains(err.Error(), "2 of 5 bytes at 0") {
			t.Error(err)
		}
	}
}

// TestHoleThatComesMeanwhile: what can be read is asked again.
func TestHoleThatComesMeanwhile(t *testing.T) {
	asked := 0
	c := FromReaderAt(torn("ab----ab"), 8, Live{Extents: func(off int64) (start, end int64, err error) {
		if asked++; asked == 1 {
			return off, 8, nil // as it was
		}
		return ragged{heap{[]byte("ab----ab")}}.extent(off)
	}})
	if got := offsets(t, c, "ab", Range{}); !slices.Equal(got, []int64{0, 6}) {
		t.Error(got)
	}
}

// void is a reader of which nothing can be read. After so many reads it calls done.
type void struct {
	left int
	done func()
}

func (v *void) ReadAt([]byte, int64) (int, error) {
	if v.left--; v.left == 0 {
		v.done()
	}
	return 0, ErrHole
}

// TestHolesEndWithTheContext: there may be very many of them.
func TestHolesEndWithTheContext(t *testing.T) {
	for _, back := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		c := FromReaderAt(&void{1000, cancel}, 1<<62, Live{page: 4096})
		if _, err := CountMatches(ctx, c, parsed(t, "ab"), Range{Back: back}); !errors.Is(err, context.Canceled) {
			t.Error("CountMatches:", err)
		}
		cancel()
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := FromReaderAt(&void{3 * lookEvery / 4096, cancel}, 1<<62, Live{page: 4096})
	if _, err := Find(ctx, c, []byte("ab"), 0); !errors.Is(err, context.Canceled) {
		t.Error("Find:", err)
	}
}
