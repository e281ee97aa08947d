package link

import (
	"context"
	"strings"
	"testing"
)

func double(_ context.Context, n int) (int, error) { return 2 * n, nil }

// declared is a Function that is implemented elsewhere.
func declared[A, R any](name string) *Function {
	f := function[A, R](name, nil)
	f.Invoke = nil
	return f
}

func TestRegistryNames(t *testing.T) {
	var r Registry
	for _, name := range []string{"", "two\nlines", "\x7f", "\xff", strings.Repeat("n", MaxName+1)} {
		if err := r.Add(function(name, double)); err == nil {
			t.Errorf("%.9q is a name", name)
		}
	}
	for _, name := range []string{"a", "größe", "a b/c", strings.Repeat("n", MaxName)} {
		if err := r.Add(function(name, double)); err != nil {
			t.Error(err)
		}
	}
}

// TestRegistryTwice: what one package declares another one of the same program may
// implement, in either order, and the implementation is what is found.
func TestRegistryTwice(t *testing.T) {
	impl, decl, other := function("f", double), declared[int, int]("f"), declared[string, int]("f")
	for name, c := range map[string]struct {
		first, second *Function
		want          string // in the error
	}{
		"implemented twice":         {impl, function("f", double), "registered already, at here"},
		"declared twice":            {decl, declared[int, int]("f"), "registered already, at here"},
		"declared, implemented":     {decl, impl, ""},
		"implemented, declared":     {impl, decl, ""},
		"declared with other types": {impl, other, "is func(string) int, but func(int) int at here"},
		"implemented with others":   {other, impl, "is func(int) int, but func(string) int at here"},
	} {
		var r Registry
		if err := r.Add(c.first); err != nil {
			t.Fatal(err)
		}
		err := r.Add(c.second)
		switch {
		case c.want == "" && (err != nil || r.Lookup("f") != impl):
			t.Errorf("%s: %v, and found is %p", name, err, r.Lookup("f"))
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v", name, err)
		}
	}
}
