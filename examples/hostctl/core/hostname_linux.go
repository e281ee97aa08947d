package core

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// bootName is the file that the host name is read from at boot.
const bootName = "/etc/hostname"

// maxHostname is the size of bootName that is read, in bytes.
const maxHostname = 4 << 10

func hostname() (Hostname, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return Hostname{}, os.NewSyscallError("uname", err)
	}
	boot, err := readBootName()
	if err != nil {
		return Hostname{}, err
	}
	return Hostname{Name: strings.ToValidUTF8(unix.ByteSliceToString(u.Nodename[:]), "\ufffd"), Boot: boot}, nil
}

// readBootName is the first line of bootName that is no comment, as hostname(5)
// has it.
func readBootName() (string, error) {
	f, err := os.Open(bootName)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxHostname))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return strings.ToValidUTF8(line, "\ufffd"), nil
		}
	}
	return "", nil
}

// settingHostname keeps calls at once from leaving the name of one and the file of another.
var settingHostname sync.Mutex

// setHostname sets the name that can be set back first.
func setHostname(name string) error {
	settingHostname.Lock()
	defer settingHostname.Unlock()
	before, err := os.Hostname()
	if err != nil {
		return err
	}
	if err := unix.Sethostname([]byte(name)); err != nil {
		return fmt.Errorf("set the host name to %q: %w", name, os.NewSyscallError("sethostname", err))
	}
	if err := replace(bootName, []byte(name+"\n"), 0o644); err != nil {
		return errors.Join(err, os.NewSyscallError("sethostname", unix.Sethostname([]byte(before))))
	}
	return nil
}

// replace writes a file that appears whole or not at all, also when the host
// stops in the middle.
func replace(name string, data []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
