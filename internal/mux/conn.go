package mux

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/outwork-go/outwork/internal/frame"
)

// Handler is the layer above a Conn.
type Handler interface {
	// Handle takes one event. Events come one at a time and in order, from
	// whichever goroutine reads, which holds no lock. An error ends the link.
	Handle(Event) error
	// Closed is called once, in a goroutine of its own, when the link has ended.
	Closed(error)
}

// Conn drives a State over a Transport.
//
// There is one right to read. A goroutine that waits (Wait) takes it when
// nobody has it, and reads and handles whatever comes, for everybody, until its
// own wait is over; then it passes the right to another that waits. So a lone
// caller is woken by the kernel itself, and no goroutine stands between. The right is
// in one of these states:
//
//	free   nobody reads; if that lasts for a tick, an idle goroutine parks until something comes
//	held   its holder reads
//	lent   its holder runs a handler's function (Lend); whoever needs the right takes it,
//	       and so does a new serving goroutine when the function is still running after a tick
//
// In the same way there is one right to write: whoever finds it free writes what
// all have queued.
type Conn struct {
	t    Transport
	h    Handler
	done chan struct{}

	mu      sync.Mutex // guards what follows
	s       *State
	err     error
	closed  bool
	running int        // goroutines of this Conn
	quiet   *sync.Cond // running fell, or closed became true

	// The right to read.
	right   right
	holder  uint64 // counts takings of the right: who holds it
	lender  uint64 // the holder whose loan the present holder took over
	serving bool   // somebody must always read: handlers' functions run here
	polling bool   // the holder waits in Poll
	leader  *Waiter
	never   Waiter // the serving goroutine's: its wait is never over
	parked  waiters
	slots   []*Waiter // wait for a stream
	emptied []*Waiter // wait until there is none
	waits   uint64    // counts waits that a context may end; from 1
	idling  bool
	acts    uint64 // changes of the right, for the tick
	seen    uint64 // acts at the last tick
	ticking bool
	ticker  *time.Timer

	// The right to write.
	writing bool
	batch   Batch
	wrote   *sync.Cond // after each write

	rd reader // the holder's
}

type right uint8

const (
	free right = iota
	held
	lent
)

// Tick is how long a handler's function may keep the right to read, and how long it
// stays free before an idle goroutine takes it: one to two ticks.
const Tick = time.Millisecond

// ErrClosed ends what runs on a Conn that this side closed.
var ErrClosed = errors.New("the link is closed")

// NewConn starts a link over t, which it owns. A serving Conn always reads, and runs
// handlers' functions in the reader (Lend).
func NewConn(t Transport, s *State, h Handler, serving bool) *Conn {
	c := &Conn{t: t, h: h, s: s, done: make(chan struct{}), serving: serving}
	c.quiet, c.wrote = sync.NewCond(&c.mu), sync.NewCond(&c.mu)
	c.waits = 1
	c.rd.buf = make([]byte, readBuffer)
	c.ticker = time.AfterFunc(time.Hour, c.tick)
	c.ticker.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.freeRight()
	return c
}

// Done is closed when the link has ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err is why the link has ended, or nil.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Update runs f on the State, under the lock, then writes what f queued.
func (c *Conn) Update(f func(*State)) error {
	c.mu.Lock()
	if c.err != nil {
		defer c.mu.Unlock()
		return c.err
	}
	f(c.s)
	c.flush(false)
	return nil
}

// Flush writes what is queued.
func (c *Conn) Flush() {
	c.mu.Lock()
	c.flush(true)
}

// Live is how many streams of this side are not over.
func (c *Conn) Live() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.s.own
}

// Stream is the stream of that number while it is open, or nil.
func (c *Conn) Stream(id uint32) *Stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.s.streams[id]
}

// Quiet waits until no stream of this side is open.
func (c *Conn) Quiet(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.s.own > 0 && c.err == nil {
		var w Waiter
		c.emptied = append(c.emptied, &w)
		if err := c.wait(ctx, &w); err != nil {
			return err
		}
	}
	return c.err
}

// Drained waits until at most half a log's queue of urgent frames is left, for d at most.
func (c *Conn) Drained(d time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), max(d, 0))
	defer cancel()
	return c.afterWrite(ctx, func() bool { return c.s.Queued() < drainedBelow })
}

const drainedBelow = 512 << 10 // bytes

