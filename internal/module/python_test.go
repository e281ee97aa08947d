package module_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/outwork-go/outwork/internal/module"
)

func TestPythonLoads(t *testing.T) {
	for _, test := range []struct{ name, source, want string }{
		{"plain", "import a", "a"},
		{"several", "import a.b as c, d ,e", "a.b d e"},
		{"from", "from x import a, b as c", "x x.a x.b"},
		{"star", "from a.b import *", "a.b"},
		{"parentheses", "from x import (  # why\r\n    a as aa,\r\n    b,  # why\r\n)\r\nimport c", "x x.a x.b c"},
		{"tight", "from x import(a);from.import y;import z", "x x.a p.q p.q.y z"},
		{"backslash", "import \\\n a, \\\r\n b\nfrom x \\\n import \\\n c", "a b x x.c"},
		{"end of line", "import a\nb, c\nfrom x\nimport d", "a d"},
		{"spaced dots", "import a . b\nfrom . r . s import t", "a.b p.q.r.s p.q.r.s.t"},
		{"relative", "from . import a\nfrom .b import c\nfrom .. import d\nfrom ..e import f", "p.q p.q.a p.q.b p.q.b.c p p.d p.e p.e.f"},
		{"beyond the top", "from ... import a\nfrom ....b import c\nimport d", "d"},
		{"in a line", "if x: import a\ntry: import b; import c\nexcept: from d import e", "a b c d d.e"},
		{"indented", "def f():\n\timport a\n\f    from b import c", "a b b.c"},
		{"once", "import a, a\nfrom a import b, b", "a a.b"},
		{"strings", `x = "import a"; y = 'import b'; z = rb'\'import c'; import d`, "d"},
		{"triple", "'''\nimport a\n\\'''\n\"'''\nimport b\nf\"\"\"\"import c\n\"\"\"\nimport d", "b d"},
		{"string over lines", "x = 'a\\\r\nimport b'\r\nimport c", "c"},
		{"unended strings", "x = 'import a\nimport b\ny = \"\"\"\nimport c", "b"},
		{"comments", "# import a\nimport b # import c", "b"},
		{"words", "x.import_; important = imports; _import; éimport; x.from_", ""},
		{"dots at the end", "x = 1.\nimport a\ndef f(): ...\nfrom b import c", "a b b.c"},
		{"raise and yield", "raise E from a\nimport b\nx = yield from c\nraise E from d; import e", "b e"},
		{"functions", `import_module("a.b"); importlib . import_module('c', x); __import__("d"); import_module(".e", __package__)`, "a.b c d p.q.e"},
		{"functions over lines", "import_module(\n  # why\n  'a',\n)", "a"},
		{"no literals", `import_module(a); import_module("b" + c); import_module(f"d"); import_module("e/f"); __import__("g\n"); __import__(`, ""},
		{"unicode", "import größe, 名.前\nimport 1a, a-b, €", "größe 名.前 a"},
		{"byte order mark", "\ufeffimport a", "a"},
		{"too long", "import " + strings.Repeat("a", module.MaxName+1) + ", b", "b"},
		{"broken", "import\nimport ,a\nfrom import a\nfrom . b\nfrom x import (a,, b\nimport \xff, c.", "a x x.a"},
		{"empty", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := module.Python{}.Loads(module.Module{Name: "p.q.m", Source: []byte(test.source)})
			if !slices.Equal(got, strings.Fields(test.want)) {
				t.Errorf("got %q, want %q", got, strings.Fields(test.want))
			}
		})
	}
}

func TestPythonLoadsRelativeTo(t *testing.T) {
	source := []byte("from . import a")
	for _, test := range []struct {
		m    module.Module
		want []string
	}{
		{module.Module{Name: "p", Package: true}, []string{"p", "p.a"}},
		{module.Module{Name: "p"}, nil},
		{module.Module{Path: "p/__init__.py"}, nil},
		{module.Module{Name: "p/q.py"}, nil},
	} {
		test.m.Source = source
		if got := (module.Python{}).Loads(test.m); !slices.Equal(got, test.want) {
			t.Errorf("%+v: got %q, want %q", test.m, got, test.want)
		}
	}
}

// What a source of this size may cost, whatever is in it: in time (a quadratic
// scanner takes minutes), and in names.
func TestPythonLoadsIsLinear(t *testing.T) {
	long := strings.Repeat("a", module.MaxName-3)
	for _, unit := range []string{
		"from ", "import ", "import a.", "from .", "'", "'''", `"\`, "\\\n", "import_module(", "__import__('", "x.", "from x import (a,", "é", "#", "import a,",
	} {
		start := time.Now()
		sources := []string{strings.Repeat(unit, module.MaxSource/len(unit)), "from " + long + " import (" + strings.Repeat(unit, module.MaxSource/len(unit)-1<<10)}
		for _, source := range sources {
			size := 0
			for _, name := range (module.Python{}).Loads(module.Module{Name: "p.q", Source: []byte(source)}) {
				size += len(name)
			}
			if size > 2<<20 {
				t.Errorf("%q: names of %d bytes", unit, size)
			}
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%q: took %v", unit, took)
		}
	}
}

func FuzzPythonLoads(f *testing.F) {
	f.Add("import a.b as c, d\nfrom . import (x as y, # z\n *)\n'''\\''''\nx.import_module('q')")
	f.Add("from ..")
	f.Add("import \\\r\n\xff")
	f.Fuzz(func(t *testing.T, source string) {
		s := module.NewServer()
		for _, name := range (module.Python{}).Loads(module.Module{Name: "p.q.m", Source: []byte(source)}) {
			if got, err := s.Get("python", name); err != nil || !got[0].Missing {
				t.Errorf("found %q, for which Get says %v", name, err)
			}
			last := name[strings.LastIndexByte(name, '.')+1:]
			if last != "q" && last != "p" && !strings.Contains(source, last) {
				t.Errorf("found %q, which is not in the source", name)
			}
		}
	})
}
