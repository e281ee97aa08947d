package starlark

import (
	"fmt"
	"maps"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// guardJSON is the language's json with its functions guarded.
func guardJSON(m *starlarkstruct.Module) *starlarkstruct.Module {
	members := starlark.StringDict{}
	maps.Copy(members, m.Members)
	encode, indent := m.Members["encode"].(*starlark.Builtin), m.Members["indent"].(*starlark.Builtin)
	members["encode"] = guarded(encode, weighAll)
	members["decode"] = guarded(m.Members["decode"].(*starlark.Builtin), shallow)
	members["indent"] = starlark.NewBuiltin("json.indent", func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		return indented(t, indent, args, kwargs)
	})
	members["encode_indent"] = starlark.NewBuiltin("json.encode_indent", func(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if err := weighAll(args); err != nil {
			return nil, fmt.Errorf("%s: %w", b.Name(), err)
		}
		text, err := encode.CallInternal(t, args, nil)
		if err != nil {
			return nil, err
		}
		return indented(t, indent, starlark.Tuple{text}, kwargs)
	})
	return &starlarkstruct.Module{Name: m.Name, Members: members}
}

// indented is the language's json.indent, unless that makes too much of it: each line begins with
// as much as the script likes.
func indented(t *starlark.Thread, indent *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	each, step := 0, len("\t")
	for _, named := range kwargs {
		text, _ := starlark.AsString(named[1])
		switch name, _ := starlark.AsString(named[0]); name {
		case "prefix":
			each = len(text)
		case "indent":
			step = len(text)
		}
	}
	n := 0
	for _, v := range args {
		text, _ := starlark.AsString(v)
		n += len(text)
		nesting(text, func(depth int) { n = min(n+1+each+product(depth, step), 2*maxText) })
	}
	if n > maxText {
		return nil, fmt.Errorf("json.indent: the text would be longer than %d bytes", maxText)
	}
	return indent.CallInternal(t, args, kwargs)
}

// shallow keeps the decoder, which goes by recursion, off the end of Go's stack. What it counts in
// is JSON, or that far it will be found to be none.
func shallow(args starlark.Tuple) error {
	if len(args) == 0 {
		return nil
	}
	text, _ := starlark.AsString(args[0])
	if nesting(text, nil) > maxParse {
		return fmt.Errorf("values nested deeper than %d", maxParse)
	}
	return nil
}

// nesting is how deep values are nested in JSON. It calls line, which may be nil, for each line that
// the text has when it is indented.
func nesting(text string, line func(depth int)) (most int) {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
			continue
		case c == '"':
			quoted = !quoted
			continue
		case quoted:
			continue
		case c == '[' || c == '{':
			depth++
			most = max(most, depth)
		case c == ']' || c == '}':
			depth = max(depth-1, 0)
		case c != ',':
			continue
		}
		if line != nil {
			line(depth)
		}
	}
	return most
}
