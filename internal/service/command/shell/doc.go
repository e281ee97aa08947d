// Package shell is what the commands that call a service have in common: how
// arguments are read, calls are made and interrupted, replies are printed, and
// the exit statuses.
package shell

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
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

// JSONAsked reports whether --json is among the flags of a command line, be it behind the one
// that is wrong.
func JSONAsked(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.Contains(args, "--json")
}

// ComplainJSON writes f for a program, on stdout: {"error": {"kind", "message"}}.
func (s *Shell) ComplainJSON(f *Failure) {
	type complaint struct {
		Kind    string `json:"kind"`
		Message string `json:"message"`
	}
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(map[string]complaint{"error": {KindOf(f.Status), f.Text}}) // strings alone: it does not fail
	_ = s.Print(line.Bytes())
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
