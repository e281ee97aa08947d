package inspect_test

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/inspect"
	"github.com/outwork-go/outwork/layout"
)

func text(t *testing.T, r *inspect.Report, width int, colour bool) string {
	t.Helper()
	var b strings.Builder
	if err := r.Write(&b, width, colour); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestWriteKeepsNamesApart: a fact with a long name too has a space before its value.
func TestWriteKeepsNamesApart(t *testing.T) {
	r := &inspect.Report{Kind: "DLL", Facts: []inspect.Fact{{Name: "DLL characteristics", Value: "NX_COMPAT"}, {Name: "Characteristics", Value: "DLL"}}}
	want := "  DLL characteristics NX_COMPAT\n  Characteristics   DLL\n"
	if got := text(t, r, 0, false); !strings.Contains(got, want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestWrite(t *testing.T) {
	r := parse(t, append(library(true, binary.LittleEndian).build(), 0), inspect.Options{Brief: true})
	r.Warnings = []string{"something is odd"}
	r.Sections = []inspect.Section{{Name: ".text", Address: 0x1000, MemorySize: 16, Offset: 0x200, Size: 16, Flags: "AX"}}
	want := `ELF64 shared library for mips64el, SIZE bytes
  Byte order        little endian
  System            System V
  SONAME            libtest.so.3
  Stripped          yes, of the section headers too
  RELRO             none
  Bind now          no
  Overlay           1 bytes at OVERLAY
  Warning           something is odd

sections (1)
  name              address    in memory       offset      in file  flags
  .text              0x1000         0x10        0x200         0x10  AX

imports (3)
  libone.so (1)
    one@V1
  libtwo.so.1 (1)
    two@V2
  any library (1)
    anywhere

exports (2)
    give
    take
`
	got := text(t, r, 0, false)
	lines, wants := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(lines), len(wants)) {
		switch {
		case i >= len(lines) || i >= len(wants):
			t.Fatalf("%d lines, not %d:\n%s", len(lines), len(wants), got)
		case i == 0 || strings.HasPrefix(wants[i], "  Overlay"): // they have sizes
		case lines[i] != wants[i]:
			t.Errorf("line %d is %q, not %q", i+1, lines[i], wants[i])
		}
	}
}

// On a terminal names share a line as long as it is not too long.
func TestWriteWidth(t *testing.T) {
	r := &inspect.Report{Exports: []inspect.Symbol{{Name: "one"}, {Name: "two"}, {Ordinal: 7}, {Name: "four", Forward: "other.dll"}}}
	if got := text(t, r, 18, false); !strings.HasSuffix(got, "exports (4)\n    one  two  #7\n    four->other.dll\n") {
		t.Errorf("%q", got)
	}
}

// A report may come from a worker that was taken over: whatever its numbers are, it is
// written.
func TestWriteStrangeNumbers(t *testing.T) {
	for _, n := range []int{math.MinInt, -1, math.MaxInt} {
		r := &inspect.Report{
			Size: int64(n), Overlay: inspect.Span{Offset: int64(n), Size: int64(n)},
			Sections:  []inspect.Section{{Offset: int64(n), Size: int64(n)}},
			Structure: []layout.Node{{Depth: n, Name: "odd", Offset: int64(n), Size: int64(n)}},
		}
		if got := text(t, r, 80, false); !strings.Contains(got, "odd") {
			t.Errorf("%d: %q", n, got)
		}
	}
}

// Nothing of a file reaches a terminal as anything but text.
func TestWriteIsHarmless(t *testing.T) {
	const evil = "a\x1b[2J\rb\x9bc\u202ed\nE\"f\x00"
	r := parse(t, library(false, binary.BigEndian).build(), inspect.Options{})
	r.Format, r.Kind, r.Machine = evil, evil, evil
	r.Facts = []inspect.Fact{{Name: evil, Value: evil}}
	r.Warnings = []string{evil}
	r.Sections = []inspect.Section{{Name: evil, Flags: evil}}
	symbols := []inspect.Symbol{{Name: evil, Version: evil, Forward: evil}}
	r.Imports = []inspect.Library{{Name: evil, Symbols: symbols}}
	r.Exports, r.Symbols = symbols, symbols
	for i := range r.Structure {
		n := &r.Structure[i]
		n.Name, n.Type, n.Text, n.Note = evil, evil, evil, evil
	}
	for _, width := range []int{0, 80} {
		got := text(t, r, width, false)
		if i := max(strings.IndexAny(got, "\x1b\r\u202e\x00"), strings.IndexByte(got, 0x9b)); i >= 0 || !strings.Contains(got, `a\x1b[2J\rb\x9bc\u202ed\nE"f\x00`) {
			t.Errorf("%d: %q", i, got[:200])
		}
	}
	coloured := text(t, r, 80, true)
	if !strings.Contains(coloured, "\x1b[1m") {
		t.Error("there is no colour")
	}
	for _, sequence := range []string{"\x1b[1m", "\x1b[2m", "\x1b[33m", "\x1b[m"} {
		coloured = strings.ReplaceAll(coloured, sequence, "")
	}
	if coloured != text(t, r, 80, false) {
		t.Error("colours change the text")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no room") }

func TestWriteFails(t *testing.T) {
	if err := new(inspect.Report).Write(full{}, 0, false); err == nil || err.Error() != "no room" {
		t.Errorf("Write: %v", err)
	}
}
