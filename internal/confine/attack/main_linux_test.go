package attack

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/outwork-go/outwork"
)

// The test binary is the manager, its workers, and the hostile program that those start. It
// may be a copy of itself too, which an ordinary user runs.
const (
	hostileName = "hostile"             // as its first argument
	runMark     = "OUTWORK_TEST_RUN"    // in the environment of all that this run starts
	setUserID   = "OUTWORK_TEST_SETUID" // the program as a set-user-ID one of root's
	ordinary    = 65533                 // who owns nothing here
)

func TestMain(m *testing.M) {
	if os.Args[0] == hostileName {
		hostile()
	}
	outwork.Main()
	os.Setenv(runMark, fmt.Sprint(os.Getpid()))
	os.Setenv("GORACE", "atexit_sleep_ms=0") // or each process takes a second to end
	os.Exit(run(m))
}

// program is a copy of the test binary in a folder that everybody may enter.
var program string

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "attack-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		panic(err)
	}
	program = filepath.Join(dir, "attack.test")
	install(program, 0o755)
	if os.Geteuid() == 0 {
		name := filepath.Join(dir, "setuid")
		install(name, 0o755|os.ModeSetuid)
		os.Setenv(setUserID, name)
	}
	return m.Run()
}

// install copies the test binary.
func install(name string, mode os.FileMode) {
	self, err := os.ReadFile("/proc/self/exe")
	if err := errors.Join(err, os.WriteFile(name, self, 0o700), os.Chmod(name, mode)); err != nil {
		panic(err)
	}
}

// TestAsOrdinaryUser runs everything once more, as an ordinary user.
func TestAsOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("this is an ordinary user already")
	}
	temp, err := os.MkdirTemp("", "attack-user-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(temp) })
	if err := errors.Join(os.Chmod(temp, 0o755), os.Chown(temp, ordinary, ordinary)); err != nil {
		t.Fatal(err)
	}
	args := []string{"-test.count=1", "-test.run=^Test", "-test.skip=^TestNone$"}
	if testing.Verbose() {
		args = append(args, "-test.v") // otherwise only what fails is told: a long log is cut by CI
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = temp
	cmd.Env = append(os.Environ(), "TMPDIR="+temp, "HOME="+temp)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: ordinary, Gid: ordinary}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("as user %d: %v\n%s", ordinary, err, out)
	} else if testing.Verbose() {
		t.Logf("%s", out)
	}
}
