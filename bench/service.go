package main

import (
	"os"
	"os/exec"
	"time"

	"github.com/outwork-go/outwork/bench/internal/reading"
)

// Rows of a service, and of a function that mutates and so is recorded before
// and after; and of a call that the policy denies.
const (
	mutatingRow = "outwork, recorded before and after"
	deniedRow   = "outwork, denied"

	sudoRow      = "`sudo -n true`"
	generatedRow = "generated command"
	staticRow    = "generated command, built with CGO_ENABLED=0"
)

func serviceTable() table {
	return table{
		name:  "service",
		title: "A call of a service, a text of 64 bytes",
		note: "A daemon on a unix socket that knows its caller, decides and validates. " +
			"godbus's is behind a dbus-daemon set up like the system's; grpc-go's knows nobody. " +
			"Records go to a file. CPU is that of all processes.",
		metrics:  []metric{{"p50", "µs"}, {"CPU a call", "µs"}},
		modes:    []mode{pinned, free},
		probes:   append(sessionProbes(guarded, echoOf(smallBytes), measureEcho), outworkProbes("service")...),
		programs: outworkPrograms("service"),
		subject:  outworkRow,
		goals: []goal{
			{row: outworkRow, column: "pinned p50", of: godbusName, atMost: 1. / 5},
			{row: outworkRow, column: "free p50", of: godbusName, atMost: 1. / 5},
			{row: outworkRow, column: "pinned p50", of: grpcName, atMost: 1. / 3},
			{row: outworkRow, column: "free p50", of: grpcName, atMost: 1. / 3},
			{row: deniedRow, column: "pinned p50", of: mutatingRow, atMost: 1},
			{row: deniedRow, column: "pinned CPU a call", of: mutatingRow, atMost: 1},
		},
	}
}

func sudoTable() table {
	return table{
		name:  "sudo",
		title: "The whole command that does something as root, start to end",
		note: "The generated command connects to a daemon that is there, and calls it. " +
			"A bare Go program ends in main.",
		metrics:  []metric{{reading.Time, "ms"}},
		modes:    []mode{pinned, free},
		probes:   append([]probe{bareProbe(), sudoProbe()}, outworkProbes("sudo")...),
		programs: append([]program{bareProgram}, outworkPrograms("sudo")...),
		subject:  generatedRow,
		goals: []goal{
			{row: generatedRow, column: "pinned time", of: sudoRow, atMost: 0.8},
			{row: generatedRow, column: "free time", of: sudoRow, atMost: 0.8},
			{row: staticRow, column: "pinned time", of: sudoRow, atMost: 0.8},
			{row: staticRow, column: "free time", of: sudoRow, atMost: 0.8},
		},
	}
}

// sudoProbe is run by root, whom sudo asks for no password.
func sudoProbe() probe {
	run := func(j job) ([]reading.Reading, error) {
		took, err := reading.MedianMillis(j.Starts, func() (time.Duration, error) {
			cmd := exec.Command("sudo", "-n", "true")
			cmd.Stderr = os.Stderr
			return reading.Duration(cmd.Run)
		})
		return []reading.Reading{{Row: sudoRow, Metric: reading.Time, Value: took}}, err
	}
	return probe{name: sudoRow, run: run, root: true}
}
