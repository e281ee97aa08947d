package docstest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/internal/realm"
	"github.com/outwork-go/outwork/internal/sshtest"
)

const (
	top = "../.."

	// mostNotRun is how many blocks of all pages together may be marked norun.
	mostNotRun = 12
)

func TestMain(m *testing.M) {
	realm.Main(m, realm.Options{Private: []string{"/var"}})
}

// Every command and program of the guides does what the page says. The slow pages run
// beside each other; those that share a realm one after the other, first.
func TestGuides(t *testing.T) {
	if raceEnabled {
		t.Skip("what a page runs is not built with -race: without it all of them are run")
	}
	pages := readPages(t)
	slices.SortStableFunc(pages, func(a, b *page) int { return inRealm(b) - inRealm(a) })
	bin := buildCommand(t)
	for _, p := range pages {
		t.Run(p.name, func(t *testing.T) {
			for _, err := range runPage(t, p, bin) {
				t.Error(err)
			}
		})
	}
}

// What is not run says why, and is little.
func TestNotRun(t *testing.T) {
	n := 0
	for _, p := range readPages(t) {
		for _, b := range p.blocks {
			if b.norun != "" {
				n++
				t.Logf("%s:%d is not run: %s", p.name, b.line, b.norun)
			}
		}
	}
	if n > mostNotRun {
		t.Errorf("%d blocks are not run, more than %d", n, mostNotRun)
	}
}

// Links lead to files that are there, and every page is in the index.
func TestLinks(t *testing.T) {
	index := map[string]bool{"README.md": true}
	pages := readPages(t)
	for _, p := range pages {
		for _, link := range p.links {
			if _, err := os.Stat(filepath.Join(top, "docs", link)); err != nil {
				t.Errorf("%s: a dead link: %v", p.name, err)
			}
			if p.name == "README.md" {
				index[link] = true
			}
		}
	}
	for _, p := range pages {
		if !index[p.name] {
			t.Errorf("docs/README.md does not name %s", p.name)
		}
	}
}

func readPages(t *testing.T) []*page {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(top, "docs", "*.md"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	var all []*page
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := parse(filepath.Base(name), string(text))
		if err != nil {
			t.Error(err)
			continue
		}
		all = append(all, p)
	}
	return all
}

func inRealm(p *page) int {
	if p.wants("realm") {
		return 1
	}
	return 0
}

// openFolder makes a temporary folder, which other users may enter. Its name is short: there
// will be sockets in it.
func openFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "docs-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// buildCommand builds outwork, and returns the folder that it is in.
func buildCommand(t *testing.T) string {
	t.Helper()
	bin := openFolder(t)
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "./cmd/outwork")
	build.Dir = top
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build ./cmd/outwork: %v\n%s", err, said)
	}
	return bin
}

// runPage runs a page in a folder of its own, and returns what is wrong with it.
func runPage(t *testing.T, p *page, bin string) []error {
	t.Helper()
	for _, program := range append(p.needs["needs"], "bash") {
		needProgram(t, program)
	}
	if p.wants("realm") {
		realm.Need(t)
	} else {
		t.Parallel()
	}
	h := &house{t: t, page: p, dir: openFolder(t)}
	h.furnish(bin)
	shell, err := newShell(t.Context(), h.work(), h.make("scratch"), h.env)
	if err != nil {
		t.Fatal(err)
	}
	defer shell.close()
	r := runner{page: p, top: top, dir: h.work(), shell: shell}
	return r.run()
}

func needProgram(t *testing.T, name string) {
	t.Helper()
	_, err := exec.LookPath(name)
	switch {
	case err != nil && os.Getenv("CI") == "true":
		t.Fatalf("this page needs %s: %v", name, err)
	case err != nil:
		t.Skipf("this page needs %s: install the Debian package that has it", name)
	}
}

// house is what is around a page while it runs.
type house struct {
	t    *testing.T
	page *page
	dir  string
	env  []string
}

func (h *house) work() string { return filepath.Join(h.dir, "work") }

