package main

import (
	"errors"

	"github.com/outwork-go/outwork/bench/internal/served"
)

// clientsProbe is a crowd of root's, which alone may connect so often.
func clientsProbe() probe {
	p := crowdProbe(outworkRow, gatherServed)
	p.root = true
	return p
}

// gatherServed connects a crowd to a daemon.
func gatherServed(j job) (*crowd, error) {
	d, err := startDaemon(j)
	if err != nil {
		return nil, err
	}
	conns, err := gathered(crowdSize, d.dial)
	if err != nil {
		return nil, errors.Join(err, d.stop())
	}
	c := &crowd{pid: d.cmd.Process.Pid, close: func() error { return errors.Join(closeEach(conns), d.stop()) }}
	for _, conn := range conns {
		c.call = append(c.call, func(p []byte) error { return callText(served.Echo, conn, p) })
	}
	return c, nil
}
