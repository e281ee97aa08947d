package shell

import (
	"strings"

	"github.com/outwork-go/outwork/internal/service/schema"
)

// Part is a field of a struct that a command line has as JSON.
type Part struct {
	Path string // below what the command line has: "where.disk", "[].name"
	Word string // stands for a value: "N", "{...}"
	Text string // its doc, and what its values must be
}

// Parts are the fields of the structs in t, those of one below it.
func Parts(t *schema.Type) []Part { return parts(nil, "", t) }

func parts(out []Part, path string, t *schema.Type) []Part {
	switch {
	case t.Kind == schema.List:
		return parts(out, path+"[]", t.Elem)
	case t.Kind == schema.Map:
		return parts(out, path+".KEY", t.Elem)
	case path != "" && t.Kind == schema.Struct:
		path += "."
	}
	for i := range t.Fields {
		f := &t.Fields[i]
		at := strings.TrimPrefix(path+f.Name, ".")
		out = append(out, Part{at, partWord(f), explained(f.Doc, partRanges(f))})
		out = parts(out, at, f.Type)
	}
	return out
}

// Explain is the doc of f, and what its values must be.
func Explain(f *schema.Field) string { return explained(f.Doc, Ranges(f)) }

func explained(doc string, ranges []string) string {
	doc = strings.TrimSpace(doc)
	if len(ranges) == 0 {
		return doc
	}
	return strings.TrimSpace(strings.TrimSuffix(doc, ".") + " (" + strings.Join(ranges, "; ") + ")")
}

// partWord stands for a value in JSON.
func partWord(f *schema.Field) string {
	if word := strings.Join(f.Limit.Enum, "|"); word != "" && len(word) <= maxWord && f.Type == f.Subject() {
		return word
	}
	return jsonWord(f.Type)
}

func jsonWord(t *schema.Type) string {
	switch t.Kind {
	case schema.Bool:
		return "true|false"
	case schema.Bytes:
		return "BASE64"
	case schema.Struct:
		return "{...}"
	case schema.List:
		return "[" + jsonWord(t.Elem) + "]"
	case schema.Map:
		return "{KEY: " + jsonWord(t.Elem) + "}"
	}
	return kindWord(t)
}

// partRanges is Ranges of a value in JSON.
func partRanges(f *schema.Field) []string {
	phrases := limits(f)
	switch {
	case f.Default != "":
		return append(phrases, "default: "+f.Default)
	case f.Optional:
		return append(phrases, "optional")
	case !f.CanLack():
		return append(phrases, "required")
	}
	return phrases
}
