package shell

import (
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/outwork-go/outwork/internal/service/schema"
)

// DefaultLimit is how many bytes one value may have, from a file too, when
// Arguments has no other Limit.
const DefaultLimit = 64 << 20

// standardInput is the name that stands for it.
const standardInput = "-"

// Arguments is the argument of a call while it is put together from the words of
// a command line.
type Arguments struct {
	// Limit is how many bytes one value may have; 0 is DefaultLimit.
	Limit int
	// Name is what the command line calls a field. It is never nil.
	Name func(*schema.Field) string

	shell *Shell
	typ   *schema.Type
	ptr   reflect.Value
	given map[*schema.Field]bool
	typed map[*schema.Field]bool // given at a terminal
	files []*os.File
	stdin *schema.Field // who has read standard input
}

// NewArguments is an argument of type t, a struct, that holds the defaults.
func NewArguments(t *schema.Type, s *Shell, name func(*schema.Field) string) *Arguments {
	a := &Arguments{
		Name: name, Limit: DefaultLimit, shell: s, typ: t, ptr: reflect.New(t.Go),
		given: map[*schema.Field]bool{}, typed: map[*schema.Field]bool{},
	}
	t.SetDefaults(a.ptr.Interface())
	return a
}

// Value is a pointer to the argument.
func (a *Arguments) Value() any { return a.ptr.Interface() }

// Close closes the files that were opened.
func (a *Arguments) Close() {
	for _, f := range a.files {
		f.Close()
	}
}

// Set sets f, a field of the type, from a word, or adds the word to it. The word
// names a file where a command line cannot have the value itself.
func (a *Arguments) Set(f *schema.Field, word string) error {
	a.given[f] = true
	switch {
	case f.Type.Kind == schema.File:
		return a.open(f, word)
	case f.Secret:
		return a.setSecret(f, word)
	case f.Type.Kind == schema.Bytes, f.Type.Kind == schema.Struct:
		return a.setData(f, word)
	case secrets(f.Type):
		return a.setElement(f, word)
	}
	return a.problem(f.SetText(a.Value(), word))
}

// SetJSON sets f from JSON of the command line.
func (a *Arguments) SetJSON(f *schema.Field, text string) error {
	if secrets(f.Type) {
		return a.exposed(f)
	}
	a.given[f] = true
	v := f.Value(a.Value())
	v.SetZero() // of its default
	p := f.Type.SetJSON(v.Addr().Interface(), []byte(text))
	if p != nil {
		return a.problem(&schema.Problem{Field: joined(f.Name, p.Field), Text: p.Text})
	}
	return nil
}

func joined(name, path string) string {
	if path == "" || path[0] == '[' {
		return name + path
	}
	return name + "." + path
}

// Finish asks for the secrets that were not given, and checks the whole.
func (a *Arguments) Finish(help string) error {
	for i := range a.typ.Fields {
		f := &a.typ.Fields[i]
		if a.given[f] || !Required(f) {
			continue
		}
		if !f.Secret || Width(a.shell.In) == 0 {
			return Usagef("%s is missing: %s", a.Name(f), help)
		}
		if err := a.ask(f); err != nil {
			return err
		}
	}
	return a.problem(a.typ.Validate(a.Value()))
}

// Subject is what the command line calls the value at a path of the wire.
func (a *Arguments) Subject(path string) string {
	name, rest := path, ""
	if at := strings.IndexAny(path, ".["); at >= 0 {
		name, rest = path[:at], path[at:]
	}
	f := a.typ.Field(name)
	switch {
	case f == nil:
		return path
	case a.typed[f]:
		return Kebab(f.Name) + rest // as it was asked for
	}
	return a.Name(f) + rest
}

// problem is p in the words of the command line.
func (a *Arguments) problem(p *schema.Problem) error {
	if p == nil {
		return nil
	}
	return Usagef("%s %s", a.Subject(p.Field), p.Text)
}

// setData sets bytes, or a struct's JSON: the word itself, or what it names.
func (a *Arguments) setData(f *schema.Field, word string) error {
	data, err := a.data(f, word)
	if err != nil {
		return err
	}
	return a.setRaw(f, data)
}

