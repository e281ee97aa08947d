package main

import (
	"errors"
	"io/fs"
	"os"
	"path"
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

// sources is a tree of which only the files with one extension are to be had: a
// script's own folder may hold anything else.
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
			return nil, usage("--modules %s: cannot open the folder: %v", dir, bare(err))
		}
		m.add(root, root.FS())
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
