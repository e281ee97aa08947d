package module

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Finder returns one that knows packages.
func (Python) Finder(roots []fs.FS) Finder {
	f := &pythonFinder{
		roots:    roots,
		places:   make(map[string]place),
		compiled: make(map[folder]map[string]string),
	}
	for i := range roots {
		f.top = append(f.top, folder{i, "."})
	}
	return f
}

// pythonFinder remembers where modules lie, but reads each afresh.
type pythonFinder struct {
	roots    []fs.FS
	top      []folder
	places   map[string]place
	compiled map[folder]map[string]string // files by the names of their modules
}

// folder is a directory inside a root.
type folder struct {
	root int
	path string
}

// place is where a module lies. The zero value is nowhere.
type place struct {
	kind  kind
	root  int
	path  string   // of the source, or of the first of a namespace package's folders
	below []folder // where the modules below it are looked for, in order
	err   error    // it is there, and cannot be had
}

type kind int

const (
	nowhere kind = iota
	plainModule
	regularPackage
	namespacePackage
)

// Find reads a module, or a file or directory in a package.
func (f *pythonFinder) Find(name string) (Module, error) {
	if strings.Contains(name, "/") {
		return f.data(name)
	}
	if err := checkDotted(name); err != nil {
		return Module{}, err
	}
	p := f.locate(name)
	switch {
	case p.err != nil:
		return Module{}, p.err
	case p.kind == nowhere:
		return Module{Name: name, Missing: true}, nil
	case p.kind == namespacePackage:
		return Module{Name: name, Path: p.path, Package: true, Hash: sha256.Sum256(nil)}, nil
	}
	source, err := read(f.roots[p.root], p.path)
	if err != nil {
		return Module{}, err
	}
	return Module{
		Name: name, Path: p.path, Package: p.kind == regularPackage,
		Source: source, Hash: sha256.Sum256(source),
	}, nil
}

func checkDotted(name string) error {
	switch {
	case len(name) > MaxName:
		return checkName(name)
	case !isDotted(name):
		return fmt.Errorf("%w: it is not made of identifiers and dots", ErrName)
	}
	return nil
}

// Wanted returns the packages that name lies in, and name. Nobody asks for a
// module at the top that no root has (there is Server.Roots), nor for one below
// what is no package.
func (f *pythonFinder) Wanted(name string) (wanted []string) {
	if strings.Contains(name, "/") {
		if f.owner(path.Dir(name)).kind == nowhere {
			return nil
		}
		return []string{name}
	}
	if checkDotted(name) != nil {
		return nil
	}
	for i := range len(name) + 1 {
		if i < len(name) && name[i] != '.' {
			continue
		}
		p := f.locate(name[:i])
		if p.kind != nowhere || p.err != nil || len(wanted) > 0 {
			wanted = append(wanted, name[:i])
		}
		if len(p.below) == 0 {
			break
		}
	}
	return wanted
}

// locate says where the module with this good name lies.
func (f *pythonFinder) locate(name string) place {
	p, ok := f.places[name]
	if !ok {
		p = f.search(name)
		f.places[name] = p
	}
	return p
}

// search looks for a module where its package lies: the first folder that has
// it wins, but one that has a mere directory only if no other has more.
func (f *pythonFinder) search(name string) place {
	folders := f.top
	parent, last := parentOf(name)
	if parent != "" {
		p := f.locate(parent)
		if p.err != nil {
			return place{err: p.err}
		}
		folders = p.below
	}
	var space place
	for _, in := range folders {
		p := f.look(in, last)
		switch {
		case p.err != nil, p.kind == plainModule, p.kind == regularPackage:
			return p
		case p.kind == namespacePackage && space.kind == nowhere:
			space = p
		default:
			space.below = append(space.below, p.below...)
		}
	}
	return space
}

// look looks for a module in one folder.
func (f *pythonFinder) look(in folder, name string) place {
	root := f.roots[in.root]
	dir := path.Join(in.path, name)
	inside := folder{in.root, dir}
	if ok, err := has(root, dir+"/__init__.py", false); ok || err != nil {
		return place{regularPackage, in.root, dir + "/__init__.py", []folder{inside}, err}
	}
	if ok, err := has(root, dir+".py", false); ok || err != nil {
		return place{plainModule, in.root, dir + ".py", nil, err}
	}
	if file := f.compiledIn(in)[name]; file != "" {
		return place{err: notServed(file)}
	}
	if ok, err := has(root, dir, true); !ok || err != nil {
		return place{err: err}
	}
	if file := f.compiledIn(inside)["__init__"]; file != "" {
		return place{err: notServed(file)}
	}
	return place{namespacePackage, in.root, dir, []folder{inside}, nil}
}

// has reports whether there is a directory at path, or anything but a directory.
func has(root fs.FS, path string, dir bool) (bool, error) {
	info, err := fs.Stat(root, path)
	switch {
	case err == nil:
		return info.IsDir() == dir, nil
	case absent(err):
		return false, nil
	}
	return false, err
}

func notServed(file string) error {
	return fmt.Errorf("%s: %w", quote(file), ErrExtension)
}

// compiledIn returns the compiled modules in a folder. If that cannot be listed
// they pass for missing.
func (f *pythonFinder) compiledIn(in folder) map[string]string {
	files, ok := f.compiled[in]
	if ok {
		return files
	}
	files = make(map[string]string)
	entries, _ := fs.ReadDir(f.roots[in.root], in.path)
	for _, e := range entries {
		if name, ok := compiledName(e.Name()); ok && !e.IsDir() && files[name] == "" {
			files[name] = path.Join(in.path, e.Name())
		}
	}
	f.compiled[in] = files
	return files
}

// compiledName is the name of the module that a file is, if it is a compiled one:
// mod.so, mod.abi3.so, mod.cpython-311-x86_64-linux-gnu.so, mod.pyd.
func compiledName(file string) (name string, ok bool) {
	base, ok := strings.CutSuffix(file, ".so")
	if !ok {
		base, ok = strings.CutSuffix(file, ".pyd")
	}
	name, tag, _ := strings.Cut(base, ".")
	tagged := tag == "" || tag == "abi3" || strings.HasPrefix(tag, "cp") || strings.HasPrefix(tag, "pypy")
	return name, ok && tagged && isIdentifier(name)
}
