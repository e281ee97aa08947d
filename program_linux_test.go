package outwork_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outwork-go/outwork"
)

var neverEnds = context.Background()

// output is what a program prints, and how it ended when that was badly.
func output(t *testing.T, p outwork.Target) string {
	t.Helper()
	cmd := exec.CommandContext(within(t), p.Program)
	cmd.Env = p.Env
	out, err := cmd.CombinedOutput()
	if err != nil {
		out = fmt.Appendf(out, "%v", err)
	}
	return string(out)
}

// Functions of testdata/other, as they are there and as they are not.
var (
	otherUpper   = outwork.Declare[string, string]("other.upper")
	otherDiffers = outwork.Declare[HelloArgs, int]("other.differs")
	otherLacks   = outwork.Declare[int, int]("other.lacks")
)

func build(t *testing.T, dir string) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), "program")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, dir).CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", dir, err, out)
	}
	return binary
}

func TestOtherProgram(t *testing.T) {
	var m outwork.Manager
	w := started(t, &m, outwork.Target{Program: build(t, "./testdata/other")})
	if w.Name() != "program-1" {
		t.Errorf("its name is %q", w.Name())
	}
	if s, err := otherUpper.Call(within(t), w, "small"); s != "SMALL" || err != nil {
		t.Errorf("got %q, %v", s, err)
	}
	_, err := otherLacks.Call(within(t), w, 1)
	refused(t, err, `there is no function "other.lacks"; known functions are other.differs, other.upper`)
	_, err = otherDiffers.Call(within(t), w, HelloArgs{})
	refused(t, err, `function "other.differs" is func(`)
	for _, part := range []string{"Name", "string", "int", "here", "in the worker"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not tell %q", err, part)
		}
	}
}

// refused checks that err says that the call did not run, and why.
func refused(t *testing.T, err error, why string) {
	t.Helper()
	e, ok := errors.AsType[*outwork.RemoteError](err)
	if !ok || !e.Refused || !strings.Contains(e.Message, why) {
		t.Errorf("got %T %v, want %q in it", err, err, why)
	}
}

func TestDeclaredOnly(t *testing.T) {
	var m outwork.Manager
	w := started(t, &m, outwork.Target{})
	_, err := otherUpper.Call(within(t), w, "x")
	refused(t, err, `"other.upper"`)
	refused(t, err, "example.words")
}

type surroundings struct {
	Dir   string
	Env   []string
	Args  []string
	Stdin int // bytes
}

var looksAround = outwork.Func("test.surroundings", func(context.Context, struct{}) (s surroundings, err error) {
	var in bytes.Buffer
	if _, err = in.ReadFrom(os.Stdin); err != nil {
		return s, err
	}
	s.Dir, err = os.Getwd()
	s.Env, s.Args, s.Stdin = os.Environ(), os.Args, in.Len()
	return s, err
})

func TestSurroundings(t *testing.T) {
	var m outwork.Manager
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	// A role of somebody else's comes first, and must not count.
	w := started(t, &m, outwork.Target{Name: "näme", Dir: dir, Env: []string{"OUTWORK_ROLE=king", "A=b", runMark + "=" + os.Getenv(runMark)}})
	s, err := looksAround.Call(within(t), w, struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	if env := strings.Join(s.Env, " "); s.Dir != dir || s.Stdin != 0 || !strings.Contains(env, "A=b") || strings.Contains(env, "OUTWORK_ROLE") || strings.Contains(env, "HOME=") {
		t.Errorf("got %+v", s)
	}
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", w.PID()))
	if got := strings.TrimSpace(string(comm)); err != nil || got == "exe" || !strings.HasPrefix(filepath.Base(os.Args[0]), got) {
		t.Errorf("ps calls it %q, %v", got, err)
	}
	title, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", w.PID()))
	if err != nil || !bytes.Contains(title, []byte("[näme]")) {
		t.Errorf("its title is %q, %v", title, err)
	}
}

func TestTargets(t *testing.T) {
	nothingLeft(t)
	var m outwork.Manager
	started(t, &m, outwork.Target{Name: "taken"})
	for _, test := range []struct {
		target outwork.Target
		is     error
		want   string
	}{
		{outwork.Target{Name: "taken"}, fs.ErrExist, `"taken"`},
		{outwork.Target{Name: strings.Repeat("x", 65)}, nil, "65 bytes"},
		{outwork.Target{Name: "a\x1b[31mb"}, nil, "do not print"},
		{outwork.Target{Name: "a\nb"}, nil, "do not print"},
		{outwork.Target{Name: "a\x00b"}, nil, "do not print"},
		{outwork.Target{Name: "dir", Dir: "/nonexistent"}, fs.ErrNotExist, "/nonexistent"},
		{outwork.Target{Name: "file", Dir: "/etc/passwd"}, nil, "not a directory"},
		{outwork.Target{Name: "program", Program: "no-such-program"}, exec.ErrNotFound, "no-such-program"},
	} {
		_, err := m.Start(within(t), test.target)
		if err == nil || test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "start worker") {
			t.Errorf("%+v: got %v, want %q", test.target, err, test.want)
		}
	}
	// A name is free again when its worker could not be started, or has ended.
	w, err := m.Start(within(t), outwork.Target{Name: "dir"})
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	if _, err := m.Start(within(t), outwork.Target{Name: "dir"}); err != nil {
		t.Error(err)
	}
}
