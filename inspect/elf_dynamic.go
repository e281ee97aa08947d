package inspect

import (
	"debug/elf"
	"fmt"

	"github.com/outwork-go/outwork/layout"
)

// elfDynamic is what the dynamic segment says.
type elfDynamic struct {
	there   bool
	values  map[elf.DynTag]uint64 // the last of each tag
	needed  []string              // names of libraries, in order
	cut     bool                  // there are more than maxLibraries
	strings []byte                // DT_STRTAB
	symbols elfTable              // DT_SYMTAB
}

// elfTable is a table of symbols in the file.
type elfTable struct {
	off, count uint64
	names      []byte
	versions   []byte            // of each symbol, two bytes
	known      map[uint16]elfVer // by the value of versions
}

// readDynamic reads the dynamic segment: by the program headers, as a loader does, and by
// the sections where there are no program headers.
func (f *elfFile) readDynamic() {
	off, size, ok := f.findDynamic()
	if !ok {
		return
	}
	d := &f.dynamic
	stride := uint64(sizeOf(f.layout.dyn))
	if size/stride > maxDynamic {
		f.r.warn("the dynamic segment has more than the %d entries that are read", maxDynamic)
		size = maxDynamic * stride
	}
	p := f.readTable("the dynamic segment", off, size)
	var entries []layout.Record
	d.values = make(map[elf.DynTag]uint64)
	for at := uint64(0); ; at += stride {
		r, ok := f.at(p, f.layout.dyn, at)
		if !ok {
			break
		}
		entries = append(entries, r)
		tag := elf.DynTag(f.signed(r.Uint("d_tag")))
		if tag == elf.DT_NULL {
			break
		}
		d.there = true
		d.values[tag] = r.Uint("d_val")
	}
	f.readStrings()
	f.group("dynamic", f.layout.dyn, p.base, len(entries), int(stride))
	for i, r := range entries {
		f.showDynamic(i, r)
	}
	f.findSymbols()
}

// signed is a value of the file's word size with its sign.
func (f *elfFile) signed(v uint64) int64 {
	if f.wide {
		return int64(v)
	}
	return int64(int32(v))
}

func (f *elfFile) findDynamic() (off, size uint64, ok bool) {
	if s, ok := f.segment(elf.PT_DYNAMIC); ok {
		return s.off, s.size, s.size > 0
	}
	if len(f.segments) > 0 {
		return 0, 0, false
	}
	s, ok := f.ofKind(elf.SHT_DYNAMIC)
	return s.off, s.size, ok
}

// readStrings reads the table of strings that the dynamic segment names.
func (f *elfFile) readStrings() {
	d := &f.dynamic
	address, ok := d.values[elf.DT_STRTAB]
	if !ok {
		return
	}
	off, left, ok := f.place("the strings of the dynamic segment", address)
	if !ok {
		return
	}
	size, known := d.values[elf.DT_STRSZ]
	if !known {
		size = left
	}
	d.strings = f.readTable("the strings of the dynamic segment", off, size).b
}

// place is fromAddress, with a warning where that is nowhere.
func (f *elfFile) place(what string, address uint64) (off, left uint64, ok bool) {
	if off, left, ok = f.fromAddress(address); !ok {
		f.r.warn("%s cannot be read: address %#x is not in the file", what, address)
	}
	return off, left, ok
}

// fromAddress is offsetOf, by the sections where there are no segments.
func (f *elfFile) fromAddress(address uint64) (off, left uint64, ok bool) {
	if len(f.segments) > 0 {
		return f.offsetOf(address)
	}
	for _, s := range f.sections {
		if s.flags&elf.SHF_ALLOC != 0 && address >= s.address && address-s.address < s.inFile() {
			into := address - s.address
			return s.off + into, s.inFile() - into, s.off+into >= s.off
		}
	}
	return 0, 0, false
}

// showDynamic adds an entry to the structure, and the library that it names to those that
// are needed.
func (f *elfFile) showDynamic(i int, r layout.Record) {
	tag, note := elf.DynTag(f.signed(r.Uint("d_tag"))), named[elf.DynTag]().Note(r.Uint("d_tag"))
	switch tag {
	case elf.DT_NEEDED, elf.DT_SONAME, elf.DT_RPATH, elf.DT_RUNPATH:
		name := f.name(f.dynamic.strings, r.Uint("d_val"))
		note += " " + name
		if tag == elf.DT_NEEDED {
			f.need(name)
		}
		if r.Uint("d_val") >= uint64(len(f.dynamic.strings)) {
			f.r.warn("%v is at %#x, behind the strings of the dynamic segment", tag, r.Uint("d_val"))
		}
	}
	f.show(r, fmt.Sprintf("[%d]", i), 1, note)
}

