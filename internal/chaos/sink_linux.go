package main

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// sink receives output and records, and knows how many lines and records of each call have come. It
// is slow at times.
type sink struct {
	slow bool

	mu      sync.Mutex
	rand    *rand.Rand     // guarded by mu
	rest    []byte         // guarded by mu: a line that has not ended
	lines   map[string]int // guarded by mu: by the call's id
	records map[string]int // guarded by mu
}

func newSink(r *rand.Rand, slow bool) *sink {
	return &sink{slow: slow, rand: rand.New(rand.NewPCG(r.Uint64(), 1)), lines: map[string]int{}, records: map[string]int{}}
}

func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.slow && s.rand.IntN(50) == 0 {
		time.Sleep(time.Duration(s.rand.Int64N(int64(100 * time.Millisecond))))
	}
	s.rest = append(s.rest, b...)
	for {
		line, rest, ok := bytes.Cut(s.rest, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		s.count(string(line))
		s.rest = rest
	}
}

// count notes a line of the form "line ID N", perhaps with something before it.
func (s *sink) count(line string) {
	if i := strings.Index(line, "line "); i >= 0 {
		if f := strings.Fields(line[i:]); len(f) == 3 {
			s.lines[f[1]]++
		}
	}
}

// came is how many lines and records of a call have come.
func (s *sink) came(id string) (lines, records int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines[id], s.records[id]
}

// Enabled, Handle, WithAttrs and WithGroup make a sink a slog.Handler.
func (s *sink) Enabled(context.Context, slog.Level) bool { return true }

func (s *sink) Handle(_ context.Context, r slog.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Message != "record" {
		s.count(r.Message) // of OutputLog
		return nil
	}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "id" {
			s.records[a.Value.String()]++
		}
		return true
	})
	return nil
}

func (s *sink) WithAttrs([]slog.Attr) slog.Handler { return s }
func (s *sink) WithGroup(string) slog.Handler      { return s }
