package pages

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/container/pattern"
)

// found is what a search finds, or its error.
func found(t *testing.T, c container.Container, s pattern.Spec, r container.Range) (all []pattern.Match, err error) {
	t.Helper()
	p, err := pattern.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	for m, err := range container.Search(t.Context(), c, p, r) {
		if err != nil {
			return all, err
		}
		all = append(all, m)
	}
	return all, nil
}

func texts(all ...string) (b [][]byte) {
	for _, s := range all {
		b = append(b, []byte(s))
	}
	return b
}

// TestPatterns are looked for at the peer, in batches; what does not fit, or where the peer
// cannot, here. It is the same, in slices too.
func TestPatterns(t *testing.T) {
	l := newLibrary(t, 400<<10)
	copy(l.data, bytes.Repeat([]byte("abcabc needle Needle "), 5000))
	many := make([][]byte, maxTexts+1)
	for i := range many {
		many[i] = fmt.Appendf(nil, "none%d", i)
	}
	many[7] = []byte("needle")
	for name, s := range map[string]pattern.Spec{
		"bytes":     {Texts: texts("abc")},
		"any":       {Kind: pattern.KindAny, Texts: texts("a", "abc", "c", "ca")},
		"any, fold": {Kind: pattern.KindAny, Texts: texts("NEEDLE", "x"), Fold: true},
		"hex":       {Kind: pattern.KindHex, Texts: texts("61 [1-3] 62")},
		"regexp":    {Kind: pattern.KindRegexp, Texts: texts(`(?i)need|(abc)+`)},
		"behind":    {Kind: pattern.KindRegexp, Texts: texts(`\babc|^c`)},
		"unfit":     {Kind: pattern.KindAny, Texts: many},
		"long":      {Texts: [][]byte{bytes.Clone(l.data[200<<10:][:maxTotal+1])}},
	} {
		for _, lame := range []bool{false, true} {
			for _, back := range []bool{false, true} {
				l.lame = lame
				src := l.source(CacheBytes, true)
				part, err := src.Container().Slice(11, 300<<10)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range []container.Range{{Back: back}, {From: 50, To: 100 << 10, Before: 90 << 10, Back: back}, {From: 5, To: 5, Back: back}} {
					got, err := found(t, part, s, r)
					want, err2 := found(t, container.FromBytes(l.data[11:][:300<<10]), s, r)
					p, _ := pattern.Compile(s)
					if n, err := container.CountMatches(t.Context(), part, p, r); n != int64(len(want)) || err != nil {
						t.Errorf("%s, lame %t, %+v: counted %d, want %d, %v", name, lame, r, n, len(want), err)
					}
					if err != nil || err2 != nil || !slices.Equal(got, want) {
						t.Errorf("%s, lame %t, %+v: %d matches, want %d: %v, %v", name, lame, r, len(got), len(want), err, err2)
					}
				}
				st := container.StatsOf(part)
				if here := lame || name == "unfit" || name == "long" || name == "behind"; here != (st.Fetched > 0) || here == (st.Searches > 0) {
					t.Errorf("%s, lame %t: %+v", name, lame, st)
				}
			}
		}
	}
	l.lame = false
	part := l.source(CacheBytes, true).Container()
	for _, r := range []container.Range{{From: -1}, {From: 5, To: 4}, {To: 400<<10 + 1}, {Before: -1}} {
		if _, err := found(t, part, pattern.Spec{Texts: texts("x")}, r); err == nil {
			t.Errorf("%+v was taken", r)
		}
	}
	part.Close()
	if _, err := found(t, part, pattern.Spec{Texts: texts("x")}, container.Range{}); !errors.Is(err, container.ErrClosed) {
		t.Error(err)
	}
}

// TestHashesThere, and here where the peer cannot.
func TestHashesThere(t *testing.T) {
	l := newLibrary(t, 300<<10)
	for _, lame := range []bool{false, true} {
		l.lame = lame
		part, err := l.source(CacheBytes, true).Container().Slice(5, 200<<10)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{container.HashSHA256, container.HashXXH3, container.HashCRC32} {
			got, err := container.Hash(t.Context(), part, name)
			want, _ := container.Hash(t.Context(), container.FromBytes(l.data[5:][:200<<10]), name)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %x, want %x, %v", name, got, want, err)
			}
		}
		if st := container.StatsOf(part); st.Hashes != 3 || st.Hashed != 600<<10 || lame == (st.Fetched == 0) {
			t.Errorf("lame %t: %+v", lame, st)
		}
	}
}

