package inspect

import (
	"errors"
	"fmt"

	"github.com/outwork-go/outwork/layout"
)

// readImports reads the import directory. As for the loader, its size is that up to the
// first entry without a name or without addresses.
func (p *PE) readImports() {
	rva := uint64(p.directory(dirImport).RVA)
	p.descriptors("import", rva, peStructs().imports, func(rec layout.Record) bool {
		if rec.Uint("Name") == 0 || rec.Uint("FirstThunk") == 0 {
			return false
		}
		names, slots := rec.Uint("OriginalFirstThunk"), rec.Uint("FirstThunk")
		if _, n, ok := p.locate(names); names == 0 || !ok || n == 0 { // old linkers write no names of their own
			names = slots
		}
		p.addLibrary(rec, rec.Uint("Name"), 0, names, slots)
		return true
	})
}

// readDelayImports reads what is loaded at the first call. Old linkers wrote addresses
// with the image's base.
func (p *PE) readDelayImports() {
	rva := uint64(p.directory(dirDelayImport).RVA)
	p.descriptors("delay import", rva, peStructs().delay, func(rec layout.Record) bool {
		if rec.Uint("DllNameRVA") == 0 {
			return false
		}
		var base uint64
		if rec.Uint("Attributes")&1 == 0 {
			base = p.optional.Uint("ImageBase")
		}
		p.addLibrary(rec, rec.Uint("DllNameRVA")-base, base,
			rec.Uint("ImportNameTableRVA")-base, rec.Uint("ImportAddressTableRVA")-base)
		p.r.Imports[len(p.r.Imports)-1].Delayed = true
		return true
	})
}

// descriptors gives the structures of an array at an address to add, until that reports
// the end.
func (p *PE) descriptors(what string, rva uint64, s *layout.Struct, add func(layout.Record) bool) {
	if rva == 0 {
		return
	}
	for {
		if len(p.r.Imports) >= maxLibraries {
			p.r.warn("it imports from more than %d libraries: the rest is left out", maxLibraries)
			return
		}
		rec, err := p.read(s, rva)
		if err != nil {
			p.r.warn("the %ss end early: %v", what, err)
			return
		}
		if !add(rec) {
			return
		}
		rva += uint64(rec.Size())
	}
}

// addLibrary adds a library whose symbols are listed at names, and their addresses kept
// at slots. base is what addresses in the list have too much.
func (p *PE) addLibrary(rec layout.Record, name, base, names, slots uint64) {
	var lib Library
	var err error
	if lib.Name, err = p.string(name); err != nil {
		p.r.warn("the name of an imported library is missing: %v", err)
	}
	p.nodes(rec, lib.Name, 0)
	if lib.Symbols, err = p.thunks(base, names, slots); err != nil {
		p.r.warn("the imports from %s end early: %v", lib.Name, err)
	}
	p.r.Imports = append(p.r.Imports, lib)
}

var errSymbols = fmt.Errorf("there are more than %d imported symbols", maxSymbols)

// thunks reads a list of imported symbols, which a zero ends.
func (p *PE) thunks(base, names, slots uint64) (all []Symbol, err error) {
	size := 4
	if p.is64() {
		size = 8
	}
	for {
		v, err := p.number(names, size)
		if err != nil || v == 0 {
			return all, err
		}
		if p.symbols++; p.symbols > maxSymbols {
			return all, errSymbols
		}
		s := Symbol{Address: slots}
		if byNumber := uint64(1) << (8*size - 1); v&byNumber != 0 {
			s.Ordinal = uint32(v & 0xffff)
		} else if err := p.hintName(v&(byNumber-1)-base, &s); err != nil {
			return all, err
		}
		all = append(all, s)
		names += uint64(size)
		slots += uint64(size)
	}
}

// hintName reads where the loader looks first, and the name.
func (p *PE) hintName(rva uint64, s *Symbol) error {
	if rva >= 1<<32 {
		return fmt.Errorf("the name of a symbol is said to be at %#x", rva)
	}
	hint, err := p.number(rva, 2)
	if err != nil {
		return err
	}
	s.Hint = uint16(hint)
	if s.Name, err = p.string(rva + 2); err != nil {
		return err
	}
	if s.Name == "" {
		return errors.New("a symbol has an empty name")
	}
	off, _ := p.RVAToOffset(uint32(rva))
	p.node(layout.Node{
		Depth: 1, Name: "Symbol", Type: "IMAGE_IMPORT_BY_NAME", Offset: off,
		Size: 2 + int64(len(s.Name)) + 1, Text: short(s.Name), Note: fmt.Sprintf("hint %d", hint),
	})
	return nil
}
