package inspect

import (
	"debug/elf"
	"encoding/binary"
	"slices"

	"github.com/outwork-go/outwork/layout"
)

// elfVer is a version of symbols.
type elfVer struct {
	name string
	file string // the library that is to have it; empty for versions of this file
}

// elfSymbol is an entry of a symbol table.
type elfSymbol struct {
	value   uint64
	index   uint32
	name    uint32 // offset in the strings
	section uint16
	info    byte
	other   byte
}

func (f *elfFile) binary() binary.ByteOrder {
	if f.order == layout.Big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// symbolSize is the size of an entry of a symbol table, in bytes.
func (f *elfFile) symbolSize() uint64 {
	if f.wide {
		return elf.Sym64Size
	}
	return elf.Sym32Size
}

// symbol decodes the entry with that index. There may be a million of them, which is why
// this does not go by a layout.
func (f *elfFile) symbol(index uint64, b []byte) elfSymbol {
	o := f.binary()
	s := elfSymbol{index: uint32(index), name: o.Uint32(b)} // there are at most maxScanned
	if f.wide {
		s.info, s.other, s.section, s.value = b[4], b[5], o.Uint16(b[6:]), o.Uint64(b[8:])
	} else {
		s.value, s.info, s.other, s.section = uint64(o.Uint32(b[4:])), b[12], b[13], o.Uint16(b[14:])
	}
	return s
}

// visible reports whether other files can refer to the symbol.
func (s elfSymbol) visible() bool {
	switch elf.ST_VISIBILITY(s.other) {
	case elf.STV_HIDDEN, elf.STV_INTERNAL:
		return false
	}
	const unique = 10 // STB_GNU_UNIQUE
	switch elf.ST_BIND(s.info) {
	case elf.STB_GLOBAL, elf.STB_WEAK, unique:
		return true
	}
	return false
}

// symbols calls do for the entries of a table, from the second on, until it returns false.
func (f *elfFile) symbols(t elfTable, do func(elfSymbol) bool) {
	size, count := f.symbolSize(), t.count
	if count > maxScanned {
		f.r.warn("there are %d symbols: the first %d are looked at", count, maxScanned)
		count = maxScanned
	}
	const batch = 4096
	for first := uint64(0); first < count; first += batch {
		p, _ := f.read(t.off+first*size, size*min(batch, count-first))
		for i := range uint64(len(p.b)) / size {
			if first+i > 0 && !do(f.symbol(first+i, p.b[i*size:])) {
				return
			}
		}
		if uint64(len(p.b)) < size*min(batch, count-first) {
			f.r.warn("the file ends within its symbols, behind %d of %d", first+uint64(len(p.b))/size, count)
			return
		}
	}
}

// readSymbols fills imports and exports, and the report's symbols.
func (f *elfFile) readSymbols() {
	seen := make(map[string]int, len(f.dynamic.needed))
	for i, name := range f.dynamic.needed {
		f.r.Imports = append(f.r.Imports, Library{Name: name})
		if _, ok := seen[name]; !ok {
			seen[name] = i
		}
	}
	links := f.dynamic.symbols
	table, there := f.symbolTable()
	if f.kind == elf.ET_REL && f.deep && there {
		links = table // of an object file these are what it wants and has
	}
	f.link(links, seen)
	if f.deep && there {
		f.readAll(table)
	}
}

// readAll fills the report's symbols.
func (f *elfFile) readAll(t elfTable) {
	f.symbols(t, func(s elfSymbol) bool {
		if name := f.symbolName(t, s); name != "" && f.room(len(f.r.Symbols)) {
			f.r.Symbols = append(f.r.Symbols, Symbol{Name: name, Address: s.value})
		}
		return len(f.r.Symbols) < maxSymbols && !f.full
	})
}

// symbolTable is the table that is not needed for running.
func (f *elfFile) symbolTable() (elfTable, bool) {
	s, ok := f.ofKind(elf.SHT_SYMTAB)
	if !ok {
		return elfTable{}, false
	}
	t := elfTable{off: s.off, count: s.inFile() / f.symbolSize()}
	if s.link < uint64(len(f.sections)) && f.deep {
		names := f.sections[s.link]
		t.names = f.readTable("the names of symbols", names.off, names.inFile()).b
	}
	return t, true
}

// link tells the symbols of a table apart: what is not defined here is imported, from the
// library that its version names. The names of imports are taken first, because there may
// be too many.
func (f *elfFile) link(t elfTable, libraries map[string]int) {
	const usual = 512 // of each
	imports, exports := make([]elfSymbol, 0, min(usual, t.count)), make([]elfSymbol, 0, min(usual, t.count))
	f.symbols(t, func(s elfSymbol) bool {
		list := &imports
		if s.section != uint16(elf.SHN_UNDEF) {
			list = &exports
		}
		if (list == &imports || s.visible()) && f.room(len(*list)) {
			*list = append(*list, s)
		}
		return true
	})
	var unplaced []Symbol
	for _, s := range imports {
		symbol, from := f.linked(t, s)
		at, known := libraries[from]
		switch {
		case symbol.Name == "":
		case known:
			f.r.Imports[at].Symbols = append(f.r.Imports[at].Symbols, symbol)
		default:
			unplaced = append(unplaced, symbol)
		}
	}
	if len(unplaced) > 0 {
		f.r.Imports = append(f.r.Imports, Library{Symbols: unplaced})
	}
	f.r.Exports = slices.Grow(f.r.Exports, len(exports))
	for _, s := range exports {
		if symbol, _ := f.linked(t, s); symbol.Name != "" {
			f.r.Exports = append(f.r.Exports, symbol)
		}
	}
}

// linked is a symbol with its version, and the library that the version names.
func (f *elfFile) linked(t elfTable, s elfSymbol) (symbol Symbol, from string) {
	version := f.version(t, uint64(s.index))
	symbol = Symbol{Name: f.symbolName(t, s), Version: version.name, Address: s.value}
	if symbol.Name == symbol.Version { // it stands for the version itself
		symbol.Version = ""
	}
	return symbol, version.file
}

// room reports whether a list of n symbols may grow, and warns the first time that it may
// not.
func (f *elfFile) room(n int) bool {
	if n >= maxSymbols && !f.cut {
		f.cut = true
		f.r.warn("there are more than %d symbols of one sort: the rest is left out", maxSymbols)
	}
	return n < maxSymbols
}

// symbolName is a symbol's name; empty when it has none.
func (f *elfFile) symbolName(t elfTable, s elfSymbol) string {
	if uint64(s.name) >= uint64(len(t.names)) {
		f.r.warn("the name of a symbol is at %#x, behind the strings", s.name)
		return ""
	}
	return f.name(t.names, uint64(s.name))
}

// version is that of the symbol with index i.
func (f *elfFile) version(t elfTable, i uint64) elfVer {
	const hidden = 0x8000
	if 2*i+2 > uint64(len(t.versions)) {
		return elfVer{}
	}
	return t.known[f.binary().Uint16(t.versions[2*i:])&^hidden]
}

// readVersions reads the versions that the file needs and those that it defines, by their
// index.
func (f *elfFile) readVersions() map[uint16]elfVer {
	known := make(map[uint16]elfVer)
	d := &f.dynamic
	if v, ok := d.values[elf.DT_VERNEED]; ok {
		f.readNeeded(v, d.values[elf.DT_VERNEEDNUM], known)
	}
	if v, ok := d.values[elf.DT_VERDEF]; ok {
		f.readDefined(v, d.values[elf.DT_VERDEFNUM], known)
	}
	return known
}

// versionTable is a table of chained records: each tells how far away the next one is. The
// chain cannot loop, for it only leads forwards.
func (f *elfFile) versionTable(what string, address uint64) piece {
	off, left, ok := f.place(what, address)
	if !ok {
		return piece{}
	}
	const most = 1 << 20 // they do not say how long they are; the next table may follow
	p, _ := f.read(off, min(left, most))
	return p
}

func (f *elfFile) readNeeded(address, count uint64, known map[uint16]elfVer) {
	p := f.versionTable("the versions needed", address)
	at, left := uint64(0), maxVersions
	for range count {
		need, ok := f.at(p, f.layout.verneed, at)
		if left--; !ok || left < 0 {
			f.r.warn("the versions needed end early, or are too many")
			return
		}
		file := f.name(f.dynamic.strings, need.Uint("vn_file"))
		aux := at + need.Uint("vn_aux")
		for range need.Uint("vn_cnt") {
			v, ok := f.at(p, f.layout.vernaux, aux)
			if left--; !ok || left < 0 {
				f.r.warn("the versions needed of %q end early, or are too many", file)
				return
			}
			known[uint16(v.Uint("vna_other"))] = elfVer{f.name(f.dynamic.strings, v.Uint("vna_name")), file}
			if v.Uint("vna_next") == 0 {
				break
			}
			aux += v.Uint("vna_next")
		}
		if need.Uint("vn_next") == 0 {
			return
		}
		at += need.Uint("vn_next")
	}
}

func (f *elfFile) readDefined(address, count uint64, known map[uint16]elfVer) {
	p := f.versionTable("the versions defined", address)
	at := uint64(0)
	for range min(count, maxVersions) {
		def, ok := f.at(p, f.layout.verdef, at)
		if !ok {
			f.r.warn("the versions defined end early")
			return
		}
		const base = 1 // VER_FLG_BASE: the file's own name
		if aux, ok := f.at(p, f.layout.verdaux, at+def.Uint("vd_aux")); ok && def.Uint("vd_flags")&base == 0 {
			known[uint16(def.Uint("vd_ndx"))] = elfVer{name: f.name(f.dynamic.strings, aux.Uint("vda_name"))}
		}
		if def.Uint("vd_next") == 0 {
			return
		}
		at += def.Uint("vd_next")
	}
}
