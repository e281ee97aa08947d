package outwork_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/outwork-go/outwork"
)

type item struct {
	N    int
	Text string
}

// count yields n items, and then err if there is one.
func count(n int, err error) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		for i := range n {
			if !yield(item{i, fmt.Sprint(i)}, nil) {
				return
			}
		}
		if err != nil {
			yield(item{}, err)
		}
	}
}

type (
	sumReply struct{ Items, Sum int }
	counting struct {
		N    int
		Fail bool
	}
)

var sum = outwork.Func("test.sum", func(_ context.Context, s *outwork.Stream[item]) (r sumReply, err error) {
	for it, err := range s.All() {
		if err != nil {
			return r, err
		}
		r.Items++
		r.Sum += it.N
	}
	return r, nil
})

var counts = outwork.Func("test.counts", func(_ context.Context, a counting) (*outwork.Stream[item], error) {
	var err error
	if a.Fail {
		err = errBroke
	}
	return outwork.StreamOf(count(a.N, err)), nil
})

var relays = outwork.Func("test.relays", func(_ context.Context, s *outwork.Stream[string]) (*outwork.Stream[string], error) {
	return outwork.StreamOf(func(yield func(string, error) bool) {
		for text, err := range s.All() {
			if !yield(strings.ToUpper(text), err) {
				return
			}
		}
	}), nil
})

func TestStreamThere(t *testing.T) {
	everywhere(t, func(t *testing.T, _ *outwork.Manager, w *outwork.Worker) {
		const n = 50_000
		r, err := sum.Call(within(t), w, outwork.StreamOf(count(n, nil)))
		if err != nil || r != (sumReply{n, n * (n - 1) / 2}) {
			t.Errorf("got %+v, %v", r, err)
		}
		_, err = sum.Call(within(t), w, outwork.StreamOf(count(10, errBroke)))
		if err == nil || !strings.Contains(err.Error(), errBroke.Error()) {
			t.Errorf("a stream that fails: %v", err)
		}
	})
}

func TestStreamBack(t *testing.T) {
	everywhere(t, func(t *testing.T, m *outwork.Manager, w *outwork.Worker) {
		const n = 50_000
		s, err := counts.Call(within(t), w, counting{N: n})
		if err != nil {
			t.Fatal(err)
		}
		next := 0
		for it, err := range s.All() {
			if err != nil || it != (item{next, fmt.Sprint(next)}) {
				t.Fatalf("item %d: %+v, %v", next, it, err)
			}
			next++
		}
		if next != n {
			t.Errorf("%d items", next)
		}
		if s, err = counts.Call(within(t), w, counting{N: 3, Fail: true}); err != nil {
			t.Fatal(err)
		}
		var last error
		for _, err := range s.All() {
			last = err
		}
		if _, ok := errors.AsType[*outwork.RemoteError](last); !ok || !errors.Is(last, errBroke) {
			t.Errorf("a stream that fails ends with %T %v", last, last)
		}
		if err := m.Wait(within(t)); err != nil {
			t.Error(err)
		}
	})
}

func TestStreamLeftEarly(t *testing.T) {
	everywhere(t, func(t *testing.T, m *outwork.Manager, w *outwork.Worker) {
		s, err := counts.Call(within(t), w, counting{N: 1 << 40})
		if err != nil {
			t.Fatal(err)
		}
		for it, err := range s.All() {
			if err != nil {
				t.Fatal(err)
			}
			if it.N == 1000 {
				break
			}
		}
		if err := m.Wait(within(t)); err != nil {
			t.Errorf("the producer goes on: %v", err)
		}
	})
}

