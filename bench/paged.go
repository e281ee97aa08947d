package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/outwork-go/outwork/bench/internal/reading"
	"github.com/outwork-go/outwork/bench/internal/stat"
)

// containersName names the tables of shared bytes.
const containersName = "containers"

const (
	pagedBytes = 4 << 10 // of one read at a place that nobody expects
	askBytes   = 16      // of the question for them without a protocol
	pagedPiece = 64 << 10
	pagedReads = 300 // a turn
)

// Rows of the table of paged containers.
const (
	twoTripsRow  = "a search in the manager, and two questions"
	liveHereRow  = "outwork, in the manager"
	askRow       = "outwork, the shortest question to the manager"
	rawPagedName = "raw socketpair"
	rawKeptRow   = "raw socketpair, from all the bytes to as much memory"
)

func pagedTable() table {
	return table{
		name:  containersName,
		title: "Containers that stay at the manager: paged over a local worker's link",
		note: fmt.Sprintf("A live source in the manager's memory, of 100 MiB, or 32 with -quick. Read from its beginning to its end in pieces of %d KiB; "+
			"%d reads of %d KiB at random places; a search through %d MiB for what is at their end, which the manager makes. The raw socket has as many bytes cross, all through the same 64 KiB of memory or as the row says, after "+
			"a question of %d bytes for each random read. All is timed in the worker.", pagedPiece>>10, pagedReads, pagedBytes>>10, searchBytes>>20, askBytes),
		metrics: []metric{{"sequential", "MB/s"}, {"random", "µs"}, {"find", "ms"}},
		modes:   []mode{pinned, free},
		probes:  append([]probe{{name: "raw paged", run: probeRawPaged}}, outworkProbes("paged")...),
		subject: outworkRow,
		goals: bothModes(
			goal{row: outworkRow, column: "sequential", of: rawPagedName, atLeast: 0.7},
			goal{row: outworkRow, column: "random", of: rawPagedName, atMost: 2},
			goal{row: outworkRow, column: "find", of: twoTripsRow, atMost: 1},
		),
	}
}

// probeRawPaged is what a socket costs, and nothing else.
func probeRawPaged(j job) ([]reading.Reading, error) {
	sequential, err := rawSequential(pagedPiece, j.Bulk/pagedPiece)
	if err != nil {
		return nil, err
	}
	kept, err := rawSequential(j.Bulk, 1)
	if err != nil {
		return nil, err
	}
	random, err := rawRandom()
	return []reading.Reading{
		{Row: rawPagedName, Metric: "sequential", Value: sequential},
		{Row: rawPagedName, Metric: "random", Value: random},
		{Row: rawKeptRow, Metric: "sequential", Value: kept},
	}, err
}

// rawSequential is how fast count chunks of size bytes cross, each from and to the
// same memory.
func rawSequential(size, count int) (float64, error) {
	s, err := rawSocketpair.open(exchange{size: size, count: count, reply: 1})
	if err != nil {
		return 0, err
	}
	chunk := bytes.Repeat([]byte{0xFF}, size)
	var took []time.Duration
	for range 3 {
		var d time.Duration
		if d, err = reading.Duration(func() error { return s.(streamer).stream(chunk, count) }); err != nil {
			break
		}
		took = append(took, d)
	}
	if err := errors.Join(err, s.close()); err != nil {
		return 0, err
	}
	return megabytesOf(size * count)(stat.Median(took).Seconds()), nil
}

func rawRandom() (float64, error) {
	s, err := rawSocketpair.open(exchange{size: askBytes, count: 1, reply: pagedBytes})
	if err != nil {
		return 0, err
	}
	c, b := s.(io.ReadWriter), make([]byte, pagedBytes)
	ask := func() error {
		_, err := c.Write(b[:askBytes])
		if err == nil {
			_, err = io.ReadFull(c, b)
		}
		return err
	}
	took, err := reading.Duration(func() error { return repeatedly(pagedReads, ask) })
	return each(took, pagedReads), errors.Join(err, s.close())
}

func repeatedly(n int, f func() error) error {
	for range n {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}
