// Package roff writes manual pages in the man macros: those of services' commands, and of
// the command outwork. Text is escaped so that it is shown as it is, whatever is in it.
package roff

import (
	"fmt"
	"strings"
)

// Page is a manual page while it is written. What is written to it directly is roff. It is
// made here and not by way of Markdown because the library for that costs every start
// of a service's command a third of a millisecond.
type Page struct{ strings.Builder }

// Title begins the page. It has no date: the same description gives the same
// page.
func (r *Page) Title(name string, section int, source, manual string) {
	fmt.Fprintf(r, ".TH %s %d \"\" %s %s\n", Quote(strings.ToUpper(name)), section, Quote(source), Quote(manual))
	r.WriteString(".nh\n.ad l\n")
}

// Section begins a section.
func (r *Page) Section(name string) { fmt.Fprintf(r, ".SH %s\n", Quote(name)) }

// Subsection begins a part of one.
func (r *Page) Subsection(name string) { fmt.Fprintf(r, ".SS %s\n", Quote(name)) }

// Text writes paragraphs, which empty lines separate.
func (r *Page) Text(text string) {
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if paragraph = strings.Join(strings.Fields(paragraph), " "); paragraph != "" {
			r.WriteString(".PP\n" + Escape(paragraph) + "\n")
		}
	}
}

// Item writes something with its explanation. term is roff.
func (r *Page) Item(term, text string) {
	r.WriteString(".TP\n" + term + "\n")
	if text = strings.Join(strings.Fields(text), " "); text == "" {
		r.WriteString("\\&\n")
	} else {
		r.WriteString(Escape(text) + "\n")
	}
}

// Lines writes lines as they are, indented.
func (r *Page) Lines(lines ...string) {
	r.WriteString(".PP\n.RS 4\n.nf\n")
	for _, line := range lines {
		r.WriteString(Escape(line) + "\n")
	}
	r.WriteString(".fi\n.RE\n")
}

// Line writes a line that is roff, and ends it there.
func (r *Page) Line(line string) { r.WriteString(line + "\n.br\n") }

// Bold is text in bold face, between others.
func Bold(s string) string { return `\fB` + Inline(s) + `\fR` }

// Italic is text in italics, or underlined, between others.
func Italic(s string) string { return `\fI` + Inline(s) + `\fR` }

// Inline is s so that roff prints it as it is. Dashes are those of commands,
// which can be searched for and copied.
func Inline(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`)
		case r == '\'':
			b.WriteString(`\(aq`)
		case r == '`':
			b.WriteString("\\`")
		case r == '^':
			b.WriteString(`\(ha`)
		case r == '~':
			b.WriteString(`\(ti`)
		case r < ' ' || r == 0x7f:
			b.WriteByte(' ')
		case r > 0x7e:
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Escape is Inline at the start of a line, where a dot would be a request.
func Escape(s string) string {
	s = Inline(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, `\(aq`) {
		return `\&` + s
	}
	return s
}

// Quote is an argument of a macro.
func Quote(s string) string {
	return `"` + strings.ReplaceAll(Inline(s), `"`, `\(dq`) + `"`
}
