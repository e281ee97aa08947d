package python

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// plant makes files, and folders of those whose names end in a slash.
func plant(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			os.MkdirAll(path, 0o755)
			continue
		}
		if to, ok := strings.CutPrefix(text, "-> "); ok {
			if err := os.Symlink(to, path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReads: what an interpreter may read is its own, wherever it is installed.
func TestReads(t *testing.T) {
	binary := elf + "..."
	for _, test := range []struct {
		what    string
		files   map[string]string
		program string // below the root
		env     []string
		becomes string   // likewise; "": an error
		want    []string // likewise: all that is read below the root; or what the error says
	}{
		{"an installation of its own", map[string]string{
			"py/bin/python3.12": binary, "py/bin/python3": "-> python3.12", "py/lib/python3.12/os.py": "", "py/lib/libpython3.12.so.1.0": "",
			"py/lib/secret.so": "", "py/share/secret": "", "py/lib64/python3.12/": "",
		}, "py/bin/python3", nil, "py/bin/python3.12", []string{
			"py/bin/python3.12", "py/lib/libpython3.12.so.1.0", "py/lib/python3.12", "py/lib64/python3.12",
		}},
		{"a folder with a name like a pattern", map[string]string{"py[1]*/bin/python3.12": binary, "py[1]*/lib/python3.12/": ""}, "py[1]*/bin/python3.12", nil, "py[1]*/bin/python3.12", []string{
			"py[1]*/bin/python3.12", "py[1]*/lib/python3.12",
		}},
		{"a link to it, from where nothing else is", map[string]string{
			"py/bin/python3.12": binary, "py/lib/python3.12/os.py": "", "bin/python3": "-> ../py/bin/python3.12", "lib/python3/secret": "",
		}, "bin/python3", nil, "py/bin/python3.12", []string{"py/bin/python3.12", "py/lib/python3.12"}},
		{"a virtual environment", map[string]string{
			"py/bin/python3.12": binary, "py/lib/python3.12/os.py": "", "env/bin/python": "-> " + "../../py/bin/python3.12",
			"env/pyvenv.cfg": "home = x", "env/lib/python3.12/site-packages/": "", "env/secret": "",
		}, "env/bin/python", nil, "env/bin/python", []string{
			"env/bin/python", "env/lib/python3.12", "env/pyvenv.cfg", "py/bin/python3.12", "py/lib/python3.12",
		}},
		{"conda's, which brings its libraries", map[string]string{
			"conda/bin/python3.12": binary, "conda/lib/python3.12/": "", "conda/lib/libssl.so": "", "conda/conda-meta/": "",
		}, "conda/bin/python3.12", nil, "conda/bin/python3.12", []string{"conda/bin/python3.12", "conda/lib", "conda/lib/python3.12"}},
		{"a shim of pyenv's", map[string]string{
			"env/shims/python3": "#!/bin/sh", "env/version": "3.12.1\n", "env/versions/3.12.1/bin/python3": binary, "env/versions/3.12.1/lib/python3.12/": "",
			"env/versions/3.13.0/bin/python3": binary,
		}, "env/shims/python3", nil, "env/versions/3.12.1/bin/python3", []string{"env/versions/3.12.1/bin/python3", "env/versions/3.12.1/lib/python3.12"}},
		{"the same, with a version named", map[string]string{
			"env/shims/python3": "#!/bin/sh", "env/version": "3.12.1\n", "env/versions/3.12.1/bin/python3": binary, "env/versions/3.13.0/bin/python3": binary,
		}, "env/shims/python3", []string{"PYENV_VERSION=system:3.13.0:3.12.1"}, "env/versions/3.13.0/bin/python3", []string{"env/versions/3.13.0/bin/python3"}},
		{"the same, of a version that is not there", map[string]string{
			"env/shims/python3": "#!/bin/sh", "env/versions/3.12.1/bin/python3": binary,
		}, "env/shims/python3", []string{"PYENV_VERSION=../..:2"}, "", []string{"no python3 in its version", "name the interpreter itself"}},
		{"a script", map[string]string{"bin/python3": "#!/bin/sh\nexec python3.12"}, "bin/python3", nil, "", []string{"is a script", "name the interpreter itself"}},
		{"nothing", map[string]string{"bin/python3": ""}, "bin/python3", nil, "", []string{"is a script"}},
		{"a link to nothing", map[string]string{"bin/python3": "-> nothing"}, "bin/python3", nil, "", []string{"no such file"}},
	} {
		root, err := filepath.EvalSymlinks(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		plant(t, root, test.files)
		program, reads, err := interpreter{}.Reads(filepath.Join(root, test.program), test.env)
		if test.becomes == "" {
			for _, words := range test.want {
				if err == nil || !strings.Contains(err.Error(), words) {
					t.Errorf("%s: %v does not say %q", test.what, err, words)
				}
			}
			continue
		}
		if err != nil || program != filepath.Join(root, test.becomes) {
			t.Errorf("%s: %s, %v", test.what, program, err)
		}
		var own []string
		for _, p := range reads {
			if !exists(p) || !filepath.IsAbs(p) {
				t.Errorf("%s: %s is not there", test.what, p)
			}
			if rest, ok := strings.CutPrefix(p, root+"/"); ok {
				own = append(own, rest)
			}
		}
		if !slices.Equal(own, test.want) {
			t.Errorf("%s: it reads %q, want %q", test.what, own, test.want)
		}
	}
}
