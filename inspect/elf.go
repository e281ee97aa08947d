package inspect

import (
	"bytes"
	"debug/elf"

	"github.com/outwork-go/outwork/layout"
)

// Bounds of an ELF file, besides those of every parse. What lies beyond one is left out,
// with a warning.
const (
	maxSegments = 8 << 10   // program headers
	maxSections = 16 << 10  // section headers
	maxDynamic  = 16 << 10  // entries of the dynamic segment
	maxVersions = 32 << 10  // versions that a file needs, and that it defines
	maxScanned  = 2 << 20   // entries of a symbol table that are looked at
	maxTable    = 32 << 20  // bytes of a table that is held in memory
	maxNotes    = 256       // notes
	maxNote     = 128 << 10 // bytes of a segment or section of notes
)

// elfFile is an ELF file that is being read.
type elfFile struct {
	src    *source
	r      *Report
	order  layout.Order
	wide   bool // 64-bit
	deep   bool
	brief  bool // without a structure
	layout *elfLayout

	header   layout.Record
	kind     elf.Type
	segments []elfSegment
	sections []elfSection
	dynamic  elfDynamic

	end     int64 // behind all that the headers describe
	cut     bool  // symbols were left out
	full    bool  // the report has all the names that it may have
	crowded bool  // the structure has all the nodes that it may have
}

// parseELF fills r from the ELF file src. What a loader goes by is believed: the program
// headers, and the dynamic segment. Sections add what only they tell.
func parseELF(src *source, o Options, r *Report) {
	f := &elfFile{src: src, r: r, deep: o.Deep, brief: o.Brief}
	if !f.readHeader() {
		return
	}
	first := f.firstSection()
	f.readSegments(first)
	f.readSections(first)
	f.readDynamic()
	f.readSymbols()
	f.tell()
	if f.end < src.size {
		r.Overlay = Span{f.end, src.size - f.end}
	}
}

// readHeader reads the ELF header. It reports whether there is a file behind it.
func (f *elfFile) readHeader() bool {
	f.r.Kind = "damaged ELF file"
	ident, whole := f.read(0, elf.EI_NIDENT)
	if !whole {
		f.r.warn("the file ends within the first %d bytes of its ELF header", elf.EI_NIDENT)
		return false
	}
	switch class := elf.Class(ident.b[elf.EI_CLASS]); class {
	case elf.ELFCLASS32:
		f.r.Format, f.layout = "ELF32", elf32()
	case elf.ELFCLASS64:
		f.r.Format, f.layout, f.wide = "ELF64", elf64(), true
	default:
		f.r.warn("the ELF header has class %d: neither 32 nor 64 bits", class)
		return false
	}
	switch data := elf.Data(ident.b[elf.EI_DATA]); data {
	case elf.ELFDATA2LSB:
		f.order = layout.Little
	case elf.ELFDATA2MSB:
		f.order = layout.Big
	default:
		f.r.warn("the ELF header has byte order %d: neither little nor big endian", data)
		return false
	}
	size := sizeOf(f.layout.ehdr)
	b, _ := f.read(0, uint64(size))
	header, ok := f.at(b, f.layout.ehdr, 0)
	if !ok {
		f.r.warn("the file ends within its ELF header of %d bytes", size)
		return false
	}
	f.show(header, header.Name(), 0, "")
	f.header, f.kind = header, elf.Type(header.Uint("e_type"))
	f.r.Machine = elfMachine(elf.Machine(header.Uint("e_machine")), f.wide, f.order)
	f.reach(0, uint64(size))
	return true
}

// read reads what the file has of n bytes at off, and reports whether that is all of them.
// What is larger than maxTable is cut.
func (f *elfFile) read(off, n uint64) (p piece, whole bool) {
	size := uint64(f.src.size)
	if n == 0 {
		return piece{}, true
	}
	if off >= size {
		return piece{}, false
	}
	b := make([]byte, min(n, size-off, maxTable))
	got, _ := f.src.ReadAt(b, int64(off))
	return piece{b[:got], int64(off)}, uint64(got) == n
}

// readTable is read for what has a name, which a warning tells when it is not whole.
func (f *elfFile) readTable(name string, off, n uint64) piece {
	p, whole := f.read(off, n)
	if !whole {
		f.r.warn("%s: of %d bytes at %#x, %d could be read", name, n, off, len(p.b))
	}
	return p
}

// reach notes that a header describes n bytes at off.
func (f *elfFile) reach(off, n uint64) {
	if end := off + n; n > 0 && end >= off {
		f.end = max(f.end, int64(min(end, uint64(f.src.size))))
	}
}

// name is the string at off of a table, bounded, and counted as text of the report. It is
// empty where there is none.
func (f *elfFile) name(table []byte, off uint64) string {
	if off >= uint64(len(table)) || f.full {
		return ""
	}
	b := cut(table[off:])
	if f.src.text += int64(len(b)); f.src.text > maxText {
		f.full = true
		f.r.warn("%v: the rest is left out", errText)
		return ""
	}
	return readable(b)
}

// cut is the string at the beginning of b, of at most maxString bytes.
func cut(b []byte) []byte {
	b = b[:min(len(b), maxString)]
	if end := bytes.IndexByte(b, 0); end >= 0 {
		b = b[:end]
	}
	return b
}
