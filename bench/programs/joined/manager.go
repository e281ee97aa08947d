package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"sync"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/tcp"

	"github.com/outwork-go/outwork/bench/internal/side"
)

type nothing struct{}

var doNothing = outwork.Func("joined.nothing", func(context.Context, nothing) (nothing, error) { return nothing{}, nil })

// manager is one with hosts that have joined, and a worker on each.
type manager struct {
	outwork.Manager
	listener *tcp.Listener
	workers  []*outwork.Worker
}

func (m *manager) tasks() map[string]side.Task {
	return map[string]side.Task{
		"listen": m.listen, "start": m.start, "settle": m.settle, "load": m.load,
		"heap": func(words []string) ([]float64, error) { return nil, writeHeap(words) },
	}
}

// listen writes where it listens, and a token for any host, into a file: FILE.
func (m *manager) listen(words []string) ([]float64, error) {
	l, err := tcp.Listen(context.Background(), &m.Manager, ":0")
	if err != nil {
		return nil, err
	}
	token, err := l.Token(tcp.Pass{Uses: -1})
	if err != nil {
		return nil, err
	}
	m.listener = l
	_, port, err := net.SplitHostPort(l.Addr())
	if err != nil {
		return nil, err
	}
	return nil, os.WriteFile(words[0], []byte(port+" "+token), 0o600)
}

// beginAtOnce is how many workers are started at once.
const beginAtOnce = 8

// start starts a worker on each of so many hosts, and calls it once: COUNT.
func (m *manager) start(words []string) ([]float64, error) {
	n, err := strconv.Atoi(words[0])
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	var (
		starting = make(chan struct{}, beginAtOnce)
		all      sync.WaitGroup
		errs     = make([]error, n)
	)
	m.workers = make([]*outwork.Worker, n)
	for i := range n {
		host, err := m.listener.Accept(ctx)
		if err != nil {
			return nil, fmt.Errorf("host %d of %d: %w", i+1, n, err)
		}
		starting <- struct{}{}
		all.Go(func() {
			m.workers[i], errs[i] = m.Start(ctx, outwork.Target{Host: host})
			if errs[i] == nil {
				_, errs[i] = doNothing.Call(ctx, m.workers[i], nothing{})
			}
			<-starting
		})
	}
	all.Wait()
	return nil, errors.Join(errs...)
}

// startLimit is for all of them.
const startLimit = 5 * time.Minute

// settle collects the garbage, and says how many goroutines there are, and how many bytes
// of heap and of stacks.
func (m *manager) settle([]string) ([]float64, error) {
	runtime.GC()
	debug.FreeOSMemory()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return []float64{float64(runtime.NumGoroutine()), float64(s.HeapAlloc), float64(s.StackInuse)}, nil
}

// load calls each worker so often a second, for so long, and says how long each call took:
// RATE SECONDS. A worker is called by one goroutine, which does not make up for calls that
// it was too late for.
func (m *manager) load(words []string) ([]float64, error) {
	rate, err1 := strconv.ParseFloat(words[0], 64)
	seconds, err2 := strconv.ParseFloat(words[1], 64)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	period := time.Duration(float64(time.Second) / rate)
	length := time.Duration(seconds * float64(time.Second))
	var (
		took  = make([][]float64, len(m.workers))
		errs  = make([]error, len(m.workers))
		all   sync.WaitGroup
		begin = time.Now()
	)
	for i, w := range m.workers {
		all.Go(func() {
			first := begin.Add(period * time.Duration(i) / time.Duration(len(m.workers)))
			took[i], errs[i] = callEvery(w, first, period, begin.Add(length))
		})
	}
	all.Wait()
	var flat []float64
	for _, t := range took {
		flat = append(flat, t...)
	}
	return flat, errors.Join(errs...)
}

// callEvery calls w first, and in that period until end.
func callEvery(w *outwork.Worker, first time.Time, period time.Duration, end time.Time) (took []float64, err error) {
	for at := first; at.Before(end); at = at.Add(period) {
		wait := time.Until(at)
		if wait < -period {
			continue
		}
		time.Sleep(wait)
		began := time.Now()
		if _, err := doNothing.Call(context.Background(), w, nothing{}); err != nil {
			return took, err
		}
		took = append(took, time.Since(began).Seconds())
	}
	return took, nil
}

// writeHeap writes a profile of the heap: FILE.
func writeHeap(words []string) error {
	f, err := os.Create(words[0])
	if err != nil {
		return err
	}
	runtime.GC()
	return errors.Join(pprof.WriteHeapProfile(f), f.Close())
}
