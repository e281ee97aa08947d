package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// sparse is a file that takes longer to search than any test: its beginning is text.
func sparse(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "sparse")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	const size = 8 << 40 // bytes, none of which is on the disk
	if err := os.Truncate(name, size); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("the file system has no sparse files of %d bytes: %v", size, err)
	}
	return name
}

// A match is printed while the rest of the file is searched; and Ctrl-C ends that.
func TestSearchTellsAtOnceAndEnds(t *testing.T) {
	name := sparse(t, "a needle")
	r := begin(t, name+":0x000002: [6e 65 65 64 6c 65]  |needle|\n", "search", "-C", "0", "needle", name)
	r.signal(syscall.SIGINT)
	r.end(statusInterrupted)
	r.gone()
	r.mustSay("outwork search: interrupted\n")
}

func TestSearchTimesOut(t *testing.T) {
	name := sparse(t, "a needle")
	r := begin(t, name+":0x000002: [6e 65 65 64 6c 65]  |needle|\n", "search", "--timeout", "5s", "-C", "0", "needle", name)
	r.end(statusTimeout)
	r.gone()
	r.mustSay("outwork search: search timed out after 5s\n")
}

// A pipe that nobody writes to does not keep the command.
func TestSearchOfAPipeEnds(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("needle"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := begin(t, text+":0x000000: [6e 65 65 64 6c 65]  |needle|\n", "search", "-C", "0", "needle", text, pipe)
	r.signal(syscall.SIGINT)
	r.end(statusInterrupted)
	r.gone()
}

// A worker that is killed costs the file that it searches.
func TestSearchWhoseWorkerIsKilled(t *testing.T) {
	name := sparse(t, "a needle")
	other := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, []byte("another needle"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := begin(t, name+":0x000002: [6e 65 65 64 6c 65]  |needle|\n", "search", "-C", "0", "needle", name, other)
	for _, pid := range r.left() {
		if !holds(pid, name) {
			continue
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	line, err := r.stdout.ReadString('\n')
	if want := other + ":0x000008: [6e 65 65 64 6c 65]  |needle|\n"; line != want {
		t.Errorf("%q, want %q: %v", line, want, err)
	}
	r.end(statusUsage)
	r.gone()
	r.mustSay("outwork search: cannot read " + name + ": ")
}

// holds reports whether a worker has the file open or mapped.
func holds(pid int, name string) bool {
	dir := fmt.Sprintf("/proc/%d", pid)
	title, _ := os.ReadFile(dir + "/cmdline")
	if !strings.Contains(string(title), "[") {
		return false
	}
	maps, _ := os.ReadFile(dir + "/maps")
	if strings.Contains(string(maps), name) {
		return true
	}
	fds, _ := filepath.Glob(dir + "/fd/*")
	return slices.ContainsFunc(fds, func(fd string) bool {
		to, _ := os.Readlink(fd)
		return to == name
	})
}