func TestComparesThere(t *testing.T) {
	l := newLibrary(t, 300<<10)
	copy(l.data[200<<10:], l.data[:100<<10])
	l.data[200<<10+70000] ^= 1
	for _, lame := range []bool{false, true} {
		l.lame, l.compared = lame, 0
		src := l.source(CacheBytes, true)
		a, _ := src.Container().Slice(0, 100<<10)
		b, _ := src.Container().Slice(200<<10, 100<<10)
		if at, err := container.Compare(t.Context(), a, b); at != 70000 || err != nil {
			t.Errorf("lame %t: %d, %v", lame, at, err)
		}
		if at, err := container.Compare(t.Context(), a, container.FromBytes(l.data[:100<<10])); at != -1 || err != nil {
			t.Errorf("with what is here: %d, %v", at, err)
		}
		if lame == (l.compared == 1) {
			t.Errorf("lame %t: compared %d times there", lame, l.compared)
		}
		b.Close()
		if _, err := container.Compare(t.Context(), a, b); !errors.Is(err, container.ErrClosed) {
			t.Error(err)
		}
	}
}

func TestExtentsThere(t *testing.T) {
	l := newLibrary(t, 1000)
	l.gap.from, l.gap.to = 300, 400
	part, err := l.source(CacheBytes, false).Container().Slice(50, 500)
	if err != nil {
		t.Fatal(err)
	}
	for off, want := range map[int64][2]int64{0: {0, 250}, 249: {249, 250}, 250: {350, 500}, 499: {499, 500}, 500: {500, 500}} {
		if start, end, err := container.Extent(t.Context(), part, off); start != want[0] || end != want[1] || err != nil {
			t.Errorf("%d: %d to %d, %v", off, start, end, err)
		}
	}
	many := pattern.Spec{Kind: pattern.KindAny, Texts: texts("abcd")} // which does not fit, and so is looked for here
	for i := range maxTexts {
		many.Texts = append(many.Texts, fmt.Appendf(nil, "none%d", i))
	}
	copy(l.data[200:], "abcd")
	copy(l.data[298:], "abcd") // of which half is in the gap
	copy(l.data[420:], "abcd")
	l.bad = 350
	got, err := found(t, part, many, container.Range{})
	if err != nil || len(got) != 2 || got[0].Offset != 150 || got[1].Offset != 370 {
		t.Error("around the gap:", got, err)
	}
	l.bad, l.lame = -1, true
	if start, end, err := container.Extent(t.Context(), part, 7); start != 7 || end != 500 || err != nil {
		t.Error(start, end, err)
	}
}

// TestStats: what was read, what was there, what was fetched for nobody.
func TestStats(t *testing.T) {
	l := newLibrary(t, 8<<20)
	src := l.source(1<<20, true)
	c := src.Container()
	b := make([]byte, 64)
	c.ReadAt(b, 1<<20)
	c.ReadAt(b, 1<<20+100)
	want := container.Stats{Reads: 2, Bytes: 128, Hits: 1, Misses: 1, Fetched: page}
	if st := container.StatsOf(c); st != want {
		t.Errorf("%+v", st)
	}
	all := make([]byte, 32<<10)
	for off := int64(2 << 20); off < 8<<20; off += 32 << 10 { // it reads on
		if _, err := c.ReadAt(all, off); err != nil {
			t.Fatal(err)
		}
	}
	st := container.StatsOf(c)
	if st.Ahead == 0 || st.AheadUsed < st.Ahead/2 || st.AheadUsed+st.AheadWasted > st.Ahead {
		t.Errorf("of a reader to the end: %+v", st)
	}
	if st.Fetched < 6<<20 || st.Fetched != sum(l.since()) {
		t.Errorf("fetched: %+v", st)
	}
	wasted := st.AheadWasted
	off := int64(3 << 20) // which was let go: it begins to read on there, and stops
	for range 4 {
		c.ReadAt(all, off)
		off += 32 << 10
	}
	src.Lost(errAway)
	if st = container.StatsOf(c); st.AheadWasted == wasted || st.AheadUsed+st.AheadWasted != st.Ahead {
		t.Errorf("of one that stops: %+v", st)
	}
	if _, err := c.ReadAt(b, 0); !strings.Contains(fmt.Sprint(err), "away") {
		t.Error(err)
	}
}

func sum(blocks []Block) (n int64) {
	for _, b := range blocks {
		n += b.N
	}
	return n
}
