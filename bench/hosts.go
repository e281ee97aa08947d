package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// hostsName names the tables of workers on other hosts.
const hostsName = "hosts"

const (
	hostsProgramName = "hosts"
	relayProgramName = "relay"
	mitogenHosts     = "mitogen_hosts.py"

	// manyHosts is how many are reached at once.
	manyHosts = 20
	// batch is how many calls one contender makes before it is another's turn.
	batch = 50
	// findBytes is the size of a container that is searched.
	findBytes = 10 << 20
	// slowRate, in bits per second, is that of the slow way, and slowDelay half of its
	// round trip.
	slowRate  = 100_000_000
	slowDelay = 5 * time.Millisecond
	// measuring a turn of the tables of hosts takes a while: handshakes of ssh, mostly.
	hostsLimit = 8 * time.Minute
)

var (
	hostsProgram = program{name: hostsProgramName, build: []string{"./programs/hosts"}}
	relayProgram = program{name: relayProgramName, build: []string{"./programs/relay"}, env: []string{"CGO_ENABLED=0"}}
)

// roundTrips are those of the ways to the machine.
var roundTrips = []time.Duration{0, 20 * time.Millisecond, 100 * time.Millisecond}

// Rows of the tables of hosts.
const (
	sshRow          = "`ssh host true`"
	readsRow        = "`ssh host head -c 1`, with a byte to read"
	readyRow        = "outwork, its starter runs already"
	coldRow         = "outwork, its agent is not there yet"
	mitogenPlainRow = "Mitogen, without compression"

	aloneRow     = "what is behind the bare relay, behind ssh alone"
	relayRow     = "a bare relay behind ssh"
	bytesRow     = "outwork, []byte"
	containerRow = "outwork, a container read in sequence"

	uploadRow       = "outwork, its agent sent there"
	relayProgramRow = "a bare relay, as many bytes as the agent has"
	slowUploadRow   = "outwork, its agent sent there, at 100 Mbit/s"
	slowRelayRow    = "a bare relay, as many bytes, at 100 Mbit/s"

	tripRow       = "a round trip, of the bare relay"
	findHereRow   = "a search here, and a round trip"
	findThereRow  = "outwork, a search in the worker"
	secondHereRow = "a worker here, and a round trip"
	secondRow     = "outwork, a second worker on the host"
)

func hostsTables() []table {
	return []table{hostsFirstTable(), hostsMasterTable(), hostsManyTable(), hostsCallTable(), hostsBulkTable(), hostsTripTable()}
}

// moreTrips is the metric of round trips beyond those of ssh.
const moreTrips = "round trips more"

var noMoreTrips = goal{row: outworkRow, column: moreTrips, unit: "of them", atMost: 1. / 3}

func hostsFirstTable() table {
	return table{
		name:  hostsName,
		title: "Hosts: the first call",
		note: "Of a sshd on loopback, and behind a proxy with a round trip. A manager is made, a worker begun and a function " +
			"called that does nothing. Round trips more than ssh's: by how much the least difference to `ssh host true` grows " +
			"from 20 to 100 ms; the goal is none, and a third of one may be noise. A program that reads anything takes one " +
			"with OpenSSH, whose server opens a session with an empty window.",
		metrics:  append(delayMetrics(), metric{moreTrips, "number"}),
		modes:    []mode{free},
		probes:   []probe{hostsProbe("first", hostsFirst)},
		programs: []program{hostsProgram, relayProgram},
		subject:  outworkRow,
		goals:    append(firstGoals(1.25), noMoreTrips),
	}
}

func hostsMasterTable() table {
	return table{
		name:     hostsName,
		title:    "Hosts: the first call, over ControlMaster",
		note:     "As above, with ssh's connection made before.",
		metrics:  append(delayMetrics(), metric{moreTrips, "number"}),
		modes:    []mode{free},
		probes:   []probe{hostsProbe("master", hostsMaster)},
		programs: []program{hostsProgram, relayProgram},
		subject:  outworkRow,
		goals:    append(firstGoals(2.5), noMoreTrips),
	}
}

func delayMetrics() []metric {
	var metrics []metric
	for _, d := range roundTrips {
		metrics = append(metrics, metric{tripName(d), "ms"})
	}
	return metrics
}

func tripName(d time.Duration) string {
	if d == 0 {
		return "loopback"
	}
	return fmt.Sprintf("%d ms away", d.Milliseconds())
}

// firstGoals are those at each of the delays.
func firstGoals(ofSSH float64) []goal {
	var goals []goal
	for _, d := range roundTrips {
		goals = append(goals,
			goal{row: outworkRow, column: tripName(d), of: sshRow, atMost: ofSSH},
			goal{row: outworkRow, column: tripName(d), of: mitogenRow, atMost: 0.9},
			goal{row: outworkRow, column: tripName(d), of: mitogenPlainRow, atMost: 0.9},
		)
	}
	return goals
}

