package starlark

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/container"
)

// wantFile holds the file at path against data and mode, and its folder
// against a temporary file in it.
func wantFile(t *testing.T, path, data string, mode uint32) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != data {
		t.Errorf("%s: got %q, %v; want %q", path, got, err, data)
	}
	var s unix.Stat_t
	if err := unix.Stat(path, &s); err != nil || s.Mode&modeBits != mode {
		t.Errorf("%s: mode is %o, %v; want %o", path, s.Mode&modeBits, err, mode)
	}
	wantNoTemp(t, filepath.Dir(path))
}

func wantNoTemp(t *testing.T, folder string) {
	t.Helper()
	if left, _ := filepath.Glob(filepath.Join(folder, ".outwork-*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestHostWrite(t *testing.T) {
	defer unix.Umask(unix.Umask(0o077)) // modes hold in spite of it
	d := odd(t)
	large := strings.Repeat("\x00", 2*smallFile) + "mark"
	for _, w := range []struct {
		name, args, data string
		mode             uint32
	}{
		{"new", `"text"`, "text", 0o644},
		{"new", `b"by\x00tes", mode = 0o4751`, "by\x00tes", 0o4751},
		{"new", `"again"`, "again", 0o4751},
		{"new", `"", None`, "", 0o4751},
		{"new", `"x", 0`, "x", 0},
		{"copy", `host.open(d + "/large")`, large, 0o644},
		{"copy", `host.open(d + "/large").slice(131072, 2)`, "ma", 0o644},
		{"copy", `host.open(d + "/copy")`, "ma", 0o644},
		{strings.Repeat("n", 255), `"longest name"`, "longest name", 0o644},
	} {
		wantInHost(t, d, `host.write(d + "/`+w.name+`", `+w.args+`)`, nil)
		wantFile(t, filepath.Join(d, w.name), w.data, w.mode)
	}
	t.Chdir(d)
	wantInHost(t, d, `host.write("relative", "x")`, nil)
	wantFile(t, "relative", "x", 0o644)
}

// TestHostWriteReplaces has the old file open, which must stay as it is.
func TestHostWriteReplaces(t *testing.T) {
	d := odd(t)
	old, err := os.Open(filepath.Join(d, "small"))
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	wantInHost(t, d, `host.write(d + "/small", "new")`, nil)
	var b [10]byte
	if n, _ := old.Read(b[:]); string(b[:n]) != "abcabc" {
		t.Errorf("the old file has become %q", b[:n])
	}
}

func TestHostWriteKeepsOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("giving a file to another user needs root")
	}
	d := odd(t)
	path := filepath.Join(d, "small")
	if err := os.Chown(path, 12345, 54321); err != nil {
		t.Fatal(err)
	}
	if err := unix.Chmod(path, 0o6755); err != nil {
		t.Fatal(err)
	}
	wantInHost(t, d, `host.write(d + "/small", "new")`, nil)
	wantFile(t, path, "new", 0o6755)
	wantInHost(t, d, `[host.stat(d + "/small").uid, host.stat(d + "/small").gid]`, []any{int64(12345), int64(54321)})
}

func TestHostWriteFails(t *testing.T) {
	d := odd(t)
	for call, want := range map[string]string{
		`d + "/folder", ""`:       `host.write("D/folder"): it is a folder, not a file`,
		`d + "/pipe", ""`:         `host.write("D/pipe"): it is a pipe, not a file`,
		`d + "/link", ""`:         `host.write("D/link"): it is a symbolic link to "small": write there, or remove it first`,
		`d + "/dangling", ""`:     `host.write("D/dangling"): it is a symbolic link to "nothing"`,
		`d + "/none/x", ""`:       `host.write("D/none/x"): its folder is not there`,
		`d + "/none/", ""`:        `host.write("D/none/"): a file's name does not end with a slash`,
		`d + "/small/x", ""`:      `host.write("D/small/x"): not a directory`,
		`"/dev/null", ""`:         `it is a device, not a file`,
		`d + "/" + "x" * 256, ""`: `"): file name too long`,
		`"x\0", ""`:               `host.write: for parameter path: a path cannot have a NUL in it`,
		`d + "/new", 1`:           `host.write: for parameter data: got int, want string, bytes or a container`,
		`d + "/new", "", 0o10000`: `host.write("D/new"): mode is 4096, not 0 to 0o7777`,
		`d + "/new", "", -1`:      `mode is -1, not 0 to 0o7777`,
		`d + "/new", "", 1 << 70`: `mode is 1180591620717411303424, not 0 to 0o7777`,
		`d + "/new", "", "0644"`:  `mode is "0644", not 0 to 0o7777`,
		`"/proc/self/x", ""`:      `host.write("/proc/self/x"): cannot make a file in its folder: `,
	} {
		wantHostError(t, d, "host.write("+call+")", want)
	}
	wantFile(t, filepath.Join(d, "small"), "abcabc", 0o644)
	if _, err := os.Lstat(filepath.Join(d, "new")); err == nil {
		t.Error("a failed write has made a file")
	}
}

