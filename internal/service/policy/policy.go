package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Config says what a policy is made from.
type Config struct {
	// Dir is where the files are, an absolute path; "" is a policy without files,
	// and so is a directory that does not exist, unless MustExist. It, the files,
	// and the directories above must belong to root or Owner.
	Dir       string
	MustExist bool   // Dir was named on purpose: without it, the denials meant are not there
	Owner     uint32 // the uid that may write files; 0 for a service of the system

	// Root is the uid that is allowed what no file denies: root's, or that of a
	// daemon that somebody tries out as themselves.
	Root uint32

	// Functions are the rules that code declares, by the function's name.
	Functions map[string]Rule

	Names Names // nil for those of this host
}

// Policy decides. It does not change, and may be used concurrently.
type Policy struct {
	// Ignored are the paths in the directory that are no policy, as "10-a.rpmsave".
	Ignored []string

	// Absent are the rules of code that match nobody on this host, in words, as
	// "hostname.set: group hostctl does not exist on this host".
	Absent []string

	// Files and Rules are how many policy files there are, and rules in them.
	Files, Rules int

	tables map[string]*table
}

// listing is what a directory holds.
type listing struct {
	entries []entry
	files   int
	ignored []string
}

const (
	// root is the line between those of files and those of code.
	root = "root"

	// code begins the last line.
	code = "code: "
)

// Load makes a policy. Its error has one line for each of at most maxErrors
// mistakes in each file, as "FILE:LINE: what is wrong, and what is allowed".
func Load(c Config) (*Policy, error) {
	if c.Names == nil {
		c.Names = hostNames{}
	}
	if err := checkCode(c.Functions); err != nil {
		return nil, err
	}
	functions := slices.Sorted(maps.Keys(c.Functions))
	read, err := readDir(&c, &grammar{functions, c.Names})
	if err != nil {
		return nil, err
	}
	p := &Policy{Ignored: read.ignored, Files: read.files, Rules: len(read.entries), tables: make(map[string]*table, len(functions))}
	u := &users{names: c.Names, known: make(map[uint32]string)}
	first := rootLine(c.Root)
	for _, name := range functions {
		lines := append(forFunction(read.entries, name), first, p.codeLine(name, c.Functions[name], c.Names))
		p.tables[name] = newTable(name, lines, u)
	}
	return p, nil
}

func checkCode(functions map[string]Rule) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		if err := functions[name].Check(); err != nil {
			errs = append(errs, fmt.Errorf("rule that code declares for %s: %w", printable(name), err))
		}
	}
	return errors.Join(errs...)
}

// forFunction are the lines of files for a function.
func forFunction(entries []entry, name string) []*line {
	var lines []*line
	for i := range entries {
		if entries[i].concerns(name) {
			lines = append(lines, entries[i].line)
		}
	}
	return lines
}

// rootLine allows root, or who counts as root, what no file denies it.
func rootLine(uid uint32) *line {
	l := &line{words: root, implicit: true, when: condition{rule: Rule{Kind: User, ID: uid}, id: uid}}
	if uid != 0 {
		l.words = fmt.Sprintf("the daemon's own user (uid %d)", uid)
	}
	return l
}

// codeLine is the last line for a function.
func (p *Policy) codeLine(name string, r Rule, names Names) *line {
	when := resolve(r, names, func(c condition) {
		p.Absent = append(p.Absent, printable(name)+": "+c.rule.String()+" "+c.absent)
	})
	return &line{words: code + r.String(), when: when}
}
