package starlark

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// vector is a search and what it finds. Characters of its texts are bytes, but for those of
// About; a match is offset, length and index. Those of Python are held against the same.
type vector struct {
	About, Kind, Data string
	Texts             []string
	Fold, UTF16       bool
	Start             int64
	End               *int64
	Matches           [][3]int64
}

func vectors(t *testing.T) (all []vector) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "container", "pattern", "testdata", "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("only %d vectors", len(all))
	}
	return all
}

// bytesOf is text with a byte for each character.
func bytesOf(text string) string {
	var b strings.Builder
	for _, c := range text {
		b.WriteByte(byte(c))
	}
	return b.String()
}

// literal is text as Starlark writes bytes.
func literal(text string) string {
	var b strings.Builder
	for _, c := range []byte(bytesOf(text)) {
		fmt.Fprintf(&b, `\x%02x`, c)
	}
	return `b"` + b.String() + `"`
}

// expression is the pattern in Starlark.
func (v *vector) expression() string {
	var texts []string
	for _, text := range v.Texts {
		texts = append(texts, literal(text))
	}
	flags := ", fold = " + starlarkBool(v.Fold) + ", utf16 = " + starlarkBool(v.UTF16) + ")"
	switch v.Kind {
	case "bytes":
		return "pattern.text(" + texts[0] + flags
	case "any":
		return "pattern.any([" + strings.Join(texts, ", ") + "]" + flags
	}
	return "pattern." + v.Kind + "(" + texts[0] + ")"
}

func starlarkBool(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		end := "None"
		if v.End != nil {
			end = fmt.Sprint(*v.End)
		}
		want := found(v.Matches...)
		h := newHost(map[string]string{"data": bytesOf(v.Data)}, nil)
		for _, back := range []bool{false, true} {
			if back {
				slices.Reverse(want.([]any))
			}
			got, err := h.run(t, fmt.Sprintf("def main(): return shared('data').search(%s, %d, %s, back = %s)", v.expression(), v.Start, end, starlarkBool(back)))
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s, back = %v: got %v, %v; want %v", v.About, back, got, err, want)
			}
		}
	}
}
