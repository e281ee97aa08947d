package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/outwork-go/outwork/bench/internal/grpcecho"
	"github.com/outwork-go/outwork/bench/internal/proc"
	"github.com/outwork-go/outwork/bench/internal/reading"
	"github.com/outwork-go/outwork/bench/internal/stat"
)

const (
	crowdSize = 1000   // clients
	crowdRate = 10_000 // calls a second, of all of them

	// crowdTick is how often calls that are due are made.
	crowdTick = time.Millisecond
)

func clientsTable() table {
	return table{
		name:  "clients",
		title: "1,000 connected clients that make 10,000 calls a second, one server process",
		note: "All of the server, once it has served them; the clients are connections of one other process. " +
			"A call's time begins when it is due, and so has the client's own delays in it.",
		metrics: []metric{
			{"VmHWM", "MiB"},
			{"VmRSS", "MiB"},
			{"threads", "n"},
			{"files", "n"},
			{"CPU a call", "µs"},
			{"p50", "µs"},
			{"p99", "µs"},
			{"rate", "k calls/s"},
		},
		modes:    []mode{free},
		probes:   append([]probe{crowdProbe(grpcName, gatherGRPC)}, outworkProbes("clients")...),
		programs: outworkPrograms("clients"),
		subject:  outworkRow,
		goals: []goal{
			{row: outworkRow, column: "VmHWM", atMost: 64, unit: "MiB"},
			{row: outworkRow, column: "rate", atLeast: 9.9, unit: "k calls/s"},
		},
	}
}

// crowd is clients that are connected to one server process.
type crowd struct {
	call  []func(p []byte) error // of each
	pid   int                    // of the server
	close func() error
}

// crowdProbe gathers a crowd and has it call.
func crowdProbe(row string, gather func(job) (*crowd, error)) probe {
	run := func(j job) ([]reading.Reading, error) {
		c, err := gather(j)
		if err != nil {
			return nil, err
		}
		readings, err := c.measure(row, j.Load)
		return readings, errors.Join(err, c.close())
	}
	return probe{name: row, run: run}
}

func (c *crowd) measure(row string, budget time.Duration) ([]reading.Reading, error) {
	server := []int{c.pid}
	if _, err := c.drive(budget / warmUpShare); err != nil {
		return nil, err
	}
	before, err := proc.CPU(server)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	took, err := c.drive(budget)
	if err != nil {
		return nil, err
	}
	elapsed := time.Since(began)
	after, err1 := proc.CPU(server)
	status, err2 := proc.StatusOf(c.pid)
	cost := cost{n: len(took), took: elapsed, cpu: after - before}
	return []reading.Reading{
		{Row: row, Metric: "VmHWM", Value: mebibytes(status.HWM)},
		{Row: row, Metric: "VmRSS", Value: mebibytes(status.RSS)},
		{Row: row, Metric: "threads", Value: float64(status.Threads)},
		{Row: row, Metric: "files", Value: float64(status.Files)},
		{Row: row, Metric: "CPU a call", Value: cost.cpuMicros()},
		{Row: row, Metric: "p50", Value: reading.Micros(stat.Median(took))},
		{Row: row, Metric: "p99", Value: reading.Micros(stat.Percentile(took, 99))},
		{Row: row, Metric: "rate", Value: cost.rate() / 1000},
	}, errors.Join(err1, err2)
}

func mebibytes(kibibytes int) float64 { return float64(kibibytes) / 1024 }

// drive has the clients call in turn, at crowdRate, and returns how long each
// call took once all are done.
func (c *crowd) drive(budget time.Duration) ([]time.Duration, error) {
	total := max(1, int(budget*crowdRate/time.Second))
	took, errs := make([]time.Duration, total), make([]error, total)
	var calls sync.WaitGroup
	tick := time.NewTicker(crowdTick)
	defer tick.Stop()
	began := time.Now()
	for made := 0; made < total; <-tick.C {
		due := time.Now()
		for ; made < total && made <= int(due.Sub(began)*crowdRate/time.Second); made++ {
			n := made
			calls.Go(func() {
				errs[n] = c.call[n%len(c.call)](payload(smallBytes))
				took[n] = time.Since(due)
			})
		}
	}
	calls.Wait()
	return took, errors.Join(errs...)
}

// gatherGRPC connects a crowd to a server of grpc-go's.
func gatherGRPC(job) (*crowd, error) {
	conns, s, err := startListening(grpcName, exchange{}, func(path string) ([]*grpc.ClientConn, error) {
		return gathered(crowdSize, func() (*grpc.ClientConn, error) { return dialGRPC(path) })
	})
	if err != nil {
		return nil, err
	}
	c := &crowd{pid: s.cmd.Process.Pid, close: func() error { return errors.Join(closeEach(conns), s.stop()) }}
	for _, conn := range conns {
		c.call = append(c.call, func(p []byte) error {
			out, err := grpcecho.Echo(context.Background(), conn, p)
			if err != nil {
				return err
			}
			return checkEcho(p, len(out))
		})
	}
	return c, nil
}

// gathered is n connections, or none.
func gathered[C interface{ Close() error }](n int, dial func() (C, error)) ([]C, error) {
	var conns []C
	for range n {
		conn, err := dial()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("client %d: %w", len(conns)+1, err), closeEach(conns))
		}
		conns = append(conns, conn)
	}
	return conns, nil
}

func closeEach[C interface{ Close() error }](conns []C) (err error) {
	for _, conn := range conns {
		err = errors.Join(err, conn.Close())
	}
	return err
}
