package spell

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestFile(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"hello.star", "notes.txt", "lib/one.star", "lib/two.star"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"helo.star": "hello.star", "./hlelo.star": "./hello.star", "hello.sta": "hello.star", "lob": "lib",
		"lib/tow.star": "lib/two.star", "libb/one.star": "lib/one.star", "libb/three.star": "", "libb/oen.star": "",
		"frobnicate": "", "nowhere/at/all": "", "": "", "/": "", "lib/": "", "/no/such/place": "",
	} {
		if got := File(path, nil); got != want {
			t.Errorf("near %q is %q, want %q", path, got, want)
		}
	}
	if got := File("lob", func(e fs.DirEntry) bool { return !e.IsDir() }); got != "" {
		t.Errorf("a folder was taken for a file: %q", got)
	}
}
