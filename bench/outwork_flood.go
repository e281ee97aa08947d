package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/outwork-go/outwork/client"

	"github.com/outwork-go/outwork/bench/internal/reading"
	"github.com/outwork-go/outwork/bench/internal/served"
)

// What a flood is of.
const (
	noFlood          = ""
	floodCalls       = "calls"
	floodDenied      = "denied"
	floodConnections = "connections"
)

// floodShare: a flood is measured for one part in so many of a crowd's time.
const floodShare = 8

func floodProbes() []probe {
	return []probe{
		floodProbe(floodFloorRow, floodCalls, openBesideFlood),
		floodProbe(quietRow, noFlood, openInFlood),
		floodProbe(callsRow, floodCalls, openInFlood),
		floodProbe(denialRow, floodDenied, openInFlood),
		floodProbe(dialRow, floodConnections, openInFlood),
	}
}

// floodProbe measures the session of open while another user floods.
func floodProbe(row, kind string, open func(*daemon) (session, error)) probe {
	run := func(j job) (readings []reading.Reading, err error) {
		d, err := startDaemon(j)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, d.stop()) }()
		f, err := startFlood(kind, d.socket())
		if err != nil {
			return nil, err
		}
		readings, err = measureSession(d, open, j.Load/floodShare)
		flooded, err1 := f.stop()
		readings = append(readings, flooded...)
		for i := range readings {
			readings[i].Row = row
		}
		return readings, errors.Join(err, err1)
	}
	return probe{name: row, root: true, run: run}
}

func measureSession(d *daemon, open func(*daemon) (session, error), budget time.Duration) ([]reading.Reading, error) {
	s, err := open(d)
	if err != nil {
		return nil, err
	}
	readings, err := measureTail(s, echoOf(smallBytes), budget)
	return readings, errors.Join(err, s.close())
}

// openInFlood is a session of another user than the flooding one.
func openInFlood(d *daemon) (session, error) {
	conn, err := d.dialAs(floodedUser)
	if err != nil {
		return nil, err
	}
	return connSession{conn}, nil
}

// openBesideFlood has nothing to do with the daemon.
func openBesideFlood(*daemon) (session, error) { return rawSocketpair.open(echoOf(smallBytes)) }

// connSession is a session that leaves its daemon alone.
type connSession struct{ conn *client.Conn }

func (s connSession) echo(p []byte) error { return callText(served.Echo, s.conn, p) }
func (s connSession) close() error        { return s.conn.Close() }

// flooder is a process that floods, or none.
type flooder struct {
	*server
	said *bufio.Reader
}

// startFlood starts a flood of that kind, and waits until it is there.
func startFlood(kind, socket string) (*flooder, error) {
	if kind == noFlood {
		return &flooder{}, nil
	}
	cmd := exec.Command(selfExe, roleFlood, kind, socket, strconv.Itoa(os.Getuid()))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: floodingUser, Gid: floodingUser}}
	said, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	f := &flooder{said: bufio.NewReader(said)}
	if f.server, err = startSubordinate(cmd); err != nil {
		return nil, err
	}
	if _, err := f.said.ReadString('\n'); err != nil {
		return nil, errors.Join(fmt.Errorf("the flood did not begin: %w", err), f.server.stop())
	}
	return f, nil
}

// stop ends the flood, and returns what it amounted to.
func (f *flooder) stop() ([]reading.Reading, error) {
	if f.server == nil {
		return nil, nil
	}
	f.stdin.Close()
	said, err := io.ReadAll(f.said)
	if err := errors.Join(err, f.server.stop()); err != nil {
		return nil, err
	}
	return reading.Parse(said)
}
