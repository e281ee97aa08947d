package shell

import (
	"bytes"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/outwork-go/outwork/internal/legible"
	"github.com/outwork-go/outwork/internal/service/schema"
)

// flows reports whether values of type t are not printed but copied, executed
// with, or printed while they come.
func flows(t *schema.Type) bool {
	return t.Kind == schema.File || t.Kind == schema.Reader || t.Kind == schema.Stream
}

// people appends a reply as people read it: what is one value alone as that
// value, several as lines of names and values, structs in a list as a table.
func people(b *bytes.Buffer, t *schema.Type, v reflect.Value) {
	v = deref(v)
	if !v.IsValid() || flows(t) {
		return
	}
	switch t.Kind {
	case schema.Struct:
		structure(b, t, v)
	case schema.List:
		list(b, t, v)
	case schema.Map:
		for _, entry := range entries(t, v, text) {
			b.WriteString(entry + "\n")
		}
	case schema.Bytes:
		raw := make([]byte, v.Len())
		reflect.Copy(reflect.ValueOf(raw), v)
		b.Write(raw)
	default:
		line(b, text(t, v))
	}
}

// line appends s and a line end, unless s has one.
func line(b *bytes.Buffer, s string) {
	b.WriteString(s)
	if !strings.HasSuffix(s, "\n") {
		b.WriteByte('\n')
	}
}

func list(b *bytes.Buffer, t *schema.Type, v reflect.Value) {
	if t.Elem.Kind == schema.Struct {
		table(b, t.Elem, v, 0)
		return
	}
	for _, e := range elements(t, v, text) {
		line(b, e)
	}
}

func structure(b *bytes.Buffer, t *schema.Type, v reflect.Value) {
	var shown []*schema.Field
	for i := range t.Fields {
		if f := &t.Fields[i]; !flows(f.Type) {
			shown = append(shown, f)
		}
	}
	if len(shown) == 1 {
		people(b, shown[0].Type, v.Field(shown[0].Index))
		return
	}
	var r rows
	r.add("", shown, v)
	r.print(b)
}

// rows are lines of names and values, and below them the tables.
type rows struct {
	names, values []string
	tables        []struct {
		name string
		t    *schema.Type
		v    reflect.Value
	}
}

// add adds fields of v, those of structs in it under their path.
func (r *rows) add(path string, fields []*schema.Field, v reflect.Value) {
	for _, f := range fields {
		name, x := path+f.Name, deref(v.Field(f.Index))
		switch {
		case !x.IsValid():
		case f.Type.Kind == schema.Struct:
			r.add(name+".", pointers(f.Type.Fields), x)
		case f.Type.Kind == schema.List && f.Type.Elem.Kind == schema.Struct:
			r.tables = append(r.tables, struct {
				name string
				t    *schema.Type
				v    reflect.Value
			}{name, f.Type.Elem, x})
		default:
			r.names, r.values = append(r.names, name+":"), append(r.values, text(f.Type, x))
		}
	}
}

func pointers(fields []schema.Field) []*schema.Field {
	out := make([]*schema.Field, len(fields))
	for i := range fields {
		out[i] = &fields[i]
	}
	return out
}

func (r *rows) print(b *bytes.Buffer) {
	width := 0
	for _, name := range r.names {
		width = max(width, utf8.RuneCountInString(name))
	}
	under := "\n" + strings.Repeat(" ", width+1)
	for i, name := range r.names {
		value := strings.ReplaceAll(strings.TrimSuffix(r.values[i], "\n"), "\n", under)
		line(b, strings.TrimRight(pad(name, width+1)+value, " "))
	}
	for _, t := range r.tables {
		b.WriteString(t.name + ":\n")
		table(b, t.t, t.v, 2)
	}
}

// pad is s and as many spaces as make it fill width columns.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

// table appends a list of structs, a line each behind indent spaces, below
// their fields' names. An empty list is nothing.
func table(b *bytes.Buffer, t *schema.Type, list reflect.Value, indent int) {
	if list.Len() == 0 {
		return
	}
	grid := [][]string{heads(t)}
	for i := range list.Len() {
		grid = append(grid, cells(t, deref(list.Index(i))))
	}
	widths := make([]int, len(t.Fields))
	for _, row := range grid {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range grid {
		var s strings.Builder
		s.WriteString(strings.Repeat(" ", indent))
		for i, cell := range row {
			s.WriteString(pad(cell, widths[i]+2))
		}
		line(b, strings.TrimRight(s.String(), " "))
	}
}

func heads(t *schema.Type) []string {
	out := make([]string, len(t.Fields))
	for i := range out {
		out[i] = Placeholder(t.Fields[i].Name)
	}
	return out
}

// cells are a struct's values, "-" for one that is not there.
func cells(t *schema.Type, v reflect.Value) []string {
	out := make([]string, len(t.Fields))
	for i := range out {
		out[i] = "-"
		if !v.IsValid() {
			continue
		}
		if s := text(t.Fields[i].Type, v.Field(t.Fields[i].Index)); s != "" {
			out[i] = legible.Visible(s)
		}
	}
	return out
}
