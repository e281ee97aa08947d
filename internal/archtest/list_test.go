package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const modulePath = "github.com/outwork-go/outwork"

// pkg is what these tests read from go list.
type pkg struct {
	ImportPath string
	Doc        string
	Imports    []string
}

// below is path without the module's own, empty for the module root.
func below(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, modulePath), "/")
}

// ours reports whether path is of this module.
func ours(path string) bool {
	return path == modulePath || strings.HasPrefix(path, modulePath+"/")
}

// under reports whether a package is prefix or lies below it.
func under(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

// goTool runs the go command at the top of the module and returns its output.
func goTool(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return out
}

// list returns the packages that go list finds.
func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	var all []pkg
	dec := json.NewDecoder(bytes.NewReader(goTool(t, append([]string{"list", "-json=ImportPath,Doc,Imports"}, args...)...)))
	for {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// need ends the test when the module lacks a package: as a failure under
// continuous integration, which has all of them.
func need(t *testing.T, path string) {
	t.Helper()
	for _, p := range list(t, "./...") {
		if below(p.ImportPath) == path {
			return
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("package %q is not there", path)
	}
	t.Skipf("package %q is not there yet", path)
}
