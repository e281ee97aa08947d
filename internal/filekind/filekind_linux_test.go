package filekind

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Real files, told by both, in both ways.
func TestKinds(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	l, err := net.Listen("unix", at("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, err := range []error{os.WriteFile(at("file"), nil, 0o600), os.Symlink("nowhere", at("link")), unix.Mkfifo(at("pipe"), 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		dir: "a directory", at("file"): "a regular file", at("link"): "a symlink", at("pipe"): "a pipe",
		at("socket"): "a socket", "/dev/null": "a device",
	} {
		info, err := os.Lstat(path)
		var st unix.Stat_t
		if err == nil {
			err = unix.Lstat(path, &st)
		}
		if err != nil {
			t.Fatal(err)
		}
		if a, b := Of(info.Mode()), OfStat(st.Mode); a != b || a.Words() != want {
			t.Errorf("%s: %s and %s, want %s", path, a.Words(), b.Words(), want)
		}
	}
	if a, b := Of(os.ModeIrregular), OfStat(0); a != Special || b != Special || a.Words() != "a special file" {
		t.Errorf("what nobody knows: %s, %s", a.Words(), b.Words())
	}
}
