package inspect_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
)

// elfSpec is an ELF file as tests want it: a shared library that is one segment.
type elfSpec struct {
	wide    bool
	order   binary.AppendByteOrder
	hash    elf.DynTag // how the symbols are counted: DT_HASH, DT_GNU_HASH or DT_NULL
	soname  string
	needed  []string
	symbols []elfSpecSymbol // those that are not defined first
	dynamic []uint64        // more tags and values
	strings int             // more bytes of strings, of one name
}

type elfSpecSymbol struct {
	name          string
	defined       bool
	version, from string // of one that is not defined
}

const (
	elfBase    = 0x10000 // where the file is loaded
	elfMachine = elf.EM_MIPS
)

// elfBuilder writes a file.
type elfBuilder struct {
	elfSpec
	b       []byte
	names   []byte
	tables  map[elf.DynTag]uint64 // offsets, or values
	dynamic uint64                // offset
	end     uint64                // of it
}

func (b *elfBuilder) u16(v ...uint64) {
	for _, v := range v {
		b.b = b.order.AppendUint16(b.b, uint16(v))
	}
}

func (b *elfBuilder) u32(v ...uint64) {
	for _, v := range v {
		b.b = b.order.AppendUint32(b.b, uint32(v))
	}
}

func (b *elfBuilder) word(v ...uint64) {
	for _, v := range v {
		if b.wide {
			b.b = b.order.AppendUint64(b.b, v)
		} else {
			b.u32(v)
		}
	}
}

// table begins a table of the dynamic segment.
func (b *elfBuilder) table(tag elf.DynTag) {
	b.b = append(b.b, make([]byte, -len(b.b)&7)...)
	b.tables[tag] = elfBase + uint64(len(b.b))
}

func (b *elfBuilder) name(s string) uint64 {
	if s == "" {
		return 0
	}
	if i := bytes.Index(b.names, append([]byte(s), 0)); i >= 0 {
		return uint64(i)
	}
	at := len(b.names)
	b.names = append(append(b.names, s...), 0)
	return uint64(at)
}

// build is the file.
func (s elfSpec) build() []byte {
	b := &elfBuilder{elfSpec: s, names: []byte{0}, tables: map[elf.DynTag]uint64{}}
	b.b = make([]byte, b.pick(52+2*32, 64+2*56)) // the headers are written last
	b.writeSymbols()
	b.writeVersions()
	b.writeHash()
	tail := b.writeDynamicNames()
	b.table(elf.DT_STRTAB)
	b.names = append(b.names, bytes.Repeat([]byte{'x'}, s.strings)...)
	b.b = append(b.b, b.names...)
	b.tables[elf.DT_STRSZ] = uint64(len(b.names))
	b.writeDynamic(tail)
	rest := b.b
	b.b = nil
	b.writeHeaders(uint64(len(rest)))
	copy(rest, b.b)
	return rest
}

func (b *elfBuilder) pick(narrow, wide uint64) uint64 {
	if b.wide {
		return wide
	}
	return narrow
}

func (b *elfBuilder) writeHeaders(size uint64) {
	class, data := elf.ELFCLASS32, elf.ELFDATA2LSB
	if b.wide {
		class = elf.ELFCLASS64
	}
	if b.order == binary.BigEndian {
		data = elf.ELFDATA2MSB
	}
	b.b = append(b.b, 0x7f, 'E', 'L', 'F', byte(class), byte(data), 1)
	b.b = append(b.b, make([]byte, 9)...)
	b.u16(uint64(elf.ET_DYN), uint64(elfMachine))
	b.u32(1)
	b.word(0, b.pick(52, 64), 0)
	b.u32(0)
	b.u16(b.pick(52, 64), b.pick(32, 56), 2, 0, 0, 0)
	b.segment(elf.PT_LOAD, 0, size)
	b.segment(elf.PT_DYNAMIC, b.dynamic, b.end-b.dynamic)
}

func (b *elfBuilder) segment(kind elf.ProgType, off, size uint64) {
	b.u32(uint64(kind))
	if b.wide {
		b.u32(uint64(elf.PF_R))
	}
	b.word(off, elfBase+off, elfBase+off, size, size)
	if !b.wide {
		b.u32(uint64(elf.PF_R))
	}
	b.word(8)
}

func (b *elfBuilder) writeSymbols() {
	b.table(elf.DT_SYMTAB)
	all := append([]elfSpecSymbol{{}}, b.symbols...)
	for i, s := range all {
		info, section, value := uint64(elf.ST_INFO(elf.STB_GLOBAL, elf.STT_FUNC)), uint64(0), uint64(0)
		if s.defined {
			section, value = 1, 0x1000+uint64(i)
		}
		b.u32(b.name(s.name))
		if !b.wide {
			b.word(value, 0)
		}
		b.b = append(b.b, byte(info), 0)
		b.u16(section)
		if b.wide {
			b.word(value, 0)
		}
	}
}

// versionIndex is the index of a symbol's version.
func (b *elfBuilder) versionIndex(i int) uint64 {
	if b.symbols[i].version == "" {
		return 1
	}
	return uint64(2 + i)
}

// writeVersions writes a version needed for each symbol that has one.
func (b *elfBuilder) writeVersions() {
	b.table(elf.DT_VERSYM)
	b.u16(0)
	count := uint64(0)
	for i, s := range b.symbols {
		b.u16(b.versionIndex(i))
		if s.version != "" {
			count++
		}
	}
	if count == 0 {
		return
	}
	b.table(elf.DT_VERNEED)
	b.tables[elf.DT_VERNEEDNUM] = count
	for i, s := range b.symbols {
		if s.version == "" {
			continue
		}
		b.u16(1, 1)
		b.u32(b.name(s.from), 16, 32)
		b.u32(0)
		b.u16(0, b.versionIndex(i))
		b.u32(b.name(s.version), 0)
	}
}

// writeHash writes a hash table that tells how many symbols there are. Nobody looks
// anything up in it.
func (b *elfBuilder) writeHash() {
	all := uint64(len(b.symbols) + 1)
	switch b.hash {
	case elf.DT_HASH:
		b.table(elf.DT_HASH)
		b.u32(1, all, 0)
		for range all {
			b.u32(0)
		}
	case elf.DT_GNU_HASH:
		first := all
		for i, s := range b.symbols {
			if s.defined {
				first = uint64(i + 1)
				break
			}
		}
		b.table(elf.DT_GNU_HASH)
		if first == all {
			b.u32(1, 1, 1, 0) // as GNU ld does when there is nothing to be found
			b.word(0)
			b.u32(0)
			return
		}
		b.u32(1, first, 1, 0)
		b.word(0)
		b.u32(first)
		for i := first; i < all; i++ {
			last := uint64(0)
			if i == all-1 {
				last = 1
			}
			b.u32(last)
		}
	}
}

// writeDynamicNames is the entries of the dynamic segment that have names.
func (b *elfBuilder) writeDynamicNames() []uint64 {
	var entries []uint64
	for _, name := range b.needed {
		entries = append(entries, uint64(elf.DT_NEEDED), b.name(name))
	}
	if b.soname != "" {
		entries = append(entries, uint64(elf.DT_SONAME), b.name(b.soname))
	}
	return entries
}

func (b *elfBuilder) writeDynamic(names []uint64) {
	b.b = append(b.b, make([]byte, -len(b.b)&7)...)
	b.dynamic = uint64(len(b.b))
	b.word(names...)
	for tag, v := range b.tables {
		b.word(uint64(tag), v)
	}
	b.word(b.elfSpec.dynamic...)
	b.word(0, 0)
	b.end = uint64(len(b.b))
}
