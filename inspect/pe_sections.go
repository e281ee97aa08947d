package inspect

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/outwork-go/outwork/layout"
)

// pageSize is what the loader rounds to in memory, sectorSize in a file.
const (
	pageSize   = 0x1000
	sectorSize = 0x200
)

// peSection is a section as the loader maps it.
type peSection struct {
	name       string
	start, end uint64 // in memory, relative to the image
	off, n     int64  // in the file; what follows in memory is zeros
}

// readSections reads the table of sections.
func (p *PE) readSections() {
	count := int(p.file.Uint("NumberOfSections"))
	if count > maxPESections {
		p.r.warn("it says that it has %d sections: only %d are read", count, maxPESections)
		count = maxPESections
	}
	at := p.optional.Offset() + int64(p.file.Uint("SizeOfOptionalHeader"))
	table := layout.Node{Name: "Sections", Type: fmt.Sprintf("[%d]IMAGE_SECTION_HEADER", count), Offset: at}
	top := len(p.r.Structure)
	p.node(table)
	for range count {
		rec, err := peStructs().section.Read(p.src, at, layout.Little)
		if err != nil {
			p.r.warn("only %d of %d sections are read: %v", len(p.sections), count, err)
			break
		}
		at += rec.Size()
		p.addSection(rec)
	}
	if top < len(p.r.Structure) {
		p.r.Structure[top].Size = at - table.Offset
	}
}

func (p *PE) addSection(rec layout.Record) {
	s := Section{
		Name:       p.sectionName(rec.Text("Name")),
		Address:    rec.Uint("VirtualAddress"),
		MemorySize: rec.Uint("VirtualSize"),
		Offset:     rec.Int("PointerToRawData"),
		Size:       rec.Int("SizeOfRawData"),
		Flags:      sectionShort(rec.Uint("Characteristics")),
	}
	p.r.Sections = append(p.r.Sections, s)
	p.nodes(rec, s.Name, 1)
	p.sections = append(p.sections, p.mapSection(s))
	if s.Offset != 0 && s.Offset+s.Size > p.src.size {
		p.r.warn("section %s has %d bytes at %#x, beyond the end of the file", s.Name, s.Size, s.Offset)
	}
}

// sectionName looks a name like "/4" up in the table of long names, which GNU's linker
// writes.
func (p *PE) sectionName(name string) string {
	name = readable([]byte(name))
	number, ok := strings.CutPrefix(name, "/")
	off, err := strconv.ParseUint(number, 10, 32)
	table := p.longNames()
	if !ok || err != nil || table == 0 {
		return name
	}
	long, err := p.src.cstring(table+int64(off), maxString)
	if err != nil || long == "" {
		return name
	}
	return long
}

// longNames is where the table of long names begins, behind the symbols; 0: none.
func (p *PE) longNames() int64 {
	symbols := p.file.Int("PointerToSymbolTable")
	if symbols == 0 {
		return 0
	}
	return symbols + 18*p.file.Int("NumberOfSymbols")
}

// sectionShort is the flags of a section for people.
func sectionShort(flags uint64) string {
	b := []byte("---")
	for i, f := range []struct {
		bit    uint64
		letter byte
	}{{0x40000000, 'r'}, {0x80000000, 'w'}, {0x20000000, 'x'}} {
		if flags&f.bit != 0 {
			b[i] = f.letter
		}
	}
	words := []string{string(b)}
	for _, f := range []struct {
		bit  uint64
		name string
	}{
		{0x20, "code"},
		{0x40, "data"},
		{0x80, "zeros"},
		{0x2000000, "discardable"},
		{0x8000000, "resident"},
		{0x10000000, "shared"},
	} {
		if flags&f.bit != 0 {
			words = append(words, f.name)
		}
	}
	return strings.Join(words, " ")
}

// paged reports whether sections are mapped page by page. An image whose sections are
// aligned to less lies in memory as it does in the file.
func (p *PE) paged() bool { return p.optional.Uint("SectionAlignment") >= pageSize }

