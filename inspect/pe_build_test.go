package inspect

import (
	"encoding/binary"
	"unicode/utf16"
)

// Where things are in what image builds: the headers take a sector, and one section
// follows, whose contents lie at dataRVA in memory.
const (
	ntAt       = 0x80
	dataOffset = 0x400
	dataRVA    = 0x2000
)

// image builds a small PE. Fields are for tests to change before bytes is called.
type image struct {
	plus            bool
	machine         uint16
	characteristics uint16
	subsystem       uint16
	sectionAlign    uint32
	fileAlign       uint32
	dirs            [16][2]uint32
	dirCount        uint32
	data            []byte // the contents of the section
	virtual         uint32 // the section's size in memory; 0: as in the file
	sections        [][]byte
	between         []byte // from 0x40 on: the DOS program
	behind          []byte
	base            uint64
}

func newImage(plus bool) *image {
	im := &image{
		plus: plus, machine: 0x14c, characteristics: fileExecutable, subsystem: 3,
		sectionAlign: 0x1000, fileAlign: 0x200, dirCount: 16, base: 0x400000,
	}
	if plus {
		im.machine = 0x8664
	}
	return im
}

// put adds to the section, and returns where that lies in memory.
func (im *image) put(b ...byte) uint32 {
	at := uint32(dataRVA + len(im.data))
	im.data = append(im.data, b...)
	return at
}

func (im *image) text(s string) uint32 { return im.put(append([]byte(s), 0)...) }

func (im *image) u32(v ...uint32) uint32 { return im.put(le32(v...)...) }

