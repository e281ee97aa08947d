package hexui

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/container/pattern"
	"github.com/outwork-go/outwork/layout"
)

// file is some bytes with text and numbers, for screens.
func file() container.Container {
	p := make([]byte, 4000)
	counting(p, 0)
	for at := range p {
		if at%1000 > 700 {
			p[at] = 0
		}
	}
	copy(p[100:], "Hello, World")
	copy(p[1800:], "hello again")
	copy(p[3000:], "HELLO \x1b[31mred")
	binary.LittleEndian.PutUint32(p[2000:], 1_700_000_000)
	return container.FromBytes(p)
}

func TestMoves(t *testing.T) {
	v := view(t, file(), Options{Title: "file.bin"}, 80, 24)
	v.snap("80x24")
	v.typed("jjlll")
	v.typed("<pgdown>")
	v.typed("<pgdown><pgup><end>")
	v.typed("G")
	v.typed("<up><home>")
	v.typed("g")
	v.golden()
}

func TestMovesStayInside(t *testing.T) {
	for keys, want := range map[string]int64{
		"k": 0, "h": 0, "<pgup>": 0, "jk": 0, "G": 99, "Gl": 99, "Gj": 99, "G<pgdown>": 99, "<pgdown><pgdown><pgdown>": 99,
		"Gkj": 99, "llj": 18, "<end>": 15, "j<home>": 16, "G<home>": 96, "G<end>": 99, "jjjjj<right>": 81, "9": 0,
		"<end>jjjjjj": 99, "<ctrl+end><ctrl+home>": 0, "jjjl<pgup>": 1,
	} {
		v := view(t, some(100), Options{}, 80, 24)
		if v.keys(keys); v.m.cursor != want {
			t.Errorf("%s: at %d, want %d", keys, v.m.cursor, want)
		}
	}
}

func TestSizes(t *testing.T) {
	v := view(t, file(), Options{Title: "file.bin", Structure: someFields()}, 80, 24)
	v.keys(":0x64<enter>")
	for _, s := range []Size{{40, 10}, {60, 12}, {100, 30}, {120, 30}, {140, 24}, {200, 24}, {30, 8}, {21, 4}, {20, 4}, {1, 1}} {
		v.resize(s.Columns, s.Rows)
		v.snap(fmt.Sprintf("%dx%d", s.Columns, s.Rows))
	}
	v.golden()
}

// TestTooNarrowForItsRows: which offset has how many digits decides it.
func TestTooNarrowForItsRows(t *testing.T) {
	for size, columns := range map[int64]int{100: 21, 1 << 32: 25, 1 << 47: 29, math.MaxInt64: 33} {
		v := view(t, &source{size: size, read: counting}, Options{}, columns, 8)
		v.keys("G")
		if text := v.text(); strings.Contains(text, "too small") || len(strings.Split(text, "\n")[1]) != columns {
			t.Errorf("%d columns for %d bytes:\n%s", columns, size, text)
		}
		v.resize(columns-1, 8)
		if text, want := v.text(), fmt.Sprintf("too small: %d col", columns); !strings.HasPrefix(text, want) {
			t.Errorf("%d columns for %d bytes:\n%s", columns-1, size, text)
		}
	}
	v := view(t, some(100), Options{}, 80, 3)
	if want := "too small: 21 columns and 4 rows at least\n"; !strings.HasPrefix(v.text(), want) {
		t.Error(v.text())
	}
}

// TestTreeWithoutRoom: keys go to what is to be seen.
func TestTreeWithoutRoom(t *testing.T) {
	const told = "the window is too small for the structure"
	for _, s := range []Size{{80, 4}, {80, 6}, {120, 4}, {80, 3}, {20, 24}} {
		v := view(t, file(), Options{Structure: someFields()}, s.Columns, s.Rows)
		v.keys("t")
		if v.m.note != told || v.m.tree.open {
			t.Errorf("%v: the tree is open: %v, %q", s, v.m.tree.open, v.m.note)
		}
		v.resize(80, 24)
		v.keys("t")
		if !v.m.tree.focus || v.m.note != "" {
			t.Errorf("the tree has no keys: %q", v.m.note)
		}
		v.resize(s.Columns, s.Rows)
		v.keys("l<tab>")
		if v.m.cursor != 1 || v.m.note != told {
			t.Errorf("%v: the cursor is at %d, %q", s, v.m.cursor, v.m.note)
		}
		v.resize(80, 24)
		v.keys("<tab>j")
		if !v.m.tree.focus || v.m.cursor != 1 {
			t.Errorf("the tree has no keys, the cursor is at %d", v.m.cursor)
		}
	}
}

