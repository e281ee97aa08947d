package inspect

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/outwork-go/outwork/internal/legible"
	"github.com/outwork-go/outwork/layout"
)

const (
	factWidth = 17 // columns of a fact's name, with a space behind it
	nameWidth = 32 // columns of a name in a table, which is cut when it is longer
)

// The colours of a terminal.
const (
	bold   = "\x1b[1m"
	faint  = "\x1b[2m"
	yellow = "\x1b[33m"
	normal = "\x1b[m"
)

// Write writes the report for people: a line that says what the file is, its facts, what
// is wrong with it, and tables of its sections, imports and exports, and of the symbols and
// the structure when it has them. width is the terminal's, in columns; 0 is for other
// things than terminals, which get a name on each line. Whatever in the names is not
// printable is written as an escape of Go. Errors are w's.
func (r *Report) Write(w io.Writer, width int, colour bool) error {
	p := &printer{w: bufio.NewWriter(w), width: width, colour: colour}
	p.what(r)
	for _, f := range r.Facts {
		p.line("  %-*s %s", factWidth, legible.Visible(f.Name), legible.Visible(f.Value))
	}
	if r.Overlay.Size > 0 {
		p.line("  %-*s %d bytes at %#x", factWidth, "Overlay", r.Overlay.Size, r.Overlay.Offset)
	}
	for _, text := range r.Warnings {
		p.line("  %s", p.in(yellow, fmt.Sprintf("%-*s %s", factWidth, "Warning", legible.Visible(text))))
	}
	p.sections(r.Sections)
	p.imports(r.Imports)
	p.names("exports", r.Exports)
	p.names("symbols", r.Symbols)
	p.structure(r.Structure)
	return p.w.Flush()
}

// printer writes a report. Its writer keeps the first error.
type printer struct {
	w      *bufio.Writer
	width  int
	colour bool
}

// line writes a line, without blanks at its end.
func (p *printer) line(format string, args ...any) {
	p.w.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " "))
	p.w.WriteByte('\n')
}

// in is text in a colour.
func (p *printer) in(colour, text string) string {
	if !p.colour || text == "" {
		return text
	}
	return colour + text + normal
}

// heading writes the line above a part of the report that has n entries.
func (p *printer) heading(name string, n int) {
	p.line("\n%s", p.in(bold, fmt.Sprintf("%s (%d)", name, n)))
}

func (p *printer) what(r *Report) {
	kind := legible.Visible(r.Kind)
	if kind == "" {
		kind = "data"
	}
	text := strings.TrimSpace(legible.Visible(r.Format) + " " + kind)
	if r.Machine != "" {
		text += " for " + legible.Visible(r.Machine)
	}
	p.line("%s", p.in(bold, fmt.Sprintf("%s, %d bytes", text, r.Size)))
}

func (p *printer) sections(sections []Section) {
	if len(sections) == 0 {
		return
	}
	p.heading("sections", len(sections))
	widest := 0
	for _, s := range sections {
		widest = max(widest, utf8.RuneCountInString(legible.Cut(legible.Visible(s.Name), nameWidth)))
	}
	p.line("  %s", p.in(faint, fmt.Sprintf("%-*s  %18s %12s %12s %12s  %s", widest, "name", "address", "in memory", "offset", "in file", "flags")))
	for _, s := range sections {
		p.line("  %-*s  %#18x %#12x %#12x %#12x  %s", widest, legible.Cut(legible.Visible(s.Name), nameWidth), s.Address, s.MemorySize, s.Offset, s.Size, legible.Visible(s.Flags))
	}
}

func (p *printer) imports(libraries []Library) {
	if len(libraries) == 0 {
		return
	}
	p.heading("imports", len(libraries))
	for _, l := range libraries {
		name := legible.Visible(l.Name)
		if l.Name == "" {
			name = "any library"
		}
		if l.Delayed {
			name += ", at the first call"
		}
		p.line("  %s %s", name, p.in(faint, fmt.Sprintf("(%d)", len(l.Symbols))))
		p.list(l.Symbols)
	}
}

func (p *printer) names(what string, symbols []Symbol) {
	if len(symbols) > 0 {
		p.heading(what, len(symbols))
		p.list(symbols)
	}
}

// list writes symbols, as many on a line as there is room for.
func (p *printer) list(symbols []Symbol) {
	const indent = "    "
	at := 0 // columns of the line so far
	for _, s := range symbols {
		text := s.text()
		size := utf8.RuneCountInString(text)
		if at > 0 && at+2+size <= p.width {
			p.w.WriteString("  " + text)
			at += 2 + size
			continue
		}
		if at > 0 {
			p.w.WriteByte('\n')
		}
		p.w.WriteString(indent + text)
		at = len(indent) + size
	}
	if at > 0 {
		p.w.WriteByte('\n')
	}
}

// text is the symbol for people, as others write it: name@version, #ordinal, and to where
// it leads.
func (s Symbol) text() string {
	text := legible.Visible(s.Name)
	if s.Version != "" {
		text += "@" + legible.Visible(s.Version)
	}
	if s.Name == "" {
		text = "#" + strconv.FormatUint(uint64(s.Ordinal), 10)
	}
	if s.Forward != "" {
		text += "->" + legible.Visible(s.Forward)
	}
	return text
}

// structure writes a line for each node, with what lies inside it below it.
func (p *printer) structure(nodes []layout.Node) {
	if len(nodes) == 0 {
		return
	}
	p.heading("structure", len(nodes))
	for _, n := range nodes {
		name := strings.Repeat("  ", min(max(n.Depth, 0), layout.MaxDepth)) + legible.Visible(n.Name)
		p.line("  %s  %-*s  %-12s  %s %s", p.in(faint, fmt.Sprintf("%#010x", n.Offset)), nameWidth, name, legible.Visible(n.Type), legible.Visible(n.Text), p.in(faint, legible.Visible(n.Note)))
	}
}
