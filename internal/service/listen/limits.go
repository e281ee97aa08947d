package listen

import (
	"fmt"
	"os"
	"sync"
)

// places are the connections that there are and may be.
type places struct {
	total   int
	forRoot int // of total
	perUser int
	only    uint32 // the one user to accept, or everyone
	freed   chan struct{}

	mu    sync.Mutex
	taken int
	users map[uint32]int
}

// everyone stands for all users: no user has that number.
const everyone = ^uint32(0)

func newPlaces(c *Config, total int) *places {
	p := &places{total: total, perUser: c.PerUser, only: everyone, freed: make(chan struct{}, 1), users: map[uint32]int{}}
	if c.OwnUserOnly {
		p.only = uint32(os.Geteuid())
	} else {
		p.forRoot = min((total+7)/8, total-1)
	}
	return p
}

// take takes a place for a user. Reason is 0 when there is one.
func (p *places) take(uid uint32) Reason {
	if p.only != everyone && uid != p.only {
		return NotTheUser
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	others := p.taken - p.users[0]
	switch {
	case uid != 0 && p.users[uid] >= p.perUser:
		return TooManyOfUser
	case p.taken >= p.total, uid != 0 && others >= p.total-p.forRoot:
		return TooMany
	}
	p.taken++
	p.users[uid]++
	return 0
}

// give gives a place back.
func (p *places) give(uid uint32) {
	p.mu.Lock()
	p.taken--
	if p.users[uid]--; p.users[uid] == 0 {
		delete(p.users, uid)
	}
	p.mu.Unlock()
	select {
	case p.freed <- struct{}{}:
	default:
	}
}

// Reason is why a client was refused, or had to wait.
type Reason uint8

// The reasons.
const (
	TooManyOfUser Reason = 1 + iota // the user has as many connections as one may have
	TooMany                         // all users have as many as there may be
	NotTheUser                      // the daemon is for its own user alone
	Unknown                         // the kernel does not tell who it is
	NoFiles                         // there are no file descriptors: all but root are refused, or wait
)

func (r Reason) String() string {
	switch r {
	case TooManyOfUser:
		return "one user may not have more connections"
	case TooMany:
		return "there may not be more connections"
	case NotTheUser:
		return "this daemon serves its own user alone"
	case Unknown:
		return "it is not known who connects"
	case NoFiles:
		return "too many open files: nobody but root is let in until there are fewer"
	}
	return fmt.Sprintf("reason %d", uint8(r))
}
