package spell

import (
	"io/fs"
	"os"
	"path/filepath"
)

// maxEntries is how many entries of a folder are looked at.
const maxEntries = 10_000

// File is the path of the file that was probably meant by path, which is not there: of
// those in its folder one that fits, if fits is not nil. It is "" where nothing is near.
func File(path string, fits func(fs.DirEntry) bool) string {
	dir, base := filepath.Split(path)
	if base == "" {
		return ""
	}
	d, err := os.Open(filepath.Clean(dir)) // "" is the working folder
	if err != nil {
		return inside(filepath.Clean(dir), base, fits)
	}
	defer d.Close()
	entries, _ := d.ReadDir(maxEntries) // what was read before an error will do
	var known []string
	for _, e := range entries {
		if fits == nil || fits(e) {
			known = append(known, e.Name())
		}
	}
	if near := Nearest(base, known); near != "" {
		return dir + near
	}
	return ""
}

// inside is the file called base in the folder that was probably meant by dir.
func inside(dir, base string, fits func(fs.DirEntry) bool) string {
	near := File(dir, func(e fs.DirEntry) bool { return e.IsDir() })
	if near == "" {
		return ""
	}
	path := filepath.Join(near, base)
	info, err := os.Lstat(path)
	if err != nil || fits != nil && !fits(fs.FileInfoToDirEntry(info)) {
		return ""
	}
	return path
}
