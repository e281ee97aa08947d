// Package realm gives a test process a machine of its own, as far as tests of
// daemons need one: mount, UTS, network and IPC namespaces, in which real
// absolute paths can be written, users exist that the machine does not have, and
// the host name can be set, while nothing of it is seen outside. It is for tests
// alone.
//
// A package's TestMain ends in [Main], after what makes the test binary play
// other parts (outwork.Main, roles told by the environment):
//
//	func TestMain(m *testing.M) {
//		outwork.Main()
//		realm.Main(m, realm.Options{Private: []string{"/usr/share", "/var/log"}})
//	}
//
// and each test that wants the realm begins with [Need]. As root on Linux, the
// process unshares the namespaces, mounts, and executes itself again with the
// same arguments: it stays the same process, so that signals, the exit status,
// coverage, time limits and fuzzing are what they always are. Processes that it
// starts are inside too. The kernel takes the realm away with the last of them.
//
// # What is private
//
//   - /run is empty but for /run/lock, and the users' homes and run-time
//     directories.
//   - /etc, and each directory of [Options], is a copy on write, held in memory.
//     What is mounted below it outside is not there.
//   - /etc/passwd and /etc/group have the [Users] in addition.
//   - The host name; the network, which has only the loopback device, up, and all
//     of its ports and /proc/sys/net; System V IPC and POSIX message queues.
//
// All else is the machine's: processes, signals, devices, the rest of /proc/sys,
// and every other directory, with the temporary one and Go's caches among them.
// A directory of t.TempDir cannot be entered by other users.
package realm

import (
	"fmt"
	"os"
	"slices"
	"testing"
)

// Options say what is private besides what always is. The zero value is ready.
type Options struct {
	// Private are directories, absolute and there, of which the realm has a copy
	// on write. Not one in which the go command expects results, such as its
	// caches.
	Private []string
}

// User is one of [Users].
type User struct {
	Name    string
	UID     uint32
	GID     uint32   // the number of the primary group
	Groups  []uint32 // supplementary
	Home    string   // exists, and is the user's own
	Runtime string   // the XDG_RUNTIME_DIR: likewise
}

// Groups are those that a realm adds to /etc/group.
const (
	Hostctl  uint32 = 12100 // "hostctl", with alice
	Netadmin uint32 = 12101 // "netadmin", with carol
	nogroup  uint32 = 65534
)

// Users are the users of a realm that tests use, besides root. Each but nobody
// has a primary group of its own, with its name and number.
var Users = []User{
	newUser("alice", 12001, Hostctl),
	newUser("bob", 12002),
	newUser("carol", 12003, Netadmin),
	{Name: "nobody", UID: 65534, GID: nogroup, Home: home("nobody"), Runtime: "/run/user/65534"},
}

func newUser(name string, uid uint32, groups ...uint32) User {
	return User{Name: name, UID: uid, GID: uid, Groups: groups, Home: home(name), Runtime: fmt.Sprintf("/run/user/%d", uid)}
}

func home(name string) string { return "/run/home/" + name }

// Lookup finds one of [Users], or root. It panics for any other name: a test
// names a user that it knows.
func Lookup(name string) User {
	if name == "root" {
		return User{Name: "root", Home: "/root", Runtime: "/run/user/0"}
	}
	i := slices.IndexFunc(Users, func(u User) bool { return u.Name == name })
	if i < 0 {
		panic("realm: no user " + name)
	}
	return Users[i]
}

// Main enters a realm, runs the tests, and ends the process. Where there can be
// no realm it runs them all the same, for those that do not [Need] it.
func Main(m *testing.M, o Options) {
	Enter(o)
	os.Exit(m.Run())
}

// Need skips a test that is not in a realm, saying why, or fails it where CI is
// "true", as there all tests must run.
func Need(t testing.TB) {
	t.Helper()
	switch {
	case errOutside == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("this test needs a realm: %v", errOutside)
	default:
		t.Skipf("this test needs a realm: %v", errOutside)
	}
}
