package main

import (
	"fmt"
	"os"
	"strconv"
	"syscall"

	"github.com/outwork-go/outwork/bench/internal/reading"
)

// confineName names the tables of confined workers.
const confineName = "confine"

// confinedProgram is built without cgo, as programs are that do not use it.
var confinedProgram = program{name: "confined", build: []string{"./programs/confined"}, env: []string{"CGO_ENABLED=0"}}

// Rows of the tables.
const (
	plainWorkerRow  = "plain"
	strictWorkerRow = "strict"
	largeSuffix     = ", 1 GiB in the manager"
	userSuffix      = ", as an ordinary user"
)

// someUser is an id that is not root's.
const someUser = 65534

func confineTables() []table {
	return []table{confineStartTable(), confineComputeTable(), poolCallTable()}
}

func confineStartTable() table {
	return table{
		name:  confineName,
		title: "Confined workers: start to first reply, a small program",
		note: "Plain, contained and strict workers of one manager take turns; its starter runs. Then again when the manager " +
			"has 1 GiB resident.",
		metrics: []metric{{reading.Time, "ms"}},
		modes:   []mode{pinned, free},
		probes: []probe{
			{name: "start", run: func(j job) ([]reading.Reading, error) { return confined(j, "start", j.Starts, 0) }},
			{name: "start as a user", root: true, run: func(j job) ([]reading.Reading, error) { return confined(j, "start", j.Starts, someUser) }},
		},
		programs: []program{confinedProgram},
		subject:  strictWorkerRow,
		goals: bothModes(
			goal{row: strictWorkerRow, column: reading.Time, of: plainWorkerRow, atMost: 2},
			goal{row: strictWorkerRow + largeSuffix, column: reading.Time, of: plainWorkerRow + largeSuffix, atMost: 2},
			goal{row: strictWorkerRow + userSuffix, column: reading.Time, of: plainWorkerRow + userSuffix, atMost: 2.5},
			goal{row: strictWorkerRow + largeSuffix + userSuffix, column: reading.Time, of: plainWorkerRow + largeSuffix + userSuffix, atMost: 2.5},
		),
	}
}

func confineComputeTable() table {
	return table{
		name:     confineName,
		title:    "Confined workers: a function that computes",
		metrics:  []metric{{reading.Time, "ms"}},
		modes:    []mode{pinned},
		probes:   []probe{{name: "compute", run: func(j job) ([]reading.Reading, error) { return confined(j, "compute", j.Starts, 0) }}},
		programs: []program{confinedProgram},
		subject:  strictWorkerRow,
		goals:    []goal{{row: strictWorkerRow, column: reading.Time, of: plainWorkerRow, atMost: 1.02}},
	}
}

// confined has the program do a task, as who runs this or as somebody else.
func confined(j job, task string, n, uid int) ([]reading.Reading, error) {
	cmd := confinedProgram.command(j, task, strconv.Itoa(n))
	if uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
		cmd.Env = append(os.Environ(), "HOME=/")
		cmd.Dir = "/"
	}
	readings, err := readingsOf(cmd)
	if uid != 0 {
		for i := range readings {
			readings[i].Row += userSuffix
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s as %d: %w", task, uid, err)
	}
	return readings, nil
}
