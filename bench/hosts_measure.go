package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/outwork-go/outwork/internal/sshtest"

	"github.com/outwork-go/outwork/bench/internal/relayed"
	"github.com/outwork-go/outwork/bench/internal/side"
)

// sides are the contenders who reach hosts by the same ssh.
type sides struct{ outwork, mitogen, plain *side.Side }

func (s *stage) sides(ssh []string) (c sides, err error) {
	if c.outwork, err = s.outwork(ssh); err != nil {
		return c, err
	}
	if c.mitogen, err = s.mitogen("default", ssh); err != nil {
		return c, err
	}
	c.plain, err = s.mitogen("off", ssh)
	return c, err
}

// all has all of them do a task.
func (c sides) all(words ...string) error {
	for _, one := range []*side.Side{c.outwork, c.mitogen, c.plain} {
		if _, err := one.Do(words...); err != nil {
			return err
		}
	}
	return nil
}

// firsts are the contenders for a first call, with the agent there.
func (c sides) firsts(ssh []string, host string) []contender {
	return []contender{
		byCommand(sshRow, append(ssh[:len(ssh):len(ssh)], host, "true")),
		byCommand(readsRow, append(ssh[:len(ssh):len(ssh)], host, "head -c 1")),
		byWords(outworkRow, c.outwork, "first", host),
		byWords(readyRow, c.outwork, "first", host, "ready"),
		byWords(mitogenRow, c.mitogen, "first", host),
		byWords(mitogenPlainRow, c.plain, "first", host),
	}
}

func hostsFirst(s *stage) error {
	ssh := s.ssh()
	c, err := s.sides(ssh)
	if err != nil {
		return err
	}
	if err := s.warm(c, ssh, s.ways[0]); err != nil {
		return err
	}
	for range s.turns(5) {
		for i, host := range s.ways {
			cold := byWords(coldRow, c.outwork, "first", host)
			cold.before = s.forget
			if _, err := s.turn(tripName(trip(i)), millis, append(c.firsts(ssh, host), cold)...); err != nil {
				return err
			}
		}
	}
	s.countTrips()
	return nil
}

// countTrips finds out how many round trips more than ssh's a first call takes: of
// minima, since a delay is the same each time, and what the machine adds is not.
func (s *stage) countTrips() {
	least := func(row string, way int) float64 {
		return slices.Min(s.samples[[2]string{row, tripName(trip(way))}])
	}
	for _, row := range s.rows {
		if row != sshRow && row != coldRow {
			more := func(way int) float64 { return least(row, way) - least(sshRow, way) }
			s.add(row, moreTrips, (more(2)-more(1))/millis((trip(2)-trip(1)).Seconds()))
		}
	}
}

// warm has each contender do its part once that does not count: the agent gets there,
// and files are read from disk.
func (s *stage) warm(c sides, ssh []string, host string) error {
	for _, one := range c.firsts(ssh, host) {
		if _, err := one.do(); err != nil {
			return fmt.Errorf("%s: %w", one.row, err)
		}
	}
	return nil
}

// hostsMaster has a master to each of the ways.
func hostsMaster(s *stage) error {
	var all []sides
	var lines [][]string
	for i, host := range s.ways {
		ssh := s.ssh("-o", "ControlPath="+filepath.Join(s.dir, "master"+strconv.Itoa(i)))
		if err := s.master(ssh, host); err != nil {
			return err
		}
		c, err := s.sides(ssh)
		if err != nil {
			return err
		}
		if err := s.warm(c, ssh, host); err != nil {
			return err
		}
		all, lines = append(all, c), append(lines, ssh)
	}
	for range s.turns(1) {
		for i, host := range s.ways {
			if _, err := s.turn(tripName(trip(i)), millis, all[i].firsts(lines[i], host)...); err != nil {
				return err
			}
		}
	}
	s.countTrips()
	return nil
}

// master starts ssh's master.
func (s *stage) master(ssh []string, host string) error {
	args := append(ssh[1:len(ssh):len(ssh)], "-o", "ControlMaster=yes", "-o", "ControlPersist=yes", host, "true")
	cmd := exec.Command(ssh[0], args...)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the master to %s: %w", host, err)
	}
	s.closers = append(s.closers, exec.Command(ssh[0], append(ssh[1:len(ssh):len(ssh)], "-q", "-O", "exit", host)...).Run)
	return nil
}

