package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/outwork-go/outwork/internal/sshtest"

	"github.com/outwork-go/outwork/bench/internal/proc"
	"github.com/outwork-go/outwork/bench/internal/reading"
	"github.com/outwork-go/outwork/bench/internal/side"
	"github.com/outwork-go/outwork/bench/internal/stat"
)

const joinedProgramName = "joined"

var joinedProgram = program{name: joinedProgramName, build: []string{"./programs/joined"}, env: []string{"CGO_ENABLED=0"}}

const (
	// crowdNetworks is how many network namespaces the hosts are in.
	crowdNetworks = 10
	crowdLimit    = 8 * time.Minute

	restRow   = "at rest"
	fewCalls  = 1 // a second, of each host
	mostCalls = 10
)

func loadRow(calls int) string { return fmt.Sprintf("%d calls a second, each host", calls) }

// lacksMachines says what this machine lacks for machines with networks.
func lacksMachines() error {
	if err := lacksSSH(); err != nil {
		return err
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return errors.New("there is no ip (Debian's package iproute2)")
	}
	return nil
}

// joinedCrowd is a manager with hosts that have joined it.
type joinedCrowd struct {
	*stage
	manager *side.Side
	hosts   int
	before  figures // without a host
}

// figures are what the manager has.
type figures struct {
	status     proc.Status
	goroutines float64
}

// tcpCrowd measures one crowd: making it takes longer than all else.
func tcpCrowd(s *stage) error {
	manager, err := s.side("the manager", joinedProgram.command(s.job, "manage"))
	if err != nil {
		return err
	}
	c := &joinedCrowd{stage: s, manager: manager, hosts: s.Crowd}
	if err := c.join(); err != nil {
		return err
	}
	if err := c.rest(); err != nil {
		return err
	}
	for _, rate := range []int{fewCalls, mostCalls} {
		if err := c.load(rate); err != nil {
			return err
		}
	}
	return nil
}

// join has the hosts join, and starts a worker on each.
func (c *joinedCrowd) join() error {
	file := filepath.Join(c.Programs, "listener")
	if _, err := c.manager.Do("listen", file); err != nil {
		return err
	}
	defer os.Remove(file)
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	port, token, _ := strings.Cut(string(text), " ")
	if c.before, err = c.figures(); err != nil {
		return err
	}
	networks := min(crowdNetworks, c.hosts)
	for i := range networks {
		hosts := (i+1)*c.hosts/networks - i*c.hosts/networks
		if err := c.network(hosts, i, port, token); err != nil {
			return err
		}
	}
	_, err = c.manager.Do("start", strconv.Itoa(c.hosts))
	return err
}

// network makes a machine with a network of its own, and so many hosts in it.
func (c *joinedCrowd) network(hosts, number int, port, token string) error {
	machine, err := sshtest.Start(sshtest.Options{Network: true})
	if err != nil {
		return err
	}
	c.closers = append(c.closers, func() error { machine.Close(); return nil })
	if err := install(machine, filepath.Join(c.Programs, joinedProgramName)); err != nil {
		return err
	}
	line := fmt.Sprintf("exec %s crowd %d n%d-", joinedProgramName, hosts, number)
	cmd := machine.Command(context.Background(), line)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.closers = append(c.closers, func() error {
		stdin.Close()
		return cmd.Wait()
	})
	gateway, err := gatewayOf(machine)
	if err == nil {
		_, err = io.WriteString(stdin, fmt.Sprintf("%s:%s %s\n", gateway, port, token))
	}
	return err
}

// gatewayOf is this machine, as the other sees it.
func gatewayOf(machine *sshtest.Machine) (string, error) {
	address, err := netip.ParseAddr(machine.Addr)
	return address.Prev().String(), err
}

// figures are those of now, without garbage.
func (c *joinedCrowd) figures() (f figures, err error) {
	told, err := c.manager.Do("settle")
	if err != nil {
		return f, err
	}
	f.goroutines = told[0]
	f.status, err = proc.StatusOf(c.manager.Pid())
	return f, err
}

// rest measures the crowd while nothing is called.
func (c *joinedCrowd) rest() error {
	f, err := c.figures()
	if err != nil {
		return err
	}
	each := func(now, before float64) float64 { return (now - before) / float64(c.hosts) }
	c.add(restRow, "hosts", float64(c.hosts))
	c.add(restRow, "RSS a host", each(float64(f.status.RSS), float64(c.before.status.RSS)))
	c.add(restRow, "goroutines a host", each(f.goroutines, c.before.goroutines))
	c.add(restRow, "descriptors a host", each(float64(f.status.Files), float64(c.before.status.Files)))
	if err := c.profile(); err != nil {
		return err
	}
	_, err = c.spent(restRow, func() (int, error) { time.Sleep(restTimes * c.Load); return 0, nil })
	return err
}

// profile writes a profile of the manager's heap into the file that BENCH_HEAP names.
func (c *joinedCrowd) profile() error {
	path := os.Getenv("BENCH_HEAP")
	if path == "" {
		return nil
	}
	_, err := c.manager.Do("heap", path)
	return err
}

// restTimes: rest is measured for so many times what load is, because signs of life are
// some seconds apart.
const restTimes = 4

// spent measures processor time, of the manager and of everybody, while work is done,
// which says how many calls it has made.
func (c *joinedCrowd) spent(row string, work func() (calls int, err error)) (calls int, err error) {
	manager := []int{c.manager.Pid()}
	everybody, err := proc.Tree(os.Getpid())
	if err != nil {
		return 0, err
	}
	used := func() (m, all time.Duration, err error) {
		if m, err = proc.CPU(manager); err == nil {
			all, err = proc.CPU(everybody)
		}
		return m, all, err
	}
	m1, all1, err := used()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if calls, err = work(); err != nil {
		return calls, err
	}
	took := time.Since(began)
	m2, all2, err := used()
	share := (m2 - m1).Seconds() / took.Seconds()
	c.add(row, "CPU", 100*share)
	c.add(row, "CPU a host", micros(share)/float64(c.hosts))
	if calls > 0 {
		c.add(row, "CPU a call", reading.Micros(m2-m1)/float64(calls))
		c.add(row, "everybody's CPU a call", reading.Micros(all2-all1)/float64(calls))
	}
	return calls, err
}

// load measures while each host is called so often a second.
func (c *joinedCrowd) load(rate int) error {
	row := loadRow(rate)
	_, err := c.spent(row, func() (int, error) {
		took, err := c.manager.Do("load", strconv.Itoa(rate), fmt.Sprint(c.Load.Seconds()))
		if len(took) > 0 {
			c.add(row, "calls", float64(len(took))/c.Load.Seconds())
			c.add(row, "p50", millis(stat.Percentile(took, 50)))
			c.add(row, "p99", millis(stat.Percentile(took, 99)))
		}
		return len(took), err
	})
	if err != nil {
		return err
	}
	status, err := proc.StatusOf(c.manager.Pid())
	c.add(row, "hosts", float64(c.hosts))
	c.add(row, "RSS a host", float64(status.RSS-c.before.status.RSS)/float64(c.hosts))
	return err
}
