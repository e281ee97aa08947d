// Command hosts measures outwork on hosts, as package side says. Its arguments are the
// command line of ssh. It is its own worker and agent, and small, because what a program
// imports is what its start costs.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"

	"github.com/outwork-go/outwork/bench/internal/side"
)

const auto = "auto" // as tcp.Auto, for which the other tables would pay

type nothing struct{}

type number struct{ N int64 }

type named struct{ Name string }

type data struct{ Data []byte }

type reader struct{ Data io.Reader }

// pieceBytes is how much a function reads at once.
const pieceBytes = 128 << 10

var (
	doNothing  = outwork.Func("hosts.nothing", func(context.Context, nothing) (nothing, error) { return nothing{}, nil })
	sinkReader = outwork.Func("hosts.sink", func(_ context.Context, r reader) (number, error) {
		n, err := drain(r.Data)
		return number{n}, err
	})
	sinkBytes = outwork.Func("hosts.take", func(_ context.Context, d data) (number, error) {
		return number{int64(len(d.Data))}, nil
	})
	giveReader = outwork.Func("hosts.give", func(_ context.Context, n number) (reader, error) {
		return reader{newSource(n.N)}, nil
	})
	giveBytes = outwork.Func("hosts.make", func(_ context.Context, n number) (data, error) {
		return data{make([]byte, n.N)}, nil
	})
	readThrough = outwork.Func("hosts.read", readShared)
	search      = outwork.Func("hosts.find", findShared)
)

var needle = []byte{0xAA, 0xBB, 0xCC, 0xDD}

func main() {
	outwork.Main()
	b := &bench{ssh: os.Args[1:]}
	err := errors.Join(side.Serve(os.Stdin, os.Stdout, b.tasks()), b.close())
	if err != nil {
		fmt.Fprintln(os.Stderr, "hosts:", err)
		os.Exit(1)
	}
}

// bench is a manager whose host is connected, once it was told to open one.
type bench struct {
	ssh    []string
	m      *outwork.Manager
	host   string
	w      *outwork.Worker
	shared int
}

func (b *bench) tasks() map[string]side.Task {
	return map[string]side.Task{
		"first": b.first, "many": b.many,
		"open": b.open, "shut": func([]string) ([]float64, error) { return nil, b.close() },
		"second-call": b.secondCall,
		"calls":       b.calls, "second": b.second, "second-here": b.secondHere,
		"up": b.up, "up-bytes": b.upBytes, "down": b.down, "down-bytes": b.downBytes,
		"read": b.read, "find": b.find, "find-here": b.findHere,
	}
}

func (b *bench) manager() *outwork.Manager { return &outwork.Manager{SSH: b.ssh} }

func target(host string) outwork.Target { return outwork.Target{Host: "ssh://" + host} }

// first is the first call on a host: HOST [ready]. With ready, a worker here was started
// before, and the starter with it.
func (b *bench) first(words []string) (took []float64, err error) {
	m := b.manager()
	defer func() { err = errors.Join(err, m.Close()) }()
	if len(words) > 1 {
		if err := call(m, outwork.Target{}); err != nil {
			return nil, err
		}
	}
	return timed(func() error { return call(m, target(words[0])) })
}

// call starts a worker and calls it once.
func call(m *outwork.Manager, t outwork.Target) error {
	ctx := context.Background()
	w, err := m.Begin(ctx, t)
	if err == nil {
		_, err = doNothing.Call(ctx, w, nothing{})
	}
	return err
}

// many is the first call on N hosts at once: N PREFIX.
func (b *bench) many(words []string) (took []float64, err error) {
	n, err := strconv.Atoi(words[0])
	if err != nil {
		return nil, err
	}
	m := b.manager()
	defer func() { err = errors.Join(err, m.Close()) }()
	return timed(func() error {
		errs := make(chan error, n)
		for i := range n {
			go func() { errs <- call(m, target(words[1]+strconv.Itoa(i))) }()
		}
		var all error
		for range n {
			all = errors.Join(all, <-errs)
		}
		return all
	})
}

