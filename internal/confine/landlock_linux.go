package confine

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Rights on files that Landlock knows, by the version of its interface that they came with.
const (
	landRead    = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	landExecute = unix.LANDLOCK_ACCESS_FS_EXECUTE
	landChange  = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_SYM | unix.LANDLOCK_ACCESS_FS_MAKE_FIFO
	landNodes = unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK
	landV1    = landRead | landExecute | landChange | landNodes
	landV2    = unix.LANDLOCK_ACCESS_FS_REFER
	landV3    = unix.LANDLOCK_ACCESS_FS_TRUNCATE
	landV5    = unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	landV9    = unix.LANDLOCK_ACCESS_FS_RESOLVE_UNIX

	// landFile are the rights that a rule for a file that is no folder may have.
	landFile = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_READ_FILE | landV3 | landV5 | landV9
)

// landRule gives rights on what is at path, and below, or on what is open.
type landRule struct {
	path   string
	access uint64
	open   int // the descriptor; 0: the path counts
}

// landlockVersion is the version of Landlock's interface; the error says why there is none.
func landlockVersion() (int, error) {
	n, _, e := syscall.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	switch e {
	case 0:
		return int(n), nil
	case unix.ENOSYS:
		return 0, errors.New("this kernel has none (Linux 5.13 has it)")
	case unix.EOPNOTSUPP:
		return 0, errors.New("it is switched off: add landlock to the kernel's parameter lsm=")
	}
	return 0, e
}

// ruleset is all that Landlock of that version can forbid, in the size that it understands. siblings
// says that threads may signal each other all the same.
func ruleset(version int, network, siblings bool) (attr unix.LandlockRulesetAttr, size uintptr) {
	attr.Handled_access_fs = landV1
	for _, later := range []struct {
		since  int
		access uint64
	}{{2, landV2}, {3, landV3}, {5, landV5}, {9, landV9}} {
		if version >= later.since {
			attr.Handled_access_fs |= later.access
		}
	}
	size = unsafe.Offsetof(attr.Handled_access_net)
	if version >= 4 {
		size = unsafe.Offsetof(attr.Scoped)
		if !network {
			attr.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
		}
	}
	if version >= 6 {
		size = unsafe.Offsetof(attr.Quiet_access_fs)
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
		if siblings {
			attr.Scoped |= unix.LANDLOCK_SCOPE_SIGNAL
		}
	}
	return attr, size
}

// landlock forbids everything but what rules allow. No new privileges must have been set.
func (c caller) landlock(version int, network bool, rules []landRule) error {
	attr, size := ruleset(version, network, !c.all || signalsSiblings())
	fd, _, e := syscall.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if e != 0 {
		return fmt.Errorf("make a Landlock ruleset: %w", e)
	}
	defer unix.Close(int(fd))
	for _, r := range rules {
		if err := r.add(int(fd), attr.Handled_access_fs); err != nil {
			return fmt.Errorf("allow %s: %w", r.path, err)
		}
	}
	if err := c.call(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0); err != nil {
		return fmt.Errorf("enforce Landlock: %w", err)
	}
	return nil
}

// signalsSiblings reports whether the kernel lets a thread signal the others of its process although
// it is held and they are not yet (erratum 2 of Landlock; before, Linux 6.12 to 6.14 do not). Else Go
// would wait for ever for the threads that it has to signal to hold them, and the pid namespace alone
// holds signals.
func signalsSiblings() bool {
	mended, _, e := syscall.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_ERRATA)
	return e == 0 && mended&(1<<1) != 0
}

func (r landRule) add(ruleset int, handled uint64) error {
	fd := r.open
	if fd == 0 {
		var err error
		if fd, err = unix.Open(r.path, unix.O_PATH|unix.O_CLOEXEC, 0); err != nil {
			return err
		}
		defer unix.Close(fd)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	access := r.access & handled
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &= landFile
	}
	if access == 0 {
		return nil
	}
	// The kernel's structure is packed: 12 bytes, which Go's begins with.
	attr := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
	_, _, e := syscall.RawSyscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&attr)), 0, 0, 0)
	if e != 0 {
		return e
	}
	return nil
}
