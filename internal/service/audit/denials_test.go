package audit

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// one is a Log of one sink, in a bubble.
func one(t *testing.T, test func(l *Log, m *memory)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		l := newLog(Config{Service: "hostctl"}, []sink{m})
		defer l.Close()
		test(l, m)
	})
}

// lock lets a test change a sink while the timer runs.
func (l *Log) lock(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

// total is how many denials lines tell of.
func total(lines []line) (n int64) {
	for _, l := range lines {
		if l.Event == EventDenied || l.Event == EventOthers {
			n += max(1, l.Count)
		}
	}
	return n
}

// Twenty minutes of a flood by one uid: each denial is counted, in few lines.
func TestFloodByOne(t *testing.T) {
	one(t, func(l *Log, m *memory) {
		const perSecond, seconds = 1000, 1200
		r := denial("x", 1)
		for range seconds {
			for range perSecond {
				l.Denied(r)
			}
			time.Sleep(time.Second)
		}
		l.Close()
		got := m.parse(t)
		if n := total(got); n != perSecond*seconds {
			t.Errorf("%d denials are told of", n)
		}
		if most := userBurst + seconds/10 + seconds/30 + 1; len(got) > most {
			t.Errorf("%d lines, more than %d", len(got), most)
		}
	})
}

// Many uids that call functions by random names: lines and memory are bounded,
// and a mutating call is recorded all the same.
func TestFloodByMany(t *testing.T) {
	one(t, func(l *Log, m *memory) {
		const seconds = 120
		count := 0
		for s := range seconds {
			for i := range 1500 {
				l.Denied(denial(fmt.Sprint("f", s, i), uint32(count%50_000)))
				count++
			}
			l.lock(func() {
				if users, counts := len(l.denials.users), l.denials.counts; users > maxUsers || counts > maxCounts {
					t.Errorf("%d users, %d counts", users, counts)
				}
			})
			time.Sleep(time.Second)
		}
		if err := l.Before(call("mutate", 7)); err != nil {
			t.Error(err)
		}
		l.Close()
		got := m.parse(t)
		if n := total(got); n != int64(count) {
			t.Errorf("%d denials of %d are told of", n, count)
		}
		windows := seconds/int(window/time.Second) + 1
		if most := allBurst + seconds*5 + windows*(maxCounts+1) + 1; len(got) > most {
			t.Errorf("%d lines, more than %d", len(got), most)
		}
		if !strings.Contains(story(got), "call mutate") {
			t.Error("the mutating call is not there")
		}
	})
}

func TestUserCountsAreBounded(t *testing.T) {
	one(t, func(l *Log, m *memory) {
		for i := range userBurst + maxUserCounts + 5 {
			l.Denied(denial(fmt.Sprint(i), 1))
		}
		l.Denied(denial("b", 2))
		l.lock(func() {
			if n := l.denials.counts; n != maxUserCounts {
				t.Errorf("%d counts", n)
			}
		})
		time.Sleep(window)
		synctest.Wait()
		got := m.parse(t)
		if last := got[len(got)-1]; last.Event != EventOthers || last.Count != 5 || last.First == "" {
			t.Errorf("got %+v", last)
		}
	})
}

// Counts come before the next record of their uid, and stay with others'.
func TestOrder(t *testing.T) {
	one(t, func(l *Log, m *memory) {
		for range userBurst + 3 {
			l.Denied(denial("x", 1))
			l.Denied(denial("x", 2))
		}
		m.lines = nil
		r := call("y", 1)
		if err := l.Before(r); err != nil {
			t.Fatal(err)
		}
		l.Denied(denial("x", 1))
		l.Denied(denial("z", 1))
		if err := l.After(r); err != nil {
			t.Fatal(err)
		}
		l.Close()
		if got := story(m.parse(t)); got != "denied x 3; call y; denied x; denied z; done y; denied x 3" {
			t.Errorf("got %s", got)
		}
	})
}

// Flush writes what a kill would lose, once.
func TestFlush(t *testing.T) {
	one(t, func(l *Log, m *memory) {
		for range userBurst + 3 {
			l.Denied(denial("x", 1))
		}
		for i := range userBurst + maxUserCounts + 5 {
			l.Denied(denial(fmt.Sprint(i), 2))
		}
		r := call("y", 3)
		if err := l.Before(r); err != nil {
			t.Fatal(err)
		}
		l.lock(func() { m.broken = errFull })
		if err := l.After(r); err == nil {
			t.Error("it was written")
		}
		l.Flush()
		l.lock(func() { m.broken = nil })
		l.Flush()
		l.Flush()
		got := m.parse(t)
		if n := total(got); n != 2*userBurst+3+maxUserCounts+5 {
			t.Errorf("%d denials are told of", n)
		}
		if s := story(got); strings.Count(s, "done y") != 1 {
			t.Errorf("got %s", s)
		}
		l.Close()
		l.Flush()
		if more := m.parse(t); len(more) != len(got) {
			t.Errorf("%d lines, and then %d", len(got), len(more))
		}
	})
}

// A denial that the rate allows by now is not written before those that wait.
func TestCountsComeFirst(t *testing.T) {
	one(t, func(l *Log, m *memory) {
		for range userBurst + 3 {
			l.Denied(denial("x", 1))
		}
		m.lines = nil
		time.Sleep(window / 2)
		l.Denied(denial("z", 1))
		time.Sleep(window / 2)
		synctest.Wait()
		if got := story(m.parse(t)); got != "denied x 3; denied z" {
			t.Errorf("got %s", got)
		}
	})
}

// Without room, or with a sink that fails, denials are counted only, and cost
// nothing to a mutating call.
func TestDenialsWithoutRoom(t *testing.T) {
	for name, set := range map[string]func(m *memory, on bool){
		"crowded": func(m *memory, on bool) { m.crowded = on },
		"full": func(m *memory, on bool) {
			if m.fail = nil; on {
				m.fail = errFull
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			one(t, func(l *Log, m *memory) {
				l.lock(func() { set(m, true) })
				for range 1000 {
					l.Denied(denial("x", 1))
					time.Sleep(time.Second)
				}
				l.lock(func() {
					if len(m.lines) > 0 {
						t.Errorf("got %q", m.lines)
					}
					m.fail = nil
				})
				if err := l.Before(call("y", 1)); err != nil {
					t.Error(err)
				}
				l.lock(func() { set(m, false) })
				time.Sleep(window)
				synctest.Wait()
				if n := total(m.parse(t)); n != 1000 {
					t.Errorf("%d denials are told of: %s", n, story(m.parse(t)))
				}
			})
		})
	}
}

// Somebody who was denied once is forgotten, and then no timer runs.
func TestForget(t *testing.T) {
	one(t, func(l *Log, _ *memory) {
		l.Denied(denial("x", 1))
		time.Sleep(2*window + time.Second)
		synctest.Wait()
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.denials.users) > 0 || l.timer != nil {
			t.Errorf("%d users, timer %v", len(l.denials.users), l.timer)
		}
	})
}