func TestEverySizeCanBeDrawn(t *testing.T) {
	v := view(t, file(), Options{Title: "文件 \x1b]0;x\a.bin", Structure: someFields()}, 80, 24)
	for _, keys := range []string{"", "t", "i", "i", "<tab>", ":123", "<esc>?", "<esc>"} {
		v.keys(keys)
		for columns := 1; columns < 220; columns += 7 {
			for _, rows := range []int{1, 2, 3, 4, 5, 8, 13, 24, 50} {
				v.resize(columns, rows)
				v.text()
				if f := v.m.frame; f.rows < 1 || v.m.cursor < v.m.top || v.m.cursor >= v.m.top+int64(f.rows*f.cols) {
					t.Fatalf("%dx%d after %q: the cursor is not to be seen", columns, rows, keys)
				}
			}
		}
	}
	v.resize(1<<40, 1<<40)
	if v.m.width != maxColumns || v.m.height != maxRows {
		t.Errorf("%dx%d", v.m.width, v.m.height)
	}
}

func TestGoto(t *testing.T) {
	v := view(t, file(), Options{Title: "file.bin"}, 80, 10)
	v.typed(":0x1f0")
	v.typed("<enter>")
	v.typed(":+0x10<enter>")
	v.typed(":50%<enter>")
	v.typed(":nonsense<enter>")
	v.typed("<ctrl+u>end<enter>")
	v.golden()
}

func TestPlaces(t *testing.T) {
	p := place{cursor: 100, size: 1000}
	for text, want := range map[string]int64{
		"0": 0, "0x1f0": 0x1f0, "0X1F": 0x1f, " 12 ": 12, "+0x10": 116, "-16": 84, "+0": 100, "50%": 499, "0%": 0, "100%": 999, "12.5%": 124,
		"end": 999, "start": 0, "$": 999, "^": 0, "999": 999, "+899": 999, "-100": 0, "007": 7,
	} {
		if got, err := p.parse(text); got != want || err != nil {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"1000":                  "1000 is behind the last byte, which is at 0x3e7",
		"+900":                  "+900 is behind the last byte, which is at 0x3e7",
		"-101":                  "-101 is before the first byte, which is at 0x0",
		"0xffffffffffffffff":    "0xffffffffffffffff is behind the last byte, which is at 0x3e7",
		"-0xffffffffffffffff":   "-0xffffffffffffffff is before the first byte, which is at 0x0",
		"1f0":                   `"1f0" is no decimal number: write 0x1f0 if it is hexadecimal`,
		"there":                 `"there" is no offset: write 0x1f0, 123, +0x10, -16, 50% or end`,
		"":                      `"" is no offset: write 0x1f0, 123, +0x10, -16, 50% or end`,
		"0x":                    `"0x" is no offset: write 0x1f0, 123, +0x10, -16, 50% or end`,
		"+-1":                   `"+-1" is no offset: write 0x1f0, 123, +0x10, -16, 50% or end`,
		"101%":                  `"101%" is no share: write 0% to 100%`,
		"-1%":                   `"-1%" is no share: write 0% to 100%`,
		"NaN%":                  `"NaN%" is no share: write 0% to 100%`,
		strings.Repeat("9", 99): `"` + strings.Repeat("9", 31) + `…" is no offset: write 0x1f0, 123, +0x10, -16, 50% or end`,
		"18446744073709551616":  `"18446744073709551616" is no offset: write 0x1f0, 123, +0x10, -16, 50% or end`,
		"0x1_0":                 `"0x1_0" is no offset: write 0x1f0, 123, +0x10, -16, 50% or end`,
	} {
		if got, err := p.parse(text); err == nil || err.Error() != want {
			t.Errorf("%q: got %d, %v, want %s", text, got, err, want)
		}
	}
	kernel := place{cursor: 5, size: 0x1000, base: -0x1000}
	for text, want := range map[string]int64{"0xfffffffffffff010": 0x10, "+1": 6, "end": 0xfff} {
		if got, err := kernel.parse(text); got != want || err != nil {
			t.Errorf("with a base: %q: got %d, %v, want %d", text, got, err, want)
		}
	}
	if got, err := (place{size: math.MaxInt64}).parse("100%"); got != math.MaxInt64-1 || err != nil {
		t.Errorf("the end of everything: %d, %v", got, err)
	}
}

func TestSearch(t *testing.T) {
	v := view(t, file(), Options{Title: "file.bin"}, 80, 12)
	v.typed("/i:hello")
	v.typed("<enter>")
	v.styles(underline)
	v.typed("n")
	v.typed("n")
	v.styles(underline)
	v.typed("n")
	v.typed("N")
	v.typed("/nothing like this<enter>")
	v.typed("/hex:4G<enter>")
	v.typed("<ctrl+u>hex:48 45 ?? 4c<enter>")
	v.typed("/re:[Hh]el+o a<enter>")
	v.golden()
}

func TestSearchFindsWhatEveryDirectionHas(t *testing.T) {
	data := []byte("ab..aab....ab")
	v := view(t, container.FromBytes(data), Options{}, 80, 12)
	v.keys("/ab<enter>")
	for _, step := range []struct {
		keys string
		want int64
	}{{"", 0}, {"n", 5}, {"n", 11}, {"n", 0}, {"N", 11}, {"N", 5}, {"N", 0}, {"l", 1}, {"N", 0}, {"l", 1}, {"n", 5}, {"G", 12}, {"n", 0}} {
		if v.keys(step.keys); v.m.cursor != step.want {
			t.Errorf("%q: at %d, want %d", step.keys, v.m.cursor, step.want)
		}
	}
}

// TestSearchForAnExpressionHasTheSameMatchesBothWays: they are those of one search from the
// start, which do not overlap.
func TestSearchForAnExpressionHasTheSameMatchesBothWays(t *testing.T) {
	v := view(t, container.FromBytes([]byte("..abcdef..gh..i")), Options{}, 80, 12)
	v.keys("/re:[a-z]+<enter>")
	abcdef, gh, i := span{2, 6}, span{10, 2}, span{14, 1}
	for _, step := range []struct {
		keys string
		want span
	}{
		{"", abcdef},
		{"n", gh},
		{"n", i},
		{"n", abcdef},
		{"N", i},
		{"N", gh},
		{"N", abcdef},
		{"lln", gh},
		{"lN", gh},
		{"Gn", abcdef},
	} {
		if v.keys(step.keys); v.m.search.match != step.want || v.m.cursor != step.want.off {
			t.Errorf("%q: %v, the cursor at %d, want %v", step.keys, v.m.search.match, v.m.cursor, step.want)
		}
	}
}

// TestSearchBackOverABorderOfChunks: a match of an expression that began before is whole.
func TestSearchBackOverABorderOfChunks(t *testing.T) {
	data := make([]byte, searchChunk+1000)
	want := span{990, 20} // the last byte is where the search begins
	copy(data[want.off:], strings.Repeat("a", int(want.n)))
	v := view(t, container.FromBytes(data), Options{}, 80, 12)
	v.keys("/re:a+<enter>")
	if v.m.search.match != want {
		t.Errorf("forwards: %v, want %v", v.m.search.match, want)
	}
	if v.keys("GN"); v.m.search.match != want {
		t.Errorf("backwards: %v, want %v", v.m.search.match, want)
	}
}

// TestMarksAreMatchesOfTheWhole: that a page begins or ends somewhere makes none, and what
// lies inside of it is marked.
func TestMarksAreMatchesOfTheWhole(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 2000)
	for i := range data {
		data[i] = "ffoox \n"[random.IntN(7)]
	}
	data[0], data[len(data)-1] = 'f', 'f'
	for _, text := range []string{`fo`, `^f`, `(?m)^f`, `\Af`, `\bf`, `\Bf`, `f$`, `(?m)f$`, `f\z`, `f\b`, `f\B`, `\bfo\b`} {
		p, err := pattern.Regexp(text)
		if err != nil {
			t.Fatal(err)
		}
		var all []span
		for m, err := range container.Search(t.Context(), container.FromBytes(data), p, container.Range{}) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, span{m.Offset, m.Length})
		}
		for from := 0; from < len(data); from += 16 {
			v := view(t, container.FromBytes(data), Options{Offset: int64(from)}, 80, 10)
			v.m.search.pattern = p
			v.do(v.m.mark())
			page, marks := v.m.page, v.m.matches.list
			end := page.off + int64(len(page.data))
			for _, mark := range marks {
				if !slices.Contains(all, mark) {
					t.Errorf("%s: %v is marked from %d to %d", text, mark, page.off, end)
				}
			}
			for _, m := range all {
				inside := (m.off > page.off || page.off == 0) && (m.off+m.n < end || end == v.m.size)
				if inside && !slices.Contains(marks, m) {
					t.Errorf("%s: %v is not marked from %d to %d", text, m, page.off, end)
				}
			}
		}
	}
}

