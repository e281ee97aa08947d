package outwork

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"strings"
	"time"

	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/output"
)

// Kinds of attributes on the wire.
const (
	attrString uint8 = iota
	attrInt
	attrUint
	attrFloat
	attrBool
	attrDuration
	attrTime
)

func attrValue(a *link.Attr) slog.Value {
	switch a.Kind {
	case attrInt:
		return slog.Int64Value(a.Int)
	case attrUint:
		return slog.Uint64Value(uint64(a.Int))
	case attrFloat:
		return slog.Float64Value(math.Float64frombits(uint64(a.Int)))
	case attrBool:
		return slog.BoolValue(a.Int != 0)
	case attrDuration:
		return slog.DurationValue(time.Duration(a.Int))
	case attrTime:
		if t, err := time.Parse(time.RFC3339Nano, a.Text); err == nil {
			return slog.TimeValue(t)
		}
	}
	return slog.StringValue(a.Text)
}

// log hands a worker's record to the manager's logger.
func (w *Worker) log(r link.Record) {
	if !w.mayLog(&r) {
		return
	}
	h := w.m.logger().Handler()
	ctx := context.Background()
	if r.Dropped > 0 && h.Enabled(ctx, slog.LevelWarn) {
		lost := slog.NewRecord(time.Now(), slog.LevelWarn, "log records were dropped: the manager did not keep up", 0)
		lost.AddAttrs(slog.String("worker", w.name), slog.Uint64("dropped", r.Dropped))
		h.Handle(ctx, lost)
	}
	if !h.Enabled(ctx, slog.Level(r.Level)) {
		return
	}
	at := time.Time{}
	if r.Time != 0 {
		at = time.Unix(0, r.Time)
	}
	rec := slog.NewRecord(at, slog.Level(r.Level), string(output.Sanitize([]byte(r.Message))), 0)
	rec.AddAttrs(slog.String("worker", w.name))
	if r.Source.Line != 0 {
		rec.AddAttrs(slog.String(slog.SourceKey, fmt.Sprintf("%s:%d", shortFile(r.Source.File), r.Source.Line)))
	}
	rec.AddAttrs(group(r.Attrs, 0)...)
	h.Handle(ctx, rec)
}

// shortFile is a source file with its package's directory.
func shortFile(file string) string {
	dir, base := filepath.Split(file)
	return filepath.Join(filepath.Base(dir), base)
}

// group puts taken-apart groups together again: runs of attributes with the
// same group at depth.
func group(attrs []link.Attr, depth int) (out []slog.Attr) {
	for len(attrs) > 0 {
		a := &attrs[0]
		if len(a.Path) <= depth+1 {
			if len(a.Path) == depth+1 {
				out = append(out, slog.Attr{Key: a.Path[depth], Value: attrValue(a)})
			}
			attrs = attrs[1:]
			continue
		}
		n := 1
		for n < len(attrs) && len(attrs[n].Path) > depth+1 && attrs[n].Path[depth] == a.Path[depth] {
			n++
		}
		out = append(out, slog.Attr{Key: a.Path[depth], Value: slog.GroupValue(group(attrs[:n], depth+1)...)})
		attrs = attrs[n:]
	}
	return out
}

// logLine is a line of output in mode OutputLog.
func (m *Manager) logLine(worker string, fd int, line []byte) {
	stream := "stdout"
	if fd == 2 { // whatever this process's os.Stderr is
		stream = "stderr"
	}
	text := strings.TrimRight(string(output.Sanitize(line)), "\n")
	m.logger().LogAttrs(context.Background(), slog.LevelInfo, text, slog.String("worker", worker), slog.String("stream", stream))
}

// leastLevel is the lowest level that l takes, of those that are in use.
func leastLevel(l *slog.Logger) slog.Level {
	for level := slog.LevelDebug - 8; level <= slog.LevelError; level++ {
		if l.Enabled(context.Background(), level) {
			return level
		}
	}
	return slog.LevelError + 1
}
