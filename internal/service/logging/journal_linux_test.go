package logging

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/service/logging/journal/journaltest"
)

// stderr makes os.Stderr something else for a test.
func stderr(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stderr
	os.Stderr = f
	t.Cleanup(func() {
		os.Stderr = before
		f.Close()
	})
	return f
}

// stream makes systemd say that file descriptor 2 is its stream.
func stream(t *testing.T) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(2, &st); err != nil {
		t.Fatal(err)
	}
	t.Setenv("JOURNAL_STREAM", fmt.Sprintf("%d:%d", st.Dev, st.Ino))
}

func TestKind(t *testing.T) {
	file := t.TempDir() + "/stderr"
	for _, test := range []struct {
		name     string
		journald bool
		stderr   string // "" leaves it
		stream   bool
		own      bool // writes somewhere else than to os.Stderr
		want     string
	}{
		{name: "a file", journald: true, stderr: file, want: Text},
		{name: "the journal's stream", journald: true, stderr: file, stream: true, want: Journal},
		{name: "nowhere", journald: true, stderr: os.DevNull, want: Journal},
		{name: "nowhere, without journald", stderr: os.DevNull, want: Text},
		{name: "a stream, without journald", stderr: file, stream: true, want: Text},
		{name: "a writer of somebody's own", journald: true, stream: true, own: true, want: Text},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := journaltest.Start(t)
			if !test.journald {
				d.Close()
			}
			t.Setenv("JOURNAL_STREAM", "")
			if test.stream {
				stream(t)
			}
			if test.stderr != "" {
				stderr(t, test.stderr)
			}
			w := io.Writer(os.Stderr)
			if test.own {
				w = io.Discard
			}
			if _, kind := New("hostd", w); kind != test.want {
				t.Errorf("got %s, want %s", kind, test.want)
			}
		})
	}
}

func TestJournal(t *testing.T) {
	d := journaltest.Start(t)
	stderr(t, os.DevNull)
	h, _ := New("hostd", os.Stderr)
	l := slog.New(h)
	ctx := withCall(t, "r-1", 7)
	l.With("a", 1).WithGroup("net").WarnContext(ctx, "two\nlines", "hostName", "x\nPRIORITY=0")
	got := d.Next(t)
	for name, want := range map[string]string{
		"MESSAGE":  `two\u000alines a=1 net.hostName="x\u000aPRIORITY=0" request=r-1 uid=7`,
		"PRIORITY": "4", "SYSLOG_IDENTIFIER": "hostd", "A": "1", "NET_HOSTNAME": `x\u000aPRIORITY=0`,
		"OUTWORK_REQUEST": "r-1", "OUTWORK_UID": "7",
	} {
		if got[name] != want {
			t.Errorf("%s: got %q, want %q", name, got[name], want)
		}
	}
	if !strings.HasSuffix(got["CODE_FILE"], "journal_linux_test.go") || got["CODE_LINE"] == "" || !strings.HasSuffix(got["CODE_FUNC"], "logging.TestJournal") {
		t.Errorf("got %q", got)
	}
}

func TestPriorities(t *testing.T) {
	d := journaltest.Start(t)
	t.Setenv("DEBUG_INVOCATION", "1")
	stderr(t, os.DevNull)
	h, _ := New("hostd", os.Stderr)
	for level, want := range map[slog.Level]string{
		slog.LevelDebug: "7", slog.LevelInfo: "6", slog.LevelInfo + 1: "6", slog.LevelWarn: "4", slog.LevelError: "3", 100: "3",
	} {
		slog.New(h).Log(t.Context(), level, "x")
		if got := d.Next(t)["PRIORITY"]; got != want {
			t.Errorf("%v: got %s, want %s", level, got, want)
		}
	}
}

// What the journal does not take is text.
func TestJournalVanishes(t *testing.T) {
	d := journaltest.Start(t)
	stderr(t, os.DevNull)
	h, _ := New("hostd", os.Stderr)
	text := &strings.Builder{}
	h.(*handler).out.(*journald).text.w = text
	d.Close()
	slog.New(h).Info("lost")
	if got := text.String(); !strings.HasSuffix(got, " INFO lost\n") {
		t.Errorf("got %q", got)
	}
	d = journaltest.Start(t)
	slog.New(h).Info("found")
	if got := d.Next(t)["MESSAGE"]; got != "found" {
		t.Errorf("got %q", got)
	}
}

// FuzzEntry: an entry is one, with the fields that it must have.
func FuzzEntry(f *testing.F) {
	f.Add("x", "a", "b")
	f.Add("x\nPRIORITY=0", "message", "\x00\xff\u2028")
	f.Add(strings.Repeat("\x1b", 10_000), strings.Repeat("k", 1000), strings.Repeat("\n", 10_000))
	o := &journald{service: "hostd"}
	f.Fuzz(func(t *testing.T, message, key, value string) {
		if message == "" {
			return
		}
		r := slog.NewRecord(time.Now(), slog.LevelInfo, message, 0)
		var a attrs
		a.add("", slog.String(key, value), 0)
		e := o.entry(r, nil, &a)
		fields, err := journaltest.Parse(e)
		if err != nil || fields["MESSAGE"] == "" || fields["PRIORITY"] != "6" || fields["SYSLOG_IDENTIFIER"] != "hostd" {
			t.Errorf("%v: %q", err, e)
		}
	})
}

func TestWithoutContext(t *testing.T) {
	if callOf(context.Background()) != nil {
		t.Error("a call without one")
	}
}