func TestHostWriteUnwritable(t *testing.T) {
	d := odd(t)
	asUser(t, d, func() {
		wantHostError(t, d, `host.write(d + "/new", "")`, `host.write("D/new"): cannot make a file in its folder: permission denied`)
		wantHostError(t, d, `host.write(d + "/small", "")`, `cannot make a file in its folder: permission denied`)
	})
	wantFile(t, filepath.Join(d, "small"), "abcabc", 0o644)
}

// TestHostWriteCannotKeepOwner is of a folder that anybody may write in.
func TestHostWriteCannotKeepOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a file of another user needs root")
	}
	d := odd(t)
	if err := os.Chmod(d, 0o777); err != nil {
		t.Fatal(err)
	}
	asUser(t, d, func() {
		wantHostError(t, d, `host.write(d + "/small", "")`, `host.write("D/small"): cannot keep its owner, user 0 and group 0: operation not permitted`)
	})
	wantFile(t, filepath.Join(d, "small"), "abcabc", 0o644)
}

// asUser runs fn where the folder d may be reached and not be written to, whoever runs the test.
func asUser(t *testing.T, d string, fn func()) {
	t.Helper()
	if os.Getuid() != 0 {
		if err := os.Chmod(d, 0o555); err != nil {
			t.Fatal(err)
		}
		fn()
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
		return
	}
	for up := d; up != "/" && up != os.TempDir(); up = filepath.Dir(up) {
		if err := unix.Access(up, unix.X_OK); err != nil {
			t.Fatal(err)
		}
		var s unix.Stat_t
		if err := unix.Stat(up, &s); err != nil {
			t.Fatal(err)
		}
		if err := unix.Chmod(up, s.Mode&modeBits|0o055); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Seteuid(12345); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Seteuid(0); err != nil {
			t.Fatal(err)
		}
	}()
	fn()
}

// TestHostWriteBreaksOff has data that ends with an error in the middle.
func TestHostWriteBreaksOff(t *testing.T) {
	d := odd(t)
	h := granted()
	h.Shared = func(context.Context, string) (container.Container, error) { return breaking{}, nil }
	_, err := h.run(t, "def main(d): host.write(d + '/small', shared('data'))\n", d)
	if err == nil || !strings.HasSuffix(err.Error(), `/small"): `+errBroken.Error()) {
		t.Errorf("got %v", err)
	}
	wantFile(t, filepath.Join(d, "small"), "abcabc", 0o644)
}

// breaking is a container whose second half cannot be read.
type breaking struct{ memory }

func (breaking) Size() int64 { return 1 << 20 }

func (breaking) ReadAt(p []byte, off int64) (int, error) {
	if off >= 1<<19 {
		return 0, errBroken
	}
	clear(p)
	return len(p), nil
}

// TestHostWriteStopped is cancelled in the middle of the data.
func TestHostWriteStopped(t *testing.T) {
	d := odd(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("enough")
	h := granted()
	h.Shared = func(context.Context, string) (container.Container, error) {
		return stopping{endless{}, func() { cancel(reason) }}, nil
	}
	source := "def main(d): host.write(d + '/small', shared('data'))\n"
	_, err := Run(ctx, h.Host, Script{Name: "x", Source: []byte(source), Args: []string{d}}, Limits{})
	if !errors.Is(err, reason) {
		t.Errorf("got %v", err)
	}
	wantFile(t, filepath.Join(d, "small"), "abcabc", 0o644)
}

// stopping calls stop when it is read.
type stopping struct {
	endless
	stop func()
}

func (s stopping) ReadAt(p []byte, off int64) (int, error) {
	s.stop()
	return s.endless.ReadAt(p, off)
}

// TestHostWriteCannotRename puts a folder in the place after look has looked.
func TestHostWriteCannotRename(t *testing.T) {
	d := odd(t)
	w := writing{path: filepath.Join(d, "folder"), mode: 0o644}
	if err := w.write(strings.NewReader("new")); err == nil {
		t.Error("no error")
	}
	wantNoTemp(t, d)
	if info, err := os.Stat(w.path); err != nil || !info.IsDir() {
		t.Errorf("the folder has become %v, %v", info, err)
	}
}
