package python_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/script/python"
)

// TestUnits runs the tests that are written in Python, of the parts that need no
// manager.
func TestUnits(t *testing.T) {
	files, err := filepath.Glob("outwork_test/test_*.py")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, p := range interpreters(t) {
		for _, file := range files {
			t.Run(filepath.Base(file)+" "+p, func(t *testing.T) {
				t.Parallel()
				if out, err := exec.CommandContext(t.Context(), p, "-I", file).CombinedOutput(); err != nil {
					t.Errorf("%v\n%s", err, out)
				}
			})
		}
	}
}

// compareTrees reads the words that are shortened, and modules by name, each as its source and what
// that shrinks to. They must compile to the same, but for docstrings and those words.
const compareTrees = `
import ast, json, sys

SHORTER, MODULES = json.load(sys.stdin)

class Bare(ast.NodeTransformer):
    """Without docstrings, with shorter words."""

    def visit_Expr(self, node):
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def generic_visit(self, node):
        for field in ("id", "arg", "attr", "name", "asname"):
            word = getattr(node, field, None)
            if isinstance(word, str) and word in SHORTER:
                setattr(node, field, SHORTER[word])
        return super().generic_visit(node)

def names(tree):
    for node in ast.walk(tree):
        for field in ("id", "arg", "attr", "name", "asname"):
            yield getattr(node, field, None)
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            yield from node.names

for name, (source, shrunk) in MODULES.items():
    tree = ast.parse(source)
    for short in {*SHORTER.values()} & {*names(tree)}:
        print(name, "uses the name", short)
    try:
        compile(shrunk, name, "exec", 0, True)
        have, want = (ast.dump(Bare().visit(t)) for t in (ast.parse(shrunk), tree))
    except SyntaxError as e:
        print("%s, line %s: %s: %s" % (name, e.lineno, e, (e.text or "").strip()))
        continue
    if have != want:
        at = next((i for i, (a, b) in enumerate(zip(have, want)) if a != b), min(len(have), len(want)))
        print("%s: ...%s... became ...%s..." % (name, want[max(0, at - 40):at + 80], have[max(0, at - 40):at + 80]))
`

// TestShrunkIsTheSame under every interpreter: it sees what its own grammar makes of
// the text.
func TestShrunkIsTheSame(t *testing.T) {
	modules := map[string][2]string{}
	for name, shrunk := range python.Sources() {
		text, err := os.ReadFile(filepath.Join("outwork", strings.TrimPrefix(name, "outwork.")+".py"))
		if err != nil {
			t.Fatal(err)
		}
		modules[name] = [2]string{string(text), shrunk}
	}
	// That the comparison sees what is lost.
	modules["lost"] = [2]string{"if a:\n    b()\nc()\n", "if a:\n b()\n c()\n"}
	given, err := json.Marshal([]any{python.Shorter, modules})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range interpreters(t) {
		cmd := exec.CommandContext(t.Context(), p, "-I", "-c", compareTrees)
		cmd.Stdin = strings.NewReader(string(given))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", p, err, out)
			continue
		}
		for line := range strings.Lines(string(out)) {
			if !strings.HasPrefix(line, "lost: ") {
				t.Errorf("%s: %s", p, line)
			}
		}
		if !strings.Contains(string(out), "lost: ") {
			t.Errorf("%s: a statement that moved was not seen", p)
		}
	}
}
