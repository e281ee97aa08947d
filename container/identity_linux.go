package container

import (
	"io/fs"
	"syscall"
)

// identity is which file it was, and in what state.
type identity struct {
	dev, inode uint64
	size       int64
	mode       uint32
	changed    syscall.Timespec
}

func identify(info fs.FileInfo) identity {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}
	}
	return identity{uint64(st.Dev), st.Ino, st.Size, st.Mode, st.Ctim}
}

func (i identity) same(info fs.FileInfo) bool { return i == identify(info) }
