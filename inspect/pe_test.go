package inspect

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/layout"
)

func parse(t testing.TB, b []byte) *Report {
	t.Helper()
	r, err := Parse(t.Context(), container.FromBytes(b), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func open(t *testing.T, b []byte) *PE {
	t.Helper()
	p, err := OpenPE(t.Context(), container.FromBytes(b))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// bothSizes runs a test for PE32 and PE32+.
func bothSizes(t *testing.T, test func(t *testing.T, im *image)) {
	for _, plus := range []bool{false, true} {
		t.Run(fmt.Sprintf("plus=%v", plus), func(t *testing.T) { test(t, newImage(plus)) })
	}
}

func (r *Report) get(name string) string {
	for _, f := range r.Facts {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

func TestPESample(t *testing.T) {
	for _, plus := range []bool{false, true} {
		r := parse(t, samplePE(plus).bytes())
		if len(r.Warnings) > 0 {
			t.Errorf("warnings about a good file: %q", r.Warnings)
		}
		format, machine := "PE32", "i386"
		if plus {
			format, machine = "PE32+", "x86-64"
		}
		if r.Format != format || r.Machine != machine || r.Kind != "executable" {
			t.Errorf("%s %s %s", r.Format, r.Machine, r.Kind)
		}
		for name, want := range map[string]string{
			"Subsystem":       "Windows console, version 6.1",
			"Time stamp":      "2020-09-13T12:26:40Z",
			"Entry point":     "0x2000 in .text",
			"Image base":      "0x400000",
			"Linker":          "14.1",
			"Characteristics": "EXECUTABLE_IMAGE",
			"PDB":             `C:\build\sample.pdb`,
			"Export name":     "sample.dll",
			"File version":    "1.2.3.4",
			"Product version": "5.6.7.8",
			"CompanyName":     "Zoë",
			"ProductName":     "sample",
		} {
			if got := r.get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if !strings.HasPrefix(r.get("Resources"), "1 version, 1 MINE; ") {
			t.Error(r.get("Resources"))
		}
		if s := r.Sections; len(s) != 1 || s[0].Name != ".text" || s[0].Address != dataRVA || s[0].Offset != dataOffset || s[0].Flags != "r-x code" {
			t.Errorf("sections: %+v", s)
		}
	}
}

func sameLibraries(t *testing.T, got, want []Library) {
	t.Helper()
	equal := slices.EqualFunc(got, want, func(a, b Library) bool {
		return a.Name == b.Name && a.Delayed == b.Delayed && slices.Equal(a.Symbols, b.Symbols)
	})
	if !equal {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestPEImports(t *testing.T) {
	for _, old := range []bool{false, true} {
		bothSizes(t, func(t *testing.T, im *image) {
			want := []Library{
				{Name: "A.dll", Symbols: []Symbol{{Name: "first", Hint: 3}, {Ordinal: 65535}, {Name: "?x@@YAXXZ"}}},
				{Name: "b.DLL"},
				{Name: "c\xff.dll", Symbols: []Symbol{{Ordinal: 1}}},
			}
			im.imports(old, want...)
			want[2].Name = `c\xff.dll`
			r := parse(t, im.bytes())
			sameLibraries(t, r.Imports, want)
			if len(r.Warnings) > 0 {
				t.Errorf("%q", r.Warnings)
			}
		})
	}
}

func TestPEDelayImports(t *testing.T) {
	for _, base := range []uint32{0, 0x400000} {
		bothSizes(t, func(t *testing.T, im *image) {
			if im.plus && base != 0 {
				t.Skip("there are no addresses of 64 bits in the old form")
			}
			im.delayImports(base, Library{Name: "late.dll", Symbols: []Symbol{{Name: "f", Hint: 9}, {Ordinal: 4}}})
			r := parse(t, im.bytes())
			if len(r.Warnings) > 0 || len(r.Imports) != 1 || len(r.Imports[0].Symbols) != 2 {
				t.Fatalf("%+v, warnings %q", r.Imports, r.Warnings)
			}
			l := r.Imports[0]
			if !l.Delayed || l.Name != "late.dll" || l.Symbols[0].Name != "f" || l.Symbols[0].Hint != 9 || l.Symbols[1].Ordinal != 4 || l.Symbols[0].Address != dataRVA {
				t.Errorf("%+v", l)
			}
		})
	}
}

func TestPEExports(t *testing.T) {
	bothSizes(t, func(t *testing.T, im *image) {
		im.exports("x.dll", 100, []Symbol{{Name: "b", Address: 0x1111}, {}, {Address: 0x1113}, {Name: "a", Forward: "NTDLL.#7"}})
		got := parse(t, im.bytes()).Exports
		if len(got) != 3 {
			t.Fatalf("%+v", got)
		}
		got[2].Address = 0
		want := []Symbol{{Name: "b", Ordinal: 100, Address: 0x1111}, {Ordinal: 102, Address: 0x1113}, {Name: "a", Ordinal: 103, Forward: "NTDLL.#7"}}
		if !slices.Equal(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	})
}

func TestPEExportWithTwoNames(t *testing.T) {
	im := newImage(true)
	im.exports("x.dll", 1, []Symbol{{Name: "a", Address: 0x1111}, {Name: "b", Address: 0x1112}})
	b := im.bytes()
	p := open(t, b)
	rec, err := p.read(peStructs().exports, uint64(im.dirs[dirExport][0]))
	if err != nil {
		t.Fatal(err)
	}
	at, _ := p.RVAToOffset(uint32(rec.Uint("AddressOfNameOrdinals")))
	copy(b[at:], le16(0, 0))
	want := []Symbol{{Name: "a", Ordinal: 1, Address: 0x1111}, {Name: "b", Ordinal: 1, Address: 0x1111}, {Ordinal: 2, Address: 0x1112}}
	if got := parse(t, b).Exports; !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestRVAToOffset(t *testing.T) {
	normal := func() *image {
		im := newImage(true)
		im.put(make([]byte, 0x400)...)
		return im
	}
	sections := func(align, fileAlign uint32, s ...[]byte) *image {
		im := normal()
		im.sections, im.sectionAlign, im.fileAlign = s, align, fileAlign
		return im
	}
	type want struct {
		rva uint32
		off int64 // -1: not in the file
	}
	for _, test := range []struct {
		name string
		im   *image
		want []want
	}{
		{"a section and the headers", normal(), []want{
			{0, 0}, {0x3ff, 0x3ff}, {0x400, -1}, {0x1fff, -1}, {0x2000, 0x400}, {0x23ff, 0x7ff}, {0x2400, -1}, {0xffffffff, -1},
		}},
		{"an offset is rounded down to a sector", sections(0x1000, 0x200, section("a", 0x200, 0x2000, 0x200, 0x4ff, 0)), []want{{0x2000, 0x400}, {0x2010, 0x410}}},
		{"also to the first", sections(0x1000, 0x200, section("a", 0x200, 0x2000, 0x200, 1, 0)), []want{{0x2000, 0}}},
		{"a size in the file is rounded up", sections(0x1000, 0x200, section("a", 0x1000, 0x2000, 1, 0x400, 0)), []want{{0x21ff, 0x5ff}, {0x2200, -1}}},
		{"less in memory than in the file", sections(0x1000, 0x200, section("a", 0x10, 0x2000, 0x400, 0x400, 0)), []want{{0x20ff, 0x4ff}, {0x23ff, 0x7ff}}},
		{"no size in memory", sections(0x1000, 0x200, section("a", 0, 0x2000, 0x200, 0x400, 0)), []want{{0x2000, 0x400}, {0x2200, -1}}},
		{"zeros only", sections(0x1000, 0x200, section("a", 0x1000, 0x2000, 0, 0, 0)), []want{{0x2000, -1}}},
		{"no offset is no content", sections(0x1000, 0x200, section("a", 0x1000, 0x2000, 0x200, 0, 0)), []want{{0x2000, -1}}},
		{"beyond the end of the file", sections(0x1000, 0x200, section("a", 0x4000, 0x2000, 0x4000, 0x600, 0)), []want{{0x21ff, 0x7ff}, {0x2200, -1}}},
		{"all beyond it", sections(0x1000, 0x200, section("a", 0x4000, 0x2000, 0x4000, 0x60000, 0)), []want{{0x2000, -1}}},
		{"aligned to less than a page", sections(0x10, 0x10, section("a", 0x20, 0x410, 0x20, 0x410, 0)), []want{{0x40f, 0x40f}, {0x410, 0x410}, {0x7ff, 0x7ff}, {0x800, -1}}},
		{"the first of two that overlap", sections(0x1000, 0x200, section("a", 0x1000, 0x2000, 0x200, 0x400, 0), section("b", 0x1000, 0x2000, 0x200, 0x600, 0)), []want{{0x2000, 0x400}}},
		{"the end of all addresses", sections(0x1000, 0x200, section("a", 0xffffffff, 0xfffff000, 0x200, 0x400, 0)), []want{{0xfffff001, 0x401}}},
		{"no sections", sections(0x1000, 0x200, [][]byte{}...), []want{{0x10, 0x10}, {0x7ff, 0x7ff}, {0x800, -1}}},
	} {
		p := open(t, test.im.bytes())
		for _, w := range test.want {
			off, ok := p.RVAToOffset(w.rva)
			if ok != (w.off >= 0) || ok && off != w.off {
				t.Errorf("%s: %#x is at %#x, %v, want %#x", test.name, w.rva, off, ok, w.off)
			}
		}
	}
}

// A table that goes on in what is zeros in memory only ends there.
func TestPEImportsEndInZeros(t *testing.T) {
	im := newImage(true)
	slots := im.thunks([]Symbol{{Ordinal: 1}}, 0)
	name := im.text("zero.dll")
	for len(im.data)%0x200 != 0x200-20 {
		im.put(0)
	}
	im.dirs[dirImport] = [2]uint32{im.u32(0, 0, 0, name, slots), 20}
	im.virtual = 0x800
	r := parse(t, im.bytes())
	if len(r.Imports) != 1 || len(r.Warnings) > 0 {
		t.Errorf("%+v, warnings %q", r.Imports, r.Warnings)
	}
}

func TestPEKinds(t *testing.T) {
	for _, test := range []struct {
		subsystem, characteristics uint16
		imports                    string
		want                       string
	}{
		{3, fileExecutable, "", "executable"},
		{2, fileExecutable | fileDLL, "", "DLL"},
		{subsystemNative, fileExecutable, "ntoskrnl.exe", "driver"},
		{subsystemNative, fileExecutable, "NTDLL.dll", "executable"},
		{subsystemNative, fileExecutable | fileDLL, "NTDLL.dll", "DLL"},
		{subsystemEFI, fileExecutable, "", "EFI application"},
		{subsystemEFIBoot, fileExecutable, "", "EFI boot service driver"},
		{subsystemEFIRuntime, fileExecutable | fileDLL, "", "EFI runtime driver"},
		{subsystemApplication, fileExecutable, "", "boot application"},
	} {
		im := newImage(true)
		im.subsystem, im.characteristics = test.subsystem, test.characteristics
		if test.imports != "" {
			im.imports(false, Library{Name: test.imports, Symbols: []Symbol{{Ordinal: 1}}})
		}
		if got := parse(t, im.bytes()).Kind; got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
}

func TestPEOverlay(t *testing.T) {
	overlay := func(change func(im *image)) Span {
		im := newImage(true)
		im.put(make([]byte, 0x200)...)
		change(im)
		return parse(t, im.bytes()).Overlay
	}
	for _, test := range []struct {
		name   string
		change func(im *image)
		want   Span
	}{
		{"none", func(*image) {}, Span{}},
		{"behind the section", func(im *image) { im.behind = []byte("more") }, Span{0x600, 4}},
		{"before the certificates", func(im *image) {
			im.behind, im.dirs[dirSecurity] = make([]byte, 0x30), [2]uint32{0x620, 0x10}
		}, Span{0x600, 0x20}},
		{"behind the certificates", func(im *image) {
			im.behind, im.dirs[dirSecurity] = make([]byte, 0x30), [2]uint32{0x600, 0x10}
		}, Span{0x610, 0x20}},
		{"certificates beyond the end", func(im *image) {
			im.behind, im.dirs[dirSecurity] = make([]byte, 0x30), [2]uint32{0x6000, 0x10}
		}, Span{0x600, 0x30}},
	} {
		if got := overlay(test.change); got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

// The smallest images end within the headers: what is missing is zeros.
func TestPETiny(t *testing.T) {
	b := samplePE(false).bytes()[:ntAt+4+20+70]
	r := parse(t, b)
	if r.Format != "PE32" || r.Kind != "executable" || len(r.Imports) != 0 {
		t.Errorf("%s %s, imports %v", r.Format, r.Kind, r.Imports)
	}
	if len(r.Warnings) == 0 || !strings.Contains(r.Warnings[0], "behind the file") {
		t.Errorf("%q", r.Warnings)
	}
}

func TestNoPE(t *testing.T) {
	dos := make([]byte, 64)
	copy(dos, "MZ")
	ne := append(slices.Clone(dos), "NE"...)
	ne[0x3c] = 64
	object := append(le16(0x8664, 1), make([]byte, 80)...)
	member := append(append(le16(0, 0xffff, 0, 0x8664), make([]byte, 12)...), "f\x00x.dll\x00"...)
	unknown := samplePE(true).bytes()
	unknown[ntAt+24] = 9
	for _, test := range []struct {
		name, data, kind, machine, open string
	}{
		{"nothing", "", "empty file", "", "no PE image, but: empty file"},
		{"text", "hello, world, this is a text", "", "", "no PE image: it does not begin with MZ"},
		{"MZ alone", "MZ", "DOS program", "", "no PE image, but: DOS program"},
		{"DOS", string(dos), "DOS program", "", "no PE image, but: DOS program"},
		{"NE", string(ne), "16-bit Windows or OS/2 program (NE)", "", "no PE image, but: 16-bit Windows or OS/2 program (NE)"},
		{"object", string(object), "object (COFF)", "x86-64", "no PE image, but: object (COFF)"},
		{"import library", "!<arch>\n/    ", "archive of objects or an import library (ar)", "", "no PE image, but: archive of objects or an import library (ar)"},
		{"its member", string(member), "member of an import library (COFF)", "x86-64", "no PE image, but: member of an import library (COFF)"},
		{"an unknown magic", string(unknown), "PE image without a known optional header", "x86-64", "no PE image, but: PE image without a known optional header"},
		{"cut off", string(unknown[:ntAt+10]), "PE image of which the headers are cut off", "", "no PE image, but: PE image of which the headers are cut off"},
	} {
		r := parse(t, []byte(test.data))
		if r.Format != "" || r.Kind != test.kind || r.Machine != test.machine {
			t.Errorf("%s: %q %q %q", test.name, r.Format, r.Kind, r.Machine)
		}
		_, err := OpenPE(t.Context(), container.FromBytes([]byte(test.data)))
		if err == nil || err.Error() != test.open {
			t.Errorf("%s: %v, want %s", test.name, err, test.open)
		}
	}
	if _, err := OpenPE(t.Context(), container.FromBytes([]byte("\x7fELF"))); err == nil || err.Error() != "no PE image, but: ELF file" {
		t.Error(err)
	}
}

func TestPERich(t *testing.T) {
	const begin = 0x50
	im := newImage(true)
	head := im.bytes()[:begin]
	key := richSum(head)
	ids := []uint32{0x00010002, 3, 0x00aa0bb8, 40}
	key += 0x00010002<<3 + (0x00aa0bb8<<8 | 0x00aa0bb8>>24)
	words := append([]uint32{dans, 0, 0, 0}, ids...)
	for i := range words {
		words[i] ^= key
	}
	im.between = append(make([]byte, begin-0x40), append(append(le32(words...), "Rich"...), le32(key)...)...)
	if got, want := parse(t, im.bytes()).get("Rich header"), "0x1.2 ×3, 0xaa.3000 ×40 (as written by the linker)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	b := im.bytes()
	if moved := append(slices.Clone(b[:0x3c]), 9, 9, 9, 9); richSum(moved) != richSum(b[:0x40]) {
		t.Error("the place of the PE's header counts")
	}
	b[2]++
	if got := parse(t, b).get("Rich header"); !strings.HasSuffix(got, "(changed since: the checksum is wrong)") {
		t.Error(got)
	}
}

func TestPELongSectionNames(t *testing.T) {
	im := newImage(true)
	im.put(make([]byte, 0x200)...)
	im.sections = [][]byte{section("/4", 0x200, dataRVA, 0x200, dataOffset, 0x40000040), section("/99", 0x200, 0x3000, 0x200, dataOffset, 0)}
	im.behind = append(le32(4+11), ".eh_frame\x00\x00"...)
	b := im.bytes()
	copy(b[ntAt+4+8:], le32(0x600)) // PointerToSymbolTable, no symbols
	r := parse(t, b)
	if r.Sections[0].Name != ".eh_frame" || r.Sections[1].Name != "/99" {
		t.Errorf("%+v", r.Sections)
	}
	if r.Overlay.Size != 0 {
		t.Errorf("the names count as an overlay: %+v", r.Overlay)
	}
}

func TestPEStringAt(t *testing.T) {
	im := newImage(true)
	at := im.text("some text")
	p := open(t, im.bytes())
	off, _ := p.RVAToOffset(at)
	for _, test := range []struct {
		off  int64
		max  int
		want string
		fail bool
	}{
		{off, 100, "some text", false},
		{off, 4, "some", false},
		{off, 0, "", false},
		{off + 9, 10, "", false},
		{off, -1, "", true},
		{-1, 10, "", true},
		{1 << 40, 10, "", true},
	} {
		got, err := p.StringAt(test.off, test.max)
		if got != test.want || (err != nil) != test.fail {
			t.Errorf("%+v: %q, %v", test, got, err)
		}
	}
}

func TestPEDirectories(t *testing.T) {
	im := samplePE(true)
	im.dirs[dirSecurity] = [2]uint32{0x40, 8}
	im.dirs[9] = [2]uint32{0xf0000000, 8}
	p := open(t, im.bytes())
	all := p.Directories()
	if len(all) != 16 || all[dirImport].Name != "Import" || all[dirImport].Offset != int64(im.dirs[dirImport][0])-dataRVA+dataOffset {
		t.Errorf("%+v", all)
	}
	if all[dirSecurity].Offset != 0x40 || all[9].Offset != -1 || all[15].Offset != -1 {
		t.Errorf("%+v", all)
	}
	if p.DOSHeader().Uint("e_lfanew") != ntAt || p.FileHeader().Uint("NumberOfSections") != 1 || p.OptionalHeader().Uint("Magic") != magic64 {
		t.Error("a header is wrong")
	}
	im.dirCount = 3
	if all := open(t, im.bytes()).Directories(); len(all) != 3 {
		t.Errorf("%d directories of 3", len(all))
	}
}

// The structure's nodes lie in the file, inside those that they are in.
func checkNodes(t *testing.T, r *Report) {
	t.Helper()
	if len(r.Structure) > maxNodes || len(r.Warnings) > maxWarnings+1 || len(r.Exports) > maxSymbols {
		t.Fatalf("%d nodes, %d warnings, %d exports", len(r.Structure), len(r.Warnings), len(r.Exports))
	}
	depth := -1
	for _, f := range r.Facts {
		if !utf8.ValidString(f.Name + f.Value) {
			t.Fatalf("%+q is no UTF-8", f.Name+f.Value)
		}
	}
	for _, n := range r.Structure {
		if !utf8.ValidString(n.Name + n.Text + n.Note) {
			t.Fatalf("%+q is no UTF-8", n.Name+n.Text+n.Note)
		}
		if n.Offset < 0 || n.Size < 0 || n.Depth > depth+1 || n.Depth < 0 {
			t.Fatalf("%+v behind depth %d", n, depth)
		}
		depth = n.Depth
	}
}

func TestPEBounds(t *testing.T) {
	loop := newImage(true) // each library's name is the next library
	at := dataRVA + uint32(len(loop.data))
	for range 0x8000 {
		loop.u32(0, 0, 0, at, at)
	}
	loop.dirs[dirImport] = [2]uint32{at, 20}

	many := newImage(false) // one list of symbols, from all libraries
	list := many.put(slices.Repeat([]byte{1, 0, 0, 0x80}, 0x4000)...)
	name := many.text(strings.Repeat("n", 5000))
	table := slices.Repeat(le32(list, 0, 0, name, list), 5000)
	many.dirs[dirImport] = [2]uint32{many.put(table...), 20}

	names := newImage(false) // names that add up to more than all names may have
	hint := names.put(append([]byte{1, 1}, strings.Repeat("n", 4000)+"\x00"...)...)
	list = names.put(slices.Repeat(le32(hint), 0x4000)...)
	names.dirs[dirImport] = [2]uint32{names.u32(list, 0, 0, list, list, 0, 0, 0, 0, 0), 20}

	exports := newImage(true)
	exports.exports("x", 1, []Symbol{{Name: "a", Address: 1}})
	copy(exports.data[exports.dirs[dirExport][0]-dataRVA+20:], le32(0xffffffff, 0xffffffff))
	exports.put(make([]byte, 0x90000)...)

	tree := newImage(true) // each directory holds the next two: a walk that trusts it never ends
	var dirs []byte
	for i := range uint32(1000) {
		dirs = append(dirs, resourceDirectory(1, 1<<31|(i+1)*32, 2, 1<<31|(i+2)*32)...)
	}
	tree.dirs[dirResource] = [2]uint32{tree.put(dirs...), 8}

	self := newImage(true) // a directory of many entries, all itself
	entries := slices.Repeat([]uint32{5, 1 << 31}, 0x7000)
	self.dirs[dirResource] = [2]uint32{self.put(resourceDirectory(entries...)...), 8}

	flat := newImage(true)
	entries = slices.Repeat([]uint32{5, 0}, 5000) // the directory is read as data too
	flat.dirs[dirResource] = [2]uint32{flat.put(resourceDirectory(entries...)...), 8}

	sections := newImage(true)
	sections.sections = slices.Repeat([][]byte{section("s", 1, 0x1000, 1, 0x400, 0)}, 200)

	for _, test := range []struct {
		name string
		im   *image
		want string // a warning
	}{
		{"libraries", loop, "it imports from more than 4096 libraries: the rest is left out"},
		{"symbols", many, "there are more than 65536 imported symbols"},
		{"names", names, "the names in the file have more than 4194304 bytes"},
		{"a long name", many, "has more than 4096 bytes"},
		{"exports", exports, "NumberOfFunctions of the exports is 4294967295: only 65536 are read"},
		{"a tree", tree, "cursor/1/1 has more than 3 levels"},
		{"resources", flat, "the resources end early: there are more than 4096"},
		{"a directory in itself", self, "has more than 3 levels"},
		{"sections", sections, "it says that it has 200 sections: only 96 are read"},
	} {
		b := test.im.bytes()
		begin := time.Now()
		r := parse(t, b)
		checkNodes(t, r)
		if !slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, test.want) }) {
			t.Errorf("%s: warnings %.600q", test.name, r.Warnings)
		}
		if took := time.Since(begin); took > 20*time.Second {
			t.Errorf("%s: %v", test.name, took)
		}
	}
}

// A structure that is cut off is cut off for good: what is smaller does not get in behind
// what was left out, where it would lie under something else.
func TestPESymbolsLieUnderTheirLibrary(t *testing.T) {
	for each := range 6 { // one of them leaves room for a symbol and none for a library
		im := newImage(true)
		var all []Library
		for i := range 700 {
			l := Library{Name: fmt.Sprintf("%d.dll", i)}
			for range 20 + each {
				l.Symbols = append(l.Symbols, Symbol{Name: l.Name})
			}
			all = append(all, l)
		}
		im.imports(true, all...)
		r := parse(t, im.bytes())
		checkNodes(t, r)
		library := ""
		for _, n := range r.Structure {
			switch {
			case n.Depth == 0:
				library = n.Name
			case n.Name == "Symbol" && n.Text != strconv.Quote(library):
				t.Fatalf("%d symbols each: %s lies under %s", 20+each, n.Text, library)
			}
		}
		if want := []string{"the structure has more than 16384 values: the rest is left out"}; !slices.Equal(r.Warnings, want) {
			t.Errorf("warnings %q, want %q", r.Warnings, want)
		}
	}
}

// A brief report tells nothing of a structure that nobody asked for.
func TestPEBriefWarnsOfNoStructure(t *testing.T) {
	im := newImage(true)
	im.imports(true, Library{Name: "x.dll", Symbols: slices.Repeat([]Symbol{{Name: "f"}}, maxNodes)})
	r, err := Parse(t.Context(), container.FromBytes(im.bytes()), Options{Brief: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Structure) > 0 || len(r.Warnings) > 0 || len(r.Imports[0].Symbols) != maxNodes {
		t.Errorf("%d nodes, %d symbols, warnings %q", len(r.Structure), len(r.Imports[0].Symbols), r.Warnings)
	}
}

// A directory outside of the file is told, and has no place in it.
func TestPEDirectoriesOutsideTheFile(t *testing.T) {
	const zeros = 0x7000 // in memory, and not in the file
	for _, test := range []struct {
		dir        int
		name, what string
	}{{dirResource, "Resources", "resources"}, {dirExport, "Exports", "exports"}, {dirDebug, "Debug", "debug directory"}} {
		for _, rva := range []uint32{0x7000000, zeros} {
			im := newImage(true)
			im.put(make([]byte, 64)...)
			im.sections = [][]byte{section(".text", 0x200, dataRVA, 0x200, dataOffset, 0), section(".bss", 0x1000, zeros, 0, 0, 0)}
			im.dirs[test.dir] = [2]uint32{rva, 64}
			r := parse(t, im.bytes())
			if slices.ContainsFunc(r.Structure, func(n layout.Node) bool { return n.Depth == 0 && n.Name == test.name }) {
				t.Errorf("%s at %#x: it is in the structure", test.name, rva)
			}
			if want := []string{fmt.Sprintf("the address %#x of the %s is not in the file", rva, test.what)}; !slices.Equal(r.Warnings, want) {
				t.Errorf("warnings %q, want %q", r.Warnings, want)
			}
		}
	}
}

// The names of resources count with all others, as often as the structure has them.
func TestPEResourceNamesAreBounded(t *testing.T) {
	const down, count = 1 << 31, 4000
	im := newImage(true)
	// three directories, the last of count entries, all with one name and one resource
	name := uint32(24 + 24 + 16 + 8*count)
	root := append(append(make([]byte, 12), le16(1, 0)...), le32(down|name, down|24)...)
	second := append(append(make([]byte, 12), le16(1, 0)...), le32(down|name, down|48)...)
	third := append(append(make([]byte, 12), le16(count, 0)...), slices.Repeat(le32(down|name, name+514), count)...)
	tree := slices.Concat(root, second, third, le16(256), wide(strings.Repeat("\u4e16", 256)), le32(dataRVA, 4, 0, 0))
	im.dirs[dirResource] = [2]uint32{im.put(tree...), uint32(len(tree))}
	r := parse(t, im.bytes())
	checkNodes(t, r)
	total := 0
	for _, n := range r.Structure {
		total += len(n.Name)
	}
	if want := []string{"the names in the file have more than 4194304 bytes: the rest is left out"}; total > maxText+1<<16 || !slices.Equal(r.Warnings, want) {
		t.Errorf("%d bytes of names, warnings %q", total, r.Warnings)
	}
	if got, want := r.get("Resources"), "4000 "; !strings.HasPrefix(got, want) {
		t.Errorf("not all are counted: %.20q", got)
	}
}

// Files that are cut off or changed in a few bits give a report, whatever they say.
func TestPEMutations(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 1))
	counts := map[string]int{}
	for _, plus := range []bool{false, true} {
		good := samplePE(plus).bytes()
		for i := range 1500 {
			b := slices.Clone(good)
			if i%3 == 0 {
				b = b[:rng.IntN(len(b))]
			}
			for range rng.IntN(8) * min(1, len(b)) {
				at := rng.IntN(len(b))
				if rng.IntN(2) == 0 { // more often where it matters
					at = min(len(b)-1, rng.IntN(dataOffset))
				}
				b[at] ^= 1 << rng.IntN(8)
			}
			r := parse(t, b)
			checkNodes(t, r)
			counts[r.Format]++
		}
	}
	if counts["PE32"] < 300 || counts["PE32+"] < 300 || counts[""] < 100 {
		t.Errorf("the mutations are not what they should be: %v", counts)
	}
}

// failing is a container that cannot be read from an offset on.
type failing struct {
	container.Container
	from int64
}

var errDisk = errors.New("input/output error")

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.from {
		return 0, errDisk
	}
	return f.Container.ReadAt(p, off)
}

func TestParseTellsReadErrors(t *testing.T) {
	im := samplePE(true)
	im.put(make([]byte, 2*blockSize)...)
	im.dirs[dirExport] = [2]uint32{dataRVA + 2*blockSize, 40}
	c := container.FromBytes(im.bytes())
	for _, from := range []int64{0, blockSize} {
		if _, err := Parse(t.Context(), failing{c, from}, Options{}); !errors.Is(err, errDisk) {
			t.Errorf("a disk that fails at %#x: %v", from, err)
		}
		if _, err := OpenPE(t.Context(), failing{c, from}); !errors.Is(err, errDisk) {
			t.Errorf("a disk that fails at %#x: %v", from, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Parse(ctx, c, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("without a context: %v", err)
	}
}

func BenchmarkPE(b *testing.B) {
	c := container.FromBytes(samplePE(true).bytes())
	for b.Loop() {
		if _, err := Parse(b.Context(), c, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
