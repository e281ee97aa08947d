package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/cmd/outwork/internal/each"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/lost"
)

func TestSafeName(t *testing.T) {
	for said, want := range map[string]string{
		"a.txt":                           "a.txt",
		"été 1.bin":                       "été 1.bin",
		"../../etc/passwd":                "__.._etc_passwd",
		"/abs":                            "_abs",
		`C:\x`:                            "C__x",
		"":                                "_",
		".":                               "_",
		"..":                              "_",
		"...":                             "_",
		".bashrc":                         "_bashrc",
		"a\x00b\nc\x1b[2Jd":               "a_b_c_[2Jd",
		"\xff\xfe":                        "__",
		"x\u202etxt.exe":                  "x_txt.exe",
		"trailing. . ":                    "trailing",
		" ":                               "_",
		strings.Repeat("é", 150):          strings.Repeat("é", 100),
		strings.Repeat("x", 300) + ".tar": strings.Repeat("x", 196) + ".tar",
		"x." + strings.Repeat("y", 300):   "x." + strings.Repeat("y", 198),
	} {
		if got := safeName(said); got != want {
			t.Errorf("%q becomes %q, want %q", said, got, want)
		}
	}
}

func FuzzSafeName(f *testing.F) {
	for _, s := range []string{"", ".", "../x", "a\x00b", "\xff.\xff", strings.Repeat(".", 500), strings.Repeat("x/", 200) + ".aaaa"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, said string) {
		name := safeName(said)
		switch {
		case name == "", len(name) > maxEmittedName, strings.HasPrefix(name, "."), !utf8.ValidString(name), strings.ContainsAny(name, "/\\:\x00\n\x1b"):
			t.Errorf("%q becomes %q", said, name)
		case safeName(name) != name:
			t.Errorf("%q becomes %q, and that %q", said, name, safeName(name))
		}
	})
}

