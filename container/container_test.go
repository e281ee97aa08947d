package container

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

// wrapped is a Container of another package.
type wrapped struct{ Container }

// writeFile is the path of a new file with data.
func writeFile(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func fromFile(t testing.TB, path string) Container {
	t.Helper()
	c, err := FromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func fromReader(t testing.TB, data []byte) Container {
	t.Helper()
	c, err := FromReader(iotest.HalfReader(bytes.NewReader(data)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// reopened is c after it was passed to another process.
func reopened(t testing.TB, c Container) Container {
	t.Helper()
	h, err := Pass(c)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Open(h, OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { got.Close() })
	return got
}

// asked is c after it was passed to another process as a name only.
func asked(t testing.TB, c Container) Container {
	t.Helper()
	h := Handle{Size: c.Size(), Immutable: c.Immutable()}
	got, err := Open(h, OpenOptions{Reopen: func() (Handle, error) { return Pass(c) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { got.Close() })
	return got
}

// sliced is a slice of what make makes of more than data.
func sliced(t testing.TB, data []byte, make func([]byte) Container) Container {
	t.Helper()
	whole := make(slices.Concat([]byte("before"), data, []byte("after")))
	c, err := whole.Slice(int64(len("before")), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	whole.Close()
	t.Cleanup(func() { c.Close() })
	return c
}

// everySource is data in containers of every kind.
func everySource(t testing.TB, data []byte) map[string]Container {
	t.Helper()
	file := func(b []byte) Container { return fromFile(t, writeFile(t, b)) }
	reader := func(b []byte) Container { return fromReader(t, b) }
	all := map[string]Container{
		"bytes":                FromBytes(data),
		"file":                 file(data),
		"reader":               reader(data),
		"slice of bytes":       sliced(t, data, FromBytes),
		"slice of file":        sliced(t, data, file),
		"slice of reader":      sliced(t, data, reader),
		"opened file":          reopened(t, file(data)),
		"opened slice of file": reopened(t, sliced(t, data, file)),
		"slice of opened file": sliced(t, data, func(b []byte) Container { return reopened(t, file(b)) }),
	}
	if sealedMemory || len(data)+len("before")+len("after") <= InlineMax {
		all["opened bytes"] = reopened(t, FromBytes(data))
		all["opened reader"] = reopened(t, reader(data))
		all["opened slice of bytes"] = reopened(t, sliced(t, data, FromBytes))
		all["opened slice of reader"] = reopened(t, sliced(t, data, reader))
		all["slice of opened bytes"] = sliced(t, data, func(b []byte) Container { return reopened(t, FromBytes(b)) })
		all["passed on"] = reopened(t, reopened(t, FromBytes(data)))
		all["of another package"] = reopened(t, wrapped{file(data)})
	}
	if sealedMemory {
		all["file by name"] = asked(t, file(data))
		all["file by name, passed on"] = reopened(t, asked(t, file(data)))
	}
	if sealedMemory && len(data) > InlineMax {
		all["bytes by name"] = asked(t, FromBytes(data))
		all["bytes by name, passed on"] = reopened(t, asked(t, FromBytes(data)))
		all["slice of bytes by name"] = reopened(t, sliced(t, data, func(b []byte) Container { return asked(t, FromBytes(b)) }))
	}
	return all
}

// dataSizes are empty, one byte, around what goes inline, around a page, and
// larger than a file's window.
var dataSizes = []int{0, 1, 4096, InlineMax, InlineMax + 1, fileWindow + windowRoom + 5}

func randomBytes(n int) []byte {
	r := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	r.Read(b)
	return b
}

func TestEverySourceByEveryMethod(t *testing.T) {
	for _, size := range dataSizes {
		data := randomBytes(size)
		for name, c := range everySource(t, data) {
			t.Run(name, func(t *testing.T) {
				checkReads(t, c, data)
				checkBytes(t, c, data)
				checkSearch(t, c, data)
				checkSlices(t, c, data)
				checkClosed(t, c, size)
			})
		}
	}
}

func checkReads(t *testing.T, c Container, data []byte) {
	t.Helper()
	size := int64(len(data))
	if c.Size() != size {
		t.Fatalf("Size() = %d, want %d", c.Size(), size)
	}
	got, err := io.ReadAll(io.NewSectionReader(c, 0, size+10))
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("read %d of %d bytes, %v", len(got), size, err)
	}
	if n, err := c.ReadAt(make([]byte, 3), size); n != 0 || err != io.EOF {
		t.Errorf("ReadAt the end = %d, %v, want 0 and EOF", n, err)
	}
	if n, err := c.ReadAt(make([]byte, 3), max(0, size-1)); n != min(len(data), 1) || err != io.EOF {
		t.Errorf("ReadAt the last byte = %d, %v, want EOF", n, err)
	}
	if _, err := c.ReadAt(make([]byte, 3), -1); !errors.Is(err, ErrRange) {
		t.Errorf("ReadAt -1: %v, want ErrRange", err)
	}
}

func checkBytes(t *testing.T, c Container, data []byte) {
	t.Helper()
	err := c.View(func(b []byte) error {
		if !bytes.Equal(b, data) || cap(b) != len(b) && len(b) > windowRoom {
			t.Errorf("View gave %d of %d bytes, capacity %d", len(b), len(data), cap(b))
		}
		return io.ErrNoProgress
	})
	if err != io.ErrNoProgress {
		t.Errorf("View returned %v, want fn's error", err)
	}
	b, err := c.Bytes()
	if !c.Immutable() {
		if !errors.Is(err, ErrMutable) {
			t.Errorf("Bytes: %v, want ErrMutable", err)
		}
		return
	}
	again, _ := c.Bytes()
	if err != nil || !bytes.Equal(b, data) || !bytes.Equal(again, data) || cap(b) != len(b) {
		t.Errorf("Bytes gave %d and %d of %d bytes, capacity %d, %v", len(b), len(again), len(data), cap(b), err)
	}
}

func checkSearch(t *testing.T, c Container, data []byte) {
	t.Helper()
	last := data[max(0, len(data)-8):]
	for _, pattern := range [][]byte{last, []byte("no such bytes, surely"), {7}} {
		if len(pattern) == 0 {
			continue
		}
		want := bytes.Index(data, pattern)
		if got, err := c.Find(pattern, 0); got != int64(want) || err != nil {
			t.Errorf("Find(%x) = %d, %v, want %d", pattern, got, err, want)
		}
		if got := collectAll(t, c, pattern); !slices.Equal(got, naiveAll(data, pattern)) {
			t.Errorf("All(%x) found %d", pattern, len(got))
		}
	}
	if got, err := c.Find([]byte{7}, c.Size()); got != -1 || err != nil {
		t.Errorf("Find at the end = %d, %v, want -1", got, err)
	}
	for _, from := range []int64{-1, c.Size() + 1} {
		if got, err := c.Find([]byte{7}, from); got != -1 || !errors.Is(err, ErrRange) {
			t.Errorf("Find from %d = %d, %v, want ErrRange", from, got, err)
		}
	}
	if _, err := c.Find(nil, 0); !errors.Is(err, errEmptyPattern) {
		t.Errorf("Find nothing: %v", err)
	}
}

func checkSlices(t *testing.T, c Container, data []byte) {
	t.Helper()
	size := c.Size()
	for _, r := range [][2]int64{{-1, 1}, {0, -1}, {0, size + 1}, {size + 1, 0}, {1, size}, {1 << 62, 1 << 62}} {
		if s, err := c.Slice(r[0], r[1]); s != nil || !errors.Is(err, ErrRange) {
			t.Errorf("Slice(%d, %d): %v, want ErrRange", r[0], r[1], err)
		}
	}
	outer, err := c.Slice(size/4, size/2)
	if err != nil {
		t.Fatal(err)
	}
	inner, err := outer.Slice(size/8, size/4)
	outer.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	want := data[size/4+size/8:][:size/4]
	err = inner.View(func(b []byte) error {
		if !bytes.Equal(b, want) {
			t.Error("a slice of a slice has other bytes")
		}
		return nil
	})
	if err != nil || inner.Immutable() != c.Immutable() {
		t.Errorf("slice of a slice: immutable %t, %v", inner.Immutable(), err)
	}
}

func checkClosed(t *testing.T, c Container, size int) {
	t.Helper()
	kept, err := c.Slice(0, c.Size())
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error("Close gave an error:", err)
		}
	}
	_, errRead := c.ReadAt(make([]byte, 1), 0)
	_, errBytes := c.Bytes()
	_, errFind := c.Find([]byte{1}, 0)
	_, errSlice := c.Slice(0, 0)
	_, errPass := Pass(c)
	errView := c.View(func([]byte) error { t.Error("View called fn after Close"); return nil })
	var errAll error
	for _, err := range c.All([]byte{1}) {
		errAll = err
	}
	for i, err := range []error{errRead, errBytes, errFind, errSlice, errPass, errView, errAll} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("use %d after Close: %v, want ErrClosed", i, err)
		}
	}
	if c.Size() != int64(size) || kept.View(func([]byte) error { return nil }) != nil {
		t.Error("Close took more than the container")
	}
}

func TestCloseDuringUse(t *testing.T) {
	data := randomBytes(InlineMax + 10)
	for name, c := range everySource(t, data) {
		err := c.View(func(b []byte) error {
			c.Close()
			if !bytes.Equal(b, data) {
				t.Errorf("%s: the bytes went away during View", name)
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	data := randomBytes(fileWindow * 2)
	for name, c := range everySource(t, data) {
		var users sync.WaitGroup
		for i := range 4 {
			users.Go(func() { useUntilClosed(t, name, c, data, i == 3) })
		}
		users.Wait()
	}
}

// useUntilClosed uses c, and closes it in the middle if closing is set.
func useUntilClosed(t *testing.T, name string, c Container, data []byte, closing bool) {
	for i := range 20 {
		if closing && i == 10 {
			c.Close()
		}
		at, err := c.Find(data[len(data)-8:], 0)
		if errors.Is(err, ErrClosed) {
			return
		}
		if err != nil || at != int64(len(data)-8) {
			t.Errorf("%s: Find = %d, %v", name, at, err)
		}
		if s, err := c.Slice(5, 10); err == nil {
			s.ReadAt(make([]byte, 10), 0)
			s.Close()
		}
	}
}

func TestFromReaderTellsItsError(t *testing.T) {
	for _, size := range []int{0, spoolAbove * 2} {
		r := io.MultiReader(bytes.NewReader(make([]byte, size)), iotest.ErrReader(io.ErrClosedPipe))
		c, err := FromReader(r)
		if c != nil || !errors.Is(err, io.ErrClosedPipe) || !strings.HasPrefix(err.Error(), "container from a reader: ") {
			t.Errorf("after %d bytes: %v", size, err)
		}
	}
}

func TestReaderIsBounded(t *testing.T) {
	for _, limit := range []int{0, 1, spoolAbove, spoolAbove + 1, spoolAbove * 3} {
		c, err := readUpTo(bytes.NewReader(make([]byte, limit)), int64(limit))
		if err != nil || c.Size() != int64(limit) {
			t.Errorf("%d bytes: %v", limit, err)
		}
		endless := &counted{}
		if _, err := readUpTo(endless, int64(limit)); err == nil || !strings.Contains(err.Error(), "more than") {
			t.Errorf("an endless reader, up to %d bytes: %v", limit, err)
		}
		if endless.n != limit+1 {
			t.Errorf("%d bytes were read to find that there are more than %d", endless.n, limit)
		}
	}
}

// counted is an endless reader.
type counted struct{ n int }

func (c *counted) Read(p []byte) (int, error) { c.n += len(p); return len(p), nil }

func TestPanicInViewGoesOn(t *testing.T) {
	for name, c := range everySource(t, randomBytes(InlineMax+1)) {
		func() {
			defer func() {
				if p := recover(); p != "mine" {
					t.Errorf("%s: recovered %v", name, p)
				}
			}()
			c.View(func([]byte) error { panic("mine") })
		}()
		if err := c.View(func([]byte) error { return nil }); err != nil {
			t.Errorf("%s: after a panic: %v", name, err)
		}
	}
}

func TestNilDereferenceInViewIsNoFaultOfTheContainer(t *testing.T) {
	c := reopened(t, fromFile(t, writeFile(t, []byte("x"))))
	defer func() {
		if recover() == nil {
			t.Error("View swallowed the panic")
		}
	}()
	var p *int
	c.View(func([]byte) error { *p = 1; return nil })
}

func TestOpenRefusesInline(t *testing.T) {
	for name, h := range map[string]Handle{
		"nothing":       {Size: 5, Immutable: true},
		"short":         {Inline: []byte("abc"), Size: 5, Immutable: true},
		"long":          {Inline: []byte("abc"), Size: 1, Immutable: true},
		"offset":        {Inline: []byte("abc"), Offset: 1, Size: 3, Immutable: true},
		"mutable":       {Inline: []byte("abc"), Size: 3},
		"negative size": {Inline: []byte("abc"), Size: -3, Immutable: true},
		"empty mutable": {},
	} {
		if c, err := Open(h, OpenOptions{}); c != nil || err == nil {
			t.Errorf("%s was opened", name)
		}
	}
}
