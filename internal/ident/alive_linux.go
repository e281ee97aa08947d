package ident

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Alive reports whether the process that connected is still there, by its number
// and start time, and by PIDFD where there is one. It is not where that is not
// known. By the time that the answer is used it may have ended.
func (p *Peer) Alive() bool {
	if p.PID <= 0 || p.Start == 0 || p.PIDFD != nil && ended(p.PIDFD) {
		return false
	}
	return startOf("/proc/"+strconv.Itoa(p.PID)+"/stat") == p.Start
}

// ended reports whether the process of a pidfd, or the use of that, has ended.
func ended(pidfd *os.File) bool {
	raw, err := pidfd.SyscallConn()
	if err != nil {
		return true
	}
	gone := true
	err = raw.Control(func(fd uintptr) {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		gone = err != nil && err != unix.EINTR || n > 0
	})
	return err != nil || gone
}
