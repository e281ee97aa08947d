package command

import (
	"fmt"
	"strings"
)

// roff is a manual page while it is written, in the man macros. It is written
// here and not by way of Markdown because the library for that costs every start
// of a service's command a third of a millisecond.
type roff struct{ strings.Builder }

// title begins the page. It has no date: the same description gives the same
// page.
func (r *roff) title(name string, section int, source, manual string) {
	fmt.Fprintf(r, ".TH %s %d \"\" %s %s\n", quote(strings.ToUpper(name)), section, quote(source), quote(manual))
	r.WriteString(".nh\n.ad l\n")
}

// section begins a section.
func (r *roff) section(name string) { fmt.Fprintf(r, ".SH %s\n", quote(name)) }

// subsection begins a part of one.
func (r *roff) subsection(name string) { fmt.Fprintf(r, ".SS %s\n", quote(name)) }

// text writes paragraphs, which empty lines separate.
func (r *roff) text(text string) {
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if paragraph = strings.Join(strings.Fields(paragraph), " "); paragraph != "" {
			r.WriteString(".PP\n" + escape(paragraph) + "\n")
		}
	}
}

// item writes something with its explanation. term is roff.
func (r *roff) item(term, text string) {
	r.WriteString(".TP\n" + term + "\n")
	if text = strings.Join(strings.Fields(text), " "); text == "" {
		r.WriteString("\\&\n")
	} else {
		r.WriteString(escape(text) + "\n")
	}
}

// lines writes lines as they are, indented.
func (r *roff) lines(lines ...string) {
	r.WriteString(".PP\n.RS 4\n.nf\n")
	for _, line := range lines {
		r.WriteString(escape(line) + "\n")
	}
	r.WriteString(".fi\n.RE\n")
}

// line writes a line that is roff, and ends it there.
func (r *roff) line(line string) { r.WriteString(line + "\n.br\n") }

// bold and italic are text in another face, between others.
func bold(s string) string   { return `\fB` + inline(s) + `\fR` }
func italic(s string) string { return `\fI` + inline(s) + `\fR` }

// inline is s so that roff prints it as it is. Dashes are those of commands,
// which can be searched for and copied.
func inline(s string) string {
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

// escape is inline at the start of a line, where a dot would be a request.
func escape(s string) string {
	s = inline(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, `\(aq`) {
		return `\&` + s
	}
	return s
}

// quote is an argument of a macro.
func quote(s string) string {
	return `"` + strings.ReplaceAll(inline(s), `"`, `\(dq`) + `"`
}
