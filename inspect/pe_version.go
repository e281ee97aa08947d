package inspect

import (
	"encoding/binary"
	"fmt"
)

// Bounds of a version resource.
const (
	maxVersion        = 64 << 10 // bytes
	maxVersionStrings = 32
)

// versionBlock is one block of a version resource: u16 length, u16 length of the value,
// u16 type, a key of UTF-16 that ends with a NUL, the value, blocks. Value and blocks
// begin at multiples of four, counted from the resource's beginning.
type versionBlock struct {
	key      string
	value    []byte
	children []byte
	at       int // of children, in the resource
}

// nextVersionBlock cuts the first block off b, which lies at that place of the resource.
func nextVersionBlock(b []byte, at int) (block versionBlock, rest []byte, restAt int, ok bool) {
	if skip := -at & 3; skip <= len(b) {
		b, at = b[skip:], at+skip
	}
	if len(b) < 6 {
		return block, nil, 0, false
	}
	length := int(binary.LittleEndian.Uint16(b))
	value := int(binary.LittleEndian.Uint16(b[2:]))
	if binary.LittleEndian.Uint16(b[4:]) == 1 {
		value *= 2 // text is counted in units of UTF-16
	}
	if length < 6 || length > len(b) {
		return block, nil, 0, false
	}
	body, pos := b[:length], 6
	for pos+2 <= length && (body[pos] != 0 || body[pos+1] != 0) {
		pos += 2
	}
	block.key = fromUTF16(body[6:pos])
	pos = min(length, (pos+2+3)&^3)
	end := min(length, pos+value)
	block.value, block.children, block.at = body[pos:end], body[end:], at+end
	return block, b[length:], at + length, true
}

// readVersion tells what a version resource says.
func (p *PE) readVersion(at Span) {
	b := make([]byte, min(at.Size, maxVersion))
	n, _ := p.src.ReadAt(b, at.Offset)
	root, _, _, ok := nextVersionBlock(b[:n], 0)
	if !ok || root.key != "VS_VERSION_INFO" {
		p.r.warn("the version resource at %#x cannot be read", at.Offset)
		return
	}
	if v := root.value; len(v) >= 24 && binary.LittleEndian.Uint32(v) == 0xfeef04bd {
		p.r.fact("File version", "%s", dotted(v[8:]))
		p.r.fact("Product version", "%s", dotted(v[16:]))
	}
	info := findVersionBlock(root, "StringFileInfo")
	table, _, _, _ := nextVersionBlock(info.children, info.at) // of the first language
	rest, restAt := table.children, table.at
	for range maxVersionStrings {
		var s versionBlock
		if s, rest, restAt, ok = nextVersionBlock(rest, restAt); !ok {
			return
		}
		p.r.fact(s.key, "%s", versionText(s.value))
	}
}

func findVersionBlock(in versionBlock, key string) versionBlock {
	rest, at := in.children, in.at
	for range maxVersionStrings {
		b, next, nextAt, ok := nextVersionBlock(rest, at)
		if !ok || b.key == key {
			return b
		}
		rest, at = next, nextAt
	}
	return versionBlock{}
}

// dotted is a version of two u32, the more significant first.
func dotted(b []byte) string {
	u16 := func(at int) uint16 { return binary.LittleEndian.Uint16(b[at:]) }
	return fmt.Sprintf("%d.%d.%d.%d", u16(2), u16(0), u16(6), u16(4))
}

// versionText is a string's value up to its NUL.
func versionText(b []byte) string {
	for i := 0; i+1 < len(b); i += 2 {
		if b[i] == 0 && b[i+1] == 0 {
			return fromUTF16(b[:i])
		}
	}
	return fromUTF16(b)
}
