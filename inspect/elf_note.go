package inspect

import (
	"bytes"
	"debug/elf"
	"fmt"
)

// tellNotes adds what notes tell: those of segments, or of sections where there are no
// program headers.
func (f *elfFile) tellNotes() {
	if f.kind == elf.ET_CORE {
		return // of the process, not of a file
	}
	left := maxNotes
	for _, s := range f.segments {
		if s.kind == elf.PT_NOTE {
			f.notes(s.off, s.size, s.align, &left)
		}
	}
	if len(f.segments) > 0 {
		return
	}
	for _, s := range f.sections {
		if s.kind == elf.SHT_NOTE {
			f.notes(s.off, s.inFile(), 4, &left)
		}
	}
}

// notes reads notes, each a header, a name and a description, which are padded to four
// bytes, or to eight where the segment says so. At most left of them are read.
func (f *elfFile) notes(off, size, align uint64, left *int) {
	if size > maxNote {
		f.r.warn("there are %d bytes of notes at %#x: the first %d are read", size, off, maxNote)
		size = maxNote
	}
	if align != 8 {
		align = 4
	}
	pad := func(n uint64) uint64 { return (n + align - 1) &^ (align - 1) }
	p := f.readTable("the notes", off, size)
	for at := uint64(0); at < uint64(len(p.b)); {
		head, ok := f.at(p, f.layout.nhdr, at)
		if *left--; !ok || *left < 0 {
			return
		}
		name := at + uint64(sizeOf(f.layout.nhdr))
		desc := at + pad(uint64(sizeOf(f.layout.nhdr))+head.Uint("n_namesz"))
		end := desc + head.Uint("n_descsz")
		if name > desc || end > uint64(len(p.b)) {
			f.r.warn("the note at %#x is longer than its segment", off+at)
			return
		}
		owner := bytes.TrimRight(p.b[name:min(desc, name+head.Uint("n_namesz"))], "\x00")
		f.tellNote(string(owner), head.Uint("n_type"), p.b[desc:end])
		at = pad(end)
	}
}

// Types of notes.
const (
	noteABI     = 1 // of "GNU"
	noteBuildID = 3 // of "GNU"
	noteGo      = 4 // of "Go": its build id
)

func (f *elfFile) tellNote(owner string, kind uint64, desc []byte) {
	const most = 64 // bytes of a build id
	switch {
	case owner == "GNU" && kind == noteBuildID:
		f.fact1("Build id", fmt.Sprintf("%x", desc[:min(len(desc), most)]))
	case owner == "GNU" && kind == noteABI && len(desc) >= 16 && f.word(desc) == 0:
		f.fact1("For Linux", fmt.Sprintf("%d.%d.%d or newer", f.word(desc[4:]), f.word(desc[8:]), f.word(desc[12:])))
	case owner == "Go" && kind == noteGo:
		f.fact1("Go build id", f.name(desc, 0))
	}
}

// fact1 is factText for what a file may tell several times: the first counts.
func (f *elfFile) fact1(name, value string) {
	for _, known := range f.r.Facts {
		if known.Name == name {
			return
		}
	}
	f.factText(name, value)
}
