package ident

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// unmappedRole makes the test binary tell who is at the other end of the socket
// that it is given.
const unmappedRole = "OUTWORK_TEST_UNMAPPED"

// given is the number of the first of an exec.Cmd's ExtraFiles.
const given = 3

func tellWhoIsThere() {
	uid, err := UID(given)
	fmt.Printf("uid %d, error %v\n", uid, err)
	p, err := Of(given)
	if err != nil {
		fmt.Println("no peer:", err)
		return
	}
	fmt.Printf("peer %d, groups %v\n", p.UID, p.Groups)
}

// In a user namespace, who has no number there is refused, and so is a group.
func TestUnmapped(t *testing.T) {
	nobody := fmt.Sprintf("uid 0, error %v\nno peer: who is connected: %v\n", errUnmapped, errUnmapped)
	for name, test := range map[string]struct {
		users []syscall.SysProcIDMap
		want  string
	}{
		"nobody is mapped": {nil, nobody},
		"no group is":      {[]syscall.SysProcIDMap{{ContainerID: 7, HostID: os.Getuid(), Size: 1}}, "uid 7, error <nil>\npeer 7, groups []\n"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(os.Environ(), unmappedRole+"=1", "GORACE=atexit_sleep_ms=0")
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, UidMappings: test.users}
			cmd.ExtraFiles = []*os.File{accepted(t)}
			got, err := cmd.CombinedOutput()
			if _, ran := err.(*exec.ExitError); err != nil && !ran && os.Getenv("CI") != "true" {
				t.Skipf("no user namespace: %v", err)
			}
			if string(got) != test.want {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// accepted is a connection from this process.
func accepted(t *testing.T) *os.File {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	c, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	f, err := c.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestMapsAll(t *testing.T) {
	for ids, want := range map[string]bool{
		"         0          0 4294967295\n":   true,
		"0 0 65536\n65536 65536 4294901759\n":  true,
		"":                                     false,
		"\n":                                   false,
		"0 1000 1\n":                           false,
		"0 0 1\n":                              false,
		"0 0 65536\n":                          false,
		"0 0 65536\n65536 100000 4294901759\n": false,
		"0 0 4294967295 1\n":                   false,
		"0 0 -1\n":                             false,
		"0 0 4294967296\n":                     false,
		"0 100000 65536\n100000 0 4294901759\nx\n": false,
	} {
		if got := mapsAll([]byte(ids)); got != want {
			t.Errorf("%q: %v", ids, got)
		}
	}
}

func FuzzMapsAll(f *testing.F) {
	f.Add([]byte("         0          0 4294967295\n"))
	f.Fuzz(func(t *testing.T, ids []byte) {
		if mapsAll(ids) && strings.TrimSpace(string(ids)) == "" {
			t.Errorf("%q", ids)
		}
	})
}

func TestOverflowID(t *testing.T) {
	const all = "0 0 4294967295\n"
	for name, test := range map[string]struct {
		files map[string]string
		want  uint32
	}{
		"initial":               {map[string]string{"self/uid_map": all, "sys/kernel/overflowuid": "65534\n"}, noID},
		"without namespaces":    {map[string]string{"self/stat": "1", "sys/kernel/overflowuid": "65534\n"}, noID},
		"namespace":             {map[string]string{"self/uid_map": "0 1000 1\n", "sys/kernel/overflowuid": "99\n"}, 99},
		"namespace without sys": {map[string]string{"self/uid_map": "0 1000 1\n"}, defaultOverflow},
		"without proc":          {nil, defaultOverflow},
	} {
		proc := t.TempDir()
		for file, text := range test.files {
			file = filepath.Join(proc, file)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := overflowID(proc, "uid"); got != test.want {
			t.Errorf("%s: %d", name, got)
		}
	}
}
