package hexui

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"

	"github.com/outwork-go/outwork/container"
)

// withHoles fails every read that touches a hole, with nothing or with what is before it.
func withHoles(holes []bool, random *rand.Rand) *source {
	return &source{size: int64(len(holes)), read: func(p []byte, off int64) (int, error) {
		hole := slices.Index(holes[off:off+int64(len(p))], true)
		if hole < 0 {
			return counting(p, off)
		}
		if random.IntN(2) == 0 {
			hole = 0
		}
		counting(p[:hole], off)
		return hole, syscall.EIO
	}}
}

func TestReadPiecesLosesOnlyWhatCannotBeRead(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		holes := make([]bool, 1+random.IntN(2000))
		any := false
		for range random.IntN(4) {
			holes[random.IntN(len(holes))], any = true, true
		}
		c := withHoles(holes, random)
		p := make([]byte, len(holes))
		states, err := readPieces(t.Context(), c, 0, p)
		if (err != nil) != any || any && !errors.Is(err, syscall.EIO) {
			t.Fatalf("holes %v: %v", any, err)
		}
		for i, hole := range holes {
			switch {
			case hole && states[i] != bad:
				t.Fatalf("byte %d of %d, a hole, is %d", i, len(holes), states[i])
			case !hole && (states[i] != good || p[i] != byte(i)):
				t.Fatalf("byte %d of %d is %d, 0x%x", i, len(holes), states[i], p[i])
			}
		}
	}
}

func TestReadPiecesIsBounded(t *testing.T) {
	c := withHoles(slices.Repeat([]bool{true, false}, 8000), rand.New(rand.NewPCG(1, 2)))
	states, err := readPieces(t.Context(), c, 0, make([]byte, c.size))
	if err == nil || len(c.reads) > maxReads || slices.Contains(states, unread) {
		t.Errorf("%d reads, %v", len(c.reads), err)
	}
}

func TestReadPiecesThatEndsEarlyKnowsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := &source{size: 1, read: func([]byte, int64) (int, error) {
		cancel()
		return 0, context.Canceled
	}}
	states, err := readPieces(ctx, c, 0, make([]byte, 1))
	if !errors.Is(err, context.Canceled) || states[0] != unread {
		t.Errorf("%v, %v", states, err)
	}
}

// TestReadPiecesFindsWhatIsBetweenHoles: however little of a page that is.
func TestReadPiecesFindsWhatIsBetweenHoles(t *testing.T) {
	const size = 64 << 10
	c := container.FromReaderAt(readerFunc(counting), size, container.Live{Extents: func(off int64) (start, end int64, err error) {
		start = (off + 999) / 1000 * 1000
		return start, start + 1, nil
	}})
	defer c.Close()
	for _, off := range []int64{0, 999, 1500, 60_001} {
		p := make([]byte, 3000)
		states, err := readPieces(t.Context(), c, off, p)
		if !errors.Is(err, container.ErrHole) {
			t.Error(err)
		}
		for i, s := range states {
			at := off + int64(i)
			if want := at%1000 == 0; (s == good) != want {
				t.Fatalf("from %d: the byte at %d is %d", off, at, s)
			}
		}
	}
}

// TestHolesAreKnownFromBothSides: from an offset to the next byte that is there, and back to
// the one before.
func TestHolesAreKnownFromBothSides(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		there := make([]bool, 1+random.IntN(300))
		for range random.IntN(4) {
			from := random.IntN(len(there))
			copy(there[from:], slices.Repeat([]bool{true}, random.IntN(20)))
		}
		size := int64(len(there))
		c := container.FromReaderAt(readerFunc(counting), size, container.Live{Extents: func(off int64) (start, end int64, err error) {
			for start = off; start < size && !there[start]; start++ {
			}
			for end = start; end < size && there[end]; end++ {
			}
			return start, end, nil
		}})
		from := random.Int64N(size)
		to := from + random.Int64N(size-from+1)
		want := slices.Index(append(slices.Clone(there[from:to]), true), true)
		if got := hole(t.Context(), c, from, to); got != int64(want) {
			t.Errorf("%v from %d to %d: a hole of %d, want %d", there, from, to, got, want)
		}
		back := slices.Clone(there[from:to])
		slices.Reverse(back)
		want = slices.Index(append(back, true), true)
		if got := holeBefore(t.Context(), c, from, to); got != int64(want) {
			t.Errorf("%v from %d to %d: a hole of %d before, want %d", there, from, to, got, want)
		}
		c.Close()
	}
}

// TestBeginsWhereItIsTold: with that row at the top.
func TestBeginsWhereItIsTold(t *testing.T) {
	v := view(t, file(), Options{Offset: 0x123}, 80, 10)
	if v.m.top != 0x120 || v.m.cursor != 0x123 {
		t.Errorf("%#x is at the top, the cursor at %#x", v.m.top, v.m.cursor)
	}
}
