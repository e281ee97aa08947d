package module

import (
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"syscall"
)

// Language tells how modules of one language refer to each other.
type Language interface {
	// Loads returns the names that the module at path is seen to load, in
	// order. It need not be complete: a name that it misses costs the worker
	// a round trip. It must bear any source, be safe for concurrent use, and
	// need not check the names.
	Loads(path string, source []byte) []string
}

// Server answers for the modules under its roots. Get is safe for concurrent
// use as long as the roots are. It reads afresh each time and keeps nothing.
type Server struct {
	// Languages has a language for each name of a guest. With a language that
	// it lacks, nothing is sent along. It is not to be changed after the
	// first Get.
	Languages map[string]Language

	roots []fs.FS
}

// NewServer returns a server of the modules under roots, of which an earlier
// one hides a later one. It knows Starlark. Without roots every module is
// missing.
func NewServer(roots ...fs.FS) *Server {
	return &Server{
		Languages: map[string]Language{"starlark": Starlark{}},
		roots:     roots,
	}
}

// Get returns the module that lang calls name, and behind it those that it is
// seen to load, breadth first, each once, as far as MaxModules and MaxAnswer
// allow. A module that no root has is an answer too, marked Missing. The error
// is an *Error, and concerns the first module only: another that cannot be read
// is left out, for the worker to ask for and be told.
func (s *Server) Get(lang, name string) ([]Module, error) {
	first, err := s.find(name)
	if err != nil {
		return nil, &Error{Name: name, Err: err}
	}
	t := tree{lang: s.Languages[lang], seen: map[string]bool{name: true}}
	t.add(first)
	for len(t.queue) > 0 {
		next := t.queue[0]
		t.queue = t.queue[1:]
		m, err := s.find(next)
		if err != nil {
			continue
		}
		if t.size+len(m.Source) > MaxAnswer {
			break
		}
		t.add(m)
	}
	return t.modules, nil
}

// tree is an answer in the making.
type tree struct {
	lang    Language
	modules []Module
	size    int             // of all sources, in bytes
	seen    map[string]bool // at most MaxModules; everything that ever was in queue
	queue   []string
}

// add takes m into the answer and queues what it loads.
func (t *tree) add(m Module) {
	t.modules = append(t.modules, m)
	t.size += len(m.Source)
	if t.lang == nil || m.Missing {
		return
	}
	for _, name := range t.lang.Loads(m.Path, m.Source) {
		if len(t.seen) == MaxModules {
			return
		}
		if !t.seen[name] {
			t.seen[name] = true
			t.queue = append(t.queue, name)
		}
	}
}

// find reads name from the first root that has it.
func (s *Server) find(name string) (Module, error) {
	if err := checkName(name); err != nil {
		return Module{}, err
	}
	for _, root := range s.roots {
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
