package docstest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// markdown is a page's text, in which ~~~ are its fences.
func markdown(text string) string { return strings.ReplaceAll(text, "~~~", "```") }

// The test of the guides finds what is wrong with a page.
func TestPages(t *testing.T) {
	bin := t.TempDir()
	for name, test := range map[string]struct{ page, want string }{
		"what is printed":    {"~~~sh\necho a 17 b; echo c\n~~~\nwhich prints\n~~~text\na … b\n…\n~~~\n", ""},
		"another is printed": {"~~~sh\necho a\n~~~\n~~~text\nb\n~~~\n", "page.md:4: the page says\nb\n\nand this was printed:\na"},
		"more is printed":    {"~~~sh\necho a; echo b\n~~~\n~~~text\na\n~~~\n", "this was printed"},
		"errors too":         {"~~~sh\necho a >&2\n~~~\n~~~text\na\n~~~\n", ""},
		"json":               {"~~~sh\necho '{}'\n~~~\n~~~json\n{}\n~~~\n", ""},
		"nothing to print":   {"~~~text\na\n~~~\n", "say figure behind text"},
		"printed by nothing": {"~~~sh norun=\"it hurts\"\nfalse\n~~~\n~~~text\na\n~~~\n", "nothing that was run"},
		"a figure":           {"~~~text figure\na -> b\n~~~\n~~~mermaid\na\n~~~\n", ""},

		"a failure":             {"~~~sh\nfalse\n~~~\n", "status 1"},
		"a failure within":      {"~~~sh\nmkdir a\nls nowhere\nmkdir b\n~~~\n", "line 2: status 2."},
		"no failure":            {"~~~sh\nif false; then :; fi\nfalse || true\n~~~\n", ""},
		"the end of the shell":  {"~~~sh\nexit 3\n~~~\n", "the shell has ended"},
		"state":                 {"~~~sh\nx=1; mkdir d; cd d\n~~~\n~~~console\n$ echo $x $(basename $PWD)\n1 d\n~~~\n", ""},
		"what is in background": {"~~~sh\nsleep 1000 &\n~~~\n~~~sh\nkill $!\n~~~\n", ""},

		"console":              {"~~~console\n$ echo a\na\n$ true\n$ cat <<.\n> b\n>\n> .\nb\n\n$ echo c \\\n  d\nc d\n~~~\n", ""},
		"console: another":     {"~~~console\n$ echo a\nb\n~~~\n", "line 2: echo a: the page says"},
		"console: unsaid":      {"~~~console\n$ echo a\n$ echo b\nb\n~~~\n", "line 2"},
		"console: a status":    {"~~~console\n$ (exit 3)\n$ echo $?\n3\n~~~\n", ""},
		"console: a failure":   {"~~~console\n$ (exit 3)\n$ true\n~~~\n", "status 3, of which the page does not tell"},
		"console: no command":  {"~~~console\necho a\n~~~\n", "begins with a command"},
		"a file":               {"~~~python\n# a/x.py\nprint(1)\n~~~\n~~~console\n$ cat a/x.py\n# a/x.py\nprint(1)\n~~~\n", ""},
		"a file without names": {"~~~json file=x.json\n{}\n~~~\n~~~console\n$ cat x.json\n{}\n~~~\n", ""},
		"a file of no use":     {"~~~python\n# x.py\nprint(1)\n~~~\n", "no command of the page uses x.py"},
		"a file of a folder":   {"~~~python\n# a/b/x.py\nprint(1)\n~~~\n~~~sh\nls a\n~~~\n", ""},
		"another folder":       {"~~~python\n# a/b/x.py\nprint(1)\n~~~\n~~~sh\nls -a\n~~~\n", "no command of the page uses a/b/x.py"},
		"a part of a page's":   {"~~~python\n# x.py\nif 1:\n  print(1)\n~~~\n~~~python from=x.py\nprint(1)\n~~~\n~~~sh\ncat x.py\n~~~\n", ""},
		"a part":               {"~~~go from=examples/hello/main.go\nvar m outwork.Manager // the zero value is ready\ndefer m.Close()\n~~~\n", ""},
		"no such part":         {"~~~go from=examples/hello/main.go\nvar n outwork.Manager\n~~~\n", "does not stand so"},
		"a part of a line":     {"~~~go from=examples/hello/main.go\ndefer m.Close\n~~~\n", "does not stand so"},
		"a clone":              {"<!-- test: clone -->\n~~~sh\ncd outwork\ncat go.mod\n~~~\n~~~text\nmodule github.com/outwork-go/outwork\n…\n~~~\n", ""},
		"a program": {
			"~~~go\n// hi/main.go\npackage main\n\nfunc main() { println(`hi`) }\n~~~\n~~~console\n$ go run ./hi\nhi\n~~~\n", "",
		},
		"a program that is not run": {"~~~go\n// main.go\npackage main\n~~~\n~~~sh\ncat go.mod\n~~~\n", "no command of the page uses main.go"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := parse("page.md", markdown(test.page))
			if err != nil {
				t.Fatal(err)
			}
			errs := runPage(t, p, bin)
			switch {
			case test.want == "" && len(errs) > 0:
				t.Errorf("got %v", errs)
			case test.want != "" && (len(errs) != 1 || !strings.Contains(errs[0].Error(), test.want)):
				t.Errorf("got %v, want one error that says %q", errs, test.want)
			}
		})
	}
}

