// Package tree moves files and folders between this machine and a worker's.
//
// A tree crosses as a sequence of parts, which the sending side makes by walking and
// the receiving side writes, whichever of the two is the worker. Contents are streamed
// in pieces and never held in memory; each file's size and SHA-256 are told behind it
// and checked against what was written.
//
// Modes and times of change are kept, owners are not, and set-user-ID and set-group-ID
// bits therefore neither. Symbolic links stay links. Devices, pipes and sockets are
// skipped with a notice. What the user names is followed when it is a link; in a
// folder nothing is.
//
// The receiving side trusts nothing that it is sent: it writes below the destination
// only, by os.Root and into folders of this very transfer only. It leaves no link as the
// destination itself, which the next transfer would follow, and the names in that are
// those that were asked for. A file is written under
// another name (or, on Linux, none), synced, and renamed: whoever looks sees the old
// file or the new one. Where a transfer fails, what was complete stays.
package tree

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"
)

const (
	// pieceSize is how much of a file is sent at a time, in bytes.
	pieceSize = 256 << 10

	// maxPath is how long a path in a tree may be, and the text of a link, in bytes.
	maxPath = 4096
)

// Part is a piece of a tree on its way. One field is set.
type Part struct {
	Entry  *Entry
	Data   []byte // more of the file that is under way
	Sum    []byte // of all of it: its end
	Notice string // for people
}

// The kinds of entries.
const (
	file   = "file"
	folder = "folder"
	link   = "link"
)

// Entry is the beginning of a file, or all of a folder or link. A folder comes before
// what lies in it, and that follows at once.
type Entry struct {
	Kind   string
	Path   []byte // inside the tree, with slashes: names need not be UTF-8
	Mode   uint32 // its permissions
	Time   time.Time
	Size   int64  // a file's
	Target []byte // a link's
}

// Report is what was written.
type Report struct {
	Files, Folders, Links int
	Bytes                 int64 // of contents
}

// check is what an entry from anybody must fulfil.
func (e *Entry) check() error {
	name := string(e.Path)
	switch {
	case len(name) > maxPath, len(e.Target) > maxPath:
		return refused(name, "its path is longer than %d bytes", maxPath)
	case strings.ContainsRune(name, 0), strings.ContainsRune(string(e.Target), 0):
		return refused(name, "its path has a zero byte")
	case name == "." || !validPath(name):
		return refused(name, "its path is no plain one below the destination")
	case e.Kind == file && e.Size < 0:
		return refused(name, "its size is below zero")
	case e.Kind == link && len(e.Target) == 0:
		return refused(name, "a link to nothing")
	case e.Kind != file && e.Kind != folder && e.Kind != link:
		return refused(name, "there is no kind %q", e.Kind)
	}
	return nil
}

// validPath is fs.ValidPath for names that need not be UTF-8.
func validPath(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return true
}

// refused is that the other side sent what must not be.
func refused(name, format string, args ...any) error {
	return fmt.Errorf("%q was refused: "+format, append([]any{name}, args...)...)
}

// perm is the part of a mode that is kept.
func perm(mode uint32) fs.FileMode { return fs.FileMode(mode).Perm() }

// base is the last name of a path, and the rest.
func base(name string) (dir, last string) {
	dir, last = path.Split(name)
	return strings.TrimSuffix(dir, "/"), last
}

var (
	errChanged   = errors.New("it changed while it was read")
	errOtherSize = errors.New("it tells another size than it has, as the kernel's own files do, and cannot be copied")
	errDamaged   = errors.New("it was damaged on the way: its SHA-256 is another")
)

var newHash = sha256.New

// bare is err without its operation and path, which the sentence around it names.
func bare(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
