package main

import (
	"time"

	"github.com/outwork-go/outwork/bench/internal/reading"
	"github.com/outwork-go/outwork/bench/internal/stat"
)

// The users of a flood. They need not exist.
const (
	floodedUser  = 64001
	floodingUser = 64002
)

// Rows of a flood, by what the other user does.
const (
	quietRow  = "outwork, nobody else calls"
	callsRow  = "outwork, in a flood of calls"
	denialRow = "outwork, in a flood of denied calls"
	dialRow   = "outwork, in a flood of connections"

	// floodFloorRow is what a flood takes from everybody on the machine.
	floodFloorRow = rawSocketpairName + ", in a flood of calls"
)

func floodTable() table {
	return table{
		name:  "flood",
		title: "A call of a service while another user floods it",
		note: "The other user has as many connections, and calls on each, as it is let have, and does nothing else. " +
			"What the flood does to a raw socketpair beside it is what it takes from all on this machine.",
		metrics:  []metric{{"p50", "µs"}, {"p99", "µs"}, {"flood", "k/s"}},
		modes:    []mode{pinned, free},
		probes:   outworkProbes("flood"),
		programs: outworkPrograms("flood"),
		subject:  callsRow,
	}
}

// measureTail measures how long echoes take, the slow ones too.
func measureTail(s session, x exchange, budget time.Duration) ([]reading.Reading, error) {
	took, err := echoesWithin(s, x, budget)
	return []reading.Reading{
		{Metric: "p50", Value: reading.Micros(stat.Median(took))},
		{Metric: "p99", Value: reading.Micros(stat.Percentile(took, 99))},
	}, err
}
