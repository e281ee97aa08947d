package pattern

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"
)

// must is p, if there is no error.
func must(t testing.TB, p *Pattern, err error) *Pattern {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// over is a Source of data that hands out copies, in windows of a size.
func over(data []byte, window int64) Source {
	return Source{Window: window, With: func(off, n int64, fn func([]byte) error) error {
		part := slices.Clone(data[off : off+n])
		return fn(part)
	}}
}

// collect is what a search yields.
func collect(t testing.TB, p *Pattern, src Source, s Span) []Match {
	t.Helper()
	var all []Match
	for m, err := range p.Search(t.Context(), src, s) {
		if err != nil {
			t.Errorf("%s in %+v: %v", p, s, err)
			return nil
		}
		all = append(all, m)
	}
	return all
}

// zeros is a Source of nothing but zeros but for text, which lies at an offset. It can be
// read 10,000 times.
func zeros(window, at int64, text string) Source {
	reads := 0
	return Source{Window: window, With: func(off, n int64, fn func([]byte) error) error {
		if reads++; reads > 10_000 || n < 0 {
			return fmt.Errorf("read number %d, of %d bytes at %d", reads, n, off)
		}
		b := make([]byte, n)
		for i := range b {
			if k := off + int64(i) - at; k >= 0 && k < int64(len(text)) {
				b[i] = text[k]
			}
		}
		return fn(b)
	}}
}

// TestAtTheHighestOffsets: nothing that is added to an offset exceeds all numbers.
func TestAtTheHighestOffsets(t *testing.T) {
	const end = math.MaxInt64
	for _, window := range []int64{0, 16, 1000} {
		for _, text := range []string{"abbc", "i:ABBC", "hex:61 [1-5] 62 63", "re:ab+c", `re:b+c\x00*$`, `re:abbc\b`} {
			p, err := Parse(text)
			must(t, p, err)
			for _, at := range []int64{end - 40, end - 4} {
				for _, from := range []int64{end - 50, end - 3000} {
					for _, back := range []bool{false, true} {
						src, s := zeros(window, at, "abbc"), Span{Start: from, From: from, Before: end, To: end, Back: back}
						if got := collect(t, p, src, s); len(got) != 1 || got[0].Offset < at || got[0].Offset > at+1 {
							t.Errorf("%s, windows of %d, from %d: %v, want one at %d", text, window, from, got, at)
						}
					}
				}
			}
		}
	}
}

// TestWindowBeyondAllNumbers is all that there is.
func TestWindowBeyondAllNumbers(t *testing.T) {
	for _, text := range []string{"ab", "re:ab"} {
		p, err := Parse(text)
		must(t, p, err)
		for _, back := range []bool{false, true} {
			got := collect(t, p, over([]byte("xxabxxab"), math.MaxInt64), Span{From: 1, Before: 8, To: 8, Back: back})
			if len(got) != 2 {
				t.Errorf("%s, backwards %t: %v", text, back, got)
			}
		}
	}
}

// naive is what a search has to yield.
func naive(p *Pattern, data []byte, s Span) []Match {
	s.Before = min(s.Before, s.To)
	if p.spec.Kind == KindRegexp {
		return naiveRegexp(p, data, s)
	}
	var all []Match
	for at := s.From; at < s.Before; at++ {
		for i, text := range p.spec.Texts {
			if n := naiveFit(p.spec, text, data[at:s.To]); n > 0 {
				all = append(all, Match{at, int64(n), i})
			}
		}
	}
	return all
}

// naiveFit is how many bytes at the beginning of data text matches, the least, or 0.
func naiveFit(s Spec, text, data []byte) int {
	if s.Kind == KindHex {
		return naiveHex(strings.Join(strings.Fields(string(text)), ""), data, 0)
	}
	if s.UTF16 {
		if units := len(utf16.Encode([]rune(string(text)))); len(data) >= 2*units {
			data = data[:2*units]
		} else {
			return 0
		}
		var got []uint16
		for i := 0; i < len(data); i += 2 {
			got = append(got, uint16(data[i])|uint16(data[i+1])<<8)
		}
		for i, u := range utf16.Encode([]rune(string(text))) {
			same := u == got[i]
			if s.Fold && u < 0x80 && got[i] < 0x80 {
				same = asciiFold(byte(u), byte(got[i]))
			}
			if !same {
				return 0
			}
		}
		return len(data)
	}
	if len(data) < len(text) {
		return 0
	}
	for i, c := range text {
		if c != data[i] && !(s.Fold && asciiFold(c, data[i])) {
			return 0
		}
	}
	return len(text)
}

func asciiFold(a, b byte) bool {
	return strings.EqualFold(string(rune(a)), string(rune(b))) && a < 0x80 && b < 0x80
}

// naiveHex tries everything.
func naiveHex(text string, data []byte, used int) int {
	if text == "" {
		return used
	}
	if text[0] == '[' {
		inside, rest, _ := strings.Cut(text[1:], "]")
		first, last, both := strings.Cut(inside, "-")
		if !both {
			last = first
		}
		best := 0
		for k := atoi(first); k <= atoi(last) && k <= len(data); k++ {
			if n := naiveHex(rest, data[k:], used+k); n > 0 && (best == 0 || n < best) {
				best = n
			}
		}
		return best
	}
	if len(data) == 0 {
		return 0
	}
	for i, digit := range []byte{data[0] >> 4, data[0] & 15} {
		if c := text[i]; c != '?' && strings.ToUpper(string(c)) != string("0123456789ABCDEF"[digit]) {
			return 0
		}
	}
	return naiveHex(text[2:], data[1:], used+1)
}

func atoi(s string) (n int) {
	for _, c := range s {
		n = 10*n + int(c-'0')
	}
	return n
}

// naiveRegexp asks package regexp, whose characters are Latin-1. Each match is looked for
// with all that lies before it.
func naiveRegexp(p *Pattern, data []byte, s Span) []Match {
	latin := func(b []byte) string {
		var out strings.Builder
		for _, c := range b {
			out.WriteRune(rune(c))
		}
		return out.String()
	}
	flags := "(?:"
	if p.spec.Fold {
		flags = "(?i:"
	}
	expr, _ := bytewise(string(p.spec.Texts[0]))
	text := latin(data[s.Start:s.To])
	var all []Match
	for from := s.From; ; {
		skip := strings.Repeat("(?s:.)", int(from-s.Start))
		re := regexp.MustCompile(`\A` + skip + `(?s:.*?)(` + flags + expr + `))`)
		at := re.FindStringSubmatchIndex(text)
		if at == nil {
			return all
		}
		low, high := len([]rune(text[:at[2]])), len([]rune(text[:at[3]]))
		m := Match{Offset: s.Start + int64(low), Length: int64(high - low)}
		if m.Offset >= s.Before {
			return all
		}
		all = append(all, m)
		from = m.End()
	}
}

var kinds = map[string]Spec{
	"bytes":       {Texts: texts("aba")},
	"one byte":    {Texts: texts("a")},
	"fold":        {Texts: texts("aB"), Fold: true},
	"fold digits": {Texts: texts("12a"), Fold: true},
	"utf16":       {Texts: texts("ab"), UTF16: true},
	"utf16 fold":  {Texts: texts("ab"), UTF16: true, Fold: true},
	"any":         {Kind: KindAny, Texts: texts("a", "ab", "ba", "bab", "a", "12")},
	"any fold":    {Kind: KindAny, Texts: texts("A", "ab", "BA", "1"), Fold: true},
	"any wide":    {Kind: KindAny, Texts: texts("A", "ab", "\u6161", "\u4161"), Fold: true, UTF16: true},
	"hex":         {Kind: KindHex, Texts: texts("61 62")},
	"hex any":     {Kind: KindHex, Texts: texts("61 ?? 61")},
	"hex half":    {Kind: KindHex, Texts: texts("6? ?1")},
	"hex gap":     {Kind: KindHex, Texts: texts("61 [1-3] 61")},
	"hex gaps":    {Kind: KindHex, Texts: texts("61 [0-2] 62 [1-2] ?? 6? [2] 61")},
	"re":          {Kind: KindRegexp, Texts: texts("a+b")},
	"re literal":  {Kind: KindRegexp, Texts: texts("ab[ab]?")},
	"re lazy":     {Kind: KindRegexp, Texts: texts("a.+?b")},
	"re greedy":   {Kind: KindRegexp, Texts: texts("(?s)a.*b|a")},
	"re first":    {Kind: KindRegexp, Texts: texts(`\Aa|b\z|\Bba`)},
	"re word":     {Kind: KindRegexp, Texts: texts(`\ba\w*\b`)},
	"re line":     {Kind: KindRegexp, Texts: texts(`(?m)^a.$`)},
	"re bytes":    {Kind: KindRegexp, Texts: texts(`[\x00\xff]+[^a]`)},
	"re fold":     {Kind: KindRegexp, Texts: texts(`aB|b{2}`), Fold: true},
	"re utf8":     {Kind: KindRegexp, Texts: texts("\u00e9+a")},
}

func texts(all ...string) (t [][]byte) {
	for _, s := range all {
		t = append(t, []byte(s))
	}
	return t
}

func manyTexts(n, size int) (all [][]byte) {
	r := rand.New(rand.NewPCG(1, 2))
	for range n {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		all = append(all, b)
	}
	return all
}

var samples = []string{
	"", "a", "ab", "abababab", "aaaaaaaaaa", "xxabxxbaBABxx12a12A", "a\x00b\x00A\x00B\x00a\x61a\x61",
	"a b\nab\nab", "\xff\x00\xffab\xe9\xc3\xa9\xc3\xa9a", "aab aabab\nbb bbb a", "ba ba abba\x00b",
}

// TestEverySplit: whatever the window, and wherever it begins and ends, matches are those
// of the naive search.
func TestEverySplit(t *testing.T) {
	for name, spec := range kinds {
		p, err := Compile(spec)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, sample := range samples {
			data, n := []byte(sample), int64(len(sample))
			for from := int64(0); from <= n; from++ {
				for window := int64(1); window <= min(n+1, 6); window++ {
					agree(t, p, data, Span{From: from, Before: n, To: n}, window)
				}
				agree(t, p, data, Span{Start: from, From: from, Before: n, To: n}, 3)
				agree(t, p, data, Span{Before: n, To: from}, 3)
				agree(t, p, data, Span{Before: from, To: n}, 3)
			}
		}
	}
}

// agree compares a search with the naive one, forwards and backwards.
func agree(t testing.TB, p *Pattern, data []byte, s Span, window int64) {
	t.Helper()
	want := naive(p, data, s)
	if got := collect(t, p, over(data, window), s); !slices.Equal(got, want) {
		t.Fatalf("%s in %q, %+v, windows of %d: %v, want %v", p, data, s, window, got, want)
	}
	s.Back = true
	slices.Reverse(want)
	if got := collect(t, p, over(data, window), s); !slices.Equal(got, want) {
		t.Fatalf("%s in %q, %+v, windows of %d: %v, want %v", p, data, s, window, got, want)
	}
}

// proceed takes one match after the other, each by a search of its own.
func proceed(t testing.TB, p *Pattern, data []byte, s Span, window int64) {
	t.Helper()
	want := collect(t, p, over(data, window), s)
	var got []Match
	for next := s; ; {
		offset := int64(-1)
		for m, err := range p.Search(t.Context(), over(data, window), next) {
			if err != nil {
				t.Fatal(err)
			}
			if offset >= 0 && m.Offset != offset {
				break
			}
			offset = m.Offset
			got = append(got, m)
		}
		if offset < 0 {
			break
		}
		last := got[len(got)-1]
		switch {
		case s.Back:
			next.Before = last.Offset
		case p.spec.Kind == KindRegexp:
			next.From = last.End()
		default:
			next.From = last.Offset + 1
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%s in %q, %+v, one after the other: %v, want %v", p, data, s, got, want)
	}
}

func TestGoesOn(t *testing.T) {
	for _, spec := range kinds {
		p, err := Compile(spec)
		must(t, p, err)
		for _, sample := range samples {
			n := int64(len(sample))
			proceed(t, p, []byte(sample), Span{Before: n, To: n}, 4)
			proceed(t, p, []byte(sample), Span{Before: n, To: n, Back: true}, 4)
		}
	}
}

func FuzzSearchAgainstNaive(f *testing.F) {
	for _, spec := range kinds {
		for _, sample := range samples {
			f.Add(uint8(spec.Kind), spec.Fold, spec.UTF16, bytes.Join(spec.Texts, []byte("|")), []byte(sample), uint8(1), uint8(100), uint8(100), uint8(3))
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, fold, wide bool, text, data []byte, from, before, to, window uint8) {
		if len(data) > 200 || len(text) > 60 {
			t.Skip("the naive search is slow")
		}
		s := Spec{Kind: Kind(kind % 4), Fold: fold, UTF16: wide, Texts: [][]byte{text}}
		if s.Kind == KindAny {
			s.Texts = bytes.Split(text, []byte("|"))
		}
		p, err := Compile(s)
		if err != nil {
			t.Skip(err)
		}
		if s.Kind == KindRegexp && bytes.ContainsAny(text, "{}") || s.Kind == KindHex && bytes.Count(text, []byte("[")) > 4 {
			t.Skip("the naive search is slow")
		}
		if s.Kind == KindRegexp && bytes.Contains(text, []byte(`\Q`)) {
			t.Skip("what the naive search adds would be quoted")
		}
		n := int64(len(data))
		span := Span{From: min(int64(from), n), Before: min(int64(before), n), To: min(int64(to), n)}
		agree(t, p, data, span, int64(window)+1)
		proceed(t, p, data, span, int64(window)+1)
		if s.Kind != KindAny && !(s.Kind == KindRegexp && fold) {
			again, err := Parse(p.String())
			if err != nil {
				t.Fatalf("%q: %v", p, err)
			}
			if got, want := collect(t, again, over(data, 9), span), collect(t, p, over(data, 9), span); !slices.Equal(got, want) {
				t.Fatalf("%q, read again, finds %v, want %v", p, got, want)
			}
		}
	})
}

// TestRandom compares random patterns of few letters, which match often, with the naive
// search.
func TestRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(from []string, n int) (s string) {
		for range 1 + r.IntN(n) {
			s += from[r.IntN(len(from))]
		}
		return s
	}
	letters := []string{"a", "b", "A", "\n", "\x00", "\xff", " "}
	hexes := []string{"61", "62", "??", "6?", "[1-2]", "[0-3]", "[2]", "0A"}
	parts := []string{"a", "b", ".", "a*", "b+?", "(a|ab)", "[^a]", `\b`, "$", "^", "(?s:.*)", "b?", "|", `\xff`, "(?m:$)", "(?:a|b)*?", `\B`}
	tried := map[Kind]int{}
	for range 6000 {
		s := Spec{Kind: Kind(r.IntN(4)), Fold: r.IntN(2) == 0}
		switch s.Kind {
		case KindHex:
			s.Fold, s.Texts = false, texts("61"+pick(hexes, 5)+"6?")
		case KindRegexp:
			s.Texts = texts(pick(parts, 5))
		case KindAny:
			for range 1 + r.IntN(6) {
				s.Texts = append(s.Texts, []byte(pick(letters, 4)))
			}
		default:
			s.Texts = texts(pick(letters, 4))
		}
		p, err := Compile(s)
		if err != nil {
			continue
		}
		tried[s.Kind]++
		data := []byte(pick(letters, 40))
		n := len(data)
		span := Span{From: int64(r.IntN(n)), Before: int64(n), To: int64(n - r.IntN(3)*r.IntN(2))}
		if r.IntN(4) == 0 {
			span.Before = int64(r.IntN(n + 1))
		}
		if span.From > span.To {
			continue
		}
		agree(t, p, data, span, int64(1+r.IntN(9)))
	}
	for k := range Kind(4) {
		if tried[k] < 300 {
			t.Errorf("only %d patterns of kind %d", tried[k], k)
		}
	}
}

// TestLittleRoom: searches that have to forget states and marks find the same.
func TestLittleRoom(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	data := make([]byte, 300)
	for i := range data {
		data[i] = "aab c\n"[r.IntN(6)]
	}
	gaveUp := 0
	for _, expr := range []string{"a", "a+", `a[^c]{4}b`, `(?s)a.{5}c`, `\ba.*?c|b`, "(?s).b", `(?s)[ab].{9}c`} {
		p, err := Regexp(expr)
		must(t, p, err)
		p.re.room = room{states: 600, stride: 2, marks: 4, kept: 5}
		for _, window := range []int64{1, 7, 1000} {
			agree(t, p, data, Span{From: 3, Before: 290, To: 299}, window)
		}
		h := p.re.newHunt(Span{Before: 300, To: 300})
		for found := []Match{}; !h.ended; {
			found = h.window(data, 0, found[:0])
		}
		if h.lazy == nil {
			gaveUp++
		}
	}
	if gaveUp == 0 {
		t.Error("no automaton was given up: the test is not what it says")
	}
}

// TestOfManyAtOnce: one pattern serves several searches at a time.
func TestOfManyAtOnce(t *testing.T) {
	data := []byte(strings.Join(samples, " "))
	s := Span{Before: int64(len(data)), To: int64(len(data))}
	for name, spec := range kinds {
		p, err := Compile(spec)
		must(t, p, err)
		want := naive(p, data, s)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 3 {
					if got := collect(t, p, over(data, 5), s); !slices.Equal(got, want) {
						t.Errorf("%s: %v, want %v", name, got, want)
					}
				}
			})
		}
		all.Wait()
	}
}

func TestEndsWithItsContext(t *testing.T) {
	data := make([]byte, 1<<20)
	for name, spec := range kinds {
		p, err := Compile(spec)
		must(t, p, err)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		seen := 0
		for m, err := range p.Search(ctx, over(data, 0), Span{Before: 1 << 20, To: 1 << 20}) {
			if seen++; m != (Match{}) || !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v, %v", name, m, err)
			}
		}
		if seen != 1 {
			t.Errorf("%s: yielded %d times", name, seen)
		}
	}
}
