package inspect_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/inspect"
	_ "github.com/outwork-go/outwork/inspect/deep" // signatures
	"github.com/outwork-go/outwork/layout"
)

const (
	mutations     = 10_000 // parsed; a tenth of them under the race detector
	deepMutations = 400
	mutationSeed  = 7
	mutationLimit = 20 * time.Second // for one parse
	mutationMax   = 160 << 10        // bytes of a file that is mutated
	mutators      = 2                // workers
)

// sample is files of both formats that are not large.
func sample(t testing.TB) [][]byte {
	t.Helper()
	small := func(files []string) []string {
		var some []string
		for _, path := range files {
			if info, err := os.Stat(path); err == nil && info.Size() <= mutationMax {
				some = append(some, path)
			}
		}
		return some
	}
	paths := append(small(packageFiles(t)), everyNth(small(filesUnder(t, "\x7fELF", "/usr/bin", "/usr/lib/grub")), 10)...)
	var files [][]byte
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, b)
	}
	return files
}

// mutate is a file cut short, or with some bits changed: most of them where the headers
// are, because most of a file is code that nobody reads here.
func mutate(b []byte, parts []layout.Node, r *rand.Rand) []byte {
	if r.IntN(4) == 0 {
		n := len(b)
		if r.IntN(2) == 0 {
			n = min(n, 2048)
		}
		return b[:r.IntN(n)]
	}
	b = append([]byte(nil), b...)
	for range 1 + r.IntN(8) {
		at := r.IntN(len(b))
		switch r.IntN(4) {
		case 0:
			at = r.IntN(min(len(b), 1024))
		case 1, 2:
			part := parts[r.IntN(len(parts))]
			at = min(int(part.Offset)+r.IntN(int(min(max(part.Size, 1), 16))), len(b)-1)
		}
		b[at] ^= 1 << r.IntN(8)
	}
	return b
}

// outcomes counts what became of parses.
type outcomes struct{ answers, warned, strange, failed, late, lost atomic.Int64 }

// mutator parses what is mutated, in a worker that it replaces when it is lost.
type mutator struct {
	m *outwork.Manager
	w *outwork.Worker
	o inspect.Options
}

func (p *mutator) parse(t *testing.T, b []byte, count *outcomes) {
	if p.w == nil {
		w, err := p.m.Start(t.Context(), outwork.Target{})
		if err != nil {
			t.Error(err)
			return
		}
		p.w = w
	}
	c := container.FromBytes(b)
	defer c.Close()
	r, err := inspect.In(t.Context(), p.w, c, p.o)
	switch {
	case err == nil:
		count.add(t, r)
	case errors.As(err, new(*outwork.RemoteError)):
		count.failed.Add(1)
		t.Logf("%v", err)
	case errors.Is(err, inspect.ErrTimeout):
		count.late.Add(1)
		p.drop()
	default:
		count.lost.Add(1)
		t.Logf("%v", err)
		p.drop()
	}
}

func (p *mutator) drop() {
	p.w.Close()
	p.w = nil
}

func (c *outcomes) add(t *testing.T, r *inspect.Report) {
	c.answers.Add(1)
	if len(r.Warnings) > 0 {
		c.warned.Add(1)
	}
	if r.Format == "" {
		c.strange.Add(1)
	}
	if c.answers.Load()%8 != 0 { // that takes longer than the parse
		return
	}
	var text strings.Builder
	if err := r.Write(&text, 80, false); err != nil {
		t.Error(err)
	}
	if i := strings.IndexFunc(text.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("the report has %q for a terminal", text.String()[i:min(i+8, text.Len())])
	}
}

// mutateAll parses n mutations of the sample, with several workers.
func mutateAll(t *testing.T, n int, o inspect.Options) *outcomes {
	var m outwork.Manager
	m.Stderr = io.Discard
	defer func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}()
	files := sample(t)
	parts := make([][]layout.Node, len(files))
	for i, b := range files {
		r, err := inspect.Parse(context.Background(), container.FromBytes(b), inspect.Options{})
		if err != nil {
			t.Fatal(err)
		}
		parts[i] = r.Structure
	}
	var (
		count outcomes
		next  atomic.Int64
		all   sync.WaitGroup
	)
	for range mutators {
		all.Go(func() {
			p := mutator{m: &m, o: o}
			for i := next.Add(1); i <= int64(n) && !t.Failed(); i = next.Add(1) {
				r := rand.New(rand.NewPCG(mutationSeed, uint64(i)))
				which := r.IntN(len(files))
				p.parse(t, mutate(files[which], parts[which], r), &count)
			}
		})
	}
	all.Wait()
	t.Logf("%d files mutated: %d answers (%d with warnings, %d of no format), %d errors, %d too late, %d workers lost", len(files),
		count.answers.Load(), count.warned.Load(), count.strange.Load(), count.failed.Load(), count.late.Load(), count.lost.Load())
	if told := count.answers.Load() + count.failed.Load() + count.late.Load() + count.lost.Load(); told != int64(n) {
		t.Errorf("%d of %d parses had an end", told, n)
	}
	return &count
}

// What is broken gives an answer, in time, and costs no worker.
func TestMutations(t *testing.T) {
	n := mutations
	if raceEnabled || testing.Short() {
		n /= 10
	}
	count := mutateAll(t, n, inspect.Options{Timeout: mutationLimit})
	if bad := count.failed.Load() + count.late.Load() + count.lost.Load(); bad > 0 {
		t.Errorf("%d parses had no answer", bad)
	}
	if count.warned.Load() < int64(n)/10 {
		t.Errorf("only %d of %d mutations were noticed", count.warned.Load(), n)
	}
}

// The same where all is read.
func TestDeepMutations(t *testing.T) {
	n := deepMutations
	if raceEnabled {
		n /= 4
	}
	count := mutateAll(t, n, inspect.Options{Deep: true, Timeout: mutationLimit})
	if bad := count.failed.Load() + count.late.Load() + count.lost.Load(); bad > 0 {
		t.Errorf("%d parses had no answer", bad)
	}
}
