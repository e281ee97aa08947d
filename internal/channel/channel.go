// Package channel makes an authenticated transport of one that anybody may have reached,
// or may change the bytes of: TLS 1.3 with pinned keys, or, where both ends have nothing
// but a secret, the record layer, which authenticates and does not hide. PROTOCOL.md
// (Links over TCP) has their bytes and verdicts.
//
// What was changed on the way is a *frame.Violation, what has ended is io.EOF: the one
// must end what runs over the channel, the other is a matter of dialling again.
package channel

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// MinSecret is the least length of a shared secret, in bytes.
const MinSecret = 16

// Config says how a channel is authenticated: by keys, or by a secret.
type Config struct {
	Identity *Identity // this side's key
	Pin      Pin       // of who is dialled; who listens takes any
	Secret   []byte    // when it is not nil, the record layer, and no keys. MinSecret bytes at least
}

// check reports what c lacks.
func (c Config) check() error {
	switch {
	case c.Secret != nil && len(c.Secret) < MinSecret:
		return fmt.Errorf("the shared secret has %d bytes: it takes %d at least", len(c.Secret), MinSecret)
	case c.Secret == nil && c.Identity == nil:
		return errors.New("a channel needs a key or a shared secret")
	}
	return nil
}

// KeyError is a dialled side that has proved to have another key than it should.
type KeyError struct{ Got, Want Pin }

func (e *KeyError) Error() string {
	return fmt.Sprintf("the other side has the key %v, not %v: it is another manager, or somebody in between", e.Got, e.Want)
}

// role is a side of a connection, as it is on the wire.
type role byte

const (
	dialler  role = 1
	listener role = 2
)

// other is the role of the other side.
func (r role) other() role { return dialler + listener - r }

// layer is what authenticates: it opens what the wire has received, and seals what it is
// to send.
type layer interface {
	// read is some plaintext of what the wire holds. errDry: it holds no whole record.
	read(b []byte) (n int, err error)
	// ready reports whether read has something to say without another byte.
	ready() bool
	// ended is what the end of the connection means now.
	ended() error
	// seal puts the first n bytes of bufs, which are that many at least, on the wire's
	// pending bytes.
	seal(bufs [][]byte, n int) error
}

// Conn is an authenticated transport. Until the handshake's owner hands it on, ReadFull
// and WriteAll may be used on it; they block. What breaks a rule is a *frame.Violation.
// It carries no files. At rest it holds no buffers.
type Conn struct {
	mux.Transport // underneath
	w             *wire
	layer         layer
	peer          Pin

	sealed int // bytes that Send was given, and that are not all out; for who sends

	// reading guards what follows, and what of wire and layer is for who reads: a link's
	// idle goroutine may still be on its way into Park when another has begun to read.
	reading sync.Mutex
	err     error // of reading, for good
}

// Dial does the handshake of the side that has dialled over t, which it owns, also when
// it fails. It blocks without occupying a thread; t.Stop ends it, and it is for its
// caller to limit its time. A dialled side with another key is a *KeyError, one that
// breaks a rule a *frame.Violation, and the end of the connection wraps io.EOF.
func Dial(t mux.Transport, c Config) (*Conn, error) { return open(t, c, dialler) }

// Accept is Dial for the side that listens.
func Accept(t mux.Transport, c Config) (*Conn, error) { return open(t, c, listener) }

func open(t mux.Transport, cfg Config, r role) (*Conn, error) {
	c := &Conn{Transport: t, w: &wire{t: t}}
	err := cfg.check()
	switch {
	case err != nil:
	case cfg.Secret != nil:
		c.layer, err = shakeRecord(c.w, cfg.Secret, r)
	default:
		c.layer, c.peer, err = shakeTLS(c.w, cfg, r)
	}
	if err != nil {
		t.Close()
		return nil, err
	}
	return c, nil
}

// Peer is the pin of the other side's key; zero where there are none.
func (c *Conn) Peer() Pin { return c.peer }

