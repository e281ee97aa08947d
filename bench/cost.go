package main

import (
	"os"
	"time"

	"github.com/outwork-go/outwork/bench/internal/proc"
	"github.com/outwork-go/outwork/bench/internal/reading"
)

// warmUpShare: one part in so many of the budget goes by before anything is
// counted.
const warmUpShare = 5

// countWithin repeats fn until the budget is spent, at least once.
func countWithin(budget time.Duration, fn func() error) (int, error) {
	began := time.Now()
	for n := 1; ; n++ {
		if err := fn(); err != nil {
			return n, err
		}
		if time.Since(began) >= budget {
			return n, nil
		}
	}
}

// cost is what n operations took.
type cost struct {
	n    int
	took time.Duration
	cpu  time.Duration // of this process and its descendants
}

func (c cost) rate() float64      { return float64(c.n) / c.took.Seconds() }
func (c cost) cpuMicros() float64 { return reading.Micros(c.cpu) / float64(max(1, c.n)) }

// megabytes is millions of bytes a second, with size bytes an operation.
func (c cost) megabytes(size int) float64 { return c.rate() * float64(size) / 1e6 }

// costOf runs work, which says how many operations it made of the budget that
// it is given: first to warm up, then to be counted.
func costOf(work func(budget time.Duration) (int, error), budget time.Duration) (cost, error) {
	if _, err := work(budget / warmUpShare); err != nil {
		return cost{}, err
	}
	processes, err := proc.Tree(os.Getpid())
	if err != nil {
		return cost{}, err
	}
	before, err := proc.CPU(processes)
	if err != nil {
		return cost{}, err
	}
	began := time.Now()
	n, err := work(budget)
	took := time.Since(began)
	if err != nil {
		return cost{}, err
	}
	after, err := proc.CPU(processes)
	return cost{n: n, took: took, cpu: after - before}, err
}
