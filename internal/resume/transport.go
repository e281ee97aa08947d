package resume

import (
	"errors"
	"os"
	"time"

	"github.com/outwork-go/outwork/internal/mux"
)

var errFiles = errors.New("files cannot cross a connection to another host")

// Send is of mux.Transport. It returns ErrAgain, as the connection below may, also for
// bytes that it has taken in: who comes again with the same ones is told when they are out.
func (c *Conn) Send(bufs [][]byte, files []*os.File) (int, error) {
	if len(files) > 0 {
		return 0, errFiles
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return 0, c.err
	}
	if c.out.owed == 0 {
		if c.out.owed = c.out.take(bufs); c.out.owed == 0 {
			return 0, mux.ErrAgain
		}
	}
	if !c.pushing && c.push() {
		return 0, mux.ErrAgain
	}
	n := c.out.owed
	c.out.owed = 0
	return n, nil
}

// push gives the connection what there is, and reports whether that is full. c.mu is held.
func (c *Conn) push() (full bool) {
	l := c.now.Load()
	if !l.use() {
		return false // it is kept
	}
	defer l.leave()
	c.sent++
	base := c.out.log.base
	defer func() {
		if c.out.log.base != base {
			c.room.nudge()
		}
	}()
	// An error is the reader's to find: it may have more to read before.
	return errors.Is(c.out.push(l.t, c.received.Load()), mux.ErrAgain)
}

// tell makes an ack or ask due, and sends it. c.mu is held.
func (c *Conn) tell(kind byte) {
	if c.hushed.Load() || c.err != nil {
		return
	}
	c.out.note(kind)
	if c.pushing || c.out.owed > 0 {
		return // who sends takes it along
	}
	if c.push() {
		c.spawnPush()
	}
}

// spawnPush pushes in a goroutine, unless somebody does, or waits to: who sends, and was
// told ErrAgain, comes again. So no connection is waited for by two, of which its Stop
// would wake one. c.mu is held.
func (c *Conn) spawnPush() {
	if c.pushing || c.out.owed > 0 || c.err != nil {
		return
	}
	c.pushing = true
	c.pushers.Go(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for c.push() {
			l := c.now.Load()
			if !l.use() {
				continue
			}
			c.mu.Unlock()
			_ = l.t.PollSend()
			l.leave()
			c.mu.Lock()
			if c.isStopped() {
				break
			}
		}
		c.pushing = false
	})
}

// PollSend is of mux.Transport. It waits for the connection only when that is what Send
// waits for: else somebody who pushes may.
func (c *Conn) PollSend() error {
	c.mu.Lock()
	l, owed, full, changed := c.now.Load(), c.out.owed > 0, c.out.room() == 0, c.changed
	c.mu.Unlock()
	switch {
	case owed && l.use():
		defer l.leave()
		_ = l.t.PollSend() // what is wrong, reading tells
	case !owed && full:
		select {
		case <-c.room:
		case <-changed:
		case <-c.stop:
		}
	}
	return nil
}

// block waits by wait, for whoever reads.
func (c *Conn) block(woken token, wait func(mux.Transport) error) error {
	c.acknowledge(ackEvery)
	c.waiting.Add(1)
	defer c.waiting.Add(-1)
	c.mu.Lock()
	l, changed, err := c.now.Load(), c.changed, c.err
	c.mu.Unlock()
	switch {
	case err != nil || c.isStopped() || woken.take():
	case l.use():
		defer l.leave()
		if err := wait(l.t); err != nil {
			c.cut(l, err)
		}
		woken.take()
	default:
		select {
		case <-changed:
		case <-woken:
		case <-c.stop:
		}
	}
	return nil
}

// Poll is of mux.Transport.
func (c *Conn) Poll() error { return c.block(c.poll, mux.Transport.Poll) }

// Park is of mux.Transport.
func (c *Conn) Park() error { return c.block(c.park, mux.Transport.Park) }

