package schema

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestValidate(t *testing.T) {
	typ := mustOf[everything](t)
	for _, test := range []struct {
		change func(*everything)
		want   string
	}{
		{func(e *everything) {}, ""},
		{func(e *everything) { e.Name = "UPPER" }, "name must match ^[a-z0-9-]{1,63}$"},
		{func(e *everything) { e.Name = "a\n" }, "name must match"},
		{func(e *everything) { e.Name = "" }, "name must match"},
		{func(e *everything) { e.Port = 0 }, "port must be at least 1"},
		{func(e *everything) { e.Words = []string{"a", "B"} }, "words[1] must match ^[a-z]+$"},
		{func(e *everything) { e.Words = make([]string, 4) }, "words must have at most 3 elements"},
		{func(e *everything) { e.Level = "mid" }, "level must be one of low, high"},
		{func(e *everything) { e.Level = "" }, ""},
		{func(e *everything) { e.Count = 1<<53 + 1 }, "count must be at most 9007199254740992"},
		{func(e *everything) { e.Small = 3 }, "small must be one of 1, 2, -3"},
		{func(e *everything) { e.Ratio = 0.9 }, ""},
		{func(e *everything) { e.Ratio = 0.91 }, "ratio must be at most 0.9"},
		{func(e *everything) { e.Exact = math.NaN() }, "exact must be a finite number"},
		{func(e *everything) { e.Exact = math.Inf(-1) }, "exact must be a finite number"},
		{func(e *everything) { e.Key = []byte("a") }, "key must have at least 2 bytes"},
		{func(e *everything) { e.Key = []byte("secret") }, "key must have at most 5 bytes"},
		{func(e *everything) { e.Key = []byte{} }, ""},
		{func(e *everything) { e.Wait = 0 }, "wait must be at least 1s"},
		{func(e *everything) { e.Wait = 2 * time.Hour }, "wait must be at most 1h0m0s"},
		{func(e *everything) { e.Note = new("") }, "note must have at least 1 character"},
		{func(e *everything) { e.Note = new("äöüß") }, ""},
		{func(e *everything) { e.Note = new("äöüßx") }, "note must have at most 4 characters"},
		{func(e *everything) { e.Entries = []entry{{Name: "a"}, {Name: "B"}} }, "entries[1].name must match ^[a-z]+$"},
		{func(e *everything) { e.Entries[0].Token = "hunter2hunter2" }, "entries[0].token must have at most 8 characters"},
		{func(e *everything) { e.Shared = []*entry{nil} }, "shared[0] must not be null"},
		{func(e *everything) { e.Shared = []*entry{{}} }, "shared[0].name must match"},
		{func(e *everything) { e.Inner = &entry{} }, "inner.name must match"},
		{func(e *everything) { e.Labels["k"] = 10 }, `labels["k"] must be at most 9`},
		{func(e *everything) { e.Labels = map[string]int32{"a": 1, "b": 1, "c": 1} }, "labels must have at most 2 entries"},
		{func(e *everything) { e.More = map[level][]entry{"x\n": {{}}} }, `more["x\n"][0].name must match`},
		{func(e *everything) { e.Grid = [][]float64{{0}, {0, math.NaN()}} }, "grid[1][1] must be a finite number"},
	} {
		e := valid()
		test.change(&e)
		p := typ.Validate(&e)
		switch {
		case p == nil && test.want == "":
		case p == nil || test.want == "" || !strings.HasPrefix(p.String(), test.want):
			t.Errorf("got %v, want %q", p, test.want)
		case strings.Contains(p.String(), "hunter2") || strings.Contains(p.String(), "secret"):
			t.Errorf("%v shows a secret", p)
		}
	}
}

// Also where an element has no limits of its own.
func TestValidateRefusesNullElements(t *testing.T) {
	type limitless struct{ N int }
	type holder struct {
		Words   []*string             `cbor:"words,omitempty"`
		Structs []*limitless          `cbor:"structs,omitempty"`
		ByKey   map[string]*limitless `cbor:"by_key,omitempty"`
		Deep    map[string][]*int     `cbor:"deep,omitempty"`
	}
	typ := mustOf[holder](t)
	for want, v := range map[string]holder{
		"words[1] must not be null":     {Words: []*string{new(""), nil}},
		"structs[0] must not be null":   {Structs: []*limitless{nil}},
		`by_key["k"] must not be null`:  {ByKey: map[string]*limitless{"k": nil}},
		`deep["k"][0] must not be null`: {Deep: map[string][]*int{"k": {nil}}},
	} {
		if p := typ.Validate(&v); p == nil || p.String() != want {
			t.Errorf("got %v, want %q", p, want)
		}
	}
	if p := typ.Validate(&holder{Words: []*string{new("")}, ByKey: map[string]*limitless{"k": {}}}); p != nil {
		t.Error(p)
	}
}

func TestValidateWantsFiles(t *testing.T) {
	typ := mustOf[withFile](t)
	if p := typ.Validate(&withFile{Mode: "r"}); p == nil || p.String() != "file must be given: an open file" {
		t.Errorf("got %v", p)
	}
}

func TestValidateAllocatesNothing(t *testing.T) {
	type plain struct {
		Name  string   `pattern:"[a-z]{1,63}" maxlen:"63"`
		Kind  string   `enum:"a,b"`
		Port  uint16   `min:"1"`
		Words []string `pattern:"[a-z]+"`
		List  []entry
		Force *bool
	}
	typ := mustOf[plain](t)
	v := &plain{Name: "web", Kind: "b", Port: 1, Words: []string{"a", "b"}, List: []entry{{Name: "a"}}, Force: new(bool)}
	if n := testing.AllocsPerRun(100, func() {
		if p := typ.Validate(v); p != nil {
			t.Fatal(p)
		}
	}); n > poolLoss {
		t.Errorf("%v allocations", n)
	}
}

func TestProblemsAreShort(t *testing.T) {
	words := make([]string, 100)
	for i := range words {
		words[i] = strings.Repeat("x", i+1)
	}
	p := notListed(&Limit{Enum: words})
	if !strings.HasSuffix(p.Text, "xxx or 80 others") {
		t.Error(p.Text)
	}
}