// need adds a library to those that are needed.
func (f *elfFile) need(name string) {
	d := &f.dynamic
	if len(d.needed) < maxLibraries {
		d.needed = append(d.needed, name)
	} else if !d.cut {
		d.cut = true
		f.r.warn("more than %d libraries are needed: the rest is left out", maxLibraries)
	}
}

// dynamicName is the string that the value of a tag stands for.
func (f *elfFile) dynamicName(tag elf.DynTag) string {
	v, ok := f.dynamic.values[tag]
	if !ok {
		return ""
	}
	return f.name(f.dynamic.strings, v)
}

// findSymbols finds the table of dynamic symbols, and how many it has.
func (f *elfFile) findSymbols() {
	d := &f.dynamic
	address, ok := d.values[elf.DT_SYMTAB]
	if !ok {
		return
	}
	off, left, ok := f.place("the dynamic symbols", address)
	if !ok {
		return
	}
	most := left / f.symbolSize()
	count := f.countSymbols(address, off)
	if count > most {
		f.r.warn("there are said to be %d dynamic symbols, and %d bytes for them", count, left)
		count = most
	}
	d.symbols = elfTable{off: off, count: count, names: d.strings}
	if v, ok := d.values[elf.DT_VERSYM]; ok {
		d.symbols.versions = f.atAddress("the versions of symbols", v, 2*min(count, maxScanned))
	}
	d.symbols.known = f.readVersions()
}

// atAddress reads n bytes of what is loaded at address.
func (f *elfFile) atAddress(what string, address, n uint64) []byte {
	off, left, ok := f.place(what, address)
	if !ok {
		return nil
	}
	return f.readTable(what, off, min(n, left)).b
}

// countSymbols is how many dynamic symbols there are. The dynamic segment does not say it:
// the old hash table does, and sections; else it is what the newer hash table reaches, and
// all that lies before the next table.
func (f *elfFile) countSymbols(address, off uint64) uint64 {
	d := &f.dynamic
	if v, ok := d.values[elf.DT_HASH]; ok && !f.oddHash() {
		if b := f.atAddress("the hash table", v, 8); len(b) == 8 {
			return f.word(b[4:])
		}
	}
	if v, ok := d.values[elf.DT_MIPS_SYMTABNO]; ok && f.header.Uint("e_machine") == uint64(elf.EM_MIPS) {
		return v
	}
	if s, ok := f.ofKind(elf.SHT_DYNSYM); ok && s.off == off && s.address == address {
		return s.size / f.symbolSize()
	}
	return max(f.hashed(), f.beforeNext(address)/f.symbolSize())
}

// oddHash reports whether the hash table has words of 64 bits, against the standard.
func (f *elfFile) oddHash() bool {
	switch elf.Machine(f.header.Uint("e_machine")) {
	case elf.EM_S390, elf.EM_ALPHA, elf.EM_ALPHA_STD:
		return f.wide
	}
	return false
}

// beforeNext is how many bytes there are from address to the next table that the dynamic
// segment names.
func (f *elfFile) beforeNext(address uint64) uint64 {
	next := uint64(1<<64 - 1)
	for _, tag := range []elf.DynTag{
		elf.DT_STRTAB, elf.DT_HASH, elf.DT_GNU_HASH, elf.DT_VERSYM, elf.DT_VERNEED, elf.DT_VERDEF,
		elf.DT_RELA, elf.DT_REL, elf.DT_JMPREL, elf.DT_INIT, elf.DT_FINI, elf.DT_PLTGOT,
	} {
		if v, ok := f.dynamic.values[tag]; ok && v > address {
			next = min(next, v)
		}
	}
	if next == 1<<64-1 {
		return 0
	}
	return next - address
}

// hashed is how many symbols the GNU hash table reaches: the highest index of a chain, and
// one.
func (f *elfFile) hashed() uint64 {
	address, ok := f.dynamic.values[elf.DT_GNU_HASH]
	if !ok {
		return 0
	}
	head := f.atAddress("the GNU hash table", address, 16)
	if len(head) < 16 {
		return 0
	}
	buckets, first, words := f.word(head), f.word(head[4:]), f.word(head[8:])
	table := address + 16 + words*f.wordSize()
	top := uint64(0)
	b := f.atAddress("the buckets of the GNU hash table", table, min(4*buckets, 4*maxScanned))
	for ; len(b) >= 4; b = b[4:] {
		top = max(top, f.word(b))
	}
	if top < first {
		return 0
	}
	chain := f.atAddress("the chains of the GNU hash table", table+4*buckets+4*(top-first), 4*maxScanned)
	for ; len(chain) >= 4; chain = chain[4:] {
		top++
		if f.word(chain)&1 != 0 {
			return top
		}
	}
	return 0
}

// word is the 32-bit number at the beginning of b.
func (f *elfFile) word(b []byte) uint64 { return uint64(f.binary().Uint32(b)) }

// wordSize is the size of an address, in bytes.
func (f *elfFile) wordSize() uint64 {
	if f.wide {
		return 8
	}
	return 4
}
