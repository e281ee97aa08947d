package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"sync"
	"syscall"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// landings are the values that arrive beside a message.
type landings struct {
	l         *Link
	ctx       context.Context // ends readers and streams
	crossings []codec.Crossing
	value     any
	files     []*os.File        // that came with the message and were not taken yet
	call      *mux.Stream       // that the value is the argument of; nil: it is a result
	told      func(error) error // Call.StreamError; may be nil
	done      func()            // called by the reader when the last byte slice is there
	err       error             // the first error of a source; for whom done tells
	collected int64             // bytes that its slices are said to have

	mu         sync.Mutex // guards what follows
	waiting    int
	open       []*mux.Stream
	unwatch    func() bool // ends watch
	containers []io.Closer
	placed     []*os.File // the value's own
	read       func()     // called when no stream is open any more; may be nil
	released   bool
}

// landing is a byte slice on its way.
type landing struct {
	of *landings
	st *mux.Stream
	c  *codec.Crossing
}

// all takes up every part. wait tells that done will be called.
func (ls *landings) all(parts []part) (wait bool, err error) {
	defer func() { ls.l.discard(ls.files); ls.files = nil }()
	seen := map[int]bool{}
	ls.waiting = 1
	for i := range parts {
		c := crossingOf(ls.crossings, parts[i].Field)
		if c == nil || seen[parts[i].Field] {
			return false, frame.Violated("reply", "a part for field %d", parts[i].Field)
		}
		seen[parts[i].Field] = true
		if err := ls.one(c, &parts[i]); err != nil {
			return false, err
		}
	}
	if len(ls.files) > 0 {
		return false, frame.Violated("fds", "%d file descriptors that no part names", len(ls.files))
	}
	return ls.arrived() > 0, nil
}

func crossingOf(crossings []codec.Crossing, field int) *codec.Crossing {
	for i := range crossings {
		if crossings[i].Index == field {
			return &crossings[i]
		}
	}
	return nil
}

func (ls *landings) arrived() int {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.waiting--
	return ls.waiting
}

func (ls *landings) takeFile() *os.File {
	if len(ls.files) == 0 {
		return nil
	}
	f := ls.files[0]
	ls.files = ls.files[1:]
	return f
}

var wantKind = map[codec.Kind]uint8{
	codec.Bytes: partBytes, codec.Reader: partReader, codec.Stream: partStream, codec.Container: partContainer, codec.File: partFile,
}

func (ls *landings) one(c *codec.Crossing, p *part) error {
	if !ls.takes(c, p.Kind) {
		return frame.Violated("reply", "%s comes as a part of kind %d", c.Name, p.Kind)
	}
	if ls.l.cfg.serves() && p.Kind != partBytes && p.Kind != partFile {
		return frame.Violated("reply", "%s is what a service takes from nobody", c.Name)
	}
	switch p.Kind {
	case partContainer:
		return ls.container(c, p)
	case partPaged:
		return ls.borrow(c, p)
	case partCarried:
		return ls.unload(c, p)
	case partFile:
		f := ls.takeFile()
		if f == nil {
			return frame.Violated("fds", "%s comes without its file descriptor", c.Name)
		}
		c.Of(ls.value).Set(reflect.ValueOf(f))
		ls.keep(func() { ls.placed = append(ls.placed, f) }, f)
		return nil
	}
	return ls.stream(c, p)
}

// takes reports whether what is at c may come as a part of that kind.
func (ls *landings) takes(c *codec.Crossing, kind uint8) bool {
	cfg, argument := &ls.l.cfg, ls.call != nil
	switch {
	case c.Kind != codec.Container || kind == partContainer:
		return wantKind[c.Kind] == kind
	case kind == partPaged:
		return argument && cfg.Side == mux.WorkerSide && !cfg.Service
	}
	return kind == partCarried && cfg.carries(argument)
}

// stream takes up a part that comes on a stream.
func (ls *landings) stream(c *codec.Crossing, p *part) error {
	st, err := ls.l.claim(p.Stream)
	if err != nil {
		return err
	}
	ls.keep(func() { ls.open = append(ls.open, st) }, streamCloser{ls.l, st})
	switch p.Kind {
	case partBytes, partCarried:
		return ls.collect(c, st, p.Size)
	case partReader:
		c.Of(ls.value).Set(reflect.ValueOf(&landedReader{ls: ls, st: st}))
	case partStream:
		ls.attach(c, st)
	}
	return nil
}

// keep runs add, which notes c for release, unless that has been: c is closed
// then.
func (ls *landings) keep(add func(), c io.Closer) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.released {
		c.Close()
		return
	}
	add()
}

// streamCloser tells the sender of a stream that nobody reads it.
type streamCloser struct {
	l  *Link
	st *mux.Stream
}

func (s streamCloser) Close() error {
	s.l.conn.Reset(s.st, mux.Unwanted, "")
	return nil
}