// TestMarksGoOnBehindThePage: of a match that is longer, what is shown is marked.
func TestMarksGoOnBehindThePage(t *testing.T) {
	data := []byte(strings.Repeat("a", 2000))
	v := view(t, container.FromBytes(data), Options{}, 80, 10)
	v.keys("/re:a+<enter><pgdown>")
	if want := []span{{v.m.page.off, int64(len(v.m.page.data))}}; v.m.page.off == 0 || !slices.Equal(v.m.matches.list, want) {
		t.Errorf("marked are %v, want %v", v.m.matches.list, want)
	}
}

func TestSearchGoesChunkByChunkAndStops(t *testing.T) {
	big := &source{size: 4 * searchChunk}
	big.read = func(p []byte, off int64) (int, error) {
		clear(p)
		if at := int64(3*searchChunk + 5); off <= at && at+6 <= off+int64(len(p)) {
			copy(p[at-off:], "needle")
		}
		return len(p), nil
	}
	v := view(t, big, Options{Title: "big"}, 80, 8)
	v.keys("/needle")
	v.held = true
	v.typed("<enter>")
	v.step() // one chunk: the next waits
	v.snap("a chunk later")
	v.typed("<esc>")
	v.release()
	v.snap("its result is late")
	v.typed("n")
	v.golden()
}

