package control

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/outwork-go/outwork/internal/ident"
)

// Variable is the environment variable that names the socket.
const Variable = "OUTWORK_LISTEN"

const name = "listen.sock"

// Path is where the socket is: at given, if that is not empty, or else where Variable
// says, or else in a folder of the user's: outwork in XDG_RUNTIME_DIR, or outwork-UID in
// /tmp if there is none.
func Path(given string) (string, error) {
	if given != "" {
		return filepath.Abs(given)
	}
	if path := os.Getenv(Variable); path != "" {
		if !filepath.IsAbs(path) {
			return "", fmt.Errorf("%s is %q, and must be an absolute path", Variable, path)
		}
		return filepath.Clean(path), nil
	}
	return filepath.Join(folder(), name), nil
}

// folder is the usual one of the socket.
func folder() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "outwork")
	}
	return filepath.Join("/tmp", "outwork-"+strconv.Itoa(os.Getuid()))
}

// ready makes the usual folder, if the socket is to be there.
func ready(path string) error {
	dir := filepath.Dir(path)
	if dir != folder() {
		return nil
	}
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		return os.Chmod(dir, 0o700) // whatever the umask
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	return own(dir)
}

// own refuses a folder that is not this user's alone.
func own(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is no folder: remove it, or name another socket with --socket", dir)
	}
	if uid, ok := owner(info); ok && int(uid) != os.Getuid() {
		return fmt.Errorf("the folder %s belongs to %s: name another socket with --socket", dir, ident.User(uid))
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("others may use the folder %s (mode %#o): chmod 700 %[1]s", dir, mode)
	}
	return nil
}
