// Package guest holds the interpreters that a worker's process may be, by their
// language. Packages below script register one when they are imported, so that the
// module root starts what it does not import.
package guest

import (
	"maps"
	"slices"
	"sync"
)

// Interpreter makes a worker of a program that is not ours.
type Interpreter interface {
	// Find is the program's path: that of program, when it is named, else what a
	// search finds that takes env, the worker's environment, into account.
	Find(program string, env []string) (path string, err error)

	// Start is what the program is started with, and what it is sent before
	// anything else.
	Start(o Options) (args []string, boot []byte)

	// Modules are a part of the interpreter's own runtime, which it asks for like a
	// module, and what that part is known to need; nil: there is none of that name.
	Modules(name string, o Options) []Source

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
	Plain     bool              // its link is stdin and stdout; else the link's descriptor
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

// Languages are those that have an interpreter, sorted.
func Languages() []string {
	interpreters.mu.Lock()
	defer interpreters.mu.Unlock()
	return slices.Sorted(maps.Keys(interpreters.byLang))
}