// What is owed is tried again without anybody calling.
func TestOwedIsTriedByTimer(t *testing.T) {
	one(t, func(l *Log, m *memory) {
		r := call("x", 1)
		if err := l.Before(r); err != nil {
			t.Fatal(err)
		}
		l.lock(func() { m.broken = errFull })
		if err := l.After(r); err == nil {
			t.Error("it was written")
		}
		time.Sleep(3 * window)
		l.lock(func() { m.broken = nil })
		time.Sleep(window)
		synctest.Wait()
		if got := story(m.parse(t)); got != "call x; done x" {
			t.Errorf("got %s", got)
		}
	})
}

// What is kept of a denial is not the caller's memory and has no arguments.
func TestCountsKeepLittle(t *testing.T) {
	d := newDenials()
	u := d.user(1, time.Now())
	r := denial(strings.Repeat("f", 1<<20), 1)
	r.Exe, r.Args, r.Groups = strings.Repeat("e", 1<<20), []byte(`{}`), make([]uint32, 1<<16)
	for range 2 {
		if !d.count(u, r) {
			t.Fatal("not counted")
		}
	}
	c := d.take(u)
	if len(c) != 1 || c[0].Count != 2 || c[0].Args != nil || c[0].Groups != nil || len(c[0].Exe) > maxExe+1 || len(c[0].Function) > maxFunction+1 {
		t.Errorf("got %+v", c)
	}
}