// Names are told apart within an attempt, in upper and lower case too.
func TestFreeNames(t *testing.T) {
	e := emitting{taken: map[string]bool{}}
	var got []string
	for _, name := range []string{"a.txt", "A.TXT", "a.txt", "a-2.txt", "b", "b", ".x"} {
		got = append(got, e.free(name))
	}
	if want := []string{"a.txt", "A-2.TXT", "a-3.txt", "a-2-2.txt", "b", "b-2", ".x"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestListed(t *testing.T) {
	long := strings.Repeat("x", maxName)
	for _, c := range []struct {
		text string
		nul  bool
		want []string
		err  string
	}{
		{"", false, nil, ""},
		{"a\nb c\n", false, []string{"a", "b c"}, ""},
		{"a\n\n\nb", false, []string{"a", "b"}, ""},
		{"a\r\n", false, []string{"a\r"}, ""},
		{"a\x00b\nc\x00\x00d", true, []string{"a", "b\nc", "d"}, ""},
		{"a\nb\x00c\x00", false, []string{"a"}, "--null"},
		{long, false, nil, "more than 64 KiB"},
		{"a\x00" + long, true, []string{"a"}, "more than 64 KiB"},
	} {
		var got []string
		var failed error
		for name, err := range listed(iotest.OneByteReader(strings.NewReader(c.text)), c.nul) {
			if failed = err; err == nil {
				got = append(got, name)
			}
		}
		if !slices.Equal(got, c.want) || (failed == nil) != (c.err == "") || failed != nil && !strings.Contains(failed.Error(), c.err) {
			t.Errorf("%.20q: %q, %v; want %q, %q", c.text, got, failed, c.want, c.err)
		}
	}
}

func TestEarlierResults(t *testing.T) {
	whole := `{"file":"a","value":1,"time":0}` + "\n" + `{"file":"b","error":{"kind":"lost"},"time":0}` + "\n" + `{"file":"?","file_base64":"/w==","value":null}` + "\n"
	for text, want := range map[string]string{
		"":                          "0 map[]",
		whole:                       fmt.Sprint(len(whole), ` map[a:true b:false `+"\xff"+`:true]`),
		whole + `{"file":"c`:        fmt.Sprint(len(whole), ` map[a:true b:false `+"\xff"+`:true]`),
		whole + `{"file":"c"}`:      fmt.Sprint(len(whole), ` map[a:true b:false `+"\xff"+`:true]`),
		whole + `{"fi`:              fmt.Sprint(len(whole), ` map[a:true b:false `+"\xff"+`:true]`),
		whole + "{\x00\x00":         fmt.Sprint(len(whole), ` map[a:true b:false `+"\xff"+`:true]`),
		whole + "\x00\x00\x00":      fmt.Sprint(len(whole), ` map[a:true b:false `+"\xff"+`:true]`),
		whole + whole[32:78]:        fmt.Sprint(len(whole)+46, ` map[a:true b:false `+"\xff"+`:true]`),
		"no JSON\n":                 "line 1: it is no result",
		whole + "{}\n":              "line 4: it is no result",
		whole + `{"file":3}` + "\n": "line 4: it is no result",
		"[]\n":                      "line 1: it is no result",
		"\n":                        "line 1: it is no result",
		`{"file":"tw`:               "0 map[]",
		`{"important":"document"}`:  "line 1: it is no result",
		whole + "a note":            "line 4: it is no result",
		"a key":                     "line 1: it is no result",
		"\x00\x00\x00":              "line 1: it is no result",
	} {
		var e earlier
		n, err := e.read(strings.NewReader(text))
		got := fmt.Sprint(n, " ", e.done)
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	e := earlier{done: map[string]bool{"a": true, "b": false}}
	if !e.has("a") || !e.has("b") || e.has("c") || e.skipped.Load() != 2 || e.failed.Load() != 1 {
		t.Errorf("%d and %d are left out", e.skipped.Load(), e.failed.Load())
	}
	if again := (earlier{done: e.done, again: true}); again.has("b") || !again.has("a") || (&earlier{}).has("a") {
		t.Error("what failed is not done again, or what went well is")
	}
}

func TestBar(t *testing.T) {
	p := progress{done: 50, failed: 3, total: 200, all: true, rate: 25}
	for columns, want := range map[int]string{
		79: "[#######.......................]  25%  50 of 200 files, 25/s, 3 failed, 6s left",
		70: "[#####................]  25%  50 of 200 files, 25/s, 3 failed, 6s left",
		55: " 25%  50 of 200 files, 25/s, 3 failed, 6s left",
		10: " 25%  50 of 200 files, 25/s, 3 failed, 6s left", // the screen cuts it
	} {
		if got := p.bar(columns); got != want {
			t.Errorf("%d columns: %q (%d), want %q", columns, got, len(got), want)
		}
	}
	if got, want := (&progress{done: 5, total: 1 << 20, rate: 0.25}).bar(79), "5 of 1048576+ files, 0.2/s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, odd := range []progress{{}, {all: true}, {done: 1, total: 1, all: true, rate: 1e-300}} {
		if got := odd.bar(79); len(got) > 79 || strings.Contains(got, "-") || strings.Contains(got, "NaN") {
			t.Errorf("%+v: %q", odd, got)
		}
	}
}

// What a worker that was taken over tells is held against what there can be.
func TestMapFaultOfHostileWorker(t *testing.T) {
	for _, f := range []each.Fault{{}, {Kind: kindLost, Cause: "crash"}, {Kind: kindScript, Cause: "no cause"}, {Kind: "\x1b[2J", Cause: causeTime}} {
		if got := troubleOf(&f); got.Kind != kindScript || got.Cause != causeScript {
			t.Errorf("%+v is told as %+v", f, got)
		}
	}
	long := troubleOf(&each.Fault{Kind: kindLimit, Cause: causeSteps, Message: strings.Repeat("x", 1<<20), Traceback: strings.Repeat("y", 1<<20)})
	if long.Kind != kindLimit || long.Cause != causeSteps || len(long.Message) > each.MaxText+3 || len(long.Traceback) > each.MaxText+3 {
		t.Errorf("%s, %s, %d and %d bytes", long.Kind, long.Cause, len(long.Message), len(long.Traceback))
	}
}

func TestPythonMapped(t *testing.T) {
	right := []any{[]byte{0xf6}, []byte("out"), true, int64(5), nil}
	r, err := pythonMapped(right)
	if err != nil || string(r.Output) != "out" || !r.Cut || r.Memory != 5 || r.Fault != nil || !bytes.Equal(r.Value, []byte{0xf6}) {
		t.Errorf("%+v, %v", r, err)
	}
	r, err = pythonMapped([]any{[]byte{}, bytes.Repeat([]byte("x"), 1<<20), true, int64(5), []any{"memory", "m", "t"}})
	if err != nil || len(r.Output) != each.MaxOutput || r.Fault == nil || r.Fault.Kind != kindLimit || r.Fault.Cause != causeMemory {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err = pythonMapped([]any{[]byte{}, []byte{}, true, int64(5), []any{"crash", "m", "t"}}); err != nil || r.Fault.Cause != causeScript {
		t.Errorf("%+v, %v", r, err)
	}
	for i, odd := range []any{nil, 3, []any{}, right[:4], []any{1, 2, 3, 4, 5}, []any{right[0], right[1], right[2], right[3], "fault"}, []any{right[0], right[1], right[2], right[3], []any{"a", "b"}}} {
		if _, err := pythonMapped(odd); err == nil {
			t.Errorf("%d: %v is taken", i, odd)
		}
	}
}

// Each error has its kind and cause.
func TestMapTrouble(t *testing.T) {
	m := &mapping{mapOptions: &mapOptions{timeout: shell.Timeout(3 * time.Second)}}
	for _, c := range []struct {
		err         error
		kind, cause string
	}{
		{&outwork.LostError{Worker: "w", Cause: lost.Crash}, kindLost, "crash"},
		{&outwork.LostError{Worker: "w", Cause: lost.Memory}, kindLost, causeMemory},
		{&outwork.LostError{Worker: "w", Cause: lost.Policy}, kindLost, "policy"},
		{&outwork.LostError{Worker: "w", Cause: io.ErrUnexpectedEOF}, kindLost, causeOther},
		{&outwork.ProtocolError{Worker: "w", Rule: "r"}, kindLost, causeProtocol},
		{fmt.Errorf("it: %w", context.DeadlineExceeded), kindTimeout, causeTime},
		{&outwork.RemoteError{Message: "no"}, kindScript, causeScript},
		{&mapTrouble{Kind: kindFile, Cause: causeUnreadable}, kindFile, causeUnreadable},
		{errors.New("what nobody knows"), kindOther, causeOther},
	} {
		if got := m.trouble(c.err); got.Kind != c.kind || got.Cause != c.cause || !slices.Contains(causes(), got.Cause) {
			t.Errorf("%v: %+v, want %s and %s", c.err, got, c.kind, c.cause)
		}
	}
	for cause, word := range causeWords {
		if !slices.Contains(causes(), word) {
			t.Errorf("%v is told as %s, which the summary does not know", cause, word)
		}
	}
}

// The names are told in order; who waits for one is woken by an end.
func TestNameList(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	more := make(chan string)
	l := gather(ctx, func(yield func(mapInput, error) bool) {
		for name := range more {
			if !yield(mapInput{named: named{name: name}}, nil) {
				return
			}
		}
	})
	more <- "a"
	if in, ok := l.next(); !ok || in.name != "a" {
		t.Errorf("%q, %v", in.name, ok)
	}
	more <- "b"
	more <- "c"
	if n := l.atLeast(3); n != 3 {
		t.Errorf("there are %d, want 3", n)
	}
	woken := make(chan bool)
	go func() {
		l.next()
		l.next()
		_, ok := l.next()
		woken <- ok
	}()
	cancel()
	if <-woken {
		t.Error("there is a name that nobody gave")
	}
	close(more)
}

// What was emitted counts; a file that did not come to its end does not.
func TestEmissionsThatCount(t *testing.T) {
	out, err := openOut(t.TempDir(), 100)
	if err != nil {
		t.Fatal(err)
	}
	defer out.root.Close()
	var e emitting
	e.begin(out, container.FromBytes([]byte("file")))
	emit := func(name string, n int, more bool) error {
		return e.take(t.Context(), &each.Emission{Name: name, Bytes: make([]byte, n), More: more})
	}
	for _, step := range []struct {
		name     string
		n        int
		more, ok bool
		used     int64
	}{
		{"whole", 30, false, true, 30},
		{"begun", 40, true, true, 70},
		{"begun", 40, true, false, 30}, // above the quota: all of it is dropped
		{"again", 70, false, true, 100},
		{"more", 1, false, false, 100},
	} {
		if err := emit(step.name, step.n, step.more); (err == nil) != step.ok || out.used.Load() != step.used {
			t.Errorf("%+v: %v, %d bytes count", step, err, out.used.Load())
		}
	}
	if got, err := e.end(false); out.used.Load() != 0 || len(got) > 0 || err != nil {
		t.Errorf("an attempt that is replaced: %q, %v, %d bytes count", got, err, out.used.Load())
	}
}

// What was emitted has its name when its file is done. Of an attempt that was the end of its
// worker nothing lies there: it would count no more.
func TestEmissionsOfAnAttempt(t *testing.T) {
	for done, want := range map[bool][]string{false: nil, true: {"a", "b"}} {
		dir := t.TempDir()
		out, err := openOut(dir, 100)
		if err != nil {
			t.Fatal(err)
		}
		defer out.root.Close()
		var e emitting
		e.begin(out, container.FromBytes([]byte("file")))
		for i, name := range []string{"a", "b", "part"} {
			if err := e.take(t.Context(), &each.Emission{Name: name, Bytes: make([]byte, 10), More: i == 2}); err != nil {
				t.Fatal(err)
			}
		}
		list, err := e.end(done)
		if err != nil || int64(10*len(want)) != out.used.Load() {
			t.Errorf("done %v: %v, %d bytes count", done, err, out.used.Load())
		}
		for i := range list {
			list[i] = filepath.Base(list[i])
		}
		var there []string
		found, err := filepath.Glob(filepath.Join(dir, "*", "*"))
		for _, f := range found {
			there = append(there, filepath.Base(f))
		}
		if !slices.Equal(list, want) || !slices.Equal(there, want) || err != nil {
			t.Errorf("done %v: told of %q, and there are %q, want %q (%v)", done, list, there, want, err)
		}
	}
}

// A name that cannot be given is told; what is left of it does not stay.
func TestEmissionWithoutItsName(t *testing.T) {
	dir := t.TempDir()
	out, err := openOut(dir, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer out.root.Close()
	var e emitting
	e.begin(out, container.FromBytes([]byte("file")))
	for _, name := range []string{"a", "b"} {
		if err := e.take(t.Context(), &each.Emission{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, e.folder, "b", "taken"), 0o700); err != nil {
		t.Fatal(err)
	}
	list, err := e.end(true)
	if err == nil || !strings.HasPrefix(err.Error(), "cannot write the file: ") || len(list) != 1 {
		t.Errorf("%q, %v", list, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*", ".*")); len(left) > 0 || err != nil {
		t.Errorf("%q are left, %v", left, err)
	}
}
