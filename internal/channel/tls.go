package channel

import (
	"crypto/ed25519"
	"crypto/subtle"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/outwork-go/outwork/internal/frame"
)

// proto is the protocol's name in ALPN.
const proto = "outwork/1"

const (
	tlsHeader     = 5              // bytes of a record's header
	tlsPlain      = 16 << 10       // most plaintext in a record, in bytes
	tlsMost       = tlsPlain + 256 // most that a record's header may announce
	tlsOverhead   = tlsHeader + 17 // a sealed record without its plaintext: header, type, tag
	mostHandshake = 32 << 10       // bytes that one side may send before it is known
)

// tlsConfig is c for crypto/tls.
func tlsConfig(c Config, r role) *tls.Config {
	cfg := &tls.Config{
		MinVersion:                  tls.VersionTLS13,
		MaxVersion:                  tls.VersionTLS13,
		NextProtos:                  []string{proto},
		Certificates:                []tls.Certificate{c.Identity.cert},
		Time:                        func() time.Time { return notBefore },
		SessionTicketsDisabled:      true,
		DynamicRecordSizingDisabled: true,
		InsecureSkipVerify:          true, // names and chains; verify looks at the key
		ClientAuth:                  tls.RequireAnyClientCert,
	}
	cfg.VerifyConnection = func(s tls.ConnectionState) error { return verify(s, c.Pin, r) }
	return cfg
}

// verify looks at the leaf's key, and at nothing else in certificates.
func verify(s tls.ConnectionState, want Pin, r role) error {
	if s.NegotiatedProtocol != proto {
		return frame.Violated("tls", "the other side does not speak %s", proto)
	}
	if len(s.PeerCertificates) == 0 {
		return frame.Violated("tls", "the other side has no certificate")
	}
	leaf := s.PeerCertificates[0]
	if _, ok := leaf.PublicKey.(ed25519.PublicKey); !ok {
		return frame.Violated("tls", "the other side's key is no Ed25519 key")
	}
	if got := pinOf(leaf); r == dialler && subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
		return &KeyError{Got: got, Want: want}
	}
	return nil
}

// secured is the layer of TLS. crypto/tls is given whole records alone, so that it never
// holds bytes of a next one: then it is known without asking whether it has more.
type secured struct {
	conn *tls.Conn
	w    *tlsWire
	more bool // the last read has filled its buffer: plaintext may be left
}

// shakeTLS does the handshake.
func shakeTLS(w *wire, c Config, r role) (layer, Pin, error) {
	tw := &tlsWire{wire: w, shaking: true}
	s := &secured{w: tw}
	if r == dialler {
		s.conn = tls.Client(tw, tlsConfig(c, r))
	} else {
		s.conn = tls.Server(tw, tlsConfig(c, r))
	}
	if err := s.conn.Handshake(); err != nil {
		return nil, Pin{}, tw.shakeError(err)
	}
	tw.shaking = false
	return s, pinOf(s.conn.ConnectionState().PeerCertificates[0]), nil
}

// shakeError is err of a handshake, in a sentence.
func (w *tlsWire) shakeError(err error) error {
	if lost, ok := errors.AsType[*lostError](err); ok {
		return unsent(lost.err)
	}
	if err = w.verdict(err); errors.Is(err, io.EOF) {
		return fmt.Errorf("the other side ended the connection before it had said who it is: %w", err)
	}
	return err
}

// lostError is a write's. What crypto/tls says of what it has read counts more than an
// alert that could not be sent, so it is told apart.
type lostError struct{ err error }

func (e *lostError) Error() string { return e.err.Error() }

// unsent is an error of the transport in sending: the other side is gone.
func unsent(err error) error {
	if errors.Is(err, errStopped) {
		return err
	}
	return fmt.Errorf("the other side ended the connection in the handshake: %w (%w)", io.EOF, err)
}

// verdict is what crypto/tls's error means: an end, or the transport's error, or a broken
// rule.
func (w *tlsWire) verdict(err error) error {
	_, isKey := errors.AsType[*KeyError](err)
	_, isRule := errors.AsType[*frame.Violation](err)
	switch {
	case isKey, isRule, errors.Is(err, errDry), errors.Is(err, io.EOF):
		return err
	case w.err != nil:
		return w.err
	case w.flooded.Load():
		return errFlood // crypto/tls goes on with a key that does not fit
	}
	return frame.Violated("tls", "%v", err)
}

func (s *secured) ready() bool { return s.more || s.w.whole() }

func (s *secured) read(b []byte) (int, error) {
	if !s.ready() {
		return 0, errDry
	}
	n, err := s.conn.Read(b)
	s.more = n == len(b)
	if err != nil {
		err = s.w.verdict(err)
	}
	return n, err
}

// joints are where pieces are put together that are smaller than a record.
var joints = sync.Pool{New: func() any { return new([tlsPlain]byte) }}

