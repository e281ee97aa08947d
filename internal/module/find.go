package module

import (
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"syscall"
)

// paths is a language that calls modules by their paths and of which no more is
// known.
type paths struct{}

func (paths) Loads(Module) []string { return nil }

// Finder returns one that takes a name for a path.
func (paths) Finder(roots []fs.FS) Finder { return pathFinder(roots) }

// Tops returns nothing: paths have no names at the top.
func (paths) Tops(fs.FS) []Root { return nil }

type pathFinder []fs.FS

func (pathFinder) Wanted(name string) []string { return []string{name} }

// Find reads name from the first root that has it.
func (f pathFinder) Find(name string) (Module, error) {
	if err := checkName(name); err != nil {
		return Module{}, err
	}
	for _, root := range f {
		source, err := read(root, name)
		switch {
		case err == nil:
			return Module{Name: name, Path: name, Source: source, Hash: sha256.Sum256(source)}, nil
		case !absent(err):
			return Module{}, err
		}
	}
	return Module{Name: name, Missing: true}, nil
}

// absent reports whether err means that a root lacks a file. A plain file in
// the place of a directory does.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// read returns the source at path. It looks before it opens, because opening a
// pipe waits for a writer, and opening a device may do anything.
func read(root fs.FS, path string) ([]byte, error) {
	info, err := fs.Stat(root, path)
	if err != nil {
		return nil, err
	}
	if err := readable(info); err != nil {
		return nil, err
	}
	f, err := root.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	source, err := io.ReadAll(io.LimitReader(f, MaxSource+1))
	if err != nil {
		return nil, err
	}
	if len(source) > MaxSource {
		return nil, ErrTooLarge
	}
	return source, nil
}

func readable(info fs.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return ErrNotRegular
	case info.Size() > MaxSource:
		return ErrTooLarge
	}
	return nil
}
