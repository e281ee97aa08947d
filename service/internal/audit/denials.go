package audit

import (
	"fmt"
	"strings"
	"time"
)

// How many denials are written singly. What exceeds it is counted.
const (
	// userBurst denials of one uid are written at once, then one each userEvery.
	userBurst = 10
	userEvery = 10 * time.Second

	// allBurst denials of all uids are written at once, then one each allEvery.
	allBurst = 100
	allEvery = 200 * time.Millisecond
)

// How denials are counted.
const (
	// window is how long denials are counted before the counts are written.
	window = 30 * time.Second

	// maxUsers is of how many uids something is known at a time.
	maxUsers = 1024

	// maxCounts is how many counts are kept, a function, a rule and a uid each, and
	// so how many lines a window ends with; maxUserCounts of one uid.
	maxCounts     = 256
	maxUserCounts = 16
)

// bucket holds tokens: burst at first and at most, one more each every.
type bucket struct {
	burst, tokens int
	every         time.Duration
	filled        time.Time // when the last one was put in
}

func (b *bucket) refill(now time.Time) {
	n := int(min(now.Sub(b.filled)/b.every, time.Duration(b.burst-b.tokens)))
	if n == b.burst-b.tokens {
		b.filled = now
	} else {
		b.filled = b.filled.Add(time.Duration(n) * b.every)
	}
	b.tokens += n
}

// denials is what is known of denials that were not written yet, and of who was
// denied lately.
type denials struct {
	all    bucket
	users  map[uint32]*user
	counts int // of all users
}

// user is who was denied lately.
type user struct {
	bucket bucket
	counts []*Record // in the order of their first
}

func newDenials() denials {
	return denials{
		all:   bucket{allBurst, allBurst, allEvery, time.Now()},
		users: map[uint32]*user{},
	}
}

// user returns what is known of uid, or nil when too many are known.
func (d *denials) user(uid uint32, now time.Time) *user {
	u := d.users[uid]
	if u == nil && len(d.users) < maxUsers {
		u = &user{bucket: bucket{userBurst, userBurst, userEvery, now}}
		d.users[uid] = u
	}
	return u
}

// single takes what it costs to write a denial of u singly, if it is there. It
// never is while counts of u wait: they come first.
func (d *denials) single(u *user, now time.Time) bool {
	u.bucket.refill(now)
	d.all.refill(now)
	if len(u.counts) > 0 || u.bucket.tokens == 0 || d.all.tokens == 0 {
		return false
	}
	u.bucket.tokens--
	d.all.tokens--
	return true
}

// count counts r with its like, and reports whether there was room to.
func (d *denials) count(u *user, r *Record) bool {
	function, rule := head(r.Function, maxFunction), head(r.Rule, maxRule)
	for _, c := range u.counts {
		if c.Function == function && c.Rule == rule {
			c.Count += max(1, r.Count)
			return true
		}
	}
	if len(u.counts) >= maxUserCounts || d.counts >= maxCounts {
		return false
	}
	u.counts = append(u.counts, keep(r, function, rule))
	d.counts++
	return true
}

// take takes the counts of u.
func (d *denials) take(u *user) []*Record {
	counts := u.counts
	u.counts = nil
	d.counts -= len(counts)
	return counts
}

// forget forgets those of whom nothing needs to be known.
func (d *denials) forget(now time.Time) {
	for uid, u := range d.users {
		if u.bucket.refill(now); u.bucket.tokens == u.bucket.burst && len(u.counts) == 0 {
			delete(d.users, uid)
		}
	}
}

// keep returns what is kept of the first of coalesced denials: no arguments, and
// nothing of the caller's memory.
func keep(r *Record, function, rule string) *Record {
	return &Record{
		Event: EventDenied, Request: strings.Clone(head(r.Request, maxRequest)),
		UID: r.UID, GID: r.GID, PID: r.PID,
		Exe: strings.Clone(head(r.Exe, maxExe)), Label: strings.Clone(head(r.Label, maxLabel)),
		Function: strings.Clone(function), Decision: strings.Clone(head(r.Decision, maxWord)),
		Rule: strings.Clone(rule), Error: strings.Clone(head(r.Error, maxError)),
		Count: max(1, r.Count), First: r.Time,
	}
}

// head returns what there is to write of s within a limit, and a byte more if
// there is one, so that it is seen to be cut.
func head(s string, limit int) string { return s[:min(len(s), limit+1)] }

// tally is a count of denials of which nothing else is kept.
type tally struct {
	count int64
	first time.Time
}

func (t *tally) add(r *Record) {
	if t.count == 0 {
		if t.first = r.First; t.first.IsZero() {
			t.first = r.Time
		}
	}
	t.count += max(1, r.Count)
}

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
	waiting := false
	for _, p := range l.posts {
		waiting = p.settle(l.open) != nil || waiting
	}
	l.flushLocked()
	l.denials.forget(time.Now())
	for _, p := range l.posts {
		waiting = waiting || p.missed.count > 0
	}
	if waiting || len(l.denials.users) > 0 {
		l.armLocked()
	}
}
