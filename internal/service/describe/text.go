package describe

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/outwork-go/outwork/internal/service/schema"
)

const (
	minWidth = 40 // columns; a narrower terminal wraps for itself
	indent   = "  "
)

// WriteText prints d for people, in lines of at most width columns where words
// allow; 0 is no limit. own adds whether who asked may call each function, and
// why. No text of d can do more to a terminal than print.
func (d *Description) WriteText(w io.Writer, width int, own bool) error {
	t := textWriter{w: bufio.NewWriter(w), width: width}
	if width > 0 {
		t.width = max(width, minWidth)
	}
	t.line("", strings.TrimSpace(clean(d.Service)+" "+clean(d.Version)))
	t.line(indent, clean(d.Doc))
	for i := range d.Functions {
		t.function(&d.Functions[i], own)
	}
	return t.w.Flush()
}

// A textWriter writes lines. Errors stay in the bufio.Writer until its Flush.
type textWriter struct {
	w     *bufio.Writer
	width int
}

func (t *textWriter) function(f *Function, own bool) {
	fmt.Fprintln(t.w)
	t.line("", clean(f.Name))
	t.line(indent, clean(f.Doc))
	if f.Allow != "" {
		t.line(indent, "may be called by: "+clean(f.Allow))
	}
	if own {
		t.own(f)
	}
	if f.Mutates {
		t.line(indent, "changes something: each call is recorded")
	}
	if len(f.Asks) > 0 {
		t.line(indent, "calls back: "+clean(strings.Join(f.Asks, ", ")))
	}
	args, reply, err := f.Types()
	if err != nil {
		t.line(indent, "its types cannot be read: "+clean(err.Error()))
		return
	}
	t.fields("arguments:", indent, args, true)
	t.result(reply)
}

func (t *textWriter) own(f *Function) {
	verdict, ok := map[string]string{Yes: "yes", No: "no", Ask: "polkit is asked"}[f.May]
	switch {
	case !ok:
		return
	case f.Why != "":
		verdict += ", " + clean(f.Why)
	}
	t.line(indent, "may be called by you: "+verdict)
}

// result prints a result that is a struct as its fields, and others as one
// line and the fields below.
func (t *textWriter) result(reply *schema.Type) {
	if reply.Kind == schema.Struct {
		t.fields("result:", indent, reply, false)
		return
	}
	t.line(indent, "result: "+typeWords(reply))
	t.parts(indent+indent, reply, false)
}

// fields prints the fields of a struct, and those of the structs in it below
// each.
func (t *textWriter) fields(title, at string, s *schema.Type, args bool) {
	if len(s.Fields) == 0 {
		return
	}
	if title != "" {
		t.line(at, title)
		at += indent
	}
	for i := range s.Fields {
		f := &s.Fields[i]
		t.line(at, clean(label(f)+": "+strings.Join(fieldWords(f, args), ", ")))
		t.line(at+indent+indent, clean(f.Doc))
		t.parts(at+indent, f.Type, args)
	}
}

// parts prints the fields of a struct in t.
func (t *textWriter) parts(at string, in *schema.Type, args bool) {
	for in.Elem != nil {
		in = in.Elem
	}
	if in.Kind == schema.Struct {
		t.fields("", at, in, args)
	}
}

// label is a field's name as the command line has it: positional arguments in
// capitals, as in help.
func label(f *schema.Field) string {
	switch {
	case f.Rest:
		return f.Name + " (the rest of the arguments)"
	case f.Position >= 0:
		return fmt.Sprintf("%s (argument %d)", f.Name, f.Position+1)
	}
	return f.Name
}

// line prints text, which clean has passed, wrapped and indented.
func (t *textWriter) line(at, text string) {
	if text == "" {
		return
	}
	column := 0
	for word := range strings.SplitSeq(text, " ") {
		size := utf8.RuneCountInString(word)
		switch {
		case column == 0:
			t.w.WriteString(at)
			column = len(at)
		case t.width > 0 && column+1+size > t.width:
			t.w.WriteString("\n" + at + indent)
			column = len(at) + len(indent)
		default:
			t.w.WriteByte(' ')
			column++
		}
		t.w.WriteString(word)
		column += size
	}
	t.w.WriteByte('\n')
}
