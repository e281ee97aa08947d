package gate

import (
	"container/list"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// arrival is a connection that is not admitted yet.
type arrival struct {
	conn net.Conn
	from string // whose it is, of those that compete for places

	place  *list.Element // in its address's list; nil: it has none any more. arrivals.mu guards it
	number uint64        // how many came before

	mu      sync.Mutex // guards what follows
	dropped string     // why it was; empty: it was not
	stop    func()     // ends what it waits for
	timer   *time.Timer
}

// drop ends what a waits for; the first reason counts.
func (a *arrival) drop(reason string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.dropped == "" {
		a.dropped = reason
		a.stop()
	}
}

// stopBy makes stop what ends a's waiting from now on.
func (a *arrival) stopBy(stop func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stop = stop
	if a.dropped != "" {
		stop()
	}
}

// why is the reason for which a was dropped; empty: it was not.
func (a *arrival) why() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.dropped
}

// keep lets nobody drop a any more; false: somebody has.
func (a *arrival) keep() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.dropped != "" {
		return false
	}
	a.timer.Stop()
	a.stop = func() {}
	return true
}

// arrivals are those of a gate: a bounded number that have not said who they are, and
// those that are about to be admitted. It is safe for concurrent use.
type arrivals struct {
	most int

	mu      sync.Mutex // guards what follows
	closed  bool
	all     map[*arrival]bool
	pending int
	from    map[string]*list.List // *arrival that are pending, the oldest first
	came    uint64                // how many
}

func newArrivals(most int) *arrivals {
	return &arrivals{most: most, all: map[*arrival]bool{}, from: map[string]*list.List{}}
}

// add takes c in, and drops another where there are too many; nil: it is too late for c.
func (as *arrivals) add(c net.Conn, limit time.Duration) *arrival {
	a := &arrival{conn: c, from: competitor(c.RemoteAddr()), stop: func() { c.SetDeadline(time.Unix(1, 0)) }}
	as.mu.Lock()
	defer as.mu.Unlock()
	if as.closed {
		return nil
	}
	if as.pending >= as.most {
		as.dropOne("it was the oldest of the address that has most, and there were too many")
	}
	l := as.from[a.from]
	if l == nil {
		l = list.New()
		as.from[a.from] = l
	}
	a.place, a.number = l.PushBack(a), as.came
	as.came++
	as.pending++
	as.all[a] = true
	a.timer = time.AfterFunc(limit, func() { a.drop("no JOIN within " + seconds(limit)) })
	return a
}

// seconds is d as people write it.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'g', 4, 64) + " s"
}

// competitor is the address of whom connections are counted together: an IPv6 network of
// 64 bits is one, for one machine has all of it.
func competitor(addr net.Addr) string {
	ap, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return addr.String()
	}
	ip := ap.Addr().Unmap()
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}

// dropOldest makes room where there are no file descriptors left.
func (as *arrivals) dropOldest(reason string) {
	as.mu.Lock()
	defer as.mu.Unlock()
	as.dropOne(reason)
}

// dropOne drops the oldest of the address that has most. as.mu is held.
func (as *arrivals) dropOne(reason string) {
	var worst *list.List
	for _, l := range as.from {
		if worst == nil || l.Len() > worst.Len() || l.Len() == worst.Len() && oldest(l).number < oldest(worst).number {
			worst = l
		}
	}
	if worst != nil {
		a := oldest(worst)
		as.leave(a)
		a.drop(reason)
	}
}

func oldest(l *list.List) *arrival { return l.Front().Value.(*arrival) }

// leave takes a's place from it. as.mu is held.
func (as *arrivals) leave(a *arrival) {
	if a.place == nil {
		return
	}
	l := as.from[a.from]
	l.Remove(a.place)
	if l.Len() == 0 {
		delete(as.from, a.from)
	}
	a.place = nil
	as.pending--
}

// settle gives a's place free: it has said JOIN. It stays known, for close.
func (as *arrivals) settle(a *arrival) {
	as.mu.Lock()
	defer as.mu.Unlock()
	as.leave(a)
}

// remove forgets a.
func (as *arrivals) remove(a *arrival) {
	a.timer.Stop()
	as.mu.Lock()
	defer as.mu.Unlock()
	as.leave(a)
	delete(as.all, a)
}

// close drops all, and takes no more in.
func (as *arrivals) close(reason string) {
	as.mu.Lock()
	defer as.mu.Unlock()
	as.closed = true
	for a := range as.all {
		a.drop(reason)
	}
}
