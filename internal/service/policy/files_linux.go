package policy

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// maxEntries is how many names the directory may hold, policy or not.
	maxEntries = 1024

	// maxIgnored is how many of those that are no policy are told.
	maxIgnored = 64
)

// readDir reads the policy files of a directory, in the order of their names,
// and tells what else is there. Its error is that of all files.
func readDir(c *Config, g *grammar) (listing, error) {
	if c.Dir == "" && !c.MustExist {
		return listing{}, nil
	}
	dir, err := openDir(c.Dir, c.Owner)
	if errors.Is(err, os.ErrNotExist) {
		if c.MustExist {
			return listing{}, fmt.Errorf("the policy directory %s does not exist: make it, or mend the name", printable(c.Dir))
		}
		return listing{}, nil
	}
	if err != nil {
		return listing{}, err
	}
	defer dir.Close()
	names, err := namesOf(dir)
	if err != nil {
		return listing{}, err
	}
	return readFiles(dir, names, c.Owner, g)
}

// namesOf are the names in a directory, sorted.
func namesOf(dir *os.File) ([]string, error) {
	names, err := dir.Readdirnames(maxEntries + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: %w", printable(dir.Name()), err)
	}
	if len(names) > maxEntries {
		return nil, fmt.Errorf("%s holds more than %d files: remove what is no policy", printable(dir.Name()), maxEntries)
	}
	slices.Sort(names)
	return names, nil
}

// readFiles reads those of a directory's files that are policy. A name that is
// nearly one of policy is a mistake: what it denies would be open.
func readFiles(dir *os.File, names []string, owner uint32, g *grammar) (l listing, err error) {
	var errs []error
	for _, name := range names {
		switch {
		case strings.HasSuffix(name, ".yaml") && name[0] != '.':
			more, err := readFile(dir, name, owner, g)
			errs = append(errs, err)
			l.entries = append(l.entries, more...)
			l.files++
		case nearly(name):
			errs = append(errs, fmt.Errorf("%s: policy files are YAML and end in .yaml: make it such a file, or end it in .off to have it ignored",
				printable(path.Join(dir.Name(), name))))
		case len(l.ignored) < maxIgnored:
			l.ignored = append(l.ignored, name)
		}
	}
	if len(l.entries) > maxRules {
		errs = append(errs, fmt.Errorf("%s: %d rules in all files: at most %d", printable(dir.Name()), len(l.entries), maxRules))
	}
	return l, errors.Join(errs...)
}

// nearly reports whether a name, which is no policy's, was likely meant to be: it
// is not hidden, and ends as files of settings do.
func nearly(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".yaml", ".yml", ".toml", ".json":
		return name[0] != '.'
	}
	return false
}

// readFile reads one file of an open directory, after checking what was opened.
func readFile(dir *os.File, name string, owner uint32, g *grammar) ([]entry, error) {
	full := path.Join(dir.Name(), name)
	// O_NONBLOCK: to open a FIFO must not wait for its other end.
	file, err := openAt(int(dir.Fd()), name, full, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := checkFile(file, owner); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", printable(full), err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d KiB: split it", printable(full), maxFile>>10)
	}
	return g.parse(full, data)
}

// openDir opens a directory to read, from the root on, and checks it and each
// that leads to it on the way: who may rename one of them may put another in its
// place.
func openDir(dir string, owner uint32) (*os.File, error) {
	if !filepath.IsAbs(dir) || filepath.Clean(dir) != dir {
		return nil, fmt.Errorf("policy directory %s: want an absolute path without detours", printable(dir))
	}
	at, err := openAt(unix.AT_FDCWD, "/", "/", unix.O_PATH)
	if err != nil {
		return nil, err
	}
	walked := "/"
	for name := range strings.SplitSeq(strings.TrimPrefix(dir, "/"), "/") {
		walked = path.Join(walked, name)
		next, err := openAt(int(at.Fd()), name, walked, unix.O_PATH)
		at.Close()
		if err != nil {
			return nil, err
		}
		if err := checkDir(next, owner, walked == dir); err != nil {
			next.Close()
			return nil, err
		}
		at = next
	}
	defer at.Close()
	return openAt(int(at.Fd()), ".", dir, unix.O_RDONLY|unix.O_DIRECTORY)
}

// openAt opens name in a directory, never what a symbolic link there names.
func openAt(dir int, name, full string, flags int) (*os.File, error) {
	for {
		fd, err := unix.Openat(dir, name, flags|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), full), nil
		case errors.Is(err, unix.ELOOP):
			return nil, linkError(full)
		case !errors.Is(err, unix.EINTR):
			return nil, &os.PathError{Op: "open", Path: full, Err: err}
		}
	}
}

func linkError(full string) error {
	return fmt.Errorf("%s is a symbolic link, which is not followed here: put what it names in its place", printable(full))
}