func hostsMany(s *stage) error {
	ssh := s.ssh()
	c, err := s.sides(ssh)
	if err != nil {
		return err
	}
	if err := s.warm(c, ssh, s.ways[0]); err != nil {
		return err
	}
	count := strconv.Itoa(manyHosts)
	for range s.turns(15) {
		_, err := s.turn("all", millis,
			contender{row: sshRow, do: func() ([]float64, error) { return atOnce(ssh) }},
			byWords(outworkRow, c.outwork, "many", count, "many"),
			byWords(mitogenRow, c.mitogen, "many", count, "many"),
			byWords(mitogenPlainRow, c.plain, "many", count, "many"),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

// atOnce is as many of ssh's at once as there are hosts.
func atOnce(ssh []string) ([]float64, error) {
	return inParallel(manyHosts, func(i int) error {
		return exec.Command(ssh[0], append(ssh[1:len(ssh):len(ssh)], "many"+strconv.Itoa(i), "true")...).Run()
	})
}

func hostsCalls(s *stage) error {
	c, err := s.sides(s.ssh())
	if err != nil {
		return err
	}
	if err := c.all("open", s.ways[0]); err != nil {
		return err
	}
	relay, err := s.relay(s.ssh(), s.ways[0])
	if err != nil {
		return err
	}
	alone, err := s.relay(s.ssh(), s.ways[0], relayed.End)
	if err != nil {
		return err
	}
	if err := c.all("calls", strconv.Itoa(batch)); err != nil {
		return err
	}
	for range 2 * s.turns(1) {
		_, err := s.turn("p50", micros,
			contender{row: aloneRow, do: func() ([]float64, error) { return alone.calls(batch) }},
			contender{row: relayRow, do: func() ([]float64, error) { return relay.calls(batch) }},
			byWords(outworkRow, c.outwork, "calls", strconv.Itoa(batch)),
			byWords(mitogenRow, c.mitogen, "calls", strconv.Itoa(batch)),
			byWords(mitogenPlainRow, c.plain, "calls", strconv.Itoa(batch)),
		)
		if err != nil {
			return err
		}
	}
	return c.all("shut")
}

func hostsBulk(s *stage) error {
	host := s.ways[0]
	c, err := s.sides(s.ssh())
	if err != nil {
		return err
	}
	if err := c.all("open", host); err != nil {
		return err
	}
	relay, err := s.relay(s.ssh(), host)
	if err != nil {
		return err
	}
	slow, err := s.slow()
	if err != nil {
		return err
	}
	slowRelay, err := s.relay(s.ssh(), slow)
	if err != nil {
		return err
	}
	program, err := os.Stat(filepath.Join(s.Programs, hostsProgramName))
	if err != nil {
		return err
	}
	size := int(program.Size())
	n, speed := s.bulkBytes(), megabytesOf(s.Bulk)
	for range s.turns(15) {
		err := errors.Join(
			s.uploads(c.outwork, host, relay, size, [2]string{uploadRow, relayProgramRow}),
			s.uploads(c.outwork, slow, slowRelay, size, [2]string{slowUploadRow, slowRelayRow}),
		)
		if err != nil {
			return err
		}
		for range 3 { // they take little, and Mitogen much
			_, err = s.turn("there", speed,
				contender{row: relayRow, do: func() ([]float64, error) { return relay.up(s.Bulk) }},
				byWords(outworkRow, c.outwork, "up", n),
				byWords(bytesRow, c.outwork, "up-bytes", n),
				byWords(containerRow, c.outwork, "read", n),
			)
			if err != nil {
				return err
			}
			_, err = s.turn("back", speed,
				contender{row: relayRow, do: func() ([]float64, error) { return relay.down(s.Bulk) }},
				byWords(outworkRow, c.outwork, "down", n),
				byWords(bytesRow, c.outwork, "down-bytes", n),
			)
			if err != nil {
				return err
			}
		}
		for _, way := range []struct{ metric, task string }{{"there", "up"}, {"back", "down"}} {
			_, err := s.turn(way.metric, speed, byWords(mitogenRow, c.mitogen, way.task, n), byWords(mitogenPlainRow, c.plain, way.task, n))
			if err != nil {
				return err
			}
		}
	}
	return c.all("shut")
}

// uploads measures what it takes to send the agent there, of so many bytes, beside a
// relay that is sent as many.
func (s *stage) uploads(of *side.Side, host string, relay *bareRelay, size int, rows [2]string) error {
	for range 3 {
		var took [2]float64
		for i, before := range []func() error{s.forget, func() error { return nil }} {
			if err := before(); err != nil {
				return err
			}
			t, err := of.Do("first", host)
			if err != nil {
				return err
			}
			took[i] = t[0]
		}
		s.add(rows[0], "there", megabytesOf(size)(took[0]-took[1]))
		bare, err := relay.up(size)
		if err != nil {
			return err
		}
		s.add(rows[1], "there", megabytesOf(size)(bare[0]))
	}
	return nil
}

// slow is a way to the machine at slowRate.
func (s *stage) slow() (host string, err error) {
	p, err := s.machine.Proxy(sshtest.ProxyOptions{Delay: slowDelay, Rate: slowRate})
	if err != nil {
		return "", err
	}
	s.proxies = append(s.proxies, p)
	return p.Host, s.configure()
}

func hostsTrips(s *stage) error {
	for i := 1; i < len(roundTrips); i++ {
		if err := s.trips(i); err != nil {
			return err
		}
	}
	return nil
}

// trips measures on the way of that index.
func (s *stage) trips(way int) error {
	metric, host := tripName(trip(way)), s.ways[way]
	outwork, err := s.outwork(s.ssh())
	if err != nil {
		return err
	}
	if _, err := outwork.Do("open", host); err != nil {
		return err
	}
	relay, err := s.relay(s.ssh(), host)
	if err != nil {
		return err
	}
	size := strconv.Itoa(findBytes)
	for range s.turns(3) {
		last, err := s.turn(metric, millis, contender{row: tripRow, do: func() ([]float64, error) { return relay.calls(3) }})
		if err != nil {
			return err
		}
		and := func(c contender) contender {
			return contender{row: c.row, do: func() ([]float64, error) {
				took, err := c.do()
				for i := range took {
					took[i] += last[tripRow]
				}
				return took, err
			}}
		}
		_, err = s.turn(metric, millis,
			and(byWords(findHereRow, outwork, "find-here", size)),
			byWords(findThereRow, outwork, "find", size),
			and(byWords(secondHereRow, outwork, "second-here")),
			byWords(secondRow, outwork, "second"),
		)
		if err != nil {
			return err
		}
	}
	_, err = outwork.Do("shut")
	return err
}
