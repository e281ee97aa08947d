package main

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/inspect/desk"
	"github.com/outwork-go/outwork/script/python"
)

// compareImports has the example read what is shared under each of its arguments, and wants
// what the manager's parser finds.
const compareImports = `
import imports, outwork
def main(*names):
    for name in names:
        c = outwork.shared(name)
        report = outwork.inspect(c)
        want = [l["name"] for l in report["imports"] if l["name"]]
        assert imports.imports(c) == want, (name, imports.imports(c), want)
        assert report["size"] == len(c) and "structure" not in report
    part = c.slice(0, 100)
    whole = outwork.inspect(c, structure=True)
    assert whole["structure"][0]["offset"] == 0 and whole["format"]
    assert outwork.inspect(part)["size"] == 100
    assert outwork.inspect(c.slice(1))["format"] == ""
    return len(names)
`

// inspecting is an example's context, with the manager parsing for its worker.
func (e *examples) inspecting(find func(string) (container.Container, error)) *desk.Desk {
	return &desk.Desk{Manager: &e.m, Find: find}
}

func TestPythonInspects(t *testing.T) {
	py := newExamples(t, python.Lang, withoutPefile())
	shared := map[string]container.Container{}
	parsing := py.inspecting(func(name string) (container.Container, error) { return shared[name], nil })
	paths := []string{windowsProgram(t, "amd64"), windowsProgram(t, "386")}
	for path := range programs(t, 10) {
		paths = append(paths, path)
	}
	for _, path := range paths {
		c, err := container.FromFile(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		shared[path] = c
		if err := py.m.Share(path, c); err != nil {
			t.Fatal(err)
		}
	}
	script := outwork.Script{Lang: python.Lang, Name: "x.py", Source: compareImports, Args: paths}
	v, err := py.worker.Run(call.WithGrants(t.Context(), parsing.Grant()), script)
	if err != nil || v.Any() != int64(len(paths)) {
		t.Fatalf("%v, %v", v, err)
	}
	_, err = py.worker.Run(t.Context(), script)
	if err == nil || !strings.Contains(err.Error(), "PermissionError: inspect: not granted; who runs the script must grant it") {
		t.Errorf("without the grant: %v", err)
	}
}

// TestPythonInspectsHere: the command grants it always, and it says what the verb does.
func TestPythonInspectsHere(t *testing.T) {
	newExamples(t, python.Lang) // or there is nothing to test
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const source = "import outwork\ndef main(): return outwork.inspect(outwork.shared('data'))"
	got := jsonOf(t, "run", "--share", "data="+program, "--lang", "python", "-c", source)
	inStarlark := jsonOf(t, "run", "--share", "data="+program, "-c", "def main(): return inspect(shared('data'))")
	want := jsonOf(t, "inspect", "--json", program)
	delete(want, "file")
	delete(want, "structure")
	if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(inStarlark, want) {
		t.Errorf("Python has\n%v\nStarlark\n%v\nthe verb\n%v", got, inStarlark, want)
	}
	if want["format"] == "" || len(want["sections"].([]any)) == 0 {
		t.Errorf("nothing is known of this program: %v", want)
	}
}

// jsonOf is what the command prints.
func jsonOf(t *testing.T, args ...string) (v map[string]any) {
	t.Helper()
	cmd := command(t, args...)
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &v)
	}
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return v
}
