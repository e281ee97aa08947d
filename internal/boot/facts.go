package boot

import (
	"slices"
	"strconv"
	"strings"

	"github.com/outwork-go/outwork/host"
)

// facts are host.Facts that are being gathered.
type facts host.Facts

// maxBounds is how many Bounds are kept: more than there are.
const maxBounds = 8

// has reports whether a tool is there.
func (f *facts) has(tool string) bool { return slices.Contains(f.Tools, tool) }

// uname takes what uname -sm has said.
func (f *facts) uname(said string) {
	words := append(strings.Fields(said), "", "")
	f.platform(words[0], words[1])
	f.UID = -1
}

func (f *facts) platform(system, machine string) {
	f.System, f.Machine = name(system), name(machine)
	f.OS, f.Arch = platform(f.System, f.Machine)
}

// name is s without what is in no name of a system or machine.
func name(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || strings.ContainsRune("-_.", r) {
			return r
		}
		return -1
	}, s)
}

// take takes what the stage has said. What is not known is passed over.
func (f *facts) take(reply []string) {
	r := make([]string, 7)
	for i := range min(len(r), len(reply)) {
		r[i] = plain([]byte(reply[i]))
	}
	switch r[0] {
	case "os":
		f.platform(r[1], r[2])
		if uid, err := strconv.Atoi(r[3]); err == nil && uid >= 0 {
			f.UID = uid
		}
		f.User, f.Home, f.Shell = r[4], r[5], r[6]
	case "tool":
		f.Tools = append(f.Tools, r[1])
	case "python":
		f.Python = r[1]
	case "cached":
		f.Cached = r[1]
	case "bound":
		if len(f.Bounds) == maxBounds {
			return
		}
		f.Bounds = append(f.Bounds, strings.TrimSpace(r[1]+" "+r[2]))
	case "dir", "full":
		f.dir(host.Dir{Path: r[1], Why: r[2]})
	}
}

// dir is what became known last of a directory.
func (f *facts) dir(d host.Dir) {
	for i := range f.Dirs {
		if f.Dirs[i].Path == d.Path {
			f.Dirs[i] = d
			return
		}
	}
	f.Dirs = append(f.Dirs, d)
}