// Flushed waits until all that is queued, and may be sent, was written.
func (c *Conn) Flushed() {
	c.afterWrite(context.Background(), func() bool { return !c.writing && !c.s.Pending() })
}

// afterWrite waits until ok, which is asked after each write. It does not read: the
// other side may have nothing to say.
func (c *Conn) afterWrite(ctx context.Context, ok func() bool) bool {
	stop := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.wrote.Broadcast()
	})
	defer stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flush(true)
	c.mu.Lock()
	for c.err == nil && !ok() {
		if ctx.Err() != nil {
			return false
		}
		c.wrote.Wait()
	}
	return c.err == nil
}

// Waiter is one goroutine's wait. It may be used again after Wait has returned.
type Waiter struct {
	signaled   bool
	ended      bool   // its context has ended
	promoted   bool   // the right to read was given to it
	wait       uint64 // which wait of its Conn's this is
	ch         chan struct{}
	next, prev *Waiter
	in         *waiters
}

// waiters is a queue of Waiters.
type waiters struct{ first, last *Waiter }

func (q *waiters) push(w *Waiter) {
	w.in, w.prev, w.next = q, q.last, nil
	if q.last == nil {
		q.first = w
	} else {
		q.last.next = w
	}
	q.last = w
}

func (w *Waiter) leave() {
	q := w.in
	if q == nil {
		return
	}
	if w.prev == nil {
		q.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		q.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.in, w.prev, w.next = nil, nil, nil
}

// Signal ends w's wait.
func (c *Conn) Signal(w *Waiter) {
	c.mu.Lock()
	c.signal(w)
	c.mu.Unlock()
}

func (c *Conn) signal(w *Waiter) {
	if w.signaled {
		return
	}
	w.signaled = true
	if w.in != nil {
		w.leave()
		w.wake()
	} else if c.leader == w && c.polling {
		c.t.Wake()
	}
}

func (w *Waiter) wake() {
	select {
	case w.ch <- struct{}{}:
	default: // it has a wake-up that it has not taken yet
	}
}

// Wait blocks until w is signalled, ctx ends or the link does, and meanwhile reads when
// nobody else does. It returns nil when w was signalled.
func (c *Conn) Wait(ctx context.Context, w *Waiter) error {
	c.mu.Lock()
	err := c.wait(ctx, w)
	c.mu.Unlock()
	return err
}

// wait is Wait with the lock held, before and after.
func (c *Conn) wait(ctx context.Context, w *Waiter) error {
	if w.ch == nil {
		w.ch = make(chan struct{}, 1)
	}
	if ctx.Done() != nil {
		defer c.watch(ctx, w)()
	}
	for !w.signaled && !w.ended && c.err == nil {
		if c.right != held {
			c.takeRight(w)
			c.lead(w)
			continue
		}
		c.parked.push(w)
		c.mu.Unlock()
		<-w.ch
		c.mu.Lock()
		if w.promoted {
			w.promoted = false
			c.leader = w
			c.lead(w)
		}
	}
	switch {
	case w.signaled:
		w.signaled = false
		return nil
	case w.ended:
		return ctx.Err()
	}
	return c.err
}

// watch ends w's wait when ctx ends, until the function that it returns is called.
func (c *Conn) watch(ctx context.Context, w *Waiter) (stop func()) {
	w.ended = ctx.Err() != nil
	if w.ended {
		return func() { w.ended = false }
	}
	wait := c.waits
	unwatch := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if w.wait == wait && !w.signaled {
			w.ended = true
			c.signal(w)
			w.signaled = false
		}
	})
	c.waits++
	w.wait = wait
	return func() { unwatch(); w.ended, w.wait = false, 0 }
}

// takeRight makes the caller the holder.
func (c *Conn) takeRight(w *Waiter) {
	if c.right == lent {
		c.lender = c.holder
	}
	if c.idling {
		c.idling = false
		c.t.Unpark()
	}
	c.right = held
	c.leader = w
	c.holder++
	c.acts++
}

// releaseRight passes the right on: to another that waits, back to whom it was
// taken from, to a new serving goroutine, or to nobody.
func (c *Conn) releaseRight() {
	c.leader = nil
	c.acts++
	if next := c.parked.first; next != nil && c.err == nil {
		next.leave()
		next.promoted = true
		c.holder++
		next.wake()
		return
	}
	if c.lender != 0 && c.err == nil {
		c.right, c.holder, c.lender = lent, c.lender, 0
		c.startTick()
		return
	}
	c.freeRight()
}