// Rest is of mux.Transport.
func (c *Conn) Rest() error { return c.block(c.park, mux.Transport.Rest) }

// Wake is of mux.Transport.
func (c *Conn) Wake() { c.wake(c.poll, mux.Transport.Wake) }

// Unpark is of mux.Transport.
func (c *Conn) Unpark() { c.wake(c.park, mux.Transport.Unpark) }

func (c *Conn) wake(woken token, wake func(mux.Transport)) {
	woken.nudge()
	if l := c.now.Load(); l.use() {
		wake(l.t)
		l.leave()
	}
}

func (c *Conn) isStopped() bool {
	select {
	case <-c.stop:
		return true
	default:
		return false
	}
}

// Stop is of mux.Transport.
func (c *Conn) Stop() {
	c.stopOnce.Do(func() { close(c.stop) })
	if l := c.now.Load(); l.use() {
		l.t.Stop()
		l.leave()
	}
}

// closed is what the other side is told by a Close that nobody has announced.
const closed = "its link has ended"

// Close is of mux.Transport. The other side is told if there is room for it: else it would
// wait for another connection.
func (c *Conn) Close() error {
	c.mu.Lock()
	if c.err == nil { // whether or not a pusher is about to: its line is retired before it comes to that
		c.out.ending, c.out.reason = true, closed
		c.push()
	}
	c.fail(mux.ErrClosed)
	c.mu.Unlock()
	c.pushers.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pulser.Stop()
	c.out.acked = c.out.log.end
	c.out.landed()
	return nil
}

// heard is called after each read. The first connection is watched from when the other
// side has spoken: until then somebody may think about a password.
func (c *Conn) heard(l *line) {
	if l.last && !l.watched && l.in.preamble == 0 {
		l.watched = true
		c.mu.Lock()
		defer c.mu.Unlock()
		c.watch(l)
	}
}

// watch begins to look at l. c.mu is held.
func (c *Conn) watch(l *line) {
	if c.cfg.Silence <= 0 || c.now.Load() != l {
		return
	}
	c.gaps, _ = c.silences()
	c.pulse = mux.Pulse{Limit: c.cfg.Silence}
	c.looked = time.Now()
	c.pulser.Reset(c.pulse.Every())
}

// Gaps is how often nothing came for so long that the other side was cut off, also where the
// connection went on; and whether nothing comes just now.
func (c *Conn) Gaps() (n uint64, now bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.silences()
}

func (c *Conn) silences() (n uint64, now bool) {
	n, now = c.pulse.Gaps()
	return c.gaps + n, now
}

// look is one look of the watch.
func (c *Conn) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.now.Load()
	if l == nil || c.err != nil {
		return
	}
	c.pulser.Reset(c.pulse.Every())
	now := time.Now()
	in := c.arrivals.Load()
	if c.paused.Swap(false) {
		c.pulse.Paused(in)
	}
	b := c.pulse.Look(mux.Gap(c.looked, now), in, c.sent, c.deaf(l))
	c.looked = now
	if b == mux.BeatNone && c.received.Load() > c.out.told.Load() {
		b = mux.BeatSign
	}
	switch b {
	case mux.BeatEnd:
		why := &mux.SilentError{Limit: c.cfg.Silence}
		if l.last {
			c.fail(why)
		} else {
			c.part(l, why)
		}
	case mux.BeatAsk:
		c.tell(ask)
	case mux.BeatSign:
		c.tell(ack)
	}
}

// deaf reports whether nobody listens. c.mu is held.
func (c *Conn) deaf(l *line) bool { return c.waiting.Load() == 0 || mux.IsDeaf(l.t) }

// Deaf reports whether nobody listens to what is below: there is no connection.
func (c *Conn) Deaf() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.now.Load()
	return l == nil || mux.IsDeaf(l.t)
}

// Paused is of mux.Lasting.
func (c *Conn) Paused() { c.paused.Store(true) }

// Hush is of mux.Lasting.
func (c *Conn) Hush(on bool) { c.hushed.Store(on) }
