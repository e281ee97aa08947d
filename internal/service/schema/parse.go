package schema

import (
	"errors"
	"fmt"
	"slices"
)

// MaxSchema is the size of the largest JSON Schema that is read, in bytes.
const MaxSchema = 256 << 10

// Parse reads a JSON Schema that JSONSchema wrote, perhaps of another version
// or by a hostile peer: size, depth, number of fields and patterns are bounded.
// Keywords that only annotate are skipped; those that restrict in a way that is
// not known here are errors. The type has no Go types but those of values
// without parts: it can be shown and compared, not filled. FromJSONSchema makes
// the rest.
func Parse(data []byte) (*Type, error) {
	t, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("JSON Schema: %w", err)
	}
	return t, nil
}

func parse(data []byte) (*Type, error) {
	if len(data) > MaxSchema {
		return nil, fmt.Errorf("it has %d bytes, more than %d", len(data), MaxSchema)
	}
	n, err := parseTree(data)
	if err != nil {
		return nil, err
	}
	var p schemaParser
	f, err := p.schema(n, 0)
	if err != nil {
		return nil, err
	}
	if !f.Limit.none() || f.isField() {
		return nil, errors.New("only fields can have limits, defaults, positions and secrets")
	}
	return f.Type, nil
}

// isField reports whether f has what only a field can have.
func (f *Field) isField() bool {
	return f.Secret || f.Default != "" || f.Position >= 0 || f.Rest || f.Pointer || f.Omit != ""
}

// A schemaParser reads one JSON Schema.
type schemaParser struct{ fields int }

// schema reads what n says of a value: its type, and what a field has besides.
func (p *schemaParser) schema(n *tree, depth int) (*Field, error) {
	if n.kind != '{' {
		return nil, fmt.Errorf("a schema must be an object, not %s", n)
	}
	if depth > MaxDepth {
		return nil, fmt.Errorf("it is nested deeper than %d levels", MaxDepth)
	}
	var r reading
	for i, key := range n.keys {
		if err := r.read(key, &n.parts[i]); err != nil {
			return nil, fmt.Errorf("%.40q: %w", key, err)
		}
	}
	t, err := p.typeOf(&r, depth)
	if err != nil {
		return nil, err
	}
	return r.field(t)
}

// typeOf is the type that r describes.
func (p *schemaParser) typeOf(r *reading, depth int) (*Type, error) {
	switch {
	case r.Type == "object" && r.additional != nil && r.additional.kind == '{':
		if r.properties != nil || r.required != nil {
			return nil, errors.New("an object has properties or is a map, not both")
		}
		return p.elements(Map, r, r.additional, depth)
	case r.Type == "object":
		return p.object(r, depth)
	case r.properties != nil || r.required != nil || r.additional != nil:
		return nil, errors.New(`only the type "object" has properties`)
	case r.Type == "array" && r.items != nil && r.Beside == "stream":
		return p.elements(Stream, r, r.items, depth)
	case r.Type == "array" && r.items != nil:
		return p.elements(List, r, r.items, depth)
	case r.items != nil:
		return nil, errors.New(`only the type "array" has items`)
	}
	return r.leaf()
}

// elements reads the schema of a list's or map's elements, whose limit is told
// at the field.
func (p *schemaParser) elements(k Kind, r *reading, n *tree, depth int) (*Type, error) {
	f, err := p.schema(n, depth+1)
	if err == nil && (f.isField() || f.Limit.MinLen != nil || f.Limit.MaxLen != nil) {
		err = errors.New("elements have no lengths, defaults, positions and secrets of their own")
	}
	if err == nil && f.Type.Kind.beside() {
		err = fmt.Errorf("%s can only be a field of the argument or result", f.Type.Kind)
	}
	if err == nil && k != Map && f.Type.Kind == Uint && f.Type.Bits == 8 {
		err = errors.New("a list of bytes is text in base64")
	}
	if err != nil {
		return nil, fmt.Errorf("elements: %w", err)
	}
	r.elem = f.Limit
	t := &Type{Kind: k, Elem: f.Type}
	t.setChecks()
	return t, nil
}

func (p *schemaParser) object(r *reading, depth int) (*Type, error) {
	if a := r.additional; a != nil && (a.kind != 't' || a.text != "false") {
		return nil, errors.New("additionalProperties must be false or a schema")
	}
	t := &Type{Kind: Struct}
	if r.properties != nil {
		if r.properties.kind != '{' {
			return nil, errors.New("properties must be an object")
		}
		if err := p.properties(t, r, depth); err != nil {
			return nil, err
		}
	}
	if err := r.checkRequired(t); err != nil {
		return nil, err
	}
	if err := checkPositions(t.Fields, depth == 0); err != nil {
		return nil, err
	}
	t.setChecks()
	return t, nil
}

func (p *schemaParser) properties(t *Type, r *reading, depth int) error {
	required := map[string]bool{}
	if r.required != nil {
		for i := range r.required.parts {
			required[r.required.parts[i].text] = true
		}
	}
	for i, name := range r.properties.keys {
		if p.fields++; p.fields > MaxFields {
			return fmt.Errorf("it has more than %d fields", MaxFields)
		}
		f, err := p.schema(&r.properties.parts[i], depth+1)
		if err == nil {
			f.Name, f.Index = name, i
			err = f.finish(required[name], depth)
		}
		if err != nil {
			return fmt.Errorf("%.64q: %w", name, err)
		}
		t.Fields = append(t.Fields, *f)
	}
	return nil
}

// finish settles how the field is left out, and checks all of it.
func (f *Field) finish(required bool, depth int) error {
	f.Optional = !required
	beside := f.Type.Kind.beside()
	switch {
	case required && (f.Pointer || f.Omit != ""):
		return errors.New("it is required, and can be left out")
	case beside && (depth > 0 || f.Pointer):
		return fmt.Errorf("%s can only be a field of the argument or result", f.Type.Kind)
	case f.Optional && !f.Pointer && f.Omit == "":
		f.Pointer, f.Omit = !beside, "omitempty" // told by nobody of this kind
	}
	return f.prepare()
}

// checkRequired refuses required fields that are none.
func (r *reading) checkRequired(t *Type) error {
	if r.required == nil {
		return nil
	}
	if r.required.kind != '[' {
		return errors.New("required must be a list")
	}
	seen := map[string]bool{}
	for i := range r.required.parts {
		name := r.required.parts[i].text
		known := slices.ContainsFunc(t.Fields, func(f Field) bool { return f.Name == name })
		if r.required.parts[i].kind != '"' || !known || seen[name] {
			return fmt.Errorf("required: %.64q is no field, or is there twice", name)
		}
		seen[name] = true
	}
	return nil
}
