package starlark

import (
	"log/slog"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

func logModule() *starlarkstruct.Module {
	return &starlarkstruct.Module{
		Name: "log",
		Members: starlark.StringDict{
			"debug": logBuiltin("log.debug", slog.LevelDebug),
			"info":  logBuiltin("log.info", slog.LevelInfo),
			"warn":  logBuiltin("log.warn", slog.LevelWarn),
			"error": logBuiltin("log.error", slog.LevelError),
		},
	}
}

func logBuiltin(name string, level slog.Level) *starlark.Builtin {
	return starlark.NewBuiltin(name, func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var msg string
		if err := starlark.UnpackPositionalArgs(name, args, nil, 1, &msg); err != nil {
			return nil, err
		}
		r := runOf(t)
		if !r.host.Log.Enabled(r.ctx, level) {
			return starlark.None, nil
		}
		attrs := make([]slog.Attr, 0, len(kwargs)+1)
		for _, kw := range kwargs {
			v, err := logValue(kw[1])
			if err != nil {
				return nil, err
			}
			attrs = append(attrs, slog.Attr{Key: string(kw[0].(starlark.String)), Value: v})
		}
		attrs = append(attrs, slog.String(slog.SourceKey, caller(t)))
		// Without the place in this file, that is: the caller's is in attrs.
		rec := slog.NewRecord(time.Now(), level, msg, 0)
		rec.AddAttrs(attrs...)
		_ = r.host.Log.Handler().Handle(r.ctx, rec) // as LogAttrs does
		return starlark.None, nil
	})
}

// caller is the file and line that called the running built-in.
func caller(t *starlark.Thread) string {
	if t.CallStackDepth() < 2 {
		return t.Name
	}
	p := t.CallFrame(1).Pos
	p.Col = 0
	return p.String()
}

func logValue(v starlark.Value) (slog.Value, error) {
	switch v := v.(type) {
	case starlark.NoneType:
		return slog.AnyValue(nil), nil
	case starlark.Bool:
		return slog.BoolValue(bool(v)), nil
	case starlark.Float:
		return slog.Float64Value(float64(v)), nil
	case startime.Time:
		return slog.TimeValue(time.Time(v)), nil
	case startime.Duration:
		return slog.DurationValue(time.Duration(v)), nil
	case starlark.Int:
		if n, ok := v.Int64(); ok {
			return slog.Int64Value(n), nil
		}
	}
	if err := weigh(v, maxText); err != nil {
		return slog.Value{}, err
	}
	return slog.StringValue(display(v)), nil
}
