package audit

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// complaining is a Log whose calls cannot be recorded when they end, and its
// stderr.
func complaining(t *testing.T, test func(l *Log, end func(calls int), said func() []string)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m, stderr := &memory{}, &bytes.Buffer{}
		l := newLog(Config{Service: "hostctl", Stderr: stderr}, []sink{m})
		defer l.Close()
		end := func(calls int) {
			var open []*Record
			for range calls {
				r := call("x", 1)
				if err := l.Before(r); err != nil {
					t.Fatal(err)
				}
				open = append(open, r)
			}
			l.lock(func() { m.broken = errFull })
			for _, r := range open {
				if err := l.After(r); err == nil {
					t.Error("it was written")
				}
			}
			l.lock(func() { m.broken = nil })
		}
		said := func() (lines []string) {
			l.lock(func() {
				lines = strings.Split(strings.TrimSuffix(stderr.String(), "\n"), "\n")
				stderr.Reset()
			})
			return lines
		}
		test(l, end, said)
	})
}

const left7 = "hostctl: audit: 7 more such lines are left out"

func TestComplaintsAreRare(t *testing.T) {
	complaining(t, func(l *Log, end func(int), said func() []string) {
		end(complaintBurst + 7)
		if got := said(); len(got) != complaintBurst || !strings.HasPrefix(got[0], "hostctl: audit: request ") {
			t.Errorf("said %q", got)
		}
		time.Sleep(complaintEvery)
		end(1)
		if got := said(); len(got) != 2 || got[0] != left7 || !strings.Contains(got[1], "(x of uid 1) ended") {
			t.Errorf("said %q", got)
		}
		time.Sleep(complaintBurst * complaintEvery)
		end(complaintBurst)
		if got := said(); len(got) != complaintBurst {
			t.Errorf("said %q", got)
		}
	})
}

// What was counted is told of though nobody complains any more.
func TestComplaintsAreCounted(t *testing.T) {
	for name, wait := range map[string]func(l *Log){
		"timer": func(*Log) { time.Sleep(window); synctest.Wait() },
		"flush": (*Log).Flush,
		"close": func(l *Log) { l.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			complaining(t, func(l *Log, end func(int), said func() []string) {
				end(complaintBurst + 7)
				said()
				wait(l)
				if got := said(); len(got) != 1 || got[0] != left7 {
					t.Errorf("said %q", got)
				}
			})
		})
	}
}
