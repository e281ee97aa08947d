package inspect

import (
	"fmt"
	"strings"

	"github.com/outwork-go/outwork/layout"
)

// maxDebug is how many entries of the debug directory are read.
const maxDebug = 64

// describe tells what the headers say about the image.
func (p *PE) describe() {
	named := p.r.Facts // the exports' name
	p.r.Facts = nil
	p.r.Kind = p.kind()
	o := p.optional
	pdb := p.readDebug()
	p.r.fact("Subsystem", "%s, version %d.%d", peSubsystems.short(o.Uint("Subsystem")),
		o.Uint("MajorSubsystemVersion"), o.Uint("MinorSubsystemVersion"))
	p.r.fact("Time stamp", "%s", p.timeStamp())
	p.r.fact("Entry point", "%s", p.entry())
	p.r.fact("Image base", "%#x", o.Uint("ImageBase"))
	p.r.fact("Linker", "%d.%d", o.Uint("MajorLinkerVersion"), o.Uint("MinorLinkerVersion"))
	p.r.fact("Characteristics", "%s", fileFlags.Note(p.file.Uint("Characteristics")))
	if flags := dllFlags.Note(o.Uint("DllCharacteristics")); flags != "" {
		p.r.fact("DLL characteristics", "%s", flags)
	}
	if sum := o.Uint("CheckSum"); sum != 0 {
		p.r.fact("Checksum", "%#x", sum)
	}
	p.r.Facts = append(p.r.Facts, named...)
	if pdb != "" {
		p.r.fact("PDB", "%s", pdb)
	}
	if d := p.directory(dirCLR); d.RVA != 0 && d.Size != 0 {
		p.r.fact(".NET", "yes")
	}
	if d := p.directory(dirSecurity); d.RVA != 0 && d.Size != 0 {
		p.r.fact("Certificates", "%d bytes at %#x", d.Size, d.RVA)
	}
}

// kind is what the image is, for people.
func (p *PE) kind() string {
	switch s := p.optional.Uint("Subsystem"); {
	case s >= subsystemEFI && s <= subsystemEFIROM:
		return peSubsystems.short(s)
	case s == subsystemApplication:
		return "boot application"
	case s == subsystemNative && !p.importsFrom("ntdll.dll"):
		return "driver"
	case p.file.Uint("Characteristics")&fileDLL != 0:
		return "DLL"
	}
	if p.file.Uint("Characteristics")&fileExecutable == 0 {
		p.r.warn("it is not marked as executable: Windows does not load it")
	}
	return "executable"
}

func (p *PE) importsFrom(library string) bool {
	for _, l := range p.r.Imports {
		if strings.EqualFold(l.Name, library) {
			return true
		}
	}
	return false
}

func (p *PE) timeStamp() string {
	v := p.file.Uint("TimeDateStamp")
	switch text := peTime(v); {
	case p.repro:
		return fmt.Sprintf("%#x, a hash of a reproducible build", v)
	case text != "":
		return text
	case v == 0:
		return "none"
	default:
		return fmt.Sprintf("%#x", v)
	}
}

// entry is where the program begins, and in which section that is.
func (p *PE) entry() string {
	rva := p.optional.Uint("AddressOfEntryPoint")
	if rva == 0 {
		return "none"
	}
	for _, s := range p.sections {
		if rva >= s.start && rva < s.end {
			return fmt.Sprintf("%#x in %s", rva, s.name)
		}
	}
	if _, _, ok := p.locate(rva); ok {
		return fmt.Sprintf("%#x in the headers", rva)
	}
	return fmt.Sprintf("%#x, outside the image", rva)
}

// readDebug reads the debug directory and returns the path of the PDB, if it has one.
func (p *PE) readDebug() (pdb string) {
	dir := p.directory(dirDebug)
	if dir.RVA == 0 {
		return ""
	}
	if _, ok := p.inFile("debug directory", dir); !ok {
		return ""
	}
	size, _ := peStructs().debug.Size()
	for i := range min(maxDebug, uint64(dir.Size)/uint64(size)) {
		rec, err := p.read(peStructs().debug, uint64(dir.RVA)+i*uint64(size))
		if err != nil {
			p.r.warn("the debug directory ends early: %v", err)
			return pdb
		}
		p.nodes(rec, "Debug", 0)
		switch rec.Uint("Type") {
		case debugRepro:
			p.repro = true
		case debugCodeView:
			if path := p.codeView(rec.Int("PointerToRawData")); pdb == "" {
				pdb = path
			}
		}
	}
	return pdb
}

// codeView is the path in the CodeView record at an offset of the file.
func (p *PE) codeView(off int64) string {
	var sign [4]byte
	_, _ = p.src.ReadAt(sign[:], off)
	var s *layout.Struct
	switch string(sign[:]) {
	case "RSDS":
		s = peStructs().pdb70
	case "NB10":
		s = peStructs().pdb20
	default:
		return ""
	}
	rec, err := s.Read(p.src, off, layout.Little)
	if err != nil {
		return ""
	}
	p.nodes(rec, "CodeView", 1)
	path, err := p.src.cstring(off+rec.Size(), maxString)
	if err != nil {
		p.r.warn("the path of the PDB is missing: %v", err)
	}
	return path
}
