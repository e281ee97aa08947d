package python_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/sandbox"
	"github.com/outwork-go/outwork/script/python"
)

// TestGrants: what a sandbox grants a strictly confined script has, and no more.
func TestGrants(t *testing.T) {
	asUser(t)
	s := newScene(t)
	folder := filepath.Join(s.dir, "granted")
	program := filepath.Join(folder, "program")
	if err := os.Mkdir(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, []byte("#!/bin/sh\nexit 0\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	const strict = sandbox.Strict
	for _, g := range []struct {
		what    string
		sandbox sandbox.Config
		code    string
		want    verdict
	}{
		{"read a granted file", sandbox.Config{ReadOnly: []string{s.file}}, `return open(FILE).read()`, allowed},
		{"read beside it", sandbox.Config{ReadOnly: []string{s.file}}, `return open(FOLDER + "/granted/program").read()`, refused},
		{"write it", sandbox.Config{ReadOnly: []string{s.file}}, `open(FILE, "a")`, refused},
		{"read a granted folder", sandbox.Config{ReadOnly: []string{folder}}, `if os.listdir(FOLDER + "/granted") != ["program"]: raise PermissionError`, allowed},
		{"write into it", sandbox.Config{ReadOnly: []string{folder}}, `open(FOLDER + "/granted/new", "w")`, refused},
		{"run what is in it", sandbox.Config{ReadOnly: []string{folder}}, `os.execv(FOLDER + "/granted/program", ["x"])`, refused},
		{"load what is in it", sandbox.Config{ReadOnly: []string{folder}}, `mmap.mmap(os.open(FOLDER + "/granted/program", 0), 10, flags=2, prot=5)`, refused},
		{"write into a folder granted for that", sandbox.Config{ReadWrite: []string{folder}}, `open(FOLDER + "/granted/new", "w").write("x"); os.unlink(FOLDER + "/granted/new")`, allowed},
		{"write beside it", sandbox.Config{ReadWrite: []string{folder}}, `open(FILE, "a")`, refused},
		{"move out of it", sandbox.Config{ReadWrite: []string{folder}}, `os.rename(FOLDER + "/granted/program", FOLDER + "/program")`, refused},
		{"use a device", sandbox.Config{Devices: []string{"/dev/zero"}}, `if open("/dev/zero", "rb").read(3) != bytes(3): raise PermissionError`, allowed},
		{"use another", sandbox.Config{Devices: []string{"/dev/zero"}}, `open("/dev/ptmx", "rb")`, refused},
		{"connect to a port", sandbox.Config{Network: true}, `import socket; socket.create_connection(("127.0.0.1", PORT), 5)`, allowed},
		{"connect to a socket in a folder", sandbox.Config{Network: true}, `import socket; socket.socket(socket.AF_UNIX).connect(PATH)`, refused},
		{"connect to an abstract socket", sandbox.Config{Network: true}, `import socket; socket.socket(socket.AF_UNIX).connect("\0" + ABSTRACT)`, refused},
		{"send a datagram to a socket in a folder", sandbox.Config{Network: true}, `import socket; socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b"x", PATH)`, refused},
		{"start itself again", sandbox.Config{Subprocesses: true}, `import subprocess; subprocess.run([sys.executable, "-I", "-c", "0"], check=True)`, allowed},
		{"start another program", sandbox.Config{Subprocesses: true}, `import subprocess; subprocess.run(["/bin/true"], check=True)`, refused},
		{"start a granted program", sandbox.Config{Subprocesses: true, ReadOnly: []string{"/bin/true"}}, `import subprocess; subprocess.run(["/bin/true"], check=True)`, allowed},
	} {
		t.Run(g.what, func(t *testing.T) {
			w := manage(t)
			g.sandbox.Level = strict
			w.Worker = w.held(socket, outwork.Target{Program: debian(t), Sandbox: g.sandbox})
			a := attempt{code: g.code}
			if got := fmt.Sprint(w.run(a.source(s.globals()))); !g.want.holds(got) {
				t.Errorf("%s, want %s", got, g.want)
			}
		})
	}
}

// TestVirtualEnvironment: what is installed in one is there, and nothing else.
func TestVirtualEnvironment(t *testing.T) {
	dir, err := os.MkdirTemp("", "python")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	made := 0
	for _, p := range interpreters(t) {
		t.Run(p, func(t *testing.T) {
			env := filepath.Join(dir, filepath.Base(p))
			if out, err := exec.CommandContext(t.Context(), p, "-m", "venv", "--without-pip", env).CombinedOutput(); err != nil {
				t.Skipf("it makes no virtual environment: %s", out)
			}
			made++
			packages, err := filepath.Glob(env + "/lib/python3*/site-packages")
			if err != nil || len(packages) != 1 {
				t.Fatal(packages, err)
			}
			if err := os.WriteFile(packages[0]+"/installed.py", []byte("value = 7\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			w := manage(t)
			w.Worker = w.held(socket, outwork.Target{Program: env + "/bin/python3", Sandbox: sandbox.Config{Level: sandbox.Strict}})
			v := w.run("import installed, sys, json, os\ndef main(): return installed.value, sys.prefix, os.path.exists('" + dir + "/bin')")
			if want := "[7 " + env + " false]"; fmt.Sprint(v) != want {
				t.Errorf("%v, want %s", v, want)
			}
		})
	}
	if made == 0 && os.Getenv("CI") == "true" {
		t.Error("no interpreter makes a virtual environment")
	}
}

// TestOutOfReach: an interpreter that the id it is to run as cannot reach is named, with what to do.
func TestOutOfReach(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a user stays who it is")
	}
	dir := t.TempDir() // others may not enter it
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "python3")
	if err := os.Symlink(debian(t), program); err != nil {
		t.Fatal(err)
	}
	w := manage(t)
	start := func(level string) error {
		_, err := w.m.Start(t.Context(), outwork.Target{Lang: python.Lang, Program: program, Sandbox: sandbox.Config{Level: level}})
		return err
	}
	if err := start(sandbox.Contained); err == nil || !strings.Contains(err.Error(), "become "+program+": permission denied: it runs as user ") {
		t.Error(err)
	}
	if err := start(sandbox.Strict); err != nil { // whose view root has made
		t.Error(err)
	}
}
