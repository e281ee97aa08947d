package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"strings"
	"sync"

	"github.com/outwork-go/outwork/container"
)

// mapInput is a file that the script is to be called with. Whoever works on it owns it.
type mapInput struct {
	named
	listed bool // by --files-from: it is a path, whatever it looks like
	held   bool // data is all of it
	data   []byte
	large  bool     // it is a regular file, and has more than data is for
	once   *spooled // of what can be read once: standard input, a pipe
}

// plain reports whether the file may go with others in one call.
func (in *mapInput) plain() bool { return in.held || in.large || in.trouble != nil }

// maxNamesAhead is how many names are kept before they are worked on, so that it can be told
// how much is left.
const maxNamesAhead = 1 << 20

// nameList is the names of the files, which are found while the first are worked on. It is
// safe for concurrent use.
type nameList struct {
	mu    sync.Mutex // guards what follows
	news  *sync.Cond // on mu
	ahead []mapInput
	found int  // names in all
	all   bool // there are no more
	over  bool // nobody wants more
	err   error
}

// gather finds the names in a goroutine of its own, which ends with ctx, unless it waits for
// whoever writes the list of them.
func gather(ctx context.Context, names iter.Seq2[mapInput, error]) *nameList {
	l := &nameList{}
	l.news = sync.NewCond(&l.mu)
	context.AfterFunc(ctx, l.stop)
	go func() {
		for n, err := range names {
			if err != nil || !l.put(n) {
				l.end(err)
				return
			}
		}
		l.end(nil)
	}()
	return l
}

func (l *nameList) put(n mapInput) (more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.ahead) >= maxNamesAhead && !l.over {
		l.news.Wait()
	}
	l.ahead = append(l.ahead, n)
	l.found++
	l.news.Broadcast()
	return !l.over
}

func (l *nameList) end(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all, l.err = true, err
	l.news.Broadcast()
}

func (l *nameList) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	l.news.Broadcast()
}

// next waits for a name; false: there is none any more.
func (l *nameList) next() (n mapInput, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.ahead) == 0 && !l.all && !l.over {
		l.news.Wait()
	}
	if len(l.ahead) == 0 || l.over {
		return n, false
	}
	n = l.ahead[0]
	l.ahead[0] = mapInput{}
	l.ahead = l.ahead[1:]
	l.news.Broadcast()
	return n, true
}

// atLeast waits until n names are found, or all. It returns how many of the n there are; when the
// context has ended, n.
func (l *nameList) atLeast(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.found < n && !l.all && !l.over {
		l.news.Wait()
	}
	if l.over {
		return n
	}
	return min(n, l.found)
}

// total is how many files have been found, and whether that is all.
func (l *nameList) total() (n int, all bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.found, l.all
}

// failed is why the list of names could not be read to its end.
func (l *nameList) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// allNames yields the files of the command line, or of the list, but for those that are done.
func (m *mapping) allNames(files []string) iter.Seq2[mapInput, error] {
	return func(yield func(mapInput, error) bool) {
		for names, err := range m.groups(files) {
			if err != nil {
				yield(mapInput{}, err)
				return
			}
			for n := range m.walk.all(names) {
				if !m.isResults(n.name) && !m.earlier.has(n.name) && !yield(mapInput{named: n, listed: m.list != ""}, nil) {
					return
				}
			}
		}
	}
}

// isResults reports whether a file is the one that results are written to, whatever leads there.
func (m *mapping) isResults(name string) bool {
	if m.results.file == nil {
		return false
	}
	info, err := os.Stat(name)
	return err == nil && os.SameFile(info, m.results.file)
}

// groups yields names that are to be looked at.
func (m *mapping) groups(files []string) iter.Seq2[[]string, error] {
	if m.list == "" {
		return func(yield func([]string, error) bool) { yield(files, nil) }
	}
	return func(yield func([]string, error) bool) {
		f, err := m.openList()
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		for name, err := range listed(f, m.nul) {
			if err != nil {
				err = unreadableAt("--files-from", m.list, err)
			}
			if !yield([]string{name}, err) {
				return
			}
		}
	}
}

