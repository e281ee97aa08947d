package starlark

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"go.starlark.net/starlark"
)

// module is what became of one load, kept so that a module is asked for and
// runs once.
type module struct {
	globals starlark.StringDict
	err     error
}

// load is the interpreter's load statement. The interpreter puts "cannot load
// NAME" before the error, and the traceback names the importing line.
func (r *run) load(_ *starlark.Thread, name string) (starlark.StringDict, error) {
	if i := slices.Index(r.loading, name); i >= 0 {
		cycle := append(slices.Clone(r.loading[i:]), name)
		return nil, fmt.Errorf("the modules load each other: %s", strings.Join(cycle, " → "))
	}
	if m := r.modules[name]; m != nil {
		return m.globals, m.err
	}
	if len(r.modules) >= maxModules {
		return nil, fmt.Errorf("more than %d modules", maxModules)
	}
	m := &module{}
	r.modules[name] = m
	r.loading = append(r.loading, name)
	m.globals, m.err = r.loadModule(name)
	r.loading = r.loading[:len(r.loading)-1]
	return m.globals, m.err
}

func (r *run) loadModule(name string) (starlark.StringDict, error) {
	if !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\\x00") {
		return nil, errors.New("a module's name is a path below the modules' root, as in lib/x.star")
	}
	if r.host.Module == nil {
		return nil, errors.New("no modules are served")
	}
	source, path, err := r.host.Module(r.ctx, name)
	if err != nil {
		return nil, err
	}
	if path == "" {
		path = name
	}
	globals, err := r.exec(path, source)
	if err != nil {
		return nil, err
	}
	globals.Freeze()
	return globals, nil
}
