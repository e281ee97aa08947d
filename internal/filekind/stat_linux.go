package filekind

import "golang.org/x/sys/unix"

// OfStat is the kind of a file of which stat says that mode.
func OfStat(mode uint32) Kind {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return Regular
	case unix.S_IFDIR:
		return Directory
	case unix.S_IFLNK:
		return Symlink
	case unix.S_IFIFO:
		return Pipe
	case unix.S_IFSOCK:
		return Socket
	case unix.S_IFBLK, unix.S_IFCHR:
		return Device
	}
	return Special
}
