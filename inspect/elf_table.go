package inspect

import (
	"debug/elf"
	"fmt"
	"strings"

	"github.com/outwork-go/outwork/layout"
)

// elfSegment is a program header.
type elfSegment struct {
	kind            elf.ProgType
	flags           elf.ProgFlag
	off, size       uint64 // in the file
	address, memory uint64
	align           uint64
}

// elfSection is a section header.
type elfSection struct {
	name          string
	kind          elf.SectionType
	flags         elf.SectionFlag
	address       uint64
	off, size     uint64
	link, entsize uint64
}

// inFile is how many bytes of the file the section takes.
func (s elfSection) inFile() uint64 {
	if s.kind == elf.SHT_NOBITS || s.kind == elf.SHT_NULL {
		return 0
	}
	return s.size
}

// firstSection is the header of section 0, which has the counts that do not fit into the
// ELF header; nothing when there is none.
func (f *elfFile) firstSection() layout.Record {
	off := f.header.Uint("e_shoff")
	if off == 0 {
		return layout.Record{}
	}
	p, _ := f.read(off, uint64(sizeOf(f.layout.shdr)))
	r, _ := f.at(p, f.layout.shdr, 0)
	return r
}

// extended is the value of a field of the first section.
func extended(first layout.Record, name string) uint64 {
	v, ok := first.Get(name)
	if !ok {
		return 0
	}
	return v.Uint()
}

// headers reads a table of count headers, and calls do for each that the file has.
func (f *elfFile) headers(what string, s *layout.Struct, off, count, stride uint64, most int, do func(i int, r layout.Record)) {
	if count == 0 || off == 0 {
		return
	}
	size := uint64(sizeOf(s))
	if stride < size {
		f.r.warn("%s: their size is said to be %d bytes instead of %d", what, stride, size)
		return
	}
	if count > uint64(most) {
		f.r.warn("%s: %d are more than the %d that are read", what, count, most)
		count = uint64(most)
	}
	f.reach(off, count*stride)
	p := f.readTable(what, off, count*stride)
	f.group(what, s, int64(min(off, uint64(f.src.size))), int(count), int(stride))
	for i := range count {
		r, ok := f.at(p, s, i*stride)
		if !ok {
			return
		}
		do(int(i), r)
	}
}

func (f *elfFile) readSegments(first layout.Record) {
	const noRoom = 0xffff // PN_XNUM
	h := f.header
	count := h.Uint("e_phnum")
	if count == noRoom {
		count = extended(first, "sh_info")
	}
	f.headers("program headers", f.layout.phdr, h.Uint("e_phoff"), count, h.Uint("e_phentsize"), maxSegments, func(i int, r layout.Record) {
		s := elfSegment{
			kind: elf.ProgType(r.Uint("p_type")), flags: elf.ProgFlag(r.Uint("p_flags")),
			off: r.Uint("p_offset"), size: r.Uint("p_filesz"),
			address: r.Uint("p_vaddr"), memory: r.Uint("p_memsz"), align: r.Uint("p_align"),
		}
		f.segments = append(f.segments, s)
		f.reach(s.off, s.size)
		f.show(r, fmt.Sprintf("[%d]", i), 1, named[elf.ProgType]().Note(uint64(s.kind)))
		if s.kind == elf.PT_LOAD && !f.has(s.off, s.size) {
			f.r.warn("the segment at %#x is of %d bytes, more than the file has", s.off, s.size)
		}
	})
}

// has reports whether the file has n bytes at off.
func (f *elfFile) has(off, n uint64) bool {
	size := uint64(f.src.size)
	return off <= size && n <= size-off
}