// What a page does not say clearly is an error, rather than left out.
func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"~~~\na -> b\n~~~\n":                          "",
		"~~~\noutwork run x\n~~~\n":                   "looks like commands",
		"~~~\n$ a\n~~~\n":                             "looks like commands",
		"~~~sh\na\n":                                  "has no end",
		"~~~sh norun\na\n~~~\n":                       `nobody knows " norun"`,
		"~~~sh norun=\"\"\na\n~~~\n":                  "nobody knows",
		"~~~go\nx := 1\n~~~\n":                        "or from=FILE",
		"~~~yaml\na: 1\n~~~\n":                        "a block of yaml needs",
		"~~~yaml\n# ../a.yaml\n~~~\n":                 "outside of the page's folder",
		"<!-- test: moon -->\n":                       `nobody knows the need "moon"`,
		"<!-- test:ssh -->\n":                         "this is no <!-- test",
		"   ~~~sh\n   a\n   ~~~\n":                    "",
		"~~~sh norun=\"needs your host\"\nssh a\n~~~": "",
	} {
		_, err := parse("page.md", markdown(text))
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, test := range []struct {
		want, got string
		match     bool
	}{
		{"", "", true},
		{"", "a\n", false},
		{"a  \n\n", "a\n", true},
		{"a…c\n", "abc\n", true},
		{"a…c\n", "ab\nc\n", false},
		{"…\n", "", true},
		{"…\nb\n", "a\na\nb\n", true},
		{"…\nb\n", "a\nb\nc\n", false},
		{"a.c\n", "abc\n", false},
		{"(…)\n", "(1)\n", true},
	} {
		if got := matches(test.want, test.got); got != test.match {
			t.Errorf("%q and %q: got %v", test.want, test.got, got)
		}
	}
}

// A page that needs machines reaches them by ssh; one of a realm is in it.
func TestNeeds(t *testing.T) {
	bin := openFolder(t)
	if err := os.WriteFile(filepath.Join(bin, "program"), []byte("#!/bin/sh\ncat $1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"ssh":   "<!-- test: ssh db1 db2 -->\n~~~console\n$ ssh db1 'hostname; sudo id -un'\ndb1\nroot\n$ ssh root@db2 hostname\ndb2\n~~~\n",
		"realm": "<!-- test: realm -->\n~~~console\n$ id -un alice\nalice\n$ echo hello >file\n$ sudo -u alice sh -c 'id -un; pwd'\nalice\n/…/work\n$ sudo -u alice program file\nhello\n~~~\n",
		"both":  "<!-- test: realm -->\n<!-- test: ssh db1 -->\n~~~console\n$ ssh db1 hostname\ndb1\n$ id -un bob\nbob\n~~~\n",
		"needs": "<!-- test: needs sh -->\n~~~console\n$ sh -c 'echo $HOME'\n/…/home\n~~~\n",
	} {
		t.Run(name, func(t *testing.T) {
			p, err := parse("page.md", markdown(text))
			if err != nil {
				t.Fatal(err)
			}
			for _, err := range runPage(t, p, bin) {
				t.Error(err)
			}
		})
	}
}

// Nothing of a page is left when it is over.
func TestNothingIsLeft(t *testing.T) {
	p, err := parse("page.md", markdown("~~~sh\nsleep 1000 & echo $! >pid\n(trap '' TERM; sleep 1000) & echo $! >>pid\npwd >pwd\n~~~\n~~~console\n$ cat pid pwd >$OLDNAME\n~~~\n"))
	if err != nil {
		t.Fatal(err)
	}
	note := filepath.Join(t.TempDir(), "note")
	t.Setenv("OLDNAME", note)
	t.Run("page", func(t *testing.T) {
		h := &house{t: t, page: p, dir: openFolder(t)}
		h.furnish(t.TempDir())
		shell, err := newShell(t.Context(), h.work(), h.make("scratch"), h.env)
		if err != nil {
			t.Fatal(err)
		}
		defer shell.close()
		r := runner{page: p, top: top, dir: h.work(), shell: shell}
		for _, err := range r.run() {
			t.Error(err)
		}
	})
	said, err := os.ReadFile(note)
	fields := strings.Fields(string(said))
	if err != nil || len(fields) != 3 {
		t.Fatalf("got %q, %v", said, err)
	}
	for _, pid := range fields[:2] {
		if state, err := os.ReadFile("/proc/" + pid + "/stat"); err == nil && !strings.Contains(string(state), ") Z ") {
			t.Errorf("process %s is left: %s", pid, state)
		}
	}
	if _, err := os.Stat(fields[2]); !os.IsNotExist(err) {
		t.Errorf("the page's folder is left: %v", err)
	}
}
