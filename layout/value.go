package layout

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
)

// Value is one value that was read. Its bytes must not be changed.
type Value struct {
	name      string
	t         *typ
	order     Order
	off, size int64
	raw       []byte  // of what is neither an array nor a structure
	list      []Value // elements, or fields
	notes     Notes
}

// Name is the field's, and "[3]" for an element of an array.
func (v Value) Name() string { return v.name }

// Type is how its type is written, with the byte order in which it was read.
func (v Value) Type() string { return v.t.words[v.order] }

// Offset is where it begins, in bytes from the beginning of what was read from.
func (v Value) Offset() int64 { return v.off }

// Size is how many bytes it has, of a cstring with the NUL.
func (v Value) Size() int64 { return v.size }

// Bytes is the value of char, bytes and cstring: all bytes of char, and those before the
// NUL of cstring. Of a number it is the bytes as they were; of others nil.
func (v Value) Bytes() []byte { return v.raw }

// List is the elements of an array, or the fields of a structure; of others nil. It must
// not be changed.
func (v Value) List() []Value { return v.list }

// Record is a structure as one, with its fields; a value that is none has no fields.
func (v Value) Record() Record {
	if v.t.kind != kindStruct {
		return Record{v: Value{t: &noStruct.t, off: v.off}}
	}
	return Record{v}
}

var noStruct = Must("none", "")

// Uint is the value of an integer, of a signed one as two's complement of 64 bits. Of
// others it is 0.
func (v Value) Uint() uint64 {
	switch v.t.kind {
	case kindInt:
		shift := 64 - 8*v.t.size
		return uint64(int64(v.bits()<<shift) >> shift)
	case kindUint:
		return v.bits()
	}
	return 0
}

// Float is the value of f32 and f64; of others it is 0.
func (v Value) Float() float64 {
	switch {
	case v.t.kind != kindFloat:
		return 0
	case v.t.size == 4:
		return float64(math.Float32frombits(uint32(v.bits())))
	}
	return math.Float64frombits(v.bits())
}

func (v Value) bits() uint64 {
	var order binary.ByteOrder = binary.LittleEndian
	if v.order == Big {
		order = binary.BigEndian
	}
	switch len(v.raw) {
	case 1:
		return uint64(v.raw[0])
	case 2:
		return uint64(order.Uint16(v.raw))
	case 4:
		return uint64(order.Uint32(v.raw))
	}
	return order.Uint64(v.raw)
}

// Text is char up to its first NUL, or cstring, as the bytes are: perhaps no UTF-8. Of
// others it is "".
func (v Value) Text() string {
	if v.t.kind != kindChar && v.t.kind != kindCString {
		return ""
	}
	text, _, _ := bytes.Cut(v.raw, []byte{0})
	return string(text)
}

// Any is the value: a uint64, an int64, a float64, a string (Text), a []byte, a []any of
// an array, or a Record.
func (v Value) Any() any {
	switch v.t.kind {
	case kindUint:
		return v.Uint()
	case kindInt:
		return int64(v.Uint())
	case kindFloat:
		return v.Float()
	case kindBytes:
		return v.raw
	case kindStruct:
		return v.Record()
	case kindArray:
		all := make([]any, len(v.list))
		for i, e := range v.list {
			all[i] = e.Any()
		}
		return all
	}
	return v.Text()
}

// Note is what the value means, where that is known.
func (v Value) Note() string {
	if v.notes == nil || v.t.kind != kindUint && v.t.kind != kindInt {
		return ""
	}
	return v.notes.Note(v.Uint())
}

// show is how many bytes of a value are shown.
const show = 32

// String is the value for people, on one line and in ASCII: 260 as 0x104, text in quotes,
// bytes in hexadecimal, the first of them if there are many; "" for arrays and structures.
func (v Value) String() string {
	switch v.t.kind {
	case kindUint:
		if n := v.bits(); n > 9 {
			return fmt.Sprintf("%#x", n)
		}
		return strconv.FormatUint(v.bits(), 10)
	case kindInt:
		return strconv.FormatInt(int64(v.Uint()), 10)
	case kindFloat:
		return strconv.FormatFloat(v.Float(), 'g', -1, int(8*v.t.size))
	case kindChar, kindCString:
		text := v.Text()
		return strconv.QuoteToASCII(text[:min(len(text), 8*show)]) + more(len(text) > 8*show)
	case kindBytes:
		return hex.EncodeToString(v.raw[:min(len(v.raw), show)]) + more(len(v.raw) > show)
	}
	return ""
}

func more(left bool) string {
	if left {
		return "..."
	}
	return ""
}

// nodes appends v and what is inside it.
func (v Value) nodes(to []Node, depth int) []Node {
	to = append(to, Node{
		Depth: depth, Name: v.name, Type: v.Type(), Offset: v.off, Size: v.size,
		Text: v.String(), Note: v.Note(),
	})
	for _, inside := range v.list {
		to = inside.nodes(to, depth+1)
	}
	return to
}
