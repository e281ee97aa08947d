package asking

import (
	"strings"

	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/internal/service/schema"
	"github.com/outwork-go/outwork/internal/spell"
)

// fill sets the fields that words are about: "name=value" in the field's text
// form, "name:=JSON", "name=@FILE" where a file is wanted, or bytes.
func fill(a *shell.Arguments, t *schema.Type, words []string) error {
	for _, word := range words {
		name, value, ok := strings.Cut(word, "=")
		name, asJSON := strings.CutSuffix(name, ":")
		if !ok || name == "" {
			return shell.Usagef("%q must be name=value, name:=JSON or name=@FILE: fields are %s", word, fieldNames(t))
		}
		f := t.Field(name)
		if f == nil {
			return unknownField(t, name)
		}
		if err := set(a, f, value, asJSON); err != nil {
			return err
		}
	}
	return nil
}

func set(a *shell.Arguments, f *schema.Field, value string, asJSON bool) error {
	path, isPath := strings.CutPrefix(value, "@")
	switch named := isPath || value == "-"; {
	case f.Secret && (asJSON || !named):
		return shell.Usagef("%s is a secret, and all users can see a command line: give %[1]s=@FILE, or %[1]s=- for standard input", f.Name)
	case asJSON:
		return a.SetJSON(f, value)
	case f.Type.Kind == schema.File && !named:
		return shell.Usagef("%s is a file: give %[1]s=@FILE, or %[1]s=- for standard input", f.Name)
	case f.Secret || f.Type.Kind == schema.File:
		value = path
		if !isPath {
			value = "-"
		}
	}
	return a.Set(f, value)
}

func unknownField(t *schema.Type, name string) error {
	var known []string
	for i := range t.Fields {
		known = append(known, t.Fields[i].Name)
	}
	if near := spell.Nearest(name, known); near != "" {
		return shell.Usagef("there is no field %q: did you mean %s?", name, near)
	}
	return shell.Usagef("there is no field %q: fields are %s", name, fieldNames(t))
}

// fieldNames are the fields of t as people say them.
func fieldNames(t *schema.Type) string {
	var names []string
	for i := range t.Fields {
		names = append(names, t.Fields[i].Name)
	}
	if names == nil {
		return "none"
	}
	return shell.AllOf(names)
}
