package link

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/codec"
)

// numbers is a stream to be sent: 0 to n-1, then err.
func numbers(n int, err error, sent func(int)) *nums {
	return &nums{codec.StreamEnd{Pump: func(send func([]byte) error, positional bool) error {
		for i := range n {
			if sent != nil {
				sent(i)
			}
			if err := send(encoded(i, positional)); err != nil {
				return err
			}
		}
		return err
	}}}
}

// read reads up to n numbers, and what ended them.
func (s *nums) read(t testing.TB, n int) (count int, err error) {
	p, err := codec.PlanOf(reflect.TypeFor[int]())
	if err != nil {
		t.Fatal(err)
	}
	for count < n {
		b, err := s.end.Next()
		if err != nil {
			return count, err
		}
		var v int
		if _, err := decodeAll(p, s.end.Rules(), b, &v); err != nil || v != count {
			t.Fatalf("%d, want %d: %v", v, count, err)
		}
		count++
	}
	return count, nil
}

func TestStreams(t *testing.T) {
	each(t, func(t *testing.T, by medium) {
		nothingLeft(t)
		stop := errors.New("stop")
		f := all(func(_ context.Context, a everything) (everything, error) {
			if n, err := a.S.read(t, 1<<20); n != a.N || err == nil {
				return everything{}, fmt.Errorf("%d, %w", n, err)
			}
			return everything{S: numbers(a.N, stop, nil)}, nil
		})
		m, w := pair(t, by, []*Function{f}, Config{}, Config{})
		for _, n := range []int{0, 1, 20000} {
			r, err := call[everything, everything](t.Context(), m, f, everything{N: n, S: numbers(n, nil, nil)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.S.read(t, 1<<20)
			if fail, ok := errors.AsType[*Failure](err); got != n || !ok || fail.Message != "stop" {
				t.Fatal(got, err)
			}
		}
		rest(t, m, w)
	})
}

// TestNobodyReads: what is not read any more ends its producer, and the call
// with it.
func TestNobodyReads(t *testing.T) {
	for name, leave := range map[string]func(r everything, cancel func()){
		"closed":    func(r everything, _ func()) { r.S.end.Stop(); r.In.(io.Closer).Close() },
		"cancelled": func(_ everything, cancel func()) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, by medium) {
				nothingLeft(t)
				opened := make(chan *os.File, 1)
				f := all(func(ctx context.Context, _ everything) (everything, error) {
					pr, pw, err := os.Pipe()
					opened <- pw
					endless := numbers(1<<40, nil, nil)
					return everything{In: pr, S: endless}, err
				})
				m, w := pair(t, by, []*Function{f}, Config{}, Config{})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				r, err := call[everything, everything](ctx, m, f, everything{}, nil)
				if err != nil {
					t.Fatal(err)
				}
				if n, err := r.S.read(t, 10); n != 10 || err != nil {
					t.Fatal(n, err)
				}
				leave(r, cancel)
				rest(t, m, w) // also though the pipe is never written to
				source := <-opened
				if _, err := source.WriteString("x"); err == nil {
					t.Error("the pipe's other end is open still")
				}
				source.Close()
			})
		})
	}
}

