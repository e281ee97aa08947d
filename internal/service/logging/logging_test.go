package logging

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/outwork-go/outwork/internal/realm"
)

func TestMain(m *testing.M) { realm.Main(m, realm.Options{}) }

// logger writes text without times.
func logger(w io.Writer) *slog.Logger {
	h, _ := New("hostd", w)
	return slog.New(timeless{h})
}

type timeless struct{ slog.Handler }

func (h timeless) Handle(ctx context.Context, r slog.Record) error {
	r.Time = time.Time{}
	return h.Handler.Handle(ctx, r)
}

type panicking struct{}

func (panicking) String() string { panic("no") }

func TestText(t *testing.T) {
	for want, log := range map[string]func(l *slog.Logger){
		"INFO started\n": func(l *slog.Logger) { l.Info("started") },
		"":               func(l *slog.Logger) { l.Debug("not shown") },
		"ERROR two\\u000alines a=b c=\"d e\" f=\"\" g=\"h=i\" j=\"\\\"\\\\\"\n": func(l *slog.Logger) {
			l.Error("two\nlines", "a", "b", "c", "d e", "f", "", "g", "h=i", "j", `"\`)
		},
		"WARN x err=oh\\u001b[0m n=3 d=1s nil=<nil>\n": func(l *slog.Logger) {
			l.Warn("x", "err", errors.New("oh\x1b[0m"), "n", 3, "d", time.Second, "nil", nil)
		},
		"INFO x k\\u000al=v\n":                        func(l *slog.Logger) { l.Info("x", "k\nl", "v") },
		"INFO x p=\"%!v(PANIC=String method: no)\"\n": func(l *slog.Logger) { l.Info("x", "p", panicking{}) },
	} {
		var b bytes.Buffer
		log(logger(&b))
		if got := b.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestCallInText(t *testing.T) {
	var b bytes.Buffer
	logger(&b).InfoContext(withCall(t, "r-1", 7), "x")
	if got := b.String(); got != "INFO x request=r-1 uid=7\n" {
		t.Errorf("got %q", got)
	}
}

// However much is said, a record is a line of a bounded length.
func TestTextIsBounded(t *testing.T) {
	var b bytes.Buffer
	long := strings.Repeat("\n", 1<<20)
	l := logger(&b).With(long, long)
	for i := range 20 {
		l = l.WithGroup(long).With(fmt.Sprint(i), long)
	}
	attrs := make([]any, 200)
	for i := range attrs {
		attrs[i] = slog.String(long, long)
	}
	deep := slog.String("a", "b")
	for range 100 {
		deep = slog.Group("g", deep)
	}
	l.Info(long, append(attrs, deep)...)
	got := b.String()
	if strings.Count(got, "\n") != 1 || len(got) > maxMessage+(maxAttrs+1)*(maxKey+maxValue+4) {
		t.Errorf("%d bytes, %d lines", len(got), strings.Count(got, "\n"))
	}
	if !strings.Contains(got, fmt.Sprintf("dropped_attributes=%d", 21+201-maxAttrs)) {
		t.Errorf("it does not say what was dropped: %.100q", got[len(got)-100:])
	}
}

// The rules of log/slog for handlers.
func TestSlogRules(t *testing.T) {
	var b bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		b.Reset()
		h, kind := New("hostd", &b)
		if kind != Text {
			t.Fatal(kind)
		}
		return h
	}, func(t *testing.T) map[string]any { return readText(t, b.String()) })
}

// readText reads a line of simple words back.
func readText(t *testing.T, line string) map[string]any {
	t.Helper()
	all := map[string]any{}
	words := strings.Fields(line)
	if _, err := time.Parse(time.RFC3339, words[0]); err == nil {
		all[slog.TimeKey] = words[0]
		words = words[1:]
	}
	all[slog.LevelKey], all[slog.MessageKey] = words[0], words[1]
	for _, word := range words[2:] {
		key, value, _ := strings.Cut(word, "=")
		at := all
		for {
			group, rest, ok := strings.Cut(key, ".")
			if !ok {
				break
			}
			if at[group] == nil {
				at[group] = map[string]any{}
			}
			at, key = at[group].(map[string]any), rest
		}
		at[key] = value
	}
	return all
}

func TestConcurrentText(t *testing.T) {
	var b bytes.Buffer
	l := logger(&b)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 100 {
				l.With("a", i).Info("hello", "b", i)
			}
		})
	}
	all.Wait()
	for line := range strings.Lines(b.String()) {
		var x, y int
		_, line, _ = strings.Cut(line, " ")
		if _, err := fmt.Sscanf(line, "INFO hello a=%d b=%d\n", &x, &y); err != nil || x != y {
			t.Fatalf("%v: %q", err, line)
		}
	}
	if n := strings.Count(b.String(), "\n"); n != 800 {
		t.Errorf("%d lines", n)
	}
}

func TestDebugIsAskedFor(t *testing.T) {
	t.Setenv("DEBUG_INVOCATION", "1")
	h, _ := New("hostd", io.Discard)
	if !h.Enabled(t.Context(), slog.LevelDebug) {
		t.Error("not at level debug")
	}
}

func TestFieldName(t *testing.T) {
	for key, want := range map[string]string{
		"name": "NAME", "hostName": "HOSTNAME", "net.host-name": "NET_HOST_NAME", "a\nB=c": "A_B_C",
		"": "LOG_", "_uid": "LOG__UID", "1st": "LOG_1ST", "é": "LOG__",
		"message": "LOG_MESSAGE", "message_id": "LOG_MESSAGE_ID", "Priority": "LOG_PRIORITY", "priorities": "PRIORITIES",
		"code_file": "LOG_CODE_FILE", "code": "CODE", "unit": "LOG_UNIT", "outwork.uid": "LOG_OUTWORK_UID",
		strings.Repeat("a", 100): strings.Repeat("A", maxField),
	} {
		if got := fieldName(key); got != want {
			t.Errorf("%q: got %s, want %s", key, got, want)
		}
	}
}

func TestNowhere(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !nowhere(null) {
		t.Error("the null device leads somewhere")
	}
	null.Close()
	if !nowhere(null) {
		t.Error("what is closed leads somewhere")
	}
	file, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if nowhere(file) {
		t.Error("a file leads nowhere")
	}
}

// aCall is one.
type aCall struct {
	request string
	uid     uint32
}

func (c aCall) Request() string { return c.request }
func (c aCall) UID() uint32     { return c.uid }

func withCall(t *testing.T, request string, uid uint32) context.Context {
	return context.WithValue(t.Context(), CallKey{}, aCall{request, uid})
}
