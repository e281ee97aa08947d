// Package module serves script modules to workers (GET_MODULE), and keeps on
// the worker's side those that have arrived.
//
// A [Server] is the manager's half. It reads sources under the served roots,
// and sends along what a module is seen to load, so that a tree of modules
// costs one round trip, and none if the script that loads it is known
// beforehand. It trusts no name: a worker gets regular files inside the roots,
// never a dotfile, and no error tells it where the roots are. A root from
// os.Root.FS holds against symbolic links too; one from os.DirFS does not.
//
// A [Memory], beside it, holds what earlier workers had to ask for all the same.
//
// A [Cache] is the worker's half. It asks once for each module, whoever wants
// it, and remembers absences like modules.
//
// All are safe for concurrent use, start no goroutine and need no closing. The
// package runs no script and imports no engine: how a language writes down what
// it loads, and where that lies, is told by a [Language]. In [Starlark] a module
// is called by its path; [Python] has dotted names, and files that go with a
// package.
package module

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"unicode/utf8"
)

const (
	// MaxName is the longest name of a module, in bytes.
	MaxName = 1 << 10

	// MaxSource is the largest source of a module, in bytes.
	MaxSource = 4 << 20

	// MaxModules is the number of modules in one answer, absences included.
	MaxModules = 256

	// MaxAnswer is the sum of the sources in one answer, in bytes. It leaves
	// the names and hashes room in a 16 MiB message.
	MaxAnswer = 8 << 20

	// MaxRoots is the number of names that Server.Roots returns.
	MaxRoots = 1 << 12
)

var (
	// ErrName is matched by the error for a name that no module can have.
	ErrName = errors.New("not a module name")

	// ErrTooLarge is matched by the error for a source above MaxSource.
	ErrTooLarge = fmt.Errorf("source is larger than %d MiB", MaxSource>>20)

	// ErrNotRegular is matched by the error for a directory, a pipe, a device
	// and whatever else is not a plain file.
	ErrNotRegular = errors.New("not a regular file")

	// ErrExtension is matched by the error for a module that is there as
	// machine code only.
	ErrExtension = errors.New("compiled modules are not served: install it on the worker's side, or preload it there")
)

// Module is the answer to one name: a source, or an explicit absence.
type Module struct {
	Name    string            // as it was asked for
	Path    string            // inside its root, with slashes; empty when missing
	Package bool              // whether it has modules below it; of data, whether it is a directory
	Source  []byte            // at most MaxSource; shared, so never written to
	Hash    [sha256.Size]byte // SHA-256 of Source; zero when missing
	Missing bool              // no root has it
}

// Error says why a module was not to be had, when it is not simply missing.
type Error struct {
	Name string // as it was asked for
	Err  error  // the cause in full, for the manager's eyes
}

// Error is fit to be sent to a worker: it tells nothing of the manager's
// paths, unlike the text of e.Err.
func (e *Error) Error() string {
	return fmt.Sprintf("module %s: %s", quote(e.Name), reason(e.Err))
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// reason is err without any path but those inside a root. Only texts known to
// hold no other are passed on.
func reason(err error) string {
	for _, own := range []error{ErrName, ErrTooLarge, ErrNotRegular, ErrExtension} {
		if errors.Is(err, own) {
			return err.Error()
		}
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	if errors.Is(err, fs.ErrPermission) {
		return fs.ErrPermission.Error()
	}
	return "cannot be read inside its root"
}

// quote is name in quotes, cut where a peer made it needlessly long.
func quote(name string) string {
	const most = 128
	if len(name) > most {
		return fmt.Sprintf("%q…", name[:most])
	}
	return fmt.Sprintf("%q", name)
}

// checkName returns an error that matches ErrName unless name is a relative
// slash path that stays inside its root and touches no dotfile.
func checkName(name string) error {
	if why := badName(name); why != "" {
		return fmt.Errorf("%w: %s", ErrName, why)
	}
	return nil
}

// badName says what is wrong with name, or nothing.
func badName(name string) string {
	switch {
	case name == "":
		return "it is empty"
	case len(name) > MaxName:
		return fmt.Sprintf("it is longer than %d bytes", MaxName)
	case !utf8.ValidString(name):
		return "it is not UTF-8"
	case strings.ContainsRune(name, 0):
		return "it holds a NUL"
	case strings.ContainsRune(name, '\\'):
		return "it holds a backslash"
	case name[0] == '/':
		return "it is absolute"
	}
	for segment := range strings.SplitSeq(name, "/") {
		if why := badSegment(segment); why != "" {
			return why
		}
	}
	return ""
}

func badSegment(segment string) string {
	switch {
	case segment == "":
		return "it has an empty segment"
	case segment == "..":
		return "it leaves its root"
	case segment[0] == '.':
		return "it has a segment that starts with a dot"
	}
	return ""
}
