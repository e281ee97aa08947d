package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/outwork-go/outwork/bench/internal/proc"
	"github.com/outwork-go/outwork/bench/internal/reading"
	"github.com/outwork-go/outwork/bench/internal/selfrun"
)

const (
	fewWorkers  = 10
	manyWorkers = 100
)

func memoryTable() table {
	few := fmt.Sprintf("%s, %d", outworkRow, fewWorkers)
	return table{
		name:  "memory",
		title: "Memory of idle processes",
		note: "Of one process, the mean of that many. PSS counts a page that n processes share as 1/n, " +
			"so it falls with their number.",
		metrics: []metric{{reading.RSS, "KiB"}, {reading.PSS, "KiB"}, {reading.Grown, "KiB"}},
		modes:   []mode{free},
		probes: append([]probe{
			{name: "bare", run: probeIdle},
			keeper(pluginName, pluginProgram, fewWorkers),
		}, outworkProbes("memory")...),
		programs: append([]program{bareProgram, pluginProgram}, outworkPrograms("memory")...),
		subject:  few,
	}
}

// keeper has p keep n children that are p itself.
func keeper(name string, p program, n int) probe {
	run := func(j job) ([]reading.Reading, error) {
		return readingsOf(p.command(j, selfrun.Memory, fmt.Sprint(n)))
	}
	return probe{name: fmt.Sprintf("%s, %d", name, n), run: run}
}

// probeIdle is the memory of a bare Go program that waits for input.
func probeIdle(j job) ([]reading.Reading, error) {
	cmd := bareProgram.command(j, selfrun.Idle)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	time.Sleep(selfrun.Settle)
	m, err := proc.MemoryOf(cmd.Process.Pid)
	row := "bare Go program, idle"
	return []reading.Reading{
		{Row: row, Metric: reading.RSS, Value: float64(m.RSS)},
		{Row: row, Metric: reading.PSS, Value: float64(m.PSS)},
	}, errors.Join(err, stdin.Close(), cmd.Wait())
}
