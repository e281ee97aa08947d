package core

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// createDirectory creates a directory in one of parents. It goes by open
// directories, never by a path a second time: whatever is renamed or linked
// meanwhile, what is handed over is what was created.
func createDirectory(parent, name string, to owner, mode uint32) (err error) {
	if !parents[parent] {
		return fmt.Errorf("%q is none of the directories in which this service creates others", parent)
	}
	if name == "" || name == "." || name == ".." || strings.Contains(name, "/") {
		return fmt.Errorf("%q is not the name of a directory", name)
	}
	above, err := openParent(parent)
	if err != nil {
		return err
	}
	defer above.Close()
	in := int(above.Fd())
	full := path.Join(parent, name)
	if err := unix.Mkdirat(in, name, 0o700); err != nil {
		return &os.PathError{Op: "mkdir", Path: full, Err: err}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, unix.Unlinkat(in, name, unix.AT_REMOVEDIR))
		}
	}()
	return handOver(above, name, to, mode)
}

// openParent opens a directory in which nobody but root can rename or remove
// what root has made.
func openParent(name string) (*os.File, error) {
	dir, err := openDirectory(name)
	if err != nil {
		return nil, err
	}
	if err := checkParent(dir); err != nil {
		dir.Close()
		return nil, err
	}
	return dir, nil
}

func checkParent(dir *os.File) error {
	var s unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &s); err != nil {
		return &os.PathError{Op: "fstat", Path: dir.Name(), Err: err}
	}
	if s.Uid != 0 || s.Mode&0o022 != 0 && s.Mode&unix.S_ISVTX == 0 {
		return fmt.Errorf("%s must belong to root, and nobody else may be able to write to it: its owner is uid %d, its mode %#o",
			dir.Name(), s.Uid, s.Mode&0o7777)
	}
	return nil
}

// handOver gives a directory that was just created to its owner: the mode first,
// while it is root's to set.
func handOver(in *os.File, name string, to owner, mode uint32) error {
	dir, err := openIn(in, name, unix.O_RDONLY|unix.O_DIRECTORY, unix.S_IFDIR)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := unix.Fchmod(int(dir.Fd()), mode&0o777); err != nil {
		return &os.PathError{Op: "fchmod", Path: dir.Name(), Err: err}
	}
	if err := unix.Fchown(int(dir.Fd()), int(to.uid), int(to.gid)); err != nil {
		return &os.PathError{Op: "fchown", Path: dir.Name(), Err: err}
	}
	return nil
}

// umask is this process's. To ask the kernel by umask(2) would change it for a
// moment.
func umask() (uint32, error) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "Umask:"); ok {
			mask, err := strconv.ParseUint(strings.TrimSpace(text), 8, 9)
			return uint32(mask), err
		}
	}
	return 0, errors.Join(errors.New("the kernel does not tell the umask"), lines.Err())
}
