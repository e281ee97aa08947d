package audit

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// two is a Log of two sinks.
func two(t *testing.T) (l *Log, a, b *memory, stderr *bytes.Buffer) {
	t.Helper()
	a, b, stderr = &memory{}, &memory{}, &bytes.Buffer{}
	l = newLog(Config{Service: "hostctl", Stderr: stderr}, []sink{a, b})
	t.Cleanup(func() { l.Close() })
	return l, a, b, stderr
}

func TestCall(t *testing.T) {
	l, a, b, stderr := two(t)
	r := call("x", 1)
	if err := l.Before(r); err != nil {
		t.Fatal(err)
	}
	if a.open != 1 || b.open != 1 {
		t.Errorf("room was made for %d and %d calls", a.open, b.open)
	}
	r.Result = ResultOK
	if err := l.After(r); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*memory{a, b} {
		got := m.parse(t)
		if story(got) != "call x; done x" || got[0].Request != got[1].Request || got[1].Result != "ok" {
			t.Errorf("got %q", m.lines)
		}
	}
	if l.open != 0 || stderr.Len() > 0 {
		t.Errorf("%d calls are open; %q", l.open, stderr)
	}
}

// A sink without room refuses before any sink is written to.
func TestBeforeNeedsEverySink(t *testing.T) {
	l, a, b, _ := two(t)
	b.fail = errFull
	err := l.Before(call("x", 1))
	if !errors.Is(err, errFull) || err.Error() != "x did not run, for it could not be recorded: memory: full" {
		t.Errorf("got %v", err)
	}
	if len(a.lines)+len(b.lines) > 0 || l.open != 0 {
		t.Errorf("%q %q %d", a.lines, b.lines, l.open)
	}
	b.fail = nil
	if err := l.Before(call("x", 1)); err != nil {
		t.Errorf("it did not recover: %v", err)
	}
}

// A sink that had room and fails makes the others say that the call did not run.
func TestBeforeIsTakenBack(t *testing.T) {
	l, a, b, _ := two(t)
	b.broken = errFull
	if err := l.Before(call("x", 1)); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
	got := a.parse(t)
	if story(got) != "call x; done x" || got[1].Result != ResultError || got[1].Error != "did not run: memory: full" {
		t.Errorf("got %q", a.lines)
	}
	if len(b.lines) > 0 || l.open != 0 {
		t.Errorf("%q %d", b.lines, l.open)
	}
}

// What After could not write is owed: it is said elsewhere, stops mutations, and
// comes first later, in order.
func TestAfterIsOwed(t *testing.T) {
	l, a, b, stderr := two(t)
	first, second, third := call("1", 1), call("2", 1), call("3", 1)
	for _, r := range []*Record{first, second} {
		if err := l.Before(r); err != nil {
			t.Fatal(err)
		}
	}
	b.broken = errFull
	for _, r := range []*Record{first, second} {
		if err := l.After(r); !errors.Is(err, errFull) {
			t.Errorf("got %v", err)
		}
	}
	if story(a.parse(t)) != "call 1; call 2; done 1; done 2" {
		t.Errorf("got %q", a.lines)
	}
	if got := stderr.String(); strings.Count(got, "\n") != 2 || !strings.HasPrefix(got, "hostctl: audit: request "+first.Request) {
		t.Errorf("got %q", got)
	}
	if err := l.Before(third); err == nil || !strings.Contains(err.Error(), "not recorded there yet: 2") {
		t.Errorf("got %v", err)
	}
	b.broken = nil
	if err := l.Before(third); err != nil {
		t.Fatal(err)
	}
	if story(b.parse(t)) != "call 1; call 2; done 1; done 2; call 3" {
		t.Errorf("got %q", b.lines)
	}
}

func TestBeforeHasALimit(t *testing.T) {
	l, _, _, _ := two(t)
	for range MaxOpen {
		if err := l.Before(call("x", 1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Before(call("x", 1)); !errors.Is(err, errOpen) {
		t.Errorf("got %v", err)
	}
}

func TestReopen(t *testing.T) {
	l, a, b, _ := two(t)
	a.fail = errFull
	if err := l.Reopen(); !errors.Is(err, errFull) || a.opened != 1 || b.opened != 1 {
		t.Errorf("got %v, %d, %d", err, a.opened, b.opened)
	}
}

func TestClose(t *testing.T) {
	l, a, b, _ := two(t)
	for range userBurst + 2 {
		l.Denied(denial("x", 1))
	}
	b.fail = errFull
	if err := l.Close(); err == nil || !strings.Contains(err.Error(), "memory: 2 denials since ") {
		t.Errorf("got %v", err)
	}
	if got := story(a.parse(t)[userBurst:]); got != "denied x 2" {
		t.Errorf("got %q", got)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	l.Denied(denial("x", 1))
	if err := l.Before(call("x", 1)); !errors.Is(err, errClosed) {
		t.Errorf("got %v", err)
	}
	if err := l.Reopen(); !errors.Is(err, errClosed) {
		t.Errorf("got %v", err)
	}
}

func TestOpenNothing(t *testing.T) {
	if _, err := Open(Config{Journal: JournalOff}); !errors.Is(err, errNoSink) {
		t.Errorf("got %v", err)
	}
}

func TestOpenStderr(t *testing.T) {
	var b bytes.Buffer
	l, err := Open(Config{Journal: JournalOff, Stderr: &b})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Before(call("x", 1)); err != nil {
		t.Fatal(err)
	}
	if got := story(parse(t, b.String())); got != "call x" {
		t.Errorf("got %q", got)
	}
	if got := l.Sinks(); len(got) != 1 || got[0] != "standard error" {
		t.Errorf("got %q", got)
	}
}
