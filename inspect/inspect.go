// Package inspect tells what a file is: a PE or an ELF, its structure, sections, imports
// and exports. It is made for hostile files: every count and every string is bounded, and
// a parse is meant to run in a worker, with a time limit: [In] does that, and [Parse] reads
// a file in this process. A [Report] writes itself for people, and is JSON for programs.
//
// Of an ELF file that is believed which its loader goes by, the program headers and the
// dynamic segment; section headers add what only they tell, and may be missing.
package inspect

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/layout"
)

// Report is what was found out about a file. All its text is UTF-8, and is the file's: it
// may have control characters in it, which Write shows as escapes.
//
// In JSON it is an object with the names of the tags. Lists are there when they are empty,
// but for the structure and the symbols; addresses, offsets and sizes are numbers of up to
// 64 bits.
//
// It is bounded, whatever a file claims: 4,096 libraries, 65,536 symbols of each sort, 16,384
// nodes of the structure, 4 KiB of a name and 4 MiB of all names, 100 warnings. What lies
// beyond is left out, with a warning.
type Report struct {
	Format    string        `json:"format"`  // "PE32", "PE32+", "ELF32", "ELF64"; "" when it is none of them
	Kind      string        `json:"kind"`    // for people: "executable", "shared library", "driver", "EFI application", …
	Machine   string        `json:"machine"` // "x86-64", "i386", "aarch64", …
	Size      int64         `json:"size"`    // bytes of the file
	Facts     []Fact        `json:"facts"`   // more about it, in the order in which people want it
	Sections  []Section     `json:"sections"`
	Imports   []Library     `json:"imports"`
	Exports   []Symbol      `json:"exports"`
	Symbols   []Symbol      `json:"symbols,omitempty"` // with Options.Deep: all that the file's table of symbols names
	Structure []layout.Node `json:"structure,omitempty"`
	Overlay   Span          `json:"overlay"`  // what lies behind all that the headers describe
	Warnings  []string      `json:"warnings"` // what is broken, and what was left out because of a bound

	// Stats are what In has read of the container, in the worker; of Parse, none.
	Stats container.Stats `json:"-" cbor:",omitempty"`
}

// Fact is a line about a file.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Span is a part of a file, in bytes.
type Span struct {
	Offset int64 `json:"offset"`
	Size   int64 `json:"size"`
}

// Section is a section of a file.
type Section struct {
	Name       string `json:"name"`
	Address    uint64 `json:"address"` // PE: relative to the image
	MemorySize uint64 `json:"memory_size"`
	Offset     int64  `json:"offset"` // in the file
	Size       int64  `json:"size"`
	Flags      string `json:"flags"`
}

// Library is what is imported from one library.
type Library struct {
	Name    string   `json:"name"`              // "" when the file does not tell from where
	Delayed bool     `json:"delayed,omitempty"` // PE: loaded at the first call
	Symbols []Symbol `json:"symbols"`
}

// Symbol is an imported or exported name.
type Symbol struct {
	Name    string `json:"name"`              // "" when it has only a number
	Ordinal uint32 `json:"ordinal,omitempty"` // PE; 0: none
	Hint    uint16 `json:"hint,omitempty"`    // PE, of an import: where the loader looks for the name first
	Version string `json:"version,omitempty"` // ELF
	Address uint64 `json:"address,omitempty"` // of an export, or of where an import's address is kept; PE: relative to the image
	Forward string `json:"forward,omitempty"` // PE: the export of another library that it stands for
}

// Options say how a file is read. The zero value is ready.
type Options struct {
	// Deep is for what takes long too: checksum and signatures of a PE, for which all
	// of its bytes are read, and the symbols of an ELF. Signatures need package
	// inspect/deep to be imported.
	Deep    bool
	Brief   bool          // no Structure, which is most of a Report
	Timeout time.Duration // In: how long it may take; 0: DefaultTimeout
}

// Parse reads c in this process. It fails when c cannot be read or ctx ends: a file that is
// broken, or none that is known, is a Report that says so.
func Parse(ctx context.Context, c container.Container, o Options) (*Report, error) {
	src := newSource(ctx, c)
	r := &Report{Size: c.Size()}
	switch head := src.head(); {
	case src.failed != nil: // told below
	case isELF(head):
		parseELF(src, o, r)
	case isMZ(head):
		parsePE(src, o, r)
	default:
		parseOther(src, head, r)
	}
	if src.failed != nil {
		return nil, src.failed
	}
	if o.Brief {
		r.Structure = nil
	}
	return r, nil
}

func isELF(head []byte) bool { return bytes.HasPrefix(head, []byte("\x7fELF")) }
func isMZ(head []byte) bool  { return bytes.HasPrefix(head, []byte("MZ")) }

// fact adds a line to the facts.
func (r *Report) fact(name, format string, args ...any) {
	r.Facts = append(r.Facts, Fact{name, fmt.Sprintf(format, args...)})
}

// warn adds a warning; beyond maxWarnings it says once that there are more.
func (r *Report) warn(format string, args ...any) {
	switch n := len(r.Warnings); {
	case n < maxWarnings:
		r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
	case n == maxWarnings:
		r.Warnings = append(r.Warnings, "there is more that is broken")
	}
}
