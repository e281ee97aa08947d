package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

const (
	// plainEvery is the time between two lines that tell how far the map is, where there is no
	// terminal.
	plainEvery = 5 * time.Second

	// rateOver is the time whose rate is told.
	rateOver = 10 * time.Second

	// maxSlowest is how many files the summary names as the slowest.
	maxSlowest = 5

	// slow is the least time in seconds that makes a file one of them.
	slow = 0.1
)

// meter tells how far a map is, and at the end what became of all. It is safe for concurrent
// use.
type meter struct {
	m     *mapping
	begun time.Time
	over  chan struct{}
	ended sync.WaitGroup

	mu      sync.Mutex // guards what follows
	done    int
	failed  int
	causes  map[string]int
	slowest []slowFile
	past    []sample // the oldest first
}

type slowFile struct {
	name string
	time float64 // seconds
}

// sample is how many files were done at a time.
type sample struct {
	at   time.Time
	done int
}

// newMeter begins to tell. stop ends that.
func newMeter(m *mapping) *meter {
	t := &meter{m: m, begun: time.Now(), over: make(chan struct{}), causes: map[string]int{}}
	t.past = []sample{{t.begun, 0}}
	t.ended.Go(t.loop)
	return t
}

// stop takes the progress away.
func (t *meter) stop() {
	close(t.over)
	t.ended.Wait()
	t.m.job.screen.clear()
}

// loop writes what waits, and tells how far the map is.
func (t *meter) loop() {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	told := t.begun
	for {
		select {
		case <-t.over:
			return
		case now := <-tick.C:
			t.m.results.flush()
			p := t.look(now)
			switch s := t.m.job.screen; {
			case t.m.quiet:
			case s.width > 0:
				s.resize()
				s.show(p.bar(s.width - 1))
			case now.Sub(told) >= plainEvery:
				told = now
				t.m.app.complain(t.m.verb + ": " + p.text())
			}
		}
	}
}

// count takes in a line.
func (t *meter) count(l *mapLine) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done++
	if l.Error != nil {
		t.failed++
		t.causes[l.Error.Cause]++
	}
	if l.Time < slow || len(t.slowest) == maxSlowest && l.Time <= t.slowest[maxSlowest-1].time {
		return
	}
	t.slowest = append(t.slowest, slowFile{l.File, l.Time})
	slices.SortStableFunc(t.slowest, func(a, b slowFile) int { return cmp.Compare(b.time, a.time) })
	t.slowest = t.slowest[:min(len(t.slowest), maxSlowest)]
}

// progress is how far a map is.
type progress struct {
	done, failed, total int
	all                 bool // total is not going to grow
	rate                float64
}

// look is how far the map is now.
func (t *meter) look(now time.Time) progress {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.past = append(t.past, sample{now, t.done})
	for len(t.past) > 2 && now.Sub(t.past[1].at) >= rateOver {
		t.past = t.past[1:]
	}
	p := progress{done: t.done, failed: t.failed}
	p.total, p.all = t.m.names.total()
	if took := now.Sub(t.past[0].at).Seconds(); took > 0 {
		p.rate = float64(t.done-t.past[0].done) / took
	}
	return p
}

// text is it in words.
func (p *progress) text() string {
	more := ""
	if !p.all {
		more = "+"
	}
	parts := []string{fmt.Sprintf("%d of %d%s files", p.done, p.total, more), fmt.Sprintf("%s/s", few(p.rate))}
	if p.failed > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", p.failed))
	}
	if left, ok := p.left(); ok {
		parts = append(parts, left.String()+" left")
	}
	return strings.Join(parts, ", ")
}

// left is how long it is going to take.
func (p *progress) left() (time.Duration, bool) {
	const most = 1000 * time.Hour
	if !p.all || p.rate <= 0 {
		return 0, false
	}
	left := float64(p.total-p.done) / p.rate
	return time.Duration(left * float64(time.Second)).Round(time.Second), left < most.Seconds()
}

// few is a number with as many digits as matter.
func few(n float64) string {
	if n < 9.95 {
		return fmt.Sprintf("%.1f", n)
	}
	return fmt.Sprintf("%.0f", n)
}

// bar is it on a line of so many columns: only ASCII, and no colour.
func (p *progress) bar(columns int) string {
	const least, most = 10, 40
	text := p.text()
	if p.total == 0 || !p.all {
		return text
	}
	part := float64(p.done) / float64(p.total)
	text = fmt.Sprintf("%3d%%  %s", int(part*100), text)
	room := min(columns-len(text)-3, most) // brackets and a space
	if room < least {
		return text
	}
	full := int(part * float64(room))
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", room-full) + "] " + text
}

// summary tells what became of all files.
func (t *meter) summary() {
	t.mu.Lock()
	defer t.mu.Unlock()
	took := time.Since(t.begun)
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "FILES\tRESULT\n%d\tok\n", t.done-t.failed)
	for _, cause := range t.sorted() {
		fmt.Fprintf(w, "%d\t%s%s%s\n", t.causes[cause], t.red(), cause, t.plain())
	}
	fmt.Fprintf(w, "%d\tall, in %s, %s/s\n", t.done, brief(took), few(float64(t.done)/max(took.Seconds(), 1e-3)))
	if n := t.m.earlier.skipped.Load(); n > 0 {
		fmt.Fprintf(w, "%d\tdone before, of which %d failed\n", n, t.m.earlier.failed.Load())
	}
	if len(t.slowest) > 0 {
		fmt.Fprint(w, "TIME\tSLOWEST\n")
	}
	for _, f := range t.slowest {
		fmt.Fprintf(w, "%.1fs\t%s\n", f.time, firstLine(f.name))
	}
	w.Flush()
	for line := range strings.Lines(b.String()) {
		t.m.app.complain(strings.TrimRight(line, " \n"))
	}
}

// sorted is the causes that there are, in their order.
func (t *meter) sorted() []string {
	return slices.SortedFunc(maps.Keys(t.causes), func(a, b string) int {
		return cmp.Or(t.causes[b]-t.causes[a], slices.Index(causes(), a)-slices.Index(causes(), b))
	})
}

// red begins what went wrong, on a terminal that has colours, and plain ends it.
func (t *meter) red() string {
	if !colours(t.m.app.stderr) {
		return ""
	}
	return "\x1b[31m"
}

func (t *meter) plain() string {
	if t.red() == "" {
		return ""
	}
	return "\x1b[0m"
}

// brief is a time for people.
func brief(d time.Duration) string {
	if d < 10*time.Second {
		return seconds(d)
	}
	return d.Round(time.Second).String()
}

// kindFiles is that some of the files failed.
const kindFiles = "files"

// status is what the exit status has to tell.
func (m *mapping) status() error {
	m.meter.mu.Lock()
	defer m.meter.mu.Unlock()
	before := int(m.earlier.failed.Load())
	failed, all := m.meter.failed+before, m.meter.done+int(m.earlier.skipped.Load())
	if failed == 0 {
		return nil
	}
	text := fmt.Sprintf("%d of %s failed", failed, count(all, "file"))
	if before > 0 {
		text += fmt.Sprintf(", %d of them before: --retry-failed does those again", before)
	}
	return &failure{status: statusFailed, Kind: kindFiles, Message: text}
}
