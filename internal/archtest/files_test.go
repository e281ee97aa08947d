package archtest

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"regexp"
	"testing"
)

// machinePath finds the absolute paths of somebody's own machine.
var machinePath = regexp.MustCompile(`(^|[^A-Za-z0-9_.])/(root|work)/`)

func TestMachinePath(t *testing.T) {
	for text, want := range map[string]bool{
		"/ro" + "ot/x": true, "see /wo" + "rk/main": true, `"/wo` + `rk/"`: true,
		"up/root/x": false, "/var/work/x": false, "/workers/": false, "./work/x": false,
	} {
		if got := machinePath.MatchString(text); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestFilesNameNoMachine(t *testing.T) {
	top := os.DirFS("../..")
	err := fs.WalkDir(top, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path.Base(name) == ".git":
			return fs.SkipDir
		case !entry.Type().IsRegular(), path.Base(name) == ".git": // that of a linked work tree is git's
			return nil
		}
		data, err := fs.ReadFile(top, name)
		if err != nil {
			return err
		}
		checkFile(t, name, data)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// checkFile looks at one file, unless it is not a text.
func checkFile(t *testing.T, name string, data []byte) {
	t.Helper()
	if bytes.IndexByte(data, 0) >= 0 {
		return
	}
	number := 0
	for line := range bytes.Lines(data) {
		number++
		if machinePath.Match(line) {
			t.Errorf("%s:%d names a path of a machine: %s", name, number, bytes.TrimSpace(line))
		}
	}
}
