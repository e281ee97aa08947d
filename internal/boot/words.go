package boot

import (
	"bytes"
	"errors"
	"strings"
	"sync"

	"github.com/outwork-go/outwork/internal/output"
)

const (
	// keepWords is how many bytes of what the other side prints are kept.
	keepWords = 4 << 10
	// keepLines is how many lines of it an error has.
	keepLines = 12
)

// words are the last that the other side printed, of whatever kind. They are safe for
// concurrent use.
type words struct {
	hide string // is not shown: a prompt of our own; set at first
	mu   sync.Mutex
	kept []byte
}

// add appends p.
func (w *words) add(p []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(p) == 0 {
		return
	}
	w.kept = append(w.kept, p[max(0, len(p)-keepWords):]...)
	if over := len(w.kept) - keepWords; over > 0 {
		w.kept = append(w.kept[:0], w.kept[over:]...)
	}
}

// lines are the last lines that have something in them, safe for a terminal.
func (w *words) lines() []string {
	w.mu.Lock()
	kept := bytes.Clone(w.kept)
	w.mu.Unlock()
	if w.hide != "" {
		kept = bytes.ReplaceAll(kept, []byte(w.hide), nil)
	}
	var all []string
	for line := range bytes.Lines(kept) {
		line = bytes.TrimSpace(bytes.ToValidUTF8(line, []byte("�")))
		if s := plain(line); s != "" {
			all = append(all, s)
		}
	}
	return all[max(0, len(all)-keepLines):]
}

// tidy is a question as a person is shown it: lines without control characters.
func tidy(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if s := plain([]byte(line)); s != "" {
			lines = append(lines, s)
		}
	}
	return strings.Join(lines, "\n")
}

// plain is what the other side said, as a part of a line of an error.
func plain(p []byte) string {
	p = bytes.Map(func(r rune) rune {
		if r == '\b' || r == '\r' || r == '\n' || r == '\t' {
			return ' '
		}
		return r
	}, p)
	p = bytes.ReplaceAll(p, []byte{0x1b}, []byte("^[")) // colours too: an error goes to logs
	return strings.TrimSpace(string(output.Sanitize(p)))
}

// ErrNoAgent is matched by the host.Error of one that was reached, and where this program
// cannot run: it has no binary for the platform, no place to put it, or it does not start
// there.
var ErrNoAgent = errors.New("no agent can run there")

// noAgent is an error that ErrNoAgent matches.
type noAgent struct{ error }

// Is is of errors.Is.
func (noAgent) Is(target error) bool { return target == ErrNoAgent }

// Unwrap returns the cause.
func (n noAgent) Unwrap() error { return n.error }
