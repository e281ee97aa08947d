package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/outwork-go/outwork/bench/internal/side"
)

// tcpName names the tables of links over TCP.
const tcpName = "tcp"

// Rows of the tables of links over TCP. A layer has those before it below.
const (
	tcpFloorRow = "TCP, no protocol"
	tlsFloorRow = "crypto/tls over TCP, no protocol"
	tcpLinkRow  = "outwork's link over TCP"
	lastingRow  = "outwork's link, lasting stream"
	tlsLinkRow  = "outwork's link, lasting stream, TLS"
	recordRow   = "outwork's link, lasting stream, record layer"
	joinedRow   = "outwork, a worker at a host that has joined (TLS)"

	overSSHRow = "outwork over ssh"
	backRow    = "outwork, connected back"
)

// backProgram is hostsProgram that can be connected back to.
var backProgram = program{name: "back", build: []string{"-tags", "tcp", "./programs/hosts"}}

func tcpTables() []table { return []table{tcpLinkTable(), tcpBackTable(), tcpCrowdTable()} }

// tcpBulkBytes is how much crosses a link at once, at most.
const tcpBulkBytes = 64 << 20

func tcpLinkTable() table {
	goals := bothModes(
		goal{row: tlsLinkRow, column: "echo", of: tlsFloorRow, atMost: 1.3},
		goal{row: tlsLinkRow, column: "there", of: tlsFloorRow, atLeast: 0.8},
		goal{row: tlsLinkRow, column: "back", of: tlsFloorRow, atLeast: 0.8},
		goal{row: recordRow, column: "echo", of: lastingRow, atMost: 1.15},
	)
	return table{
		name:  tcpName,
		title: "Links over TCP, on loopback",
		note: fmt.Sprintf("An echo of %d bytes, and %d MiB through an io.Reader (32 with -quick), as an argument and as a result. All keys are Ed25519, "+
			"both sides show one, and it is TLS 1.3. The first fifth of each turn does not count. The links have no agent: the function is in the process at the other end. A worker "+
			"at a host is behind the agent's relay.", smallBytes, tcpBulkBytes>>20),
		metrics: []metric{{"echo", "µs"}, {"there", "MB/s"}, {"back", "MB/s"}},
		modes:   []mode{pinned, free},
		probes:  []probe{tcpProbe("link", tcpLinks)},
		subject: tlsLinkRow,
		goals:   goals,
	}
}

func tcpBackTable() table {
	return table{
		name:  tcpName,
		title: "Links over TCP: an agent that connects back",
		note: "To a sshd on loopback. The second call of a host's life follows on the first, and the agent may be dialling meanwhile. " +
			"Later calls and what is bulk are measured when ssh has ended.",
		metrics:  []metric{{"first call", "ms"}, {"second call", "µs"}, {"later calls", "µs"}, {"there", "MB/s"}, {"back", "MB/s"}},
		modes:    []mode{free},
		probes:   []probe{{name: "tcp back", run: onStage((*stage).open, tcpBack), root: true, lacks: lacksSSH, limit: hostsLimit}},
		programs: []program{backProgram, relayProgram},
		subject:  backRow,
		goals: []goal{
			{row: backRow, column: "second call", of: overSSHRow, atMost: 1},
			{row: backRow, column: "there", of: overSSHRow, atLeast: 3},
			{row: backRow, column: "back", of: overSSHRow, atLeast: 3},
		},
	}
}

func tcpCrowdTable() table {
	return table{
		name:  tcpName,
		title: "Links over TCP: many hosts that have joined",
		note: "1,000 of them, or 100 with -quick, over TLS: each a process of its own, in 10 network namespaces, with one worker. Memory, goroutines, " +
			"descriptors and CPU are the manager's, less what it had before the first had joined; everybody's CPU is that of hosts and workers too. " +
			"At rest it has just collected its garbage; under load it has not. They all share this machine's processors: calls that were not made, of those " +
			"that the row says, did not fit. BENCH_HEAP names a file for a profile of the heap at rest.",
		metrics: []metric{
			{"hosts", "number"},
			{"RSS a host", "KiB"},
			{"goroutines a host", "number"},
			{"descriptors a host", "number"},
			{"calls", "number a second"},
			{"CPU", "% of one processor"},
			{"CPU a host", "µs a second"},
			{"CPU a call", "µs"},
			{"everybody's CPU a call", "µs"},
			{"p50", "ms"},
			{"p99", "ms"},
		},
		modes:    []mode{free},
		probes:   []probe{{name: "tcp crowd", run: onStage(nil, tcpCrowd), once: true, root: true, lacks: lacksMachines, limit: crowdLimit}},
		programs: []program{joinedProgram},
		subject:  loadRow(mostCalls),
	}
}

// tcpProbe measures without a machine.
func tcpProbe(name string, measure func(*stage) error) probe {
	return probe{name: tcpName + " " + name, run: onStage(nil, measure), limit: tcpLimit}
}

// tcpLimit is for a turn of the table of links.
const tcpLimit = 2 * time.Minute

// tcpBulk is how much crosses at once.
func (j job) tcpBulk() int { return min(j.Bulk, tcpBulkBytes) }

// tcpBack lets the two take turns.
func tcpBack(s *stage) error {
	host := s.ways[0]
	ssh, err := s.side(overSSHRow, backProgram.command(s.job, s.ssh()...))
	if err != nil {
		return err
	}
	back, err := s.side(backRow, backProgram.command(s.job, s.ssh()...))
	if err != nil {
		return err
	}
	if _, err := ssh.Do("first", host); err != nil { // the agent gets there
		return err
	}
	for range s.turns(1) {
		for _, c := range []contender{byWords(overSSHRow, ssh, "second-call", host), byWords(backRow, back, "second-call", host, "back")} {
			took, err := c.do()
			if err != nil {
				return fmt.Errorf("%s: %w", c.row, err)
			}
			s.add(c.row, "first call", millis(took[0]))
			s.add(c.row, "second call", micros(took[1]))
		}
	}
	if _, err := ssh.Do("open", host); err != nil {
		return err
	}
	if _, err := back.Do("open", host, "back"); err != nil {
		return err
	}
	calls, n, speed := strconv.Itoa(batch), strconv.Itoa(s.tcpBulk()), megabytesOf(s.tcpBulk())
	for range s.turns(1) {
		if _, err := s.turn("later calls", micros, byWords(overSSHRow, ssh, "calls", calls), byWords(backRow, back, "calls", calls)); err != nil {
			return err
		}
	}
	for range 3 * s.turns(5) {
		for _, way := range []struct{ metric, task string }{{"there", "up"}, {"back", "down"}} {
			warmed := func(row string, of *side.Side) contender {
				c := byWords(row, of, way.task, n)
				c.before = func() error {
					_, err := of.Do(way.task, strconv.Itoa(s.tcpBulk()/warmUpShare))
					return err
				}
				return c
			}
			if _, err := s.turn(way.metric, speed, warmed(overSSHRow, ssh), warmed(backRow, back)); err != nil {
				return err
			}
		}
	}
	if _, err := ssh.Do("shut"); err != nil {
		return err
	}
	_, err = back.Do("shut")
	return err
}
