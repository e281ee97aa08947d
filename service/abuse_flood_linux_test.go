package service_test

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/realm"
	"github.com/outwork-go/outwork/service"
)

// filesEach is how many file descriptors a connection may take.
const filesEach = 5

// Of one user there are only so many connections, and everybody else is served.
func TestAbuseIdleConnections(t *testing.T) {
	d := abused(t)
	before := d.footprint()
	const many = 3000
	for range many {
		conn, err := dialAs(realm.Lookup("nobody"), socketPath)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
	}
	d.healthy()
	want(t, as(t, "root", "root", "only"), 0, "root\n", "")
	limit := testService.Limits.ConnectionsPerUser
	d.eventually("what is too much is closed", func() bool { return d.footprint().fds <= before.fds+limit*filesEach })
	if now := d.footprint(); now.resident > before.resident+keptMemory || now.threads > before.threads+keptThreads {
		t.Errorf("%d connections make of %+v %+v", many, before, now)
	}
	want(t, as(t, "nobody", "echo", "x"), 75, "", "as many as it serves")
	if got := strings.Count(d.log.String(), "\n"); got > 10 {
		t.Errorf("the log has %d lines:\n%s", got, d.log)
	}
}

// Of all users together there are only so many connections, and root has places of
// its own.
func TestAbuseManyUsers(t *testing.T) {
	d := abused(t)
	before := d.footprint()
	var all []*stranger
	most := service.Connections - service.Connections/8
	for uid := uint32(30_000); len(all) < most; uid++ {
		for range testService.Limits.ConnectionsPerUser {
			s := connectAs(t, realm.User{Name: "one of many", UID: uid, GID: uid})
			s.write(say()[:20])
			all = append(all, s)
		}
	}
	late := connect(t, "bob")
	if !late.hungUp() {
		t.Error("there is room for one more")
	}
	want(t, as(t, "bob", "echo", "x"), 75, "", "as many as it serves")
	want(t, as(t, "root", "root", "only"), 0, "root\n", "")
	if now := d.footprint(); now.resident > before.resident+memoryFactor*64<<10 || now.fds > before.fds+len(all)*filesEach {
		t.Errorf("%d connections make of %+v %+v", len(all), before, now)
	} else {
		t.Logf("%d connections make of %+v %+v", len(all), before, now)
	}
	for _, s := range all {
		s.close()
	}
	d.eventually("there is room again", func() bool { return as(t, "bob", "echo", "x").status == 0 })
}

// Whoever floods the daemon with calls waits for themselves.
func TestAbuseCalls(t *testing.T) {
	d := abused(t)
	stop := make(chan struct{})
	var flood sync.WaitGroup
	var answers atomic.Int64
	for range testService.Limits.ConnectionsPerUser {
		s := greeted(t, "nobody")
		flood.Go(func() { s.flood(stop, &answers) })
	}
	d.eventually("the flood has come", func() bool { return answers.Load() > 100 })
	bob := greeted(t, "bob")
	var took []time.Duration
	for i := range 300 {
		began := time.Now()
		stream := uint32(2*i + 1)
		bob.open(stream, "echo", encode(textArgs{"x"}))
		if a := bob.answer(stream); a.Code != 0 {
			t.Fatalf("got %+v", a)
		}
		took = append(took, time.Since(began))
	}
	d.healthy()
	close(stop)
	flood.Wait()
	slices.Sort(took)
	if median := took[len(took)/2]; median > 250*time.Millisecond {
		t.Errorf("beside a flood a call takes %v, and %v at most", median, took[len(took)-1])
	}
	t.Logf("%d calls flooded the daemon; those beside them took %v, %v at most", answers.Load(), took[len(took)/2], took[len(took)-1])
}

// flood has as many calls under way as there may be.
func (s *stranger) flood(stop <-chan struct{}, answers *atomic.Int64) {
	const atOnce = 16
	text := bytes.Repeat([]byte{'x'}, 4000)
	for next := uint32(1); ; {
		for range atOnce {
			s.open(next, "echo", encode(textArgs{string(text)}))
			next += 2
		}
		for over := 0; over < atOnce; {
			h, _, err := s.next()
			if err != nil {
				s.t.Errorf("the flood was cut off: %v", err)
				return
			}
			if h.Kind == frame.Message && h.Flags&frame.End != 0 {
				over++
				answers.Add(1)
			}
		}
		select {
		case <-stop:
			return
		default:
		}
	}
}

// More calls than a user may have at once wait for a second, and are busy then. The
// others are not.
func TestAbuseTurns(t *testing.T) {
	d := abused(t)
	nobody := greeted(t, "nobody")
	most := uint32(testService.Limits.CallsPerUser)
	for i := range most {
		nobody.open(2*i+1, "wait", encode(waitArgs{}))
	}
	d.recorded(int(most), "wait", "call", "")
	began := time.Now()
	nobody.open(2*most+1, "echo", encode(textArgs{"x"}))
	d.healthy()
	if a := nobody.answer(2*most + 1); !a.is("service.busy") || time.Since(began) > 3*time.Second {
		t.Errorf("got %+v after %v", a, time.Since(began))
	}
	want(t, as(t, "nobody", "echo", "x"), 75, "", "as many as it may")
}

// Denials without end stop nobody, and are counted.
func TestAbuseDenials(t *testing.T) {
	d := startDaemon(t)
	const many = 2000
	s := greeted(t, "bob")
	for i := range uint32(many) {
		s.open(2*i+1, "value.set", encode(setArgs{Name: "a", Value: 1}))
		if a := s.answer(2*i + 1); !a.is("service.denied") {
			t.Fatalf("got %+v", a)
		}
	}
	want(t, as(t, "alice", "value", "set", "a", "1"), 0, "", "")
	if got := len(d.records(events("value.set"))); got > 100 {
		t.Errorf("there are %d records", got)
	}
	d.healthy()
	d.unforged()
	d.stop()
	told := 0
	for _, r := range d.records(nil) {
		if r.UID == realm.Lookup("bob").UID {
			told += max(1, r.Count)
		}
	}
	if told != many {
		t.Errorf("the records tell of %d denials, not %d", told, many)
	}
}

// Connections that come and go as fast as they can fill no log.
func TestAbuseLog(t *testing.T) {
	d := abused(t)
	for range 500 {
		conn, err := dialAs(realm.Lookup("nobody"), socketPath)
		if err != nil {
			t.Fatal(err)
		}
		conn.Write([]byte(pickle))
		conn.Close()
	}
	d.healthy()
	if got := strings.Count(d.log.String(), "\n"); got > 20 {
		t.Errorf("the log has %d lines", got)
	}
}
