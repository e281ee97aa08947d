package gate

import (
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// peek waits for the first bytes of c, and leaves them there. Until they come, c costs
// nothing but what it is and the goroutine that waits.
func peek(c *net.TCPConn, b []byte) (n int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var errno error
	err = raw.Read(func(fd uintptr) bool {
		n, _, errno = unix.Recvfrom(int(fd), b, unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return errno != unix.EAGAIN
	})
	switch {
	case err != nil:
		return 0, err
	case errno != nil:
		return 0, os.NewSyscallError("recvfrom", errno)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// affordable is how many connections may be pending: a quarter of the file descriptors that
// this process may have.
func affordable(wanted int) int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return wanted
	}
	return max(1, int(min(uint64(wanted), limit.Cur/4)))
}
