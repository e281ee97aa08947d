package python

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/outwork-go/outwork/internal/guest"
)

// maxRuntime is the most that the runtime which is sent first may take, in bytes. Over a
// slow link nothing runs before all of it is there.
const maxRuntime = 8 << 10

// maxKeeper is the same for what is needed besides where no agent runs.
const maxKeeper = 2 << 10

// Sources is for the tests beside, which run interpreters.
var (
	Sources = sources
	Shorter = shorter
)

func TestRuntimeIsSmall(t *testing.T) {
	const value = "github.com/outwork-go/outwork.Value as binary"
	functions := map[string]string{ // as they are
		"guest.script": "func(" + value + ") " + value,
		"guest.call":   "func(" + value + ") " + value,
		"guest.fork":   "func(forkArgs{Name string; Link file *os.File; Stdout file *os.File; Stderr file *os.File}) " + value,
		"guest.signal": "func(" + value + ") " + value,
	}
	for what, o := range map[string]guest.Options{"socket": {}, "plain": {Plain: true}, "alone": {Plain: true, Alone: true}} {
		o.Functions = functions
		text := program(o)
		sent := pack(text)
		t.Logf("%s: %d bytes, %d packed", what, len(text), len(sent))
		most := maxRuntime
		if o.Alone {
			most += maxKeeper
		}
		if o.Plain && len(sent) > most {
			t.Errorf("%s: %d bytes are sent first, more than %d", what, len(sent), most)
		}
	}
}

// unshrunk are the modules of the runtime as they are in the repository.
func unshrunk(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for name := range sources() {
		text, err := os.ReadFile("outwork/" + name[len("outwork."):] + ".py")
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(text)
	}
	return all
}

// Every module that another one imports, and that is told of here, exists.
func TestRuntimeIsComplete(t *testing.T) {
	have := unshrunk(t)
	want := func(name, who string) {
		if _, ok := have[name]; !ok {
			t.Errorf("%s wants %s, and there is none", who, name)
		}
	}
	modules := regexp.MustCompile(`\b_[a-z]+\b`)
	lists := regexp.MustCompile(`from outwork import ([^\n]*)`)
	single := regexp.MustCompile(`(?:from |import |")outwork\.(_[a-z]+)`)
	found := 0
	for name, text := range have {
		for _, m := range lists.FindAllStringSubmatch(text, -1) {
			for _, part := range modules.FindAllString(m[1], -1) {
				want("outwork."+part, name)
				found++
			}
		}
		for _, m := range single.FindAllStringSubmatch(text, -1) {
			want("outwork."+m[1], name)
			found++
		}
	}
	if found < 40 {
		t.Errorf("only %d imports were seen", found)
	}
	for _, name := range append(slices.Clone(core), first) {
		want(name, "the runtime that is sent first")
	}
	for name, others := range along {
		for _, other := range append(slices.Clone(others), name) {
			want(other, "along")
		}
	}
	for _, name := range (interpreter{}).Mentioned("outwork shared logging") {
		want(name, "Mentioned")
	}
	for name := range maps.Keys(have) {
		for _, plain := range []bool{true, false} {
			all := parts(name, guest.Options{Plain: plain})
			if len(all) < 1+len(along[name]) || all[0].Name != name || all[0].Text != sources()[name] {
				t.Errorf("plain %v: what is sent for %s is %d modules", plain, name, len(all))
			}
		}
	}
}

