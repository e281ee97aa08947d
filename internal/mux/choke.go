package mux

// A guarded Conn reads nothing while its peer does not read either: what this
// side has to say to it must not grow. The peer, if it is not hostile, does not
// wait for this side to read before it reads itself.

// choked reports whether the transport is full, and so is the queue before it.
func (c *Conn) choked() bool {
	return c.full && c.s.limits.Guarded && c.err == nil && c.broken == nil && c.backlog() > c.s.limits.Backlog
}

// room reports whether one more frame, after count others of the same read, may
// be handled. It writes what these have queued when that is much.
func (c *Conn) room(count int) bool {
	if !c.s.limits.Guarded {
		return true
	}
	if count > 0 && c.backlog() > c.s.limits.Backlog {
		c.flush(false)
	}
	return !c.choked()
}

// awaitRoom waits until the peer has read, or w's wait is over.
func (c *Conn) awaitRoom(w *Waiter) {
	for c.choked() && !w.signaled && !w.ended {
		c.wrote.Wait()
	}
}

// backlog is how many bytes wait to be written, urgent or not.
func (c *Conn) backlog() int {
	n := c.s.Queued()
	for _, st := range c.s.streams {
		for i := range st.queue {
			n += len(st.queue[i].payload)
		}
	}
	if c.writing {
		for _, b := range c.batch.Bufs {
			n += len(b)
		}
	}
	return n
}