func (c *Conn) freeRight() {
	if c.err != nil {
		c.right = free
		c.closeIfQuiet()
		return
	}
	if c.serving {
		c.right = held
		c.holder++
		c.spawn(c.serve)
		return
	}
	c.right = free
	c.startTick()
}

// lead reads and handles until w's wait is over or the right was taken away. It is
// called and returns with the lock held.
func (c *Conn) lead(w *Waiter) {
	mine := c.holder
	for {
		c.mu.Unlock()
		err := c.rd.handle(c, mine)
		c.mu.Lock()
		if c.holder != mine {
			if c.lender == mine {
				c.lender = 0
			}
			return
		}
		if err != nil {
			c.fail(err)
		}
		if w.signaled || w.ended || c.err != nil {
			c.releaseRight()
			return
		}
		c.flush(true)
		c.mu.Lock()
		if err := c.receive(w); err != nil {
			c.fail(err)
		}
	}
}

// receive reads once, and waits for something to read.
func (c *Conn) receive(w *Waiter) error {
	if c.rd.eager {
		c.mu.Unlock()
		runtime.Gosched() // let those that were just answered ask again
		err := c.rd.read(c.t)
		c.mu.Lock()
		if !errors.Is(err, ErrAgain) {
			return err
		}
	}
	if w.signaled || w.ended || c.err != nil {
		return nil
	}
	c.polling = true
	c.mu.Unlock()
	err := c.t.Poll()
	if err == nil {
		err = c.rd.read(c.t)
	}
	c.mu.Lock()
	c.polling = false
	if errors.Is(err, ErrAgain) {
		return nil
	}
	return err
}

// serve reads as long as it holds the right.
func (c *Conn) serve() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leader = &c.never
	c.lead(&c.never)
}

// Lend runs f, a handler's function, in the goroutine that reads, and lets the right
// go while it runs. It must be called from Handle; what the Event held is no longer valid in f.
// When f may not run there it runs in a goroutine of its own.
// What f queued is written soon after it has returned.
func (c *Conn) Lend(f func()) {
	c.mu.Lock()
	if c.leader != &c.never {
		c.spawn(func() { f(); c.Flush() })
		c.mu.Unlock()
		return
	}
	mine := c.holder
	c.right = lent
	c.leader = nil
	c.acts++
	c.startTick()
	c.mu.Unlock()
	f()
	c.mu.Lock()
	switch {
	case c.holder != mine:
		c.flush(true) // whoever reads now may be waiting already
		return
	case c.err != nil:
		c.holder++ // there is nothing left to read from
	default:
		c.right = held
		c.leader = &c.never
		c.acts++
	}
	c.mu.Unlock()
}

// Go runs f in a goroutine that Close waits for.
func (c *Conn) Go(f func()) {
	c.mu.Lock()
	c.spawn(f)
	c.mu.Unlock()
}

// spawn is Go with the lock held. (A sync.WaitGroup would not do: goroutines
// may be started while Close waits.)
func (c *Conn) spawn(f func()) {
	c.running++
	go func() {
		defer func() {
			c.mu.Lock()
			c.running--
			c.quiet.Broadcast()
			c.mu.Unlock()
		}()
		f()
	}()
}

func (c *Conn) startTick() {
	if !c.ticking {
		c.ticking = true
		c.ticker.Reset(Tick)
	}
}

// tick takes a right that has been lent or free since the last tick.
func (c *Conn) tick() {
	c.mu.Lock()
	same := c.acts == c.seen
	c.seen = c.acts
	c.ticking = false
	switch {
	case c.err != nil || c.right == held:
	case !same:
		c.startTick()
	case c.right == lent:
		c.holder++
		c.acts++
		c.right = held
		c.spawn(c.serve)
		c.flush(true) // replies that waited behind the slow function
		return
	case !c.idling:
		c.idling = true
		c.spawn(c.idle)
	}
	c.mu.Unlock()
}

// idle waits for something to read while nobody else does.
func (c *Conn) idle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.idling && c.err == nil {
		c.mu.Unlock()
		err := c.t.Park()
		c.mu.Lock()
		if !c.idling || c.right != free {
			break
		}
		if err != nil {
			c.fail(err)
			break
		}
		c.idleRead()
	}
	c.idling = false
	c.closeIfQuiet()
}

