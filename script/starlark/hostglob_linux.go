package starlark

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"golang.org/x/sys/unix"
)

func hostGlob(r *run, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	g := globber{r: r, room: maxText}
	if err := starlark.UnpackArgs(name, nil, kwargs, "hidden?", &g.hidden); err != nil {
		return nil, err
	}
	if len(args) == 0 {
		return nil, fmt.Errorf("%s: there is no pattern", name)
	}
	for _, v := range args {
		var pattern hostPath
		if err := pattern.Unpack(v); err != nil {
			return nil, fmt.Errorf("%s: a pattern: %w", name, err)
		}
		if err := g.glob(string(pattern)); err != nil {
			return nil, hostError(name, string(pattern), err)
		}
	}
	slices.Sort(g.found)
	g.found = slices.Compact(g.found)
	return starlark.NewList(stringTuple(g.found)), nil
}

// globber collects paths that patterns match.
type globber struct {
	r      *run
	hidden bool // wildcards match a dot at the start of a name
	found  []string
	room   int // bytes that further paths may have
}

const anyDepth = "**" // any number of folders, none too

func (g *globber) glob(pattern string) error {
	if len(pattern) > maxPattern {
		return fmt.Errorf("the pattern has more than %d bytes", maxPattern)
	}
	root := ""
	if pattern[0] == '/' {
		root = "/"
	}
	var parts []string
	for part := range strings.SplitSeq(pattern, "/") {
		if _, err := path.Match(part, ""); err != nil {
			return errors.New("the pattern is malformed: a [ without its ], or a \\ at the end")
		}
		if part != "" && (part != anyDepth || len(parts) == 0 || parts[len(parts)-1] != anyDepth) {
			parts = append(parts, part)
		}
	}
	if n := len(parts); n > 0 && parts[n-1] == anyDepth {
		parts = append(parts, "*")
	}
	return g.walk(root, parts)
}

// walk adds what matches parts below the folder dir, which is empty or ends
// with a slash.
func (g *globber) walk(dir string, parts []string) error {
	if err := g.r.interrupted(); err != nil {
		return err
	}
	if len(parts) == 0 {
		return g.add(dir)
	}
	part, rest := parts[0], parts[1:]
	switch {
	case part == anyDepth:
		return g.walkAny(dir, parts)
	case !strings.ContainsAny(part, `*?[\`):
		return g.step(dir+part, rest)
	}
	names, err := g.names(dir, func(e fs.DirEntry) bool {
		ok, _ := path.Match(part, e.Name()) // glob has looked at the pattern
		return ok && (part[0] == '.' || g.shows(e.Name()))
	})
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := g.step(dir+n, rest); err != nil {
			return err
		}
	}
	return nil
}

// step goes on at one path.
func (g *globber) step(at string, rest []string) error {
	if len(rest) > 0 {
		return g.walk(at+"/", rest)
	}
	if _, err := os.Lstat(at); err != nil {
		return nil
	}
	return g.add(at)
}

// walkAny goes on in dir and in all folders below it, not through links.
func (g *globber) walkAny(dir string, parts []string) error {
	if err := g.walk(dir, parts[1:]); err != nil {
		return err
	}
	names, err := g.names(dir, func(e fs.DirEntry) bool { return e.IsDir() && g.shows(e.Name()) })
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := g.walk(dir+n+"/", parts); err != nil {
			return err
		}
	}
	return nil
}

func (g *globber) shows(name string) bool { return g.hidden || name[0] != '.' }

// names are the entries of a folder that want accepts. As in a shell, a folder
// that cannot be read has none.
func (g *globber) names(dir string, want func(fs.DirEntry) bool) (names []string, err error) {
	if dir == "" {
		dir = "."
	}
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, unlessShut(err)
	}
	defer f.Close()
	for {
		if err := g.r.interrupted(); err != nil {
			return nil, err
		}
		entries, err := f.ReadDir(dirBatch)
		for _, e := range entries {
			if want(e) {
				names = append(names, e.Name())
			}
		}
		switch {
		case err == io.EOF:
			return names, nil
		case err != nil:
			return names, unlessShut(err)
		case len(names) > maxGlob:
			return nil, errTooManyPaths
		}
	}
}

// unlessShut is err, unless it says that a folder is not there, not any more, or
// not for us.
func unlessShut(err error) error {
	switch {
	case isAbsent(err), errors.Is(err, fs.ErrPermission),
		errors.Is(err, unix.ESRCH), // in /proc, of a process that has ended
		errors.Is(err, unix.ELOOP):
		return nil
	}
	return err
}

var errTooManyPaths = fmt.Errorf("it matches more than %d paths, or more than %d MiB of them: take a narrower pattern", maxGlob, maxText>>20)

func (g *globber) add(path string) error {
	if path != "/" {
		path = strings.TrimSuffix(path, "/")
	}
	if path == "" {
		return nil
	}
	if g.room -= len(path); g.room < 0 || len(g.found) >= maxGlob {
		return errTooManyPaths
	}
	g.found = append(g.found, path)
	return nil
}