func (ls *landings) collect(c *codec.Crossing, st *mux.Stream, size int64) error {
	if size < 0 {
		return frame.Violated("reply", "%s of %d bytes", c.Name, size)
	}
	if most := ls.l.cfg.Collect; most > 0 && size > most-ls.collected {
		ls.end(st)
		ls.l.conn.Reset(st, mux.Unwanted, "")
		ls.err = &Failure{Code: CodeReturned, Message: fmt.Sprintf("%s of %d bytes is more than the %d that this process takes at once", c.Name, size, most)}
		return nil
	}
	ls.collected += size
	ld := &landing{ls, st, c}
	st.User = ld
	ls.mu.Lock()
	ls.waiting++
	ls.mu.Unlock()
	done, err := ls.l.conn.Collect(st, size, ls.call)
	if err != nil || !done {
		return err
	}
	err = ld.take()
	ls.arrived()
	return err
}

// on is called when the slice is complete, or will not be.
func (ld *landing) on(mux.Event) error {
	if err := ld.take(); err != nil {
		return err
	}
	if ld.of.arrived() == 0 {
		ld.of.done()
	}
	return nil
}

func (ld *landing) take() error {
	b, err := ld.of.l.conn.Collected(ld.st)
	if _, ok := errors.AsType[*frame.Violation](err); ok {
		return err
	}
	ld.of.end(ld.st)
	switch {
	case err != nil:
		if ld.of.err == nil {
			ld.of.err = &Failure{Code: CodeReturned, Message: ld.c.Name + ": " + err.Error()}
		}
	case ld.c.Kind == codec.Container:
		ld.of.unloaded(ld.c, b)
	case ld.c.IsString():
		*ld.c.StringOf(ld.of.value) = bytesString(b)
	default:
		*ld.c.BytesOf(ld.of.value) = b
	}
	return nil
}

// container opens what a part describes. Nobody trusts a worker: what comes
// from one must be memory that it cannot change any more.
func (ls *landings) container(c *codec.Crossing, p *part) error {
	if ls.l.cfg.Side == mux.ManagerSide && !p.Immutable {
		return frame.Violated("reply", "container %s, from a worker, is not immutable", c.Name)
	}
	h, err := p.handle(ls.takeFile)
	if err != nil {
		return err
	}
	trusted := ls.l.cfg.Side == mux.WorkerSide && !ls.l.cfg.Service
	cont, err := container.Open(h, container.OpenOptions{Trusted: trusted})
	switch {
	case err == nil:
	case !blameless(err, p.Immutable):
		return frame.Violated("reply", "container %s: %v", c.Name, err)
	default:
		if ls.err == nil {
			ls.err = &Failure{Code: CodeReturned, Message: c.Name + ": " + err.Error(), Errs: []error{err}}
		}
		return nil
	}
	c.Of(ls.value).Set(reflect.ValueOf(cont))
	ls.keep(func() { ls.containers = append(ls.containers, cont) }, cont)
	return nil
}

// blameless reports whether err, of container.Open, may come of what the peer says the truth
// about: no process can map everything, and a file that may change is shortened, or its disk is
// lost, whenever it pleases others.
func blameless(err error, immutable bool) bool {
	_, system := errors.AsType[syscall.Errno](err)
	return errors.Is(err, syscall.ENOMEM) || !immutable && (system || errors.Is(err, container.ErrShrunk))
}

// watch ends the value's readers and streams with ctx.
func (ls *landings) watch() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if len(ls.open) > 0 {
		ls.unwatch = context.AfterFunc(ls.ctx, ls.abandon)
	}
}

// end forgets a stream that is over.
func (ls *landings) end(st *mux.Stream) {
	ls.mu.Lock()
	if i := slices.Index(ls.open, st); i >= 0 {
		ls.open = slices.Delete(ls.open, i, i+1)
	}
	if len(ls.open) == 0 && ls.unwatch != nil {
		ls.unwatch()
	}
	ls.mu.Unlock()
	ls.onceRead(nil)
}

// onceRead calls f, when it is not nil, as soon as no stream is open any more, and what
// it was given before.
func (ls *landings) onceRead(f func()) {
	ls.mu.Lock()
	if f != nil {
		ls.read = f
	}
	if f = nil; len(ls.open) == 0 {
		f, ls.read = ls.read, nil
	}
	ls.mu.Unlock()
	if f != nil {
		f()
	}
}

// release ends what a message brought: streams and containers, and, when nobody
// was given the value, files too.
func (ls *landings) release(given bool) {
	ls.abandon()
	ls.mu.Lock()
	ls.released = true
	containers, files := ls.containers, ls.placed
	ls.containers, ls.placed = nil, nil
	ls.mu.Unlock()
	for _, c := range containers {
		c.Close()
	}
	if !given {
		ls.l.discard(files)
	}
}

// abandon tells the peer that nobody reads its streams any more.
func (ls *landings) abandon() {
	ls.mu.Lock()
	open := ls.open
	ls.open = nil
	ls.mu.Unlock()
	for _, st := range open {
		ls.l.conn.Reset(st, mux.Unwanted, "")
	}
	ls.onceRead(nil)
}

// discard closes files of the peer's that nobody takes.
func (l *Link) discard(files []*os.File) {
	if len(files) > 0 {
		l.conn.Discard(files)
	}
}

// Discard closes a file of the peer's that nobody takes. It does not wait for that,
// which may take as long as the peer likes: Close does.
func (l *Link) Discard(f *os.File) { l.discard([]*os.File{f}) }

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
