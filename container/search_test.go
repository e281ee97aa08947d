package container

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
)

// collectAll is what All yields, without an error.
func collectAll(t *testing.T, c Container, pattern []byte) []int64 {
	t.Helper()
	var found []int64
	for at, err := range c.All(pattern) {
		if err != nil {
			t.Fatalf("All(%x): %v", pattern, err)
		}
		found = append(found, at)
	}
	return found
}

func naiveAll(data, pattern []byte) []int64 {
	var found []int64
	for i := range data {
		if bytes.HasPrefix(data[i:], pattern) {
			found = append(found, int64(i))
		}
	}
	return found
}

// narrow is a source of a window so small that matches lie across windows.
type narrow struct{ heap }

func (narrow) window() int64 { return 3 }

func FuzzSearchAgainstNaive(f *testing.F) {
	f.Add([]byte("abababab"), []byte("aba"), uint16(1))
	f.Add([]byte("aaaaaaaaa"), []byte("a"), uint16(0))
	f.Add([]byte("xyz"), []byte("longer than the data"), uint16(3))
	f.Add([]byte(""), []byte("a"), uint16(0))
	f.Fuzz(func(t *testing.T, data, pattern []byte, from uint16) {
		if len(pattern) == 0 || int(from) > len(data) {
			t.Skip("an error by contract")
		}
		c := newView(share(narrow{heap{data}}), 0, int64(len(data)))
		want := naiveAll(data, pattern)
		if got := collectAll(t, c, pattern); !slices.Equal(got, want) {
			t.Errorf("All = %d, want %d", got, want)
		}
		first := int64(-1)
		if i := slices.IndexFunc(want, func(at int64) bool { return at >= int64(from) }); i >= 0 {
			first = want[i]
		}
		if got, err := c.Find(pattern, int64(from)); got != first || err != nil {
			t.Errorf("Find from %d = %d, %v, want %d", from, got, err, first)
		}
	})
}

func TestMatchAcrossWindows(t *testing.T) {
	pattern := []byte("across the windows")
	for _, at := range []int{fileWindow - 1, fileWindow, fileWindow - len(pattern), fileWindow + len(pattern), 2*fileWindow - 3} {
		data := make([]byte, 3*fileWindow)
		copy(data[at:], pattern)
		c := fromFile(t, writeFile(t, data))
		if got := collectAll(t, c, pattern); !slices.Equal(got, []int64{int64(at)}) {
			t.Errorf("found at %d, want %d", got, at)
		}
	}
}

func TestPatternLargerThanAWindow(t *testing.T) {
	data := randomBytes(4 * fileWindow)
	c := fromFile(t, writeFile(t, data))
	if got := collectAll(t, c, data[100:100+2*fileWindow]); !slices.Equal(got, []int64{100}) {
		t.Errorf("found at %d, want 100", got)
	}
}

func TestMoreMatchesThanABatch(t *testing.T) {
	data := make([]byte, fileWindow+3*matchBatch)
	for name, c := range everySource(t, data) {
		want := int64(0)
		for at, err := range c.All([]byte{0, 0}) {
			if at != want || err != nil {
				t.Fatalf("%s: match %d at %d, %v", name, want, at, err)
			}
			want++
		}
		if want != int64(len(data)-1) {
			t.Errorf("%s: %d matches, want %d", name, want, len(data)-1)
		}
	}
}

// What has many matches is read a few times, not once for each batch of them.
func TestDenseMatchesAreReadOnce(t *testing.T) {
	data := make([]byte, 4*fileWindow)
	for name, c := range everySource(t, data) {
		collectAll(t, c, []byte{0})
		if n := StatsOf(c).Searched; n > 8*int64(len(data)) {
			t.Errorf("%s: %d bytes were searched of %d", name, n, len(data))
		}
	}
}

func TestAllStopsWhenToldTo(t *testing.T) {
	c := FromBytes(make([]byte, 100))
	seen := 0
	for range c.All([]byte{0}) {
		if seen++; seen == 3 {
			break
		}
	}
	if seen != 3 {
		t.Errorf("the loop ran %d times", seen)
	}
}

func TestAllEndsAfterAnError(t *testing.T) {
	c := FromBytes(make([]byte, 2*matchBatch))
	var last error
	matches := 0
	for at, err := range c.All([]byte{0}) {
		if last != nil {
			t.Fatal("All went on after an error")
		}
		if last = err; err != nil {
			if at != -1 {
				t.Errorf("the error came with offset %d", at)
			}
			continue
		}
		matches++
		c.Close()
	}
	if !errors.Is(last, ErrClosed) || matches != matchBatch {
		t.Errorf("%d matches, then %v", matches, last)
	}
}

func TestAllLetsGoOfTheBytesInItsBody(t *testing.T) {
	// A body that panics must do so outside the guard of the bytes.
	c := FromBytes([]byte("aa"))
	defer func() {
		if p := recover(); p != io.EOF {
			t.Errorf("recovered %v", p)
		}
		if users := c.(*view).hold.src.users.Load(); users != 1 {
			t.Errorf("%d users are left, want the view alone", users)
		}
	}()
	for range c.All([]byte("a")) {
		panic(io.EOF)
	}
}
