package module

import (
	"bytes"
	"strings"
	"unicode"
)

// maxLoads bounds what is found in one source: the sum of the names, as often as
// they occur, and of loadCost for each, in bytes. Without it a short source with
// a long package name would yield a thousand times its size.
const (
	maxLoads = 1 << 20
	loadCost = 64
)

// Python finds import statements, importlib.import_module and __import__. It
// knows strings, comments and words but no grammar, for which it is enough that
// import is a keyword of nothing else; in a replacement field of an f-string that
// uses the string's own quotes it may take text for code, which sends a module in
// vain.
//
// Modules have dotted names and lie where Python's own path finder looks for
// them, with these differences: source is preferred to a compiled module beside
// it, which is not served (ErrExtension); no bytecode is read; names are compared
// as the file system does, whatever its ideas about case and Unicode forms.
//
// A name that contains a slash is the path of a file in a package, whose bytes
// are served as they are. One that ends with a slash is a directory in a package:
// a Module with Package set and the sorted names in it as Source, a line each,
// directories with a slash behind them. Dotfiles, __pycache__, *.pyc and what is
// neither file nor directory is missing from both. A file belongs to a package
// when a directory above it has an __init__.py.
type Python struct{}

// Loads returns the modules that m is seen to import. "from a import b" may load
// a.b or not, and counts as both.
func (Python) Loads(m Module) []string {
	if strings.Contains(m.Name, "/") {
		return nil
	}
	source := bytes.TrimPrefix(m.Source, []byte("\ufeff"))
	i := imports{scanner: scanner{source}, home: packageOf(m), known: make(map[string]bool)}
	for len(i.rest) > 0 && i.spent < maxLoads {
		switch i.token() {
		case "import":
			i.plain()
		case "from":
			i.from()
		case "import_module", "__import__":
			i.call()
		}
	}
	return i.names
}

// packageOf is the package that the relative imports of m start from, or nothing.
func packageOf(m Module) string {
	if m.Package {
		return m.Name
	}
	parent, _ := parentOf(m.Name)
	return parent
}

// parentOf splits the last part off a dotted name.
func parentOf(name string) (parent, last string) {
	dot := strings.LastIndexByte(name, '.')
	return name[:max(dot, 0)], name[dot+1:]
}

// imports is a Python source being read, and what it was seen to import.
type imports struct {
	scanner
	home  string // see packageOf
	names []string
	known map[string]bool // those in names
	spent int             // see maxLoads
}

// token takes one token off, and returns it if it is a word that may import.
func (i *imports) token() string {
	if i.rest[0] != '.' {
		return i.word()
	}
	i.take(1)
	i.blank()
	if word := string(i.take(wordLen(i.rest))); word == "import_module" {
		return word
	}
	return ""
}

// plain takes off what follows "import".
func (i *imports) plain() {
	for {
		i.blank()
		i.add("", i.dotted())
		i.as(i.blank)
		if !i.skip(',') || i.spent > maxLoads {
			return
		}
	}
}

// from takes off what follows "from", which need not be an import: so begins the
// end of a raise or yield, too.
func (i *imports) from() {
	i.blank()
	level := 0
	for i.skip('.') {
		level++
		i.blank()
	}
	base := ""
	if i.peek() != "import" {
		base = i.dotted()
	}
	if i.peek() != "import" {
		return
	}
	i.take(len("import"))
	i.blank()
	gap := i.blank
	if i.skip('(') {
		gap = i.space
	}
	i.members(i.resolve(level, base), gap)
}

// members takes off the names imported from base, between which gap takes off
// what separates them.
func (i *imports) members(base string, gap func()) {
	i.add("", base)
	for i.spent < maxLoads {
		gap()
		name := string(i.take(wordLen(i.rest)))
		if i.known[base] {
			i.add(base, name)
		}
		gap()
		i.as(gap)
		if name == "" || !i.skip(',') {
			return
		}
	}
}

// call takes off what follows a function that imports, if its first argument is
// a literal and nothing but that.
func (i *imports) call() {
	if !i.open() {
		return
	}
	name, ok := i.literal()
	i.space()
	if !ok || !i.skip(')') && !i.skip(',') {
		return
	}
	base := strings.TrimLeft(name, ".")
	i.add("", i.resolve(len(name)-len(base), base))
}

// resolve is the absolute name of base behind level dots, or nothing.
func (i *imports) resolve(level int, base string) string {
	if level == 0 {
		return base
	}
	home := i.home
	for ; level > 1 && home != ""; level-- {
		home, _ = parentOf(home)
	}
	if home == "" || base == "" {
		return home
	}
	return home + "." + base
}

// add notes the module name below base, if there can be one. Of two names joined,
// base is known to be good.
func (i *imports) add(base, name string) {
	i.spent += loadCost + len(base) + len(name)
	switch {
	case len(base)+len(name) >= MaxName, !isDotted(name):
		return
	case base != "":
		name = base + "." + name
	}
	if !i.known[name] {
		i.known[name] = true
		i.names = append(i.names, name)
	}
}

// dotted takes a dotted name off and the blanks after it.
func (i *imports) dotted() string {
	var name strings.Builder
	for {
		name.Write(i.take(wordLen(i.rest)))
		i.blank()
		if !i.skip('.') {
			return name.String()
		}
		i.blank()
		name.WriteByte('.')
	}
}

// as takes off "as name" and the gap after it, if that comes next.
func (i *imports) as(gap func()) {
	if i.peek() != "as" {
		return
	}
	i.take(len("as"))
	gap()
	i.take(wordLen(i.rest))
	gap()
}

func (i *imports) peek() string { return string(i.rest[:min(wordLen(i.rest), len("import")+1)]) }

// skip takes c off, if that comes next.
func (i *imports) skip(c byte) bool {
	if len(i.rest) == 0 || i.rest[0] != c {
		return false
	}
	i.take(1)
	return true
}

// blank takes off white space inside a line, and line ends behind a backslash.
func (i *imports) blank() {
	for {
		i.rest = bytes.TrimLeft(i.rest, " \t\f")
		rest, ok := bytes.CutPrefix(i.rest, []byte("\\\r\n"))
		if !ok {
			rest, ok = bytes.CutPrefix(i.rest, []byte("\\\n"))
		}
		if !ok {
			return
		}
		i.rest = rest
	}
}

// isDotted reports whether name can be a module's.
func isDotted(name string) bool {
	for part := range strings.SplitSeq(name, ".") {
		if !isIdentifier(part) {
			return false
		}
	}
	return true
}

// isIdentifier reports whether s is one of Python's. A keyword is, as it is for
// importlib.
func isIdentifier(s string) bool {
	for i, r := range s {
		start := r == '_' || unicode.In(r, unicode.L, unicode.Nl, unicode.Other_ID_Start)
		if !start && (i == 0 || !unicode.In(r, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Pc, unicode.Other_ID_Continue)) {
			return false
		}
	}
	return s != ""
}