// idleRead handles what is there, as the holder of the right.
func (c *Conn) idleRead() {
	c.right = held
	c.holder++
	c.acts++
	mine := c.holder
	for c.err == nil && c.parked.first == nil {
		c.mu.Unlock()
		err := c.rd.read(c.t)
		if err == nil {
			err = c.rd.handle(c, mine)
		}
		c.mu.Lock()
		if errors.Is(err, ErrAgain) {
			break
		}
		if err != nil {
			c.fail(err)
		}
		c.flush(true)
		c.mu.Lock()
	}
	c.idling = c.parked.first == nil
	c.right = free
	if !c.idling {
		c.right = held
		c.releaseRight()
	}
}

// flush writes what is queued, unless somebody does already. It is called with
// the lock held and returns without it. A reader does not let others run first.
func (c *Conn) flush(reader bool) {
	if c.writing || c.err != nil || !c.s.Pending() {
		c.mu.Unlock()
		return
	}
	c.writing = true
	if !reader && c.s.Live() > 1 {
		// Others are about to write too: let them queue theirs first.
		c.mu.Unlock()
		runtime.Gosched()
		c.mu.Lock()
	}
	if c.write() {
		c.spawn(c.writeRest)
	} else {
		c.writing = false
		c.wrote.Broadcast()
		c.closeIfQuiet()
	}
	c.mu.Unlock()
}

// write sends until nothing is left or the transport is full, which it reports.
func (c *Conn) write() (full bool) {
	for c.err == nil {
		if c.batch.Empty() {
			if !c.s.Pending() {
				return false
			}
			c.s.Gather(&c.batch)
		}
		c.mu.Unlock()
		files := c.batch.Files
		n, err := c.t.Send(c.batch.Bufs, files)
		if n > 0 {
			closeFiles(files)
		}
		c.mu.Lock()
		c.batch.Advance(n)
		if c.batch.Empty() {
			c.s.Written(&c.batch)
		}
		c.wrote.Broadcast()
		switch {
		case errors.Is(err, ErrAgain):
			return c.err == nil
		case err != nil:
			c.failSend(err)
		}
	}
	return false
}

// failSend ends a link that cannot be written to. What the peer said before it went may
// still be there to be read, and says more than a broken pipe does.
func (c *Conn) failSend(err error) {
	c.fail(&SendError{err})
}

// SendError is a link that ended in writing: the peer has gone.
type SendError struct{ Err error }

func (e *SendError) Error() string { return "write to the link: " + e.Err.Error() }

// Unwrap is the transport's error.
func (e *SendError) Unwrap() error { return e.Err }

// writeRest goes on writing while the transport is full.
func (c *Conn) writeRest() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for full := true; full && c.err == nil; {
		c.mu.Unlock()
		err := c.t.PollSend()
		c.mu.Lock()
		if err != nil {
			c.failSend(err)
			break
		}
		full = c.write()
	}
	c.writing = false
	c.wrote.Broadcast()
	c.closeIfQuiet()
}

// Fail ends the link for a violation that the layer above found.
func (c *Conn) Fail(err error) {
	c.mu.Lock()
	c.fail(err)
	c.mu.Unlock()
}

// fail ends the link: everybody that waits is told.
func (c *Conn) fail(err error) {
	if c.err != nil {
		return
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	c.err = err
	c.t.Stop()
	c.ticker.Stop()
	for c.parked.first != nil {
		w := c.parked.first
		w.leave()
		w.wake()
	}
	c.s.abandon()
	c.wrote.Broadcast()
	close(c.done)
	c.spawn(func() { c.h.Closed(err) })
	c.closeIfQuiet()
}

// closeIfQuiet closes the transport of an ended link as soon as nobody uses it.
func (c *Conn) closeIfQuiet() {
	if c.err == nil || c.closed || c.writing || c.idling || c.right == held {
		return
	}
	c.closed = true
	c.s.Written(&c.batch)
	c.rd.drop()
	c.t.Close()
	c.quiet.Broadcast()
}

// Close ends the link, and returns when its goroutines have ended.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail(ErrClosed)
	for c.running > 0 || !c.closed {
		c.quiet.Wait()
	}
	return nil
}

// reader is what the holder of the right to read works on.
type reader struct {
	buf   []byte
	r, w  int // what is read and not handled
	files []*os.File
	batch uint64 // counts reads
	eager bool   // the last read brought more than one frame

	greeted bool // the preamble has come

	// A frame that is longer than what has been read of it.
	large  bool
	header frame.Header
	body   []byte
	n      int
	direct bool // body is where the stream wants its bytes
}