func le16(v ...uint16) (b []byte) {
	for _, v := range v {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	return b
}

func le32(v ...uint32) (b []byte) {
	for _, v := range v {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

func wide(s string) []byte { return le16(utf16.Encode([]rune(s))...) }

// thunks adds a list of symbols, whose names' addresses are base too high.
func (im *image) thunks(symbols []Symbol, base uint32) uint32 {
	var list []byte
	word := func(v uint64) {
		if im.plus {
			list = binary.LittleEndian.AppendUint64(list, v)
		} else {
			list = binary.LittleEndian.AppendUint32(list, uint32(v))
		}
	}
	for _, s := range symbols {
		switch {
		case s.Name != "":
			word(uint64(im.put(append(le16(s.Hint), s.Name+"\x00"...)...) + base))
		case im.plus:
			word(1<<63 | uint64(s.Ordinal))
		default:
			word(1<<31 | uint64(s.Ordinal))
		}
	}
	word(0)
	return im.put(list...)
}

// imports adds what is imported, the names as well where the addresses will be: old
// makes that all there is, as old linkers do.
func (im *image) imports(old bool, libraries ...Library) {
	var table []byte
	for i, l := range libraries {
		names, slots := im.thunks(l.Symbols, 0), im.thunks(l.Symbols, 0)
		for j := range l.Symbols {
			size := 4
			if im.plus {
				size = 8
			}
			libraries[i].Symbols[j].Address = uint64(slots) + uint64(j*size)
		}
		if old {
			names = 0
		}
		table = append(table, le32(names, 0, 0, im.text(l.Name), slots)...)
	}
	table = append(table, make([]byte, 20)...)
	im.dirs[dirImport] = [2]uint32{im.put(table...), uint32(len(table))}
}

// delayImports adds what is loaded at the first call; with addresses instead of those
// relative to the image, as Visual C++ 6 did, where base is not 0.
func (im *image) delayImports(base uint32, libraries ...Library) {
	attributes := uint32(1)
	if base != 0 {
		attributes = 0
	}
	var table []byte
	for _, l := range libraries {
		table = append(table, le32(attributes, im.text(l.Name)+base, 0, dataRVA+base, im.thunks(l.Symbols, base)+base, 0, 0, 0)...)
	}
	table = append(table, make([]byte, 32)...)
	im.dirs[dirDelayImport] = [2]uint32{im.put(table...), uint32(len(table))}
}

// header is the optional header with the directories.
func (im *image) header() []byte {
	h := le16(magic32)
	if im.plus {
		h = le16(magic64)
	}
	h = append(h, 14, 1)
	h = append(h, le32(0x200, 0x200, 0, dataRVA, 0x1000)...)
	if im.plus {
		h = binary.LittleEndian.AppendUint64(h, im.base)
	} else {
		h = append(h, le32(0x1000, uint32(im.base))...)
	}
	h = append(h, le32(im.sectionAlign, im.fileAlign)...)
	h = append(h, le16(6, 0, 0, 0, 6, 1, 0, 0)...)
	h = append(h, le32(0x10000, dataOffset, 0)...)
	h = append(h, le16(im.subsystem, 0x8160)...)
	words := 4
	if im.plus {
		words = 8
	}
	h = append(h, le32(make([]uint32, words+1)...)...)
	h = append(h, le32(im.dirCount)...)
	for _, d := range im.dirs {
		h = append(h, le32(d[0], d[1])...)
	}
	return h
}

// section is a section's header.
func section(name string, size, address, raw, pointer, flags uint32) []byte {
	b := append([]byte(name), make([]byte, 8-len(name))...)
	b = append(b, le32(size, address, raw, pointer, 0, 0, 0)...)
	return append(b, le32(flags)...)
}

func (im *image) bytes() []byte {
	for len(im.data)%0x200 != 0 {
		im.data = append(im.data, 0)
	}
	size := uint32(len(im.data))
	sections := im.sections
	if sections == nil {
		virtual := im.virtual
		if virtual == 0 {
			virtual = size
		}
		sections = [][]byte{section(".text", virtual, dataRVA, size, dataOffset, 0x60000020)}
	}
	out := make([]byte, ntAt)
	copy(out, "MZ")
	out[0x18] = 0x40
	binary.LittleEndian.PutUint32(out[0x3c:], ntAt)
	copy(out[0x40:], im.between)
	h := im.header()
	out = append(out, "PE\x00\x00"...)
	out = append(out, le16(im.machine, uint16(len(sections)))...)
	out = append(out, le32(1_600_000_000, 0, 0)...)
	out = append(out, le16(uint16(len(h)), im.characteristics)...)
	out = append(out, h...)
	for _, s := range sections {
		out = append(out, s...)
	}
	if len(out) < dataOffset {
		out = append(out, make([]byte, dataOffset-len(out))...)
	}
	out = append(out, im.data...)
	return append(out, im.behind...)
}

// samplePE has something of everything.
func samplePE(plus bool) *image {
	im := newImage(plus)
	im.imports(false, Library{Name: "KERNEL32.dll", Symbols: []Symbol{{Name: "ExitProcess", Hint: 7}, {Ordinal: 12}}},
		Library{Name: "USER32.dll", Symbols: []Symbol{{Name: "MessageBoxA"}}})
	im.delayImports(0, Library{Name: "late.dll", Symbols: []Symbol{{Name: "Later"}}})
	im.exports("sample.dll", 5, []Symbol{{Name: "one", Address: 0x2001}, {Address: 0x2002}, {}, {Name: "far", Forward: "NTDLL.x"}})
	im.debug(`C:\build\sample.pdb`)
	im.resources()
	return im
}

// exports adds functions from a number on; one without an address is a number that is not
// used. What lies in the span of the directory is a forwarder.
func (im *image) exports(name string, base uint32, functions []Symbol) {
	dir := im.put(make([]byte, 40)...)
	at := im.text(name)
	var addresses, names []uint32
	var indices []uint16
	for i, f := range functions {
		address := uint32(f.Address)
		if f.Forward != "" {
			address = im.text(f.Forward)
		}
		addresses = append(addresses, address)
		if f.Name != "" {
			names = append(names, im.text(f.Name))
			indices = append(indices, uint16(i))
		}
	}
	a, n, o := im.u32(addresses...), im.u32(names...), im.put(le16(indices...)...)
	copy(im.data[dir-dataRVA:], le32(0, 0, 0, at, base, uint32(len(addresses)), uint32(len(names)), a, n, o))
	im.dirs[dirExport] = [2]uint32{dir, uint32(dataRVA+len(im.data)) - dir}
}

// debug adds a debug directory with the path of a PDB.
func (im *image) debug(path string) {
	pdb := im.put(append([]byte("RSDS0123456789abcdef\x01\x00\x00\x00"), path+"\x00"...)...)
	size := uint32(24 + len(path) + 1)
	im.dirs[dirDebug] = [2]uint32{im.u32(0, 0, 0, debugCodeView, size, pdb, pdb-dataRVA+dataOffset), 28}
}

// resourceDirectory is a directory of numbered entries: pairs of number and offset.
func resourceDirectory(entries ...uint32) []byte {
	b := append(make([]byte, 12), le16(0, uint16(len(entries)/2))...)
	return append(b, le32(entries...)...)
}

// versionPart is a block of a version resource.
func versionPart(key string, text bool, value []byte, children ...[]byte) []byte {
	pad := func(b []byte) []byte { return append(b, make([]byte, -len(b)&3)...) }
	length, kind := len(value), uint16(0)
	if text {
		length, kind = len(value)/2, 1
	}
	b := pad(append(le16(0, uint16(length), kind), append(wide(key), 0, 0)...))
	b = append(b, value...)
	for _, c := range children {
		b = append(pad(b), c...)
	}
	binary.LittleEndian.PutUint16(b, uint16(len(b)))
	return b
}

// resources adds a version resource and one with a name.
func (im *image) resources() {
	const down = 1 << 31
	fixed := le32(0xfeef04bd, 0, 1<<16|2, 3<<16|4, 5<<16|6, 7<<16|8)
	version := versionPart("VS_VERSION_INFO", false, fixed,
		versionPart("VarFileInfo", true, nil),
		versionPart("StringFileInfo", true, nil, versionPart("040904b0", true, nil,
			versionPart("CompanyName", true, append(wide("Zoë"), 0, 0)), versionPart("ProductName", true, append(wide("sample"), 0, 0)))))
	v, m := im.put(version...), im.put([]byte("<assembly/>")...)
	im.put(make([]byte, -len(im.data)&3)...)
	root := resourceDirectory(16, down|32, down|200, down|80) // 16+2*8 = 32 bytes
	tree := append(root, resourceDirectory(1, down|56)...)    // at 32: 24 bytes
	tree = append(tree, resourceDirectory(1033, 160)...)      // at 56
	tree = append(tree, resourceDirectory(1, down|104)...)    // at 80
	tree = append(tree, resourceDirectory(1033, 176)...)      // at 104
	tree = append(tree, make([]byte, 160-len(tree))...)
	tree = append(tree, le32(v, uint32(len(version)), 0, 0, m, 11, 0, 0)...) // at 160 and 176
	tree = append(tree, make([]byte, 200-len(tree))...)
	tree = append(tree, append(le16(4), wide("MINE")...)...)
	im.dirs[dirResource] = [2]uint32{im.put(tree...), uint32(len(tree))}
}
