package audit

import (
	"fmt"
	"time"
)

// Denied records a denial: it sets r's Event and Time. Within a rate it is written
// at once; beyond that it is counted and written later. It costs no more than a
// mutating call does, and cannot fail: see the package. The Log keeps nothing of
// r's memory.
func (l *Log) Denied(r *Record) {
	r.Event, r.Time = EventDenied, time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.armLocked()
	u := l.denials.user(r.UID, r.Time)
	switch {
	case u == nil:
		l.miss(r)
	case l.denials.single(u, r.Time):
		l.deliver(r)
	case !l.denials.count(u, r):
		l.miss(r)
	}
}

// miss counts a denial with those of which nothing else is known.
func (l *Log) miss(r *Record) {
	for _, p := range l.posts {
		p.missed.add(r)
	}
}

// deliver writes a denial to the sinks that can take it; the others count it.
func (l *Log) deliver(r *Record) {
	for _, p := range l.posts {
		if p.failed || !p.spare() || p.take(p.encode(nil, r), l.open) != nil {
			p.missed.add(r)
		}
	}
}

// flushUserLocked writes the counts of one uid.
func (l *Log) flushUserLocked(uid uint32) {
	if u := l.denials.users[uid]; u != nil {
		l.deliverAll(l.denials.take(u))
	}
}

func (l *Log) deliverAll(counts []*Record) {
	for _, r := range counts {
		r.Time = time.Now()
		l.deliver(r)
	}
}

// flushLocked writes all counts. It tries sinks that have failed.
func (l *Log) flushLocked() {
	for _, p := range l.posts {
		p.failed = false
	}
	for _, u := range l.denials.users {
		l.deliverAll(l.denials.take(u))
	}
	for _, p := range l.posts {
		p.others(l.open)
	}
}

// others writes the count of the others.
func (p *post) others(open int) {
	if p.missed.count == 0 || p.failed || !p.spare() {
		return
	}
	r := &Record{
		Event: EventOthers, Time: time.Now(), Count: p.missed.count, First: p.missed.first,
		Error: "too many denials to record each, or no room for them",
	}
	if p.take(p.encode(nil, r), open) == nil {
		p.missed = tally{}
	}
}

// unsaid says how many denials will never be written.
func (p *post) unsaid() error {
	if p.missed.count == 0 {
		return nil
	}
	return fmt.Errorf("%s: %d denials since %s are not recorded",
		p.name(), p.missed.count, p.missed.first.UTC().Format(time.RFC3339))
}

// Flush writes now what waits: counted denials, and done records that are owed.
// What a sink does not take waits on. It is for a daemon that begins to stop, so
// that being killed before Close loses none.
func (l *Log) Flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.settleLocked()
		l.flushLocked()
		l.stderr.flush()
	}
}

// settleLocked writes what is owed, and reports whether some still is.
func (l *Log) settleLocked() (waiting bool) {
	for _, p := range l.posts {
		waiting = p.settle(l.open) != nil || waiting
	}
	return waiting
}

// armLocked sets the timer that ends a window, if it is not set.
func (l *Log) armLocked() {
	if l.timer == nil && !l.closed {
		l.timers.Add(1)
		l.timer = time.AfterFunc(window, l.tick)
	}
}

// tick ends a window.
func (l *Log) tick() {
	defer l.timers.Done()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timer = nil
	if l.closed {
		return
	}
	waiting := l.settleLocked()
	l.flushLocked()
	l.stderr.flush()
	l.denials.forget(time.Now())
	for _, p := range l.posts {
		waiting = waiting || p.missed.count > 0
	}
	if waiting || len(l.denials.users) > 0 {
		l.armLocked()
	}
}
