package mux

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/outwork-go/outwork/internal/frame"
)

// Pipe is the raw bytes of a RELAY stream, both ways, as a Transport: another link
// may run over it. Its messages go to the Handler, and do not wait until the bytes
// before them were read.
//
// Who polls a Pipe reads the Conn below it like anybody else who waits: no goroutine
// stands between the process and who waits for an answer that comes through two links.
type Pipe struct {
	c  *Conn
	st *Stream

	// Guarded by the Conn's lock.
	poll, park pipeWait
	room       Waiter // of PollSend
	rooming    bool
	queued     int // bytes that wait to be sent
	stopped    bool
	shut       bool // this side reads no more
	ended      error
	trip       uint64 // of the pace, in which
	hurried    int64  // bytes left before bulk
}

// pipeWait is one of a Pipe's two ways to wait for something to read.
type pipeWait struct {
	w       Waiter
	waiting bool
	woken   bool
}

// PipeBuffer is how many bytes one direction of a Pipe holds that wait to be sent: more
// would wait in front of what is more urgent. On a link that is paced it is no more than
// may be under way.
const PipeBuffer = 256 << 10

// Pipe is that of st, which must be a RELAY.
func (c *Conn) Pipe(st *Stream) *Pipe {
	c.mu.Lock()
	defer c.mu.Unlock()
	if st.pipe.c == nil {
		st.pipe.c = c
	}
	return st.pipe
}

// piped takes in what came on a RELAY stream. It tells whether that is all there is
// to do: the layer above gets messages and the end.
func (c *Conn) piped(ev *Event) (done bool) {
	p, in := ev.Stream.pipe, ev.Stream.in
	switch {
	case ev.Kind == frame.Reset:
		in.err = &Aborted{ev.Code, string(ev.Payload)}
	case ev.Kind != frame.Data:
	case p.shut:
		c.s.Consume(ev.Stream, ev.cost)
	case len(ev.Payload) > 0:
		it := item{payload: ev.Payload, cost: ev.cost}
		if ev.Owned {
			it.whole = ev.Payload
		} else {
			it.payload = append([]byte(nil), ev.Payload...)
		}
		in.items = append(in.items, it)
	default:
		c.s.Consume(ev.Stream, ev.cost)
	}
	in.eof = in.eof || ev.End
	p.notify(c)
	return ev.Kind == frame.Data
}

// notify wakes whoever waits for something to read.
func (p *Pipe) notify(c *Conn) {
	for _, k := range []*pipeWait{&p.poll, &p.park} {
		if k.waiting {
			c.signal(&k.w)
		}
	}
}

// End tells the Pipe that nothing more comes, and why: io.EOF, or an error. What has
// come is read before.
func (p *Pipe) End(err error) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	if p.ended == nil {
		p.ended = err
		p.notify(p.c)
	}
}

// Recv is of Transport.
func (p *Pipe) Recv(bufs [][]byte) (n int, files []*os.File, err error) {
	c := p.c
	c.mu.Lock()
	defer c.mu.Unlock()
	in := p.st.in
	for _, b := range bufs {
		for len(b) > 0 && len(in.items) > 0 {
			k := p.take(b)
			b = b[k:]
			n += k
		}
	}
	if n > 0 {
		c.flush(true) // credit
		return n, nil, nil
	}
	return 0, nil, p.emptyErr()
}

// take copies what fits of the first item.
func (p *Pipe) take(b []byte) int {
	it := &p.st.in.items[0]
	n := copy(b, it.payload)
	if it.payload = it.payload[n:]; len(it.payload) > 0 {
		return n
	}
	p.c.s.Consume(p.st, it.cost)
	p.c.rd.recycle(it.whole)
	in := p.st.in
	in.items[0] = item{}
	if in.items = in.items[1:]; len(in.items) == 0 {
		in.items = nil
	}
	return n
}

// emptyErr is why there is nothing to read.
func (p *Pipe) emptyErr() error {
	in := p.st.in
	switch {
	case p.shut:
		return os.ErrClosed
	case in.err != nil, in.eof:
		return io.EOF
	case p.ended != nil:
		return p.ended
	case p.c.err != nil:
		return p.c.err
	}
	return ErrAgain
}

func (p *Pipe) readable() bool {
	return len(p.st.in.items) > 0 || !errors.Is(p.emptyErr(), ErrAgain)
}

// Poll is of Transport.
func (p *Pipe) Poll() error {
	p.await(&p.poll, func(w *Waiter) { p.c.wait(context.Background(), w) })
	return nil
}

// Wake is of Transport.
func (p *Pipe) Wake() { p.wake(&p.poll) }