// TestSourcesThatFail: the reader is told how, and both ends live on.
func TestSourcesThatFail(t *testing.T) {
	nothingLeft(t)
	f := all(func(_ context.Context, a everything) (everything, error) {
		switch a.N {
		case 0:
			return everything{In: io.MultiReader(strings.NewReader("some"), errReader{errSentinel})}, nil
		case 1:
			return everything{In: panicReader{}}, nil
		}
		_, err := io.ReadAll(a.In)
		return everything{}, err
	})
	m, w := pair(t, bySocket, []*Function{f}, Config{Errors: registered(t)}, Config{Errors: registered(t)})
	for n, want := range []string{"sentinel", "panic: read"} {
		r, err := call[everything, everything](t.Context(), m, f, everything{N: n}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the error stays
			if _, err = io.ReadAll(r.In); err == nil || err.Error() != want || errors.Is(err, errSentinel) != (n == 0) {
				t.Error(err)
			}
		}
	}
	if _, err := call[everything, everything](t.Context(), m, f, everything{N: 2, In: errReader{errSentinel}}, nil); !errors.Is(err, errSentinel) {
		t.Error(err)
	}
	rest(t, m, w)
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

type panicReader struct{}

func (panicReader) Read([]byte) (int, error) { panic("read") }

// TestLinkEndsWhileStreaming: readers and writers on both sides end, and
// sources are closed.
func TestLinkEndsWhileStreaming(t *testing.T) {
	each(t, func(t *testing.T, by medium) {
		nothingLeft(t)
		pr, pw, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer pw.Close()
		f := all(func(context.Context, everything) (everything, error) { return everything{In: pr}, nil })
		m, w := pair(t, by, []*Function{f}, Config{}, Config{})
		r, err := call[everything, everything](t.Context(), m, f, everything{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		read := make(chan error)
		go func() {
			_, err := r.In.Read(make([]byte, 1))
			read <- err
		}()
		m.Close()
		if err := <-read; err == nil {
			t.Error("no error")
		}
		w.Close() // waits for the goroutine that reads the pipe
		if _, err := pr.Read(make([]byte, 1)); !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
}

// TestSlowReaderHoldsNobodyUp: one stream that nobody reads, while others flow.
func TestSlowReaderHoldsNobodyUp(t *testing.T) {
	each(t, func(t *testing.T, by medium) {
		f := all(func(context.Context, everything) (everything, error) {
			return everything{In: io.LimitReader(zeros{}, 16<<20)}, nil
		})
		m, _ := pair(t, by, []*Function{f}, Config{}, Config{})
		slow, err := call[everything, everything](t.Context(), m, f, everything{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				r, err := call[everything, everything](t.Context(), m, f, everything{}, nil)
				if err != nil {
					t.Error(err)
					return
				}
				if n, err := io.Copy(io.Discard, r.In); n != 16<<20 || err != nil {
					t.Error(n, err)
				}
			})
		}
		wg.Wait()
		if n, err := io.Copy(io.Discard, slow.In); n != 16<<20 || err != nil {
			t.Error(n, err)
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestBufferIsTheCallersAgain: who gives up while its bytes are being written
// may write to them at once, and no function ever sees a mixture.
func TestBufferIsTheCallersAgain(t *testing.T) {
	each(t, func(t *testing.T, by medium) {
		f := function("check", func(_ context.Context, b []byte) (bool, error) {
			if i := bytes.IndexFunc(b, func(r rune) bool { return byte(r) != b[0] }); i >= 0 {
				t.Errorf("byte %d is %d, the first %d", i, b[i], b[0])
			}
			return true, nil
		})
		m, w := pair(t, by, []*Function{f}, Config{}, Config{})
		data := make([]byte, 4<<20)
		for i := range 60 {
			for j := range data {
				data[j] = byte(i)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%30)*200*time.Microsecond)
			call[[]byte, bool](ctx, m, f, data, nil)
			cancel()
		}
		rest(t, m, w)
	})
}

// TestContainersOfACall are valid as long as it: in the worker until it
// returns, at the caller until they are closed.
func TestContainersOfACall(t *testing.T) {
	both(t, func(t *testing.T, by medium) {
		nothingLeft(t)
		given := make(chan container.Container, 1)
		f := all(func(_ context.Context, a everything) (everything, error) {
			given <- a.C
			b, err := a.C.Bytes()
			return everything{C: container.FromBytes(bytes.ToUpper(b))}, err
		})
		m, w := pair(t, by, []*Function{f}, Config{}, Config{})
		for _, n := range []int{1, container.InlineMax, container.InlineMax + 1, 1 << 20} {
			c := container.FromBytes(bytes.Repeat([]byte("x"), n))
			r, err := call[everything, everything](t.Context(), m, f, everything{C: c}, nil)
			if err != nil {
				t.Fatal(err)
			}
			rest(t, m, w)
			if _, err := (<-given).ReadAt(make([]byte, 1), 0); !errors.Is(err, container.ErrClosed) {
				t.Errorf("the function's: %v", err)
			}
			if b, err := r.C.Bytes(); err != nil || len(b) != n || b[n-1] != 'X' {
				t.Errorf("%d bytes, %v", len(b), err)
			}
			r.C.Close()
			c.Close()
		}
	})
}

// TestWorkerPassesNoFileContainers: its function is told, rather than its
// worker killed.
func TestWorkerPassesNoFileContainers(t *testing.T) {
	nothingLeft(t)
	f := all(func(context.Context, everything) (everything, error) {
		c, err := container.FromFile("bulk_linux_test.go")
		return everything{C: c}, err
	})
	m, _ := pair(t, bySocket, []*Function{f}, Config{}, Config{})
	_, err := call[everything, everything](t.Context(), m, f, everything{}, nil)
	if fail, ok := errors.AsType[*Failure](err); !ok || fail.Code != CodeResult || !strings.Contains(fail.Message, "container.FromReader") {
		t.Error(err)
	}
	if m.Err() != nil {
		t.Error(m.Err())
	}
}

// TestFilesOfAResult are sent and closed.
func TestFilesOfAResult(t *testing.T) {
	nothingLeft(t)
	f := all(func(context.Context, everything) (everything, error) {
		file, err := os.Open("bulk_linux_test.go")
		return everything{F: file}, err
	})
	m, _ := pair(t, bySocket, []*Function{f}, Config{}, Config{})
	r, err := call[everything, everything](t.Context(), m, f, everything{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 12)
	if _, err := r.F.Read(b); err != nil || string(b) != "package link" {
		t.Errorf("%q, %v", b, err)
	}
	r.F.Close()
}

// TestGigabyte passes much each way, within twice its size (both ends are here).
func TestGigabyte(t *testing.T) {
	size := 1 << 30
	if testing.Short() || underRace {
		size = 64 << 20
	}
	f := all(func(_ context.Context, a everything) (everything, error) {
		h := crc32.NewIEEE()
		if a.In != nil {
			n, err := io.Copy(h, a.In)
			return everything{N: int(h.Sum32()), In: io.LimitReader(zeros{}, n)}, err
		}
		return everything{N: int(crc32.ChecksumIEEE(a.Data)), Data: a.Data}, nil
	})
	g := function("text", func(_ context.Context, s string) (string, error) { return s, nil })
	m, w := pair(t, bySocket, []*Function{f, g}, Config{}, Config{})
	zero := crc32.NewIEEE()
	io.Copy(zero, io.LimitReader(zeros{}, int64(size)))
	sum := int(zero.Sum32())
	t.Run("reader", func(t *testing.T) {
		defer peak(t, 192<<20)()
		r, err := call[everything, everything](t.Context(), m, f, everything{In: io.LimitReader(zeros{}, int64(size))}, nil)
		if err != nil || r.N != sum {
			t.Fatal(r.N, sum, err)
		}
		if n, err := io.Copy(io.Discard, r.In); n != int64(size) || err != nil {
			t.Fatal(n, err)
		}
	})
	t.Run("bytes", func(t *testing.T) {
		// The argument, its copy in the worker, and the result's at the caller,
		// twice each at most while it grows.
		defer peak(t, int64(size)*3+int64(size)*2/3)()
		r, err := call[everything, everything](t.Context(), m, f, everything{Data: make([]byte, size)}, nil)
		if err != nil || r.N != sum || len(r.Data) != size {
			t.Fatal(r.N, len(r.Data), err)
		}
	})
	t.Run("string", func(t *testing.T) {
		s := strings.Repeat("x", size)
		r, err := call[string, string](t.Context(), m, g, s, nil)
		if err != nil || r != s {
			t.Fatal(len(r), err)
		}
	})
	rest(t, m, w)
}
