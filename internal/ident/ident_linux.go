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

	"github.com/outwork-go/outwork/internal/legible"
)

// statBytes is enough of /proc/PID/stat for the fields up to starttime.
const statBytes = 1 << 10

// Of is who connected to the unix socket fd: whoever called connect on it, as
// they were then. It fails when the kernel does not tell UID, GID and Groups, or
// a Label that there is, and for a user that this user namespace has no number
// for; without the rest it does not. The caller closes the Peer.
func Of(fd int) (*Peer, error) {
	cred, err := credentials(fd)
	if err != nil {
		return nil, fmt.Errorf("who is connected: %w", err)
	}
	p := &Peer{UID: cred.Uid, GID: cred.Gid, PID: int(cred.Pid)}
	if p.Groups, err = groups(fd, cred.Gid); err != nil {
		return nil, fmt.Errorf("the groups of %s: %w", p, err)
	}
	if p.Label, err = label(fd); err != nil {
		return nil, fmt.Errorf("the security label of %s: %w", p, err)
	}
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PEERPIDFD)
	p.hints(n, err)
	return p, nil
}

// UID is the user at the other end of the unix socket fd: as whom the client
// called connect, or, on a client's socket, as whom the server called listen. It
// fails for a user that this user namespace has no number for.
func UID(fd int) (uint32, error) {
	cred, err := credentials(fd)
	if err != nil {
		return 0, err
	}
	return cred.Uid, nil
}

func credentials(fd int) (*unix.Ucred, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return nil, os.NewSyscallError("SO_PEERCRED", err)
	}
	if cred.Uid == overflow().uid {
		return nil, errUnmapped
	}
	return cred, nil
}

func groups(fd int, gid uint32) ([]uint32, error) {
	all, err := sockopt[uint32](fd, unix.SO_PEERGROUPS, 64, MaxGroups)
	if err != nil {
		return nil, os.NewSyscallError("SO_PEERGROUPS", err)
	}
	all = append(all, gid)
	nobodys := overflow().gid
	all = slices.DeleteFunc(all, func(g uint32) bool { return g == nobodys })
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

// hints fills in PIDFD and what is read of the process by its number, unless that
// may be another's by now. pidfd and err are the answer to SO_PEERPIDFD: a kernel
// before Linux 6.5 does not know it, and the number must do; any other error is of
// a process that is gone (up to Linux 6.15), or not known to be there.
func (p *Peer) hints(pidfd int, err error) {
	if err == nil && pidfd >= 0 {
		p.PIDFD = os.NewFile(uintptr(pidfd), "pidfd")
	}
	if p.PID <= 0 || p.PIDFD == nil && !errors.Is(err, unix.ENOPROTOOPT) {
		return // it is gone, or lives where this process does not see it
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
	return legible.Quoted(legible.CutBytes(string(buf[:n]), MaxExe))
}
