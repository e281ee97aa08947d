package codec

import "encoding/binary"

// The major types of CBOR.
const (
	majorUint  = 0
	majorNeg   = 1
	majorBytes = 2
	majorText  = 3
	majorArray = 4
	majorMap   = 5
	majorTag   = 6
	majorOther = 7
)

// What the low five bits of an item's first byte say.
const (
	infoFalse   = 20
	infoTrue    = 21
	infoNull    = 22
	infoOneByte = 24
	infoFloat16 = 25
	infoFloat32 = 26
	infoFloat64 = 27
)

const null = majorOther<<5 | infoNull

const (
	tagTime   = 0
	tagBigPos = 2
	tagBigNeg = 3

	tagSet       = 258        // registered: a finite set
	tagTuple     = 0x6f770001 // of our own, as is the next
	tagException = 0x6f770002
)

// A head is the beginning of an item: what it is, and its value, its length or
// its tag number.
type head struct {
	major, info byte
	arg         uint64
}

func (h head) isNull() bool { return h.major == majorOther && h.info == infoNull }

func (h head) isBool() bool {
	return h.major == majorOther && (h.info == infoFalse || h.info == infoTrue)
}

func (h head) isFloat() bool {
	return h.major == majorOther && h.info >= infoFloat16 && h.info <= infoFloat64
}

// isNaN reports whether a float is not a number: exponent all ones and a
// fraction that is not zero.
func (h head) isNaN() bool {
	switch h.info {
	case infoFloat16:
		return h.arg&0x7fff > 0x7c00
	case infoFloat32:
		return h.arg&0x7fffffff > 0x7f800000
	}
	return h.arg&(1<<63-1) > 0x7ff<<52
}

// String is what errors call the item.
func (h head) String() string {
	switch {
	case h.isNull():
		return "null"
	case h.isBool():
		return "a boolean"
	case h.isFloat():
		return "a float"
	}
	return [...]string{
		"an integer", "a negative integer", "bytes", "text", "an array", "a map", "a tag", "a simple value",
	}[h.major]
}

// head reads the head at pos.
func (c *checker) head() (head, error) {
	if c.pos >= len(c.data) {
		return head{}, errTruncated
	}
	first := c.data[c.pos]
	c.pos++
	h := head{major: first >> 5, info: first & 31}
	if h.info < infoOneByte {
		h.arg = uint64(h.info)
		return h, nil
	}
	return h, c.argument(&h)
}

// argument reads the 1, 2, 4 or 8 bytes that follow the first byte of a head.
func (c *checker) argument(h *head) error {
	if h.info > infoFloat64 {
		return refuse("an item of indefinite length, or a malformed one")
	}
	size := 1 << (h.info - infoOneByte)
	if len(c.data)-c.pos < size {
		return errTruncated
	}
	b := c.data[c.pos:]
	c.pos += size
	switch size {
	case 1:
		h.arg = uint64(b[0])
	case 2:
		h.arg = uint64(binary.BigEndian.Uint16(b))
	case 4:
		h.arg = uint64(binary.BigEndian.Uint32(b))
	case 8:
		h.arg = binary.BigEndian.Uint64(b)
	}
	return nil
}

// errTruncated is what below puts a path in front of.
var errTruncated = truncatedError{}

type truncatedError struct{}

func (truncatedError) Error() string { return "the message ends too early" }
