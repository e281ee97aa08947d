package inspect

import (
	"bytes"
	"encoding/binary"
)

// beginnings are formats that are told by their first bytes, and not read.
var beginnings = []struct{ bytes, kind string }{
	{"!<arch>\n", "archive of objects or an import library (ar)"},
	{"!<thin>\n", "thin archive of objects (ar)"},
	{"VZ", "EFI terse executable (TE)"},
	{"\xfe\xed\xfa\xce", "Mach-O file"},
	{"\xfe\xed\xfa\xcf", "Mach-O file"},
	{"\xce\xfa\xed\xfe", "Mach-O file"},
	{"\xcf\xfa\xed\xfe", "Mach-O file"},
	{"\xca\xfe\xba\xbe", "Java class or universal Mach-O file"},
	{"\x00asm", "WebAssembly module"},
	{"#!", "script"},
	{"PK\x03\x04", "ZIP archive"},
	{"\x1f\x8b", "gzip data"},
	{"\x28\xb5\x2f\xfd", "Zstandard data"},
	{"\xfd7zXZ\x00", "XZ data"},
	{"%PDF-", "PDF document"},
	{"MSCF", "Windows cabinet"},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "OLE2 compound file (MSI, old Office documents)"},
	{"Microsoft C/C++ MSF 7.00\r\n", "debug symbols (PDB)"},
}

// parseOther says what src is, as far as that is known: it is neither a PE nor an ELF.
func parseOther(src *source, head []byte, r *Report) {
	if src.size == 0 {
		r.Kind = "empty file"
		return
	}
	for _, b := range beginnings {
		if bytes.HasPrefix(head, []byte(b.bytes)) {
			r.Kind = b.kind
			return
		}
	}
	parseCOFF(src, head, r)
}

// The structure with which import objects and big COFF objects begin: two u16 that no
// COFF object begins with, u16 version, u16 machine.
const (
	anonymousSize  = 20
	importNameMost = 256
)

// parseCOFF says whether src is an object of Windows: those have a PE's file header, and
// are no images.
func parseCOFF(src *source, head []byte, r *Report) {
	if len(head) < anonymousSize {
		return
	}
	u16 := func(at int) uint64 { return uint64(binary.LittleEndian.Uint16(head[at:])) }
	if u16(0) == 0 && u16(2) == 0xffff {
		r.Machine = peMachines.short(u16(6))
		switch u16(4) {
		case 0:
			r.Kind = "member of an import library (COFF)"
			name, _ := src.until(anonymousSize, importNameMost)
			library, _ := src.until(anonymousSize+int64(len(name))+1, importNameMost)
			r.fact("Imports", "%s from %s", readable(name), readable(library))
		case 1:
			r.Kind = "anonymous object (COFF)"
		default:
			r.Kind = "object with many sections (COFF)"
		}
		return
	}
	sections, symbols := u16(2), int64(binary.LittleEndian.Uint32(head[8:]))
	known := u16(0) != 0 && peMachines.Note(u16(0)) != ""
	if known && u16(16) == 0 && u16(18)&fileExecutable == 0 && anonymousSize+40*int64(sections) <= src.size && symbols <= src.size {
		r.Machine = peMachines.short(u16(0))
		r.Kind = "object (COFF)"
		r.fact("Sections", "%d", sections)
	}
}
