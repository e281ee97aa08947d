package remote

import (
	"fmt"
	"io/fs"
	"syscall"
)

// noWait is for opening what may have become a pipe.
const noWait = syscall.O_NONBLOCK

// identify tells a state of a file from every other.
func identify(info fs.FileInfo) string {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Sprint(info.Size(), info.ModTime().UnixNano())
	}
	return fmt.Sprint(s.Dev, s.Ino, s.Size, s.Mtim.Nano(), s.Ctim.Nano())
}
