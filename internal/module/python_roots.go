package module

import (
	"io/fs"
	"path"
	"strings"
)

// How far a directory without __init__.py is searched for modules, before it is
// taken for one that has nothing to do with Python: so many levels, and so many
// directories.
const (
	maxDepth = 3
	maxLooks = 64
)

// Tops returns the modules and packages in root, those among them that are there
// but cannot be had (their import tells why), and the directories that are
// namespace packages by the look of what is in them.
func (Python) Tops(root fs.FS) []Root {
	var all []Root
	entries, _ := fs.ReadDir(root, ".")
	for _, e := range entries {
		if r := top(root, e); r.Name != "" {
			all = append(all, r)
		}
	}
	return all
}

// top is what e is at the top of root, or nothing.
func top(root fs.FS, e fs.DirEntry) Root {
	name := e.Name()
	if !followed(root, ".", e).IsDir() {
		if name, ok := moduleName(name); ok && name != "__main__" && name != "__init__" {
			return Root{Name: name}
		}
		return Root{}
	}
	if !packageName(name) {
		return Root{}
	}
	if ok, _ := has(root, name+"/__init__.py", false); ok {
		return Root{Name: name}
	}
	looks := maxLooks
	return space(root, name, &looks)
}

// space is the namespace package dir, or that which a compiled __init__ makes of
// it, or nothing.
func space(root fs.FS, dir string, looks *int) Root {
	entries, _ := fs.ReadDir(root, dir)
	for _, e := range entries {
		if name, ok := compiledName(e.Name()); ok && name == "__init__" && !e.IsDir() {
			return Root{Name: dir}
		}
	}
	if holds(root, dir, entries, maxDepth, looks) {
		return Root{Name: dir, Namespace: true}
	}
	return Root{}
}

// holds reports whether there are modules among the entries of dir, or at most
// depth-1 levels below, as far as looks more directories show.
func holds(root fs.FS, dir string, entries []fs.DirEntry, depth int, looks *int) bool {
	for _, e := range entries {
		if _, ok := moduleName(e.Name()); ok && !e.IsDir() {
			return true
		}
	}
	if depth == 1 {
		return false
	}
	for _, e := range entries {
		if e.Type().IsRegular() || !packageName(e.Name()) {
			continue
		}
		if *looks--; *looks < 0 {
			return false
		}
		if !followed(root, dir, e).IsDir() {
			continue
		}
		below := path.Join(dir, e.Name())
		inside, _ := fs.ReadDir(root, below)
		if holds(root, below, inside, depth-1, looks) {
			return true
		}
	}
	return false
}

// moduleName is the name of the module that a file is, if it is one.
func moduleName(file string) (name string, ok bool) {
	if name, ok := strings.CutSuffix(file, ".py"); ok {
		return name, isIdentifier(name)
	}
	return compiledName(file)
}

// packageName reports whether a directory may be a package.
func packageName(dir string) bool { return isIdentifier(dir) && !generated(dir) }
