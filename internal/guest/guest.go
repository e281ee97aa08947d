// Package guest holds the interpreters that a worker's process may be, by their
// language. Packages below script register one when they are imported, so that the
// module root starts what it does not import.
package guest

import (
	"strings"
	"sync"
)

// Interpreter makes a worker of a program that is not ours.
type Interpreter interface {
	// Find is the program's path: that of program, when it is named, else what a
	// search finds that takes env, the worker's environment, into account.
	Find(program string, env []string) (path string, err error)

	// Shell is Find for a POSIX shell on another machine: the word of it that stands for
	// the program, and what an error says behind "not found" when there is none. A nil env is
	// the shell's own.
	Shell(program string, env []string) (word, hint string)

	// Start is what the program is started with, and what it is sent before
	// anything else.
	Start(o Options) (args []string, boot []byte)

	// Modules are a part of the interpreter's own runtime, which it asks for like a
	// module, and what that part is known to need; nil: there is none of that name.
	Modules(name string, o Options) []Source

	// Reads are the program that is to be executed for path, which Find has found with that env,
	// and the files and folders that it cannot do without, itself among them: its standard
	// library and what is installed beside that, and the machine's libraries that it is linked
	// with. All are absolute and exist.
	Reads(path string, env []string) (program string, reads []string, err error)

	// Mentioned are the names of those that a script with that source will ask for.
	Mentioned(source string) []string
}

// Runtime is the language by which an interpreter asks for parts of its runtime.
const Runtime = "outwork"

// Source is a part of an interpreter's runtime.
type Source struct{ Name, Text string }

// Options are what an interpreter is told when it starts.
type Options struct {
	Functions map[string]string // signatures of the functions that it serves
	Plain     bool              // its link is stdin and stdout, and descriptor 3 its output; else the link's descriptor
	Alone     bool              // of Plain: there is no descriptor 3, and nobody who keeps it: it does so itself
}

var interpreters struct {
	mu     sync.Mutex
	byLang map[string]Interpreter
}

// Register makes i known. It panics when lang is taken.
func Register(lang string, i Interpreter) {
	interpreters.mu.Lock()
	defer interpreters.mu.Unlock()
	if interpreters.byLang[lang] != nil {
		panic("outwork: two interpreters for " + lang)
	}
	if interpreters.byLang == nil {
		interpreters.byLang = map[string]Interpreter{}
	}
	interpreters.byLang[lang] = i
}

// Lookup is the interpreter for lang, or nil.
func Lookup(lang string) Interpreter {
	interpreters.mu.Lock()
	defer interpreters.mu.Unlock()
	return interpreters.byLang[lang]
}

// Quote makes s a word of POSIX shell in one line, where variable _n is a newline.
func Quote(s string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "\n", `'"$_n"'`).Replace(s) + "'"
}
