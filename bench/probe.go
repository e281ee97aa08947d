package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/outwork-go/outwork/bench/internal/proc"
	"github.com/outwork-go/outwork/bench/internal/reading"
)

// probe measures one contender, in a process of its own.
type probe struct {
	name string
	run  func(job) ([]reading.Reading, error)
	once bool // in the first round alone: it takes long
	root bool // it acts as other users, or as one of whom less is asked than of others

	// lacks says what is missing on this machine; nil: nothing can be.
	lacks func() error

	limit time.Duration // of its process; 0: probeLimit
}

// job is what the process of a probe is told.
type job struct {
	settings
	Programs string // directory of the programs built for this run
}

// errRoot is why a probe is not run.
var errRoot = errors.New("it must be run as root")

// unable is why p cannot be run here.
func (p probe) unable() error {
	if p.root && os.Geteuid() != 0 {
		return errRoot
	}
	if p.lacks != nil {
		return p.lacks()
	}
	return nil
}

// probeLimit bounds one probe, which takes well under a second or a few, unless it says
// what else.
const probeLimit = 40 * time.Second

// startProbe runs a probe in a process of its own, and returns its readings.
func startProbe(ctx context.Context, table string, p probe, m mode, j job) ([]reading.Reading, error) {
	if err := p.unable(); err != nil {
		return nil, err
	}
	limit := cmp.Or(p.limit, probeLimit)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	task, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, selfExe, roleProbe, table, p.name, string(task))
	out, err := outputOf(cmd, m)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("not done within %v", limit)
	}
	if err != nil {
		return nil, err
	}
	return reading.Parse(out)
}

// outputOf runs cmd as m says, with a standard input that stays open for as
// long as this process lives.
func outputOf(cmd *exec.Cmd, m mode) ([]byte, error) {
	var out, complaints strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &complaints
	cmd.WaitDelay = serverGrace
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	start := cmd.Start
	if m == pinned {
		start = func() error { return proc.StartPinned(cmd) }
	}
	if err := start(); err != nil {
		return nil, err
	}
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(complaints.String()))
	}
	return []byte(out.String()), nil
}

// runProbe is the process of a probe: args are table, probe and job.
func runProbe(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("a probe wants table, name and job, not %q", args)
	}
	p, err := findProbe(args[0], args[1])
	if err != nil {
		return err
	}
	var j job
	if err := json.Unmarshal([]byte(args[2]), &j); err != nil {
		return err
	}
	readings, err := p.run(j)
	if err != nil {
		return err
	}
	return reading.Write(os.Stdout, readings)
}

func findProbe(tableName, name string) (probe, error) {
	for _, t := range tables() {
		for _, p := range t.probes {
			if t.name == tableName && p.name == name {
				return p, nil
			}
		}
	}
	return probe{}, fmt.Errorf("table %q has no contender %q", tableName, name)
}

// serve is the server process of a peer: args are its name and the exchange.
func serve(args []string) error {
	if len(args) != 4 {
		return fmt.Errorf("a server wants a name and three numbers, not %q", args)
	}
	p, err := findPeer(args[0])
	if err != nil {
		return err
	}
	if p.serve == nil {
		return fmt.Errorf("%s starts its own server", p.name)
	}
	size, err1 := strconv.Atoi(args[1])
	count, err2 := strconv.Atoi(args[2])
	reply, err3 := strconv.Atoi(args[3])
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	return p.serve(exchange{size: size, count: count, reply: reply})
}
