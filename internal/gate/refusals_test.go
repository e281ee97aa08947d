package gate

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// logged keeps records as text, without their time.
type logged struct {
	mu    sync.Mutex
	lines []string
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}

// take is what was logged since the last time.
func (l *logged) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines = nil
	return lines
}

// has reports whether one of what was logged contains all of parts.
func (l *logged) has(parts ...string) bool { return len(l.find(parts...)) > 0 }

// find is what was logged and contains all of parts.
func (l *logged) find(parts ...string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
next:
	for _, line := range l.lines {
		for _, part := range parts {
			if !strings.Contains(line, part) {
				continue next
			}
		}
		found = append(found, line)
	}
	return found
}

func newLog() (*slog.Logger, *logged) {
	l := &logged{}
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})), l
}

// 10 at once, then one a second, and once a second how many there were besides.
func TestRefusalsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, got := newLog()
		r := newRefusals(log)
		for i := range 1000 {
			r.warn("no", "i", i)
		}
		lines := got.take()
		if len(lines) != LogBurst || lines[0] != "level=WARN msg=no i=0" || lines[9] != "level=WARN msg=no i=9" {
			t.Errorf("at once: %q", lines)
		}
		time.Sleep(logEvery)
		synctest.Wait()
		if lines := got.take(); len(lines) != 1 || lines[0] != `level=WARN msg="refused more connections" count=990` {
			t.Errorf("a second later: %q", lines)
		}
		for i := range 50 {
			r.warn("no", "i", i)
			time.Sleep(logEvery / 10)
		}
		synctest.Wait()
		if n := len(got.find("msg=no")); n < 5 || n > 6 {
			t.Errorf("%d in 5 s", n)
		}
		time.Sleep(time.Hour)
		got.take()
		for range LogBurst + 3 {
			r.warn("no")
		}
		r.close()
		if lines := got.take(); len(lines) != LogBurst+1 || !strings.HasSuffix(lines[LogBurst], "count=3") {
			t.Errorf("an hour later, and closed: %q", lines)
		}
	})
}

// Nothing is lost, whoever logs, and whenever it is closed.
func TestRefusalsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, got := newLog()
		r := newRefusals(log)
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				for range 100 {
					r.warn("no")
					time.Sleep(70 * time.Millisecond)
				}
			})
		}
		group.Wait()
		r.close()
		told := len(got.find("msg=no"))
		for _, line := range got.find("count=") {
			var n int
			fmt.Sscanf(line[strings.Index(line, "count="):], "count=%d", &n)
			told += n
		}
		if told != 2000 {
			t.Errorf("%d of 2000 were told", told)
		}
	})
}
