package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// exampleLines are the command lines in the help of a verb, fit for a shell, without what would
// write outside of the working folder.
func exampleLines(cmd *cobra.Command) (lines []string) {
	for line := range strings.SplitSeq(cmd.Example, "\n") {
		line = redirected.ReplaceAllString(strings.TrimSpace(line), "")
		lines = append(lines, strings.ReplaceAll(line, "/usr/local/share/man", "installed"))
	}
	return lines
}

// redirected is that a command writes to a file.
var redirected = regexp.MustCompile(` >("[^"]*"|[^\s']+)`)

// bashed runs a line in a bash, in a folder whose bin comes first.
func bashed(t *testing.T, dir, line string) (output string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const stays = "; exit" // and does not become the last command: line may name it by $$
	cmd := exec.CommandContext(ctx, needed(t, "bash"), "-c", "set -o pipefail; "+line+stays)
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	b, err := cmd.CombinedOutput()
	return string(b), err
}

// stub makes a program of a folder, which a shell runs.
func stub(t *testing.T, folder, name, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/bash\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// Each example is a command line that its verb takes: flags that there are, with values that
// they take.
func TestExamplesAreCommandLines(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	bash, words := needed(t, "bash"), filepath.Join(dir, "words")
	stub(t, bin, "outwork", `printf '%s\0' "$@" end >>"$WORDS"`)
	for _, name := range []string{"find", "jq", "less", "man", "ssh"} {
		stub(t, bin, name, "exit 0")
	}
	eachVerb(t, func(t *testing.T, cmd *cobra.Command) {
		for _, line := range exampleLines(cmd) {
			os.Remove(words)
			c := exec.CommandContext(t.Context(), bash, "-c", line)
			c.Env = []string{"PATH=" + bin, "WORDS=" + words}
			c.Dir = dir
			if out, err := c.CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", line, err, out)
				continue
			}
			b, err := os.ReadFile(words)
			if err != nil {
				t.Errorf("%s: it runs no outwork: %v", line, err)
			}
			for call := range strings.SplitSeq(strings.TrimSuffix(string(b), "end\x00"), "end\x00") {
				if err := taken(strings.Split(strings.TrimSuffix(call, "\x00"), "\x00")); err != nil {
					t.Errorf("%s: %v", line, err)
				}
			}
		}
	})
}

// taken is what is wrong with a command line, before anything is done.
func taken(words []string) error {
	cmd, rest, err := new(app).root().Find(words)
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil && !errors.Is(err, pflag.ErrHelp) {
		return err
	}
	if len(cmd.Flags().Args()) == 0 && strings.Contains(cmd.Use, " FILE") && !cmd.Flags().Changed("include") {
		return fmt.Errorf("%s: no file", cmd.Name())
	}
	return nil
}

// unfit are the examples that cannot be run by a test: they need a host, a service, a terminal,
// or the source of this program.
var unfit = regexp.MustCompile(`--on |ssh://|--hosts|join|listen|hosts |call |describe |attach |build-agents|--grant terminal|^outwork hex ([^-]|--offset|--include)|^outwork put|sudo`)

// The other examples do what they say, in a folder with the files that they name.
func TestExamplesRun(t *testing.T) {
	needed(t, "bash")
	needed(t, "python3")
	dir := exampleFolder(t)
	eachVerb(t, func(t *testing.T, cmd *cobra.Command) {
		t.Parallel()
		for _, line := range exampleLines(cmd) {
			if unfit.MatchString(line) {
				continue
			}
			line = usualPlaces.Replace(line)
			out, err := bashed(t, dir, line)
			exit, exited := errors.AsType[*exec.ExitError](err)
			nothingFound := strings.HasPrefix(line, "outwork search") && exited && exit.ExitCode() == 1 && out == ""
			if err != nil && !nothingFound {
				t.Errorf("%s: %v:\n%s", line, err, out)
			}
		}
	})
}

// usualPlaces has examples be about what is small, and theirs.
var usualPlaces = strings.NewReplacer("/usr/bin", "tree", "/usr/lib", "tree", "pid:1234", "pid:$$")

// exampleFolder is a folder with all that examples name.
func exampleFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	examples, err := filepath.Abs(filepath.Join("..", "..", "examples"))
	self, selfErr := os.Executable()
	err = errors.Join(err, selfErr, os.Mkdir(filepath.Join(dir, "bin"), 0o755), os.Symlink(examples, filepath.Join(dir, "examples")))
	if err != nil {
		t.Fatal(err)
	}
	stub(t, filepath.Join(dir, "bin"), "outwork", `exec -a outwork "`+self+`" "$@"`)
	stub(t, filepath.Join(dir, "bin"), "jq", "cat")
	stub(t, filepath.Join(dir, "bin"), "less", "cat")
	stub(t, filepath.Join(dir, "bin"), "man", "")
	for name, text := range map[string]string{
		"hello.star":   "print('hello')",
		"report.star":  "def main(*args): return list(args)",
		"look.star":    "print(shared('memory').size, shared('boot').size)",
		"facts.star":   "def main(): return host.facts()['os']",
		"parse.star":   "def main(c): return c.size",
		"unpack.star":  "def main(c): emit('all', c)",
		"words.txt":    "one\ntwo\n",
		"lib/x.star":   "x = 1",
		"samples/one":  "1",
		"a.zip":        "PK",
		"firmware.bin": strings.Repeat("firmware", 32<<10),
		"disk.img":     strings.Repeat("two disks", 512<<10),
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"app.exe", "hostile.dll", "tree/app", "tree/app.so"} {
		copyTo(t, "/bin/true", filepath.Join(dir, name))
	}
	return dir
}

// copyTo copies a file.
func copyTo(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(to)
	if err == nil {
		_, err = io.Copy(out, in)
		err = errors.Join(err, out.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}