func (m *mapping) openList() (io.ReadCloser, error) {
	if m.list == standardInput {
		f, err := m.app.in.take()
		return io.NopCloser(f), err
	}
	f, err := os.Open(m.list)
	if err != nil {
		return nil, unreadableAt("--files-from", m.list, err)
	}
	return f, nil
}

// maxName is how many bytes a name in a list may have.
const maxName = 64 << 10

// listed yields the names in r, which end with a newline or a NUL. Empty ones mean nothing.
func listed(r io.Reader, nul bool) iter.Seq2[string, error] {
	end := byte('\n')
	if nul {
		end = 0
	}
	return func(yield func(string, error) bool) {
		lines := bufio.NewReaderSize(r, maxName)
		for {
			b, err := lines.ReadSlice(end)
			if errors.Is(err, bufio.ErrBufferFull) {
				err = errors.New("a name in it has more than 64 KiB: do the names end with NUL (--null)?")
			}
			if err == io.EOF {
				err = nil
				if len(b) == 0 {
					return
				}
			}
			if err != nil {
				yield("", err)
				return
			}
			name := strings.TrimSuffix(string(b), string(end))
			if !nul && strings.ContainsRune(name, 0) {
				yield("", errors.New("there is a NUL in a name: the names end with that: give --null too"))
				return
			}
			if name != "" && !yield(name, nil) {
				return
			}
		}
	}
}

// inputs yields the files in the order of their names. Small ones are read ahead.
func (m *mapping) inputs(yield func(*mapInput) bool) {
	for {
		n, ok := m.names.next()
		if !ok {
			return
		}
		in := &n
		m.readAhead(in)
		if !yield(in) {
			return
		}
	}
}

// readAhead reads a small file, if in is one. What is wrong with it is told by who opens it.
func (m *mapping) readAhead(in *mapInput) {
	if in.readOnce() { // not opened here: who writes to a pipe would take this for its reader
		in.once = &spooled{done: make(chan struct{})}
		return
	}
	if in.trouble != nil || !in.below && !in.listed && strings.ContainsAny(in.name, ":@") {
		return
	}
	b, err := smallBytes(in.name)
	switch {
	case err != nil, len(b) == 0 && b != nil && !in.below: // an empty one may be as those of /proc
	case b == nil:
		in.large = true
	default:
		in.held, in.data = true, b
	}
}

// readOnce reports whether it, or what it is a part of, is standard input or a pipe.
func (in *mapInput) readOnce() bool {
	whole := in.name
	switch {
	case in.trouble != nil || in.below:
		return false
	case !in.listed:
		if whole, _, _ = cutRange(whole); whole == standardInput {
			return true
		}
	}
	info, err := os.Stat(whole)
	return err == nil && info.Mode()&fs.ModeNamedPipe != 0
}

// spooled is what can be read once alone, for all attempts at it. It is kept while the process
// lives: there are as many as pipes were named.
type spooled struct {
	begin sync.Once
	done  chan struct{} // closed when what follows is set
	c     container.Container
	err   error
}

// take is a view of it, for an attempt that gives up when ctx ends. The first begins to read.
func (s *spooled) take(ctx context.Context, open func(context.Context) (container.Container, error)) (container.Container, error) {
	s.begin.Do(func() {
		go func() {
			defer close(s.done)
			s.c, s.err = open(context.WithoutCancel(ctx))
		}()
	})
	select {
	case <-s.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.err != nil {
		return nil, s.err
	}
	return s.c.Slice(0, s.c.Size())
}

// openFile opens a file that was not read ahead.
func (m *mapping) openFile(ctx context.Context, in *mapInput) (container.Container, error) {
	if in.large {
		if c, err := container.FromFile(in.name); err == nil {
			return c, nil
		} // which may be no regular file after all
	}
	open := func(ctx context.Context) (container.Container, error) {
		return m.app.openSource(ctx, in.name, m.job.far)
	}
	if in.listed {
		open = func(ctx context.Context) (container.Container, error) { return openPath(ctx, in.name) }
	}
	switch {
	case in.below:
		return openBelow(ctx, in.name, m.job.far)
	case in.once != nil:
		return in.once.take(ctx, open)
	}
	return open(ctx)
}
