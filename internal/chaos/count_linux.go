package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// self counts what this process holds.
type self struct {
	goroutines, descriptors, children int
	rss                               int64 // bytes
}

func countSelf() (c self) {
	c.goroutines = runtime.NumGoroutine()
	if all, err := os.ReadDir("/proc/self/fd"); err == nil {
		c.descriptors = len(all) - 1 // that of the directory
	}
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	for _, l := range lists {
		b, _ := os.ReadFile(l)
		c.children += len(bytes.Fields(b))
	}
	b, _ := os.ReadFile("/proc/self/statm")
	if f := bytes.Fields(b); len(f) > 1 {
		pages, _ := strconv.ParseInt(string(f[1]), 10, 64)
		c.rss = pages * int64(os.Getpagesize())
	}
	return c
}

// settle is how long what has been closed may take to be gone from the counts: a goroutine that has
// said that it ends is not gone yet.
const settle = 5 * time.Second

// beyond is how much more there is than before, and tells of it. It waits a while for it to go.
func (c self) beyond(before self, tell func(string)) tally {
	for end := time.Now().Add(settle); time.Now().Before(end) && c.more(before); c = countSelf() {
		time.Sleep(10 * time.Millisecond)
	}
	t := tally{}
	for _, x := range []struct {
		what       string
		is, before int
	}{
		{"goroutines", c.goroutines, before.goroutines},
		{"descriptors", c.descriptors, before.descriptors},
		{"children", c.children, before.children},
	} {
		if n := x.is - x.before; n > 0 {
			t["left "+x.what] += int64(n)
			tell(fmt.Sprintf("%d %s are left%s", n, x.what, detail(x.what)))
		}
	}
	return t
}

func (c self) more(before self) bool {
	return c.goroutines > before.goroutines || c.descriptors > before.descriptors || c.children > before.children
}

// detail tells which there are.
func detail(what string) string {
	switch what {
	case "goroutines":
		b := make([]byte, 64<<10)
		return ":\n" + string(b[:runtime.Stack(b, true)])
	case "descriptors":
		var all []string
		names, _ := filepath.Glob("/proc/self/fd/*")
		for _, n := range names {
			to, _ := os.Readlink(n)
			all = append(all, filepath.Base(n)+" "+to)
		}
		return ": " + strings.Join(all, ", ")
	}
	return ""
}

// world counts what is in the namespaces of a run, by kind: each thing by a name that tells it.
type world map[string][]string

// countWorld is the world as it is. All that begins with an ignored path does not count.
func countWorld(ignored ...string) world {
	w := world{
		"processes":      processNames(),
		"mounts":         lines("/proc/self/mountinfo", 4),
		"interfaces":     dirNames("/proc/sys/net/ipv4/conf"),
		"control groups": groups(),
	}
	for _, kind := range []string{"tcp", "tcp6", "udp", "unix"} {
		w["sockets"] = append(w["sockets"], sockets(kind)...)
	}
	w["files"] = files(append(scratch, home), ignored)
	w["shared memory"] = append(lines("/proc/sysvipc/shm", 1), lines("/proc/sysvipc/sem", 1)...)
	return w
}

// beyond is what there is of each kind that was not there before.
func (w world) beyond(before world) map[string][]string {
	left := map[string][]string{}
	for kind, all := range w {
		rest := slices.Clone(before[kind])
		left[kind] = []string{}
		for _, name := range all {
			if i := slices.Index(rest, name); i >= 0 {
				rest = slices.Delete(rest, i, i+1)
			} else {
				left[kind] = append(left[kind], name)
			}
		}
	}
	return left
}

func (w world) clean(before world) bool {
	for _, left := range w.beyond(before) {
		if len(left) > 0 {
			return false
		}
	}
	return true
}

// lines are the words of a file's lines with that place.
func lines(name string, place int) (all []string) {
	b, _ := os.ReadFile(name)
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > place {
			all = append(all, f[place])
		}
	}
	return all
}

func dirNames(dir string) (all []string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// processNames are all but this one and the first.
func processNames() (all []string) {
	for _, p := range processes() {
		if p.pid != os.Getpid() && p.pid != 1 {
			all = append(all, p.String())
		}
	}
	return all
}

// groups are the control groups that were made for workers of this world, which have the number of its
// pid namespace in their names.
func groups() (all []string) {
	link, _ := os.Readlink("/proc/self/ns/pid")
	number := strings.Trim(strings.TrimPrefix(link, "pid:"), "[]")
	filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.Contains(d.Name(), "outwork-"+number+"-") {
			all = append(all, path)
		}
		return nil
	})
	return all
}

// sockets are those of this world's network that somebody has: the kernel keeps others until late
// packets have come, or the other side has gone.
func sockets(kind string) (all []string) {
	b, _ := os.ReadFile("/proc/self/net/" + kind)
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		switch {
		case len(f) < 7 || f[0] == "sl" || f[0] == "Num":
		case kind == "unix":
			all = append(all, "unix "+strings.Join(f[7:], " "))
		case len(f) > 9 && f[9] == "0": // of no file
		default:
			all = append(all, kind+" "+f[1]+" "+f[2]+" "+f[3])
		}
	}
	return all
}

// files are those below some directories, without what begins with an ignored path.
func files(dirs, ignored []string) (all []string) {
	for _, dir := range dirs {
		filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return nil
			}
			for _, i := range ignored {
				if path == i || strings.HasPrefix(path, i+"/") {
					return nil
				}
			}
			if !d.IsDir() {
				all = append(all, path)
			}
			return nil
		})
	}
	slices.Sort(all)
	return slices.Compact(all)
}
