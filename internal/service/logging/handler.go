package logging

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"github.com/outwork-go/outwork/internal/service/logging/journal"
)

// The bounds of a record. Lengths are in bytes, once escaped.
const (
	maxMessage = 4 << 10
	maxKey     = 128
	maxValue   = 2 << 10
	maxAttrs   = 32 // of a record and its handler together; what follows is counted
	maxDepth   = 8  // of groups in values
	maxWhere   = 512
)

// handler is a slog.Handler. It does not change once it is made.
type handler struct {
	level slog.Level
	out   output
	attrs attrs  // of WithAttrs
	group string // of WithGroup, each followed by a dot
}

// output takes finished records. It may be called concurrently.
type output interface {
	put(r slog.Record, c Call, a *attrs) error
}

func (h *handler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	a := h.attrs.clone()
	r.Attrs(func(at slog.Attr) bool {
		a.add(h.group, at, 0)
		return true
	})
	return h.out.put(r, callOf(ctx), &a)
}

func (h *handler) WithAttrs(as []slog.Attr) slog.Handler {
	next := *h
	next.attrs = h.attrs.clone()
	for _, at := range as {
		next.attrs.add(h.group, at, 0)
	}
	return &next
}

func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	next := *h
	next.group = clip(h.group + name + ".")
	return &next
}

// attrs are attributes in both forms.
type attrs struct {
	text    []byte        // " key=value key=value"
	fields  journal.Entry // "KEY=value\n"
	count   int
	dropped int // more than maxAttrs
}

func (a *attrs) clone() attrs {
	return attrs{slices.Clone(a.text), slices.Clone(a.fields), a.count, a.dropped}
}

// add adds one attribute, or those of a group.
func (a *attrs) add(group string, at slog.Attr, depth int) {
	value := at.Value.Resolve()
	switch {
	case at.Equal(slog.Attr{}):
		return
	case value.Kind() == slog.KindGroup && depth < maxDepth:
		if at.Key != "" {
			group = clip(group + at.Key + ".")
		}
		for _, inner := range value.Group() {
			a.add(group, inner, depth+1)
		}
	case a.count == maxAttrs:
		a.dropped++
	default:
		a.count++
		a.one(clip(group+at.Key), value.String())
	}
}

func (a *attrs) one(key, value string) {
	a.text = appendPair(a.text, key, value)
	a.fields = a.fields.Text(fieldName(key), value, maxValue)
}

// appendPair appends " key=value", the value in quotes where it needs them.
func appendPair(b []byte, key, value string) []byte {
	b = journal.AppendText(append(b, ' '), key, maxKey)
	b = append(b, '=')
	if value == "" || strings.ContainsAny(value, " \"=\\") {
		b = journal.AppendQuoted(append(b, '"'), value, maxValue)
		return append(b, '"')
	}
	return journal.AppendText(b, value, maxValue)
}

// clip keeps keys from growing with groups.
func clip(key string) string { return key[:min(len(key), maxKey)] }
