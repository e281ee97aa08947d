package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/client"
	"github.com/outwork-go/outwork/service"

	"github.com/outwork-go/outwork/bench/internal/proc"
	"github.com/outwork-go/outwork/bench/internal/reading"
	"github.com/outwork-go/outwork/bench/internal/served"
)

// textFunction is what a service session calls.
type textFunction = *outwork.Function[served.Text, served.Text]

func serviceProbes() []probe {
	x := echoOf(smallBytes)
	denied := sessionProbe(deniedRow, openDenied, x, measureEcho)
	denied.root = true
	return []probe{
		sessionProbe(outworkRow, openServed(served.Echo), x, measureEcho),
		sessionProbe(mutatingRow, openServed(served.Change), x, measureEcho),
		denied,
	}
}

// servedSession is a client of a daemon.
type servedSession struct {
	daemon *daemon
	conn   *client.Conn
	call   func(p []byte) error
}

func (s *servedSession) echo(p []byte) error { return s.call(p) }

func (s *servedSession) close() error { return errors.Join(s.conn.Close(), s.daemon.stop()) }

// openServed is a session in which f is called.
func openServed(f textFunction) func(job) (session, error) {
	return func(j job) (session, error) {
		d, err := startDaemon(j, devFlag)
		if err != nil {
			return nil, err
		}
		conn, err := d.dial()
		if err != nil {
			return nil, errors.Join(err, d.stop())
		}
		call := func(p []byte) error { return callText(f, conn, p) }
		return &servedSession{daemon: d, conn: conn, call: call}, nil
	}
}

func (d *daemon) dial() (*client.Conn, error) { return dialServed(d.socket(), os.Getuid()) }

// dialServed connects to the daemon, which runs as uid.
func dialServed(path string, uid int) (*client.Conn, error) {
	dialer := client.Dialer{UID: uid}
	return dialer.Dial(context.Background(), path)
}

func callText(f textFunction, to outwork.Callee, p []byte) error {
	reply, err := f.Call(context.Background(), to, served.Text{Text: string(p)})
	if err != nil {
		return err
	}
	return checkEcho(p, len(reply.Text))
}

// openDenied is a session of a user who is denied each call.
func openDenied(j job) (session, error) {
	d, err := startDaemon(j)
	if err != nil {
		return nil, err
	}
	conn, err := d.dialAs(floodedUser)
	if err != nil {
		return nil, errors.Join(err, d.stop())
	}
	call := func(p []byte) error { return callDenied(conn, p) }
	return &servedSession{daemon: d, conn: conn, call: call}, nil
}

// dialAs connects as the user uid, who this process is from then on.
func (d *daemon) dialAs(uid int) (*client.Conn, error) {
	root := os.Getuid()
	if err := proc.Become(uid); err != nil {
		return nil, err
	}
	return dialServed(d.socket(), root)
}

func callDenied(to outwork.Callee, p []byte) error {
	err := callText(served.Withheld, to, p)
	if _, ok := errors.AsType[*service.DeniedError](err); ok {
		return nil
	}
	return fmt.Errorf("a call that is to be denied ends with: %w", err)
}

// generatedProbe measures the command that p is, from its start to its end.
func generatedProbe(row string, p program) probe {
	run := func(j job) (_ []reading.Reading, err error) {
		d, err := startDaemon(j, devFlag)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, d.stop()) }()
		took, err := reading.MedianMillis(j.Starts, func() (time.Duration, error) {
			return reading.Duration(func() error { return d.greet(p) })
		})
		return []reading.Reading{{Row: row, Metric: reading.Time, Value: took}}, err
	}
	return probe{name: row, run: run}
}

// greet calls d by the command that p is.
func (d *daemon) greet(p program) error {
	cmd := p.command(d.job, devFlag, "--socket", d.socket(), "greet", "World!")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	if want := "Hello World!\n"; out.String() != want {
		return fmt.Errorf("the command prints %q, not %q", out.String(), want)
	}
	return nil
}
