package main

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestLogHandler(t *testing.T) {
	for _, test := range []struct {
		name string
		log  func(*slog.Logger)
		want string
	}{
		{"plain", func(l *slog.Logger) { l.Info("hello", "n", 1, "s", "a b", "e", "") }, `INFO  hello n=1 s="a b" e=""` + "\n"},
		{"below the level", func(l *slog.Logger) { l.Debug("no") }, ""},
		{"between levels", func(l *slog.Logger) { l.Log(t.Context(), slog.LevelInfo+1, "x") }, "INFO+1 x\n"},
		{"the worker", func(l *slog.Logger) { l.Info("x", "worker", "w", "a", 1) }, "INFO  x a=1\n"},
		{"a script's worker", func(l *slog.Logger) { l.Info("x", "worker", "w", "worker", "mine") }, "INFO  x worker=mine\n"},
		{"the place", func(l *slog.Logger) { l.Info("x", slog.SourceKey, "f:1") }, "INFO  x\n"},
		{"lines", func(l *slog.Logger) { l.Error("one\ntwo\n") }, "ERROR one\n      two\n"},
		{"controls", func(l *slog.Logger) { l.Info("\x1b[31mred\r", "k\n", "\x07") }, `INFO  \x1b[31mred\r "k\n"="\a"` + "\n"},
		{"groups", func(l *slog.Logger) {
			l.With("a", 1).WithGroup("g").With("b", 2).Info("x", slog.Group("h", "c", 3), slog.Group("", "d", 4))
		}, "INFO  x a=1 g.b=2 g.h.c=3 g.d=4\n"},
		{"a time", func(l *slog.Logger) { l.Info("x", "d", 1500*time.Millisecond) }, "INFO  x d=1.5s\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var b bytes.Buffer
			test.log(slog.New(newLogHandler(&b, slog.LevelInfo, false)))
			if got := b.String(); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestLogColours(t *testing.T) {
	var b bytes.Buffer
	l := slog.New(newLogHandler(&b, slog.LevelDebug, true))
	l.Debug("d")
	l.Info("i")
	l.Warn("w")
	l.Error("e")
	want := "\x1b[2mDEBUG\x1b[0m d\nINFO  i\n\x1b[33mWARN \x1b[0m w\n\x1b[31mERROR\x1b[0m e\n"
	if b.String() != want {
		t.Errorf("got %q", &b)
	}
}

func TestLogKeepsLinesWhole(t *testing.T) {
	var b bytes.Buffer
	l := slog.New(newLogHandler(&b, slog.LevelInfo, false))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				l.With("k", "v").Info(strings.Repeat("x", 50))
			}
		})
	}
	wg.Wait()
	want := "INFO  " + strings.Repeat("x", 50) + " k=v\n"
	if got := strings.Count(b.String(), want); got != 800 || b.Len() != 800*len(want) {
		t.Errorf("%d whole lines of 800 in %d bytes", got, b.Len())
	}
}
