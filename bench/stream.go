package main

import (
	"fmt"
	"time"

	"github.com/outwork-go/outwork/bench/internal/reading"
)

const (
	chunkBytes  = 64 << 10
	chunkCount  = 512 // 32 MiB until the other side says that it has all
	streamReply = 1
)

// Rows of outwork's two ways to stream.
const (
	outworkTypedRow  = "outwork, typed stream"
	outworkReaderRow = "outwork, io.Reader"
)

func streamTable() table {
	x := exchange{size: chunkBytes, count: chunkCount, reply: streamReply}
	return table{
		name:    "stream",
		title:   "A stream of 64 KiB chunks, one way",
		note:    "Millions of bytes a second, until the receiver has confirmed 32 MiB.",
		metrics: []metric{{"speed", "MB/s"}},
		modes:   []mode{pinned, free},
		probes:  sessionProbes(streams, x, measureStream),
		subject: outworkTypedRow,
		goals: []goal{
			{row: outworkTypedRow, column: "free speed", of: rawSocketpairName, atLeast: 0.8},
			{row: outworkReaderRow, column: "free speed", of: rawSocketpairName, atLeast: 0.8},
		},
	}
}

func measureStream(s session, x exchange, budget time.Duration) ([]reading.Reading, error) {
	streaming, ok := s.(streamer)
	if !ok {
		return nil, fmt.Errorf("%T does not stream", s)
	}
	chunk := payload(x.size)
	cost, err := costOf(func(budget time.Duration) (int, error) {
		return countWithin(budget, func() error { return streaming.stream(chunk, x.count) })
	}, budget)
	return []reading.Reading{{Metric: "speed", Value: cost.megabytes(x.bytes())}}, err
}
