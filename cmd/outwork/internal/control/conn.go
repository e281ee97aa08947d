package control

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// Kinds of records.
const (
	kindRequest = 1 + iota
	kindAnswer
	kindData
	kindTook
	kindStop
	kindMore
)

// The lanes.
const (
	stdin = iota
	stdout
	stderr
	lanes
)

const headerSize = 4 // bytes: kind and length

// conn is a connection. One goroutine reads, any write.
type conn struct {
	net.Conn
	in    *bufio.Reader
	lanes [lanes]*lane
	piece []byte // for who reads

	writing sync.Mutex
}

func newConn(n net.Conn) *conn {
	c := &conn{Conn: n, in: bufio.NewReaderSize(n, maxPayload)}
	for i := range c.lanes {
		c.lanes[i] = newLane(c, byte(i))
	}
	return c
}

// send writes a record of one or two pieces.
func (c *conn) send(kind byte, first, second []byte) error {
	n := len(first) + len(second)
	if n > maxPayload {
		return fmt.Errorf("a record of %d bytes is longer than %d", n, maxPayload)
	}
	head := make([]byte, headerSize, headerSize+len(first))
	binary.BigEndian.PutUint32(head, uint32(kind)<<24|uint32(n))
	pieces := net.Buffers{append(head, first...), second}
	c.writing.Lock()
	defer c.writing.Unlock()
	_, err := pieces.WriteTo(c.Conn)
	return err
}

// header reads what stands before a record's payload.
func (c *conn) header() (kind byte, n int, err error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return 0, 0, err
	}
	word := binary.BigEndian.Uint32(head[:])
	kind, n = byte(word>>24), int(word&(1<<24-1))
	if n > maxPayload {
		return 0, 0, fmt.Errorf("a record of %d bytes", n)
	}
	return kind, n, nil
}

// payload reads n bytes.
func (c *conn) payload(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(c.in, b)
	return b, err
}

// traffic reads a record of a command's traffic. mine are the lanes that this side writes.
func (c *conn) traffic(kind byte, n int, mine func(lane int) bool) error {
	if kind != kindData && kind != kindTook || n < 1 {
		return fmt.Errorf("a record of kind %d", kind)
	}
	number, err := c.in.ReadByte()
	if err != nil {
		return err
	}
	if number >= lanes || mine(int(number)) != (kind == kindTook) {
		return fmt.Errorf("a record of kind %d for lane %d", kind, number)
	}
	l := c.lanes[number]
	if kind == kindData {
		return l.receive(n - 1)
	}
	var count [4]byte
	if n != 1+len(count) {
		return fmt.Errorf("a count of %d bytes", n-1)
	}
	if _, err := io.ReadFull(c.in, count[:]); err != nil {
		return err
	}
	return l.taken(binary.BigEndian.Uint32(count[:]))
}

// fail ends all lanes.
func (c *conn) fail(err error) {
	for _, l := range c.lanes {
		l.fail(err)
	}
}

// lane carries bytes one way. On one side it is written, on the other it is read.
type lane struct {
	c      *conn
	number byte

	mu     sync.Mutex // guards what follows
	change *sync.Cond
	err    error  // why it is over; io.EOF is its end
	free   int    // bytes that may be written
	buf    []byte // was received, and not read
	spare  []byte // to be buf again
	read   []byte // of one that was taken out for Read: what is left
	debt   int    // bytes that were read, and the other side was not told
}

func newLane(c *conn, number byte) *lane {
	l := &lane{c: c, number: number, free: window}
	l.change = sync.NewCond(&l.mu)
	return l
}

// Write is of io.Writer. It waits while the other side does not read.
func (l *lane) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		part, err := l.reserve(min(len(p), maxPayload-1))
		if err == nil {
			err = l.c.send(kindData, []byte{l.number}, p[:part])
		}
		if err != nil {
			return n, err
		}
		n, p = n+part, p[part:]
	}
	return n, nil
}

// reserve waits until something may be written, and returns how much of n.
func (l *lane) reserve(n int) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.free == 0 && l.err == nil {
		l.change.Wait()
	}
	if l.err != nil {
		return 0, l.err
	}
	n = min(n, l.free)
	l.free -= n
	return n, nil
}

// end says that no more is written.
func (l *lane) end() error { return l.c.send(kindData, []byte{l.number}, nil) }

// taken is that the other side has read n bytes.
func (l *lane) taken(n uint32) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if int64(n) > int64(window-l.free) {
		return errors.New("more was consumed than was sent")
	}
	l.free += int(n)
	l.change.Broadcast()
	return nil
}

// receive takes n bytes of the connection.
func (l *lane) receive(n int) error {
	if n == 0 {
		l.fail(io.EOF)
		return nil
	}
	if l.c.piece == nil {
		l.c.piece = make([]byte, maxPayload)
	}
	b := l.c.piece[:n]
	if _, err := io.ReadFull(l.c.in, b); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == io.EOF {
		return errors.New("data behind its end")
	}
	if len(l.buf)+len(l.read)+l.debt+n > window {
		return fmt.Errorf("more than %d bytes that were not consumed", window)
	}
	l.buf = append(l.buf, b...)
	l.change.Broadcast()
	return nil
}

// Read is of io.Reader, for one goroutine. What was received comes before the end.
func (l *lane) Read(p []byte) (int, error) {
	n, debt, err := l.take(p)
	if debt > 0 {
		_ = l.c.send(kindTook, binary.BigEndian.AppendUint32([]byte{l.number}, uint32(debt)), nil) // the reader sees a connection's end
	}
	return n, err
}

// take waits for bytes, and returns how many the other side is to be told of too.
func (l *lane) take(p []byte) (n, debt int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.read) == 0 && len(l.buf) == 0 && l.err == nil {
		l.change.Wait()
	}
	if len(l.read) == 0 {
		l.read, l.buf, l.spare = l.buf, l.spare[:0], l.buf
	}
	if len(l.read) == 0 {
		return 0, 0, l.err
	}
	n = copy(p, l.read)
	l.read = l.read[n:]
	l.debt += n
	if l.debt >= window/4 {
		l.debt, debt = 0, l.debt
	}
	return n, debt, nil
}

// fail ends it: the first error counts.
func (l *lane) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = err
	}
	l.change.Broadcast()
}
