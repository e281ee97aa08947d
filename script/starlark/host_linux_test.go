package starlark

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// granted is a host that grants the machine.
func granted() *testHost {
	h := newHost(nil, nil)
	h.Grants = []string{GrantHost}
	return h
}

// inHost is what expr gives, with d as the path of a folder.
func inHost(t *testing.T, d, expr string) (any, error) {
	t.Helper()
	return granted().run(t, "def main(d):\n    return "+expr+"\n", d)
}

func wantInHost(t *testing.T, d, expr string, want any) {
	t.Helper()
	if got, err := inHost(t, d, expr); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %#v, %v; want %#v", expr, got, err, want)
	}
}

func wantHostError(t *testing.T, d, expr, want string) {
	t.Helper()
	v, err := inHost(t, d, expr)
	if err == nil {
		t.Errorf("%s: got %v, want an error", expr, v)
		return
	}
	wantText(t, strings.ReplaceAll(err.Error(), d, "D"), want)
}

func writeFile(t *testing.T, path, data string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

// odd makes a folder with one of each kind of file in it.
func odd(t *testing.T) string {
	t.Helper()
	d := t.TempDir()
	writeFile(t, filepath.Join(d, "small"), "abcabc")
	writeFile(t, filepath.Join(d, "empty"), "")
	writeFile(t, filepath.Join(d, "large"), strings.Repeat("\x00", 2*smallFile)+"mark")
	writeFile(t, filepath.Join(d, "odd \xff\n"), "odd")
	for _, err := range []error{
		os.Mkdir(filepath.Join(d, "folder"), 0o750),
		os.Symlink("small", filepath.Join(d, "link")),
		os.Symlink("nothing", filepath.Join(d, "dangling")),
		os.Symlink("loop", filepath.Join(d, "loop")),
		syscall.Mkfifo(filepath.Join(d, "pipe"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func TestHostOpen(t *testing.T) {
	d := odd(t)
	wantInHost(t, d, `host.open(d + "/small").read()`, []byte("abcabc"))
	wantInHost(t, d, `host.open(d + "/link").find_all("bc")`, []any{int64(1), int64(4)})
	wantInHost(t, d, `host.open(d + "/empty").size`, int64(0))
	wantInHost(t, d, `host.open(host.glob(d + "/odd*")[0]).read()`, []byte("odd"))
	wantInHost(t, d, `host.open(d + "/large").find("mark")`, int64(2*smallFile))
	wantInHost(t, d, `host.open(d + "/large").slice(131072).read()`, []byte("mark"))
	wantInHost(t, d, `type(host.open(d + "/large"))`, "container")
	wantInHost(t, d, `host.open("/proc/self/status").find("Name:")`, int64(0))
	wantInHost(t, d, `host.read(d + "/small")`, []byte("abcabc"))
	wantInHost(t, d, `len(host.read(d + "/large"))`, int64(2*smallFile+4))
	wantInHost(t, d, `find(host.read("/proc/self/status"), "Name:")`, int64(0))
}

func TestHostOpenFails(t *testing.T) {
	d := odd(t)
	for _, f := range []string{"open", "read"} {
		for path, want := range map[string]string{
			`d + "/nothing"`:      `host.F("D/nothing"): no such file`,
			`d + "/dangling"`:     `host.F("D/dangling"): no such file`,
			`d + "/small/x"`:      `host.F("D/small/x"): not a directory`,
			`d + "/folder"`:       `host.F("D/folder"): it is a folder, not a file`,
			`d + "/pipe"`:         `host.F("D/pipe"): it is a pipe, not a file`,
			`d + "/loop"`:         `host.F("D/loop"): too many levels of symbolic links`,
			`"/dev/null"`:         `host.F("/dev/null"): it is a device, not a file`,
			`""`:                  `host.F: for parameter path: a path cannot be empty`,
			`"a\0b"`:              `host.F: for parameter path: a path cannot have a NUL in it`,
			`b"/etc"`:             `host.F: for parameter path: got bytes, want string`,
			`"/" + "x" * 1000000`: `…"): file name too long`,
			`"/\x1b[2J"`:          `host.F("/\x1b[2J"): no such file`,
		} {
			wantHostError(t, d, "host."+f+"("+path+")", strings.ReplaceAll(want, "host.F", "host."+f))
		}
	}
	if err := os.Truncate(filepath.Join(d, "large"), maxRead+1); err != nil {
		t.Fatal(err)
	}
	wantHostError(t, d, `host.read(d + "/large")`, `host.read("D/large"): it has more than 64 MiB: host.open reads it part by part`)
	wantInHost(t, d, `host.open(d + "/large").size`, int64(maxRead+1))
}

// TestHostFilesAreClosed counts descriptors around scripts that open many files.
func TestHostFilesAreClosed(t *testing.T) {
	d := odd(t)
	for i := range 300 {
		writeFile(t, filepath.Join(d, fmt.Sprintf("n%d", i)), strings.Repeat("x", smallFile+i+1))
	}
	before := descriptors(t)
	wantInHost(t, d, `len([host.open(p).u8(1) for p in host.glob(d + "/n*")])`, int64(300))
	wantHostError(t, d, `[host.open(p) for p in host.glob(d + "/*")]`, "D/dangling")
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}

func TestHostStat(t *testing.T) {
	d := odd(t)
	when := time.Unix(1_700_000_000, 5000)
	if err := os.Chtimes(filepath.Join(d, "small"), when, when); err != nil {
		t.Fatal(err)
	}
	if err := unix.Chmod(filepath.Join(d, "small"), 0o4710); err != nil {
		t.Fatal(err)
	}
	got, err := inHost(t, d, `host.stat(d + "/small")`)
	if err != nil {
		t.Fatal(err)
	}
	m := got.(map[any]any)
	for field, want := range map[string]any{
		"name": "small", "size": int64(6), "mode": int64(0o4710), "is_dir": false, "is_file": true, "is_link": false,
		"target": nil, "uid": int64(os.Getuid()), "links": int64(1),
	} {
		if m[field] != want {
			t.Errorf("%s: got %v, want %v", field, m[field], want)
		}
	}
	if at := m["mtime"].(time.Time); !at.Equal(when) {
		t.Errorf("got %v, want %v", at, when)
	}
	wantInHost(t, d, `host.stat(d + "/link").is_link`, false)
	wantInHost(t, d, `host.stat(d + "/link", follow = False).is_link`, true)
	wantInHost(t, d, `host.stat(d + "/link", follow = False).target`, "small")
	wantInHost(t, d, `host.stat(d + "/folder/").is_dir`, true)
	wantInHost(t, d, `host.stat(d + "/folder/").name`, "folder")
	wantInHost(t, d, `host.stat(d + "/pipe").is_file`, false)
	wantInHost(t, d, `host.stat(d + "/large").disk >= 131072`, true)
	wantInHost(t, d, `host.stat(d + "/nothing")`, nil)
	wantInHost(t, d, `host.stat(d + "/dangling")`, nil)
	wantInHost(t, d, `host.stat(d + "/small/x")`, nil)
	wantHostError(t, d, `host.stat(d + "/loop")`, `host.stat("D/loop"): too many levels`)
	wantHostError(t, d, `host.stat("x\0")`, "NUL")
}

func TestHostFacts(t *testing.T) {
	hostname, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	got, err := inHost(t, "", "host.facts()")
	if err != nil {
		t.Fatal(err)
	}
	m := got.(map[any]any)
	if m["os"] != "linux" || m["hostname"] != hostname || m["uid"] != int64(os.Geteuid()) || m["cpus"].(int64) < 1 || m["memory"].(int64) < 1<<24 {
		t.Errorf("got %v", m)
	}
	for _, field := range []string{"arch", "kernel", "machine"} {
		if m[field] == "" {
			t.Errorf("%s is empty", field)
		}
	}
	wantHostError(t, "/nowhere", "host.facts(1)", "host.facts: got 1 arguments, want at most 0")
}

func TestHostExample(t *testing.T) {
	d := odd(t)
	if err := os.Link(filepath.Join(d, "small"), filepath.Join(d, "folder", "again")); err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("../../examples/facts.star")
	if err != nil {
		t.Fatal(err)
	}
	h := granted()
	if _, err := h.run(t, string(source), d, d+"/none"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"host: ", "CPUs: ", "memory: ", "load: ", d + ": ", " in 4 files\n", d + "/none: not there\n"} {
		wantText(t, h.out.String(), want)
	}
}

// TestHostReadEnds is of a read that waits for as long as the kernel says
// nothing.
func TestHostReadEnds(t *testing.T) {
	f, err := os.OpenFile("/proc/kmsg", os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Skipf("reading the kernel's messages needs root: %v", err)
	}
	f.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = Run(ctx, granted().Host, Script{Name: "x", Source: []byte(`host.read("/proc/kmsg")`)}, Limits{})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
