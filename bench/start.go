package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/outwork-go/outwork/bench/internal/reading"
	"github.com/outwork-go/outwork/bench/internal/selfrun"
)

// Rows of programs that do nothing.
const (
	bareRow    = "bare Go program, ends in main"
	commandRow = "`outwork version`"

	// commandWorkerRow is a worker that is a process of outwork's command.
	commandWorkerRow = "a worker of the command"
)

func startTable() table {
	return table{
		name:  "start",
		title: "Start to first reply, a small program",
		note: "Each program starts itself again, ends in main or replies to a first call, " +
			"and the two take turns. The first worker has the starter's start in it.",
		metrics:  []metric{{reading.Time, "ms"}},
		modes:    []mode{pinned, free},
		probes:   append([]probe{bareProbe(), selfStarter(pluginName, pluginProgram)}, outworkProbes("start")...),
		programs: append([]program{bareProgram, pluginProgram}, outworkPrograms("start")...),
		subject:  outworkRow,
		goals: []goal{
			{row: outworkRow, column: "pinned time", of: selfrun.EndsInMain(outworkRow), atMost: 1.5},
			{row: outworkRow, column: "pinned time", of: pluginName, atMost: 1. / 3},
		},
	}
}

func commandTable() table {
	return table{
		name:     "command",
		title:    "Start to first reply, the outwork command",
		note:     "What the command imports is the difference between its bare start and a bare Go program's.",
		metrics:  []metric{{reading.Time, "ms"}},
		modes:    []mode{pinned, free},
		probes:   append([]probe{bareProbe()}, outworkProbes("command")...),
		programs: append([]program{bareProgram}, outworkPrograms("command")...),
		subject:  commandWorkerRow,
		goals: []goal{
			{row: commandWorkerRow, column: "pinned time", of: commandRow, atMost: 1.5},
			{row: commandRow, column: "pinned time", of: bareRow, atMost: 3},
		},
	}
}

// bareProbe starts the bare program, which ends in main.
func bareProbe() probe { return commandProbe(bareRow, bareProgram) }

// commandProbe measures p from its start to its end.
func commandProbe(row string, p program, args ...string) probe {
	run := func(j job) ([]reading.Reading, error) {
		took, err := reading.MedianMillis(j.Starts, func() (time.Duration, error) {
			return reading.Duration(p.command(j, args...).Run)
		})
		return []reading.Reading{{Row: row, Metric: reading.Time, Value: took}}, err
	}
	return probe{name: row, run: run}
}

// selfStarter has p start children that are p itself.
func selfStarter(name string, p program) probe {
	run := func(j job) ([]reading.Reading, error) {
		return readingsOf(p.command(j, selfrun.Start, fmt.Sprint(j.Starts)))
	}
	return probe{name: name, run: run}
}

// readingsOf runs a program that measures itself.
func readingsOf(cmd *exec.Cmd) ([]reading.Reading, error) {
	var out, complaints bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, &out, &complaints
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(complaints.String()))
	}
	return reading.Parse(out.Bytes())
}
