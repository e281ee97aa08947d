package container

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/outwork-go/outwork/container/internal/xxh3"
	"github.com/outwork-go/outwork/container/pattern"
)

// tape is bytes in parts, with nothing between them.
type tape struct {
	parts []tapePart
	reads atomic.Int64
	bytes atomic.Int64
}

type tapePart struct {
	at   int64
	data []byte
}

func (t *tape) ReadAt(p []byte, off int64) (int, error) {
	t.reads.Add(1)
	n := 0
	for _, part := range t.parts {
		if i := off + int64(n) - part.at; i >= 0 && i < int64(len(part.data)) {
			n += copy(p[n:], part.data[i:])
		}
	}
	t.bytes.Add(int64(n))
	if n < len(p) {
		return n, syscall.EIO
	}
	return n, nil
}

func (t *tape) extents(off int64) (start, end int64, err error) {
	for _, part := range t.parts {
		if end := part.at + int64(len(part.data)); end > off {
			return part.at, end, nil
		}
	}
	return 1 << 40, 1 << 40, nil
}

func newTape(parts ...tapePart) (*tape, Container) {
	t := &tape{parts: parts}
	return t, FromReaderAt(t, 1<<40, Live{Name: "tape 1", Extents: t.extents})
}

func TestLiveByEveryMethod(t *testing.T) {
	data := randomBytes(300<<10 + 7)
	c := FromReaderAt(bytes.NewReader(data), int64(len(data)), Live{})
	checkReads(t, c, data)
	checkSearch(t, c, data)
	checkSlices(t, c, data)
	if _, err := c.Bytes(); !errors.Is(err, ErrMutable) {
		t.Error(err)
	}
	if err := c.View(func(b []byte) error {
		if !bytes.Equal(b, data) {
			t.Error("View")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if !IsLive(c) || c.Immutable() {
		t.Error("it is not live")
	}
	part, _ := c.Slice(5, 10)
	if !IsLive(part) || IsLive(FromBytes(data)) {
		t.Error("a slice")
	}
	if _, err := Pass(c); err == nil || !strings.Contains(err.Error(), "live source") {
		t.Error(err)
	}
	checkClosed(t, c, len(data))
}

// TestLiveReadsWhenAsked: nothing beforehand, and no more than that.
func TestLiveReadsWhenAsked(t *testing.T) {
	tp, c := newTape(tapePart{0, make([]byte, 1<<20)})
	part, err := c.Slice(1<<10, 1<<19)
	if err != nil || tp.reads.Load() != 0 {
		t.Fatal(tp.reads.Load(), err)
	}
	if n, err := part.ReadAt(make([]byte, 100), 5); n != 100 || err != nil || tp.bytes.Load() != 100 {
		t.Error(n, err, tp.bytes.Load())
	}
}

func TestLiveErrors(t *testing.T) {
	read := func(fn func(p []byte, off int64) (int, error)) error {
		c := FromReaderAt(readerAt(fn), 1000, Live{Name: "disk 7"})
		n, err := c.ReadAt(make([]byte, 100), 200)
		if n == 100 {
			t.Error("all was read")
		}
		return err
	}
	for name, c := range map[string]struct {
		n    int
		err  error
		is   error
		says string
	}{
		"EIO":                {0, syscall.EIO, syscall.EIO, "disk 7: 0 of 100 bytes at 200: input/output error"},
		"half and EIO":       {50, syscall.EIO, syscall.EIO, "disk 7: 50 of 100 bytes at 200"},
		"short, silently":    {50, nil, io.ErrUnexpectedEOF, "disk 7: 50 of 100 bytes at 200: unexpected EOF"},
		"shorter than said":  {50, io.EOF, io.ErrUnexpectedEOF, "50 of 100"},
		"more than asked":    {101, nil, nil, "ReadAt returned 101"},
		"less than nothing":  {-1, nil, nil, "ReadAt returned -1"},
		"its own, with text": {3, errors.New("the robot dropped it"), nil, "the robot dropped it"},
	} {
		err := read(func([]byte, int64) (int, error) { return c.n, c.err })
		if err == nil || !strings.Contains(err.Error(), c.says) || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %v", name, err)
		}
		if err == io.EOF {
			t.Errorf("%s: io.EOF, which is the end", name)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a negative size was taken")
		}
	}()
	FromReaderAt(bytes.NewReader(nil), -1, Live{})
}

type readerAt func(p []byte, off int64) (int, error)

func (f readerAt) ReadAt(p []byte, off int64) (int, error) { return f(p, off) }

// TestLiveHoles: an error where nothing is, and searches go around it.
func TestLiveHoles(t *testing.T) {
	tp, c := newTape(
		tapePart{1000, []byte("aXbneedle")}, tapePart{1009, []byte("needle")}, // no hole between them
		tapePart{1 << 20, []byte("nee")}, tapePart{1<<20 + 4, []byte("dle")},
		tapePart{1<<39 - 3, append([]byte("needle"), make([]byte, 500<<10)...)},
	)
	_ = tp
	for _, off := range []int64{0, 999, 995, 1<<20 + 1, 1 << 30} {
		_, err := c.ReadAt(make([]byte, 10), off)
		if !errors.Is(err, ErrHole) || !strings.Contains(err.Error(), fmt.Sprintf("bytes at %d", off)) || !strings.Contains(err.Error(), "tape 1") {
			t.Errorf("%d: %v", off, err)
		}
	}
	if _, err := c.ReadAt(make([]byte, 10), 995); !strings.Contains(err.Error(), "5 of 10 bytes at 995: at 995") && !strings.Contains(err.Error(), "at 995 nothing") {
		t.Error(err)
	}
	needle := []byte("needle")
	want := []int64{1003, 1009, 1<<39 - 3}
	check := func(name string, got []int64, err error) {
		t.Helper()
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	var got []int64
	for at, err := range c.All(needle) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, at)
	}
	check("All", got, nil)
	n, err := Count(t.Context(), c, needle)
	if n != 3 || err != nil {
		t.Error("Count", n, err)
	}
	if at, err := c.Find(needle, 1004); at != 1009 || err != nil {
		t.Error(at, err)
	}
	for _, s := range []pattern.Spec{
		{Texts: [][]byte{needle}},
		{Kind: pattern.KindRegexp, Texts: [][]byte{[]byte("n[e]+dle")}},
		{Kind: pattern.KindAny, Texts: [][]byte{[]byte("eed"), needle}},
	} {
		p, err := pattern.Compile(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, back := range []bool{false, true} {
			got = nil
			for m, err := range Search(t.Context(), c, p, Range{Back: back}) {
				if err != nil {
					t.Fatal(err)
				}
				if m.Length == 6 {
					got = append(got, m.Offset)
				}
			}
			if back {
				for i, j := 0, len(got)-1; i < j; i, j = i+1, j-1 {
					got[i], got[j] = got[j], got[i]
				}
			}
			check(fmt.Sprint("kind ", s.Kind, back), got, nil)
		}
	}
	if _, err := SHA256(t.Context(), c); !errors.Is(err, ErrHole) {
		t.Error("a hash over holes:", err)
	}
}

// TestRangesThatTouch are one: a match lies across their border as anywhere.
func TestRangesThatTouch(t *testing.T) {
	const at = 3*fileWindow - 3
	data := randomBytes(at + fileWindow)
	copy(data[at:], "789abc")
	for _, size := range []int64{61, 4096, fileWindow} {
		c := FromReaderAt(bytes.NewReader(data), int64(len(data)), Live{Extents: func(off int64) (start, end int64, err error) {
			return off, off - off%size + size, nil
		}})
		for _, text := range []string{"789abc", "hex:37 ?? [1-2] 61 62 63", "re:789[a-c]+"} {
			for _, back := range []bool{false, true} {
				if got := offsets(t, c, text, Range{Back: back}); !slices.Equal(got, []int64{at}) {
					t.Errorf("%s in ranges of %d, backwards %t: %d, want %d", text, size, back, got, at)
				}
			}
		}
		if got, err := c.Find([]byte("789abc"), 0); got != at || err != nil {
			t.Errorf("Find in ranges of %d: %d, %v", size, got, err)
		}
		if n, err := Count(t.Context(), c, []byte("789abc")); n != 1 || err != nil {
			t.Errorf("Count in ranges of %d: %d, %v", size, n, err)
		}
	}
}

// TestEndlessRanges: that they are asked for ends with the context.
func TestEndlessRanges(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	asked := 0
	c := FromReaderAt(bytes.NewReader(nil), 1<<62, Live{Extents: func(off int64) (start, end int64, err error) {
		if asked++; asked == 100 {
			cancel()
		}
		if asked == 10_000 {
			err = io.ErrNoProgress
		}
		return off, off + 1, err
	}})
	if _, err := CountMatches(ctx, c, parsed(t, "abc"), Range{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, asked %d times", err, asked)
	}
}

func TestExtent(t *testing.T) {
	_, c := newTape(tapePart{1000, make([]byte, 10)}, tapePart{2000, make([]byte, 10)})
	part, err := c.Slice(1005, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		c               Container
		off, start, end int64
	}{
		{c, 0, 1000, 1010},
		{c, 1005, 1005, 1010},
		{c, 1010, 2000, 2010},
		{c, 2010, 1 << 40, 1 << 40},
		{part, 0, 0, 5},
		{part, 5, 995, 1000},
		{part, 1000, 1000, 1000},
		{FromBytes(make([]byte, 7)), 3, 3, 7},
		{FromBytes(nil), 0, 0, 0},
	} {
		start, end, err := Extent(t.Context(), x.c, x.off)
		if start != x.start || end != x.end || err != nil {
			t.Errorf("%d: %d to %d, %v, want %d to %d", x.off, start, end, err, x.start, x.end)
		}
	}
	for _, off := range []int64{-1, 1001} {
		if _, _, err := Extent(t.Context(), part, off); !errors.Is(err, ErrRange) {
			t.Error(err)
		}
	}
	lies := FromReaderAt(bytes.NewReader(make([]byte, 100)), 100, Live{Extents: func(int64) (int64, int64, error) { return -5, 1 << 60, nil }})
	if start, end, err := Extent(t.Context(), lies, 3); start != 3 || end != 100 || err != nil {
		t.Error(start, end, err)
	}
	broken := FromReaderAt(bytes.NewReader(nil), 100, Live{Name: "it", Extents: func(int64) (int64, int64, error) { return 0, 0, syscall.EIO }})
	if _, err := broken.Find([]byte("x"), 0); !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "it: ") {
		t.Error(err)
	}
}

// TestLiveIsClosedOnce, when nobody has it any more, also when it was dropped.
func TestLiveIsClosedOnce(t *testing.T) {
	var closed atomic.Int64
	make1 := func() Container {
		return FromReaderAt(bytes.NewReader([]byte("abc")), 3, Live{Close: func() error { closed.Add(1); return nil }})
	}
	c := make1()
	part, _ := c.Slice(0, 1)
	c.Close()
	c.Close()
	if closed.Load() != 0 {
		t.Error("closed under a slice")
	}
	part.Close()
	if closed.Load() != 1 {
		t.Error(closed.Load())
	}
	make1()
	for closed.Load() != 2 {
		runtime.GC()
	}
}

func TestHashes(t *testing.T) {
	for _, n := range []int{0, 1, 1000, hashWindow, 2*hashWindow + 3} {
		data := randomBytes(n)
		c := FromReaderAt(bytes.NewReader(data), int64(n), Live{})
		if sum, err := XXH3(t.Context(), c); sum != xxh3.Sum64(data) || err != nil {
			t.Error(n, sum, err)
		}
		if sum, err := CRC32(t.Context(), c); sum != crc32.ChecksumIEEE(data) || err != nil {
			t.Error(n, sum, err)
		}
	}
	if _, err := Hash(t.Context(), FromBytes(nil), "md5"); err == nil || !strings.Contains(err.Error(), `"md5"`) {
		t.Error(err)
	}
}
