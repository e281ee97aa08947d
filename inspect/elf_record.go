package inspect

import (
	"debug/elf"
	"io"
	"strings"
	"sync"

	"github.com/outwork-go/outwork/layout"
)

// elfLayout is the structures of files of one word size.
type elfLayout struct {
	ehdr, phdr, shdr, dyn, verneed, vernaux, verdef, verdaux, nhdr *layout.Struct
}

// The layouts are made at their first use, so that a program which inspects nothing does
// not pay for them.
var (
	elf32 = sync.OnceValue(func() *elfLayout { return makeLayout("Elf32_", elf32Words) })
	elf64 = sync.OnceValue(func() *elfLayout { return makeLayout("Elf64_", elf64Words) })
)

// elfWords is what differs between the word sizes: the order of fields, and their widths.
type elfWords struct{ ehdr, phdr, shdr, dyn string }

var elf32Words = elfWords{
	ehdr: "e_entry u32\ne_phoff u32\ne_shoff u32",
	phdr: "p_type u32\np_offset u32\np_vaddr u32\np_paddr u32\np_filesz u32\np_memsz u32\np_flags u32\np_align u32",
	shdr: "sh_flags u32\nsh_addr u32\nsh_offset u32\nsh_size u32\nsh_link u32\nsh_info u32\nsh_addralign u32\nsh_entsize u32",
	dyn:  "d_tag u32\nd_val u32",
}

var elf64Words = elfWords{
	ehdr: "e_entry u64\ne_phoff u64\ne_shoff u64",
	phdr: "p_type u32\np_flags u32\np_offset u64\np_vaddr u64\np_paddr u64\np_filesz u64\np_memsz u64\np_align u64",
	shdr: "sh_flags u64\nsh_addr u64\nsh_offset u64\nsh_size u64\nsh_link u32\nsh_info u32\nsh_addralign u64\nsh_entsize u64",
	dyn:  "d_tag u64\nd_val u64",
}

func makeLayout(prefix string, w elfWords) *elfLayout {
	ehdr := "EI_MAG char[4]\nEI_CLASS u8\nEI_DATA u8\nEI_VERSION u8\nEI_OSABI u8\nEI_ABIVERSION u8\nEI_PAD bytes[7]\n" +
		"e_type u16\ne_machine u16\ne_version u32\n" + w.ehdr +
		"\ne_flags u32\ne_ehsize u16\ne_phentsize u16\ne_phnum u16\ne_shentsize u16\ne_shnum u16\ne_shstrndx u16"
	return &elfLayout{
		ehdr: layout.Must(prefix+"Ehdr", ehdr).
			Note("EI_CLASS", named[elf.Class]()).Note("EI_DATA", named[elf.Data]()).Note("EI_OSABI", named[elf.OSABI]()).
			Note("e_type", named[elf.Type]()).Note("e_machine", named[elf.Machine]()),
		phdr: layout.Must(prefix+"Phdr", w.phdr).
			Note("p_type", named[elf.ProgType]()).Note("p_flags", flagged[elf.ProgFlag]()),
		shdr: layout.Must(prefix+"Shdr", "sh_name u32\nsh_type u32\n"+w.shdr).
			Note("sh_type", named[elf.SectionType]()).Note("sh_flags", flagged[elf.SectionFlag]()),
		dyn:     layout.Must(prefix+"Dyn", w.dyn).Note("d_tag", named[elf.DynTag]()),
		verneed: layout.Must(prefix+"Verneed", "vn_version u16\nvn_cnt u16\nvn_file u32\nvn_aux u32\nvn_next u32"),
		vernaux: layout.Must(prefix+"Vernaux", "vna_hash u32\nvna_flags u16\nvna_other u16\nvna_name u32\nvna_next u32"),
		verdef:  layout.Must(prefix+"Verdef", "vd_version u16\nvd_flags u16\nvd_ndx u16\nvd_cnt u16\nvd_hash u32\nvd_aux u32\nvd_next u32"),
		verdaux: layout.Must(prefix+"Verdaux", "vda_name u32\nvda_next u32"),
		nhdr:    layout.Must(prefix+"Nhdr", "n_namesz u32\nn_descsz u32\nn_type u32"),
	}
}

// elfConstant is a type of package debug/elf.
type elfConstant interface {
	~uint8 | ~uint16 | ~uint32 | ~int
	String() string
}

// named notes a value by the name that package debug/elf has for it.
func named[T elfConstant]() layout.Notes {
	return layout.NoteFunc(func(v uint64) string {
		name := T(v).String()
		if uint64(T(v)) != v || strings.Contains(name, "+") || name[0] <= '9' { // it has none
			return ""
		}
		return name
	})
}

// flagged notes the bits of a value in the same way.
func flagged[T elfConstant]() layout.Notes {
	return layout.NoteFunc(func(v uint64) string {
		if uint64(T(v)) != v || v == 0 {
			return ""
		}
		return T(v).String()
	})
}

// sizeOf is the size of a structure of fixed-width fields.
func sizeOf(s *layout.Struct) int {
	n, _ := s.Size()
	return int(n)
}

// piece is bytes of a file that are held in memory: an io.ReaderAt of the file's offsets.
type piece struct {
	b    []byte
	base int64
}

func (p piece) ReadAt(b []byte, off int64) (int, error) {
	if off < p.base || off-p.base >= int64(len(p.b)) {
		return 0, io.EOF
	}
	n := copy(b, p.b[off-p.base:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// at is the structure at offset off of the piece.
func (f *elfFile) at(p piece, s *layout.Struct, off uint64) (layout.Record, bool) {
	if off > uint64(len(p.b)) {
		return layout.Record{}, false
	}
	r, err := s.Read(p, p.base+int64(off), f.order)
	return r, err == nil
}

// show adds what was read to the report's structure. The note is the first node's.
func (f *elfFile) show(r layout.Record, name string, depth int, note string) {
	if !f.crowd(1 + len(r.Fields())) {
		at := len(f.r.Structure)
		f.r.Structure = append(f.r.Structure, r.Nodes(name, depth)...)
		f.r.Structure[at].Note = note
	}
}

// group adds a node under which count records of size bytes follow.
func (f *elfFile) group(name string, s *layout.Struct, off int64, count, size int) {
	if !f.crowd(1) {
		f.r.Structure = append(f.r.Structure, layout.Node{Name: name, Type: s.Name() + "[]", Offset: off, Size: int64(count) * int64(size)})
	}
}

// crowd reports whether the report is to have no n nodes more, and warns the first time that
// there is no room.
func (f *elfFile) crowd(n int) bool {
	if !f.brief && !f.crowded && len(f.r.Structure)+n > maxNodes {
		f.crowded = true
		f.r.warn("the structure has more than %d parts: the rest is left out", maxNodes)
	}
	return f.brief || f.crowded
}