// open connects to a host: HOST [back]. With back, its agent has connected back then.
func (b *bench) open(words []string) ([]float64, error) {
	b.m, b.host = b.manager(), words[0]
	back := make(backLog, 1)
	t := target(b.host)
	if len(words) > 1 {
		b.m.Log, t.ConnectBack = slog.New(back), auto
	}
	// The starter is to run.
	if err := call(b.m, outwork.Target{}); err != nil {
		return nil, err
	}
	w, err := b.m.Start(context.Background(), t)
	b.w = w
	if err == nil && t.ConnectBack != "" {
		err = back.wait()
	}
	return nil, err
}

// backLog is a log that waits for a host to connect back.
type backLog chan struct{}

func (l backLog) wait() error {
	select {
	case <-l:
		return nil
	case <-time.After(backWait):
		return fmt.Errorf("the host has not connected back within %v", backWait)
	}
}

const backWait = 20 * time.Second

// Handle is of slog.Handler.
func (l backLog) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "a host has connected back" {
		select {
		case l <- struct{}{}:
		default:
		}
	}
	return nil
}

// Enabled is of slog.Handler.
func (backLog) Enabled(context.Context, slog.Level) bool { return true }

// WithAttrs is of slog.Handler.
func (l backLog) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup is of slog.Handler.
func (l backLog) WithGroup(string) slog.Handler { return l }

