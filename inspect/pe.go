package inspect

import (
	"context"
	"errors"
	"fmt"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/layout"
)

// Magic numbers of the optional header.
const (
	magic32 = 0x10b
	magic64 = 0x20b
)

// maxPESections is how many sections of a PE are read.
const maxPESections = 96

// PE is a PE image, read as the loader of Windows would: what is broken is left out, and
// Report().Warnings says so. It is for one goroutine. It reads c until the context that it
// was opened with ends, closes nothing, and needs no closing.
type PE struct {
	src      *source
	r        *Report
	dos      layout.Record
	file     layout.Record
	optional layout.Record
	dirs     layout.Record
	dirCount int
	sections []peSection
	symbols  int  // imported ones so far
	repro    bool // the time stamp is a hash
	brief    bool // nobody asked for a structure
	crowded  bool // the structure has all the nodes that it may have
}

// Directory is an entry of the data directories.
type Directory struct {
	Name   string // "Import"
	RVA    uint32 // of Security, an offset in the file
	Size   uint32 // bytes, as the file says
	Offset int64  // in the file; -1 where it is not in it
}

// OpenPE reads the headers, imports and exports of c. It fails when c is no PE image,
// saying what it is, when c cannot be read, and when ctx ends.
func OpenPE(ctx context.Context, c container.Container) (*PE, error) {
	src, r := newSource(ctx, c), &Report{Size: c.Size()}
	head := src.head()
	var p *PE
	if isMZ(head) {
		p = openPE(src, r, false)
	} else if src.failed == nil && !isELF(head) {
		parseOther(src, head, r)
	}
	switch {
	case src.failed != nil:
		return nil, src.failed
	case p != nil:
		return p, nil
	case isELF(head):
		r.Kind = "ELF file"
	}
	if r.Kind == "" {
		return nil, errors.New("no PE image: it does not begin with MZ")
	}
	return nil, fmt.Errorf("no PE image, but: %s", r.Kind)
}

// parsePE fills r from src, which begins with "MZ".
func parsePE(src *source, o Options, r *Report) {
	if p := openPE(src, r, o.Brief); p != nil && o.Deep {
		p.readSignatures()
	}
}

// openPE reads the image in src. It is nil when there is none: r says what src is.
func openPE(src *source, r *Report, brief bool) *PE {
	p := &PE{src: src, r: r, brief: brief}
	if !p.readHeaders() {
		return nil
	}
	p.readSections()
	p.readImports()
	p.readDelayImports()
	p.readExports()
	p.describe()
	p.readRich()
	p.readResources()
	p.findOverlay()
	return p
}

// Report is what Parse returns without Options.Deep. It must not be changed.
func (p *PE) Report() *Report { return p.r }

// DOSHeader is the IMAGE_DOS_HEADER.
func (p *PE) DOSHeader() layout.Record { return p.dos }

// FileHeader is the IMAGE_FILE_HEADER.
func (p *PE) FileHeader() layout.Record { return p.file }

// OptionalHeader is the IMAGE_OPTIONAL_HEADER32 or …64.
func (p *PE) OptionalHeader() layout.Record { return p.optional }

// Directories are the data directories that the file has, empty ones too; at most 16.
func (p *PE) Directories() []Directory {
	all := make([]Directory, p.dirCount)
	for i := range all {
		d := p.directory(i)
		off := int64(d.RVA)
		if i != dirSecurity {
			var ok bool
			if off, ok = p.RVAToOffset(d.RVA); !ok {
				off = -1
			}
		}
		if d.RVA == 0 || off >= p.src.size {
			off = -1
		}
		d.Offset = off
		all[i] = d
	}
	return all
}

// directory is an entry without its offset; an empty one if the file has fewer.
func (p *PE) directory(i int) Directory {
	if i >= p.dirCount {
		return Directory{Name: dirNames[i]}
	}
	d := p.dirs.Record(dirNames[i])
	return Directory{Name: dirNames[i], RVA: uint32(d.Uint("VirtualAddress")), Size: uint32(d.Uint("Size"))}
}

// StringAt is the text at an offset of the file that a NUL, max bytes or the end ends. It
// fails for an offset outside the file, and when the file cannot be read. Bytes that are
// no UTF-8 are written as \xNN.
func (p *PE) StringAt(off int64, max int) (string, error) {
	if max < 0 || max > maxText {
		return "", fmt.Errorf("a string of %d bytes: at most %d can be read", max, maxText)
	}
	p.src.reads, p.src.bytes = 0, 0 // the bounds are those of one parse
	b, err := p.src.until(off, max)
	return readable(b[:min(len(b), max)]), err
}