func TestStreamBothWays(t *testing.T) {
	everywhere(t, func(t *testing.T, _ *outwork.Manager, w *outwork.Worker) {
		texts := []string{"a", "", strings.Repeat("long ", 20_000), "ä"}
		s, err := relays.Call(within(t), w, outwork.StreamOf(func(yield func(string, error) bool) {
			for _, text := range texts {
				if !yield(text, nil) {
					return
				}
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for text, err := range s.All() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, strings.ToLower(text))
		}
		if !slices.Equal(got, texts) {
			t.Errorf("got %.40q", got)
		}
	})
}

// slabs is a result of elements that have so many bytes each.
var slabs = outwork.Func("test.slabs", func(_ context.Context, sizes []int) (*outwork.Stream[[]byte], error) {
	return outwork.StreamOf(func(yield func([]byte, error) bool) {
		for _, n := range sizes {
			if !yield(make([]byte, n), nil) {
				return
			}
		}
	}), nil
})

// TestStreamOfTooLargeElements: what is larger than a message ends its stream, and nothing else.
func TestStreamOfTooLargeElements(t *testing.T) {
	everywhere(t, func(t *testing.T, _ *outwork.Manager, w *outwork.Worker) {
		const most = 16 << 20
		is := func(where string, err error) {
			t.Helper()
			if _, ok := errors.AsType[*outwork.RemoteError](err); !ok || !strings.Contains(err.Error(), "an element of 16777217 bytes is more than the 16777216 of a message") {
				t.Errorf("%s: %T %v", where, err, err)
			}
		}
		back, err := slabs.Call(within(t), w, []int{most, most + 1, 1})
		if err != nil {
			t.Fatal(err)
		}
		var sizes []int
		for b, e := range back.All() {
			if err = e; e == nil {
				sizes = append(sizes, len(b))
			}
		}
		if !slices.Equal(sizes, []int{most}) {
			t.Errorf("got elements of %d bytes", sizes)
		}
		is("back", err)
		there, err := relays.Call(within(t), w, outwork.StreamOf(func(yield func(string, error) bool) {
			yield(strings.Repeat("x", most+1), nil)
		}))
		if err != nil {
			t.Fatal(err)
		}
		for _, err = range there.All() {
		}
		is("there", err)
		if r, err := sum.Call(within(t), w, outwork.StreamOf(count(3, nil))); err != nil || r.Items != 3 {
			t.Errorf("the worker afterwards: %+v, %v", r, err)
		}
	})
}

type (
	digestArgs  struct{ Data io.Reader }
	digestReply struct {
		Sum  [sha256.Size]byte
		Size int64
	}
)

var digest = outwork.Func("test.digest", func(_ context.Context, a digestArgs) (r digestReply, err error) {
	h := sha256.New()
	r.Size, err = io.Copy(h, a.Data)
	r.Sum = [sha256.Size]byte(h.Sum(nil))
	return r, err
})

// zeros is a result that is read while it is made.
var zeros = outwork.Func("test.zeros", func(_ context.Context, n int64) (io.ReadCloser, error) {
	return io.NopCloser(io.LimitReader(zeroReader{}, n)), nil
})

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestReaders(t *testing.T) {
	everywhere(t, func(t *testing.T, _ *outwork.Manager, w *outwork.Worker) {
		const size = 32<<20 + 5
		h := sha256.New()
		io.CopyN(h, zeroReader{}, size)
		r, err := digest.Call(within(t), w, digestArgs{io.LimitReader(zeroReader{}, size)})
		if err != nil || r.Size != size || r.Sum != [sha256.Size]byte(h.Sum(nil)) {
			t.Errorf("there: %d bytes, %v", r.Size, err)
		}
		back, err := zeros.Call(within(t), w, size)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, back)
		if err != nil || n != size {
			t.Errorf("back: %d bytes, %v", n, err)
		}
		if err := back.Close(); err != nil {
			t.Error(err)
		}
		_, err = digest.Call(within(t), w, digestArgs{io.MultiReader(strings.NewReader("abc"), brokenReader{})})
		if err == nil || !strings.Contains(err.Error(), errBroke.Error()) {
			t.Errorf("a reader that fails: %v", err)
		}
	})
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errBroke }

func TestStreamOfWhatCannotCross(t *testing.T) {
	type inner struct{ C chan int }
	type args struct{ S *outwork.Stream[inner] }
	defer func() {
		text := fmt.Sprint(recover())
		if !strings.Contains(text, "args.S") || !strings.Contains(text, "inner.C") {
			t.Errorf("the panic is %q", text)
		}
	}()
	outwork.Func("stream.bad", func(context.Context, args) (int, error) { return 0, nil })
}
