package outworktest_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/hook"
)

// paged starts a worker in memory to which no files cross.
func paged(t *testing.T, m *outwork.Manager) *outwork.Worker {
	t.Helper()
	w, err := hook.StartPaged(t.Context(), m, outwork.Target{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return w.(*outwork.Worker)
}

// look is what a function sees of the shared container name.
type look struct {
	Size, First, Count int64
	Sum                []byte
	Line               string
}

var looks = outwork.Func("looks", func(ctx context.Context, name string) (l look, err error) {
	c, err := outwork.Shared(ctx, name)
	if err != nil {
		return l, err
	}
	defer c.Close()
	h := sha256.New()
	if _, err = io.Copy(h, io.NewSectionReader(c, 0, c.Size())); err != nil {
		return l, err
	}
	sum, err := container.SHA256(ctx, c)
	if err != nil || string(h.Sum(nil)) != string(sum[:]) {
		return l, fmt.Errorf("a hash of its own, %w", err)
	}
	l.Size, l.Sum = c.Size(), sum[:]
	if l.First, err = c.Find([]byte("needle"), 0); err != nil {
		return l, err
	}
	if l.Count, err = container.Count(ctx, c, []byte("needle")); err != nil {
		return l, err
	}
	line := make([]byte, 9)
	_, err = c.ReadAt(line, l.First)
	l.Line = string(line)
	return l, err
})

// TestPagedContainers: functions and scripts have them as they have any other.
func TestPagedContainers(t *testing.T) {
	text := strings.Repeat("hay,", 1<<20) + "needle,42" + strings.Repeat("hay,", 1<<20) + "needle,43"
	path := filepath.Join(t.TempDir(), "hay")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := container.FromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var m outwork.Manager
	w := paged(t, &m)
	for name, c := range map[string]container.Container{"bytes": container.FromBytes([]byte(text)), "file": file} {
		if err := m.Share(name, c); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(text))
		want := look{int64(len(text)), 4 << 20, 2, sum[:], "needle,42"}
		if got, err := looks.Call(t.Context(), w, name); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v, %v", name, got, want, err)
		}
		v, err := w.Run(t.Context(), outwork.Script{Lang: "starlark", Name: "a.star", Args: []string{name}, Source: `
def main(name):
    c = shared(name)
    at = c.find("needle")
    part = c.slice(at + 1)
    return [c.size, c.count("needle"), c.find_all("needle"), c.find("needle", at + 1) - at, c.find("straw"), c.read(at, 9),
            part.find("needle"), part.count("needle"), part.slice(0, 6).find("needle"), hex(c.sha256()), c.u8(at)]
`})
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("[%d 2 [4194304 8388617] 4194313 <nil> [110 101 101 100 108 101 44 52 50] 4194312 1 <nil> %x 110]", len(text), sum); fmt.Sprint(v.Any()) != want {
			t.Errorf("%s: %v\nwant %v", name, v.Any(), want)
		}
	}
	if _, err := looks.Call(t.Context(), w, "none"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := os.Truncate(path, 1000); err != nil {
		t.Fatal(err)
	}
	if _, err := looks.Call(t.Context(), w, "file"); !errors.Is(err, container.ErrShrunk) || !strings.Contains(err.Error(), `shared "file"`) {
		t.Error(err)
	}
}
