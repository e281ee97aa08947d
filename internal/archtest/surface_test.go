package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mostNames is how many names the root package may have, those of constants that belong to
// a type not counted: what does not fit belongs to a package of its own.
const mostNames = 27

func TestRootHasFewNames(t *testing.T) {
	names := exported(t, filepath.Join("..", ".."))
	if len(names) > mostNames {
		t.Errorf("the root package has %d names, more than %d: %s", len(names), mostNames, strings.Join(names, " "))
	}
	if len(names) < mostNames/2 {
		t.Errorf("the root package has %d names only: are they found?", len(names))
	}
}

// exported are the names at the top of a package, but constants.
func exported(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, e.Name()), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			names = append(names, declared(d)...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func declared(d ast.Decl) (names []string) {
	add := func(id *ast.Ident) {
		if id.IsExported() {
			names = append(names, id.Name)
		}
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			add(d.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				add(s.Name)
			case *ast.ValueSpec:
				if d.Tok == token.VAR {
					for _, id := range s.Names {
						add(id)
					}
				}
			}
		}
	}
	return names
}
