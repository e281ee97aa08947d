package inspect_test

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/inspect"
	"github.com/outwork-go/outwork/layout"
)

// parse is the report of b.
func parse(t testing.TB, b []byte, o inspect.Options) *inspect.Report {
	t.Helper()
	c := container.FromBytes(b)
	defer c.Close()
	r, err := inspect.Parse(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// library is a file that needs two libraries, and gives two functions.
func library(wide bool, order binary.AppendByteOrder) elfSpec {
	return elfSpec{
		wide: wide, order: order, hash: elf.DT_HASH, soname: "libtest.so.3",
		needed: []string{"libone.so", "libtwo.so.1"},
		symbols: []elfSpecSymbol{
			{name: "anywhere"},
			{name: "two", version: "V2", from: "libtwo.so.1"},
			{name: "one", version: "V1", from: "libone.so"},
			{name: "give", defined: true},
			{name: "take", defined: true},
		},
	}
}

// What a file links to is read in both word sizes and byte orders, without any section,
// and however the symbols are counted.
func TestELFByHand(t *testing.T) {
	for _, wide := range []bool{false, true} {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			for _, hash := range []elf.DynTag{elf.DT_HASH, elf.DT_GNU_HASH, elf.DT_NULL} {
				t.Run(fmt.Sprint(wide, order, hash), func(t *testing.T) {
					spec := library(wide, order)
					spec.hash = hash
					checkLibrary(t, spec)
				})
			}
		}
	}
}

// Of a file that is cut short nobody knows whether it was stripped.
func TestELFCutShort(t *testing.T) {
	for off, want := range map[uint64]bool{0: true, 1 << 40: false} {
		b := library(true, binary.LittleEndian).build()
		binary.LittleEndian.PutUint64(b[0x28:], off) // e_shoff
		stripped := slices.ContainsFunc(parse(t, b, inspect.Options{}).Facts, func(f inspect.Fact) bool { return f.Name == "Stripped" })
		if stripped != want {
			t.Errorf("with the section headers at %#x: told is %v", off, stripped)
		}
	}
}

func checkLibrary(t *testing.T, spec elfSpec) {
	t.Helper()
	r := parse(t, spec.build(), inspect.Options{})
	want := map[bool]string{false: "ELF32 mips", true: "ELF64 mips64"}[spec.wide]
	if spec.order == binary.LittleEndian {
		want += "el"
	}
	if got := r.Format + " " + r.Machine; got != want || r.Kind != "shared library" {
		t.Errorf("it is a %q of kind %q", got, r.Kind)
	}
	if len(r.Warnings) > 0 || r.Overlay.Size > 0 {
		t.Errorf("warnings %q, overlay %v", r.Warnings, r.Overlay)
	}
	var imports []string
	for _, l := range r.Imports {
		imports = append(imports, l.Name+":"+strings.Join(versioned(l.Symbols), ","))
	}
	if want := []string{"libone.so:one@V1", "libtwo.so.1:two@V2", ":anywhere@"}; !slices.Equal(imports, want) {
		t.Errorf("imports %q, not %q", imports, want)
	}
	if got := versioned(r.Exports); !slices.Equal(got, []string{"give@", "take@"}) {
		t.Errorf("exports %q", got)
	}
	if len(r.Exports) == 2 && r.Exports[0].Address != 0x1004 {
		t.Errorf("the first export is at %#x", r.Exports[0].Address)
	}
	if got := fact(r, "SONAME"); got != "libtest.so.3" {
		t.Errorf("SONAME %q", got)
	}
	if got := fact(r, "Stripped"); got != "yes, of the section headers too" {
		t.Errorf("stripped: %q", got)
	}
}

func fact(r *inspect.Report, name string) string {
	for _, f := range r.Facts {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// The nodes of the structure lie where the bytes are.
func TestELFStructure(t *testing.T) {
	b := library(true, binary.BigEndian).build()
	r := parse(t, b, inspect.Options{})
	seen := map[string]string{}
	for _, n := range r.Structure {
		if n.Offset < 0 || n.Size <= 0 || n.Offset+n.Size > int64(len(b)) {
			t.Errorf("%s %s has %d bytes at %d of %d", n.Type, n.Name, n.Size, n.Offset, len(b))
		}
		if _, ok := seen[n.Name]; !ok {
			seen[n.Name] = fmt.Sprintf("%d %d+%d %s %q %q", n.Depth, n.Offset, n.Size, n.Type, n.Text, n.Note)
		}
	}
	for name, want := range map[string]string{
		"e_machine":       `1 18+2 u16be "8" "EM_MIPS"`,
		"e_phnum":         `1 56+2 u16be "2" ""`,
		"program headers": `0 64+112 Elf64_Phdr[] "" ""`,
		"p_type":          `2 64+4 u32be "1" "PT_LOAD"`,
		"p_flags":         `2 68+4 u32be "4" "PF_R"`,
	} {
		if seen[name] != want {
			t.Errorf("%s: %s, not %s", name, seen[name], want)
		}
	}
	if !slices.ContainsFunc(r.Structure, func(n layout.Node) bool { return n.Note == "DT_NEEDED libtwo.so.1" }) {
		t.Error("the dynamic segment does not show what is needed")
	}
	if brief := parse(t, b, inspect.Options{Brief: true}); brief.Structure != nil || len(brief.Imports) != 3 {
		t.Errorf("a brief report has %d nodes, %d libraries", len(brief.Structure), len(brief.Imports))
	}
}

// What lies is told, and does not keep the rest from being read.
func TestELFLies(t *testing.T) {
	plain := library(true, binary.LittleEndian).build()
	le := binary.LittleEndian
	const phdr = 64
	for name, test := range map[string]struct {
		change func(b []byte) []byte
		want   string // in a warning
	}{
		"class":              {func(b []byte) []byte { b[4] = 9; return b }, "class 9"},
		"byte order":         {func(b []byte) []byte { b[5] = 9; return b }, "byte order 9"},
		"short magic":        {func(b []byte) []byte { return b[:10] }, "within the first 16 bytes"},
		"short header":       {func(b []byte) []byte { return b[:40] }, "within its ELF header"},
		"small headers":      {func(b []byte) []byte { b[54] = 8; return b }, "8 bytes instead of 56"},
		"no room for counts": {func(b []byte) []byte { le.PutUint16(b[56:], 0xffff); return b[:200] }, ""},
		"many headers":       {func(b []byte) []byte { le.PutUint16(b[56:], 0xfff0); return b }, "more than the 8192"},
		"long segment":       {func(b []byte) []byte { le.PutUint64(b[phdr+32:], 1<<40); return b }, "more than the file has"},
		"long dynamic":       {func(b []byte) []byte { le.PutUint64(b[phdr+56+32:], 1<<62); return b }, "more than the 16384 entries"},
		"far dynamic":        {func(b []byte) []byte { le.PutUint64(b[phdr+56+8:], 1<<63); return b }, "the dynamic segment"},
		"far sections":       {func(b []byte) []byte { le.PutUint64(b[40:], 1<<63); b[58], b[60] = 64, 3; return b }, "section headers"},
		"nothing loaded":     {func(b []byte) []byte { b[phdr] = 0; return b }, "not in the file"},
	} {
		t.Run(name, func(t *testing.T) {
			r := parse(t, test.change(slices.Clone(plain)), inspect.Options{Deep: true})
			if !slices.ContainsFunc(r.Warnings, func(s string) bool { return strings.Contains(s, test.want) }) && test.want != "" {
				t.Errorf("warnings %q, none of which has %q", r.Warnings, test.want)
			}
			if r.Kind == "" {
				t.Error("it has no kind")
			}
		})
	}
}

// A count that lies is held to the bytes that are there.
func TestELFCounts(t *testing.T) {
	spec := library(true, binary.LittleEndian)
	b := spec.build()
	binary.LittleEndian.PutUint32(b[valueOf(t, b, "DT_HASH")-elfBase+4:], 1<<31)
	r := parse(t, b, inspect.Options{})
	if len(r.Warnings) == 0 || !strings.Contains(r.Warnings[0], "2147483648 dynamic symbols") {
		t.Errorf("warnings %q", r.Warnings)
	}
	if got := needed(r); !slices.Equal(got, spec.needed) {
		t.Errorf("it needs %q", got)
	}
}

// valueOf is the value of an entry of the dynamic segment.
func valueOf(t *testing.T, b []byte, tag string) uint64 {
	t.Helper()
	nodes := parse(t, b, inspect.Options{}).Structure
	for i, n := range nodes {
		if n.Depth == 1 && n.Note == tag {
			v, err := strconv.ParseUint(nodes[i+2].Text, 0, 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("there is no %s", tag)
	return 0
}

// Names are held to their bounds: of each, of all, and of how many there are.
func TestELFNames(t *testing.T) {
	spec := library(false, binary.BigEndian)
	spec.symbols = slices.Repeat([]elfSpecSymbol{{name: strings.Repeat("long", 2000)}}, 3000)
	spec.needed = slices.Repeat([]string{"again.so"}, inspect.MaxLibraries+5)
	r := parse(t, spec.build(), inspect.Options{})
	text, symbols := 0, 0
	for _, l := range r.Imports {
		text += len(l.Name)
		symbols += len(l.Symbols)
		for _, s := range l.Symbols {
			text += len(s.Name)
			if len(s.Name) != inspect.MaxString {
				t.Fatalf("a name has %d bytes", len(s.Name))
			}
		}
	}
	if text > inspect.MaxText || text < inspect.MaxText/2 || symbols == 0 {
		t.Errorf("%d symbols, %d bytes of text", symbols, text)
	}
	if got := len(needed(r)); got != inspect.MaxLibraries {
		t.Errorf("%d libraries", got)
	}
	all := strings.Join(r.Warnings, "\n")
	if !strings.Contains(all, "libraries are needed") || !strings.Contains(all, "names in the file") || len(r.Warnings) > 3 {
		t.Errorf("warnings %q", r.Warnings)
	}
}

// What lies behind all that is described is the overlay.
func TestELFOverlay(t *testing.T) {
	b := library(true, binary.LittleEndian).build()
	r := parse(t, append(slices.Clip(b), "appended"...), inspect.Options{})
	if want := (inspect.Span{Offset: int64(len(b)), Size: 8}); r.Overlay != want {
		t.Errorf("the overlay is %v, not %v", r.Overlay, want)
	}
}

func needed(r *inspect.Report) []string {
	var names []string
	for _, l := range r.Imports {
		if l.Name != "" {
			names = append(names, l.Name)
		}
	}
	return names
}

func versioned(symbols []inspect.Symbol) []string {
	var names []string
	for _, s := range symbols {
		names = append(names, s.Name+"@"+s.Version)
	}
	return names
}