// make makes a folder.
func (h *house) make(name string) string {
	h.t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.MkdirAll(path, 0o755); err != nil {
		h.t.Fatal(err)
	}
	return path
}

func (h *house) write(name, text string, mode os.FileMode) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), mode); err != nil {
		h.t.Fatal(err)
	}
}

// furnish makes folders, environment, and what the page needs.
func (h *house) furnish(bin string) {
	h.t.Helper()
	work := h.make("work")
	path := strings.Join([]string{h.make("bin"), bin, os.Getenv("PATH")}, ":")
	h.env = append(clean(os.Environ()),
		"HOME="+h.make("home"), "XDG_RUNTIME_DIR="+h.make("run"), "PATH="+path,
		"LC_ALL=C.UTF-8", "TZ=UTC", "TERM=dumb")
	h.env = append(h.env, goEnv(h.t)...)
	if h.page.hasGo() {
		h.module()
	}
	if h.page.wants("realm") {
		letSudo(h.t, path)
	}
	if h.page.wants("ssh") {
		h.machines(h.page.needs["ssh"])
	}
	if h.page.wants("clone") {
		here, err := filepath.Abs(top)
		if err := errors.Join(err, os.Symlink(here, filepath.Join(work, "outwork"))); err != nil {
			h.t.Fatal(err)
		}
	}
}

// clean is an environment without what would make a page's commands differ from a user's.
func clean(env []string) []string {
	return slices.DeleteFunc(env, func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return slices.Contains([]string{"OUTWORK", "XDG", "LC", "PYTHON", "GO", "CLICOLOR"}, strings.Split(name, "_")[0]) ||
			slices.Contains([]string{"HOME", "PATH", "LANG", "TZ", "TERM", "PWD", "OLDPWD", "NO_COLOR", "PYTHONPATH", "BASH_ENV", "ENV"}, name)
	})
}

// goEnv keeps the go command's caches where they are, although HOME is another, and keeps
// it from the network.
func goEnv(t *testing.T) []string {
	t.Helper()
	names := []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOTOOLCHAIN", "GOROOT", "CGO_ENABLED"}
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"env"}, names...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"GOFLAGS=-mod=mod", "GOWORK=off", "GOSUMDB=off", "GOPROXY=off"}
	for i, value := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		env = append(env, names[i]+"="+value)
	}
	return env
}

// module makes the page's folder a module that requires this one, in the versions that
// this one requires.
func (h *house) module() {
	h.t.Helper()
	here, err := filepath.Abs(top)
	ours, err2 := os.ReadFile(filepath.Join(top, "go.mod"))
	sums, err3 := os.ReadFile(filepath.Join(top, "go.sum"))
	if err := errors.Join(err, err2, err3); err != nil {
		h.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(ours), "\n")
	h.write("work/go.mod", fmt.Sprintf("module guide\n%s\nrequire github.com/outwork-go/outwork v0.0.0\n\nreplace github.com/outwork-go/outwork => %s\n", rest, here), 0o644)
	h.write("work/go.sum", string(sums), 0o644)
}

// letSudo has sudo find what a page finds, in the realm's own /etc.
func letSudo(t *testing.T, path string) {
	t.Helper()
	const dir = "/etc/sudoers.d"
	text := fmt.Appendf(nil, "Defaults secure_path=%q\n", path)
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "guides"), text, 0o440)); err != nil {
		t.Fatal(err)
	}
}

// machines starts machines, and makes ssh know them: it looks for its configuration in
// the home that the system has for the user, whatever HOME says.
func (h *house) machines(names []string) {
	h.t.Helper()
	var all []*sshtest.Machine
	for _, name := range names {
		all = append(all, sshtest.NewMachine(h.t, sshtest.Options{Name: name, Sudo: sshtest.SudoNoPassword}))
	}
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		h.t.Fatal(err)
	}
	h.write("bin/ssh", fmt.Sprintf("#!/bin/sh\nexec %s -F %s \"$@\"\n", ssh, sshtest.Config(h.t, all...)), 0o755)
}
