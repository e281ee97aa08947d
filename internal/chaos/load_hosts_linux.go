package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/sandbox"
	"github.com/outwork-go/outwork/script/python"
	"github.com/outwork-go/outwork/tcp"
)

// hostsLoad calls workers on machines, over ssh and sudo, and over TCP when the agent dials back.
type hostsLoad struct{}

func (hostsLoad) name() string          { return "hosts" }
func (hostsLoad) length() time.Duration { return 20 * time.Second }

// redial is how long a host may be cut off that comes by TCP.
const redial = 6 * time.Second

func (hostsLoad) round(ctx context.Context, e *env) error {
	config, err := sshConfig(e)
	if err != nil {
		return nil // the disk is full
	}
	defer os.Remove(config)
	into := newSink(e.rand, false)
	m := &outwork.Manager{
		SSH: []string{"ssh", "-F", config}, Stdout: into, Stderr: into, Log: slog.New(into),
		Grace: time.Second, Redial: redial,
	}
	seats := hostSeats(e, m)
	err = e.crowd(ctx, m, 4, func(ctx context.Context, r *rand.Rand) {
		s := seats[r.IntN(len(seats))]
		w, err := s.worker(ctx, e, r)
		if err != nil {
			return
		}
		for range 1 + r.IntN(10) { // as starting takes long
			if w.Err() == nil {
				anyCall(ctx, e, r, s, w, into)
			}
		}
	})
	readMachines(e)
	return err
}

// hostSeats are places on all machines.
func hostSeats(e *env, m *outwork.Manager) (seats []*seat) {
	back := ""
	if e.rand.IntN(2) == 0 {
		back = tcp.Auto
	}
	for _, machine := range e.Machines {
		at := "ssh://" + machine.Host
		seats = append(seats,
			&seat{m: m, target: outwork.Target{Host: at, ConnectBack: back}},
			&seat{m: m, target: outwork.Target{Via: []string{at}, Host: "sudo://root", ConnectBack: back}},
			&seat{m: m, target: outwork.Target{Lang: python.Lang, Host: at, ConnectBack: back}},
			&seat{m: m, marked: true, target: outwork.Target{Host: at, ConnectBack: back, Sandbox: sandbox.Config{Level: sandbox.Strict}}},
		)
	}
	return seats
}

// anyCall is one of those that the seat's worker can do.
func anyCall(ctx context.Context, e *env, r *rand.Rand, s *seat, to *outwork.Worker, into *sink) {
	runs := s.runsNote(e)
	if runs != "" {
		runs = machineRuns(e)
	}
	if s.target.Lang != "" {
		pythonLoad{}.script(ctx, e, r, runs, to, into)
		return
	}
	switch r.IntN(3) {
	case 0:
		flow(ctx, e, r, to, runs)
	case 1:
		prints(ctx, e, r, to, runs, into)
	default:
		echo(ctx, e, r, to, runs)
	}
}

// machineRuns is the file on each machine in which functions note that they run: as whoever runs
// them, so that there is one for each.
func machineRuns(e *env) string { return "/var/tmp/runs/" + e.prefix }

// readMachines reads those of all machines, and removes them.
func readMachines(e *env) {
	for _, m := range e.Machines {
		name := m.path(machineRuns(e))
		if err := e.read(name); err != nil {
			e.tell(fmt.Sprintf("the runs at machine %s: %v", m.Host, err))
		}
		os.Remove(name)
	}
}

// sshConfig writes a configuration that includes those of all machines.
func sshConfig(e *env) (string, error) {
	var b strings.Builder
	for _, m := range e.Machines {
		fmt.Fprintf(&b, "Include %s\n", m.Config)
	}
	name := filepath.Join(runsDir, e.prefix+".config")
	return name, os.WriteFile(name, []byte(b.String()), 0o600)
}
