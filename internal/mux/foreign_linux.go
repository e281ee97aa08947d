package mux

import (
	"os"

	"golang.org/x/sys/unix"
)

// CloseForeign closes a file that a peer has passed. If it is a socket, it does
// not linger, whatever the peer wants: see shed for what else may take its time.
func CloseForeign(f *os.File) {
	if raw, err := f.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) {
			unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{}) // fails for other files
		})
	}
	f.Close()
}
