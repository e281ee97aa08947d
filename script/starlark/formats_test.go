package starlark

import (
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/container"
	_ "github.com/outwork-go/outwork/script/starlark/formats"
	_ "github.com/outwork-go/outwork/script/starlark/show"
)

// crafted is a host with a small file of each format.
func crafted() *testHost {
	return newHost(map[string]string{
		"elf": string(craftELF(binary.LittleEndian, true, []string{"libc.so.6", "libm.so.6"})),
		"pe":  string(craftSymbols()),
		"no":  "This is no program.",
	}, nil)
}

// craftSymbols is a PE file that imports a name from one library, and a number from
// another.
func craftSymbols() []byte {
	const offset, rva = 0x400, 0x2000
	b, le := peFile{wide: true}.craft(), binary.LittleEndian
	section := 0x80 + 24 + 112 + 16*8
	le.PutUint32(b[section+20:], offset)
	le.PutUint32(b[offset+16:], rva+0x300)
	le.PutUint64(b[offset+0x300:], rva+0x340)
	copy(b[offset+0x342:], "ExitProcess")
	le.PutUint32(b[offset+20+16:], rva+0x320)
	le.PutUint64(b[offset+0x320:], 1<<63|7)
	return b
}

// A program parses the container of each of its calls, which stays the caller's.
func TestParsedContainerStaysOpen(t *testing.T) {
	p := load(t, Host{}, "def main(c):\n    f = elf.parse(c)\n    return [f.needed[0], elf.parse(c).needed[1]]\n")
	c := container.FromBytes(craftELF(binary.LittleEndian, true, []string{"libc.so.6", "libm.so.6"}))
	defer c.Close()
	for range 2 {
		if v, err := p.Call(t.Context(), Host{}, Limits{}, c); err != nil || fmt.Sprint(v) != "[libc.so.6 libm.so.6]" {
			t.Errorf("got %v, %v", v, err)
		}
	}
}

func TestELF(t *testing.T) {
	for expr, want := range map[string]any{
		`f.needed`:                      []any{"libc.so.6", "libm.so.6"},
		`f.format`:                      "ELF64",
		`f.size == shared("elf").size`:  true,
		`f.soname`:                      nil,
		`f.interpreter`:                 nil,
		`f.runpath`:                     nil,
		`f.imports`:                     []any{},
		`[l.name for l in f.libraries]`: []any{"libc.so.6", "libm.so.6"},
		`[n.type for n in f][0]`:        "Elf64_Ehdr",
		`[n.depth for n in f if n.name == "e_machine"]`:                    []any{int64(1)},
		`f.facts["Byte order"]`:                                            "little endian",
		`inspect(shared("elf"))["imports"][1]["name"]`:                     "libm.so.6",
		`"structure" in inspect(shared("elf"))`:                            false,
		`inspect(shared("elf"), structure = True)["structure"][0]["type"]`: "Elf64_Ehdr",
		`inspect(shared("no"))["format"]`:                                  "",
		`list(inspect(shared("no")))`:                                      []any{"format", "kind", "machine", "size", "facts", "sections", "imports", "exports", "overlay", "warnings"},
		`type(f)`:                                                          "elf",
		`type(f.overlay.offset)`:                                           "int",
	} {
		got, err := crafted().run(t, "def main():\n    f = elf.parse(shared('elf'))\n    return "+expr+"\n")
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, %v; want %v", expr, got, err, want)
		}
	}
}

func TestPE(t *testing.T) {
	for expr, want := range map[string]any{
		`f.format`: "PE32+",
		`[(l.name, l.delayed) for l in f.libraries]`:          []any{[]any{"KERNEL32.dll", false}, []any{"user32.dll", false}},
		`[(i.library, i.name, i.ordinal) for i in f.imports]`: []any{[]any{"KERNEL32.dll", "ExitProcess", int64(0)}, []any{"user32.dll", nil, int64(7)}},
		`f.headers.dos.e_magic`:                               "MZ",
		`f.headers.file.NumberOfSections == len(f.sections)`:  true,
		`hex(shared("pe").read(f.headers.dos.e_lfanew, 2))`:   "5045",
		`[x for x in f.headers.dos][0]`:                       []any{"e_magic", "MZ", int64(0), int64(2)},
		`f.rva_to_offset(1 << 31)`:                            nil,
		`f.rva_to_offset(1 << 40)`:                            nil,
		`f.rva_to_offset(-1)`:                                 nil,
		`f.rva_to_offset(0)`:                                  int64(0),
		`f.string_at(0, 2)`:                                   "MZ",
		`[d.name for d in f.directories][1]`:                  "Import",
		`[d.offset for d in f.directories][0]`:                nil,
		`f.string_at(f.rva_to_offset(layout.read(shared("pe"), [d for d in f.directories if d.name == "Import"][0].offset, [("skip", "bytes[12]"), ("name", "u32")]).name))`: "KERNEL32.dll",
		`[n.name for n in f][0]`:          "DOS header",
		`inspect(shared("pe"))["format"]`: "PE32+",
	} {
		got, err := crafted().run(t, "def main():\n    f = pe.parse(shared('pe'))\n    return "+expr+"\n")
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, %v; want %v", expr, got, err, want)
		}
	}
}

