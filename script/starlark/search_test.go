package starlark

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/outwork-go/outwork/container"
)

// searchChunk is how many bytes container.Find searches between two looks at the
// context.
const searchChunk = 16 << 20

// TestSearchAcrossWindows puts matches at, before and behind the places where
// one window of the search ends and the next begins.
func TestSearchAcrossWindows(t *testing.T) {
	places := []int{0, searchChunk - 3, searchChunk, searchChunk + 3, 2*searchChunk - 1, 3*searchChunk - 3}
	data := make([]byte, 3*searchChunk)
	var want []any
	for _, p := range places {
		copy(data[p:], "abc")
		want = append(want, int64(p))
	}
	h := newHost(map[string]string{"data": string(data)}, nil)
	for expr, want := range map[string]any{
		`c.find_all("abc")`: want,
		`c.count("abc")`:    int64(len(places)),
		`c.find("abc", 1)`:  int64(places[1]),
		`c.find("abc", 1 + c.find("abc", 1 + c.find("abc", 1)))`: int64(places[3]),
		`c.slice(1).find_all("abc", 1)`:                          []any{int64(places[1] - 1)},
		fmt.Sprintf(`c.slice(%d, 2).find("abc")`, searchChunk):   nil,
		fmt.Sprintf(`c.find("abc", %d)`, 3*searchChunk-2):        nil,
		fmt.Sprintf(`c.find("abc", %d)`, 3*searchChunk-3):        int64(3*searchChunk - 3),
	} {
		got, err := h.run(t, "def main():\n    c = shared(\"data\")\n    return "+expr+"\n")
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, %v; want %v", expr, got, err, want)
		}
	}
}

func TestPatternLongerThanWindow(t *testing.T) {
	h := newHost(map[string]string{"data": strings.Repeat("a", searchChunk+100)}, nil)
	v, err := h.run(t, fmt.Sprintf("def main(): return shared('data').count('a' * %d)", searchChunk+10))
	if err != nil || v != int64(91) {
		t.Errorf("got %v, %v; want 91", v, err)
	}
}

func TestTooManyMatches(t *testing.T) {
	h := newHost(map[string]string{"data": strings.Repeat("a", maxMatches+1)}, nil)
	e := h.fails(t, `shared("data").find_all("a")`)
	wantText(t, e.Msg, "find_all: more than 1048576 matches: give a lower limit, or search part by part")
	if _, err := h.run(t, `shared("data").find_all("a", 1 << 20)`); err != nil {
		t.Error(err)
	}
}

// TestFar uses offsets past 4 GiB of a real file.
func TestFar(t *testing.T) {
	const far = 5 << 30
	path := filepath.Join(t.TempDir(), "sparse")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("\x01\x02\x03\x04mark\x00"), far); err != nil {
		t.Fatal(err)
	}
	c, err := container.FromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	source := `
c = shared("data")
FAR = 5 << 30
def main():
    part = c.slice(FAR)
    return [c.size - FAR, c.u32be(FAR), c.cstring(FAR + 4), part.u16le(1), c.find("mark", FAR - (20 << 20)) - FAR, part.find("mark")]
`
	h, _ := sharing(c)
	got, err := Run(t.Context(), h, Script{Name: "far.star", Source: []byte(source)}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprint([]any{9, 0x01020304, []byte("mark"), 0x0302, 4, 4}); fmt.Sprint(got) != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestConcurrentRuns(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			h := newHost(map[string]string{"data": testData}, map[string]string{"a.star": "def f(c): return c.count('a')"})
			v, err := h.run(t, "load('a.star', 'f')\ndef main(n): return [f(shared('data')), json.encode(n)]", fmt.Sprint(i))
			if want := fmt.Sprintf("[3 %q]", fmt.Sprint(i)); err != nil || fmt.Sprint(v) != want {
				t.Errorf("got %v, %v; want %v", v, err, want)
			}
		})
	}
	wg.Wait()
}