func hostsManyTable() table {
	return table{
		name:     hostsName,
		title:    fmt.Sprintf("Hosts: the first call on %d at once", manyHosts),
		note:     "Until all have answered. One manager, or one broker and a thread a host. All hosts are one sshd.",
		metrics:  []metric{{"all", "ms"}},
		modes:    []mode{free},
		probes:   []probe{hostsProbe("many", hostsMany)},
		programs: []program{hostsProgram, relayProgram},
		subject:  outworkRow,
		goals: []goal{
			{row: outworkRow, column: "all", of: sshRow, atMost: 1.2},
			{row: outworkRow, column: "all", of: mitogenRow, atMost: 0.7},
			{row: outworkRow, column: "all", of: mitogenPlainRow, atMost: 0.7},
		},
	}
}

func hostsCallTable() table {
	return table{
		name:  hostsName,
		title: "Hosts: a call of a function that does nothing",
		note: "On loopback. The bare relay passes 64 bytes between ssh and a child, and is measured by a program that does " +
			"nothing but a blocking write and a blocking read.",
		metrics:  []metric{{"p50", "µs"}},
		modes:    []mode{pinned, free},
		probes:   []probe{hostsProbe("calls", hostsCalls)},
		programs: []program{hostsProgram, relayProgram},
		subject:  outworkRow,
		goals: bothModes(
			goal{row: outworkRow, column: "p50", of: relayRow, atMost: 1.2},
			goal{row: outworkRow, column: "p50", of: mitogenRow, atMost: 0.6},
			goal{row: outworkRow, column: "p50", of: mitogenPlainRow, atMost: 0.6},
		),
	}
}

func hostsBulkTable() table {
	var goals []goal
	for _, way := range []string{"there", "back"} {
		goals = append(goals,
			goal{row: outworkRow, column: way, of: relayRow, atLeast: 0.9},
			goal{row: bytesRow, column: way, of: relayRow, atLeast: 0.9},
			goal{row: outworkRow, column: way, of: mitogenRow, atLeast: 3},
			goal{row: outworkRow, column: way, of: mitogenPlainRow, atLeast: 3},
		)
	}
	return table{
		name:  hostsName,
		title: "Hosts: much at once, on loopback",
		note: "100 MiB, or 32 with -quick. There as an argument, an io.Reader unless the row says what else; back as a result. Of the agent's binary it " +
			"is a first call without one less a first call with one: it is compressed, sent, unpacked and verified.",
		metrics:  []metric{{"there", "MB/s"}, {"back", "MB/s"}},
		modes:    []mode{free},
		probes:   []probe{hostsProbe("bulk", hostsBulk)},
		programs: []program{hostsProgram, relayProgram},
		subject:  outworkRow,
		goals: append(goals,
			goal{row: containerRow, column: "there", of: relayRow, atLeast: 0.8},
			goal{row: uploadRow, column: "there", of: relayProgramRow, atLeast: 0.8},
			goal{row: slowUploadRow, column: "there", of: slowRelayRow, atLeast: 0.8},
		),
	}
}

func hostsTripTable() table {
	t := table{
		name:  hostsName,
		title: "Hosts: what takes a round trip",
		note: fmt.Sprintf("A search is through a container of %d MiB for what is at its end, and executed at the manager; it is "+
			"timed in the worker. A second worker is begun and called on a host that is connected.", findBytes>>20),
		metrics:  delayMetrics()[1:],
		modes:    []mode{free},
		probes:   []probe{hostsProbe("trips", hostsTrips)},
		programs: []program{hostsProgram, relayProgram},
		subject:  findThereRow,
	}
	for _, d := range roundTrips[1:] {
		t.goals = append(t.goals,
			goal{row: findThereRow, column: tripName(d), of: findHereRow, atMost: 1},
			goal{row: secondRow, column: tripName(d), of: secondHereRow, atMost: 1},
		)
	}
	return t
}

// lacksHosts says what this machine lacks for hosts and those who reach them.
func lacksHosts() error {
	if err := lacksSSH(); err != nil {
		return err
	}
	return lacksMitogen()
}

// lacksSSH says what this machine lacks for hosts.
func lacksSSH() error {
	if _, err := os.Stat("/usr/sbin/sshd"); err != nil {
		return errors.New("there is no sshd (Debian's package openssh-server)")
	}
	if _, err := exec.LookPath("ssh"); err != nil {
		return errors.New("there is no ssh (Debian's package openssh-client)")
	}
	return nil
}

// turns is how often each contender is measured in a round, for what costs as much as
// share starts.
func (j job) turns(share int) int { return max(1, j.Starts/share) }

func (j job) bulkBytes() string { return strconv.Itoa(j.Bulk) }
