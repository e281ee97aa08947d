package daemon

import (
	"context"
	"errors"
	"sync"
	"time"
)

// turns bounds how many calls of one user run at once. Those above wait in the
// order in which they came. It is safe for concurrent use.
type turns struct {
	limit int

	mu      sync.Mutex
	users   map[uint32]*queue
	waiting int // of all users, for tests
}

// queue is one user's calls. It is there while it has any.
type queue struct {
	running int
	next    []chan struct{} // who waits; closed by who leaves its turn to them
}

// patience is how long a call waits for its turn.
const patience = time.Second

// errBusy says that a turn did not come.
var errBusy = errors.New("no turn within " + patience.String())

func newTurns(limit int) *turns { return &turns{limit: limit, users: map[uint32]*queue{}} }

// take waits for a turn of uid's, and fails with errBusy or ctx's error. Root has
// as many as it likes: it could not be kept from anything.
func (t *turns) take(ctx context.Context, uid uint32) error {
	if uid == 0 {
		return nil
	}
	t.mu.Lock()
	q := t.users[uid]
	if q == nil {
		q = &queue{}
		t.users[uid] = q
	}
	if q.running < t.limit {
		q.running++
		t.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	q.next = append(q.next, mine)
	t.waiting++
	t.mu.Unlock()
	return t.wait(ctx, uid, mine)
}

func (t *turns) wait(ctx context.Context, uid uint32, mine chan struct{}) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	var err error
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = errBusy
	}
	if !t.forgo(uid, mine) {
		t.leave(uid) // the turn came at the same time
	}
	return err
}

// forgo takes mine out of the queue. It is false when it is not there any more.
func (t *turns) forgo(uid uint32, mine chan struct{}) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	q := t.users[uid]
	for i, c := range q.next {
		if c == mine {
			q.next = append(q.next[:i], q.next[i+1:]...)
			t.waiting--
			return true
		}
	}
	return false
}

// leave gives the turn back, or on.
func (t *turns) leave(uid uint32) {
	if uid == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	q := t.users[uid]
	if len(q.next) > 0 {
		close(q.next[0])
		q.next = q.next[1:]
		t.waiting--
		return
	}
	if q.running--; q.running == 0 {
		delete(t.users, uid)
	}
}