// Park is of Transport. It does not read the Conn below: others do, or its idle
// goroutine, so that no thread is occupied.
func (p *Pipe) Park() error {
	p.await(&p.park, p.c.sleep)
	return nil
}

// Rest is of Transport.
func (p *Pipe) Rest() error { return p.Park() }

// Unpark is of Transport.
func (p *Pipe) Unpark() { p.wake(&p.park) }

func (p *Pipe) wake(k *pipeWait) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	k.woken = true
	if k.waiting {
		p.c.signal(&k.w)
	}
}

func (p *Pipe) await(k *pipeWait, wait func(*Waiter)) {
	c := p.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for !k.woken && !p.stopped && !p.readable() {
		k.waiting = true
		c.flush(false)
		wait(&k.w)
		k.waiting = false
	}
	k.woken = false
}

// sleep is wait for one that does not read meanwhile. It is called and returns with
// the lock held.
func (c *Conn) sleep(w *Waiter) {
	if !w.signaled && c.err == nil {
		c.asleep.push(w)
		c.mu.Unlock()
		<-w.ch
		c.mu.Lock()
	}
	w.signaled = false
}

// Send is of Transport. What it takes it has copied.
func (p *Pipe) Send(bufs [][]byte, files []*os.File) (n int, err error) {
	c := p.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := p.sendErr(); err != nil || len(files) > 0 {
		return 0, errors.Join(err, noFiles(files))
	}
	room := c.s.pipeRoom() - p.queued
	if room <= 0 {
		return 0, ErrAgain
	}
	for _, b := range bufs {
		n += len(b)
	}
	n = min(n, room)
	p.put(p.gather(bufs, n))
	c.flush(true)
	return n, nil
}

var errNoFiles = errors.New("files cannot cross a relayed stream of bytes")

func noFiles(files []*os.File) error {
	if len(files) > 0 {
		return errNoFiles
	}
	return nil
}

// gather is a copy of the first n bytes of bufs, in memory that put uses again: a relay
// would make as much garbage as it passes on.
func (p *Pipe) gather(bufs [][]byte, n int) []byte {
	all := p.c.rd.fresh(n)[:0]
	for _, b := range bufs {
		all = append(all, b[:min(len(b), n-len(all))]...)
	}
	return all
}

// put queues b, which is the Pipe's own.
func (p *Pipe) put(b []byte) {
	n := len(b)
	p.queued += n
	p.c.s.send(p.st, chunk{kind: frame.Data, payload: b, sent: func() {
		p.queued -= n
		p.c.rd.recycle(b)
		if p.rooming {
			p.c.signal(&p.room)
		}
	}})
}

// sendErr is why nothing can be sent.
func (p *Pipe) sendErr() error {
	switch {
	case p.c.err != nil:
		return p.c.err
	case p.st.stopped || p.st.ending || !p.st.sendOpen:
		return io.ErrClosedPipe
	}
	return nil
}

// PollSend is of Transport.
func (p *Pipe) PollSend() error {
	c := p.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for !p.stopped && p.sendErr() == nil && p.queued >= c.s.pipeRoom() {
		p.rooming = true
		c.flush(false)
		c.wait(context.Background(), &p.room)
		p.rooming = false
	}
	return nil
}

// Stop is of Transport.
func (p *Pipe) Stop() {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.stopped = true
	p.notify(p.c)
	if p.rooming {
		p.c.signal(&p.room)
	}
}

// CloseSend tells the other side that nothing more comes, behind what is queued.
func (p *Pipe) CloseSend() {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.closeSend()
}

// EndSend is CloseSend that drops what is queued.
func (p *Pipe) EndSend() {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.endSend()
}

func (p *Pipe) endSend() {
	if p.c.err == nil && p.st.sendOpen {
		p.c.s.dropQueue(p.st)
	}
	p.closeSend()
}

func (p *Pipe) closeSend() {
	if p.c.err == nil && !p.st.ending && p.st.sendOpen {
		p.c.s.send(p.st, chunk{kind: frame.Data, end: true})
		p.c.flush(true)
	}
}

// Close is of Transport. What still comes of bytes is dropped; the stream lives on for
// its messages, and on the side that did not open it, whose last message is to come, so
// does the way out.
func (p *Pipe) Close() error {
	c := p.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.shut {
		return nil
	}
	p.shut = true
	in := p.st.in
	for _, it := range in.items {
		c.s.Consume(p.st, it.cost)
	}
	in.items = nil
	if c.s.opened(p.st.ID) {
		p.endSend()
	}
	return nil
}
