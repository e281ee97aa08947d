package module

import (
	"crypto/sha256"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// data reads a file in a package, or lists a directory there.
func (f *pythonFinder) data(name string) (Module, error) {
	file, isDir := strings.CutSuffix(name, "/")
	if err := checkName(file); err != nil {
		return Module{}, err
	}
	p := f.owner(path.Dir(name))
	switch {
	case p.err != nil:
		return Module{}, p.err
	case p.kind == nowhere || slices.ContainsFunc(strings.Split(file, "/"), generated):
		return Module{Name: name, Missing: true}, nil
	}
	get := read
	if isDir {
		get = list
	}
	source, err := get(f.roots[p.root], file)
	switch {
	case err == nil:
		return Module{Name: name, Path: name, Package: isDir, Source: source, Hash: sha256.Sum256(source)}, nil
	case absent(err):
		return Module{Name: name, Missing: true}, nil
	}
	return Module{}, err
}

// owner returns the outermost regular package that dir lies in, or nowhere. All
// that is below it comes from the same root.
func (f *pythonFinder) owner(dir string) place {
	name := ""
	for part := range strings.SplitSeq(dir, "/") {
		if !isIdentifier(part) {
			break
		}
		name = strings.TrimPrefix(name+"."+part, ".")
		switch p := f.locate(name); {
		case p.err != nil, p.kind == regularPackage:
			return p
		case p.kind != namespacePackage:
			return place{}
		}
	}
	return place{}
}

// generated reports whether a file or directory is what Python made of a source.
// It may tell paths of this machine.
func generated(name string) bool {
	return name == "__pycache__" || strings.HasSuffix(name, ".pyc")
}

// list returns the names in dir that can be asked for, a line each.
func list(root fs.FS, dir string) ([]byte, error) {
	info, err := fs.Stat(root, dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fs.ErrNotExist
	}
	entries, err := fs.ReadDir(root, dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if name := listed(root, dir, e); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	text := strings.Join(names, "\n")
	if len(text) > MaxSource {
		return nil, ErrTooLarge
	}
	return []byte(text), nil
}

// listed is how e appears in the list of dir, or nothing.
func listed(root fs.FS, dir string, e fs.DirEntry) string {
	name := e.Name()
	if badName(name) != "" || strings.Contains(name, "\n") || generated(name) {
		return ""
	}
	switch mode := followed(root, dir, e); {
	case mode.IsDir():
		return name + "/"
	case mode.IsRegular():
		return name
	}
	return ""
}

// followed is what e is, or what it links to; a link that leads nowhere, or out
// of root, is just that.
func followed(root fs.FS, dir string, e fs.DirEntry) fs.FileMode {
	if e.Type()&fs.ModeSymlink != 0 {
		if info, err := fs.Stat(root, path.Join(dir, e.Name())); err == nil {
			return info.Mode().Type()
		}
	}
	return e.Type()
}
