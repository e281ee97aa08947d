package module_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/outwork-go/outwork/internal/module"
)

// A link that leads out and a pipe are no absences.
func TestPythonStaysInsideRoot(t *testing.T) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "root")
	for _, file := range []string{"secret.py", "out/__init__.py", "out/secret.txt", "root/p/__init__.py", "root/p/x.txt", "root/ns/sub/m.py", "root/many/x/y"} {
		write(t, filepath.Join(outer, file), "secret")
	}
	for link, to := range map[string]string{
		"secret.py": "../secret.py", "out": "../out", "p/out": "../../out", "p/in": "../ns", "gone.py": "nothing", "in.py": "ns/sub/m.py", "inpkg": "p", "loop": "loop", "many/self": ".",
	} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, pipe := range []string{"pipe.py", "p/pipe", "many/pipe"} {
		if err := syscall.Mkfifo(filepath.Join(dir, pipe), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s := module.NewServer(r.FS(), roots("secret.py out/__init__.py pipe.py")[0])
	for name, want := range map[string]string{
		"secret":           `module "secret": cannot be read inside its root`,
		"out":              `module "out": cannot be read inside its root`,
		"out/secret.txt":   `module "out/secret.txt": cannot be read inside its root`,
		"p/out/secret.txt": `module "p/out/secret.txt": cannot be read inside its root`,
		"pipe":             `module "pipe": not a regular file`,
		"p/pipe":           `module "p/pipe": not a regular file`,
		"gone":             "missing",
		"in":               "in.py: secret",
		"inpkg":            "package inpkg/__init__.py: secret",
		"p/":               "package p/: __init__.py\nin/\nx.txt",
	} {
		if got := told(s.Get("python", name)); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got, want := topNames(s), "gone in inpkg ns/ out p pipe secret"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
