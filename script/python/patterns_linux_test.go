package python_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/container/pattern"
)

// searched is a search and what it finds, as container/pattern/testdata/vectors.json has
// them: characters are bytes; a match is offset, length and index.
type searched struct {
	About   string     `json:"about"`
	Kind    string     `json:"kind"`
	Texts   []string   `json:"texts"`
	Data    string     `json:"data"`
	Fold    bool       `json:"fold"`
	UTF16   bool       `json:"utf16"`
	Start   int64      `json:"start"`
	End     *int64     `json:"end"`
	Matches [][3]int64 `json:"matches"`
}

var kinds = []string{"bytes", "hex", "regexp", "any"}

// searchScript searches parts of a container, each for itself, and compares.
const searchScript = `
import json, outwork
from outwork import pattern
cases, data, at, wrong = json.loads(outwork.shared("cases").read()), outwork.shared("data"), 0, []
raw = lambda s: s.encode("latin-1")
for case in cases:
    texts = [raw(t) for t in case["texts"]]
    if case["kind"] in ("hex", "regexp"):
        p = getattr(pattern, case["kind"])(texts[0])
    else:
        p = {"bytes": lambda: pattern.text(texts[0], case["fold"], case["utf16"]), "any": lambda: pattern.any(texts, case["fold"], case["utf16"])}[case["kind"]]()
    c = data.slice(at, len(case["data"]))
    at += len(case["data"])
    assert c.read() == raw(case["data"])
    found = [list(m) for m in c.search(p, case["start"], case["end"])]
    back = [list(m) for m in c.search(p, case["start"], case["end"], back=True)]
    if found != case["matches"] or back != found[::-1]:
        wrong.append("%(about)s: %(texts)r in %(data)r from %(start)r to %(end)r: want %(matches)r" % case + ", got %r and %r" % (found, back))
outwork.result(wrong)
`

// search has workers of every kind search, and compares with what is wanted.
func search(t *testing.T, interpreter string, h how, cases []searched) {
	t.Helper()
	var data []byte
	for _, c := range cases {
		data = append(data, latin1(c.Data)...)
	}
	data = append(data, make([]byte, 64<<10)...) // so that it is mapped, or stays here
	text, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, h, interpreter, func(m *outwork.Manager) {
		share(t, m, "data", container.FromBytes(data))
		share(t, m, "cases", container.FromBytes(text))
	})
	for _, wrong := range w.run(searchScript).([]any) {
		t.Error(wrong)
	}
}

// latin1 is a text's characters as bytes.
func latin1(text string) []byte {
	var b []byte
	for _, c := range text {
		b = append(b, byte(c))
	}
	return b
}

// text is bytes as characters.
func text(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		s.WriteRune(rune(c))
	}
	return s.String()
}

func TestVectors(t *testing.T) {
	data, err := os.ReadFile("../../container/pattern/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []searched
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 50 {
		t.Fatalf("only %d vectors", len(cases))
	}
	each(t, func(t *testing.T, h how, interpreter string) { search(t, interpreter, h, cases) })
}

// TestSearchesAreThoseOfGo: at random.
func TestSearchesAreThoseOfGo(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	var cases []searched
	for len(cases) < 1000 {
		if c, ok := randomSearch(t, r); ok {
			c.About = fmt.Sprint("case ", len(cases))
			cases = append(cases, c)
		}
	}
	ways(t, func(t *testing.T, h how) { search(t, debian(t), h, cases) })
}

// randomSearch is a search with what Go finds.
func randomSearch(t *testing.T, r *rand.Rand) (c searched, ok bool) {
	t.Helper()
	c.Kind = kinds[r.IntN(len(kinds))]
	c.Fold, c.UTF16 = r.IntN(2) == 0, r.IntN(3) == 0
	switch c.Kind {
	case "hex":
		c.Texts, c.Fold, c.UTF16 = []string{randomHex(r)}, false, false
	case "regexp":
		c.Texts, c.Fold, c.UTF16 = []string{text([]byte(randomRegexp(r, 3)))}, false, false
	case "any":
		for range 1 + r.IntN(6) {
			c.Texts = append(c.Texts, text(random(r, 1+r.IntN(4), "abBA.")))
		}
	default:
		c.Texts = []string{text(random(r, 1+r.IntN(4), "abBA."))}
	}
	spec := pattern.Spec{Kind: pattern.Kind(index(c.Kind)), Fold: c.Fold, UTF16: c.UTF16}
	for _, s := range c.Texts {
		spec.Texts = append(spec.Texts, latin1(s))
	}
	p, err := pattern.Compile(spec)
	if err != nil {
		return c, false // most often: it matches nothing at all, or everywhere
	}
	data := random(r, 1+r.IntN(60), "aaabbAB.\n_ \xc1\xe1\x00\x00\x00")
	c.Data = text(data)
	where := container.Range{From: int64(r.IntN(2) * r.IntN(len(data)))}
	if c.Start = where.From; r.IntN(2) == 0 {
		where.To = c.Start + 1 + int64(r.IntN(len(data)-int(c.Start)))
		c.End = &where.To
	}
	whole := container.FromBytes(data)
	defer whole.Close()
	c.Matches = [][3]int64{}
	for m, err := range container.Search(t.Context(), whole, p, where) {
		if err != nil {
			t.Fatal(err)
		}
		c.Matches = append(c.Matches, [3]int64{m.Offset, m.Length, int64(m.Index)})
	}
	return c, true
}

func index(kind string) int {
	for i, k := range kinds {
		if k == kind {
			return i
		}
	}
	return -1
}

func random(r *rand.Rand, n int, of string) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = of[r.IntN(len(of))]
	}
	return b
}

func randomHex(r *rand.Rand) string {
	var b strings.Builder
	for i := range 2 + r.IntN(4) {
		if i > 0 {
			fmt.Fprint(&b, []string{"", " ", "??", "[1]", "[0-2]", "[1-5] ", "[0-40]", "[0-60]"}[r.IntN(8)])
		}
		fmt.Fprint(&b, []string{"61", "41", "6?", "?1", "42", "62", "4?"}[r.IntN(7)])
	}
	return b.String()
}

// randomRegexp is one of what Go's and Python's languages have in common.
func randomRegexp(r *rand.Rand, depth int) string {
	atoms := []string{
		"a", "b", "B", "A", ".", "[ab]", "[^a]", `\w`, `\W`, `\s`, `\S`, `\d`, `\D`, `\x41`, `\xe1`, `[\xc0-\xff]`, "[[:upper:]]", `\.`, "_", "\xe1",
		"^", "$", `\b`, `\B`, `\A`, `\z`, "(?i)", "(?s)", "(?m)", "(?-i)",
	}
	var b strings.Builder
	for i := range 1 + r.IntN(4) {
		if i > 0 && r.IntN(6) == 0 {
			b.WriteString("|")
		}
		n := r.IntN(len(atoms))
		part := atoms[n]
		if depth > 0 && r.IntN(4) == 0 {
			n, part = 0, []string{"(", "(?:", "(?i:", "(?s:", "(?m-i:"}[r.IntN(5)]+randomRegexp(r, depth-1)+")"
		}
		if b.WriteString(part); n < 20 && r.IntN(3) == 0 {
			b.WriteString([]string{"*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,2}?", "{2,}"}[r.IntN(10)])
		}
	}
	return b.String()
}
