package realm

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// groupNames are the groups that are not a user's own.
var groupNames = map[uint32]string{Hostctl: "hostctl", Netadmin: "netadmin", nogroup: "nogroup"}

// addUsers makes Users known to the files below etc.
func addUsers(etc string) error {
	var passwd, group []string
	for id, name := range groupNames {
		group = append(group, fmt.Sprintf("%s:x:%d:%s", name, id, members(id)))
	}
	for _, u := range Users {
		passwd = append(passwd, fmt.Sprintf("%s:x:%d:%d::%s:/bin/sh", u.Name, u.UID, u.GID, u.Home))
		if u.GID == u.UID && groupNames[u.GID] == "" {
			group = append(group, fmt.Sprintf("%s:x:%d:", u.Name, u.GID))
		}
	}
	return errors.Join(
		replaceLines(filepath.Join(etc, "passwd"), passwd),
		replaceLines(filepath.Join(etc, "group"), group))
}

// members are the names of a group's supplementary members.
func members(group uint32) string {
	var names []string
	for _, u := range Users {
		for _, g := range u.Groups {
			if g == group {
				names = append(names, u.Name)
			}
		}
	}
	return strings.Join(names, ",")
}

// replaceLines puts lines at the end of a file of the passwd kind, in place of
// those that begin with the same name.
func replaceLines(file string, lines []string) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, line := range lines {
		names[line[:strings.IndexByte(line, ':')]] = true
	}
	var b bytes.Buffer
	for line := range bytes.Lines(old) {
		name, _, _ := strings.Cut(string(line), ":")
		if !names[name] {
			b.Write(bytes.TrimSuffix(line, []byte("\n")))
			b.WriteByte('\n')
		}
	}
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}

// makeHomes makes the directories of Users.
func makeHomes() error {
	for _, u := range Users {
		for _, dir := range []string{u.Home, u.Runtime} {
			if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
				return err
			}
			if err := os.Mkdir(dir, 0o700); err != nil {
				return err
			}
			if err := os.Chown(dir, int(u.UID), int(u.GID)); err != nil {
				return err
			}
		}
	}
	return os.Mkdir("/run/user/0", 0o700)
}
