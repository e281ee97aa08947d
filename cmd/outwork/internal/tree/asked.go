package tree

import (
	"path"
	"strings"
)

// asked is what was asked for and has not come yet. It decides the names in the
// destination: a host that could choose them would choose .bashrc.
type asked struct {
	names   map[string]bool
	folders int  // that have no name in what was asked for, as "~": the host tells it
	own     bool // the host's: all that is in the destination
}

// askedFor is what paths of a host ask for.
func askedFor(paths []string) *asked {
	a := asked{names: map[string]bool{}}
	for _, p := range paths {
		if name := nameIn(p); name != "" {
			a.names[name] = true
		} else {
			a.folders++
		}
	}
	return &a
}

// nameIn is the last name in p as nameOf would find it there, or "" when only the host
// can tell.
func nameIn(p string) string {
	if p == "~" || strings.HasPrefix(p, "~/") {
		p = "." + p[1:]
	}
	name := path.Base(path.Clean(p))
	if name == "." || name == ".." || name == "/" {
		return ""
	}
	return name
}

// take is why an entry was not asked for. There reports that its name is taken in the
// destination: what is there gives way only to what was asked for by that name.
func (a *asked) take(e *Entry, there bool) error {
	name := string(e.Path)
	if a.names[name] {
		delete(a.names, name)
		return nil
	}
	switch {
	case a.folders == 0:
		return refused(name, "it was not asked for")
	case e.Kind != folder:
		return refused(name, "a folder was asked for")
	case strings.HasPrefix(name, "."):
		return refused(name, "the host has chosen this name, which is hidden: ask for it by that")
	case there && !a.own:
		return refused(name, "the host has chosen this name, which is there already: ask for it by that")
	}
	a.folders--
	return nil
}
