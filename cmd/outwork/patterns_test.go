package main

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/hook"
)

// searchScript searches parts of a container, each for itself, and returns what is not as
// container/pattern/testdata/vectors.json has it.
const searchScript = `
cases, data, at, wrong = json.decode(text(shared("cases").read())), shared("data"), 0, []
def raw(s):
    return bytes(list(s.codepoint_ords()))
for case in cases:
    texts = [raw(t) for t in case["texts"]]
    flags = dict(fold = case.get("fold", False), utf16 = case.get("utf16", False))
    kind = case["kind"]
    if kind == "bytes":
        p = pattern.text(texts[0], **flags)
    elif kind == "any":
        p = pattern.any(texts, **flags)
    else:
        p = pattern.hex(texts[0]) if kind == "hex" else pattern.regexp(texts[0])
    n = len(raw(case["data"]))
    c = data.slice(at, n)
    at += n
    start, end = case.get("start", 0), case.get("end")
    found = [[m.offset, m.length, m.index] for m in c.search(p, start, end)]
    back = [[m.offset, m.length, m.index] for m in c.search(p, start, end, back = True)]
    first = [[m.offset, m.length, m.index] for m in c.search(p, start, end, limit = 1)]
    if found != case["matches"] or back != list(reversed(found)) or first != found[:1]:
        wrong.append("%s: %r, %r, %r" % (case["about"], found, back, first))
def main():
    return [len(cases), wrong]
`

// TestVectorsInWorkers: what is mapped and what stays at the manager give the same.
func TestVectorsInWorkers(t *testing.T) {
	vectors, err := os.ReadFile("../../container/pattern/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var m outwork.Manager
	defer m.Close()
	cases := container.FromBytes(vectors)
	defer cases.Close()
	data := container.FromBytes(append(dataOf(t, vectors), make([]byte, 64<<10)...))
	defer data.Close()
	for name, c := range map[string]container.Container{"cases": cases, "data": data} {
		if err := m.Share(name, c); err != nil {
			t.Fatal(err)
		}
	}
	mapped, err := m.Start(t.Context(), outwork.Target{})
	if err != nil {
		t.Fatal(err)
	}
	paged, err := hook.StartPaged(t.Context(), &m, outwork.Target{})
	if err != nil {
		t.Fatal(err)
	}
	for name, w := range map[string]*outwork.Worker{"mapped": mapped, "paged": paged.(*outwork.Worker)} {
		v, err := w.Run(t.Context(), outwork.Script{Lang: "starlark", Name: "x.star", Source: searchScript})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := v.Any().([]any)
		for _, wrong := range got[1].([]any) {
			t.Errorf("%s: %v", name, wrong)
		}
		if got[0].(int64) < 50 {
			t.Errorf("%s: only %v searches", name, got[0])
		}
	}
}

// dataOf is the data of all vectors: their characters are bytes.
func dataOf(t *testing.T, vectors []byte) (all []byte) {
	t.Helper()
	var cases []struct{ Data string }
	if err := json.Unmarshal(vectors, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		for _, b := range c.Data {
			all = append(all, byte(b))
		}
	}
	return all
}
