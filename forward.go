package outwork

import (
	"context"
	"log/slog"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/outwork-go/outwork/internal/link"
)

// forwarder is the slog.Handler of a worker: it sends records to the manager.
type forwarder struct {
	link   func() *link.Link
	level  slog.Leveler
	groups []string
	attrs  []link.Attr
}

func (f *forwarder) Enabled(_ context.Context, level slog.Level) bool {
	return level >= f.level.Level()
}

func (f *forwarder) Handle(_ context.Context, r slog.Record) error {
	out := link.Record{Level: int(r.Level), Message: r.Message, Attrs: slices.Clone(f.attrs)}
	if !r.Time.IsZero() {
		out.Time = r.Time.UnixNano()
	}
	if r.PC != 0 {
		frame, _ := runtime.CallersFrames([]uintptr{r.PC}).Next()
		out.Source = link.Source{Function: frame.Function, File: frame.File, Line: frame.Line}
	}
	r.Attrs(func(a slog.Attr) bool {
		out.Attrs = appendAttr(out.Attrs, f.groups, a)
		return true
	})
	if out.Attrs == nil {
		out.Attrs = []link.Attr{}
	}
	f.link().Log(&out)
	return nil
}

func (f *forwarder) WithAttrs(attrs []slog.Attr) slog.Handler {
	g := *f
	g.attrs = slices.Clip(g.attrs)
	for _, a := range attrs {
		g.attrs = appendAttr(g.attrs, g.groups, a)
	}
	return &g
}

func (f *forwarder) WithGroup(name string) slog.Handler {
	g := *f
	g.groups = append(slices.Clip(g.groups), name)
	return &g
}

// appendAttr adds a, with its groups taken apart, if there is room.
func appendAttr(attrs []link.Attr, path []string, a slog.Attr) []link.Attr {
	v := a.Value.Resolve()
	if len(attrs) >= link.MaxAttrs || a.Equal(slog.Attr{}) {
		return attrs
	}
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			path = append(slices.Clip(path), a.Key)
		}
		for _, inner := range v.Group() {
			attrs = appendAttr(attrs, path, inner)
		}
		return attrs
	}
	out := link.Attr{Path: append(slices.Clip(path), a.Key)}
	switch v.Kind() {
	case slog.KindInt64:
		out.Kind, out.Int = attrInt, v.Int64()
	case slog.KindUint64:
		out.Kind, out.Int = attrUint, int64(v.Uint64())
	case slog.KindFloat64:
		out.Kind, out.Int = attrFloat, int64(math.Float64bits(v.Float64()))
	case slog.KindBool:
		out.Kind = attrBool
		if v.Bool() {
			out.Int = 1
		}
	case slog.KindDuration:
		out.Kind, out.Int = attrDuration, int64(v.Duration())
	case slog.KindTime:
		out.Kind, out.Text = attrTime, v.Time().Format(time.RFC3339Nano)
	default:
		out.Text = v.String()
	}
	return append(attrs, out)
}
