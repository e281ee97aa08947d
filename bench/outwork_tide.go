package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/outwork-go/outwork/client"
	"github.com/outwork-go/outwork/service"

	"github.com/outwork-go/outwork/bench/internal/reading"
	"github.com/outwork-go/outwork/bench/internal/served"
)

// floodDials bounds the connections that a flood tries to hold, and is how many
// it makes at once where it holds none.
const floodDials = 2 * service.ConnectionsPerUser

// flood is the process of a flood: args are its kind, the daemon's socket, and
// the daemon's user. It lasts until standard input ends.
func flood(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("a flood wants a kind, a socket and a user, not %q", args)
	}
	uid, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	dial := func() (*client.Conn, error) { return dialServed(args[1], uid) }
	var t tide
	began := time.Now()
	end, err := t.begin(args[0], dial)
	if err != nil {
		return err
	}
	fmt.Println("flooding")
	io.Copy(io.Discard, os.Stdin)
	rate := float64(t.waves.Load()) / time.Since(began).Seconds()
	t.over.Store(true)
	err = end()
	t.rising.Wait()
	return errors.Join(err, reading.Write(os.Stdout, []reading.Reading{{Metric: "flood", Value: rate / 1000}}))
}

// tide is the goroutines of a flood, and what they have done.
type tide struct {
	rising sync.WaitGroup
	waves  atomic.Int64
	over   atomic.Bool
}

// begin starts a flood that end ends, once over is set.
func (t *tide) begin(kind string, dial func() (*client.Conn, error)) (end func() error, err error) {
	switch kind {
	case floodCalls:
		return t.call(served.Echo, dial)
	case floodDenied:
		return t.call(served.Withheld, dial)
	case floodConnections:
		for range floodDials {
			t.rise(func() {
				if conn, err := dial(); err == nil {
					conn.Close()
				}
			})
		}
		return func() error { return nil }, nil
	}
	return nil, fmt.Errorf("there is no flood of %q", kind)
}

// call calls f on as many connections as there can be, and as often at once as
// each may.
func (t *tide) call(f textFunction, dial func() (*client.Conn, error)) (end func() error, err error) {
	var conns []*client.Conn
	for range floodDials {
		conn, err := dial()
		if err != nil {
			break
		}
		conns = append(conns, conn)
	}
	if len(conns) == 0 {
		return nil, errors.New("the flood is let have no connection")
	}
	for _, conn := range conns {
		for range service.Calls {
			t.rise(func() { callText(f, conn, payload(smallBytes)) })
		}
	}
	return func() error { return closeEach(conns) }, nil
}

// rise repeats wave until the flood is over. Whether it succeeds is not the
// flood's concern.
func (t *tide) rise(wave func()) {
	t.rising.Go(func() {
		for !t.over.Load() {
			wave()
			t.waves.Add(1)
		}
	})
}
