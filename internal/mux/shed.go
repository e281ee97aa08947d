package mux

import "os"

// shed is for files that came from the peer and that nobody takes. To close one
// may take as long as the peer likes: a socket may linger, a file system may be a
// process of the peer's. A guarded State keeps them for its Conn, which closes
// them without the lock, and where nobody waits.
func (s *State) shed(files []*os.File) {
	if s.limits.Guarded {
		s.doomed = append(s.doomed, files...)
		return
	}
	closeFiles(files)
}

// maxFiles is how many file descriptors of the peer's may be held that no whole
// message has brought yet.
func (s *State) maxFiles() int {
	if s.limits.Guarded {
		return GuardedFDs
	}
	return MaxPendingFDs
}

// Discard closes files that came from the peer and that nobody takes.
func (c *Conn) Discard(files []*os.File) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.shed(files)
	c.bury()
}

// bury has a goroutine close what the State has shed, one for each Conn: so a
// peer never holds up more than one thread with them, and its reader. The lock is
// held.
func (c *Conn) bury() {
	if len(c.s.doomed) == 0 || c.burying {
		return
	}
	c.burying = true
	c.spawn(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.closeShed()
		c.burying = false
	})
}

// closeShed closes what the State has shed. It is called and returns with the lock
// held.
func (c *Conn) closeShed() {
	for len(c.s.doomed) > 0 {
		files := c.s.doomed
		c.s.doomed = nil
		c.mu.Unlock()
		for _, f := range files {
			CloseForeign(f)
		}
		c.mu.Lock()
	}
}

// closeTransport closes the transport of an ended link. What lies in a socket's
// queue is closed with it, so that this too may take as long as a guarded peer
// likes. The lock is held.
func (c *Conn) closeTransport() {
	if c.s.limits.Guarded {
		c.spawn(func() { c.t.Close() })
		return
	}
	c.t.Close()
}