func TestFormatErrors(t *testing.T) {
	for expr, want := range map[string]string{
		`pe.parse("x")`:                              "pe.parse: for parameter container: got string, want container",
		`inspect(1)`:                                 "inspect: for parameter container: got int, want container",
		`pe.parse(shared("elf"))`:                    "pe.parse: no PE image, but: ELF file",
		`pe.parse(shared("no"))`:                     "pe.parse: no PE image",
		`elf.parse(shared("pe"))`:                    "elf.parse: no ELF file, but: PE32+",
		`elf.parse(shared("no"))`:                    "elf.parse: no ELF file: ",
		`elf.parse(b"x")`:                            "elf.parse: for parameter container: got bytes, want",
		`pe.parse(shared("pe")).string_at(1 << 40)`:  "string_at: ",
		`pe.parse(shared("pe")).string_at(0, -1)`:    "string_at: a string of -1 bytes",
		`pe.parse(shared("pe")).nothing`:             "has no .nothing",
		`pe.parse(shared("pe")).libraries.append(1)`: "frozen",
		`show(shared("pe"))`:                         "show: not granted; run with --grant terminal",
		`show(3)`:                                    "show: for parameter container: got int",
	} {
		h := crafted()
		e := h.fails(t, "def main():\n    return "+expr+"\n")
		wantText(t, e.Msg, want)
		if strings.Contains(e.Msg, "\n") {
			t.Errorf("%s: more than one line: %q", expr, e.Msg)
		}
	}
}

// TestPartsAreClosed: what is kept for a parsed part is closed with the run.
func TestPartsAreClosed(t *testing.T) {
	h := crafted()
	v, err := h.run(t, `
whole = container(b"xx" + shared("pe").read())
f = pe.parse(whole.slice(2))
def main(): return [f.string_at(0, 2), shared("pe").size]
`)
	if err != nil || v.([]any)[0] != "MZ" || h.closed == 0 {
		t.Errorf("got %v, %v; %d closed", v, err, h.closed)
	}
}

// ending is a container whose reads end a context.
type ending struct {
	container.Container
	cancel context.CancelFunc
}

func (s ending) ReadAt(p []byte, off int64) (int, error) {
	s.cancel()
	return s.Container.ReadAt(p, off)
}

func TestParseEndsWithItsRun(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c, err := container.FromFile(program)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, expr := range []string{"elf.parse(shared('data'))", "pe.parse(shared('data'))", "inspect(shared('data'))"} {
		ctx, cancel := context.WithCancel(t.Context())
		h, _ := sharing(ending{c, cancel})
		_, err := Run(ctx, h, Script{Name: "x.star", Source: []byte("def main(): return type(" + expr + ")")}, Limits{})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", expr, err)
		}
	}
}

// TestELFOfThisMachine holds attributes against package debug/elf.
func TestELFOfThisMachine(t *testing.T) {
	tried := 0
	for _, of := range []string{"/bin/sh", "/usr/lib/*-linux-gnu/libm.so.6", "/usr/lib/*-linux-gnu/libresolv.so.2"} {
		paths, _ := filepath.Glob(of)
		for _, path := range paths {
			want, err := elf.Open(path)
			if err != nil {
				continue
			}
			defer want.Close()
			tried++
			libraries, _ := want.ImportedLibraries()
			soname, _ := want.DynString(elf.DT_SONAME)
			c, err := container.FromFile(path)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			h, _ := sharing(c)
			v, err := Run(t.Context(), h, Script{Name: "x.star", Source: []byte(`
f = elf.parse(shared("data"))
def main(): return [f.needed, [f.soname] if f.soname else [], bool(f.interpreter), len([s for s in f.imports if s.name]) > 0]
`)}, Limits{})
			got := fmt.Sprint(v)
			if wanted := fmt.Sprint([]any{libraries, soname, want.Section(".interp") != nil && want.Type != elf.ET_REL, true}); err != nil || got != wanted {
				t.Errorf("%s: got %s, %v; want %s", path, got, err, wanted)
			}
		}
	}
	if tried == 0 && os.Getenv("CI") == "true" {
		t.Fatal("no ELF file on this machine")
	}
}