func TestShrink(t *testing.T) {
	for _, test := range []struct{ what, source, want string }{
		{"nothing", "", ""},
		{"blank lines", "\n\na = 1\n\n\nb = 2\n   \n", "a=1\nb=2\n"},
		{"no line end", "a = 1", "a=1\n"},
		{"comment lines", "# one\na\n    # two\nb\n", "a\nb\n"},
		{"comments at line ends", "a = 1  # one\nif a:  # two\n    b\n", "a=1\nif a:\n b\n"},
		{"a comment alone at the end", "a\n# end", "a\n"},
		{"# in strings", `a = "#", '# b', "c # d"  # e`, `a="#",'# b',"c # d"` + "\n"},
		{"quotes in strings", `a = "it's", 'say "x"', "\"#", '\'#', "\\"  # x`, `a="it's",'say "x"',"\"#",'\'#',"\\"` + "\n"},
		{"prefixed strings", `a = b"\x00 #", r"\ #", rb'x'`, `a=b"\x00 #",r"\ #",rb'x'` + "\n"},
		{"strings keep their spaces", `a = "x  =  y"`, `a="x  =  y"` + "\n"},
		{"triple quotes that are no docstring", "a = \"\"\"b\n    # c\n\n  'd' \"e\"\"\"\nf\n", "a=\"\"\"b\n    # c\n\n  'd' \"e\"\"\"\nf\n"},
		{"triple quotes of the other kind", "a = '''b\n  \"\"\" # c'''\nf\n", "a='''b\n  \"\"\" # c'''\nf\n"},
		{"a quote of a triple one", "a = \"\"\"b\\\"\"\"\"\nf\n", "a=\"\"\"b\\\"\"\"\"\nf\n"},
		{"a docstring", "\"\"\"Says.\n\n    More # of 'it'.\n\"\"\"\n\nimport a\n", "import a\n"},
		{"a docstring of a function", "def f():\n    \"\"\"Says.\"\"\"\n    return 1\n", "def f():\n return 1\n"},
		{"a docstring behind a comment", "def f():\n    # c\n    \"\"\"Says.\"\"\"\n\n    # d\n\n    return 1\n", "def f():\n return 1\n"},
		{"a docstring alone", "class E(Exception):\n    \"\"\"Says.\"\"\"\n\n\nx = 1\n", "class E(Exception):\n 0\nx=1\n"},
		{"a docstring alone at the end", "class A:\n    def f():\n        \"\"\"Says.\n        \"\"\"\n", "class A:\n def f():\n  0\n"},
		{"a docstring alone before a comment", "def f():\n    \"\"\"Says.\"\"\"\n    # no more\nx\n", "def f():\n 0\nx\n"},
		{"a docstring alone in a method", "class A:\n    def f():\n        \"\"\"Says.\"\"\"\n\n    def g():\n        pass\n", "class A:\n def f():\n  0\n def g():\n  pass\n"},
		{"a module of a docstring", "\"\"\"Says.\"\"\"\n", ""},
		{"brackets over lines", "a = [\n    1,  # one\n\n    2,\n]\nb = f(\n    c, {\n        d: e,\n    }\n)\n", "a=[1,2,]\nb=f(c,{d:e,})\n"},
		{"words in brackets over lines", "a = (b\n    if c\n    else d)\n", "a=(b if c else d)\n"},
		{"brackets in strings", "a = \"(\"\nb = '['\nc\n", "a=\"(\"\nb='['\nc\n"},
		{"words keep apart", "return not a if b in c else -d\n", "return not a if b in c else-d\n"},
		{"numbers and words", "a = 1 if b else 2\n", "a=1 if b else 2\n"},
		{"indentation", "if a:\n    if b:\n        c\n    d\ne\n", "if a:\n if b:\n  c\n d\ne\n"},
		{"self", "def f(self, selfish):\n    self.myself = self, \"self\", itself  # self\n", "def f(S,selfish):\n S.myself=S,\"self\",itself\n"},
		{"the link", "def f(link, links):\n    link.payload = _link, \"link\"  # link\n", "def f(L,links):\n L.P=_link,\"link\"\n"},
		{"decorators", "@a.b\ndef f(): pass\n", "@a.b\ndef f():pass\n"},
	} {
		if got := shrink(test.source); got != test.want {
			t.Errorf("%s: %q becomes\n%q, want\n%q", test.what, test.source, got, test.want)
		}
	}
}
