package main

import (
	"debug/elf"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The main example, over programs that this machine has, against Go's own
// reader.
func TestImportsOfRealPrograms(t *testing.T) {
	dynamic := 0
	for _, name := range []string{"sh", "ls", "git", "env", "cat", "gcc", "go"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		f, err := elf.Open(path)
		if err != nil {
			continue // a script, perhaps
		}
		want, err := f.ImportedLibraries()
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		if len(want) > 0 {
			dynamic++
		}
		out, err := command(t, "run", "--share", "data="+path, "../../examples/imports.star").Output()
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		var got []string
		for line := range strings.Lines(string(out)) {
			got = append(got, strings.TrimSpace(strings.TrimPrefix(line, "imported module: ")))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s imports %q, want %q", path, got, want)
		}
	}
	if dynamic == 0 {
		t.Error("this machine has no dynamically linked program to test with")
	}
}