func (f *elfFile) readSections(first layout.Record) {
	const noRoom = uint64(elf.SHN_XINDEX)
	h := f.header
	count, names := h.Uint("e_shnum"), h.Uint("e_shstrndx")
	if count == 0 {
		count = extended(first, "sh_size")
	}
	if names == noRoom {
		names = extended(first, "sh_link")
	}
	var records []layout.Record
	f.headers("section headers", f.layout.shdr, h.Uint("e_shoff"), count, h.Uint("e_shentsize"), maxSections, func(_ int, r layout.Record) {
		records = append(records, r)
	})
	var table piece
	if names > 0 && names < uint64(len(records)) {
		table = f.readTable("the names of sections", records[names].Uint("sh_offset"), records[names].Uint("sh_size"))
	}
	for i, r := range records {
		f.addSection(i, r, table.b)
	}
}

func (f *elfFile) addSection(i int, r layout.Record, names []byte) {
	s := elfSection{
		name: f.name(names, r.Uint("sh_name")), kind: elf.SectionType(r.Uint("sh_type")),
		flags: elf.SectionFlag(r.Uint("sh_flags")), address: r.Uint("sh_addr"),
		off: r.Uint("sh_offset"), size: r.Uint("sh_size"), link: r.Uint("sh_link"), entsize: r.Uint("sh_entsize"),
	}
	f.sections = append(f.sections, s)
	f.show(r, fmt.Sprintf("[%d]", i), 1, s.name)
	if s.kind == elf.SHT_NULL {
		return
	}
	size := s.inFile()
	if !f.has(s.off, size) {
		f.r.warn("section %q at %#x is of %d bytes, more than the file has", s.name, s.off, size)
	}
	f.reach(s.off, size)
	f.r.Sections = append(f.r.Sections, Section{
		Name: s.name, Address: s.address, MemorySize: s.inMemory(),
		Offset: clampOffset(s.off), Size: clampOffset(size), Flags: elfSectionFlags(s.flags),
	})
}

// inMemory is how many bytes the section takes in memory.
func (s elfSection) inMemory() uint64 {
	if s.flags&elf.SHF_ALLOC == 0 {
		return 0
	}
	return s.size
}

// clampOffset is v as an offset or size of a file.
func clampOffset(v uint64) int64 { return int64(min(v, 1<<63-1)) }

// section is the first section of that name.
func (f *elfFile) section(name string) (elfSection, bool) {
	for _, s := range f.sections {
		if s.name == name {
			return s, true
		}
	}
	return elfSection{}, false
}

// ofKind is the first section of that kind.
func (f *elfFile) ofKind(kind elf.SectionType) (elfSection, bool) {
	for _, s := range f.sections {
		if s.kind == kind {
			return s, true
		}
	}
	return elfSection{}, false
}

// segment is the first segment of that kind.
func (f *elfFile) segment(kind elf.ProgType) (elfSegment, bool) {
	for _, s := range f.segments {
		if s.kind == kind {
			return s, true
		}
	}
	return elfSegment{}, false
}

// offsetOf is where the file has what is loaded at address, and how many bytes it has from
// there on in the same segment.
func (f *elfFile) offsetOf(address uint64) (off, left uint64, ok bool) {
	for _, s := range f.segments {
		if s.kind == elf.PT_LOAD && address >= s.address && address-s.address < s.size {
			into := address - s.address
			return s.off + into, s.size - into, s.off+into >= s.off
		}
	}
	return 0, 0, false
}

// elfSectionFlags are the letters that readelf has for them.
func elfSectionFlags(flags elf.SectionFlag) string {
	var b strings.Builder
	for _, l := range []struct {
		flag   elf.SectionFlag
		letter byte
	}{
		{elf.SHF_WRITE, 'W'},
		{elf.SHF_ALLOC, 'A'},
		{elf.SHF_EXECINSTR, 'X'},
		{elf.SHF_MERGE, 'M'},
		{elf.SHF_STRINGS, 'S'},
		{elf.SHF_INFO_LINK, 'I'},
		{elf.SHF_LINK_ORDER, 'L'},
		{elf.SHF_OS_NONCONFORMING, 'O'},
		{elf.SHF_GROUP, 'G'},
		{elf.SHF_TLS, 'T'},
		{elf.SHF_COMPRESSED, 'C'},
	} {
		if flags&l.flag != 0 {
			b.WriteByte(l.letter)
		}
	}
	return b.String()
}
