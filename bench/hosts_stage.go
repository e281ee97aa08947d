package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/outwork-go/outwork/internal/sshtest"

	"github.com/outwork-go/outwork/bench/internal/reading"
	"github.com/outwork-go/outwork/bench/internal/side"
	"github.com/outwork-go/outwork/bench/internal/stat"
)

// stage is a machine with sshd, the ways to it, and the contenders who are ready.
type stage struct {
	job
	machine *sshtest.Machine
	dir     string // of this stage's own, with its configuration of ssh
	proxies []*sshtest.Proxy
	ways    []string // aliases of the machine, by index in roundTrips
	closers []func() error

	rows    []string
	samples map[[2]string][]float64 // by row and metric
}

// hostsProbe measures on a stage of its own, with a machine.
func hostsProbe(name string, measure func(*stage) error) probe {
	return probe{
		name: hostsName + " " + name, run: onStage((*stage).open, measure),
		root: true, lacks: lacksHosts, limit: hostsLimit,
	}
}

// onStage measures on a stage of its own. open, which may be nil, gets it ready.
func onStage(open, measure func(*stage) error) func(job) ([]reading.Reading, error) {
	return func(j job) (readings []reading.Reading, err error) {
		s := &stage{job: j, samples: make(map[[2]string][]float64)}
		defer func() { err = errors.Join(err, s.close()) }()
		if open != nil {
			if err := open(s); err != nil {
				return nil, err
			}
		}
		if err := measure(s); err != nil {
			return nil, err
		}
		return s.readings(), nil
	}
}

func (s *stage) open() (err error) {
	if s.dir, err = os.MkdirTemp(s.Programs, "stage"); err != nil {
		return err
	}
	if s.machine, err = sshtest.Start(sshtest.Options{}); err != nil {
		return err
	}
	for _, d := range roundTrips {
		way := s.machine.Host
		if d > 0 {
			p, err := s.machine.Proxy(sshtest.ProxyOptions{Delay: d / 2})
			if err != nil {
				return err
			}
			s.proxies = append(s.proxies, p)
			way = p.Host
		}
		s.ways = append(s.ways, way)
	}
	return errors.Join(s.configure(), install(s.machine, filepath.Join(s.Programs, relayProgramName)))
}

// configure writes the configuration of ssh: the machine's, with more names for it.
func (s *stage) configure() error {
	text, err := os.ReadFile(s.machine.Config)
	if err != nil {
		return err
	}
	var names strings.Builder
	names.WriteString(s.machine.Host)
	for i := range manyHosts {
		names.WriteString(fmt.Sprintf(" many%d", i))
	}
	more := strings.Replace(string(text), "Host "+s.machine.Host+"\n", "Host "+names.String()+"\n", 1)
	return os.WriteFile(s.config(), []byte(more), 0o600)
}

func (s *stage) config() string { return filepath.Join(s.dir, "config") }

// install puts a program into a machine.
func install(machine *sshtest.Machine, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	to := "/usr/local/bin/" + filepath.Base(path)
	cmd := machine.Command(context.Background(), fmt.Sprintf("cat >%s && chmod 755 %[1]s", to))
	cmd.Stdin = f
	return cmd.Run()
}

// forget empties the cache of agents there.
func (s *stage) forget() error {
	return s.machine.Command(context.Background(), "rm -rf /home/deploy/.cache").Run()
}

func (s *stage) close() error {
	var errs []error
	for _, c := range slices.Backward(s.closers) {
		errs = append(errs, c())
	}
	for _, p := range s.proxies {
		p.Close()
	}
	if s.machine != nil {
		s.machine.Close()
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// ssh is a command line of ssh, with options.
func (s *stage) ssh(options ...string) []string {
	return append([]string{"ssh", "-F", s.config()}, options...)
}

// outwork is the side of outwork, which reaches hosts by ssh.
func (s *stage) outwork(ssh []string) (*side.Side, error) {
	return s.side(outworkRow, hostsProgram.command(s.job, ssh...))
}

// mitogen is Mitogen's, with its default of compression or without.
func (s *stage) mitogen(compression string, ssh []string) (*side.Side, error) {
	args := append([]string{"-B", filepath.Join(pythonPrograms, mitogenHosts), compression}, ssh...)
	return s.side(mitogenRow, pythonCommand(args...))
}

func (s *stage) side(title string, cmd *exec.Cmd) (*side.Side, error) {
	started, err := side.Start(title, cmd)
	if err == nil {
		s.closers = append(s.closers, started.Close)
	}
	return started, err
}

// contender is a row whose turn comes again and again.
type contender struct {
	row    string
	before func() error // not timed; nil: nothing
	do     func() ([]float64, error)
}

// byWords is the contender row, which is told the words.
func byWords(row string, of *side.Side, words ...string) contender {
	return contender{row: row, do: func() ([]float64, error) { return of.Do(words...) }}
}

// byCommand is the contender that runs a command to its end.
func byCommand(row string, args []string) contender {
	return contender{row: row, do: func() ([]float64, error) {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Stdin, cmd.Stderr = strings.NewReader("1"), os.Stderr
		took, err := reading.Duration(cmd.Run)
		return []float64{took.Seconds()}, err
	}}
}

// turn lets each contender do its part once. What that takes, in seconds, becomes a
// sample of metric as the unit says; the last is returned, by row.
func (s *stage) turn(metric string, unit func(seconds float64) float64, contenders ...contender) (map[string]float64, error) {
	last := make(map[string]float64)
	for _, c := range contenders {
		if c.before != nil {
			if err := c.before(); err != nil {
				return nil, err
			}
		}
		took, err := c.do()
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", c.row, metric, err)
		}
		for _, t := range took {
			s.add(c.row, metric, unit(t))
			last[c.row] = t
		}
	}
	return last, nil
}

func (s *stage) add(row, metric string, value float64) {
	if !slices.Contains(s.rows, row) {
		s.rows = append(s.rows, row)
	}
	key := [2]string{row, metric}
	s.samples[key] = append(s.samples[key], value)
}

// readings are the medians.
func (s *stage) readings() []reading.Reading {
	var readings []reading.Reading
	for _, row := range s.rows {
		for key, samples := range s.samples {
			if key[0] == row {
				readings = append(readings, reading.Reading{Row: row, Metric: key[1], Value: stat.Median(samples)})
			}
		}
	}
	return readings
}

func millis(seconds float64) float64 { return seconds * 1e3 }
func micros(seconds float64) float64 { return seconds * 1e6 }

// megabytesOf is how fast n bytes are.
func megabytesOf(n int) func(seconds float64) float64 {
	return func(seconds float64) float64 { return float64(n) / seconds / 1e6 }
}

// trip is that of the index in roundTrips.
func trip(i int) time.Duration { return roundTrips[i] }
