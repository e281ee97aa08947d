//go:build !linux

package container

import (
	"io/fs"
	"os"
)

// identity is which file it was, and in what state.
type identity struct{ info fs.FileInfo }

func identify(info fs.FileInfo) identity { return identity{info} }

func (i identity) same(info fs.FileInfo) bool {
	return os.SameFile(i.info, info) && i.info.Size() == info.Size() &&
		i.info.Mode() == info.Mode() && i.info.ModTime().Equal(info.ModTime())
}
