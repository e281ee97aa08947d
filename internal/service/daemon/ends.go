package daemon

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/outwork-go/outwork/internal/ident"
)

// ends tells the log of connections that ended as they should not: so often and
// no more, since whoever may connect can bring it about thousands of times a
// second. What is not told is counted, and the count is told when endsTime is over
// and another connection ends so, and by flush. It is safe for concurrent use.
type ends struct {
	log *slog.Logger

	mu    sync.Mutex     // guards what follows
	began time.Time      // of the time for which users counts
	users map[uint32]int // how many of each; of everyone else, under others
}

// The bounds of what is told.
const (
	endsTime  = 10 * time.Second
	endsEach  = 5  // of one user, in endsTime
	endsUsers = 64 // told apart in endsTime; further ones are told of together

	others = ^uint32(0) // no user has this number
)

// tell logs one end, unless there were too many of the user's.
func (e *ends) tell(level slog.Level, p *ident.Peer, cause error) {
	if e.count(p.UID) <= endsEach {
		e.log.Log(context.Background(), level, "a client's connection was ended", "uid", p.UID, "pid", p.PID, "cause", cause)
	}
}

// count is the how manyth of a user's this is.
func (e *ends) count(uid uint32) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if now := time.Now(); now.Sub(e.began) >= endsTime {
		e.flushLocked()
		e.began = now
	}
	if e.users == nil {
		e.users = map[uint32]int{}
	}
	if e.users[uid] == 0 && len(e.users) >= endsUsers {
		uid = others
	}
	e.users[uid]++
	return e.users[uid]
}

// flush tells how many were not told.
func (e *ends) flush() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.flushLocked()
}

func (e *ends) flushLocked() {
	for uid, n := range e.users {
		who := []any{"count", n - endsEach}
		if uid != others {
			who = append(who, "uid", uid)
		}
		if n > endsEach {
			e.log.Warn("more clients' connections were ended", who...)
		}
	}
	clear(e.users)
}