// mapSection does what the loader does: sizes are rounded up, an offset is rounded down to
// a sector, and without a size in memory the one in the file holds.
func (p *PE) mapSection(s Section) peSection {
	m := peSection{name: s.Name, start: s.Address, off: s.Offset, n: s.Size}
	size := s.MemorySize
	if size == 0 {
		size = uint64(s.Size)
	}
	if p.paged() {
		size = roundUp(size, pageSize)
	}
	m.end = m.start + size
	if align := p.optional.Uint("FileAlignment"); p.paged() && align >= sectorSize {
		m.off = s.Offset &^ (sectorSize - 1)
		m.n = int64(roundUp(uint64(s.Offset+s.Size), sectorSize)) - m.off
	}
	m.n = min(m.n, int64(size), p.src.size-m.off)
	if s.Offset == 0 || s.Size == 0 || m.n < 0 {
		m.n = 0
	}
	return m
}

func roundUp(n, to uint64) uint64 { return (n + to - 1) / to * to }

// RVAToOffset is where the byte at an address, relative to the image, lies in the file. It
// reports false when it is not in it: outside of the image, or zeros.
func (p *PE) RVAToOffset(rva uint32) (int64, bool) {
	off, n, _ := p.locate(uint64(rva))
	return off, n > 0
}

// inFile is where a directory lies in the file. It warns of one that does not.
func (p *PE) inFile(what string, dir Directory) (off int64, ok bool) {
	if off, ok = p.RVAToOffset(dir.RVA); !ok {
		p.r.warn("the address %#x of the %s is not in the file", dir.RVA, what)
	}
	return off, ok
}

// locate finds the byte at an address: the n bytes at off of the file, and zeros behind
// them. ok is false when it is outside of the image.
func (p *PE) locate(rva uint64) (off, n int64, ok bool) {
	for _, s := range p.sections {
		if rva >= s.start && rva < s.end {
			in := int64(rva - s.start)
			return s.off + in, max(0, s.n-in), true
		}
	}
	// The headers are mapped too, and all of an image that is not paged.
	end := p.src.size
	if p.paged() && len(p.sections) > 0 {
		end = min(end, max(p.optional.Int("SizeOfHeaders"), p.headersEnd()))
	}
	if rva < uint64(end) {
		return int64(rva), end - int64(rva), true
	}
	return 0, 0, false
}

// headersEnd is where the last header ends.
func (p *PE) headersEnd() int64 { return p.dirs.Offset() + p.dirs.Size() }

// at is the reader and the offset for what lies at an address.
func (p *PE) at(rva uint64) (io.ReaderAt, int64, error) {
	off, n, ok := p.locate(rva)
	if !ok {
		return nil, 0, fmt.Errorf("the address %#x lies outside the image", rva)
	}
	return p.src.padded(off + n), off, nil
}

// read reads a structure at an address.
func (p *PE) read(s *layout.Struct, rva uint64) (layout.Record, error) {
	src, off, err := p.at(rva)
	if err != nil {
		return layout.Record{}, err
	}
	return s.Read(src, off, layout.Little)
}

// number reads an integer of size bytes at an address.
func (p *PE) number(rva uint64, size int) (uint64, error) {
	src, off, err := p.at(rva)
	if err != nil {
		return 0, err
	}
	var b [8]byte
	if _, err := src.ReadAt(b[:size], off); err != nil {
		return 0, err
	}
	var v uint64
	for i, c := range b[:size] {
		v |= uint64(c) << (8 * i)
	}
	return v, nil
}

// string reads the text at an address.
func (p *PE) string(rva uint64) (string, error) {
	off, n, ok := p.locate(rva)
	if !ok || n == 0 {
		return "", fmt.Errorf("the text at the address %#x is not in the file", rva)
	}
	return p.src.cstring(off, n)
}

// findOverlay finds what lies behind sections, symbols and certificates.
func (p *PE) findOverlay() {
	begin := max(p.optional.Int("SizeOfHeaders"), p.headersEnd())
	for _, s := range p.r.Sections {
		if s.Offset != 0 && s.Size != 0 {
			begin = max(begin, s.Offset+s.Size)
		}
	}
	if names := p.longNames(); names != 0 && names < p.src.size {
		begin = max(begin, names+p.longNamesSize(names))
	}
	end := p.src.size
	sign := p.directory(dirSecurity)
	if at := int64(sign.RVA); sign.Size > 0 && at >= begin && at < end {
		if at < begin+8 { // padding
			begin = at + int64(sign.Size)
		} else {
			end = at
		}
	}
	if begin < end {
		p.r.Overlay = Span{begin, end - begin}
	}
}

func (p *PE) longNamesSize(at int64) int64 {
	var b [4]byte
	if _, err := p.src.ReadAt(b[:], at); err != nil {
		return 0
	}
	return int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16 | int64(b[3])<<24
}
