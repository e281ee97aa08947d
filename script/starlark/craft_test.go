package starlark

import "encoding/binary"

type writeOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// craftELF is a program of a segment to load and a dynamic one, without
// sections. Addresses are offsets plus craftBase.
func craftELF(order writeOrder, wide bool, needed []string) []byte {
	const craftBase = 0x400000
	w := elfWriter{order: order, wide: wide}
	header, entry := 52, 32
	if wide {
		header, entry = 64, 56
	}
	table := []byte{0}
	for _, n := range needed {
		w.tag(1, uint64(len(table)))
		table = append(append(table, n...), 0)
	}
	start := header + 2*entry
	w.tag(5, uint64(craftBase+start))
	w.tag(10, uint64(len(table)))
	w.tag(0, 0)
	end := start + len(table) + len(w.tags)

	w.header(header, entry)
	w.segment(1, 0, craftBase, end)
	w.segment(2, start+len(table), craftBase+start+len(table), len(w.tags))
	return append(append(w.out, table...), w.tags...)
}

type elfWriter struct {
	order     writeOrder
	wide      bool
	out, tags []byte
}

func (w *elfWriter) word(b []byte, v uint64) []byte {
	if w.wide {
		return w.order.AppendUint64(b, v)
	}
	return w.order.AppendUint32(b, uint32(v))
}

func (w *elfWriter) tag(tag, value uint64) { w.tags = w.word(w.word(w.tags, tag), value) }

func (w *elfWriter) header(size, entry int) {
	class, data := byte(1), byte(1)
	if w.wide {
		class = 2
	}
	if w.order.Uint16([]byte{1, 0}) != 1 {
		data = 2
	}
	b := append([]byte("\x7fELF"), class, data, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	b = w.order.AppendUint16(b, 3)
	b = w.order.AppendUint16(b, 62)
	b = w.order.AppendUint32(b, 1)
	b = w.word(w.word(w.word(b, 0), uint64(size)), 0) // entry point, program headers, sections
	b = w.order.AppendUint32(b, 0)
	for _, v := range []int{size, entry, 2, 0, 0, 0} {
		b = w.order.AppendUint16(b, uint16(v))
	}
	w.out = b
}

func (w *elfWriter) segment(kind uint32, offset, address, size int) {
	b := w.order.AppendUint32(w.out, kind)
	if w.wide {
		b = w.order.AppendUint32(b, 0)
	}
	for _, v := range []int{offset, address, address, size, size} {
		b = w.word(b, uint64(v))
	}
	if !w.wide {
		b = w.order.AppendUint32(b, 0)
	}
	w.out = w.word(b, 4096)
}

// peFile is a program with one section, which is at another place in the file
// than in memory.
type peFile struct {
	wide     bool // PE32+
	delayed  bool // with a delayed import
	absolute bool // whose fields are addresses
}

func (p peFile) craft() []byte {
	const (
		pe, offset, rva = 0x80, 0x400, 0x2000
		base            = 0x10000000
	)
	le := binary.LittleEndian
	b := make([]byte, 0x800)
	copy(b, "MZ")
	le.PutUint32(b[0x3c:], pe)
	copy(b[pe:], "PE\x00\x00")
	le.PutUint16(b[pe+6:], 1) // sections
	opt, dirs, magic := pe+24, 96, uint16(0x10b)
	if p.wide {
		dirs, magic = 112, 0x20b
		le.PutUint64(b[opt+24:], base)
	} else {
		le.PutUint32(b[opt+28:], base)
	}
	le.PutUint16(b[pe+20:], uint16(dirs+16*8))
	le.PutUint16(b[opt:], magic)
	le.PutUint32(b[opt+32:], 4096)   // section alignment
	le.PutUint32(b[opt+60:], offset) // size of headers
	le.PutUint32(b[opt+dirs-4:], 16)
	le.PutUint32(b[opt+dirs+8:], rva)

	section := opt + dirs + 16*8
	le.PutUint32(b[section+8:], 0x400)
	le.PutUint32(b[section+12:], rva)
	le.PutUint32(b[section+16:], 0x400)
	le.PutUint32(b[section+20:], offset+7) // rounded down to a sector

	le.PutUint32(b[offset+12:], rva+0x100)
	le.PutUint32(b[offset+20+12:], rva+0x120)
	copy(b[offset+0x100:], "KERNEL32.dll")
	copy(b[offset+0x120:], "user32.dll")
	if p.delayed {
		le.PutUint32(b[opt+dirs+13*8:], rva+0x200)
		name := uint32(rva + 0x140)
		if p.absolute {
			name += base
		} else {
			le.PutUint32(b[offset+0x200:], 1)
		}
		le.PutUint32(b[offset+0x204:], name)
		copy(b[offset+0x140:], "late.dll")
	}
	return b
}
