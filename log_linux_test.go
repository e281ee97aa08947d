package outwork_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/outwork-go/outwork"
)

var logs = outwork.Func("test.logs", func(ctx context.Context, _ struct{}) (struct{}, error) {
	slog.Debug("too low")
	l := slog.With("with", 1).WithGroup("g")
	l.WarnContext(ctx, "hot\x1b]0;title\x07", "s", "text", "i", -3, "u", uint64(1)<<63, "f", 1.5, "b", true,
		"d", time.Second, "t", time.Unix(1e9, 5).UTC(), slog.Group("in", "ner", "x"), "err", errBroke)
	log.Print("by package log")
	return struct{}{}, nil
})

// records logs to the manager in JSON, and tells the lines.
func records(level slog.Level) (*slog.Logger, func(t *testing.T) []map[string]any) {
	var b buffer
	return slog.New(slog.NewJSONHandler(&b, &slog.HandlerOptions{Level: level})), func(t *testing.T) (all []map[string]any) {
		for line := range strings.Lines(b.String()) {
			var r map[string]any
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatal(err)
			}
			all = append(all, r)
		}
		return all
	}
}

func TestLogs(t *testing.T) {
	logger, lines := records(slog.LevelInfo)
	m := outwork.Manager{Log: logger}
	w := started(t, &m, outwork.Target{Name: "ann"})
	if _, err := logs.Call(within(t), w, struct{}{}); err != nil {
		t.Fatal(err)
	}
	got := lines(t)
	if len(got) != 2 {
		t.Fatalf("got %v", got)
	}
	r := got[0]
	if msg := fmt.Sprint(r["msg"]); strings.Contains(msg, "\x1b") || !strings.HasPrefix(msg, "hot") {
		t.Errorf("the message is %q", msg)
	}
	if source := fmt.Sprint(r["source"]); !strings.Contains(source, "log_linux_test.go:") {
		t.Errorf("the source is %q", source)
	}
	if at, err := time.Parse(time.RFC3339Nano, fmt.Sprint(r["time"])); err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("the time is %v", r["time"])
	}
	want := map[string]any{
		"s": "text", "i": -3.0, "u": float64(1 << 63), "f": 1.5, "b": true, "d": 1e9,
		"t": "2001-09-09T01:46:40.000000005Z", "in": map[string]any{"ner": "x"}, "err": errBroke.Error(),
	}
	if g := fmt.Sprint(r["g"]); g != fmt.Sprint(want) {
		t.Errorf("the group is %v, want %v", g, want)
	}
	if r["level"] != "WARN" || r["worker"] != "ann" || r["with"] != 1.0 {
		t.Errorf("got %v", r)
	}
	if r := got[1]; r["msg"] != "by package log" || r["level"] != "INFO" || r["worker"] != "ann" {
		t.Errorf("got %v", r)
	}
}

// logsDeep logs attributes that lie in more groups than cross.
var logsDeep = outwork.Func("test.logs.deep", func(context.Context, struct{}) (struct{}, error) {
	const groups = 1000
	with, in := slog.Default(), slog.String("key", "deep")
	for range groups {
		with, in = with.WithGroup("with"), slog.Group("in", in)
	}
	with.Info("with", "key", "deep")
	slog.Info("in", in)
	return struct{}{}, nil
})

// TestLogsOfManyGroups: a record whose attributes lie too deep comes with fewer groups.
func TestLogsOfManyGroups(t *testing.T) {
	logger, lines := records(slog.LevelInfo)
	m := outwork.Manager{Log: logger}
	w := started(t, &m, outwork.Target{})
	if _, err := logsDeep.Call(within(t), w, struct{}{}); err != nil {
		t.Fatal(err)
	}
	got := lines(t)
	if len(got) != 2 {
		t.Fatalf("got %v", got)
	}
	for _, r := range got {
		name, groups := fmt.Sprint(r["msg"]), 0
		for inner, ok := r[name].(map[string]any); ok; inner, ok = r[name].(map[string]any) {
			r = inner
			groups++
		}
		if groups != 63 || r["key"] != "deep" {
			t.Errorf("%s: %d groups with %v", name, groups, r)
		}
	}
}

var enabled = outwork.Func("test.enabled", func(ctx context.Context, level int) (bool, error) {
	return slog.Default().Enabled(ctx, slog.Level(level)), nil
})

func TestLogLevel(t *testing.T) {
	logger, _ := records(slog.LevelWarn)
	m := outwork.Manager{Log: logger}
	w := started(t, &m, outwork.Target{})
	is := func(w *outwork.Worker, level slog.Level) bool {
		on, err := enabled.Call(within(t), w, int(level))
		if err != nil {
			t.Fatal(err)
		}
		return on
	}
	if is(w, slog.LevelInfo) || !is(w, slog.LevelWarn) {
		t.Error("the level at start is not the logger's")
	}
	m.SetLogLevel(slog.LevelDebug)
	if !is(w, slog.LevelDebug) || is(w, slog.LevelDebug-1) {
		t.Error("the worker does not follow SetLogLevel")
	}
	if later := started(t, &m, outwork.Target{}); !is(later, slog.LevelDebug) {
		t.Error("a later worker does not know the level")
	}
}

// logsMuch logs until a record has to wait for long, and returns how many it
// was.
var logsMuch = outwork.Func("test.logs.much", func(context.Context, struct{}) (n int, err error) {
	text := strings.Repeat("x", 200<<10)
	for began := time.Now(); time.Since(began) < time.Second/2; n++ {
		began = time.Now()
		slog.Info("long", "text", text)
	}
	fmt.Println("all logged")
	return n, nil
})

// stuck is a handler that holds the first record until it is let go.
type stuck struct {
	slog.Handler
	go_ chan struct{}
}

func (s stuck) Handle(ctx context.Context, r slog.Record) error {
	<-s.go_
	return s.Handler.Handle(ctx, r)
}

func TestDroppedLogsAreCounted(t *testing.T) {
	logger, lines := records(slog.LevelInfo)
	var stdout buffer
	hold := stuck{logger.Handler(), make(chan struct{})}
	m := outwork.Manager{Log: slog.New(hold), Stdout: &stdout}
	w := started(t, &m, outwork.Target{})
	call := logsMuch.Go(within(t), w, struct{}{})
	eventually(t, "the function does not wait for ever", func() bool { return stdout.String() != "" })
	close(hold.go_)
	many, err := call.Result()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := logs.Call(within(t), w, struct{}{}); err != nil { // brings the count
		t.Fatal(err)
	}
	arrived, dropped := 0, 0
	for _, r := range lines(t) {
		if r["msg"] == "long" {
			arrived++
		}
		if n, ok := r["dropped"].(float64); ok {
			dropped += int(n)
		}
	}
	if dropped == 0 || arrived+dropped != many {
		t.Errorf("%d arrived and %d were dropped, of %d", arrived, dropped, many)
	}
}