// readHeaders reads the headers and reports whether there are those of an image.
func (p *PE) readHeaders() bool {
	l, err := peStructs(), error(nil)
	if p.dos, err = l.dos.Read(p.src.padded(p.src.size), 0, layout.Little); err != nil {
		return false
	}
	p.nodes(p.dos, "DOS header", 0)
	at := int64(p.dos.Uint("e_lfanew"))
	if !p.isImage(at) {
		return false
	}
	if p.file, err = l.file.Read(p.src, at+4, layout.Little); err != nil {
		p.r.Kind = "PE image of which the headers are cut off"
		return false
	}
	p.node(layout.Node{Name: "NT headers", Type: "IMAGE_NT_HEADERS", Offset: at, Size: 4 + p.file.Size()})
	nt := len(p.r.Structure) - 1
	p.node(layout.Node{Depth: 1, Name: "Signature", Type: "char[4]", Offset: at, Size: 4, Text: `"PE"`})
	p.nodes(p.file, "FileHeader", 1)
	p.r.Machine = peMachines.short(p.file.Uint("Machine"))
	if !p.readOptional(at + 4 + p.file.Size()) {
		return false
	}
	p.r.Structure[nt].Size = p.dirs.Offset() + p.dirs.Size() - at
	return true
}

// isImage reports whether there is the signature of a PE, or says in r what else it is.
func (p *PE) isImage(at int64) bool {
	var sign [4]byte
	n, _ := p.src.ReadAt(sign[:], at)
	switch {
	case n == 4 && string(sign[:]) == "PE\x00\x00":
		return true
	case n >= 2 && string(sign[:2]) == "NE":
		p.r.Kind = "16-bit Windows or OS/2 program (NE)"
	case n >= 2 && (string(sign[:2]) == "LE" || string(sign[:2]) == "LX"):
		p.r.Kind = "OS/2 program or VxD (" + string(sign[:2]) + ")"
	default:
		p.r.Kind = "DOS program"
		if at >= p.src.size && p.dos.Uint("e_lfarlc") >= 0x40 {
			p.r.warn("it says that a PE header is at %#x, beyond its end", at)
		}
	}
	return false
}

// readOptional reads the optional header and the directories. What lies behind the end is
// zeros, as in memory: the smallest files that run count on that.
func (p *PE) readOptional(at int64) bool {
	l := peStructs()
	src := p.src.padded(p.src.size)
	var magic [2]byte
	_, _ = src.ReadAt(magic[:], at)
	s := l.optional32
	switch m := int(magic[0]) | int(magic[1])<<8; m {
	case magic32:
		p.r.Format = "PE32"
	case magic64:
		p.r.Format, s = "PE32+", l.optional64
	default:
		p.r.Kind = "PE image without a known optional header"
		p.r.warn("the optional header's magic is %#x: neither PE32 nor PE32+", m)
		return false
	}
	p.optional, _ = s.Read(src, at, layout.Little)
	p.dirCount = int(min(dirCount, p.optional.Uint("NumberOfRvaAndSizes")))
	p.dirs, _ = l.directories[p.dirCount].Read(src, at+p.optional.Size(), layout.Little)
	if p.src.failed != nil {
		return false
	}
	p.nodes(p.optional, "OptionalHeader", 1)
	p.nodes(p.dirs, "DataDirectory", 1)
	if end := p.dirs.Offset() + p.dirs.Size(); end > p.src.size {
		p.r.warn("the headers end at %#x, behind the file: what is missing was read as zeros", end)
	}
	return true
}

// is64 reports whether it is a PE32+.
func (p *PE) is64() bool { return p.r.Format == "PE32+" }

// nodes adds a structure to the report's.
func (p *PE) nodes(rec layout.Record, name string, depth int) {
	p.node(rec.Nodes(name, depth)...)
}

// node adds nodes to the report's structure, all or none.
func (p *PE) node(n ...layout.Node) {
	if len(p.r.Structure)+len(n) > maxNodes {
		p.crowd("the structure has more than %d values: the rest is left out", maxNodes)
	}
	if !p.crowded {
		p.r.Structure = append(p.r.Structure, n...)
	}
}

// crowd ends the structure, with a warning if anybody asked for it. Nothing more gets in:
// what is inside of something that was left out would lie under something else.
func (p *PE) crowd(why string, args ...any) {
	if !p.crowded && !p.brief {
		p.r.warn(why, args...)
	}
	p.crowded = true
}
