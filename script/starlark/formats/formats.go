// Package formats lets Starlark scripts take files apart: a program that imports it gives
// them the names inspect, pe and elf (package inspect). It has no names of its own.
//
// The parse runs where the script does, ends with it, and is bounded as package inspect
// says: a hostile file gives an answer or an error. A process that reads such files should
// be confined.
//
//	inspect(c, deep=False, structure=False)
//	                 what the container c is, as a dict with the keys of "outwork inspect
//	                 --json"; deep: also what takes long; structure: also "structure", a
//	                 dict for each header, table and field
//	pe.parse(c)      the PE image in c
//	elf.parse(c)     the ELF file in c
//
// Where c is something else, parse is an error that says what. What it returns has these
// attributes, of which none can be changed:
//
//	format, kind, machine, size   as "PE32+", "DLL", "x86-64", bytes of the file
//	facts            a dict: more about it, for people
//	sections         structs: name, address, memory_size, offset, size (in the file), flags
//	libraries        structs: name, delayed, symbols
//	imports          structs, one a symbol: library, delayed, name (None: by its number),
//	                 ordinal, version, address
//	exports          structs: name, ordinal, version, address, forward
//	overlay          a struct: offset, size of what lies behind all that the headers tell of
//	warnings         what is broken
//
// Iterating over it gives its structures, each followed by what is in it, one deeper:
// structs with depth, name, type, offset, size, value (text, as people write it) and note.
// A PE image has besides
//
//	directories      structs: name, rva, size, offset (None when it is not in the file)
//	headers          a struct: dos, file, optional, the records of these (layout.read)
//	rva_to_offset(rva)           where in the file that is, or None
//	string_at(offset, max=4096)  the text there, which a NUL or the end ends; bytes that
//	                 are not UTF-8 are written as \xNN
//
// and an ELF file
//
//	needed           the names of the libraries that it needs, in order
//	soname, interpreter, runpath the names that these are, or None
package formats

import (
	"fmt"
	"sync"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/inspect"
	"github.com/outwork-go/outwork/script/starlark/internal/extend"
)

func init() {
	extend.Add("inspect", sync.OnceValue(func() starlark.Value { return starlark.NewBuiltin("inspect", inspectBuiltin) }))
	extend.Add("pe", sync.OnceValue(func() starlark.Value { return module("pe", parsePE) }))
	extend.Add("elf", sync.OnceValue(func() starlark.Value { return module("elf", parseELF) }))
}

// parser makes a value of the file in c. keep is to be called when c is read later.
type parser func(r extend.Run, c container.Container) (starlark.Value, error)

func module(name string, parse parser) starlark.Value {
	full := name + ".parse"
	return &starlarkstruct.Module{Name: name, Members: starlark.StringDict{
		"parse": starlark.NewBuiltin(full, func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var v extend.Argument
			if err := starlark.UnpackArgs(full, args, kwargs, "container", &v); err != nil {
				return nil, err
			}
			r := extend.Of(t)
			c, done, err := v.Part()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", full, err)
			}
			r.Keep(done) // for it is read later too
			parsed, err := parse(r, c)
			if err != nil {
				return nil, r.Because(fmt.Errorf("%s: %w", full, err))
			}
			return parsed, nil
		}),
	}}
}

func inspectBuiltin(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var v extend.Argument
	var structure bool
	var o inspect.Options
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "container", &v, "deep?", &o.Deep, "structure?", &structure); err != nil {
		return nil, err
	}
	c, done, err := v.Part()
	if err != nil {
		return nil, fmt.Errorf("inspect: %w", err)
	}
	defer done()
	report, err := inspect.Parse(extend.Of(t).Context(), c, o)
	if err != nil {
		return nil, extend.Of(t).Because(fmt.Errorf("inspect: %w", err))
	}
	return reportDict(report, structure), nil
}
