// Package shell is what the commands that call a service have in common: how
// arguments are read, calls are made and interrupted, replies are printed, and
// the exit statuses.
package shell

import (
	"bytes"
	"io"
	"strings"

	"github.com/outwork-go/outwork/internal/output"
)

// Shell is one run of a command: its name and its files. Files that are an
// *os.File are asked whether they are terminals.
type Shell struct {
	Program  string // begins what is complained of
	In       io.Reader
	Out, Err io.Writer
}

// Complain writes a sentence, which may quote a peer, on stderr.
func (s *Shell) Complain(text string) {
	line := append(output.Sanitize([]byte(s.Program+": "+strings.TrimRight(text, "\n"))), '\n')
	_, _ = s.Err.Write(line) // there is nowhere to complain of it
}

// Print writes to stdout what may be a peer's words: on a terminal, only what is
// safe there.
func (s *Shell) Print(text []byte) error {
	if s.OnTerminal() {
		text = output.Sanitize(text)
	}
	return write(s.Out, text)
}

// OnTerminal reports whether stdout is a terminal.
func (s *Shell) OnTerminal() bool { return Width(s.Out) > 0 }

// write writes all of b, and says what b was when it cannot.
func write(w io.Writer, b []byte) error {
	if _, err := io.Copy(w, bytes.NewReader(b)); err != nil {
		return Failf(Failed, "the reply cannot be written: %v", bare(err))
	}
	return nil
}
