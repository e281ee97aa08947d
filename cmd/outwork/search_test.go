package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/container/pattern"
)

func TestMatchIsMarked(t *testing.T) {
	f := found{Offset: 3, Length: 2, Before: 1, Inside: 2, Bytes: []byte("\x00ab\x1b")}
	if got, want := f.text(false), "00 [61 62] 1b  |.ab.|"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := f.text(true), "00 \x1b[1;31m61 62\x1b[0m 1b  |.\x1b[1;31mab\x1b[0m.|"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Of the bytes around a match all are told that can be read without a gap: what is missing on one
// side hides nothing on the other.
func TestBytesAroundAMatchAtAHole(t *testing.T) {
	for _, c := range []struct{ name, data, want string }{
		{"nothing missing", "abcdefMATCHghijkl", "cdef[MATCH]ghij"},
		{"missing before", "-----MATCHghijkl", "[MATCH]ghij"},
		{"missing behind", "abcdefMATCH-----", "cdef[MATCH]"},
		{"on both sides", "--abMATCHg-------", "ab[MATCH]g"},
		{"all around", "-----MATCH-----", "[MATCH]"},
		{"at the beginning", "aMATCH-", "a[MATCH]"},
		{"at the end", "-bMATCHcd", "b[MATCH]cd"},
	} {
		for name, live := range map[string]container.Live{"known beforehand": {Extents: gapped(c.data).extents}, "found by reading": {}} {
			f := found{Offset: int64(strings.Index(c.data, "M")), Length: 5}
			err := f.read(t.Context(), container.FromReaderAt(gapped(c.data), int64(len(c.data)), live), 4)
			if err != nil {
				t.Errorf("%s, %s: %v", c.name, name, err)
				continue
			}
			before, rest := f.Bytes[:f.Before], f.Bytes[f.Before:]
			if got := fmt.Sprintf("%s[%s]%s", before, rest[:f.Inside], rest[f.Inside:]); got != c.want {
				t.Errorf("%s, %s: %s, want %s", c.name, name, got, c.want)
			}
		}
	}
	f := found{Offset: 1, Length: 2}
	if err := f.read(t.Context(), container.FromReaderAt(gapped("aM-a"), 4, container.Live{}), 1); !errors.Is(err, container.ErrHole) {
		t.Errorf("a match that is gone: %v", err)
	}
}

// gapped is bytes of which those that are '-' cannot be read.
type gapped string

func (g gapped) ReadAt(p []byte, off int64) (int, error) {
	if strings.Contains(string(g[off:][:len(p)]), "-") {
		return 0, container.ErrHole
	}
	return copy(p, g[off:]), nil
}

func (g gapped) extents(off int64) (start, end int64, err error) {
	for start = off; start < int64(len(g)) && g[start] == '-'; start++ {
	}
	for end = start; end < int64(len(g)) && g[end] != '-'; end++ {
	}
	return start, end, nil
}

// A long match is shown by its beginning, and what is behind it not at all.
func TestLongMatchIsCut(t *testing.T) {
	f := found{Length: 100, Inside: 100, Bytes: bytes.Repeat([]byte{'x'}, 108)}
	text := f.text(false)
	if n := strings.Count(text, "78"); n != maxLine {
		t.Errorf("%d bytes are shown, want %d", n, maxLine)
	}
	if !strings.Contains(text, "78…]  |") || !strings.HasSuffix(text, "x…|") {
		t.Errorf("nothing says that there is more: %s", text)
	}
}

// What a worker that was taken over tells of a match is an error, and never the end of the
// process that prints it.
func TestMatchOfHostileWorker(t *testing.T) {
	p, err := pattern.Any([][]byte{[]byte("a"), []byte("b")}, false)
	if err != nil {
		t.Fatal(err)
	}
	s := search{searchOptions: &searchOptions{}, pattern: p}
	right := found{Offset: 3, Length: 2, Index: 1, Before: 1, Inside: 2, Bytes: []byte("\x00ab\x1b")}
	if err := s.check(&right); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*found){
		"before the beginning": func(f *found) { f.Before = -1 },
		"behind the end":       func(f *found) { f.Before = 5 },
		"too long":             func(f *found) { f.Inside = 4 },
		"negative":             func(f *found) { f.Inside = -1 },
		"beyond all numbers":   func(f *found) { f.Before, f.Inside = math.MaxInt64, math.MaxInt64 },
		"no pattern":           func(f *found) { f.Index = 2 },
		"no pattern at all":    func(f *found) { f.Index = -1 },
		"nowhere":              func(f *found) { f.Offset = -1 },
		"shorter than nothing": func(f *found) { f.Length = -1 },
		"longer than itself":   func(f *found) { f.Length = 1 },
		"without its bytes":    func(f *found) { f.Bytes, f.Before, f.Inside = nil, 0, 0 },
		"fewer than none":      func(f *found) { f.Count = -1 },
		"more than was asked":  func(f *found) { f.Bytes = make([]byte, 2*maxContext+maxMatch+1) },
	} {
		f := right
		if change(&f); s.check(&f) == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
	s.names = true
	if err := s.check(&found{Offset: 3, Length: 2}); err != nil {
		t.Errorf("where bytes are not wanted: %v", err)
	}
}

func TestPlain(t *testing.T) {
	for text, want := range map[string]bool{"": true, "abc": true, "é\t\n": true, "a\x00": false, "\x1b[2J": false, "\xff": false} {
		if isPlain([]byte(text)) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
