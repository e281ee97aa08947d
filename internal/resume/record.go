package resume

import (
	"encoding/binary"

	"github.com/outwork-go/outwork/internal/frame"
)

// The kinds of record.
const (
	data = 1 + iota
	ack
	ask
	end
)

// Limits; each has its line in PROTOCOL.md.
const (
	MaxUnacked = 16 << 20 // bytes that are kept until they are acknowledged
	MaxData    = 1 << 20  // bytes in one record
	MaxReason  = 1 << 10  // bytes of why a session is over
	ackEvery   = 256 << 10
	sendAtOnce = 256 << 10 // bytes that one record of this side has at most

	headSize  = 4
	countSize = 8
)

// header appends the beginning of a record.
func header(b []byte, kind byte, n int) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(kind)<<24|uint32(n))
}

// count appends a whole ACK or ASK.
func count(b []byte, kind byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64(header(b, kind, countSize), n)
}

// parse reads the beginning of a record. Its error is a *frame.Violation.
func parse(b []byte) (kind byte, n int, err error) {
	kind, n = b[0], int(binary.BigEndian.Uint32(b)&0xFFFFFF)
	ok := false
	switch kind {
	case data:
		ok = n >= 1 && n <= MaxData
	case ack, ask:
		ok = n == countSize
	case end:
		ok = n <= MaxReason
	default:
		return 0, 0, frame.Violated("resume", "a record of kind %d", kind)
	}
	if !ok {
		return 0, 0, frame.Violated("resume", "a record of kind %d and %d bytes", kind, n)
	}
	return kind, n, nil
}
