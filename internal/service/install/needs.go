package install

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Needs are what a daemon needs beyond a hardened unit's default. They are service.Needs, where
// each is described: that type is converted to this one, and so both have the same fields.
type Needs struct {
	Capabilities []string
	Writes       []string
	Families     []string // besides AF_UNIX, which it always has
	Syscalls     []string

	Hostname, Sysctl, Devices, Homes, Processes, Executables, Sandboxes bool
}

const (
	upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lower = "abcdefghijklmnopqrstuvwxyz"
	digit = "0123456789"

	// nameBytes are what names in units, sysusers.d and paths are made of.
	nameBytes = upper + lower + digit + "_.-"
	// pathBytes need no quoting anywhere: not '%', which units expand.
	pathBytes = nameBytes + "/@+:,"
)

// plain refuses a word that is empty or has other bytes than allowed.
func plain(what, word, allowed string) error {
	if word == "" {
		return fmt.Errorf("the %s is empty", what)
	}
	if i := strings.IndexFunc(word, func(r rune) bool { return !strings.ContainsRune(allowed, r) }); i >= 0 {
		return fmt.Errorf("the %s %q has %q, which cannot be written into a unit", what, word, word[i:i+1])
	}
	return nil
}

// clean refuses a path that is not absolute, or written another way than the
// shortest.
func clean(what, name string) error {
	if !path.IsAbs(name) || path.Clean(name) != name || name == "/" {
		return fmt.Errorf("the %s %q is not an absolute path of a clean form", what, name)
	}
	return plain(what, name, pathBytes)
}

// check refuses all that would not be what was meant in a unit.
func (n *Needs) check() error {
	var errs []error
	for _, list := range []struct {
		what, with, allowed string
		words               []string
	}{
		{"capability", "CAP_", upper + digit + "_", n.Capabilities},
		{"address family", "AF_", upper + digit + "_", n.Families},
		{"system call", "", lower + digit + "_-@", n.Syscalls},
	} {
		for _, word := range list.words {
			errs = append(errs, plain(list.what, word, list.allowed), begins(list.what, word, list.with))
		}
	}
	for _, w := range n.Writes {
		errs = append(errs, clean("path to write", w))
	}
	return errors.Join(errs...)
}

func begins(what, word, with string) error {
	if !strings.HasPrefix(word, with) {
		return fmt.Errorf("the %s %q does not begin with %s", what, word, with)
	}
	return nil
}

// network reports whether the daemon must be in the host's network namespace:
// kernel parameters of the network belong to it as well.
func (n *Needs) network() bool {
	return n.Sysctl || slices.ContainsFunc(n.Families, func(f string) bool { return f != "AF_UNIX" })
}

// homes reports whether the daemon must see home directories.
func (n *Needs) homes() bool {
	return n.Homes || slices.ContainsFunc(n.Writes, func(w string) bool {
		return slices.ContainsFunc([]string{"/home", "/root", "/run/user"}, func(home string) bool {
			return w == home || strings.HasPrefix(w, home+"/")
		})
	})
}

// capabilities are those that are named, and those that other needs imply.
func (n *Needs) capabilities() []string {
	all := n.Capabilities
	if n.Hostname {
		all = union(all, "CAP_SYS_ADMIN")
	}
	if n.Processes {
		all = union(all, "CAP_SYS_PTRACE")
	}
	if n.Sandboxes { // for namespaces, another user, that it keeps nothing of them, and to end it
		all = union(all, "CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_KILL")
	}
	return union(all)
}

// syscalls are those that are named, and those that other needs imply.
func (n *Needs) syscalls() []string {
	all := n.Syscalls
	if n.Hostname {
		all = union(all, "sethostname")
	}
	if slices.Contains(n.Capabilities, "CAP_CHOWN") {
		all = union(all, "@chown")
	}
	if n.Sandboxes {
		all = union(all, "@mount", "@setuid", "capset", "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "seccomp")
	}
	return union(all)
}

// union is a with b, sorted, without duplicates.
func union(a []string, b ...string) []string {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}
