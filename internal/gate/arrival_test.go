package gate

import (
	"fmt"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// addressed is a connection that has but an address.
type addressed struct {
	net.Conn
	addr    string
	stopped bool
}

func (a *addressed) RemoteAddr() net.Addr          { return address(a.addr) }
func (a *addressed) SetDeadline(t time.Time) error { a.stopped = true; return nil }

type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

// One too many drops the oldest of the address that has most; an IPv6 network counts as
// one address.
func TestArrivalsDrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		as := newArrivals(6)
		defer as.close("")
		var all []*addressed
		add := func(addr string) *arrival {
			c := &addressed{addr: addr}
			all = append(all, c)
			return as.add(c, Handshake)
		}
		stopped := func() (which []int) {
			for i, c := range all {
				if c.stopped {
					which = append(which, i)
				}
			}
			return which
		}
		for _, addr := range []string{"10.0.0.1:1", "10.0.0.2:1", "10.0.0.2:2", "[2001:db8::1]:1", "[2001:db8::2]:1", "[::ffff:10.0.0.3]:1"} {
			add(addr)
		}
		for i, step := range []struct {
			addr string
			want []int
		}{
			{"10.0.0.4:1", []int{1}},               // two have most: the one with the oldest
			{"10.0.0.5:1", []int{1, 3}},            // now the network
			{"10.0.0.6:1", []int{0, 1, 3}},         // all have one: the oldest
			{"[2001:db8::3]:1", []int{0, 1, 2, 3}}, // 10.0.0.2's last
			{"10.0.0.7:1", []int{0, 1, 2, 3, 4}},
		} {
			add(step.addr)
			if got := stopped(); !slices.Equal(got, step.want) {
				t.Fatalf("step %d: %v are dropped, want %v", i, got, step.want)
			}
		}
		if as.pending != 6 {
			t.Errorf("%d are pending", as.pending)
		}
	})
}

// However many come from one address, one of another stays.
func TestArrivalsFlood(t *testing.T) {
	as := newArrivals(64)
	good := as.add(&addressed{addr: "10.0.0.1:1"}, time.Hour)
	for i := range 10_000 {
		a := as.add(&addressed{addr: fmt.Sprintf("10.9.9.9:%d", i)}, time.Hour)
		if i%3 == 0 {
			as.settle(a)
		}
		if i%7 == 0 {
			as.remove(a)
		}
	}
	if why := good.why(); why != "" {
		t.Error(why)
	}
	as.close("the end")
	if why := good.why(); why != "the end" {
		t.Errorf("closed: %q", why)
	}
	if as.add(&addressed{addr: "10.0.0.1:1"}, time.Hour) != nil {
		t.Error("one was taken in after close")
	}
	for a := range as.all {
		as.remove(a)
	}
	if as.pending != 0 || len(as.from) != 0 || len(as.all) != 0 {
		t.Errorf("%d, %d, %d are left", as.pending, len(as.from), len(as.all))
	}
}

func TestArrivalDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		as := newArrivals(2)
		late, kept := as.add(&addressed{addr: "a"}, Handshake), as.add(&addressed{addr: "b"}, Handshake)
		time.Sleep(Handshake - 1)
		if !kept.keep() || late.why() != "" {
			t.Error("dropped too early")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if late.why() != "no JOIN within 10 s" || late.keep() || kept.why() != "" {
			t.Errorf("%q and %q", late.why(), kept.why())
		}
	})
}