// secondCall is the first and the second call of a host's life, on one worker: HOST
// [back]. With back, its agent is to connect back.
func (b *bench) secondCall(words []string) (took []float64, err error) {
	ctx := context.Background()
	m, t := b.manager(), target(words[0])
	m.Log = slog.New(slog.DiscardHandler)
	if len(words) > 1 {
		t.ConnectBack = auto
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	began := time.Now()
	w, err := m.Begin(ctx, t)
	for range 2 {
		if err == nil {
			_, err = doNothing.Call(ctx, w, nothing{})
		}
		took = append(took, time.Since(began).Seconds())
		began = time.Now()
	}
	return took, err
}

func (b *bench) close() error {
	if b.m == nil {
		return nil
	}
	m := b.m
	b.m, b.w = nil, nil
	return m.Close()
}

// calls is as many calls: COUNT.
func (b *bench) calls(words []string) ([]float64, error) {
	n, err := strconv.Atoi(words[0])
	if err != nil {
		return nil, err
	}
	took := make([]float64, n)
	for i := range took {
		began := time.Now()
		if _, err := doNothing.Call(context.Background(), b.w, nothing{}); err != nil {
			return nil, err
		}
		took[i] = time.Since(began).Seconds()
	}
	return took, nil
}

// second is another worker on the host, up to its first call; secondHere is one here.
func (b *bench) second([]string) ([]float64, error) { return b.another(target(b.host)) }

func (b *bench) secondHere([]string) ([]float64, error) { return b.another(outwork.Target{}) }

func (b *bench) another(t outwork.Target) (took []float64, err error) {
	ctx := context.Background()
	began := time.Now()
	w, err := b.m.Begin(ctx, t)
	if err != nil {
		return nil, err
	}
	_, err = doNothing.Call(ctx, w, nothing{})
	took = []float64{time.Since(began).Seconds()}
	return took, errors.Join(err, w.Close())
}

func (b *bench) up(words []string) ([]float64, error) {
	return sized(words, func(n int64) error {
		got, err := sinkReader.Call(context.Background(), b.w, reader{newSource(n)})
		return errors.Join(err, check(got.N, n))
	})
}

func (b *bench) upBytes(words []string) ([]float64, error) {
	n, err := size(words)
	if err != nil {
		return nil, err
	}
	d := data{make([]byte, n)}
	return timed(func() error {
		got, err := sinkBytes.Call(context.Background(), b.w, d)
		return errors.Join(err, check(got.N, n))
	})
}

func (b *bench) down(words []string) ([]float64, error) {
	return sized(words, func(n int64) error {
		r, err := giveReader.Call(context.Background(), b.w, number{n})
		if err != nil {
			return err
		}
		got, err := drain(r.Data)
		return errors.Join(err, check(got, n))
	})
}

func (b *bench) downBytes(words []string) ([]float64, error) {
	return sized(words, func(n int64) error {
		d, err := giveBytes.Call(context.Background(), b.w, number{n})
		return errors.Join(err, check(int64(len(d.Data)), n))
	})
}

// share gives all workers a new container, until it is called.
func (b *bench) share(content []byte) (name string, unshare func(), err error) {
	c := container.FromBytes(content)
	b.shared++
	name = fmt.Sprintf("container %d", b.shared)
	err = b.m.Share(name, c)
	return name, func() {
		b.m.Unshare(name)
		c.Close()
	}, err
}

// read reads a container through that the worker has not seen yet: BYTES.
func (b *bench) read(words []string) ([]float64, error) {
	n, err := size(words)
	if err != nil {
		return nil, err
	}
	name, unshare, err := b.share(make([]byte, n))
	if err != nil {
		return nil, err
	}
	defer unshare()
	return timed(func() error {
		got, err := readThrough.Call(context.Background(), b.w, named{name})
		return errors.Join(err, check(got.N, n))
	})
}

func readShared(ctx context.Context, a named) (number, error) {
	c, err := outwork.Shared(ctx, a.Name)
	if err != nil {
		return number{}, err
	}
	n, err := drain(io.NewSectionReader(c, 0, c.Size()))
	return number{n}, errors.Join(err, c.Close())
}

// haystack has needle at its end.
func haystack(n int64) []byte {
	b := bytes.Repeat([]byte{0xFF}, int(n))
	copy(b[len(b)-len(needle):], needle)
	return b
}

// find searches a container in the worker: BYTES. It is timed there, after the container
// was found by its name; findHere searches it here.
func (b *bench) find(words []string) ([]float64, error) {
	n, err := size(words)
	if err != nil {
		return nil, err
	}
	name, unshare, err := b.share(haystack(n))
	if err != nil {
		return nil, err
	}
	defer unshare()
	var took []float64
	for range finds {
		got, err := search.Call(context.Background(), b.w, named{name})
		if err != nil {
			return nil, err
		}
		took = append(took, time.Duration(got.N).Seconds())
	}
	return took, nil
}

// finds is how often a container is searched.
const finds = 5

func (b *bench) findHere(words []string) ([]float64, error) {
	n, err := size(words)
	if err != nil {
		return nil, err
	}
	c := container.FromBytes(haystack(n))
	defer c.Close()
	var took []float64
	for range finds {
		d, err := findIn(c)
		if err != nil {
			return nil, err
		}
		took = append(took, d.Seconds())
	}
	return took, nil
}

func findShared(ctx context.Context, a named) (number, error) {
	c, err := outwork.Shared(ctx, a.Name)
	if err != nil {
		return number{}, err
	}
	took, err := findIn(c)
	return number{took.Nanoseconds()}, errors.Join(err, c.Close())
}

func findIn(c container.Container) (time.Duration, error) {
	began := time.Now()
	at, err := c.Find(needle, 0)
	took := time.Since(began)
	return took, errors.Join(err, check(at, c.Size()-int64(len(needle))))
}

// sized times do with the number of bytes in words.
func sized(words []string, do func(n int64) error) ([]float64, error) {
	n, err := size(words)
	if err != nil {
		return nil, err
	}
	return timed(func() error { return do(n) })
}

func size(words []string) (int64, error) {
	if len(words) != 1 {
		return 0, fmt.Errorf("want a number of bytes, not %q", words)
	}
	return strconv.ParseInt(words[0], 10, 64)
}

func timed(do func() error) ([]float64, error) {
	began := time.Now()
	err := do()
	return []float64{time.Since(began).Seconds()}, err
}

func check(got, want int64) error {
	if got != want {
		return fmt.Errorf("got %d instead of %d", got, want)
	}
	return nil
}

func drain(r io.Reader) (n int64, err error) {
	b := make([]byte, pieceBytes)
	for {
		k, err := r.Read(b)
		n += int64(k)
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// source is a reader of n bytes that costs nothing.
type source struct{ left int64 }

func newSource(n int64) io.Reader { return &source{n} }

func (s *source) Read(b []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n := int(min(s.left, int64(len(b))))
	s.left -= int64(n)
	return n, nil
}
