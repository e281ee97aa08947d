package channel

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/outwork-go/outwork/internal/frame"
)

// The record layer's sizes, in bytes; PROTOCOL.md has their places.
const (
	greetingMagic  = "\x89owr\r\n\x1a\n"
	greetingSize   = 44
	nonceSize      = 32
	recordVersion  = 1
	recordHeader   = 4
	tagSize        = sha256.Size
	recordOverhead = recordHeader + tagSize
	mostRecord     = 64 << 10 // data of a record
	mostFirst      = 4 << 10  // data of the first record of a direction
)

// greeting is what r says first.
func greeting(r role, nonce [nonceSize]byte) (b [greetingSize]byte) {
	copy(b[:], greetingMagic)
	binary.BigEndian.PutUint16(b[8:], recordVersion)
	b[10] = byte(r)
	copy(b[12:], nonce[:])
	return b
}

// checkGreeting looks at as much of the greeting of r's other side as has come, so that
// who speaks something else is told before it has said 44 bytes of it. own is r's nonce.
func checkGreeting(b []byte, r role, own [nonceSize]byte) (nonce [nonceSize]byte, err error) {
	if n := min(len(b), len(greetingMagic)); string(b[:n]) != greetingMagic[:n] {
		return nonce, frame.Violated("greeting", "it begins with %q: the other side has no shared secret set, or is not outwork", b[:n])
	}
	if len(b) < greetingSize {
		return nonce, nil
	}
	nonce = [nonceSize]byte(b[12:])
	version := binary.BigEndian.Uint16(b[8:])
	switch {
	case version != recordVersion:
		return nonce, frame.Violated("version", "the other side's record layer is version %d, this one's %d", version, recordVersion)
	case role(b[10]) != r.other():
		return nonce, frame.Violated("greeting", "role %d from the side with role %d", b[10], r.other())
	case b[11] != 0:
		return nonce, frame.Violated("greeting", "byte 11 is %d", b[11])
	case nonce == own:
		return nonce, frame.Violated("greeting", "this side's own nonce came back")
	}
	return nonce, nil
}

// writeKey is the key that r writes with.
func writeKey(secret []byte, d, l [nonceSize]byte, r role) ([]byte, error) {
	salt := slices.Concat(d[:], l[:]) // the dialler's nonce is first
	info := "outwork record 1 dialler"
	if r == listener {
		info = "outwork record 1 listener"
	}
	return hkdf.Key(sha256.New, secret, salt, info, sha256.Size)
}

// tagger makes the tags of one direction.
type tagger struct {
	mac    hash.Hash
	prefix [1 + 8 + recordHeader]byte // direction, number of the next record, its length
	seq    uint64
	sum    [tagSize]byte
}

func newTagger(key []byte, r role) *tagger {
	t := &tagger{mac: hmac.New(sha256.New, key)}
	t.prefix[0] = byte(r)
	return t
}

// begin begins the tag of a record with n bytes.
func (t *tagger) begin(n int) {
	binary.BigEndian.PutUint64(t.prefix[1:], t.seq)
	binary.BigEndian.PutUint32(t.prefix[9:], uint32(n))
	t.mac.Reset()
	t.mac.Write(t.prefix[:])
}

// end is the tag of what was written since begin. It holds until the next.
func (t *tagger) end() []byte {
	t.seq++
	return t.mac.Sum(t.sum[:0])
}

// sealer makes the records of one direction.
type sealer struct{ *tagger }

// most is how much data the next record may have.
func (s sealer) most() int {
	if s.seq == 0 {
		return mostFirst
	}
	return mostRecord
}

// seal appends a record with data, which has 1 to most bytes.
func (s sealer) seal(dst, data []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(data)))
	dst = append(dst, data...)
	return s.finish(dst, len(data))
}

// finish appends the tag of the record whose n bytes of data end dst.
func (s sealer) finish(dst []byte, n int) []byte {
	s.begin(n)
	s.mac.Write(dst[len(dst)-n:])
	return append(dst, s.end()...)
}

// opener checks the records of one direction. Its errors stay.
type opener struct {
	*tagger
	err error
}

// size is the length of the record that b begins with, in bytes; 0 when that cannot be
// told yet.
func (o *opener) size(b []byte) (int, error) {
	if o.err != nil || len(b) < recordHeader {
		return 0, o.err
	}
	n, most := binary.BigEndian.Uint32(b), uint32(sealer{o.tagger}.most())
	if n == 0 || n > most {
		o.err = frame.Violated("record", "record %d has %d bytes: 1 to %d are allowed", o.seq, n, most)
		return 0, o.err
	}
	return recordOverhead + int(n), nil
}

