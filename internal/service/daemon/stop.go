package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/outwork-go/outwork/internal/mux"
)

// begin counts a call, unless the daemon stops.
func (d *Daemon) begin() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopping {
		return false
	}
	d.running++
	return true
}

// end is the end of a call that begin has counted.
func (d *Daemon) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running--; d.running == 0 && d.stopping {
		close(d.idle)
	}
}

// Running is how many calls are under way, from their coming to the end of their
// functions.
func (d *Daemon) Running() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.running
}

// Stop takes no more connections and calls, waits for the calls that run until
// ctx ends, cancels those that are left, and returns when no connection is, or
// after buryTime: neither a function that ignores its context nor what a client
// does holds it up for longer. The error matches ctx's when calls were cancelled.
func (d *Daemon) Stop(ctx context.Context) error {
	sessions := d.stop()
	var err error
	select {
	case <-d.idle:
		d.flush(sessions)
	case <-ctx.Done():
		err = fmt.Errorf("calls were cancelled: %w", ctx.Err())
	}
	for _, s := range sessions {
		s.link.Fail(mux.ErrClosed)
	}
	if !d.buried() && err == nil {
		err = errUnburied
	}
	d.ends.flush()
	return err
}

// buryTime is how long the connections have to end once they were told to.
const buryTime = 2 * time.Second

// errUnburied is why a daemon ends with connections left: the process's end takes
// them along.
var errUnburied = errors.New("connections are left: a function ignores its context, or what a client has passed does not close")

// buried waits until no connection is left. It is false when that takes too long.
func (d *Daemon) buried() bool {
	gone := make(chan struct{})
	go func() { d.gone.Wait(); close(gone) }()
	select {
	case <-gone:
		return true
	case <-time.After(buryTime):
		return false
	}
}

// stop takes no more connections and calls, and returns the sessions that are
// left.
func (d *Daemon) stop() []*session {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.stopping && d.running == 0 {
		close(d.idle)
	}
	d.stopping = true
	return slices.Collect(maps.Keys(d.sessions))
}

// flushTime is how long clients have, together, to take their last results.
const flushTime = time.Second

// flush lets clients take the results of their calls.
func (d *Daemon) flush(sessions []*session) {
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		for _, s := range sessions {
			s.link.Fail(mux.ErrClosed) // Flushed waits for ever
		}
	})()
	for _, s := range sessions {
		if s.link.Idle(ctx) == nil {
			s.link.Flushed()
		}
	}
}