// TestSearchSkipsHoles: of a process's 128 TiB only its maps are gone through.
func TestSearchSkipsHoles(t *testing.T) {
	const size, page = 1 << 47, 4096
	maps := []int64{1 << 20, 1 << 40, 1<<40 + 2*page, 1 << 46}
	c := container.FromReaderAt(readerFunc(func(p []byte, off int64) (int, error) {
		for i := range p {
			p[i] = 0
			if k := int((off + int64(i)) % page); k < len("needle") {
				p[i] = "needle"[k]
			}
		}
		return len(p), nil
	}), size, container.Live{Extents: func(off int64) (start, end int64, err error) {
		for _, at := range maps {
			if off < at+page {
				return max(at, off), at + page, nil
			}
		}
		return size, size, nil
	}})
	v := view(t, c, Options{Offset: 1 << 41}, 80, 8)
	for _, step := range []struct {
		keys string
		want int64
		note string
	}{
		{"/needle<enter>", 1 << 46, ""},
		{"N", 1<<40 + 2*page, ""},
		{"N", 1 << 40, ""},
		{"N", 1 << 20, ""},
		{"N", 1 << 46, "the search went on from the end"},
		{"n", 1 << 20, "the search went on from the start"},
		{"n", 1 << 40, ""},
		{"/nothing like this<enter>", 1 << 40, "not found: nothing like this"},
	} {
		v.held = true
		v.keys(step.keys)
		for chunks := 0; v.m.search.run != nil; chunks++ {
			if chunks == 20 {
				t.Fatalf("%s: the search has %s after %d chunks", step.keys, v.m.progress(), chunks)
			}
			v.step()
		}
		v.release()
		if v.m.cursor != step.want || v.m.note != step.note {
			t.Errorf("%s: at %#x, %q, want %#x, %q", step.keys, v.m.cursor, v.m.note, step.want, step.note)
		}
	}
}

func TestSelectionAndValues(t *testing.T) {
	v := view(t, file(), Options{Title: "file.bin"}, 80, 24)
	v.keys(":2000<enter>")
	v.typed("i")
	v.typed("v<right><right><down>")
	v.styles(reverse)
	v.typed("<esc>")
	v.typed("<shift+left><shift+up>")
	v.typed("i")
	v.golden()
}

func TestValues(t *testing.T) {
	for _, c := range []struct {
		bytes string
		want  map[string]string
	}{
		{"", map[string]string{"u8": "-", "char": "-", "u64le": "-"}},
		{"\xff", map[string]string{"u8": "255", "i8": "-1", "bits": "1111 1111", "char": "-", "u16le": "-"}},
		{"\x01\x80", map[string]string{"u16le": "32769", "u16be": "384", "i16le": "-32767", "i16be": "384"}},
		{"\xff\xff\xff\xff\xff\xff\xff\xff", map[string]string{
			"u64le": "18446744073709551615", "i64be": "-1", "f32le": "NaN", "f64be": "NaN", "ftle": "-", "t64le": "1969-12-31 23:59:59", "dosle": "-",
		}},
		{"\x00\x00\x00\x00\x00\x00\xf0\x3f", map[string]string{"f64le": "1", "t32le": "1970-01-01 00:00:00", "ftle": "-"}},
		{"\x3f\x80\x00\x00", map[string]string{"f32be": "1"}},
		{"\x00\x80\x3e\xd5\xde\xb1\x9d\x01", map[string]string{"ftle": "1970-01-01 00:00:00"}},
		{"\x00\x60\x21\x50", map[string]string{"dosle": "2020-01-01 12:00:00"}},
		{"\x50\x21\x60\x00", map[string]string{"dosbe": "2020-01-01 12:00:00"}},
		{"\x00\x00\x00\x00", map[string]string{"dosle": "-"}}, // there is no day 0
		{"\xc3\xa9", map[string]string{"char": "é U+00E9"}},
		{"=\xd8\x00\xde", map[string]string{"c16le": "😀 U+1F600"}},
		{"\xd8=\xde\x00", map[string]string{"c16be": "😀 U+1F600"}},
		{"=\xd8", map[string]string{"c16le": "-"}},
		{"\x1b", map[string]string{"char": "U+001B"}},
		{"\xff\xff\xff\xff\xff\xff\xff\x7f", map[string]string{"t64le": "-", "i64le": "9223372036854775807"}},
	} {
		got := make(map[string]string)
		for _, v := range values([]byte(c.bytes)) {
			got[v.label] = v.text
			if len([]rune(v.text)) > 20 || len(v.label) > 5 {
				t.Errorf("%q has no room: %s %s", c.bytes, v.label, v.text)
			}
		}
		for label, want := range c.want {
			if got[label] != want {
				t.Errorf("%q: %s is %q, want %q", c.bytes, label, got[label], want)
			}
		}
	}
}

func TestStructures(t *testing.T) {
	v := view(t, file(), Options{Title: "file.bin", Structure: someFields()}, 100, 24)
	v.snap("its fields")
	v.typed("]]]")
	v.typed("[")
	v.typed("t")
	v.typed("<down><down><down>")
	v.typed("<right><down><down>")
	v.typed("<enter>")
	v.styles(reverse)
	v.typed("<tab>j")
	v.typed("<tab><left><left>")
	v.typed("t")
	v.golden()
}

