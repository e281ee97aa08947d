package module

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// maxSeen is the number of names that are looked at for one answer, whether or
// not they get into it.
const maxSeen = 1 << 12

// Language tells how modules of one language refer to each other, and where
// they lie. It must be safe for concurrent use.
type Language interface {
	// Loads returns the names that m is seen to load, in order. It need not
	// be complete: a name that it misses costs the worker a round trip. It
	// must bear any source, and need not check the names. A module without a
	// name is a script.
	Loads(m Module) []string

	// Finder returns what looks modules up in roots.
	Finder(roots []fs.FS) Finder

	// Tops returns what Server.Roots says of one root, in any order.
	Tops(root fs.FS) []Root
}

// Finder looks modules up for one answer, and for one goroutine. It may remember
// what it saw.
type Finder interface {
	// Find reads the module called name. If no root has it, that is not an
	// error but a Module marked Missing.
	Find(name string) (Module, error)

	// Wanted returns what a worker asks for that loads name: what has to be
	// there before it, outermost first, and name itself, all without that
	// which nobody asks this manager for.
	Wanted(name string) []string
}

// Root is a name at the top of a language's tree of modules.
type Root struct {
	Name      string
	Namespace bool // a mere directory: a module of that name anywhere else is preferred to it
}

// Joined is a root made of several, which NewServer takes apart, because in
// some languages a package does not mix the files of two roots.
type Joined interface {
	fs.FS
	Roots() []fs.FS // earlier ones hide later ones
}

// Server answers for the modules under its roots. Its methods are safe for
// concurrent use as long as the roots are. It reads afresh each time and keeps
// nothing.
type Server struct {
	// Languages has a language for each name of a guest. A language that it
	// lacks calls modules by their paths, and nothing is sent along. It is
	// not to be changed after the first use.
	Languages map[string]Language

	roots []fs.FS
}

// NewServer returns a server of the modules under roots, of which an earlier
// one hides a later one. It knows Starlark and Python. Without roots every
// module is missing.
func NewServer(roots ...fs.FS) *Server {
	return &Server{
		Languages: map[string]Language{"starlark": Starlark{}, "python": Python{}},
		roots:     takeApart(roots),
	}
}

func takeApart(roots []fs.FS) (all []fs.FS) {
	for _, root := range roots {
		if j, ok := root.(Joined); ok {
			all = append(all, takeApart(j.Roots())...)
			continue
		}
		all = append(all, root)
	}
	return all
}

// Get returns the module that lang calls name, and behind it those that it
// needs and is seen to load, breadth first, each once, and at the end those of
// them that no root has; all as far as MaxModules and MaxAnswer allow. An
// absence is an answer too, marked Missing. The error is an *Error, and concerns
// the first module only: another that cannot be read is left out, for the worker
// to ask for and be told.
func (s *Server) Get(lang, name string) ([]Module, error) {
	t := s.tree(lang)
	first, err := t.finder.Find(name)
	if err != nil {
		return nil, &Error{Name: name, Err: err}
	}
	t.seen[name] = true
	if first.Missing {
		return []Module{first}, nil
	}
	t.push(t.finder.Wanted(name))
	t.add(first)
	t.follow()
	return t.answer(), nil
}

// Ahead returns what a worker will ask for that runs the script at path with
// this source: what the script is seen to load, and then what also names, each
// with what Get would send along, each once, within the bounds of one answer.
// What cannot be read is left out.
func (s *Server) Ahead(lang, path string, source []byte, also []string) []Module {
	t := s.tree(lang)
	t.want(t.lang.Loads(Module{Path: path, Source: source}))
	t.follow()
	t.want(also)
	t.follow()
	return t.answer()
}

// Roots returns the names at the top of what is served to lang, sorted, each
// once, at most MaxRoots; none for a language whose modules are called by their
// paths. A root that cannot be listed still serves, but who goes by this list
// never asks for what is in it.
func (s *Server) Roots(lang string) []Root {
	found := make(map[string]Root)
	for _, root := range s.roots {
		for _, r := range s.language(lang).Tops(root) {
			if known, ok := found[r.Name]; !ok || known.Namespace {
				found[r.Name] = r
			}
		}
	}
	all := slices.SortedFunc(maps.Values(found), func(a, b Root) int { return strings.Compare(a.Name, b.Name) })
	return all[:min(len(all), MaxRoots)]
}

func (s *Server) language(name string) Language {
	if l := s.Languages[name]; l != nil {
		return l
	}
	return paths{}
}

// tree is an answer in the making.
type tree struct {
	lang    Language
	finder  Finder
	modules []Module
	missing []Module        // go last, so that none takes the place of a module
	size    int             // of all sources, in bytes
	seen    map[string]bool // at most about maxSeen; everything that ever was in queue, and what nobody asks for
	queue   []string
}

func (s *Server) tree(lang string) *tree {
	l := s.language(lang)
	return &tree{lang: l, finder: l.Finder(s.roots), seen: make(map[string]bool)}
}

// want queues names, and what they need.
func (t *tree) want(names []string) {
	for _, name := range names {
		if t.seen[name] || len(t.seen) >= maxSeen {
			continue
		}
		t.push(t.finder.Wanted(name))
		t.seen[name] = true
	}
}

func (t *tree) push(names []string) {
	for _, name := range names {
		if !t.seen[name] {
			t.seen[name] = true
			t.queue = append(t.queue, name)
		}
	}
}

// add takes m into the answer and queues what it loads.
func (t *tree) add(m Module) {
	t.modules = append(t.modules, m)
	t.size += len(m.Source)
	t.want(t.lang.Loads(m))
}

// follow empties the queue, unless the answer is full before.
func (t *tree) follow() {
	for len(t.queue) > 0 && len(t.modules) < MaxModules {
		m, err := t.finder.Find(t.queue[0])
		t.queue = t.queue[1:]
		switch {
		case err != nil:
		case m.Missing:
			t.missing = append(t.missing, m)
		case t.size+len(m.Source) > MaxAnswer:
			return
		default:
			t.add(m)
		}
	}
}

func (t *tree) answer() []Module {
	room := min(len(t.missing), MaxModules-len(t.modules))
	return append(t.modules, t.missing[:room]...)
}
