package inspect

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"

	"github.com/outwork-go/outwork/layout"
)

const (
	maxRich = 4096       // bytes before the PE's header in which it is looked for
	dans    = 0x536e6144 // "DanS"
)

// readRich reads what Microsoft's linker writes between the DOS program and the PE's
// header: which tools made how many of the objects. All is exclusive-ored with a key,
// which follows the word "Rich" behind it and is a checksum.
func (p *PE) readRich() {
	b := make([]byte, min(maxRich, p.dos.Int("e_lfanew"), p.src.size))
	n, _ := p.src.ReadAt(b, 0)
	b = b[:n]
	end := bytes.LastIndex(b, []byte("Rich"))
	if end < 0 || end+8 > len(b) {
		return
	}
	key := binary.LittleEndian.Uint32(b[end+4:])
	word := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) ^ key }
	begin := end - 4
	for begin >= 0 && word(begin) != dans {
		begin -= 4
	}
	if begin < 0 {
		return
	}
	sum := richSum(b[:begin])
	var tools []string
	p.node(layout.Node{Name: "Rich header", Type: "Rich", Offset: int64(begin), Size: int64(end + 8 - begin)})
	for at := begin + 16; at+8 <= end; at += 8 { // behind three words of padding
		id, count := word(at), word(at+4)
		sum += bits.RotateLeft32(id, int(count%32))
		tools = append(tools, fmt.Sprintf("%#x.%d ×%d", id>>16, id&0xffff, count))
		p.node(layout.Node{
			Depth: 1, Name: "tool", Type: "@comp.id", Offset: int64(at), Size: 8,
			Text: fmt.Sprintf("%#x", id>>16), Note: fmt.Sprintf("build %d, %d objects", id&0xffff, count),
		})
	}
	told := "as written by the linker"
	if sum != key {
		told = "changed since: the checksum is wrong"
	}
	p.r.fact("Rich header", "%s (%s)", strings.Join(tools, ", "), told)
}

// richSum is the checksum of the bytes before the header, without the field e_lfanew.
func richSum(b []byte) uint32 {
	sum := uint32(len(b))
	for i, c := range b {
		if i < 0x3c || i >= 0x40 {
			sum += bits.RotateLeft32(uint32(c), i%32)
		}
	}
	return sum
}