func (s *secured) seal(bufs [][]byte, n int) error {
	if len(bufs[0]) >= n {
		return s.write(bufs[0][:n])
	}
	joint := joints.Get().(*[tlsPlain]byte)
	defer joints.Put(joint)
	for from := (pieces{bufs: bufs}); n > 0; {
		b := from.run(joint[:0], n)
		if err := s.write(b); err != nil {
			return err
		}
		n -= len(b)
	}
	return nil
}

// joinBelow is the length, in bytes, below which a piece is not worth records of its own:
// to copy it costs less.
const joinBelow = 4 << 10

// run takes the next piece where it lies, of n bytes at most, or several that are small,
// which it joins in dst.
func (p *pieces) run(dst []byte, n int) []byte {
	b := p.next(n)
	if len(b) < joinBelow {
		return p.join(dst, n)
	}
	p.at += len(b)
	return b
}

// join appends the next pieces to dst: as much as one record takes, of n bytes at most, up
// to one that goes alone.
func (p *pieces) join(dst []byte, n int) []byte {
	for n = min(n, tlsPlain); n > 0; {
		b := p.next(n)
		if len(b) >= joinBelow {
			break
		}
		dst = append(dst, b...)
		n -= len(b)
		p.at += len(b)
	}
	return dst
}

// next is the next piece, which is there, of n bytes at most.
func (p *pieces) next(n int) []byte {
	for p.at == len(p.bufs[0]) {
		p.bufs, p.at = p.bufs[1:], 0
	}
	b := p.bufs[0][p.at:]
	return b[:min(len(b), n)]
}

// ended is the end of the connection, wherever it was: what has come was checked.
func (s *secured) ended() error { return io.EOF }

func (s *secured) write(b []byte) error {
	if _, err := s.conn.Write(b); err != nil {
		return s.w.verdict(err)
	}
	return nil
}

// tlsWire is the wire as crypto/tls wants it. In the handshake it blocks, and reads no
// byte more than of the record that comes; then it gives whole records, and takes what is
// to be sent.
type tlsWire struct {
	*wire
	shaking bool
	err     error // of the transport, in reading
	left    int   // bytes of the present record that were not given yet
	flooded atomic.Bool

	// In the handshake:
	head [tlsHeader]byte
	have int // bytes of head
	read int // bytes
}

// announced is the length that a record's header has.
func announced(b []byte) int { return int(binary.BigEndian.Uint16(b[3:])) }

// whole reports whether the buffer has a whole record, or what cannot be one.
func (w *tlsWire) whole() bool {
	if len(w.buf) < tlsHeader {
		return false
	}
	n := announced(w.buf)
	return n > tlsMost || len(w.buf) >= tlsHeader+n
}

// Read is for crypto/tls.
func (w *tlsWire) Read(b []byte) (int, error) {
	if w.shaking {
		return w.readShaking(b)
	}
	if w.left == 0 {
		if !w.whole() {
			return 0, errDry
		}
		w.left = min(len(w.buf), tlsHeader+announced(w.buf))
	}
	n := copy(b, w.buf[:w.left])
	w.left -= n
	w.buf = w.buf[n:]
	return n, nil
}

// readShaking is Read in the handshake.
func (w *tlsWire) readShaking(b []byte) (int, error) {
	if w.read >= mostHandshake {
		return 0, frame.Violated("tls", "a handshake of more than %d bytes", mostHandshake)
	}
	most := w.left
	if most == 0 {
		most = tlsHeader - w.have
	}
	n, err := w.recvWait(b[:min(len(b), most)])
	if err != nil {
		w.err = err
		return 0, err
	}
	w.read += n
	w.passed(b[:n])
	return n, nil
}

// passed notes b of the handshake's records.
func (w *tlsWire) passed(b []byte) {
	if w.left > 0 {
		w.left -= len(b)
		return
	}
	w.have += copy(w.head[w.have:], b)
	if w.have == tlsHeader {
		w.left, w.have = announced(w.head[:]), 0
	}
}

// Write is for crypto/tls.
func (w *tlsWire) Write(b []byte) (int, error) {
	if w.shaking {
		if err := w.sendWait(b); err != nil {
			return 0, &lostError{err}
		}
		return len(b), nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	p, err := w.growLocked(len(b))
	if err != nil {
		w.flooded.Store(true)
		return 0, err
	}
	w.pending = append(p, b...)
	return len(b), nil
}

// The rest is of net.Conn, and nobody calls it.

func (w *tlsWire) Close() error                     { return nil }
func (w *tlsWire) LocalAddr() net.Addr              { return nil }
func (w *tlsWire) RemoteAddr() net.Addr             { return nil }
func (w *tlsWire) SetDeadline(time.Time) error      { return nil }
func (w *tlsWire) SetReadDeadline(time.Time) error  { return nil }
func (w *tlsWire) SetWriteDeadline(time.Time) error { return nil }
