package output

import (
	"fmt"
	"io"
	"os"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/outwork-go/outwork/internal/legible"
)

// Mode is how the output of several workers is joined.
type Mode int

const (
	// Stream delivers each line as soon as it is finished.
	Stream Mode = iota

	// Atomic delivers everything that a call printed in one piece when it
	// ends. What is printed while no call runs is delivered as by Stream.
	Atomic

	// Log hands each line to Config.Line as soon as it is finished.
	Log
)

// Config says where a Sink delivers.
type Config struct {
	// Stdout and Stderr receive whole lines; nil discards. A writer is
	// never used by two goroutines at once, nor are both when they are the
	// same writer or lead to the same file. Bytes pass unchanged, except
	// to a terminal, which is written to through a Sanitizer. A file is
	// written to without the SIGPIPE that ends a Go program on fd 1 or 2.
	Stdout, Stderr io.Writer

	// Mode is how output is joined.
	Mode Mode

	// Tag puts "[name] " before each line. See Sink.SetTag.
	Tag bool

	// Line receives each line in mode Log, without its newline and
	// unsanitized: fd is 1 or 2. The slice is valid during the call only.
	// Calls for one worker are made one by one, for two workers at once.
	Line func(worker string, fd int, line []byte)
}

// A Sink joins the output of many workers. Its methods are safe for
// concurrent use. It needs no closing, and leaves its writers open.
type Sink struct {
	mode Mode
	line func(worker string, fd int, line []byte)
	tag  atomic.Bool
	dest [2]*dest // of fd 1 and fd 2

	mu   sync.Mutex
	err  error // the first
	lost int64 // bytes
}

// NewSink makes a sink. The writers must not be used by others while workers
// print, if lines are to stay whole.
func NewSink(c Config) *Sink {
	s := &Sink{mode: c.Mode, line: c.Line}
	if s.line == nil {
		s.line = func(string, int, []byte) {}
	}
	s.tag.Store(c.Tag)
	s.dest[0] = newDest(s, c.Stdout)
	s.dest[1] = newDest(s, c.Stderr)
	if samePlace(c.Stdout, c.Stderr) {
		s.dest[1].lane = s.dest[0].lane
	}
	return s
}

// SetTag switches on or off that each line begins with its worker's name. It
// holds for lines delivered from then on.
func (s *Sink) SetTag(on bool) { s.tag.Store(on) }

// Err is the first error that a writer returned, with how many bytes were lost
// since, or nil.
func (s *Sink) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		return nil
	}
	return fmt.Errorf("deliver worker output: %d bytes lost: %w", s.lost, s.err)
}

func (s *Sink) fail(lost int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost += lost
	if s.err == nil {
		s.err = err
	}
}

// Worker is a new tap for the output of the worker of that name. A name with
// characters that do not print is quoted in tags.
func (s *Sink) Worker(name string) *Tap {
	t := &Tap{sink: s, name: name, tag: []byte("[" + legible.Quoted(name) + "] ")}
	for i := range t.streams {
		t.streams[i] = stream{tap: t, fd: i + 1, dest: s.dest[i], spool: &t.spools[i]}
		if s.mode != Log && s.dest[i].terminal {
			t.streams[i].clean = new(Sanitizer)
		}
	}
	if s.dest[0].lane == s.dest[1].lane {
		t.streams[1].spool = t.streams[0].spool
	}
	return t
}

// samePlace reports whether two writers are one, or files that lead to one
// terminal, pipe or file.
func samePlace(a, b io.Writer) bool {
	if a == nil || b == nil {
		return false
	}
	if t := reflect.TypeOf(a); t == reflect.TypeOf(b) && reflect.ValueOf(a).Comparable() &&
		reflect.ValueOf(b).Comparable() && a == b {
		return true
	}
	fa, okA := a.(*os.File)
	fb, okB := b.(*os.File)
	if !okA || !okB {
		return false
	}
	ia, errA := fa.Stat()
	ib, errB := fb.Stat()
	return errA == nil && errB == nil && os.SameFile(ia, ib)
}