// setElement adds to a list or map with secrets the JSON that the word, or its
// value, names.
func (a *Arguments) setElement(f *schema.Field, word string) error {
	key, value := "", word
	if f.Type.Kind == schema.Map {
		name, rest, ok := strings.Cut(word, "=")
		if !ok {
			return a.exposed(f)
		}
		key, value = name+"=", rest
	}
	data, err := a.data(f, value)
	if err != nil {
		return err
	}
	return a.problem(f.SetText(a.Value(), key+string(data)))
}

// data is the word itself, unless there would be a secret in it, or what it names.
func (a *Arguments) data(f *schema.Field, word string) ([]byte, error) {
	path, ok := strings.CutPrefix(word, "@")
	switch {
	case ok, word == standardInput:
		return a.read(f, path)
	case secrets(f.Type):
		return nil, a.exposed(f)
	}
	return []byte(word), nil
}

// exposed refuses a secret in a word.
func (a *Arguments) exposed(f *schema.Field) error {
	key := ""
	if f.Type.Kind == schema.Map {
		key = "KEY="
	}
	return Usagef("%s holds a secret, and all users can see a command line: give %s@FILE, or %[2]s- for standard input", a.Name(f), key)
}

func (a *Arguments) setRaw(f *schema.Field, data []byte) error {
	if f.Type.Kind != schema.Bytes {
		return a.problem(f.SetText(a.Value(), string(data)))
	}
	if v := f.Value(a.Value()); data == nil {
		v.SetBytes([]byte{})
	} else {
		v.SetBytes(data)
	}
	return nil
}

// secrets reports whether t is or has a struct with a secret.
func secrets(t *schema.Type) bool {
	for i := range t.Fields {
		if f := &t.Fields[i]; f.Secret || secrets(f.Type) {
			return true
		}
	}
	return t.Elem != nil && secrets(t.Elem)
}

// setSecret sets f to what the file holds, without the end of its last line.
func (a *Arguments) setSecret(f *schema.Field, path string) error {
	data, err := a.read(f, path)
	if err != nil {
		return err
	}
	text := strings.TrimSuffix(string(data), "\n")
	return a.setRaw(f, []byte(strings.TrimSuffix(text, "\r")))
}

// read is all that a file holds.
func (a *Arguments) read(f *schema.Field, path string) ([]byte, error) {
	r := a.shell.In
	if path == standardInput {
		if err := a.takeInput(f); err != nil {
			return nil, err
		}
	} else {
		file, err := os.Open(path)
		if err != nil {
			return nil, Usagef("%s: %s cannot be read: %v", a.Name(f), path, bare(err))
		}
		defer file.Close()
		r = file
	}
	data, err := io.ReadAll(io.LimitReader(r, int64(a.Limit)+1))
	if err != nil {
		return nil, Usagef("%s: %s cannot be read: %v", a.Name(f), inputName(path), bare(err))
	}
	if len(data) > a.Limit {
		return nil, Usagef("%s: %s holds more than the %d bytes that one call takes", a.Name(f), inputName(path), a.Limit)
	}
	return data, nil
}

func inputName(path string) string {
	if path == standardInput {
		return "standard input"
	}
	return path
}

// takeInput refuses standard input to all but the first field.
func (a *Arguments) takeInput(f *schema.Field) error {
	if a.stdin != nil {
		return Usagef("%s and %s cannot both be standard input", a.Name(a.stdin), a.Name(f))
	}
	a.stdin = f
	return nil
}

// open sets f to a file, opened for reading with the user's own rights.
func (a *Arguments) open(f *schema.Field, path string) error {
	file, err := a.file(f, path)
	if err != nil {
		return err
	}
	f.Value(a.Value()).Set(reflect.ValueOf(file))
	return nil
}

func (a *Arguments) file(f *schema.Field, path string) (*os.File, error) {
	if path != standardInput {
		file, err := os.Open(path)
		if err != nil {
			return nil, Usagef("%s: %s cannot be opened: %v", a.Name(f), path, bare(err))
		}
		a.files = append(a.files, file)
		return file, nil
	}
	if err := a.takeInput(f); err != nil {
		return nil, err
	}
	file, ok := a.shell.In.(*os.File)
	switch {
	case !ok:
		return nil, fmt.Errorf("standard input is a %T and no file", a.shell.In)
	case Width(file) > 0 && !slices.Contains(f.TakesFiles(), "device"):
		return nil, Usagef("%s: standard input is a terminal: give %s", a.Name(f), f.FileWords())
	}
	return file, nil
}
