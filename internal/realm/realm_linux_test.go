package realm

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { Main(m, Options{Private: []string{"/usr/share", "/var/log"}}) }

// asMachine runs a shell command in the namespaces of the process that started
// this one, which is outside.
func asMachine(t *testing.T, command string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "nsenter", "--mount", "--uts", "--net", "-t", strconv.Itoa(os.Getppid()), "sh", "-c", command)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestUsers(t *testing.T) {
	Need(t)
	for _, want := range Users {
		got, err := user.Lookup(want.Name)
		if err != nil || got.Uid != strconv.Itoa(int(want.UID)) || got.Gid != strconv.Itoa(int(want.GID)) || got.HomeDir != want.Home {
			t.Errorf("%s: %+v, %v", want.Name, got, err)
		}
		ids, err := got.GroupIds()
		if err != nil || len(ids) != 1+len(want.Groups) {
			t.Errorf("%s: groups %q, %v", want.Name, ids, err)
		}
	}
	for id, name := range groupNames {
		if g, err := user.LookupGroup(name); err != nil || g.Gid != strconv.Itoa(int(id)) {
			t.Errorf("%s: %+v, %v", name, g, err)
		}
	}
}

// The C library and a program that does not use it know the same users.
func TestUsersOfOthers(t *testing.T) {
	Need(t)
	out, err := exec.Command("getent", "passwd", "alice").Output()
	if err != nil || string(out) != "alice:x:12001:12001::/run/home/alice:/bin/sh\n" {
		t.Errorf("getent: %q, %v", out, err)
	}
	b, err := os.ReadFile("/etc/group")
	if err != nil || !strings.Contains(string(b), "\nhostctl:x:12100:alice\n") {
		t.Errorf("/etc/group: %s, %v", b, err)
	}
}

func TestAs(t *testing.T) {
	Need(t)
	for name, want := range map[string]string{
		"alice":  "12001 12001 12001 12100 /run/home/alice /run/user/12001",
		"nobody": "65534 65534 65534 /run/home/nobody /run/user/65534",
		"root":   "0 0 0 /root /run/user/0",
	} {
		cmd := exec.Command("sh", "-c", "echo $(id -u) $(id -g) $(id -G) $(pwd) $XDG_RUNTIME_DIR; echo > $XDG_RUNTIME_DIR/x")
		As(cmd, name)
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != want+"\n" {
			t.Errorf("%s: %q, %v", name, out, err)
		}
	}
}

// The test binary can be run by other users, and is in the realm there too.
func TestAsAgain(t *testing.T) {
	if os.Geteuid() != 0 && os.Getenv(mark) != "" {
		Need(t)
		return
	}
	Need(t)
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestAsAgain$", "-test.v")
	As(cmd, "bob")
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "SKIP") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestHostnameIsPrivate(t *testing.T) {
	Need(t)
	before := asMachine(t, "hostname")
	if err := unix.Sethostname([]byte("inside")); err != nil {
		t.Fatal(err)
	}
	if name, err := os.Hostname(); err != nil || name != "inside" {
		t.Errorf("inside: %q, %v", name, err)
	}
	if after := asMachine(t, "hostname"); after != before {
		t.Errorf("outside: %q became %q", before, after)
	}
}

func TestFilesArePrivate(t *testing.T) {
	Need(t)
	for _, dir := range []string{"/run", "/etc", "/usr/share", "/var/log"} {
		name := filepath.Join(dir, "realm-test", "file")
		t.Cleanup(func() { os.RemoveAll(filepath.Dir(name)) })
		if err := errors.Join(os.Mkdir(filepath.Dir(name), 0o755), os.WriteFile(name, []byte("x"), 0o644)); err != nil {
			t.Error(err)
		}
		if got := asMachine(t, "test ! -e "+name+" && echo no"); got != "no" {
			t.Errorf("%s is outside", name)
		}
	}
	if got := asMachine(t, "grep -c 12001 /etc/passwd || true"); got != "0" {
		t.Errorf("alice is outside")
	}
	if got := asMachine(t, "grep -c 'overlay /etc' /proc/self/mountinfo || true"); got != "0" {
		t.Errorf("mounts are outside")
	}
}

func TestRunIsEmpty(t *testing.T) {
	Need(t)
	entries, err := os.ReadDir("/run")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if !slices.Equal(names, []string{"home", "lock", "user"}) {
		t.Errorf("/run has %q", names)
	}
}

func TestNetworkIsPrivate(t *testing.T) {
	Need(t)
	l, err := net.Listen("tcp", "127.0.0.1:443")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	devices, err := net.Interfaces()
	if err != nil || len(devices) != 1 {
		t.Errorf("devices %v, %v", devices, err)
	}
}

// The exit status and the output of a test that fails are what they would be
// outside, and a mark that lies is not believed.
func TestFailureShows(t *testing.T) {
	if os.Getenv("OUTWORK_TEST_FAIL") != "" {
		if os.Geteuid() == 0 {
			Need(t)
		}
		t.Fatal("as it is told")
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestFailureShows$")
	cmd.Env = append(os.Environ(), "OUTWORK_TEST_FAIL=1", "CI=true", mark+"=mnt:[1]")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "as it is told") {
		t.Errorf("%v\n%s", err, out)
	}
}

// Where there can be no realm, the tests run where they are, and say so.
func TestOutside(t *testing.T) {
	if os.Getenv("OUTWORK_TEST_OUTSIDE") != "" {
		before, _ := os.Readlink("/proc/thread-self/ns/uts")
		if err := enter(Options{Private: []string{"/nonexistent"}}); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a directory that is not there: %v", err)
		}
		if after, _ := os.Readlink("/proc/thread-self/ns/uts"); after != before {
			t.Errorf("was in %s, is in %s", before, after)
		}
		return
	}
	Need(t)
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestOutside$")
	cmd.Env = append(os.Environ(), "OUTWORK_TEST_OUTSIDE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	cmd = exec.Command("/proc/self/exe", "-test.run=^TestRunIsEmpty$", "-test.v")
	cmd.Env = []string{"CI=true"}
	As(cmd, "bob")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "not root") {
		t.Errorf("%v\n%s", err, out)
	}
}

// A realm does not come between the fuzzing engine and its workers.
func FuzzNothing(f *testing.F) {
	Need(f)
	f.Fuzz(func(t *testing.T, _ []byte) { Need(t) })
}
