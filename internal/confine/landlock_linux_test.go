package confine

import (
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What each version of Landlock is asked for, this kernel takes, up to its own; and each forbids
// what those before it do.
func TestRulesets(t *testing.T) {
	here, err := landlockVersion()
	if err != nil {
		lacks(t, "Landlock: "+err.Error())
	}
	var before uint64
	for version := 1; version <= 12; version++ {
		for _, network := range []bool{false, true} {
			attr, size := ruleset(version, network, true)
			if attr.Handled_access_fs&before != before {
				t.Errorf("version %d forbids less than one before it", version)
			}
			before = attr.Handled_access_fs
			if network && attr.Handled_access_net != 0 || !network && version >= 4 && attr.Handled_access_net == 0 {
				t.Errorf("version %d, network %v: %#x", version, network, attr.Handled_access_net)
			}
			if lone, _ := ruleset(version, network, false); lone.Scoped&unix.LANDLOCK_SCOPE_SIGNAL != 0 {
				t.Errorf("version %d: threads that may not signal each other are asked to", version)
			}
			if version > here {
				continue
			}
			fd, _, e := syscall.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
			if e != 0 {
				t.Fatalf("version %d: %v", version, e)
			}
			unix.Close(int(fd))
		}
	}
}

// A rule for a file has no rights of folders, which the kernel would not take, and one for
// nothing is an error that says so.
func TestRules(t *testing.T) {
	here, err := landlockVersion()
	if err != nil {
		lacks(t, "Landlock: "+err.Error())
	}
	attr, size := ruleset(here, false, true)
	fd, _, e := syscall.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if e != 0 {
		t.Fatal(e)
	}
	defer unix.Close(int(fd))
	for _, path := range []string{"/etc/passwd", "/etc", "/dev/null"} {
		if err := (landRule{path: path, access: ^uint64(0)}).add(int(fd), attr.Handled_access_fs); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := (landRule{path: "/nowhere", access: landRead}).add(int(fd), attr.Handled_access_fs); !isErrno(err, unix.ENOENT) {
		t.Errorf("nowhere: %v", err)
	}
}
