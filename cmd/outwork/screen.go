package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/outwork-go/outwork/internal/service/command/shell"
)

func isTerminal(f *os.File) bool { return shell.Width(f) > 0 }

// redrawEvery is the least time between two looks of the progress line.
const redrawEvery = 50 * time.Millisecond

// clearLine takes the cursor to the start of its line and erases that.
const clearLine = "\r\x1b[K"

// screen shows, where stderr is a terminal, how far the script is: on one line below
// everything else. What else is written to that terminal goes through pane.
type screen struct {
	err   *os.File
	width int // of err, in columns; 0: no terminal that can do that, nothing is shown

	mu    sync.Mutex // guards what follows, and writing to the terminal
	line  string     // the progress that is to be seen; "" when there is none
	drawn time.Time  // when it was drawn last
	open  bool       // the cursor stands in an unfinished line of other text
	held  bool       // somebody else has the terminal
	late  []piece    // what was written meanwhile
	room  *sync.Cond // on mu: what is late may have become less
}

// maxLate is how many bytes are kept while somebody else has the terminal. Who writes more
// waits.
const maxLate = 1 << 20

// piece is what was written to a file.
type piece struct {
	f    *os.File
	text []byte
}

func newScreen(stderr *os.File) *screen {
	s := &screen{err: stderr}
	if os.Getenv("TERM") != dumb { // its lines cannot be erased
		s.width = shell.Width(stderr)
	}
	return s
}

// hold keeps everything from the terminal until release is called.
func (s *screen) hold() (release func()) {
	s.clear()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held, s.room = true, sync.NewCond(&s.mu)
	return s.release
}

func (s *screen) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = false
	for _, p := range s.late {
		_, _ = s.write(p.f, p.text) // who wrote it has been told that it was
	}
	s.late = nil
	s.room.Broadcast()
}

// keep puts a text off until the terminal is free. s.mu is held.
func (s *screen) keep(f *os.File, text []byte) (n int, err error) {
	kept := func() (n int) {
		for _, p := range s.late {
			n += len(p.text)
		}
		return n
	}
	for s.held && kept() > maxLate {
		s.room.Wait()
	}
	if !s.held {
		return s.write(f, text)
	}
	s.late = append(s.late, piece{f, bytes.Clone(text)})
	return len(text), nil
}

// stderr is where to write what the script complains of. It is f itself when no
// progress line can be in the way.
func (s *screen) stderr(f *os.File) io.Writer {
	if s.width == 0 || !isTerminal(f) {
		return f
	}
	return &pane{s, f}
}

// pane is a terminal's file. Fd tells the manager that it is one.
type pane struct {
	s *screen
	f *os.File
}

// Fd is the file's.
func (p *pane) Fd() uintptr { return p.f.Fd() }

// Write writes text above the progress line.
func (p *pane) Write(text []byte) (int, error) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	if p.s.held {
		return p.s.keep(p.f, text)
	}
	return p.s.write(p.f, text)
}

// write writes above the progress line. s.mu is held.
func (s *screen) write(f *os.File, text []byte) (int, error) {
	if s.line != "" && !s.open {
		io.WriteString(s.err, clearLine)
	}
	n, err := f.Write(text)
	if n > 0 {
		s.open = text[n-1] != '\n'
	}
	s.draw()
	return n, err
}

// progress shows how far the script is.
func (s *screen) progress(done, total int64, label string) {
	s.put(progressText(done, total, label), done == total)
}

// show shows a text as progress.
func (s *screen) show(text string) { s.put(text, false) }

// put makes text the progress line, which is drawn now or soon.
func (s *screen) put(text string, now bool) {
	if s.width == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line = fit(text, s.width-1)
	if now || time.Since(s.drawn) >= redrawEvery {
		s.draw()
	}
}

// draw puts the progress line where the cursor is, unless other text is.
// s.mu is held.
func (s *screen) draw() {
	if s.line != "" && !s.open && !s.held {
		io.WriteString(s.err, clearLine+s.line)
		s.drawn = time.Now()
	}
}

// resize takes in how wide the terminal is now. It is for who shows progress.
func (s *screen) resize() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.width > 0 {
		s.width = max(shell.Width(s.err), 1)
	}
}

// clear takes the progress line away.
func (s *screen) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.line != "" && !s.open {
		io.WriteString(s.err, clearLine)
	}
	s.line = ""
}

func progressText(done, total int64, label string) string {
	switch {
	case total > 0:
		percent := int(float64(done) / float64(total) * 100)
		return fmt.Sprintf("%3d%% %d/%d %s", percent, done, total, label)
	default:
		return fmt.Sprintf("%d %s", done, label)
	}
}

// fit is what of s can be shown in so many columns, where a character beyond
// ASCII may take two.
func fit(s string, columns int) string {
	var b strings.Builder
	for _, r := range s {
		if !unicode.IsPrint(r) {
			r = unicode.ReplacementChar
		}
		columns--
		if r > unicode.MaxASCII {
			columns--
		}
		if columns < 0 {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}
