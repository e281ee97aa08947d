// Package filekind tells what a file is, in the words that errors have for it.
package filekind

import "io/fs"

// Kind is what a file is: one of the constants below.
type Kind string

// The kinds of files. What a system has beyond them is Special.
const (
	Regular   Kind = "regular"
	Directory Kind = "directory"
	Symlink   Kind = "symlink"
	Pipe      Kind = "pipe"
	Socket    Kind = "socket"
	Device    Kind = "device" // of blocks or characters
	Special   Kind = "special"
)

// Of is the kind of a file of that mode.
func Of(m fs.FileMode) Kind {
	switch {
	case m.IsRegular():
		return Regular
	case m.IsDir():
		return Directory
	case m&fs.ModeSymlink != 0:
		return Symlink
	case m&fs.ModeNamedPipe != 0:
		return Pipe
	case m&fs.ModeSocket != 0:
		return Socket
	case m&fs.ModeDevice != 0:
		return Device
	}
	return Special
}

// Words are the kind as a sentence has it: "a directory".
func (k Kind) Words() string {
	switch k {
	case Regular, Special:
		return "a " + string(k) + " file"
	}
	return "a " + string(k)
}