// open is the data of the record that b begins with, and the rest of b. It is nil when
// the record is not whole.
func (o *opener) open(b []byte) (data, rest []byte, err error) {
	size, err := o.size(b)
	if err != nil || size == 0 || len(b) < size {
		return nil, b, err
	}
	data, tag := b[recordHeader:size-tagSize], b[size-tagSize:size]
	o.begin(len(data))
	o.mac.Write(data)
	if !hmac.Equal(o.end(), tag) {
		o.err = frame.Violated("tag", "record %d was changed on the way, or the other side has another secret", o.seq-1)
		return nil, b, o.err
	}
	return data, b[size:], nil
}

// records is the record layer over a wire.
type records struct {
	w     *wire
	in    *opener
	out   sealer
	plain []byte // opened and not read; in the wire's buffer
}

// shakeRecord exchanges greetings.
func shakeRecord(w *wire, secret []byte, r role) (layer, error) {
	var own [nonceSize]byte
	rand.Read(own[:])
	mine := greeting(r, own)
	if err := w.sendWait(mine[:]); err != nil {
		return nil, unsent(err)
	}
	theirs, err := readGreeting(w, r, own)
	if err != nil {
		return nil, err
	}
	return newRecords(w, secret, r, own, theirs)
}

// readGreeting reads no byte more.
func readGreeting(w *wire, r role, own [nonceSize]byte) (nonce [nonceSize]byte, err error) {
	var b [greetingSize]byte
	for have := 0; have < greetingSize; {
		n, err := w.recvWait(b[have:])
		switch {
		case errors.Is(err, io.EOF) && have > 0 && !w.lost():
			return nonce, frame.Violated("cut", "the connection ended after %d bytes of the greeting", have)
		case errors.Is(err, io.EOF):
			return nonce, fmt.Errorf("the other side ended the connection before it had greeted: %w", io.EOF)
		case err != nil:
			return nonce, err
		}
		have += n
		if nonce, err = checkGreeting(b[:have], r, own); err != nil {
			return nonce, err
		}
	}
	return nonce, nil
}

// newRecords is the layer behind the greetings.
func newRecords(w *wire, secret []byte, r role, own, theirs [nonceSize]byte) (*records, error) {
	d, l := own, theirs
	if r == listener {
		d, l = theirs, own
	}
	write, err := writeKey(secret, d, l, r)
	if err != nil {
		return nil, err
	}
	read, err := writeKey(secret, d, l, r.other())
	if err != nil {
		return nil, err
	}
	return &records{w: w, in: &opener{tagger: newTagger(read, r.other())}, out: sealer{newTagger(write, r)}}, nil
}

// ready is true also for a length that cannot be.
func (r *records) ready() bool {
	if len(r.plain) > 0 {
		return true
	}
	size, err := r.in.size(r.w.buf)
	return err != nil || size > 0 && len(r.w.buf) >= size
}

func (r *records) read(b []byte) (n int, err error) {
	if len(r.plain) == 0 {
		r.plain, r.w.buf, err = r.in.open(r.w.buf)
		if err != nil {
			return 0, err
		}
		if r.plain == nil {
			return 0, errDry
		}
	}
	n = copy(b, r.plain)
	r.plain = r.plain[n:]
	r.w.pinned = len(r.plain) > 0
	return n, nil
}

func (r *records) seal(bufs [][]byte, n int) error {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	p, err := r.w.growLocked(n + (n/mostRecord+2)*recordOverhead)
	if err != nil {
		return err
	}
	for from := (pieces{bufs: bufs}); n > 0; {
		k := min(n, r.out.most())
		n -= k
		p = binary.BigEndian.AppendUint32(p, uint32(k))
		p = from.take(p, k)
		p = r.out.finish(p, k)
	}
	r.w.pending = p
	return nil
}

// ended is the end of the connection, which has no business inside a record.
func (r *records) ended() error {
	if n := len(r.w.buf); n > 0 {
		return frame.Violated("cut", "the connection ended after %d bytes of record %d", n, r.in.seq)
	}
	return io.EOF
}

// pieces are bufs, of which the first at bytes are taken; bufs do not change.
type pieces struct {
	bufs [][]byte
	at   int // bytes of bufs[0] that are taken
}

// take appends the next n bytes, which are there, to dst.
func (p *pieces) take(dst []byte, n int) []byte {
	for n > 0 {
		b := p.bufs[0][p.at:]
		if len(b) > n {
			p.at += n
			return append(dst, b[:n]...)
		}
		dst = append(dst, b...)
		n -= len(b)
		p.bufs, p.at = p.bufs[1:], 0
	}
	return dst
}
