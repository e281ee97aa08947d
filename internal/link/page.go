package link

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/outwork-go/outwork/container"
)

// hashWindow is how many bytes are read into memory to be hashed or compared. After each a
// request looks whether anybody wants its answer.
const hashWindow = 256 << 10

func (r *readRequest) of() uint64    { return r.Share }
func (r *searchRequest) of() uint64  { return r.Share }
func (r *hashRequest) of() uint64    { return r.Share }
func (r *compareRequest) of() uint64 { return r.Share }
func (r *extentRequest) of() uint64  { return r.Share }

func (r *readRequest) answer(a *asked, k *staying) ([]byte, error) {
	if r.Length > MaxPage {
		return nil, fmt.Errorf("%d bytes at %d are more than the %d that are read at once", r.Length, r.Offset, MaxPage)
	}
	if err := checkRange(r.Offset, r.Length, k.view.Size()); err != nil {
		return nil, err
	}
	if err := a.l.spend(r.Length); err != nil {
		return nil, err
	}
	head := bytesReplyHead(r.Length)
	reply := make([]byte, int64(len(head))+r.Length)
	err := readAll(k.view, reply[copy(reply, head):], r.Offset)
	k.reads.Add(1)
	k.bytes.Add(r.Length)
	return reply, err
}

// bytesReplyHead is how a bytesReply of n bytes begins, at most MaxPage: encoding and
// decoding it as others are would copy the bytes.
func bytesReplyHead(n int64) []byte {
	const array1, bytes0, bytes1, bytes2, bytes4 = 0x81, 0x40, 0x58, 0x59, 0x5a
	switch {
	case n < 24:
		return []byte{array1, bytes0 + byte(n)}
	case n < 1<<8:
		return []byte{array1, bytes1, byte(n)}
	case n < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{array1, bytes2}, uint16(n))
	}
	return binary.BigEndian.AppendUint32([]byte{array1, bytes4}, uint32(n))
}

// readAll fills p from off, or says where that failed, and why.
func readAll(c container.Container, p []byte, off int64) error {
	n, err := c.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%d of %d bytes at %d: %w", n, len(p), off, err)
}

func (r *hashRequest) answer(a *asked, k *staying) ([]byte, error) {
	h, err := container.NewHash(r.Algorithm)
	if err != nil {
		return nil, err
	}
	if err := checkRange(r.Offset, r.Length, k.view.Size()); err != nil {
		return nil, err
	}
	k.hashes.Add(1)
	buf := make([]byte, min(r.Length, hashWindow))
	for at, left := r.Offset, r.Length; left > 0; {
		b := buf[:min(left, hashWindow)]
		if err := k.hash(a, k.view, b, at); err != nil {
			return nil, err
		}
		h.Write(b)
		at, left = at+int64(len(b)), left-int64(len(b))
	}
	return bytesReplyPlan.bytes(&bytesReply{h.Sum(nil)})
}

// hash fills b from what is at at in v, to be hashed or compared.
func (k *staying) hash(a *asked, v container.Container, b []byte, at int64) error {
	if err := a.charge(int64(len(b))); err != nil {
		return err
	}
	k.hashed.Add(int64(len(b)))
	return readAll(v, b, at)
}

func (r *compareRequest) answer(a *asked, k *staying) ([]byte, error) {
	other, err := a.l.paged.get(r.Other)
	if err == nil {
		err = checkRange(r.OtherOffset, r.Length, other.view.Size())
	}
	if err != nil {
		return nil, fmt.Errorf("compare with share %d: %w", r.Other, err)
	}
	if err := checkRange(r.Offset, r.Length, k.view.Size()); err != nil {
		return nil, err
	}
	reply := func() ([]byte, error) {
		at, err := r.first(a, k, other)
		if err != nil {
			return nil, err
		}
		return compareReplyPlan.bytes(&compareReply{at})
	}
	if other.live && !k.live {
		return other.bounded(a, reply)
	}
	return reply()
}

// first is where the two differ first, or -1.
func (r *compareRequest) first(a *asked, k, other *staying) (int64, error) {
	k.hashes.Add(1)
	room := make([]byte, 2*min(r.Length, hashWindow))
	for at := int64(0); at < r.Length; {
		n := min(r.Length-at, hashWindow)
		x, y := room[:n], room[len(room)/2:][:n]
		if err := k.hash(a, k.view, x, r.Offset+at); err != nil {
			return -1, err
		}
		if err := k.hash(a, other.view, y, r.OtherOffset+at); err != nil {
			return -1, fmt.Errorf("compare with share %d: %w", r.Other, err)
		}
		if !bytes.Equal(x, y) {
			for x[0] == y[0] {
				x, y, at = x[1:], y[1:], at+1
			}
			return at, nil
		}
		at += n
	}
	return -1, nil
}

func (r *extentRequest) answer(a *asked, k *staying) ([]byte, error) {
	start, end, err := container.Extent(a.ctx, k.view, r.Offset)
	if err != nil {
		return nil, err
	}
	return extentReplyPlan.bytes(&extentReply{start, end})
}
