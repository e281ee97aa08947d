//go:build !race

// These take long under the race detector, and have one goroutine each.

package pattern

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// nested are texts of zeros, each a byte longer than the one before.
func nested() (all [][]byte) {
	for total := 0; total+len(all) < maxTotal; total += len(all) {
		all = append(all, make([]byte, len(all)+1))
	}
	return all
}

// hostile are patterns that make much of zeros.
var hostile = map[string]Spec{
	"nested texts":    {Kind: KindAny, Texts: nested()},
	"one text, often": {Kind: KindAny, Texts: copies([]byte{0}, MaxTexts)},
	"zeros":           {Texts: [][]byte{make([]byte, maxText)}},
	"masked":          {Kind: KindHex, Texts: texts(strings.Repeat("00", 20000) + "?0 ?0" + strings.Repeat("00", 20000))},
	"gaps":            {Kind: KindHex, Texts: texts("00" + strings.Repeat("[0-2000]00", 32))},
	"gaps, none":      {Kind: KindHex, Texts: texts("00" + strings.Repeat("[0-2000]00", 31) + "[0-1]0?01")},
	"gaps, masked":    {Kind: KindHex, Texts: texts("00" + strings.Repeat("[0-9]"+strings.Repeat("0?", 1000), 31) + "[0-1]01")},
	"alternatives":    {Kind: KindRegexp, Texts: texts(`(?:\x00|\x00\x00|\x00\x00\x00){1,800}\x01`)},
	"greedy":          {Kind: KindRegexp, Texts: texts(`(?s)\x00.*\x01|\x00`)},
	"condition":       {Kind: KindRegexp, Texts: texts(`(?s)\x00.*\x00\b`)},
	"repetition":      {Kind: KindRegexp, Texts: texts(`(?s)\x00.{900}\x01`)},
}

func copies(b []byte, n int) (all [][]byte) {
	for range n {
		all = append(all, b)
	}
	return all
}

// limited is a context that ends when it has been looked at a number of times.
type limited struct {
	context.Context
	looks int
}

func (l *limited) Err() error {
	if l.looks--; l.looks < 0 {
		return context.Canceled
	}
	return nil
}

// TestHostilePatterns: what takes long can be cancelled meanwhile, and takes little memory.
func TestHostilePatterns(t *testing.T) {
	data := make([]byte, 4<<20)
	for name, spec := range hostile {
		for _, back := range []bool{false, true} {
			before := heap()
			p, err := Compile(spec)
			must(t, p, err)
			ctx := &limited{t.Context(), 3}
			matches, most := 0, uint64(0)
			for _, err = range p.Search(ctx, over(data, 1<<20), Span{Before: int64(len(data)), To: int64(len(data)), Back: back}) {
				if matches++; matches == 1 || matches == 100 {
					most = max(most, heap()-before)
				}
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s, backwards %t: %d matches, then %v", name, back, matches, err)
			}
			if most > 64<<20 && most < 1<<40 {
				t.Errorf("%s, backwards %t: %d MiB of memory", name, back, most>>20)
			}
			runtime.KeepAlive(p)
		}
	}
}

// heap is how many bytes of memory are in use.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestLargestAutomaton: texts up to the bounds make an automaton of bounded size, which
// finds them.
func TestLargestAutomaton(t *testing.T) {
	texts := manyTexts(MaxTexts, maxTotal/MaxTexts)
	before := heap()
	p, err := Any(texts, false)
	must(t, p, err)
	if size := heap() - before; size > 64<<20 {
		t.Errorf("it has %d MiB", size>>20)
	}
	data := bytes.Join([][]byte{texts[9], texts[MaxTexts-1], texts[5][:8], texts[7]}, nil)
	got := collect(t, p, over(data, 8), Span{Before: int64(len(data)), To: int64(len(data))})
	if len(got) != 3 || got[0].Index != 9 || got[1].Index != MaxTexts-1 || got[2] != (Match{40, 16, 7}) {
		t.Error(got)
	}
}

// TestMoreThanABatch: many matches, and many at each offset.
func TestMoreThanABatch(t *testing.T) {
	data := bytes.Repeat([]byte("ab a"), 3*batch)
	n := int64(len(data))
	var nested [][]byte
	for k := range 20 {
		nested = append(nested, data[:k+1], data[:k+1])
	}
	all := map[string]Spec{"nested": {Kind: KindAny, Texts: nested}}
	maps.Copy(all, kinds)
	for name, spec := range all {
		p, err := Compile(spec)
		must(t, p, err)
		forwards := collect(t, p, over(data, 0), Span{Before: n, To: n})
		if !slices.IsSortedFunc(forwards, compare) {
			t.Errorf("%s: not in order", name)
		}
		if spec.Kind != KindRegexp && !slices.Equal(forwards, naive(p, data, Span{Before: n, To: n})) {
			t.Errorf("%s: not what the naive search finds", name)
		}
		slices.Reverse(forwards)
		if !slices.Equal(collect(t, p, over(data, 0), Span{Before: n, To: n, Back: true}), forwards) {
			t.Errorf("%s: backwards it finds something else", name)
		}
	}
}

// However many matches there are, what is searched is read a few times, not once for each
// batch of them.
func TestDenseMatchesAreReadOnce(t *testing.T) {
	data := make([]byte, 256<<10)
	for name, spec := range map[string]Spec{
		"bytes":  {Texts: texts("\x00\x00")},
		"hex":    {Kind: KindHex, Texts: texts("00 ?? [0-3] 00")},
		"any":    {Kind: KindAny, Texts: texts("\x00", "\x00\x00")},
		"regexp": {Kind: KindRegexp, Texts: texts(`\x00`)},
		"work":   {Kind: KindRegexp, Texts: texts(`\x00{1,200}\x01|\x00`)},
	} {
		for _, back := range []bool{false, true} {
			p, err := Compile(spec)
			must(t, p, err)
			part, most := data, int64(8)
			if name == "work" { // which makes pauses after much work too
				part, most = data[:16<<10], 24
			}
			read, inner := int64(0), over(part, 256<<10)
			src := Source{Window: inner.Window, With: func(off, n int64, fn func([]byte) error) error {
				read += n
				return inner.With(off, n, fn)
			}}
			n := int64(len(part))
			if found := collect(t, p, src, Span{Before: n, To: n, Back: back}); len(found) < len(part)-2 {
				t.Errorf("%s, backwards %t: %d matches", name, back, len(found))
			}
			if read > most*n {
				t.Errorf("%s, backwards %t: %d bytes were read to search %d", name, back, read, n)
			}
		}
	}
}
