package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/lost"
	"github.com/outwork-go/outwork/sandbox"
)

// mapLoad maps files, of which some break who reads them, over pools of confined workers, and calls the
// pools meanwhile.
type mapLoad struct{}

func (mapLoad) name() string          { return "map" }
func (mapLoad) length() time.Duration { return 6 * time.Second }

// harms are what a file does that begins with the word, and the cause that its worker is lost with.
var harms = map[string]struct {
	do    func()
	cause lost.Cause
}{
	"SEGV": {fault, lost.Crash},
	"EXIT": {func() { os.Exit(3) }, lost.Exit},
	"KEYS": {func() { unix.Syscall(unix.SYS_KEYCTL, 0, 0, 0) }, lost.Policy},
	"SPIN": {func() { select {} }, ""}, // its time is up
	"EATS": {eat, lost.Memory},
	"TALK": {talk, lost.Output},
	"BABL": {func() { unix.Write(3, []byte("GET / HTTP/1.1\r\n\r\n")); select {} }, ""}, // a *ProtocolError
	"PANC": {func() { panic("a parser's mistake") }, ""},                                // a *RemoteError
}

// fault is one that no recover catches.
func fault() {
	debug.SetPanicOnFault(false)
	b, err := unix.Mmap(-1, 0, 1<<16, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err == nil {
		b[4096+len(os.Args)]++
	}
}

func eat() {
	var kept [][]byte
	for {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		kept = append(kept, b)
		if len(kept) > 1<<20 {
			return
		}
	}
}

func talk() {
	for {
		os.Stdout.WriteString("and so on\n")
	}
}

// FileArgs are the arguments of Parse.
type FileArgs struct {
	ID   string
	File []byte
}

// Parse counts the lines of a file, unless that breaks it.
var Parse = outwork.Func("chaos.parse", func(ctx context.Context, a FileArgs) (int, error) {
	if err := noted(ctx, "", a.ID); err != nil {
		return 0, err
	}
	if len(a.File) >= 4 {
		if h, ok := harms[string(a.File[:4])]; ok {
			h.do()
		}
	}
	n := 0
	for _, b := range a.File {
		if b == '\n' {
			n++
		}
	}
	return n, nil
})

// file is an input of the map.
type file struct {
	path  string
	word  string // that it begins with, of a harmful one
	lines int
	call  *entry
}

func (l mapLoad) round(ctx context.Context, e *env) error {
	old, _ := filepath.Glob(filepath.Join(e.dir, "map-*")) // of one that was killed
	for _, name := range old {
		os.Remove(name)
	}
	m := &outwork.Manager{Stdout: io.Discard, Stderr: io.Discard, Grace: 500 * time.Millisecond}
	p, err := l.pool(ctx, e, m)
	if err != nil {
		m.Close()
		return nil // it is in the ledger
	}
	src := rand.New(rand.NewPCG(e.rand.Uint64(), 2))
	return e.crowd(ctx, m, 2, func(ctx context.Context, r *rand.Rand) {
		echo(ctx, e, r, p, "")
	}, func() { l.files(ctx, e, src, p) })
}

// pool is one, begun as a call is.
func (mapLoad) pool(ctx context.Context, e *env, m *outwork.Manager) (*outwork.Pool, error) {
	c := e.begin(entry{what: "pool", limit: 2 * callLimit, start: true})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*callLimit)
	defer cancel()
	p, err := m.Pool(ctx, outwork.Target{
		Sandbox: sandbox.Config{Level: sandbox.Strict},
		Limits:  sandbox.Limits{Memory: 128 << 20, Output: 1 << 20, CPU: 30 * time.Second},
	}, 2+e.rand.IntN(2))
	if err == nil {
		p.Each, p.Recycle = 1, e.rand.IntN(20)
	}
	e.end(ctx, c, err, nil)
	return p, err
}

// files maps files for as long as ctx lets it, or leaves the loop early.
func (l mapLoad) files(ctx context.Context, e *env, r *rand.Rand, p *outwork.Pool) {
	leave := -1
	if !e.calm && r.IntN(3) == 0 {
		leave = r.IntN(50)
	}
	life := ctx
	if e.calm {
		life = context.Background() // what was begun ends in peace
	}
	var taken []*file
	var mu sync.Mutex
	inputs := func(yield func(*file) bool) {
		for n := 0; ctx.Err() == nil; n++ {
			f, err := l.write(e, r, n)
			if err != nil {
				continue // the disk is full
			}
			f.call = e.begin(entry{what: "map of a file that " + cmpWord(f.word), hostile: f.word != "", runs: 16, limit: 6 * callLimit})
			mu.Lock()
			taken = append(taken, f)
			mu.Unlock()
			if !yield(f) {
				return
			}
		}
	}
	do := func(ctx context.Context, w *outwork.Worker, f *file) (int, error) {
		b, err := os.ReadFile(f.path)
		if err != nil {
			return 0, err
		}
		limit := callLimit
		if h, ok := harms[f.word]; ok && h.cause == "" {
			limit = 2 * time.Second
		}
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return Parse.Call(call.WithGrants(ctx, Mark.Bind(e.marked)), w, FileArgs{f.call.id, b})
	}
	o := outwork.Mapping[*file, int]{Ordered: r.IntN(2) == 0, InFlight: r.IntN(8)}
	told := map[*file]bool{}
	for f, out := range o.With(life, p, do, inputs) {
		if told[f] {
			e.tell("file " + f.call.id + " has two outcomes")
		}
		told[f] = true
		l.outcome(life, e, f, out)
		if leave--; leave == 0 {
			break
		}
	}
	for _, f := range taken { // those that the loop has left
		os.Remove(f.path)
		if !told[f] {
			if leave != 0 && life.Err() == nil {
				e.tell("file " + f.call.id + " has no outcome")
			}
			gone, cancel := context.WithCancel(context.Background())
			cancel()
			e.end(gone, f.call, context.Canceled, nil)
		}
	}
}

// outcome enters what became of a file.
func (mapLoad) outcome(ctx context.Context, e *env, f *file, out outwork.Outcome[int]) {
	c, err := f.call, out.Err
	if errors.Is(err, context.DeadlineExceeded) { // of the attempt
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(context.Background(), c.began)
		defer cancel()
	}
	var wrong error
	switch {
	case err == nil && f.word != "":
		wrong = fmt.Errorf("%d lines of a file that does %s", out.Value, f.word)
	case err == nil && out.Value != f.lines:
		wrong = fmt.Errorf("%d lines of %d", out.Value, f.lines)
	case e.calm && f.word != "":
		if want := harms[f.word].cause; want != "" && !errors.Is(err, want) {
			e.tell(fmt.Sprintf("file %s does %s and ends with %v", c.id, f.word, err))
		}
	}
	e.end(ctx, c, err, wrong)
}

// write makes a file: one of ten does harm.
func (mapLoad) write(e *env, r *rand.Rand, n int) (*file, error) {
	f := &file{path: filepath.Join(e.dir, fmt.Sprintf("%s-%d", e.prefix, n)), lines: r.IntN(1000)}
	var b []byte
	if r.IntN(10) == 0 {
		words := slices.Sorted(maps.Keys(harms))
		f.word = words[r.IntN(len(words))]
		b = append(b, f.word...)
	}
	for range f.lines {
		b = append(b, "a line\n"...)
	}
	if err := os.WriteFile(f.path, b, 0o600); err != nil {
		os.Remove(f.path)
		return nil, err
	}
	return f, nil
}

func cmpWord(word string) string {
	if word == "" {
		return "is good"
	}
	return "does " + word
}
