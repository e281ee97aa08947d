package starlark

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestHostGlob(t *testing.T) {
	d := t.TempDir()
	for _, p := range []string{"a.txt", "b.txt", ".hidden", "x[1]", "sub/c.txt", "sub/deep/d.txt", "sub/.git/config", "sub/a/b/a/b/e.txt"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(d, p)), 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(d, p), p)
	}
	if err := os.Symlink("..", filepath.Join(d, "sub", "up")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nothing", filepath.Join(d, "dangling")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("circle", filepath.Join(d, "sub", "circle")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(d)
	for patterns, want := range map[string]string{
		`"*.txt"`:                                "a.txt b.txt",
		`"a.txt"`:                                "a.txt",
		`"none"`:                                 "",
		`"none*/x"`:                              "",
		`"[ab].txt"`:                             "a.txt b.txt",
		`"x\\[1]"`:                               "x[1]",
		`"*"`:                                    "a.txt b.txt dangling sub x[1]",
		`".*"`:                                   ".hidden",
		`"*", hidden = True`:                     ".hidden a.txt b.txt dangling sub x[1]",
		`"b*", "a*", "*.txt"`:                    "a.txt b.txt",
		`"*/c.txt"`:                              "sub/c.txt",
		`"sub/*/*.txt"`:                          "sub/deep/d.txt sub/up/a.txt sub/up/b.txt",
		`"sub//c.*"`:                             "sub/c.txt",
		`"sub/up/a.*"`:                           "sub/up/a.txt",
		`"sub/"`:                                 "sub",
		`"a.txt/*"`:                              "",
		`"**/d.txt"`:                             "sub/deep/d.txt",
		`"**/*.txt"`:                             "a.txt b.txt sub/a/b/a/b/e.txt sub/c.txt sub/deep/d.txt",
		`"**/a/**/e.txt"`:                        "sub/a/b/a/b/e.txt",
		`"**/**/**/e.txt"`:                       "sub/a/b/a/b/e.txt",
		`"sub/deep/**"`:                          "sub/deep/d.txt",
		`"**/config"`:                            "",
		`"**/config", hidden = True`:             "sub/.git/config",
		`"sub/.git/**"`:                          "sub/.git/config",
		`"` + strings.Repeat("*", 500) + `.txt"`: "a.txt b.txt",
	} {
		words := []any{}
		for w := range strings.FieldsSeq(want) {
			words = append(words, w)
		}
		wantInHost(t, d, "host.glob("+patterns+")", words)
	}
	wantInHost(t, d, `[p[len(d):] for p in host.glob(d + "/**/*.txt", d + "/sub//deep")]`,
		[]any{"/a.txt", "/b.txt", "/sub/a/b/a/b/e.txt", "/sub/c.txt", "/sub/deep", "/sub/deep/d.txt"})
	wantInHost(t, d, `host.glob("/")`, []any{"/"})
	wantInHost(t, d, `"/etc" in host.glob("/*")`, true)
	wantInHost(t, d, `"/proc/self/status" in host.glob("/proc/self/*")`, true)
}

func TestHostGlobFails(t *testing.T) {
	d := t.TempDir()
	for call, want := range map[string]string{
		`host.glob()`:            "host.glob: there is no pattern",
		`host.glob("")`:          "host.glob: a pattern: a path cannot be empty",
		`host.glob("a\0")`:       "host.glob: a pattern: a path cannot have a NUL in it",
		`host.glob(1)`:           "host.glob: a pattern: got int, want string",
		`host.glob("[")`:         `host.glob("["): the pattern is malformed`,
		`host.glob("a/b\\")`:     "the pattern is malformed",
		`host.glob("a/" * 9999)`: "the pattern has more than 4096 bytes",
		`host.glob("*", x = 1)`:  `host.glob: unexpected keyword argument "x"`,
	} {
		wantHostError(t, d, call, want)
	}
}

// TestHostGlobIsBounded has more paths than are returned, made of few files.
func TestHostGlobIsBounded(t *testing.T) {
	d := t.TempDir()
	for i := range 10 {
		writeFile(t, filepath.Join(d, string(rune('a'+i))), "")
	}
	for _, p := range []string{"A", "B", "C", "D"} {
		if err := os.Symlink(".", filepath.Join(d, p)); err != nil {
			t.Fatal(err)
		}
	}
	wantHostError(t, d, `host.glob(d + "/[A-D]" * 8 + "/*")`, "it matches more than 262144 paths")
}

// TestHostGlobEnds has 4^15 paths to look at.
func TestHostGlobEnds(t *testing.T) {
	d := t.TempDir()
	for _, p := range []string{"A", "B", "C", "D"} {
		if err := os.Symlink(".", filepath.Join(d, p)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	source := "host.glob('" + d + "' + '/[A-D]' * 15 + '/x')"
	if _, err := Run(ctx, granted().Host, Script{Name: "x", Source: []byte(source)}, Limits{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