// Recv is of mux.Transport: as much plaintext as is there, from several records. It reads
// the transport underneath once at most. Its errors stay.
func (c *Conn) Recv(bufs [][]byte) (n int, _ []*os.File, err error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	if c.err != nil {
		return 0, nil, c.err
	}
	n, err = c.readInto(bufs)
	if errors.Is(err, errDry) && n == 0 {
		if err = c.w.fill(); err == nil {
			n, err = c.readInto(bufs)
		}
		if errors.Is(err, io.EOF) && !c.w.lost() {
			err = c.layer.ended()
		}
	}
	c.w.settle()
	switch {
	case err == nil:
	case errors.Is(err, errDry), errors.Is(err, mux.ErrAgain):
		err = mux.ErrAgain
	default:
		c.err = err
	}
	if n > 0 {
		return n, nil, nil
	}
	return 0, nil, err
}

// readInto reads until bufs are full, or read does not go on.
func (c *Conn) readInto(bufs [][]byte) (n int, err error) {
	for _, b := range bufs {
		for len(b) > 0 {
			k, err := c.layer.read(b)
			n += k
			b = b[k:]
			if err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

var errFiles = errors.New("files cannot cross a channel")

// Send is of mux.Transport, with one more demand: who got mux.ErrAgain comes with the
// same bytes again, or with these and more behind them. For they may have been sealed,
// and what is sealed cannot be taken back; they count as sent when all of it is out.
// (mux.Conn, transport.SendAll and transport.Deferred do so.)
func (c *Conn) Send(bufs [][]byte, files []*os.File) (int, error) {
	if len(files) > 0 {
		return 0, errFiles
	}
	n := 0
	for _, b := range bufs {
		n += len(b)
	}
	if n < c.sealed {
		return 0, fmt.Errorf("%d bytes to send, and %d of them are sealed already", n, c.sealed)
	}
	if c.sealed == 0 && n > 0 {
		n = min(n, sealAtOnce)
		if err := c.layer.seal(bufs, n); err != nil {
			return 0, err
		}
		c.sealed = n
	}
	if err := c.w.push(); err != nil {
		return 0, err
	}
	n, c.sealed = c.sealed, 0
	return n, nil
}

// ready reports whether Recv has something to say without another byte. Else buffers are
// given back when it is a long wait that follows.
func (c *Conn) ready(long bool) bool {
	c.reading.Lock()
	defer c.reading.Unlock()
	if c.err != nil || c.layer.ready() {
		return true
	}
	if long {
		c.w.slim()
	}
	return false
}

// Poll is of mux.Transport.
func (c *Conn) Poll() error {
	if c.ready(false) {
		return nil
	}
	return c.Transport.Poll()
}

// Park is of mux.Transport.
func (c *Conn) Park() error {
	if c.ready(true) {
		return nil
	}
	return c.Transport.Park()
}

// Rest is of mux.Transport.
func (c *Conn) Rest() error {
	if c.ready(true) {
		return nil
	}
	return c.Transport.Rest()
}

// ReadFull fills b. It blocks without occupying a thread, until Stop. It is for who reads.
func (c *Conn) ReadFull(b []byte) error {
	for len(b) > 0 {
		n, _, err := c.Recv([][]byte{b})
		if errors.Is(err, mux.ErrAgain) {
			err = c.parkOrLose()
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// Close is of mux.Transport. When it cuts a record, the other side is to take that for a
// loss, and not for somebody's work: the connection is reset.
func (c *Conn) Close() error {
	if a, ok := c.Transport.(interface{ Abort() }); ok && c.w.isPending() {
		a.Abort()
	}
	return c.Transport.Close()
}

// parkOrLose is Park, unless that has been in vain too often.
func (c *Conn) parkOrLose() error {
	c.reading.Lock()
	err := c.w.patience.lose()
	c.reading.Unlock()
	if err != nil {
		return err
	}
	return c.Park()
}

// WriteAll sends all of b. It blocks until then, or Stop. It is for who sends.
func (c *Conn) WriteAll(b []byte) error {
	for len(b) > 0 {
		n, err := c.Send([][]byte{b}, nil)
		if errors.Is(err, mux.ErrAgain) {
			err = c.w.awaitRoom()
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// refuse closes files that nobody asked for.
func refuse(files []*os.File) error {
	if len(files) == 0 {
		return nil
	}
	for _, f := range files {
		f.Close()
	}
	return frame.Violated("fds", "%d file descriptors on a channel", len(files))
}
