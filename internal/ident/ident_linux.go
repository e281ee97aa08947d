package ident

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// statBytes is enough of /proc/PID/stat for the fields up to starttime.
const statBytes = 1 << 10

// Of is who connected to the unix socket fd: whoever called connect on it, as
// they were then. It fails when the kernel does not tell UID, GID and Groups, or
// a Label that there is; without the rest it does not. The caller closes the
// Peer.
func Of(fd int) (*Peer, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return nil, fmt.Errorf("who is connected: %w", os.NewSyscallError("SO_PEERCRED", err))
	}
	p := &Peer{UID: cred.Uid, GID: cred.Gid, PID: int(cred.Pid)}
	if p.Groups, err = groups(fd, cred.Gid); err != nil {
		return nil, fmt.Errorf("the groups of %s: %w", p, err)
	}
	if p.Label, err = label(fd); err != nil {
		return nil, fmt.Errorf("the security label of %s: %w", p, err)
	}
	p.PIDFD = pidfd(fd)
	p.hints()
	return p, nil
}

// UID is the user at the other end of the unix socket fd: as whom the client
// called connect, or, on a client's socket, as whom the server called listen.
func UID(fd int) (uint32, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, os.NewSyscallError("SO_PEERCRED", err)
	}
	return cred.Uid, nil
}

func groups(fd int, gid uint32) ([]uint32, error) {
	all, err := sockopt[uint32](fd, unix.SO_PEERGROUPS, 64, MaxGroups)
	if err != nil {
		return nil, os.NewSyscallError("SO_PEERGROUPS", err)
	}
	all = append(all, gid)
	slices.Sort(all)
	return slices.Clip(slices.Compact(all)), nil
}

func label(fd int) (string, error) {
	b, err := sockopt[byte](fd, unix.SO_PEERSEC, 256, MaxLabel)
	if errors.Is(err, unix.ENOPROTOOPT) { // no security module that has labels
		return "", nil
	}
	return strings.TrimRight(string(b), "\x00"), os.NewSyscallError("SO_PEERSEC", err)
}

// sockopt is the value of a socket option that is a list: at first with room for
// few elements, and when the kernel says that there are more, for those, but no
// more than most.
func sockopt[T byte | uint32](fd, option, few, most int) ([]T, error) {
	var element T
	size := uint32(unsafe.Sizeof(element))
	for room := few; ; {
		list := make([]T, room)
		n := uint32(room) * size
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, uintptr(option),
			uintptr(unsafe.Pointer(&list[0])), uintptr(unsafe.Pointer(&n)), 0)
		count := int(n / size)
		switch {
		case errno == 0 && count <= room:
			return list[:count], nil
		case errno == unix.ERANGE && count > room && count <= most:
			room = count
		case errno == 0:
			return nil, unix.ERANGE
		default:
			return nil, errno
		}
	}
}

func pidfd(fd int) *os.File {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PEERPIDFD)
	if err != nil || n < 0 {
		return nil
	}
	return os.NewFile(uintptr(n), "pidfd")
}

// hints fills in what is read of the process by its number, unless it is known
// to be gone: then the number may be another's.
func (p *Peer) hints() {
	if p.PID <= 0 {
		return // it lives where this process does not see it
	}
	dir := "/proc/" + strconv.Itoa(p.PID)
	start, exe := startOf(dir+"/stat"), exeOf(dir+"/exe")
	if p.PIDFD == nil || unix.PidfdSendSignal(int(p.PIDFD.Fd()), 0, nil, 0) != unix.ESRCH {
		p.Start, p.Exe = start, exe
	}
}

func startOf(file string) uint64 {
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	var buf [statBytes]byte
	n, err := unix.Read(fd, buf[:])
	if err != nil {
		return 0
	}
	start, err := parseStart(buf[:n])
	if err != nil {
		return 0
	}
	return start
}

func exeOf(link string) string {
	var buf [unix.PathMax]byte
	n, err := unix.Readlink(link, buf[:])
	if err != nil {
		return ""
	}
	return printable(string(buf[:n]), MaxExe)
}
