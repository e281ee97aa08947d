package main

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/outwork-go/outwork/bench/internal/reading"
	"github.com/outwork-go/outwork/bench/internal/stat"
)

const (
	smallBytes = 64
	largeBytes = 1 << 20
	callers    = 64
)

func echoTable() table {
	return table{
		name:    "echo",
		title:   "Echo of 64 bytes, one caller",
		note:    "CPU is that of both processes.",
		metrics: []metric{{"p50", "µs"}, {"CPU a call", "µs"}},
		modes:   []mode{pinned, free},
		probes:  sessionProbes(echoes, echoOf(smallBytes), measureEcho),
		subject: outworkRow,
		goals: []goal{
			{row: outworkRow, column: "pinned p50", of: rawSocketpairName, atMost: 1.4},
			{row: outworkRow, column: "pinned p50", of: grpcName, atMost: 0.35},
			{row: outworkRow, column: "pinned p50", of: ttrpcName, atMost: 0.7},
		},
	}
}

func callersTable() table {
	return table{
		name:    "callers",
		title:   "Echo of 64 bytes, 64 concurrent callers",
		metrics: []metric{{"rate", "k calls/s"}, {"CPU a call", "µs"}},
		modes:   []mode{pinned, free},
		probes:  sessionProbes(echoes|concurrently, echoOf(smallBytes), measureCallers),
		subject: outworkRow,
		goals: []goal{
			{row: outworkRow, column: "free rate", of: grpcName, atLeast: 10},
			{row: outworkRow, column: "free rate", of: ttrpcName, atLeast: 4},
			{row: outworkRow, column: "free CPU a call", of: grpcName, atMost: 0.125},
		},
	}
}

func largeTable() table {
	return table{
		name:    "large",
		title:   "Echo of 1 MiB, one caller",
		note:    "Bytes of one direction, in units of 10⁶.",
		metrics: []metric{{"speed", "MB/s"}},
		modes:   []mode{pinned, free},
		probes:  sessionProbes(echoes, echoOf(largeBytes), measureLarge),
		subject: outworkRow,
		goals:   []goal{{row: outworkRow, column: "free speed", of: grpcName, atLeast: 3}},
	}
}

// measurement is what is done with a session, within a budget.
type measurement func(session, exchange, time.Duration) ([]reading.Reading, error)

// sessionProbes has a probe for each peer of that ability.
func sessionProbes(do ability, x exchange, measure measurement) []probe {
	var probes []probe
	for _, p := range peersThat(do) {
		open := func(job) (session, error) { return p.open(x) }
		probes = append(probes, sessionProbe(p.name, open, x, measure))
	}
	return probes
}

// sessionProbe opens a session and has it measured.
func sessionProbe(name string, open func(job) (session, error), x exchange, measure measurement) probe {
	run := func(j job) ([]reading.Reading, error) {
		s, err := open(j)
		if err != nil {
			return nil, err
		}
		readings, err := measure(s, x, j.Budget)
		for i := range readings {
			readings[i].Row = name
		}
		return readings, errors.Join(err, s.close())
	}
	return probe{name: name, run: run}
}

func measureEcho(s session, x exchange, budget time.Duration) ([]reading.Reading, error) {
	var took []time.Duration
	cost, err := costOf(func(budget time.Duration) (_ int, err error) {
		took, err = echoesWithin(s, x, budget)
		return len(took), err
	}, budget)
	return []reading.Reading{
		{Metric: "p50", Value: reading.Micros(stat.Median(took))},
		{Metric: "CPU a call", Value: cost.cpuMicros()},
	}, err
}

// echoesWithin is how long echoes took, one after the other until the budget
// was spent.
func echoesWithin(s session, x exchange, budget time.Duration) (took []time.Duration, err error) {
	p := payload(x.size)
	for began := time.Now(); time.Since(began) < budget; {
		sent := time.Now()
		if err := s.echo(p); err != nil {
			return nil, err
		}
		took = append(took, time.Since(sent))
	}
	return took, nil
}

func measureCallers(s session, x exchange, budget time.Duration) ([]reading.Reading, error) {
	cost, err := costOf(func(budget time.Duration) (int, error) {
		return callFromMany(s, x, budget)
	}, budget)
	return []reading.Reading{
		{Metric: "rate", Value: cost.rate() / 1000},
		{Metric: "CPU a call", Value: cost.cpuMicros()},
	}, err
}

// callFromMany has all callers call until the budget is spent, and returns
// how many calls they made.
func callFromMany(s session, x exchange, budget time.Duration) (int, error) {
	var (
		calls  atomic.Int64
		spent  atomic.Bool
		errs   [callers]error
		atWork sync.WaitGroup
	)
	for i := range callers {
		atWork.Go(func() {
			p, made := payload(x.size), int64(0)
			for ; errs[i] == nil && !spent.Load(); made++ {
				errs[i] = s.echo(p)
			}
			calls.Add(made)
		})
	}
	time.Sleep(budget)
	spent.Store(true)
	atWork.Wait()
	return int(calls.Load()), errors.Join(errs[:]...)
}

func measureLarge(s session, x exchange, budget time.Duration) ([]reading.Reading, error) {
	p := payload(x.size)
	cost, err := costOf(func(budget time.Duration) (int, error) {
		return countWithin(budget, func() error { return s.echo(p) })
	}, budget)
	return []reading.Reading{{Metric: "speed", Value: cost.megabytes(x.bytes())}}, err
}

// payload is n bytes that are not all the same.
func payload(n int) []byte {
	return slices.Repeat([]byte("outwork\n"), n/8+1)[:n]
}