// TestFieldBehindTheEnd: nobody goes there, and it is told each time.
func TestFieldBehindTheEnd(t *testing.T) {
	v := view(t, some(100), Options{Structure: []layout.Node{
		{Name: "a", Offset: 0, Size: 4}, {Name: "b", Offset: 50, Size: 4}, {Name: "c", Offset: 5000, Size: 4},
	}}, 80, 12)
	v.keys("]")
	for range 2 {
		v.keys("]")
		if want := "the next field lies behind the end of these bytes"; v.m.cursor != 50 || v.m.note != want {
			t.Errorf("at %d, %q, want %q", v.m.cursor, v.m.note, want)
		}
	}
}

func TestStructuresOfHostileFiles(t *testing.T) {
	hostile := []layout.Node{
		{Depth: 99, Name: "deep", Offset: -5, Size: 10},
		{Depth: -3, Name: "negative", Offset: 5, Size: -1},
		{Depth: 1, Name: "huge", Offset: math.MaxInt64, Size: math.MaxInt64},
		{Depth: 1, Name: "all", Offset: 0, Size: math.MaxInt64},
		{Depth: 2, Name: "\x1b[2J\u202e\n", Type: "\a", Text: "\x9b", Note: "\x00", Offset: 3, Size: 2},
		{Depth: 1, Name: "behind", Offset: 1 << 40, Size: 5},
		{Depth: 1, Name: "same", Offset: 3, Size: 2},
	}
	v := view(t, some(100), Options{Structure: hostile}, 100, 24)
	v.snap("hostile")
	v.keys("t")
	for range hostile {
		v.typed("<right><enter><down>")
	}
	for range 10 {
		v.keys("<tab>][")
	}
	v.golden()
}

func TestWithoutColour(t *testing.T) {
	v := view(t, file(), Options{Title: "file.bin", Structure: someFields()}, 80, 10)
	v.m.plain = true
	v.keys("jlv<right>")
	v.snap("a selection")
	v.styles(reverse | bold | underline)
	if strings.Contains(v.m.View().Content, ";3") {
		t.Error("there are colours")
	}
	v.golden()
}

func TestFailingSource(t *testing.T) {
	c := &source{size: 1 << 20}
	broken := true
	c.read = func(p []byte, off int64) (int, error) {
		if bad := int64(37); broken && off <= bad && bad < off+int64(len(p)) {
			return 0, fmt.Errorf("read at %d: %w", bad, syscall.EIO)
		}
		return counting(p, off)
	}
	v := view(t, c, Options{Title: "disk"}, 80, 10)
	v.snap("a byte that cannot be read")
	v.typed("<pgdown>")
	v.typed("<pgup>")
	broken = false
	v.typed("r")
	v.golden()
	for _, r := range c.reads {
		if r.off+r.n > 3*7*16 || r.n > 7*16+valueBytes {
			t.Errorf("%d bytes at %d were read, which are not to be seen", r.n, r.off)
		}
	}
}

func TestSourceThatIsGone(t *testing.T) {
	c := &source{size: 1 << 20, read: func([]byte, int64) (int, error) { return 0, errors.New("process 123 is gone") }}
	v := view(t, c, Options{Title: "process"}, 200, 60)
	v.keys("i")
	if len(c.reads) > maxReads {
		t.Errorf("a page was read %d times", len(c.reads))
	}
	if text := v.text(); strings.Contains(text, "·") || !strings.Contains(text, "cannot be read: process 123 is gone") {
		t.Error(text)
	}
}

func TestSlowSource(t *testing.T) {
	c := &source{size: 1 << 20, read: counting}
	v := view(t, c, Options{Title: "slow"}, 80, 8)
	v.held = true
	v.typed("<pgdown>")
	v.typed("<down>")
	for range 20 {
		v.keys("<pgdown>")
	}
	if n := v.m.page.loads; n != maxLoads {
		t.Errorf("%d reads at once, want %d", n, maxLoads)
	}
	v.release()
	v.snap("all are there")
	if n := v.m.page.loads; n != 0 {
		t.Errorf("%d reads are left", n)
	}
	v.golden()
}

func TestShrunkSource(t *testing.T) {
	c := &source{size: 100, read: func(p []byte, off int64) (int, error) {
		n := int(min(max(50-off, 0), int64(len(p))))
		counting(p[:n], off)
		return n, nil
	}}
	v := view(t, c, Options{Title: "shrunk"}, 80, 12)
	v.snap("50 bytes of 100")
	v.golden()
}

