package service_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

// abused is a daemon that is about to be. When the test ends it must be as it was:
// the same process, that serves, holds no more than before, and has let nobody
// write in its name.
func abused(t *testing.T, args ...string) *testDaemon {
	t.Helper()
	d := startDaemon(t, args...)
	d.staysAsItIs()
	return d
}

// staysAsItIs is abused for a daemon that runs already.
func (d *testDaemon) staysAsItIs() {
	d.t.Helper()
	d.healthy() // whatever is made when the first client comes
	before := d.footprint()
	d.t.Cleanup(func() {
		d.healthy()
		d.unforged()
		d.settles(before)
	})
}

// footprint is what a process holds.
type footprint struct {
	fds, threads int
	resident     int // KiB
	peak         int // KiB
}

func (d *testDaemon) footprint() (f footprint) {
	d.t.Helper()
	dir := fmt.Sprintf("/proc/%d/", d.cmd.Process.Pid)
	fds, err := os.ReadDir(dir + "fd")
	if err != nil {
		d.t.Fatal(err)
	}
	f.fds = len(fds)
	status, err := os.ReadFile(dir + "status")
	if err != nil {
		d.t.Fatal(err)
	}
	for name, to := range map[string]*int{"Threads": &f.threads, "VmRSS": &f.resident, "VmHWM": &f.peak} {
		_, rest, _ := strings.Cut(string(status), "\n"+name+":")
		if _, err := fmt.Sscan(rest, to); err != nil {
			d.t.Fatalf("%s of the daemon: %v", name, err)
		}
	}
	return f
}

// forgetPeak makes the peak of the daemon's memory what it uses now.
func (d *testDaemon) forgetPeak() footprint {
	d.t.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", d.cmd.Process.Pid), []byte("5"), 0); err != nil {
		d.t.Fatal(err)
	}
	return d.footprint()
}

// What a daemon may keep after an attack. A connection has a thread while much
// comes, and Go keeps threads, and gives memory back as it pleases: a thousand
// connections that end at once leave it some 30 MiB to collect.
const (
	keptThreads = 128
	keptMemory  = memoryFactor * 48 << 10 // KiB
)

// settles waits until the daemon holds no more files than before.
func (d *testDaemon) settles(before footprint) {
	d.t.Helper()
	var now footprint
	d.eventually("the daemon's files are closed", func() bool {
		now = d.footprint()
		return now.fds <= before.fds
	})
	if now.fds > before.fds || now.threads > before.threads+keptThreads || now.resident > before.resident+keptMemory {
		d.t.Errorf("the daemon holds %+v; it held %+v", now, before)
	}
}

// eventually waits until what must become true is.
func (d *testDaemon) eventually(what string, true func() bool) {
	d.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !true(); <-tick.C {
		if time.Now().After(end) {
			d.t.Errorf("in %v it did not come about that %s", patience, what)
			return
		}
	}
}

// told waits until the daemon's log says word.
func (d *testDaemon) told(word string) {
	d.t.Helper()
	d.eventually(fmt.Sprintf("the log says %q", word), func() bool { return strings.Contains(d.log.String(), word) })
}

// recorded waits for as many records of a function with this event and result.
func (d *testDaemon) recorded(n int, function, event, result string) []record {
	d.t.Helper()
	var found []record
	d.eventually(fmt.Sprintf("%d records tell of %s: %s %s", n, function, event, result), func() bool {
		found = d.records(func(r record) bool { return r.Function == function && r.Event == event && r.Result == result })
		return len(found) >= n
	})
	if len(found) != n {
		d.t.Errorf("%d records tell of %s: %s %s; want %d", len(found), function, event, result, n)
	}
	return found
}

// A line of the daemon's log, and the events of records.
var (
	logLine         = regexp.MustCompile(`^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (INFO|WARN|ERROR) \S|testd: audit: )`)
	eventsOfRecords = []string{"call", "done", "denied", "others", "torn"}
)

// unforged checks that the log and the records are lines that only the daemon can
// have made.
func (d *testDaemon) unforged() {
	d.t.Helper()
	for line := range strings.Lines(d.log.String()) {
		if !logLine.MatchString(line) || unprintable(line) {
			d.t.Errorf("the log has the line %q", line)
		}
	}
	b, err := os.ReadFile(auditPath)
	if err != nil {
		d.t.Error(err)
	}
	requests := map[string][]string{}
	for line := range bytes.Lines(b) {
		var r record
		if err := json.Unmarshal(line, &r); err != nil || !slices.Contains(eventsOfRecords, r.Event) || unprintable(string(line)) {
			d.t.Errorf("the records have the line %q: %v", line, err)
		}
		requests[r.Request] = append(requests[r.Request], r.Event)
	}
	for request, events := range requests {
		if story := strings.Join(events, " "); request != "" && story != "call" && story != "call done" && story != "denied" {
			d.t.Errorf("the records tell of the request %s: %s", request, story)
		}
	}
}

func unprintable(line string) bool {
	return strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool {
		return r == unicode.ReplacementChar || !unicode.IsPrint(r)
	})
}
