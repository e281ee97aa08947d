package boot

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// slow is a program that takes a second for each byte.
type slow struct{ *bytes.Reader }

func (s slow) Read(b []byte) (int, error) {
	time.Sleep(time.Second)
	return s.Reader.Read(b[:min(len(b), 1)])
}

func (slow) Close() error { return nil }

// Who gives up the reading of a program is not kept by it, and nobody else has less of it.
func TestProgramIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := []byte("a program")
		opened := 0
		p := NewProgram("linux", "amd64", func() (io.ReadCloser, error) {
			opened++
			return slow{bytes.NewReader(text)}, nil
		})
		reads := map[string]func(context.Context) error{
			"hash":  func(ctx context.Context) error { _, err := p.hash(ctx); return err },
			"pack":  func(ctx context.Context) error { _, err := p.pack(ctx); return err },
			"plain": func(ctx context.Context) error { _, err := p.plain(ctx); return err },
		}
		for name, read := range reads {
			gone, give := context.WithTimeout(t.Context(), 3500*time.Millisecond)
			waits, give2 := context.WithTimeout(t.Context(), 2500*time.Millisecond)
			began := time.Now()
			all := make(chan error, 2)
			go func() { all <- read(gone) }()
			synctest.Wait()
			go func() { all <- read(waits) }()
			for _, within := range []time.Duration{3 * time.Second, 4 * time.Second} {
				if err := <-all; !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s: got %v", name, err)
				}
				if took := time.Since(began); took > within {
					t.Errorf("%s: given up after %v", name, took)
				}
			}
			give()
			give2()
		}
		opened = 0
		for range 2 {
			is, err := p.hash(t.Context())
			if err != nil || is.size != int64(len(text)) {
				t.Errorf("hash: %v, %v", is, err)
			}
			packed, err := p.pack(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			z, err := gzip.NewReader(bytes.NewReader(packed))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, text) {
				t.Errorf("pack: %q, %v", got, err)
			}
		}
		if opened != 2 {
			t.Errorf("it was read %d times", opened)
		}
	})
}
