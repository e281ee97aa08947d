package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

// tape is a screen whose terminal is a file, and what was written there.
func tape(t *testing.T, width int) (s *screen, written func() string) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "tape"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &screen{err: f, width: width}, func() string {
		b, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
}

func TestProgressStaysBelow(t *testing.T) {
	s, written := tape(t, 40)
	p := &pane{s, s.err}
	s.progress(1, 4, "first")
	io.WriteString(p, "a line\n")
	io.WriteString(p, "half")
	io.WriteString(p, " a line\n")
	s.clear()
	io.WriteString(p, "after\n")
	const bar = clearLine + " 25% 1/4 first"
	if got, want := written(), bar+clearLine+"a line\n"+bar+clearLine+"half a line\n"+bar+clearLine+"after\n"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// A script that reports at every step does not flood the terminal, but its end is
// seen.
func TestProgressIsDrawnSeldom(t *testing.T) {
	s, written := tape(t, 40)
	const steps = 100_000
	for i := range int64(steps + 1) {
		s.progress(i, steps, "")
	}
	got := written()
	if len(got) > steps {
		t.Errorf("%d bytes for %d steps", len(got), steps)
	}
	if want := clearLine + "100% 100000/100000 "; got[len(got)-len(want):] != want {
		t.Errorf("it ends with %q", got[max(0, len(got)-40):])
	}
}

func TestNoTerminalNoProgress(t *testing.T) {
	s, written := tape(t, 0)
	s.progress(1, 1, "x")
	s.clear()
	if got := written(); got != "" {
		t.Errorf("got %q", got)
	}
	if w := s.stderr(s.err); w != s.err {
		t.Errorf("stderr goes to %T", w)
	}
}

func TestFit(t *testing.T) {
	for _, test := range []struct {
		in      string
		columns int
		want    string
	}{
		{"abc", 3, "abc"},
		{"abcd", 3, "abc"},
		{"abc", 0, ""},
		{"日本語", 4, "日本"},
		{"日本語", 5, "日本"},
		{"a\nb", 9, "a\uFFFDb"},
		{"\x1b[2J", 9, "\uFFFD[2J"},
		{"\u202eabc", 9, "\uFFFDabc"},
	} {
		if got := fit(test.in, test.columns); got != test.want {
			t.Errorf("%q in %d columns is %q, want %q", test.in, test.columns, got, test.want)
		}
	}
}

func TestProgressText(t *testing.T) {
	for _, test := range []struct {
		done, total int64
		want        string
	}{
		{0, 10, "  0% 0/10 x"},
		{10, 10, "100% 10/10 x"},
		{3, 0, "3 x"},
		{3, -1, "3 x"},
		{1 << 62, 1 << 62, "100% 4611686018427387904/4611686018427387904 x"},
	} {
		if got := progressText(test.done, test.total, "x"); got != test.want {
			t.Errorf("%d of %d: %q, want %q", test.done, test.total, got, test.want)
		}
	}
}
