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
// and tells what else is there.
func readDir(dir string, owner uint32, g *grammar) (entries []entry, ignored []string, err error) {
	if dir == "" {
		return nil, nil, nil
	}
	opened, err := openDir(dir, owner)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer opened.Close()
	files, ignored, err := policyNames(opened)
	if err != nil {
		return nil, nil, err
	}
	var errs []error
	for _, name := range files {
		more, err := readFile(opened, name, owner, g)
		errs = append(errs, err)
		entries = append(entries, more...)
	}
	if len(entries) > maxRules {
		errs = append(errs, fmt.Errorf("%s: %d rules in all files: at most %d", printable(dir), len(entries), maxRules))
	}
	return entries, ignored, errors.Join(errs...)
}

// policyNames are the names of the files in a directory that are policy, sorted,
// and of those that are not. A name that is nearly one of policy is a mistake: what
// it denies would be open.
func policyNames(dir *os.File) (files, ignored []string, err error) {
	names, err := dir.Readdirnames(maxEntries + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("read %s: %w", printable(dir.Name()), err)
	}
	if len(names) > maxEntries {
		return nil, nil, fmt.Errorf("%s holds more than %d files: remove what is no policy", printable(dir.Name()), maxEntries)
	}
	slices.Sort(names)
	var errs []error
	for _, name := range names {
		lower := strings.ToLower(name)
		switch {
		case strings.HasPrefix(name, "."):
			ignored = append(ignored, name)
		case strings.HasSuffix(name, ".yaml"):
			files = append(files, name)
		case strings.HasSuffix(lower, ".yaml"), strings.HasSuffix(lower, ".yml"):
			errs = append(errs, fmt.Errorf("%s: policy files end in .yaml: rename it, or end it in .off to have it ignored",
				printable(path.Join(dir.Name(), name))))
		default:
			ignored = append(ignored, name)
		}
	}
	return files, ignored[:min(len(ignored), maxIgnored)], errors.Join(errs...)
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
