package link

import (
	"bytes"
	"encoding/binary"

	"github.com/outwork-go/outwork/internal/frame"
)

// Most calls bring no parts and no grants, and most results no parts. Their
// headers are the same few bytes of CBOR each time, and are written and read
// here without a codec: it would take longer than all else that is done for a
// small call (RATIONALE.md has the figures). All other headers, and all that is
// malformed, take the general way.

// append adds the header of a call.
func (h *callHeader) append(buf *bytes.Buffer) error {
	if len(h.Parts) > 0 || len(h.Grants) > 0 {
		general := *h // a copy, so that h need not be on the heap
		if general.Parts == nil {
			general.Parts = []part{}
		}
		if general.Grants == nil {
			general.Grants = []string{}
		}
		return callPlan.append(buf, &general)
	}
	b := buf.AvailableBuffer()
	b = append(b, cborArray|5)
	b = appendHead(b, cborText, uint64(len(h.Function)))
	b = append(b, h.Function...)
	b = appendHead(b, cborUint, uint64(h.Remaining))
	b = append(b, cborArray, cborArray)
	b = appendHead(b, cborUint, uint64(h.Parent))
	buf.Write(b)
	return nil
}

// parse reads the header of a call, and returns what follows it. The name is valid
// as long as b.
func (h *callHeader) parse(b []byte) (name, rest []byte, err error) {
	if name, rest, ok := h.parsePlain(b); ok {
		return name, rest, nil
	}
	general := new(callHeader)
	rest, err = callPlan.first(b, general, "CALL_FUNCTION")
	*h = *general
	return []byte(h.Function), rest, err
}

func (h *callHeader) parsePlain(b []byte) (name, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != cborArray|5 {
		return nil, nil, false
	}
	n, b, ok := readHead(b[1:], cborText)
	if !ok || n == 0 || n > uint64(len(b)) || !plainText(b[:n]) {
		return nil, nil, false
	}
	name, b = b[:n], b[n:]
	remaining, b, ok := readHead(b, cborUint)
	if !ok || remaining > 1<<63-1 || len(b) < 2 || b[0] != cborArray || b[1] != cborArray {
		return nil, nil, false
	}
	parent, b, ok := readHead(b[2:], cborUint)
	if !ok || parent > 1<<32-1 {
		return nil, nil, false
	}
	h.Remaining, h.Parent = int64(remaining), uint32(parent)
	return name, b, true
}

// plainReply is the header of a result without parts: [[]].
const plainReply = "\x81\x80"

func (h *replyHeader) append(buf *bytes.Buffer) error {
	if len(h.Parts) > 0 {
		return replyPlan.append(buf, &replyHeader{h.Parts})
	}
	buf.WriteString(plainReply)
	return nil
}

func (h *replyHeader) parse(b []byte) (rest []byte, err error) {
	if len(b) >= len(plainReply) && string(b[:len(plainReply)]) == plainReply {
		return b[len(plainReply):], nil
	}
	general := new(replyHeader)
	rest, err = replyPlan.first(b, general, "REPLY")
	*h = *general
	return rest, err
}

// The major types of CBOR that are needed here, and the longest heads of an item's
// first byte (RFC 8949, section 3).
const (
	cborUint  = 0 << 5
	cborText  = 3 << 5
	cborArray = 4 << 5

	cborInline = 24 // below it, the argument is in the first byte
	cborByte   = 24
	cborTwo    = 25
	cborFour   = 26
	cborEight  = 27
)

func appendHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n < cborInline:
		return append(b, major|byte(n))
	case n < 1<<8:
		return append(b, major|cborByte, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major|cborTwo), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major|cborFour), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|cborEight), n)
}

func readHead(b []byte, major byte) (n uint64, rest []byte, ok bool) {
	if len(b) == 0 || b[0]&0xe0 != major {
		return 0, nil, false
	}
	info := b[0] & 0x1f
	b = b[1:]
	if info < cborInline {
		return uint64(info), b, true
	}
	size := 1 << (info - cborByte)
	if info > cborEight || len(b) < size {
		return 0, nil, false
	}
	for _, c := range b[:size] {
		n = n<<8 | uint64(c)
	}
	return n, b[size:], true
}

// plainText reports whether b is ASCII, which is what names mostly are.
func plainText(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// check is what a call's header must keep beyond its types.
func (h *callHeader) check(name []byte, end bool) error {
	switch {
	case h.Remaining < 0 || !end:
		return frame.Violated("message", "CALL_FUNCTION with %d ns left, or without END", h.Remaining)
	case len(name) > MaxName:
		return frame.Violated("message", "CALL_FUNCTION with a name of %d bytes, more than %d", len(name), MaxName)
	}
	return nil
}
