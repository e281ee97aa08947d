package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/outwork-go/outwork/internal/legible"
)

// logHandler writes log records for people: a level, a message, and attributes.
// It leaves out the worker, of which there is one, and, unless it shows debug records
// too, where records were made.
type logHandler struct {
	level  slog.Level
	colour bool
	prefix string // of the open groups, to put before keys
	attrs  string // those given beforehand, as they are written

	mu *sync.Mutex // keeps lines whole
	w  io.Writer
}

func newLogHandler(w io.Writer, level slog.Level, colour bool) *logHandler {
	return &logHandler{level: level, colour: colour, mu: new(sync.Mutex), w: w}
}

// Enabled is of slog.Handler.
func (h *logHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

// Handle is of slog.Handler.
func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	var b bytes.Buffer
	name := fmt.Sprintf("%-5s", r.Level)
	if c := colourOf(r.Level); h.colour && c != "" {
		name = c + name + "\x1b[0m"
	}
	fmt.Fprintf(&b, "%s %s%s", name, paragraph(r.Message), h.attrs)
	first := true
	r.Attrs(func(a slog.Attr) bool {
		if !(first && a.Key == "worker") {
			h.append(&b, h.prefix, a)
		}
		first = false
		return true
	})
	b.WriteByte('\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := h.w.Write(b.Bytes())
	return err
}

// WithAttrs is of slog.Handler.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b bytes.Buffer
	for _, a := range attrs {
		h.append(&b, h.prefix, a)
	}
	with := *h
	with.attrs += b.String()
	return &with
}

// WithGroup is of slog.Handler.
func (h *logHandler) WithGroup(name string) slog.Handler {
	with := *h
	if name != "" {
		with.prefix += name + "."
	}
	return &with
}

// append writes one attribute; a group's each by itself.
func (h *logHandler) append(b *bytes.Buffer, prefix string, a slog.Attr) {
	v := a.Value.Resolve()
	switch {
	case a.Equal(slog.Attr{}), a.Key == slog.SourceKey && h.level > slog.LevelDebug:
	case v.Kind() == slog.KindGroup:
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, inner := range v.Group() {
			h.append(b, prefix, inner)
		}
	default:
		b.WriteByte(' ')
		b.WriteString(quoted(prefix + a.Key))
		b.WriteByte('=')
		b.WriteString(quoted(v.String()))
	}
}

// paragraph is a message of one or more lines, indented so that none looks like a
// record of its own.
func paragraph(message string) string {
	lines := strings.Split(strings.TrimRight(message, "\n"), "\n")
	for i, line := range lines {
		lines[i] = legible.Visible(line)
	}
	return strings.Join(lines, "\n      ")
}

// quoted is s, in quotes where it could be mistaken for more than one word.
func quoted(s string) string {
	odd := func(r rune) bool { return r == '"' || r == '=' || unicode.IsSpace(r) || !unicode.IsPrint(r) }
	if s == "" || strings.ContainsFunc(s, odd) {
		return strconv.Quote(s)
	}
	return s
}

// colourOf is how a terminal is told to show a level.
func colourOf(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "\x1b[31m" // red
	case level >= slog.LevelWarn:
		return "\x1b[33m" // yellow
	case level < slog.LevelInfo:
		return "\x1b[2m" // dim
	}
	return ""
}
