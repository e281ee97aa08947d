package supervise

import "golang.org/x/sys/unix"

// number gives out the number of a leader that is about to be started. It counts
// as alive from here on, or a sweep might take the newborn for an orphan.
func (s *Supervisor) number() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	s.live[s.last] = struct{}{}
	return s.last
}

func (s *Supervisor) alive(number uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.live[number]
	return ok
}

// leader is nil if pid is not one.
func (s *Supervisor) leader(pid int) *Child {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leaders[pid]
}

// forget drops a leader that was reaped, or that did not start. Whatever carries
// its number from now on is a stray.
func (s *Supervisor) forget(c *Child) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, c.number)
	delete(s.leaders, c.pid)
	s.strayed()
}

func (s *Supervisor) killGroups() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.leaders {
		_ = c.Signal(unix.SIGKILL) // reap finds it if it is dead already
	}
}
