package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/outwork-go/outwork/internal/realm"
	"github.com/outwork-go/outwork/internal/service/logging/journal/journaltest"
)

func TestJournalFields(t *testing.T) {
	d := journaltest.Start(t)
	l, err := Open(Config{Service: "hostctl"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := full
	r.Count, r.Result, r.Error, r.Duration = 0, "", "", 0
	r.Args = json.RawMessage("{\"name\":\n\"a\\nMESSAGE=x\u2028\"}")
	r.Rule = "file\nPRIORITY=0"
	if err := l.Before(&r); err != nil {
		t.Fatal(err)
	}
	wantFields(t, d.Next(t), map[string]string{
		"MESSAGE": "hostname.set is called by uid 1000", "MESSAGE_ID": MessageCall, "PRIORITY": "5",
		"SYSLOG_FACILITY": "10", "SYSLOG_IDENTIFIER": "hostctl", "OUTWORK_EVENT": "call",
		"OUTWORK_REQUEST": "abc-1", "OUTWORK_UID": "1000", "OUTWORK_GID": "100", "OUTWORK_PID": "42",
		"OUTWORK_GROUPS": "100,200", "OUTWORK_EXE": "/usr/bin/hostctl", "OUTWORK_LABEL": "unconfined",
		"OUTWORK_FUNCTION": "hostname.set", "OUTWORK_ARGS": `{"name":"a\nMESSAGE=x\u2028"}`,
		"OUTWORK_DECISION": "allowed", "OUTWORK_RULE": `file\u000aPRIORITY=0`,
	})
	r.Result, r.Error, r.Duration = ResultPanic, "oh", time.Second
	if err := l.After(&r); err != nil {
		t.Fatal(err)
	}
	wantFields(t, d.Next(t), map[string]string{
		"MESSAGE": "hostname.set for uid 1000 ended after 1s: panic: oh", "MESSAGE_ID": MessageDone, "PRIORITY": "3",
		"SYSLOG_FACILITY": "10", "SYSLOG_IDENTIFIER": "hostctl", "OUTWORK_EVENT": "done",
		"OUTWORK_REQUEST": "abc-1", "OUTWORK_UID": "1000", "OUTWORK_GID": "100", "OUTWORK_PID": "42",
		"OUTWORK_FUNCTION": "hostname.set", "OUTWORK_RESULT": "panic", "OUTWORK_ERROR": "oh", "OUTWORK_DURATION_NS": "1000000000",
	})
	l.Denied(denial("x", 5))
	got := d.Next(t)
	if got["MESSAGE"] != "x is denied to uid 5: none" || got["MESSAGE_ID"] != MessageDenied || got["PRIORITY"] != "4" {
		t.Errorf("got %q", got)
	}
	d.None(t)
}

func wantFields(t *testing.T, got, want map[string]string) {
	t.Helper()
	delete(got, "OUTWORK_TIME")
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s: got %q, want %q", name, got[name], value)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("more fields: %q", got)
	}
}

// A journal that vanished stops mutations, though the file works; what ran is
// recorded when it is back.
func TestJournalVanishes(t *testing.T) {
	d := journaltest.Start(t)
	path := filepath.Join(t.TempDir(), "audit.log")
	var stderr strings.Builder
	l, err := Open(Config{Service: "hostctl", File: path, Journal: JournalOn, Stderr: &stderr})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := begin(t, l, "x")
	d.Next(t)
	d.Close()
	if err := l.After(r); err == nil || !strings.Contains(err.Error(), "journal: reach journald") {
		t.Errorf("got %v", err)
	}
	if err := l.Before(call("y", 1)); err == nil || !strings.Contains(err.Error(), "journal: reach journald") {
		t.Errorf("got %v", err)
	}
	l.Denied(denial("d", 2))
	wantStory(t, path, "call x; done x; denied d")
	if !strings.Contains(stderr.String(), r.Request) {
		t.Errorf("got %q", &stderr)
	}
	d = journaltest.Start(t)
	begin(t, l, "z")
	for _, want := range []string{"done x", "call z"} {
		if got := d.Next(t); got["OUTWORK_EVENT"]+" "+got["OUTWORK_FUNCTION"] != want {
			t.Errorf("got %q, want %s", got, want)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := d.Next(t); got["OUTWORK_EVENT"] != EventOthers || got["OUTWORK_COUNT"] != "1" {
		t.Errorf("got %q", got)
	}
}

// A journald that reads nothing holds up one record, and then none for a while.
func TestJournalIsStuck(t *testing.T) {
	journaltest.Start(t)
	l, err := Open(Config{Service: "hostctl", Journal: JournalOn})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range MaxOpen {
		if err = l.Before(call("x", 1)); err != nil {
			break
		}
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	start := time.Now()
	for range 10 {
		if err := l.Before(call("x", 1)); err == nil {
			t.Error("a record was taken")
		}
	}
	if d := time.Since(start); d > journalTimeout/2 {
		t.Errorf("ten more took %v", d)
	}
}

func TestJournalOnNeedsOne(t *testing.T) {
	realm.Need(t)
	if _, err := Open(Config{Journal: JournalOn}); err == nil || !strings.Contains(err.Error(), "reach journald") {
		t.Errorf("got %v", err)
	}
	path := filepath.Join(t.TempDir(), "audit.log")
	l, err := Open(Config{File: path})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got := l.Sinks(); fmt.Sprint(got) != "[audit file "+path+"]" {
		t.Errorf("got %q", got)
	}
}

// Nothing of a Log stays, nor of one that could not be opened.
func TestNothingStays(t *testing.T) {
	journaltest.Start(t)
	dir := t.TempDir()
	use := func() {
		l, err := Open(Config{File: filepath.Join(dir, "audit.log"), Journal: JournalOn})
		if err != nil {
			t.Fatal(err)
		}
		l.Denied(denial("d", 1))
		if err := l.Reopen(); err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if _, err := Open(Config{File: dir, Journal: JournalOn}); err == nil {
			t.Error("a directory was opened")
		}
	}
	use()
	before := descriptors(t)
	for range 5 {
		use()
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
