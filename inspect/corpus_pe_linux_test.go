package inspect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/inspect"
)

// pePlace is what objdump is telling of.
type pePlace int

const (
	peElsewhere pePlace = iota
	peImports
	peExports
)

// peTables is what objdump says of a file.
type peTables struct {
	known     bool // objdump can read it
	libraries []peLibrary
	exports   []string
	place     pePlace
}

type peLibrary struct {
	name    string
	symbols []string
}

// add takes a line of objdump.
func (p *peTables) add(line string) {
	words := strings.Fields(line)
	last := max(0, len(p.libraries)-1)
	switch {
	case len(words) == 0:
		p.place = peElsewhere
	case strings.HasPrefix(line, "\tDLL Name: "):
		p.libraries = append(p.libraries, peLibrary{name: strings.TrimPrefix(line, "\tDLL Name: ")})
	case strings.HasPrefix(line, "\tvma:  Hint/Ord"):
		p.place = peImports
	case strings.HasPrefix(line, "[Ordinal/Name Pointer] Table"):
		p.place = peExports
	case p.place == peImports && len(words) >= 3:
		p.libraries[last].symbols = append(p.libraries[last].symbols, peSymbol(words[1], words[2]))
	case p.place == peExports && strings.HasPrefix(line, "\t["):
		p.exports = append(p.exports, words[len(words)-1])
	}
}

// peSymbol is how this test writes a symbol, of which objdump tells a hint or ordinal.
func peSymbol(number, name string) string {
	if name == "<none>" {
		return "#" + number
	}
	return name + " " + number
}

// Every PE file of the packages has the imports, with their hints, and the exports that
// objdump says.
func TestPETables(t *testing.T) {
	files := packageFiles(t)
	theirs := make(map[string]*peTables)
	of := func(line string) (string, bool) {
		path, ok := strings.CutSuffix(line, ":     file format "+line[strings.LastIndex(line, " ")+1:])
		if ok {
			theirs[path] = &peTables{known: true}
		}
		return path, ok
	}
	tell(t, files, []string{"objdump", "-p"}, of, func(path, line string) {
		if p := theirs[path]; p != nil {
			p.add(line)
		}
	})
	ours, symbols, unknown := parseAll(t, files), 0, 0
	for _, path := range files {
		r, their := ours[path], theirs[path]
		if r == nil {
			continue // told
		}
		if len(r.Warnings) > 0 {
			t.Errorf("%s: %q", path, r.Warnings)
		}
		if their == nil { // of another processor
			unknown++
			if r.Machine != "aarch64" || len(r.Imports) == 0 {
				t.Errorf("%s: objdump does not know it; here it is a %q for %q", path, r.Kind, r.Machine)
			}
			continue
		}
		symbols += comparePE(t, path, r, their)
	}
	t.Logf("%d files, of which objdump does not know %d; %d symbols", len(files), unknown, symbols)
	if symbols < 1000 {
		t.Errorf("only %d symbols were compared", symbols)
	}
}

// comparePE compares a report with what objdump says, and returns how many symbols were.
func comparePE(t *testing.T, path string, r *inspect.Report, their *peTables) (symbols int) {
	t.Helper()
	imports := slices.DeleteFunc(slices.Clone(r.Imports), func(l inspect.Library) bool { return l.Delayed })
	if len(imports) != len(their.libraries) {
		t.Errorf("%s imports %d libraries, objdump says %d", path, len(imports), len(their.libraries))
		return 0
	}
	for i, l := range their.libraries {
		var names []string
		for _, s := range imports[i].Symbols {
			number := fmt.Sprint(s.Hint)
			if s.Name == "" {
				s.Name, number = "<none>", fmt.Sprint(s.Ordinal)
			}
			names = append(names, peSymbol(number, s.Name))
		}
		symbols += len(names)
		if imports[i].Name != l.name || !slices.Equal(names, l.symbols) {
			t.Errorf("%s imports %d symbols of %q, objdump says %d of %q: %s", path, len(names), imports[i].Name, len(l.symbols), l.name, firstDifference(names, l.symbols))
		}
	}
	var exports []string
	for _, s := range r.Exports {
		if s.Name != "" {
			exports = append(exports, s.Name)
		}
	}
	slices.Sort(exports)
	slices.Sort(their.exports)
	if !slices.Equal(exports, their.exports) {
		t.Errorf("%s exports %d names, objdump says %d: %s", path, len(exports), len(their.exports), firstDifference(exports, their.exports))
	}
	return symbols + len(exports)
}
