package starlark

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/container/pattern"
)

// faraway is a container whose bytes stay elsewhere; it notes what it is asked for.
type faraway struct {
	memory
	mu    *sync.Mutex
	asked *[]string
	stuck bool // until the context ends
}

func (f faraway) ask(ctx context.Context, what string) error {
	f.mu.Lock()
	*f.asked = append(*f.asked, what)
	f.mu.Unlock()
	if f.stuck {
		<-ctx.Done()
	}
	return ctx.Err()
}

func (f faraway) Slice(off, n int64) (container.Container, error) {
	c, err := f.memory.Slice(off, n)
	if err != nil {
		return nil, err
	}
	return faraway{c.(memory), f.mu, f.asked, f.stuck}, nil
}

func (f faraway) ReadAtContext(ctx context.Context, p []byte, off int64) (int, error) {
	if err := f.ask(ctx, "read"); err != nil {
		return 0, err
	}
	return f.ReadAt(p, off)
}

func (f faraway) FindContext(ctx context.Context, pattern []byte, from int64) (int64, error) {
	if err := f.ask(ctx, "find"); err != nil {
		return -1, err
	}
	return f.Find(pattern, from)
}

func (f faraway) AllContext(ctx context.Context, pattern []byte) iter.Seq2[int64, error] {
	if err := f.ask(ctx, "all"); err != nil {
		return func(yield func(int64, error) bool) { yield(-1, err) }
	}
	return f.All(pattern)
}

func (f faraway) CountContext(ctx context.Context, pattern []byte) (int64, error) {
	return int64(strings.Count(string(f.memory), string(pattern))), f.ask(ctx, "count")
}

func (f faraway) SHA256Context(ctx context.Context) ([sha256.Size]byte, error) {
	return sha256.Sum256([]byte(f.memory)), f.ask(ctx, "hash")
}

func (f faraway) SearchContext(ctx context.Context, p *pattern.Pattern, r container.Range) iter.Seq2[pattern.Match, error] {
	if err := f.ask(ctx, "search"); err != nil {
		return func(yield func(pattern.Match, error) bool) { yield(pattern.Match{}, err) }
	}
	return container.Search(ctx, f.memory, p, r)
}

// TestElsewhere: each operation is asked for once, with what it is about, and ends
// with the script.
func TestElsewhere(t *testing.T) {
	text := strings.Repeat("hay ", 10<<20) + "needle" // searched here, it would take three windows
	for _, test := range []struct{ expr, want, asked string }{
		{`c.find("needle")`, "41943040", "find"},
		{`c.slice(1).find("needle", 5)`, "41943039", "find"},
		{`c.find("straw")`, "<nil>", "find"},
		{`c.slice(0, 9).find("x", 10)`, "<nil>", ""},
		{`c.find_all("needle")`, "[41943040]", "all"},
		{`c.slice(4).find_all("hay", 2)`, "[0 4]", "all"},
		{`c.slice(0, 7).count("hay")`, "2", "count"},
		{`c.count("hay")`, "10485760", "count"},
		{`hex(c.slice(0, 3).sha256())`, fmt.Sprintf("%x", sha256.Sum256([]byte("hay"))), "hash"},
		{`c.search(pattern.text("NEEDLE", fold = True))[0].offset`, "41943040", "search"},
		{`c.slice(4).find(pattern.hex("68 ?? 79"), 1)`, "4", "search"},
		{`c.slice(0, 9).count(pattern.regexp("h.y"))`, "2", "search"},
		{`c.slice(0, 9).search("x", 10)`, "[]", ""},
		{`c.read(4, 3)`, "[104 97 121]", "read"},
		{`c.u16be(0)`, fmt.Sprint(0x6861), "read"},
		{`find(c, "needle")`, "41943040", "find"},
	} {
		var asked []string
		h := newHost(nil, nil)
		h.Shared = func(context.Context, string) (container.Container, error) {
			return faraway{memory(text), new(sync.Mutex), &asked, false}, nil
		}
		got, err := h.run(t, "def main():\n    c = shared('c')\n    return "+test.expr+"\n")
		if err != nil || fmt.Sprint(got) != test.want || strings.Join(asked, " ") != test.asked {
			t.Errorf("%s: %v, %v; asked for %q", test.expr, got, err, asked)
		}
		if test.asked == "" {
			continue
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		enough := errors.New("enough")
		asked = nil
		mu := new(sync.Mutex)
		h.Shared = func(context.Context, string) (container.Container, error) {
			cancel(enough)
			return faraway{memory(text), mu, &asked, true}, nil
		}
		_, err = Run(ctx, h.Host, Script{Name: "x.star", Source: []byte("c = shared('c')\n" + test.expr)}, Limits{})
		if !errors.Is(err, enough) || len(slices.Compact(asked)) > 1 {
			t.Errorf("%s: %v; asked for %q", test.expr, err, asked)
		}
	}
}
