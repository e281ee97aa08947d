package core

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// maxOutput is how much of a log is told, in bytes.
	maxOutput = 256 << 10

	// maxComplaint is how much of journalctl's complaints is told, in bytes.
	maxComplaint = 1 << 10
)

// journalctl is where it is: PATH is not asked.
const journalctl = "/usr/bin/journalctl"

// Where logs are. Tests have others.
var (
	journals = []string{"/var/log/journal", "/run/log/journal"}
	logs     = []string{"/var/log/syslog", "/var/log/messages"}
)

func tail(ctx context.Context, lines int) ([]string, error) {
	if hasJournal() {
		return tailJournal(ctx, lines)
	}
	for _, name := range logs {
		text, err := readEnd(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return lastLines(text, lines), err
	}
	return nil, fmt.Errorf("this host keeps no log: there is neither a journal nor %s", strings.Join(logs, " or "))
}

// hasJournal reports whether the journal can be read here.
func hasJournal() bool {
	if _, err := os.Stat(journalctl); err != nil {
		return false
	}
	for _, dir := range journals {
		if _, err := os.Stat(dir); err == nil {
			return true
		}
	}
	return false
}

// tailJournal runs journalctl, whose arguments and environment are not its
// caller's. The process ends with ctx.
func tailJournal(ctx context.Context, lines int) ([]string, error) {
	cmd := exec.CommandContext(ctx, journalctl,
		"--no-pager", "--quiet", "--output=short-iso", "--lines="+strconv.Itoa(lines))
	cmd.Dir, cmd.Env = "/", []string{"LANG=C.UTF-8", "PATH=/usr/bin:/bin"}
	out, complaint := end{limit: maxOutput}, end{limit: maxComplaint}
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("journalctl: %w: %q", err, bytes.TrimSpace(complaint.b))
	}
	return lastLines(out.whole(), lines), nil
}

// end keeps the end of what is written to it.
type end struct {
	b     []byte
	limit int
	cut   bool
}

// Write never fails.
func (e *end) Write(p []byte) (int, error) {
	e.b = append(e.b, p...)
	if over := len(e.b) - e.limit; over > 0 {
		e.b, e.cut = append(e.b[:0], e.b[over:]...), true
	}
	return len(p), nil
}

// whole is what was kept, from the first line on that is whole.
func (e *end) whole() []byte {
	if !e.cut {
		return e.b
	}
	_, rest, _ := bytes.Cut(e.b, []byte("\n"))
	return rest
}

// readEnd is the end of a file.
func readEnd(name string) ([]byte, error) {
	f, err := openListed(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	e := end{limit: maxOutput}
	// One byte more than is kept tells whether the first line is whole.
	if _, err := f.Seek(max(0, info.Size()-maxOutput-1), io.SeekStart); err != nil {
		return nil, err
	}
	if _, err := io.Copy(&e, io.LimitReader(f, maxOutput+1)); err != nil {
		return nil, err
	}
	return e.whole(), nil
}

// lastLines are the last n lines of a text, as UTF-8.
func lastLines(text []byte, n int) []string {
	text = bytes.TrimSuffix(text, []byte("\n"))
	if len(text) == 0 {
		return nil
	}
	lines := bytes.Split(text, []byte("\n"))
	lines = lines[max(0, len(lines)-n):]
	all := make([]string, len(lines))
	for i, line := range lines {
		all[i] = strings.ToValidUTF8(string(line), string(utf8.RuneError))
	}
	return all
}
