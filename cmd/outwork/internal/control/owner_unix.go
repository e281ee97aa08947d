//go:build unix

package control

import (
	"io/fs"
	"syscall"
)

// owner is the user that a file belongs to.
func owner(info fs.FileInfo) (uid uint32, ok bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return st.Uid, true
}
