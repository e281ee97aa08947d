package inspect

import (
	"fmt"

	"github.com/outwork-go/outwork/layout"
)

// readExports reads the export directory: the functions in the order of their numbers,
// each under all its names.
func (p *PE) readExports() {
	dir := p.directory(dirExport)
	if dir.RVA == 0 {
		return
	}
	if _, ok := p.inFile("exports", dir); !ok {
		return
	}
	rec, err := p.read(peStructs().exports, uint64(dir.RVA))
	if err != nil {
		p.r.warn("the exports cannot be read: %v", err)
		return
	}
	p.nodes(rec, "Exports", 0)
	if name, err := p.string(rec.Uint("Name")); err == nil {
		p.r.fact("Export name", "%s", name)
	}
	names, err := p.exportNames(rec)
	if err != nil {
		p.r.warn("some names of exports are missing: %v", err)
	}
	if err := p.exportFunctions(rec, dir, names); err != nil {
		p.r.warn("the exports end early: %v", err)
	}
}

// bounded is a count that the file gives, as far as it is believed.
func (p *PE) bounded(rec layout.Record, field string) uint64 {
	n := rec.Uint(field)
	if n > maxSymbols {
		p.r.warn("%s of the exports is %d: only %d are read", field, n, maxSymbols)
		n = maxSymbols
	}
	return n
}

// exportNames is the names of each function, by its index.
func (p *PE) exportNames(rec layout.Record) (map[uint64][]string, error) {
	names := map[uint64][]string{}
	for i := range p.bounded(rec, "NumberOfNames") {
		index, err := p.number(rec.Uint("AddressOfNameOrdinals")+2*i, 2)
		if err != nil {
			return names, err
		}
		at, err := p.number(rec.Uint("AddressOfNames")+4*i, 4)
		if err != nil {
			return names, err
		}
		name, err := p.string(at)
		if err != nil {
			return names, err
		}
		names[index] = append(names[index], name)
	}
	return names, nil
}

func (p *PE) exportFunctions(rec layout.Record, dir Directory, names map[uint64][]string) error {
	for i := range p.bounded(rec, "NumberOfFunctions") {
		at, err := p.number(rec.Uint("AddressOfFunctions")+4*i, 4)
		if err != nil {
			return err
		}
		if at == 0 { // a number that is not used
			continue
		}
		s := Symbol{Ordinal: uint32(rec.Uint("Base") + i), Address: at}
		if at >= uint64(dir.RVA) && at-uint64(dir.RVA) < uint64(dir.Size) {
			if s.Forward, err = p.string(at); err != nil {
				return err
			}
		}
		all := names[i]
		if len(all) == 0 {
			all = []string{""}
		}
		for _, s.Name = range all {
			if len(p.r.Exports) >= maxSymbols {
				return fmt.Errorf("there are more than %d", maxSymbols)
			}
			p.r.Exports = append(p.r.Exports, s)
		}
	}
	return nil
}
