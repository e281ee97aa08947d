package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/ptytest"
)

// mappedLine is what the tests read of a line.
type mappedLine struct {
	File   string
	Value  any
	Error  *mapTrouble
	Memory int64
	Tries  int
}

// mapLines are those in text, each of which must be whole.
func mapLines(t *testing.T, text []byte) (all []mappedLine) {
	t.Helper()
	for line := range bytes.Lines(text) {
		var l mappedLine
		if err := json.Unmarshal(line, &l); err != nil || l.File == "" || line[len(line)-1] != '\n' {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, l)
	}
	return all
}

// resultsIn are the lines in a file of results.
func resultsIn(t *testing.T, path string) []mappedLine {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return mapLines(t, b[:bytes.LastIndexByte(b, '\n')+1])
}

// fill makes n files of different sizes in a folder, and returns its path.
func fill(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%04d", i)), make([]byte, i), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// script is a file of that name with a script.
func script(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// grows waits until a file of results has so many lines.
func grows(t *testing.T, path string, n int) {
	t.Helper()
	for deadline := time.Now().Add(soon); len(resultsIn(t, path)) < n; {
		if time.Now().After(deadline) {
			t.Fatalf("%s has %d lines, want %d", path, len(resultsIn(t, path)), n)
		}
		time.Sleep(time.Millisecond) // it is a file: nothing else tells
	}
}

// sizes makes sure that each of n files of fill was done once, and well.
func sizes(t *testing.T, all []mappedLine, n int) {
	t.Helper()
	seen := map[string]bool{}
	for _, l := range all {
		var i float64
		if _, err := fmt.Sscanf(filepath.Base(l.File), "f%f", &i); err != nil || l.Error != nil || l.Value != i || seen[l.File] {
			t.Errorf("%+v, seen %v: %v", l, seen[l.File], err)
		}
		seen[l.File] = true
	}
	if len(seen) != n {
		t.Errorf("%d files were done, want %d", len(seen), n)
	}
}

// Ctrl-C ends a map: what had been done stays, and the rest is done when it goes on.
func TestMapIsInterrupted(t *testing.T) {
	const n = 200
	dir, results := fill(t, n), filepath.Join(t.TempDir(), "results")
	text := script(t, "x.star", fmt.Sprintf("def main(c):\n    while c.size == %d: pass\n    return c.size", n-1))
	r := begin(t, "", "map", "--workers", "2", "--resume", results, "-r", text, dir)
	grows(t, results, n-1)
	r.signal(syscall.SIGINT)
	r.end(statusInterrupted)
	r.gone()
	r.mustSay(" ok\n")
	r.mustSay("outwork map: interrupted\n")
	sizes(t, resultsIn(t, results), n-1)
	out, err := command(t, "map", "-q", "--file-timeout", "50ms", "--resume", results, "-r", text, dir).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != statusFailed {
		t.Errorf("%v, want status 1\n%s", err, out)
	}
	all := resultsIn(t, results)
	if last := all[len(all)-1]; last.Error == nil || last.Error.Cause != causeTime {
		t.Errorf("%+v, want a timeout", last)
	}
	sizes(t, all[:len(all)-1], n-1)
}

// A manager that is killed leaves no process, and a file of results with which another
// completes the map.
func TestMapWhoseManagerIsKilled(t *testing.T) {
	const n = 1000
	dir, results := fill(t, n), filepath.Join(t.TempDir(), "results")
	text := script(t, "x.star", "def main(c):\n    n = 0\n    while n < 3000: n += 1\n    return c.size")
	args := []string{"map", "--workers", "2", "--resume", results, "-r", text, dir}
	for _, some := range []int{50, 400} {
		r := begin(t, "", args...)
		grows(t, results, some)
		if err := r.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		r.Wait()
		r.gone()
		if got := len(resultsIn(t, results)); got == n {
			t.Log("it had done all")
		}
	}
	if out, err := command(t, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(results)
	if err != nil {
		t.Fatal(err)
	}
	sizes(t, mapLines(t, b), n)
}

// Workers that are killed by somebody change nothing but who does the work. The last file is a
// pipe, which has no end before they are: so long the map goes on.
func TestMapWhoseWorkersAreKilled(t *testing.T) {
	const n, kills = 400, 8
	dir, results := fill(t, n), filepath.Join(t.TempDir(), "results")
	last := filepath.Join(t.TempDir(), fmt.Sprintf("f%d", n))
	if err := syscall.Mkfifo(last, 0o600); err != nil {
		t.Fatal(err)
	}
	text := script(t, "victim.star", "def main(c):\n    n = 0\n    while n < 8000: n += 1\n    return c.size")
	r := begin(t, "", "map", "-q", "--workers", "2", "--retries", "0", "--resume", results, "-r", text, dir, last)
	for i := range kills {
		grows(t, results, 1+i*n/2/kills)
		for killed, deadline := false, time.Now().Add(soon); !killed; {
			if time.Now().After(deadline) {
				t.Fatal("there is no worker to be killed")
			}
			killed = killsOne(r, "[victim")
		}
	}
	if err := os.WriteFile(last, make([]byte, n), 0); err != nil {
		t.Fatal(err)
	}
	r.end(statusOK)
	r.gone()
	sizes(t, resultsIn(t, results), n+1)
}

// killsOne kills a process of r whose title has a mark, unless there is none, or it ends meanwhile.
func killsOne(r *running, mark string) bool {
	for _, pid := range r.left() {
		if title, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); strings.Contains(string(title), mark) {
			return syscall.Kill(pid, syscall.SIGKILL) == nil
		}
	}
	return false
}

func needPython(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("Python is not installed: apt-get install python3")
	}
}

// An interpreter is replaced before the manager can keep no more of what it was shared.
func TestMapReplacesInterpreters(t *testing.T) {
	needPython(t)
	if pythonFiles > link.MaxPaged {
		t.Errorf("an interpreter does %d files, and may have %d", pythonFiles, link.MaxPaged)
	}
	t.Setenv(pythonFilesVariable, "2")
	out, err := command(t, "map", "-q", "--sandbox=none", "--workers", "1", "-r", script(t, "id.py", "import os\ndef main(c): return os.getpid()"), fill(t, 6)).Output()
	if err != nil {
		t.Fatal(err)
	}
	files := map[any]int{}
	for _, l := range mapLines(t, out) {
		if files[l.Value]++; files[l.Value] > 2 || l.Tries > 1 {
			t.Errorf("%+v is file %d of its interpreter", l, files[l.Value])
		}
	}
	if len(files) != 3 {
		t.Errorf("interpreters by their files: %v", files)
	}
}

// What is the end of its worker is told with its cause, and costs itself alone. In Python, for
// Starlark can do nothing of that.
func TestMapOfWhatEndsItsWorker(t *testing.T) {
	needPython(t)
	text := script(t, "ends.py", `
import ctypes, os, signal, sys
def main(c):
    what = c.read().decode()
    if what == "crash":
        ctypes.string_at(0)
    if what == "abort":
        os.abort()
    if what == "exit":
        os._exit(3)
    if what == "spin":
        sum(range(1 << 62))
    while what == "print":
        os.write(1, b"x" * 65536)
    return what
`)
	want := map[string]string{"crash": "crash", "abort": "crash", "exit": "exit", "spin": causeTime, "print": causeOutput}
	for i := range 20 {
		want[fmt.Sprint("well", i)] = ""
	}
	dirs := map[bool]string{true: t.TempDir(), false: t.TempDir()} // by what its time ends
	for what, cause := range want {
		if err := os.WriteFile(filepath.Join(dirs[cause == causeTime], what), []byte(what), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var all []mappedLine
	for timed, limit := range map[bool]string{true: "8s", false: "2m"} {
		cmd := command(t, "map", "--sandbox=none", "--workers", "2", "--file-timeout", limit, "-r", text, dirs[timed])
		var stderr bytes.Buffer
		cmd.Stderr = &tail{b: &stderr}
		out, err := cmd.Output()
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != statusFailed {
			t.Errorf("%v, want status 1\n%s", err, &stderr)
		}
		all = append(all, mapLines(t, out)...)
	}
	if len(all) != len(want) {
		t.Errorf("%d lines, want %d", len(all), len(want))
	}
	for _, l := range all {
		what := filepath.Base(l.File)
		switch cause := want[what]; {
		case cause == "":
			if l.Value != what || l.Error != nil || l.Memory == 0 {
				t.Errorf("%+v, want %s", l, what)
			}
		case l.Error == nil || l.Error.Cause != cause:
			t.Errorf("%s: %+v, want %s", what, l.Error, cause)
		case l.Error.Kind == kindLost && l.Tries != 2:
			t.Errorf("%s was tried %d times, want twice", what, l.Tries)
		}
	}
}

// What a file has emitted that is the end of its worker, or takes too long, does not lie beside
// the quota.
func TestMapKeepsNothingOfWhatEndsItsWorker(t *testing.T) {
	needPython(t)
	text := script(t, "bomb.py", `
import os, outwork
def main(c):
    outwork.emit("x-" + os.urandom(4).hex(), b"x" * 1000)
    while c.size == 3: pass
    os._exit(1)
`)
	out := t.TempDir()
	cmd := command(t, "map", "-q", "--sandbox=none", "--workers", "1", "--file-timeout", "4s", "--out", out, "--out-quota", "1500B", "-r", text, fill(t, 4))
	lines, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != statusFailed {
		t.Errorf("%v, want status 1", err)
	}
	for _, l := range mapLines(t, lines) {
		if l.Error == nil || l.Error.Cause != "exit" && l.Error.Cause != causeTime {
			t.Errorf("%+v", l)
		}
	}
	if left, err := filepath.Glob(filepath.Join(out, "*", "*")); len(left) > 0 || err != nil {
		t.Errorf("%q are left, %v", left, err)
	}
}

// tail keeps the end of what is written.
type tail struct{ b *bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	t.b.Write(p)
	t.b.Next(max(0, t.b.Len()-8<<10))
	return len(p), nil
}

// A file that is not read to its end keeps neither the map nor the command.
func TestMapOfAnEndlessList(t *testing.T) {
	dir := fill(t, 3)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	cmd := command(t, "map", "-q", "--files-from", "-", script(t, "x.star", "def main(c): return c.size"))
	cmd.Stdin = r
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.Close()
	told := bufio.NewReader(out)
	for i := range 3 {
		fmt.Fprintf(w, "%s/f%04d\n", dir, i)
		if line, err := told.ReadString('\n'); !strings.Contains(line, fmt.Sprintf(`"value":%d,`, i)) {
			t.Fatalf("%q: %v", line, err)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if exit, ok := errors.AsType[*exec.ExitError](cmd.Wait()); !ok || exit.ExitCode() != statusInterrupted {
		t.Errorf("it ended with %v", exit)
	}
}

// On a terminal a bar tells how far it is, and a table what became of all.
func TestMapOnATerminal(t *testing.T) {
	const n = 300
	dir := fill(t, n)
	text := script(t, "slow.star", "def main(c):\n    while c.size == 299: pass\n    if c.size % 100 == 7: fail('no good')\n    return c.size")
	s := sit(t, "", "map", "--file-timeout", "2s", "--resume", filepath.Join(t.TempDir(), "results"), "-r", text, dir)
	s.Terminal.Wait("a bar", func(v *ptytest.Screen) bool {
		return slices.ContainsFunc(strings.Split(v.Text(), "\n"), func(line string) bool {
			return strings.HasPrefix(line, "[#") && strings.Contains(line, "] ") && strings.Contains(line, "of 300 files, ") && strings.HasSuffix(strings.TrimSpace(line), " left")
		})
	})
	s.Resize(50, 24)
	s.leaves(1)
	s.Look(func(v *ptytest.Screen) {
		for _, want := range []string{"FILES  RESULT\n", "\n296    ok\n", "\n3      script\n", "\n300    all, in ", "4 of 300 files failed"} {
			if !strings.Contains(v.Text(), want) {
				t.Errorf("%q is not there:\n%s", want, v.Text())
			}
		}
		if strings.Contains(v.Text(), "[#") {
			t.Errorf("the bar has stayed:\n%s", v.Text())
		}
	})
}

// The picture is of this command, while it works. What it shows differs from machine to
// machine.
func TestMapPicture(t *testing.T) {
	picture := filepath.Join("..", "..", "docs", "map.svg")
	if !*pictures {
		if b, err := os.ReadFile(picture); err != nil || !bytes.HasPrefix(b, []byte("<svg ")) {
			t.Errorf("the picture is not there: %v: go test ./cmd/outwork -run TestMapPicture -update-pictures", err)
		}
		return
	}
	examples, err := filepath.Abs(filepath.Join("..", "..", "examples"))
	if err != nil {
		t.Fatal(err)
	}
	p := ptytest.Open(t, 110, 22)
	cmd := exec.Command("sh", "-c", `PS1='$ '; cd "$0"; echo '$ outwork map --quiet imports.star /bin/ls /etc/passwd'; outwork map --quiet imports.star /bin/ls /etc/passwd
echo '$ outwork map imports.star -r /usr/sbin >sbin.jsonl'; outwork map imports.star -r /usr/sbin >/dev/null
echo '$ outwork map imports.star -r /usr/bin /usr/lib >lib.jsonl'; outwork map imports.star -r /usr/bin /usr/lib >/dev/null`, examples)
	cmd.Env = append(os.Environ(), "TERM=xterm-256color")
	p.Start(cmd)
	p.Wait("a bar", func(v *ptytest.Screen) bool { return strings.Contains(v.Text(), "lib.jsonl\n[########") })
	p.Look(func(v *ptytest.Screen) {
		if err := os.WriteFile(picture, []byte(v.SVG("outwork map: results, a summary, and how far a map is")), 0o644); err != nil {
			t.Error(err)
		}
	})
	cmd.Process.Kill()
	cmd.Wait()
}
