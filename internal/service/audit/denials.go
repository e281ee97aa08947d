package audit

import (
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
