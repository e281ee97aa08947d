package main

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/outwork-go/outwork/internal/service/command/shell"
)

// heeding writes to a file that perhaps nobody reads. When the context has ended, a reader has
// cleanUp left; who does not come then is not waited for again. It is safe for concurrent use.
type heeding struct {
	ctx context.Context
	f   *os.File

	mu     sync.Mutex // guards what follows
	buf    []byte
	unread bool // a write is under way that nobody waits for
}

var errUnread = errors.New("nobody reads it")

// Write writes to the file, by a goroutine: no deadline can be set on what another process made.
func (h *heeding) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.unread {
		return 0, errUnread
	}
	h.buf = append(h.buf[:0], p...)
	var n int
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		n, err = h.f.Write(h.buf)
	}()
	select {
	case <-done:
		return n, err
	case <-h.ctx.Done():
	}
	select {
	case <-done:
		return n, err
	case <-time.After(cleanUp):
		h.unread = true
		return 0, errUnread
	}
}

// begin is the context of a verb, as shell.Begin makes it. What the verb writes heeds it.
func (a *app) begin(parent context.Context, timeout time.Duration) (ctx context.Context, end func()) {
	ctx, stop := shell.Begin(parent, timeout)
	a.out, a.err = &heeding{ctx: ctx, f: a.stdout}, &heeding{ctx: ctx, f: a.stderr}
	return ctx, func() {
		if ctx.Err() == nil { // what is left to be said may take its time
			a.out, a.err = nil, nil
		}
		stop()
	}
}

// printing is where to write what a script prints: on a terminal above the progress line.
func (a *app) printing(s *screen, f *os.File) io.Writer {
	if isTerminal(f) {
		return s.stderr(f)
	}
	return a.outlet(f)
}

// outlet is where to write to one of the standard files. It does not show that it is one: to
// write to a pipe that nobody reads any more ends this process by SIGPIPE, as with other commands.
func (a *app) outlet(f *os.File) io.Writer {
	switch {
	case f == a.stdout && a.out != nil:
		return a.out
	case f == a.stderr && a.err != nil:
		return a.err
	}
	return struct{ io.Writer }{f}
}
