package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Where docs/architecture.md says that something happens: a file, and the names behind
// it that are functions of that file, as `Name`.
var (
	architectureFile = regexp.MustCompile("`([A-Za-z0-9_/.]+\\.(?:go|sh|py))`((?: `[A-Za-z]+`)*)")
	codeSpan         = regexp.MustCompile("`([A-Za-z]+)`")
	anyPath          = regexp.MustCompile("`((?:internal|script|container|cmd|docs|examples)/[A-Za-z0-9_/.]+)`")
)

func TestArchitectureNamesWhatThereIs(t *testing.T) {
	root := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range anyPath.FindAllStringSubmatch(string(text), -1) {
		if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
			t.Error(err)
		}
	}
	n := 0
	dir := ""
	for _, m := range architectureFile.FindAllStringSubmatch(string(text), -1) {
		name := m[1]
		if _, err := os.Stat(filepath.Join(root, name)); err != nil && !strings.Contains(name, "/") {
			name = filepath.Join(dir, name) // beside the one that was named before
		}
		source, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Error(err)
			continue
		}
		dir = filepath.Dir(name)
		for _, f := range codeSpan.FindAllStringSubmatch(m[2], -1) {
			n++
			if !regexp.MustCompile(`(?m)^(func (\([^)]*\) )?|type )` + f[1] + `\b`).Match(source) {
				t.Errorf("%s has no %s", name, f[1])
			}
		}
	}
	if n < 50 {
		t.Errorf("%d functions are named: is the form another?", n)
	}
}