func TestSmallAndLarge(t *testing.T) {
	v := view(t, some(0), Options{Title: "empty"}, 80, 8)
	v.snap("empty")
	v.keys("jkhlGg<pgup><pgdown><end><home>v<down>n]ty/x<enter>:1<enter>")
	v.typed("<esc>i")
	v.keys("<enter>")
	if want := (Picked{Chosen: true}); v.m.picked != want || !v.quit {
		t.Errorf("got %+v", v.m.picked)
	}
	one := view(t, some(1), Options{Title: "one", Offset: 500}, 80, 8)
	one.snap("one byte")
	one.keys("vlljG")
	one.keys("<enter>")
	if want := (Picked{true, 0, 1}); one.m.picked != want {
		t.Errorf("got %+v", one.m.picked)
	}
	v.script.WriteString(one.script.String())
	for _, size := range []int64{1 << 62, math.MaxInt64} {
		c := &source{size: size, read: counting}
		huge := view(t, c, Options{Title: "huge"}, 80, 8)
		huge.typed("G")
		huge.typed("<pgup>k")
		huge.typed(":50%<enter>")
		v.script.WriteString(huge.script.String())
		for _, r := range c.reads {
			if r.n > 8*16 {
				t.Errorf("%d bytes were read", r.n)
			}
		}
	}
	kernel := view(t, some(300), Options{Title: "kernel", Base: -0x7f000000}, 80, 8)
	kernel.typed(":0xffffffff81000020<enter>")
	v.script.WriteString(kernel.script.String())
	v.golden()
}

// TestPicksTheMatch: what was found is what Enter picks, and y copies, unless the user
// selects something else or goes elsewhere.
func TestPicksTheMatch(t *testing.T) {
	const at = 3000
	for keys, want := range map[string]Picked{
		"/HELLO<enter><enter>":        {true, at, 5},
		"/HELLO<enter><right><enter>": {true, at, 5},
		"/HELLO<enter>v<enter>":       {true, at, 1},
		"/HELLO<enter>0<enter>":       {true, at - at%16, 1},
		"/HELLO<enter>g<enter>":       {true, 0, 1},
		"/HELLO<enter>vll<enter>":     {true, at, 3},
	} {
		v := view(t, file(), Options{}, 80, 10)
		if v.keys(keys); v.m.picked != want {
			t.Errorf("%s: got %+v, want %+v", keys, v.m.picked, want)
		}
	}
	v := view(t, file(), Options{}, 80, 10)
	if v.keys("/HELLO<enter>Y"); v.copied != "HELLO" {
		t.Errorf("copied %q", v.copied)
	}
}

// TestLongFailuresEndWithTheirCause: what is cut off is where, which is seen anyway.
func TestLongFailuresEndWithTheirCause(t *testing.T) {
	for err, want := range map[error]string{
		fmt.Errorf("share 9223372036854775809: at 0 %w: %w", container.ErrHole, syscall.EIO):         "?? cannot be read: nothing is there that can be read (r reads again)",
		fmt.Errorf("%s: %w", strings.Repeat("container canvas.Container: 9 of 9: ", 9), syscall.EIO): "input/output error (r reads again)",
	} {
		v := view(t, &source{size: 100, read: func([]byte, int64) (int, error) { return 0, err }}, Options{}, 80, 10)
		if !strings.Contains(v.text(), want) {
			t.Errorf("no %q in\n%s", want, v.text())
		}
	}
}

func TestCopies(t *testing.T) {
	v := view(t, file(), Options{}, 80, 10)
	v.keys(":100<enter>vllllY")
	if v.copied != "Hello" {
		t.Errorf("got %q", v.copied)
	}
	v.keys("y")
	if v.copied != "48 65 6c 6c 6f" {
		t.Errorf("got %q", v.copied)
	}
	if !strings.Contains(v.text(), "5 bytes copied as hexadecimal") {
		t.Error(v.text())
	}
	v.keys("<esc>:3000<enter>v:+9<enter>Y")
	if v.copied != `HELLO \x1b[31` {
		t.Errorf("got %q", v.copied)
	}
	without := view(t, file(), Options{NoClipboard: true}, 80, 10)
	without.keys("y")
	if want := "nothing is copied: this view may not use the clipboard (hex --clipboard)"; without.copied != "" || !strings.Contains(without.text(), want) {
		t.Errorf("copied %q:\n%s", without.copied, without.text())
	}
	big := view(t, some(MaxCopy+1), Options{}, 80, 10)
	big.keys("vGy")
	if want := "16,385 bytes are too many to copy: 16,384 bytes at most"; big.copied != "" || big.m.note != want {
		t.Errorf("got %q, %q", big.copied, big.m.note)
	}
	big.keys("hy")
	if len(big.copied) != 3*MaxCopy-1 {
		t.Errorf("%d characters", len(big.copied))
	}
	gone := &source{size: 9, read: func([]byte, int64) (int, error) { return 0, os.ErrClosed }}
	failing := view(t, gone, Options{}, 80, 10)
	failing.keys("y")
	if want := "nothing was copied: file already closed"; failing.copied != "" || failing.m.note != want {
		t.Errorf("got %q, %q", failing.copied, failing.m.note)
	}
}

