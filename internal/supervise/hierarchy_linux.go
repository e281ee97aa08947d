package supervise

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// controller is one that limits control groups, where this process has its own.
type controller struct {
	name    string // "memory", "pids"
	version int    // of control groups: 1 or 2
	dir     string // of this process's own group
}

// String is "memory v1".
func (c controller) String() string {
	if c.version == 2 {
		return c.name + " v2"
	}
	return c.name + " v1"
}

// controllers finds where this process's control groups are, of the controllers that limit
// memory and processes, below the /proc that is mounted at proc. What is not there, or not
// mounted, it leaves out.
func controllers(proc string) (found []controller) {
	paths, mounts := groupPaths(proc+"/self/cgroup"), groupMounts(proc+"/self/mountinfo")
	for _, name := range []string{"memory", "pids"} {
		for _, m := range mounts {
			if c, ok := m.controller(name, paths); ok {
				found = append(found, c)
				break
			}
		}
	}
	return found
}

// groupPaths are the paths of this process's groups by controller; "" is that of version 2. A
// line is "4:memory:/path".
func groupPaths(file string) map[string]string {
	paths := map[string]string{}
	for line := range fileLines(file) {
		if f := strings.SplitN(line, ":", 3); len(f) == 3 {
			for name := range strings.SplitSeq(f[1], ",") {
				paths[name] = f[2]
			}
		}
	}
	return paths
}

// groupMount is where a hierarchy of control groups is mounted.
type groupMount struct {
	root, dir   string   // what of it, and where
	controllers []string // of version 1
	version     int
}

// groupMounts reads lines of the form "35 31 0:32 ROOT DIR OPTIONS … - cgroup SOURCE rw,memory".
func groupMounts(file string) (mounts []groupMount) {
	for line := range fileLines(file) {
		before, after, ok := strings.Cut(line, " - ")
		b, a := strings.Fields(before), strings.Fields(after)
		if !ok || len(b) < 5 || len(a) < 3 {
			continue
		}
		m := groupMount{root: unescape.Replace(b[3]), dir: unescape.Replace(b[4])}
		switch a[0] {
		case "cgroup":
			m.version, m.controllers = 1, strings.Split(a[2], ",")
		case "cgroup2":
			m.version = 2
		default:
			continue
		}
		mounts = append(mounts, m)
	}
	return mounts
}

// unescape undoes what the kernel writes for characters that divide fields.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// controller is that of the name, if the hierarchy that is mounted there has it, and shows this
// process's own group.
func (m groupMount) controller(name string, paths map[string]string) (controller, bool) {
	key := name
	if m.version == 2 {
		key = ""
	} else if !slices.Contains(m.controllers, name) {
		return controller{}, false
	}
	path, ok := paths[key]
	if !ok {
		return controller{}, false
	}
	below, err := filepath.Rel(m.root, path)
	if err != nil || strings.HasPrefix(path, "/..") || below == ".." || strings.HasPrefix(below, "../") {
		return controller{}, false // it lies outside of what is mounted
	}
	c := controller{name, m.version, filepath.Join(m.dir, below)}
	if m.version == 2 && !listed(c.dir+"/cgroup.controllers", name) {
		return controller{}, false
	}
	return c, true
}

// listed reports whether a file of words has that one.
func listed(file, word string) bool {
	b, err := os.ReadFile(file)
	return err == nil && slices.Contains(strings.Fields(string(b)), word)
}

func fileLines(file string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		f, err := os.Open(file)
		if err != nil {
			return
		}
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			if !yield(s.Text()) {
				return
			}
		}
	}
}
