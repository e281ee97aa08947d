package outwork_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/outwork-go/outwork"
)

func TestExamples(t *testing.T) {
	for dir, want := range map[string]string{
		"./examples/confined": `^the worker is confined: strict\n(?:  .+\n)*  seccomp.*\n(?:  .+\n)*it has read .+: ELF64 .+, \d+ libraries\nby itself the worker cannot read it: .+\n$`,
		"./examples/hello":    `^Hello, World\n$`,
		"./examples/joined":   `^join://web1 is .+\n$`,
		"./examples/search":   `^local search \(ms\): \d+\.\d\d\nremote search \(ms\): \d+\.\d\d\n$`,
	} {
		t.Run(dir, func(t *testing.T) {
			nothingLeft(t)
			got := output(t, outwork.Target{Program: build(t, dir)})
			if !regexp.MustCompile(want).MatchString(got) {
				t.Errorf("it printed %q", got)
			}
		})
	}
}

// Another module builds and runs the first program, and tests its package by
// the documented recipe, with no more than a replace line.
func TestAnotherModule(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for from, to := range map[string]string{"examples/hello/main.go": "main.go", "go.sum": "go.sum", "testdata/hello_test.go.txt": "main_test.go"} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "GOSUMDB=off")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	const module = "github.com/outwork-go/outwork"
	run("mod", "init", "example.com/hello")
	run("mod", "edit", "-require="+module+"@v0.0.0", "-replace="+module+"="+here)
	run("build", "-o", "hello", ".")
	if got := output(t, outwork.Target{Program: filepath.Join(dir, "hello")}); got != "Hello, World\n" {
		t.Errorf("it printed %q", got)
	}
	run("test", ".")
}