// readBuffer is the size of a link's read buffer, in bytes.
const readBuffer = 64 << 10

// read reads once.
func (r *reader) read(t Transport) error {
	if r.r == r.w {
		r.r, r.w = 0, 0
	} else if r.r > 0 {
		r.r, r.w = 0, copy(r.buf, r.buf[r.r:r.w])
	}
	bufs := make([][]byte, 0, 2)
	if r.large {
		bufs = append(bufs, r.body[r.n:])
	}
	bufs = append(bufs, r.buf[r.w:])
	n, files, err := t.Recv(bufs)
	r.files = append(r.files, files...)
	if err != nil {
		return err
	}
	if len(r.files) > MaxPendingFDs {
		return frame.Violated("fds", "%d file descriptors wait for their frame", len(r.files))
	}
	r.batch++
	if r.large {
		k := min(n, len(r.body)-r.n)
		r.n += k
		n -= k
	}
	r.w += n
	return nil
}

// handle handles the whole frames that have been read, until the right was taken
// away.
func (r *reader) handle(c *Conn, mine uint64) error {
	count := 0
	for {
		h, payload, owned, direct, err := r.next(c)
		if err != nil || payload == nil {
			r.eager = count > 1
			return err
		}
		count++
		files, err := r.take(int(h.FDs))
		if err != nil {
			return err
		}
		c.mu.Lock()
		ev, ok, err := c.s.Receive(h, payload, owned, files)
		if err == nil && ok {
			ev.Batch = r.batch
			var done bool
			done, err = c.inbound(&ev, direct)
			ok = !done
		}
		c.freeSlots()
		c.mu.Unlock()
		if err != nil {
			closeFiles(files)
			return err
		}
		if !ok {
			continue
		}
		if err := c.h.Handle(ev); err != nil {
			return err
		}
		c.mu.Lock()
		lost := c.holder != mine
		c.mu.Unlock()
		if lost {
			return nil
		}
	}
}

var empty = []byte{}

// next is the next whole frame, or a nil payload.
func (r *reader) next(c *Conn) (h frame.Header, payload []byte, owned, direct bool, err error) {
	if r.large {
		if r.n < len(r.body) {
			return h, nil, false, false, nil
		}
		h, payload, direct = r.header, r.body, r.direct
		r.large, r.body = false, nil
		return h, payload, true, direct, nil
	}
	if r.w-r.r < frame.HeaderSize {
		return h, nil, false, false, nil
	}
	if !r.greeted {
		if err := frame.CheckPreamble(r.buf[r.r : r.r+frame.PreambleSize]); err != nil {
			return h, nil, false, false, err
		}
		r.greeted = true
		r.r += frame.PreambleSize
		return r.next(c)
	}
	h, err = frame.Parse(r.buf[r.r:])
	if err != nil {
		return h, nil, false, false, err
	}
	have := r.buf[r.r+frame.HeaderSize : r.w]
	if int(h.Length) <= len(have) {
		payload = have[:h.Length:h.Length]
		r.r += frame.HeaderSize + int(h.Length)
		if len(payload) == 0 {
			payload = empty
		}
		return h, payload, false, false, nil
	}
	if int(h.Length) > len(r.buf)/4 {
		err = r.startLarge(c, h, have)
	}
	return h, nil, false, false, err
}

// startLarge prepares for the rest of a frame to be read to where it belongs. The
// state is asked first: memory is allocated only for a frame that may come.
func (r *reader) startLarge(c *Conn, h frame.Header, have []byte) error {
	c.mu.Lock()
	err := c.s.Admit(h)
	r.direct = false
	if err == nil {
		if r.body, r.direct = c.s.target(h); r.body == nil {
			r.body = make([]byte, h.Length)
		}
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	r.large, r.header = true, h
	r.n = copy(r.body, have)
	r.r, r.w = 0, 0
	return nil
}

// take is the frame's files.
func (r *reader) take(n int) ([]*os.File, error) {
	if n == 0 {
		return nil, nil
	}
	if n > len(r.files) {
		return nil, frame.Violated("fds", "%d file descriptors for a frame that names %d", len(r.files), n)
	}
	files := r.files[:n:n]
	r.files = r.files[n:]
	return files, nil
}

func (r *reader) drop() {
	closeFiles(r.files)
	r.files, r.body, r.buf = nil, nil, nil
}
