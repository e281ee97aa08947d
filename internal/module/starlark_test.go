package module_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/internal/module"
)

func TestStarlarkLoads(t *testing.T) {
	for _, test := range []struct{ name, source, want string }{
		{"plain", `load("a.star", "f")`, "a.star"},
		{"single quotes", `load('a.star', 'f')`, "a.star"},
		{"several in one line", `load("a", "f"); load("b", "g")`, "a b"},
		{"over lines", "load(\n    # the library\n    \"a\",\n    \"f\",\n)", "a"},
		{"line ends of DOS", "load(\r\n\t\"a\",\r\n\t\"f\")\r\n", "a"},
		{"spaces", `load  ( "a" , "f")`, "a"},
		{"in a condition", "if True:\n    load(\"a\", \"f\")\n", "a"},
		{"raw and tripled", `load(r"a", "f"); load("""b""", "f"); load(r'''c''', "f")`, "a b c"},
		{"renamed", `load("a", g = "f")`, "a"},
		{"without end", `load("a"`, "a"},
		{"comment", "# load(\"a\", \"f\")\nload(\"b\", \"f\")", "b"},
		{"comment at the end", `# load("a", "f")`, ""},
		{"docstring", "\"\"\"\nload(\"a\", \"f\")\n\"\"\"\nload(\"b\", \"f\")", "b"},
		{"string", `x = 'load("a", "f")'`, ""},
		{"escaped quote", `x = "\" load('a', 'f')"; load("b", "f")`, "b"},
		{"unended string", "x = \"\nload(\"a\", \"f\")", "a"},
		{"unended docstring", "\"\"\"\nload(\"a\", \"f\")", ""},
		{"attribute", `x.load("a", "f"); x . load("b", "f")`, ""},
		{"part of a word", `reload("a"); loads("b"); load2("c"); _load("d"); éload("e")`, ""},
		{"not a literal", `load(name, "f"); load(); load`, ""},
		{"escapes", `load("a\n", "f"); load("b", "f")`, "b"},
		{"empty", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := module.Starlark{}.Loads(module.Module{Source: []byte(test.source)})
			if !slices.Equal(got, strings.Fields(test.want)) {
				t.Errorf("got %q, want %q", got, strings.Fields(test.want))
			}
		})
	}
}

func FuzzStarlarkLoads(f *testing.F) {
	f.Add("load(\"a\", 'f')\n# x\n\"\"\"doc\\\"\"\"\"\nx.load(r'b')")
	f.Add("load(\"")
	f.Add("'\\")
	f.Fuzz(func(t *testing.T, source string) {
		for _, name := range (module.Starlark{}).Loads(module.Module{Source: []byte(source)}) {
			if !strings.Contains(source, name) {
				t.Errorf("found %q, which is not in the source", name)
			}
		}
	})
}
