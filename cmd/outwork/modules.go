package main

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
)

// folders is several trees as one: each name is looked up in one after the
// other.
type folders []fs.FS

// Open opens name in the first folder that has it.
func (f folders) Open(name string) (fs.File, error) {
	return first(f, "open", name, fs.FS.Open)
}

// Stat looks at name in the first folder that has it.
func (f folders) Stat(name string) (fs.FileInfo, error) {
	return first(f, "stat", name, fs.Stat)
}

// Roots has the server keep them apart: in Python a package does not mix the files
// of two folders.
func (f folders) Roots() []fs.FS { return f }

// ReadDir lists what lies in name, from the first folder that has it. A folder that
// cannot be listed keeps nothing back from the others.
func (f folders) ReadDir(name string) ([]fs.DirEntry, error) {
	all := make(map[string]fs.DirEntry)
	var err error = &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	listed := false
	for _, folder := range slices.Backward(f) {
		entries, refusal := fs.ReadDir(folder, name)
		listed = listed || refusal == nil
		if err = refusal; listed {
			err = nil
		}
		for _, e := range entries {
			all[e.Name()] = e
		}
	}
	return slices.SortedFunc(maps.Values(all), byName), err
}

func byName(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) }

// first is what op says of the first folder that has name. A folder that has it and does
// not give it away ends the search: no other file may stand in for that.
func first[T any](f folders, verb, name string, op func(fs.FS, string) (T, error)) (T, error) {
	for _, folder := range f {
		v, err := op(folder, name)
		if err == nil || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return v, err
		}
	}
	var none T
	return none, &fs.PathError{Op: verb, Path: name, Err: fs.ErrNotExist}
}

// sources is a tree of which only the folders and the files with one extension are to
// be had: a script's own folder may hold anything else.
type sources struct {
	fs.FS
	extension string
}

// Open opens name, if it is a source.
func (s sources) Open(name string) (fs.File, error) {
	if path.Ext(name) != s.extension {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return s.FS.Open(name)
}

// Stat looks at name, if it is a source or a folder.
func (s sources) Stat(name string) (fs.FileInfo, error) {
	info, err := fs.Stat(s.FS, name)
	if path.Ext(name) != s.extension && (err != nil || !info.IsDir()) {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return info, err
}

// ReadDir lists the sources and folders in name.
func (s sources) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(s.FS, name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return !s.has(name, e) }), err
}

// has reports whether e in dir is a source or a folder, or a link to one.
func (s sources) has(dir string, e fs.DirEntry) bool {
	if e.IsDir() || path.Ext(e.Name()) == s.extension {
		return true
	}
	if e.Type()&fs.ModeSymlink == 0 {
		return false
	}
	_, err := s.Stat(path.Join(dir, e.Name()))
	return err == nil
}

// modules is what load reads from: the folders, and what to close behind them.
type modules struct {
	folders folders
	roots   []*os.Root
}

// Close closes the folders.
func (m *modules) Close() error {
	for _, root := range m.roots {
		root.Close()
	}
	return nil
}

// openModules opens dirs, and behind them the folder of s for its sources.
func openModules(dirs []string, s *source) (*modules, error) {
	m := new(modules)
	for _, dir := range dirs {
		root, err := os.OpenRoot(dir)
		if err != nil {
			m.Close()
			return nil, unreadableFolder("--modules", dir, err)
		}
		m.add(root, root.FS())
	}
	if s.tree != nil {
		m.folders = append(m.folders, sources{s.tree, extensionOf(s.Lang)})
	}
	if s.folder == "" {
		return m, nil
	}
	// The folder need not be readable for the script in it to be.
	if root, err := os.OpenRoot(s.folder); err == nil {
		m.add(root, sources{root.FS(), extensionOf(s.Lang)})
	}
	return m, nil
}

func (m *modules) add(root *os.Root, tree fs.FS) {
	m.roots, m.folders = append(m.roots, root), append(m.folders, tree)
}