func TestMouse(t *testing.T) {
	v := view(t, some(5000), Options{Structure: someFields()}, 80, 24)
	v.send(tea.MouseClickMsg{X: 14, Y: 3, Button: tea.MouseLeft})
	v.send(tea.MouseMotionMsg{X: 64, Y: 3, Button: tea.MouseLeft})
	if off, n := v.m.selection(); off != 33 || n != 4 {
		t.Errorf("selected %d at %d", n, off)
	}
	v.send(tea.MouseClickMsg{X: 12, Y: 3, Button: tea.MouseLeft}) // between two bytes
	if v.m.cursor != 36 {
		t.Errorf("at %d", v.m.cursor)
	}
	v.send(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	if v.m.top != wheelRows*16 || v.m.cursor != v.m.top+4 {
		t.Errorf("top %d, cursor %d", v.m.top, v.m.cursor)
	}
	for range 200 {
		v.send(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	}
	if v.m.cursor >= 5000 || v.m.top >= 5000 {
		t.Errorf("top %d, cursor %d", v.m.top, v.m.cursor)
	}
	for range 200 {
		v.send(tea.MouseWheelMsg{Button: tea.MouseWheelUp})
	}
	if v.m.top != 0 {
		t.Errorf("top %d", v.m.top)
	}
	v.keys("t")
	tree := v.m.frame.tree
	v.send(tea.MouseClickMsg{X: 5, Y: tree.y + 3, Button: tea.MouseLeft})
	if v.m.tree.line != 2 {
		t.Errorf("line %d of the tree", v.m.tree.line)
	}
}

func TestHelpIsWhatKeysDo(t *testing.T) {
	v := view(t, file(), Options{}, 80, 12)
	v.typed("?")
	v.typed("<pgdown><pgdown><pgdown>")
	v.typed("x")
	v.golden()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(Help()) {
		if !strings.Contains(string(doc), "//\t"+line) {
			t.Errorf("the package's doc lacks %q", line)
		}
		if len([]rune(line)) > 79 {
			t.Errorf("too long for a terminal: %q", line)
		}
	}
	seen := make(map[string]bool)
	for _, k := range keys() {
		for _, name := range k.names {
			for _, p := range []pane{inBytes, inTree} {
				id := fmt.Sprint(p, name)
				if k.pane&p != 0 && seen[id] {
					t.Errorf("%s does two things", name)
				}
				seen[id] = seen[id] || k.pane&p != 0
			}
		}
	}
}

func TestPrompt(t *testing.T) {
	v := view(t, file(), Options{}, 40, 10)
	v.keys("/abc def")
	v.send(tea.PasteMsg{Content: "\x1b[31m\nmany more characters than fit into a line"})
	v.snap("pasted")
	v.typed("<home>x<end><backspace>")
	v.typed("<ctrl+w><ctrl+w>")
	v.typed("<left><left>yz")
	v.typed("<ctrl+u><right>")
	v.typed("<esc>")
	v.keys("/zzz<enter>/")
	v.typed("<up>")
	for range 5000 {
		v.keys("a")
	}
	if n := len(v.m.prompt.text); n != maxPrompt {
		t.Errorf("%d characters", n)
	}
	v.golden()
}

// TestPromptDrawsWhatItIsMadeOf: one character after another, escaped where it would become
// one with its neighbour, and the cursor behind all of it.
func TestPromptDrawsWhatItIsMadeOf(t *testing.T) {
	for text, want := range map[string]string{
		"e\u0301tude":           ` search: e\u0301tude`,
		"❤\ufe0f!":              ` search: ❤\ufe0f!`,
		"🇩🇪 x":                  ` search: \U0001f1e9\U0001f1ea x`,
		"\u0301世世世世a":           ` search: \u0301世世世世a`,
		"世界 \u1112\u1161\u11ab": ` search: 世界 \u1112\u1161\u11ab`,
	} {
		v := view(t, file(), Options{}, 60, 10)
		v.keys("/")
		v.send(tea.PasteMsg{Content: text})
		if got := v.lastLine(); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		if got, want := v.cursorAt(), ansi.StringWidth(want); got != want {
			t.Errorf("%q: the cursor is at column %d, want %d", text, got, want)
		}
	}
}

// TestPromptShowsItsCursor: whatever is typed, and however narrow the window is.
func TestPromptShowsItsCursor(t *testing.T) {
	for _, part := range []string{"a", "世", "\u0301", "🇩🇪", "a世\u0301"} {
		v := view(t, file(), Options{}, 80, 10)
		v.keys("/")
		v.send(tea.PasteMsg{Content: strings.Repeat(part, 40)})
		for columns := 80; columns > 21; columns -= 3 {
			v.resize(columns, 10)
			for _, key := range []string{"<end>", "<left>", "<left>", "<left>", "<home>", "<right>"} {
				v.keys(key)
				v.text() // which is as wide as the window
				if at := v.cursorAt(); at < 9 || at >= columns {
					t.Fatalf("%q in %d columns after %s: the cursor is at column %d", part, columns, key, at)
				}
			}
		}
	}
}

// lastLine is the last line of the screen, without styles.
func (v *viewer) lastLine() string {
	v.t.Helper()
	lines := strings.Split(strings.TrimSuffix(v.text(), "\n"), "\n")
	return lines[len(lines)-1]
}

// cursorAt is the column of the prompt's cursor, -1 if it is not to be seen.
func (v *viewer) cursorAt() int {
	v.t.Helper()
	lines := strings.Split(v.m.View().Content, "\n")
	for _, run := range styledRuns(lines[len(lines)-1]) {
		if run.style&reverse != 0 {
			return run.column
		}
	}
	return -1
}

// TestPromptCostsWhatIsShown: not what was pasted.
func TestPromptCostsWhatIsShown(t *testing.T) {
	cost := func(n int) float64 {
		v := view(t, file(), Options{}, 80, 24)
		v.keys("/")
		v.send(tea.PasteMsg{Content: strings.Repeat("a", n)})
		return testing.AllocsPerRun(1, func() { v.m.View() })
	}
	if long, short := cost(maxPrompt), cost(100); long > short+10 {
		t.Errorf("%v allocations for a long text, %v for a short one", long, short)
	}
}

func TestWhatIsNewerWins(t *testing.T) {
	value := byte('a')
	c := &source{size: 16, read: func(p []byte, _ int64) (int, error) {
		for i := range p {
			p[i] = value
		}
		return len(p), nil
	}}
	v := view(t, c, Options{}, 80, 8)
	v.held = true
	v.keys("r")
	old := v.waiting
	v.waiting = nil
	v.keys("r")
	v.release()
	value = 'b'
	v.keys("r")
	value = 'a'
	for _, cmd := range old { // the first read ends last
		v.do(cmd)
	}
	if b, _ := v.m.page.at(0); b != 'b' {
		t.Errorf("shown is %q", b)
	}
}

func TestCommandsEndWithTheView(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := &source{size: 1 << 20, read: counting}
	m := newModel(ctx, c, Options{}, Size{80, 24})
	cmd := m.Init()
	cancel()
	<-m.jobs.close()
	if msg := cmd(); msg != nil {
		t.Errorf("a command ran: %T", msg)
	}
	if len(c.reads) > 0 {
		t.Errorf("%d reads", len(c.reads))
	}
}

// FuzzKeys types anything, over a source that fails here and there.
func FuzzKeys(f *testing.F) {
	f.Add([]byte("jjjGgtv]]\x00[[i/a?nN:123\r\x01\x02yY"), int64(5000))
	f.Add([]byte("t\x10\x10\r\x03\x04G\x05vGy"), int64(1)<<62)
	f.Add([]byte("Gkkk\x01\x02v\x03n:50%\ri"), int64(1))
	f.Add([]byte("/re:[a-f]+\rnnnNNN?\x00\x02"), int64(100_000))
	var names []string
	for name := range keyCodes {
		names = append(names, name)
	}
	slices.Sort(names)
	f.Fuzz(func(t *testing.T, keys []byte, size int64) {
		if size < 0 || len(keys) > 200 {
			return
		}
		size = min(size, 1<<16) | size&(3<<61) // what is searched to its end is small
		c := &source{size: size, read: func(p []byte, off int64) (int, error) {
			if off%1000 < 20 {
				return 0, syscall.EIO
			}
			return counting(p, off)
		}}
		v := view(t, c, Options{Structure: someFields()}, 80, 24)
		for i, k := range keys {
			switch {
			case k >= ' ' && k <= '~' && (k != '/' || size < 1<<20):
				v.send(tea.KeyPressMsg{Code: rune(k), Text: string(rune(k))})
			case k == '\r':
				v.send(keyOf(t, "enter"))
			case k < 6:
				v.resize(1+int(k)*37%200, 1+int(keys[len(keys)-1-i])%70)
			case k < 12:
				v.send(tea.MouseClickMsg{X: i * 7 % 90, Y: int(k) * i % 30, Button: tea.MouseLeft})
			default:
				v.send(keyOf(t, names[int(k)%len(names)]))
			}
			if v.quit {
				return
			}
			v.text()
			if m := v.m; m.cursor < 0 || m.cursor > max(size-1, 0) || m.top > m.cursor || m.page.loads != 0 {
				t.Fatalf("after %q: cursor %d, top %d, %d reads", keys[:i+1], m.cursor, m.top, m.page.loads)
			}
		}
	})
}

func BenchmarkView(b *testing.B) {
	var nodes []layout.Node
	for at := range int64(20_000) {
		nodes = append(nodes, layout.Node{Name: "field", Type: "u16le", Offset: 2 * at, Size: 2, Text: "1"})
	}
	c := some(100_000)
	defer c.Close()
	for name, o := range map[string]Options{"bytes": {}, "structure": {Structure: nodes}} {
		b.Run(name, func(b *testing.B) {
			m := newModel(b.Context(), c, o, Size{200, 60})
			m.Update(m.Init()())
			if !m.page.complete() {
				b.Fatal("nothing is read")
			}
			for b.Loop() {
				m.View()
			}
		})
	}
}
