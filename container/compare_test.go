package container

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
)

// apart is a container that is elsewhere, and counts what is asked of it.
type apart struct {
	Container
	*apartCounts
}

type apartCounts struct {
	elsewhere // nothing else is asked
	bytes     int
	hashed    int64
	compares  int
	hashes    int
}

func newApart(data []byte) apart { return apart{FromBytes(data), &apartCounts{}} }

func (a apart) ReadAtContext(_ context.Context, p []byte, off int64) (int, error) {
	a.bytes += len(p)
	return a.ReadAt(p, off)
}

func (a apart) SHA256Context(ctx context.Context) ([sha256.Size]byte, error) {
	a.hashes++
	a.hashed += a.Size()
	return SHA256(ctx, a.Container)
}

func (a apart) Slice(off, n int64) (Container, error) {
	c, err := a.Container.Slice(off, n)
	return apart{c, a.apartCounts}, err
}

// CompareContext compares with what has the same counts: they stay together.
func (a apart) CompareContext(ctx context.Context, b Container, n int64) (int64, bool, error) {
	other, ok := b.(apart)
	if !ok || other.apartCounts != a.apartCounts {
		return -1, false, nil
	}
	a.compares++
	at, err := compareWindows(ctx, a.Container, other.Container, span{0, n})
	return at, true, err
}

func TestCompare(t *testing.T) {
	data := randomBytes(6<<20 + 5)
	changed := func(at int) []byte {
		b := bytes.Clone(data)
		b[at] ^= 1
		return b
	}
	for _, at := range []int{0, 1, compareBytes - 1, compareBytes, compareWindow, 1<<20 + compareBytes - 1, 5 << 20, len(data) - 1} {
		other := changed(at)
		for name, pair := range map[string][2]Container{
			"here":        {FromBytes(data), FromBytes(other)},
			"one apart":   {newApart(data), FromBytes(other)},
			"the other":   {FromBytes(data), newApart(other)},
			"two places":  {newApart(data), newApart(other)},
			"live source": {FromReaderAt(bytes.NewReader(data), int64(len(data)), Live{}), FromBytes(other)},
		} {
			got, err := Compare(t.Context(), pair[0], pair[1])
			if got != int64(at) || err != nil {
				t.Errorf("%s: a difference at %d was found at %d, %v", name, at, got, err)
			}
			if a, ok := pair[0].(apart); ok && (a.bytes > 2*compareBytes || a.hashes > 30 || a.hashed > 9*int64(at)+8<<20) {
				t.Errorf("%s, at %d: %d bytes crossed, %d hashes of %d bytes", name, at, a.bytes, a.hashes, a.hashed)
			}
		}
	}
	a := newApart(data)
	if got, err := Compare(t.Context(), a, apart{FromBytes(changed(9)), a.apartCounts}); got != 9 || err != nil || a.compares != 1 || a.bytes+a.hashes > 0 {
		t.Error(got, err, a)
	}
	for _, n := range []int{0, 1, 100, len(data)} {
		for name, c := range map[string]Container{"here": FromBytes(data[:n]), "apart": newApart(data[:n])} {
			want := int64(n)
			if n == len(data) {
				want = -1
			}
			if got, err := Compare(t.Context(), c, FromBytes(data)); got != want || err != nil {
				t.Errorf("%s: with its first %d bytes: %d, %v", name, n, got, err)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Compare(ctx, FromBytes(data), FromBytes(data)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestStats(t *testing.T) {
	c := FromBytes(make([]byte, 1000))
	part, err := c.Slice(100, 500)
	if err != nil {
		t.Fatal(err)
	}
	want := func(s Stats) {
		t.Helper()
		for name, c := range map[string]Container{"whole": c, "part": part} {
			if got := StatsOf(c); got != s {
				t.Errorf("%s: %+v, want %+v", name, got, s)
			}
		}
	}
	want(Stats{})
	c.ReadAt(make([]byte, 64), 990)
	want(Stats{Reads: 1, Bytes: 10})
	part.ReadAt(make([]byte, 64), 0)
	c.ReadAt(nil, 1<<62)
	c.ReadAt(make([]byte, 5), -1<<63)
	want(Stats{Reads: 4, Bytes: 74})
	part.Bytes()
	want(Stats{Reads: 5, Bytes: 574})
	part.Find([]byte("x"), 0)
	want(Stats{Reads: 5, Bytes: 574, Searches: 1, Searched: 500})
	part.Close()
	part.ReadAt(make([]byte, 64), 0) // it is closed
	want(Stats{Reads: 5, Bytes: 574, Searches: 1, Searched: 500})
	if n, err := Count(t.Context(), c, make([]byte, 10)); n != 991 || err != nil {
		t.Error(n, err)
	}
	if s := StatsOf(c); s.Searched < 1500 {
		t.Errorf("%+v", s)
	}
	c.Close()
	if s := StatsOf(c); s.Reads != 5 || s.Bytes != 574 {
		t.Errorf("after Close: %+v", s)
	}
}

// TestMetered: every use is told before it happens, and can be refused.
func TestMetered(t *testing.T) {
	data := randomBytes(3 << 20)
	for name, c := range everySource(t, data) {
		var told int64
		refused := errors.New("refused")
		allow := int64(1 << 62)
		m, ok := Metered(c, func(n int64) error {
			if told+n > allow {
				return refused
			}
			told += n
			return nil
		})
		if !ok {
			t.Fatal(name)
		}
		checkReads(t, m, data)
		for _, use := range []func() error{
			func() error { _, err := SHA256(t.Context(), m); return err },
			func() error { _, err := m.Find([]byte("not in there, surely"), 0); return err },
			func() error { return m.View(func([]byte) error { return nil }) },
			func() error { _, err := m.ReadAt(make([]byte, 1<<20), 0); return err },
		} {
			if told, allow = 0, 1<<62; use() != nil || told < 1<<20 || told > 4<<20 {
				t.Errorf("%s: %d bytes were told", name, told)
			}
			if told, allow = 0, 100; !errors.Is(use(), refused) || told > 100 {
				t.Errorf("%s: it was not refused", name)
			}
		}
		m.Close()
		if _, err := c.ReadAt(make([]byte, 1), 0); err != nil {
			t.Error(name, "its own:", err)
		}
	}
	if _, ok := Metered(newApart(data), nil); ok {
		t.Error("one of another package")
	}
	c := FromBytes(data)
	c.Close()
	if m, ok := Metered(c, func(int64) error { return nil }); !ok || !errors.Is(m.View(nil), ErrClosed) {
		t.Error("a closed one", fmt.Sprint(ok))
	}
}
