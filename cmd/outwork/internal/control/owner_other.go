//go:build !unix

package control

import "io/fs"

// owner is not to be had here.
func owner(fs.FileInfo) (uid uint32, ok bool) { return 0, false }
