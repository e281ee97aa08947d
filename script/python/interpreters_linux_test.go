package python_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Oldest and newest: python3.N is looked for in PATH for these.
const (
	oldestMinor = 8
	newestMinor = 14
)

// interpreters are the Pythons that a test runs under, the system's own first; that one
// alone where tests are slow.
func interpreters(t *testing.T) []string {
	t.Helper()
	all := found()
	switch {
	case len(all) == 0 && os.Getenv("CI") == "true":
		t.Fatal("there is no python3 of version 3.8 or later")
	case len(all) == 0:
		t.Skip("there is no python3 of version 3.8 or later")
	case raceEnabled || testing.Short():
		return all[:1]
	}
	return all
}

// found are the interpreters of this machine, each once, however many names it has.
var found = sync.OnceValue(func() (all []string) {
	for _, p := range candidates() {
		if p = executable(p); p != "" && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
})

func candidates() (all []string) {
	names := []string{"python3"}
	for n := newestMinor; n >= oldestMinor; n-- {
		names = append(names, fmt.Sprintf("python3.%d", n))
	}
	for _, name := range names {
		all = append(all, "/usr/bin/"+name)
	}
	for _, name := range names {
		if p, err := exec.LookPath(name); err == nil {
			all = append(all, p)
		}
	}
	root := os.Getenv("PYENV_ROOT")
	if home, err := os.UserHomeDir(); root == "" && err == nil {
		root = filepath.Join(home, ".pyenv")
	}
	below, _ := filepath.Glob(filepath.Join(root, "versions", "*", "bin", "python3")) // the pattern is good, whatever root is
	return append(all, below...)
}

// executable is what an interpreter, or what stands before it, says that it is; nothing
// if it is none that workers could run.
func executable(p string) string {
	ask := fmt.Sprintf("import sys; sys.version_info >= (3, %d) and print(sys.executable)", oldestMinor)
	out, err := exec.Command(p, "-I", "-c", ask).Output()
	if err != nil || len(out) == 0 {
		return ""
	}
	real, err := filepath.EvalSymlinks(strings.TrimSpace(string(out)))
	if err != nil {
		return ""
	}
	return real
}
