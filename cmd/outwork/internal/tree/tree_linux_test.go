package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/outworktest"
)

func TestMain(m *testing.M) {
	outwork.Main()
	syscall.Umask(0o027) // modes do not depend on it
	os.Exit(m.Run())
}

// a tree, by names: what is in a file, "->" and what a link leads to, or nothing for a
// folder, whose name ends in a slash.
type plan map[string]string

var old = time.Date(2001, 2, 3, 4, 5, 6, 789, time.UTC)

func (p plan) build(t *testing.T, dir string) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range p {
		at := filepath.Join(dir, name)
		must(os.MkdirAll(filepath.Dir(at), 0o755))
		target, isLink := strings.CutPrefix(text, "->")
		switch {
		case strings.HasSuffix(name, "/"):
			must(os.MkdirAll(at, 0o755))
		case isLink:
			must(os.Symlink(target, at))
		default:
			must(os.WriteFile(at, []byte(text), 0o640))
			must(os.Chtimes(at, old, old))
		}
	}
}

// lookAt is what lies in dir, with modes and times.
func lookAt(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(at string, e fs.DirEntry, err error) error {
		if err != nil || at == dir {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, at)
		what := fmt.Sprintf("%q %v %v ", name, info.Mode(), info.ModTime().UTC())
		if info.Mode().IsRegular() {
			b, err := os.ReadFile(at)
			if err != nil {
				return err
			}
			what += fmt.Sprintf("%d bytes %.10q", len(b), b)
		} else if info.Mode()&fs.ModeSymlink != 0 {
			target, _ := os.Readlink(at)
			what += "->" + target
		}
		all = append(all, what)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func same(t *testing.T, a, b string) {
	t.Helper()
	x, y := lookAt(t, a), lookAt(t, b)
	for _, line := range x {
		if !slices.Contains(y, line) {
			t.Errorf("not in the copy: %s", line)
		}
	}
	for _, line := range y {
		if !slices.Contains(x, line) {
			t.Errorf("only in the copy: %s", line)
		}
	}
}

// eachWay tests put and get alike.
func eachWay(t *testing.T, f func(t *testing.T, move func(paths []string, dest string, w Watcher) (Report, error))) {
	for name, move := range map[string]func(context.Context, *outwork.Worker, []string, string, Watcher) (Report, error){
		"put": Put,
		"get": func(ctx context.Context, w *outwork.Worker, paths []string, dest string, watch Watcher) (Report, error) {
			return Get(ctx, w, paths, dest, "", watch)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := outworktest.Start(t, new(outwork.Manager), outwork.Target{})
			f(t, func(paths []string, dest string, watch Watcher) (Report, error) {
				return move(t.Context(), w, paths, dest, watch)
			})
		})
	}
}

func TestTree(t *testing.T) {
	eachWay(t, func(t *testing.T, move func([]string, string, Watcher) (Report, error)) {
		dir := t.TempDir()
		plan{
			"src/a": "text", "src/empty": "", "src/sub/deep/b": strings.Repeat("long ", 200_000), "src/none/": "",
			"src/up": "->../../etc/passwd", "src/sub/abs": "->/etc/passwd", "src/dangling": "->nowhere", "src/loop": "->.",
			"src/ -dash\nline\x1b[31m\xff": "odd", "src/.outwork-x.tmp": "not ours",
		}.build(t, dir)
		src := filepath.Join(dir, "src")
		os.Chmod(filepath.Join(src, "a"), 0o6755)
		os.Chmod(filepath.Join(src, "sub/deep"), 0o555)
		if err := syscall.Mkfifo(filepath.Join(src, "sub/pipe"), 0o600); err != nil {
			t.Fatal(err)
		}
		os.Chtimes(filepath.Join(src, "sub"), old, old)
		var notices []string
		var moved int64
		watch := Watcher{func(s string) { notices = append(notices, s) }, func(n int64, _ string) { moved += n }}
		r, err := move([]string{src}, filepath.Join(dir, "new"), watch)
		if want := (Report{5, 4, 4, 4 + 3 + 8 + 1_000_000}); err != nil || r != want {
			t.Fatalf("got %+v, %v; want %+v", r, err, want)
		}
		if moved != r.Bytes {
			t.Errorf("%d bytes were told of", moved)
		}
		if want := "skipped " + src + "/sub/pipe: it is a pipe"; len(notices) != 1 || notices[0] != want {
			t.Errorf("notices: %q", notices)
		}
		os.Remove(filepath.Join(src, "sub/pipe"))
		os.Chtimes(filepath.Join(src, "sub"), old, old)
		os.Chmod(filepath.Join(src, "a"), 0o755) // owners are not kept, so set-user-ID is not
		same(t, src, filepath.Join(dir, "new"))
		os.Chmod(filepath.Join(dir, "new/sub/deep"), 0o755) // to be removed by anybody

		// Again, into a folder that has it: all is replaced.
		if err := os.Mkdir(filepath.Join(dir, "into"), 0o755); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err = move([]string{src + "/"}, filepath.Join(dir, "into"), Watcher{}); err != nil {
				t.Fatal(err)
			}
		}
		os.Chmod(filepath.Join(dir, "into/src/sub/deep"), 0o755)
		os.Chmod(filepath.Join(src, "sub/deep"), 0o755)
		same(t, src, filepath.Join(dir, "into/src"))
	})
}

func TestDestination(t *testing.T) {
	eachWay(t, func(t *testing.T, move func([]string, string, Watcher) (Report, error)) {
		dir := t.TempDir()
		plan{"a": "A", "b": "B", "sub/a": "other", "d/": "", "real/x": "old", "link": "->real", "fileLink": "->real/x"}.build(t, dir)
		at := func(name string) string { return dir + "/" + name }
		for _, test := range []struct {
			srcs       []string
			dest, want string // want: a file that has the text of the last source, or an error
		}{
			{[]string{"a"}, "new", "new"},
			{[]string{"a"}, "d", "d/a"},
			{[]string{"b"}, "d/", "d/b"},
			{[]string{"a"}, "fresh/", "fresh/a"},
			{[]string{"a", "b"}, "d", "d/b"},
			{[]string{"a"}, "link", "real/a"},
			{[]string{"b"}, "fileLink", "real/x"},
			{[]string{"a", "b"}, "new", "!it is not a folder"},
			{[]string{"a"}, "no/such", "!no such file or directory"},
			{[]string{"a"}, "a/x", "!not a directory"},
			{[]string{"a"}, "a/", "!"},
			{[]string{"a", "sub/a"}, "d", "!have the same name"},
			{[]string{"sub"}, "a", "!there is a file of that name"},
			{[]string{"nowhere"}, "d", "!no such file or directory"},
		} {
			var srcs []string
			for _, s := range test.srcs {
				srcs = append(srcs, at(s))
			}
			_, err := move(srcs, at(test.dest), Watcher{})
			if want, ok := strings.CutPrefix(test.want, "!"); ok {
				if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
					t.Errorf("%q to %s: %v", test.srcs, test.dest, err)
				}
				continue
			}
			wantText, _ := os.ReadFile(srcs[len(srcs)-1])
			if got, _ := os.ReadFile(at(test.want)); err != nil || string(got) != string(wantText) {
				t.Errorf("%q to %s: %v; %s has %q", test.srcs, test.dest, err, test.want, got)
			}
		}
		if to, _ := os.Readlink(at("fileLink")); to != "real/x" {
			t.Errorf("the link that was written through leads to %q", to)
		}
	})
}

// A shell has expanded what it should before put is run: ~ of this machine is a name, as a
// glob yields it. That of a host is its home folder.
func TestHome(t *testing.T) {
	home, dir := t.TempDir(), t.TempDir()
	plan{"x": "home's"}.build(t, home)
	plan{"~/x": "mine"}.build(t, dir)
	t.Setenv("HOME", home)
	t.Chdir(dir)
	w := outworktest.Start(t, new(outwork.Manager), outwork.Target{})
	put := func(src, dest string) (Report, error) { return Put(t.Context(), w, []string{src}, dest, Watcher{}) }
	get := func(src, dest string) (Report, error) { return Get(t.Context(), w, []string{src}, dest, "", Watcher{}) }
	for _, test := range []struct {
		move            func(src, dest string) (Report, error)
		src, dest, file string
		text            string
	}{
		{put, "~", dir + "/a", dir + "/a/x", "mine"},
		{put, "~/", dir + "/b", dir + "/b/x", "mine"},
		{put, "~/x", dir + "/c", dir + "/c", "mine"},
		{put, "~/x", "~/put", home + "/put", "mine"},
		{get, "~/x", dir + "/d", dir + "/d", "home's"},
		{get, "~/x", "~/got", dir + "/~/got", "home's"},
		{get, "~/x", "~", dir + "/~/x", "home's"},
	} {
		_, err := test.move(test.src, test.dest)
		if got, _ := os.ReadFile(test.file); err != nil || string(got) != test.text {
			t.Errorf("%s to %s: %v, and %s has %q; want %q", test.src, test.dest, err, test.file, got, test.text)
		}
	}
	for what, err := range map[string]error{
		"cannot read ~/no: no such file or directory":          second(get("~/no", "e")),
		"cannot write to ~/x/y: not a directory":               second(put("~/x", "~/x/y")),
		"cannot write to ~/no/such: no such file or directory": second(put("~/x", "~/no/such")),
	} {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("got %v, want %s", err, what)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// A folder that goes into itself would meet its own copy on the way.
func TestIntoItself(t *testing.T) {
	eachWay(t, func(t *testing.T, move func([]string, string, Watcher) (Report, error)) {
		dir := t.TempDir()
		plan{"d/a": "A", "d/sub/": "", "d2/": "", "up": "->d/sub", "alias": "->d"}.build(t, dir)
		before := lookAt(t, dir+"/d")
		for _, test := range []struct{ src, dest string }{
			{"d", "d"},
			{"d", "d/"},
			{"d/", "d/new"},
			{"d", "d/new/"},
			{"d", "d/sub"},
			{"d", "d/sub/new"},
			{"d", "up"},
			{"d", "up/new"},
			{"alias", "d"},
			{"d", "alias/sub"},
			{"d/.", "d/sub/.."},
		} {
			src, dest := dir+"/"+test.src, dir+"/"+test.dest
			_, err := move([]string{dir + "/d/a", src}, dest, Watcher{})
			if want := fmt.Sprintf("cannot copy %s into itself, to %s", src, dest); err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		}
		if after := lookAt(t, dir+"/d"); !slices.Equal(before, after) {
			t.Errorf("got %q", after)
		}
		for _, test := range []struct{ src, dest string }{{"d", "d2"}, {"d", "d3/"}, {"d", "d4"}, {"d/sub", "d"}, {"d/a", "d/b"}} {
			if _, err := move([]string{dir + "/" + test.src}, dir+"/"+test.dest, Watcher{}); err != nil {
				t.Error(err)
			}
		}
	})
}

// powerless runs f as root has it without its capabilities, and anybody always: modes hold.
func powerless(t *testing.T, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // it ends with the goroutine
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		err := unix.Capset(&header, &none[0])
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// A folder that its owner may not write to is written again, and is as it was afterwards.
func TestReadOnlyFolderAgain(t *testing.T) {
	for what, mode := range map[string]uint32{"read-only": 0o555, "not to be entered": 0o600, "another": 0o775} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			parts := slices.Concat([]Part{at(folder, "a"), at(folder, "a/b"), at(file, "a/b/c")}, contents())
			parts[0].Entry.Mode, parts[1].Entry.Mode = mode, mode
			powerless(t, func() {
				for range 2 {
					d, err := open(dir, here, true)
					if err != nil {
						t.Error(err)
						return
					}
					r := receiver{destination: d, notice: func(string) {}, moved: func(int64, string) {}}
					if _, err := r.receive(hostile(parts...)); err != nil {
						t.Error(err)
					}
					d.root.Close()
				}
			})
			for _, name := range []string{"a", "a/b"} {
				info, err := os.Stat(filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				if info.Mode().Perm() != perm(mode) {
					t.Errorf("%s: got %v", name, info.Mode())
				}
				os.Chmod(filepath.Join(dir, name), 0o700) // to be removed
			}
		})
	}
}

// hostile is parts from a side that nobody trusts.
func hostile(parts ...Part) iter.Seq2[Part, error] {
	return func(yield func(Part, error) bool) {
		for _, p := range parts {
			if !yield(p, nil) {
				return
			}
		}
	}
}

func at(kind, name string) Part {
	return Part{Entry: &Entry{Kind: kind, Path: []byte(name), Mode: 0o755, Time: old, Size: 1}}
}

func linkTo(name, target string) Part {
	p := at(link, name)
	p.Entry.Target = []byte(target)
	return p
}

// contents is a file with one byte.
func contents() []Part {
	sum := newHash()
	sum.Write([]byte("x"))
	return []Part{{Data: []byte("x")}, {Sum: sum.Sum(nil)}}
}

func TestHostileParts(t *testing.T) {
	for what, parts := range map[string][]Part{
		"above":                 append([]Part{at(file, "../x")}, contents()...),
		"absolute":              append([]Part{at(file, "/x")}, contents()...),
		"inside above":          append([]Part{at(folder, "a"), at(file, "a/../../x")}, contents()...),
		"dot":                   {at(folder, ".")},
		"empty":                 {at(folder, "")},
		"double slash":          {at(folder, "a"), at(folder, "a//b")},
		"zero byte":             {at(folder, "a\x00b")},
		"long":                  {at(folder, strings.Repeat("a/", 3000)+"a")},
		"no folder before":      append([]Part{at(file, "a/x")}, contents()...),
		"a link at the top":     {linkTo("l", "../outside")},
		"through a link":        append([]Part{at(folder, "a"), linkTo("a/l", ".."), at(file, "a/l/x")}, contents()...),
		"a folder over a link":  {at(folder, "a"), linkTo("a/l", ".."), at(folder, "a/l"), at(folder, "a/l/x")},
		"through an old link":   append([]Part{at(folder, "old"), at(file, "old/x")}, contents()...),
		"a link to nothing":     {at(folder, "a"), linkTo("a/l", "")},
		"unknown kind":          {at("device", "a")},
		"contents of no file":   {{Data: []byte("x")}},
		"a sum of no file":      {{Sum: []byte("x")}},
		"nothing":               {{}},
		"a file in a file":      {at(file, "a"), at(file, "b")},
		"no end":                {at(file, "a"), {Data: []byte("x")}},
		"too much":              {at(file, "a"), {Data: []byte("xy")}},
		"too little":            {at(file, "a"), {Sum: newHash().Sum(nil)}},
		"damaged":               {at(file, "a"), {Data: []byte("x")}, {Sum: newHash().Sum(nil)}},
		"a sum of another kind": {at(file, "a"), {Data: []byte("x")}, {Sum: []byte{}}},
		"back to a folder":      append([]Part{at(folder, "a"), at(folder, "b"), at(file, "a/x")}, contents()...),
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			plan{"dest/": "", "dest/old": "->../outside", "outside/": ""}.build(t, dir)
			d, err := open(dir+"/dest", here, true)
			if err != nil {
				t.Fatal(err)
			}
			defer d.root.Close()
			r := receiver{destination: d, notice: func(string) {}, moved: func(int64, string) {}}
			if _, err := r.receive(hostile(parts...)); err == nil {
				t.Error("it was taken")
			}
			for _, line := range lookAt(t, dir) {
				name, _, _ := strings.Cut(line[1:], `"`)
				if strings.Contains(line, ".tmp") || !strings.HasPrefix(name, "dest") && name != "outside" || strings.Contains(line, " x") || strings.HasSuffix(name, "/x") {
					t.Errorf("left: %s", line)
				}
			}
		})
	}
}

// What the first transfer leaves is the destination of the next, and a link there is
// followed: a host that could leave one would choose where the next one writes.
func TestHostileLinkForTheNextTransfer(t *testing.T) {
	dir := t.TempDir()
	plan{"work/": "", "home/secret": "mine", "home/keys/": ""}.build(t, dir)
	before := lookAt(t, dir+"/home")
	for dest, target := range map[string]string{"work/file": "../home/secret", "work/folder": "../home/keys"} {
		for _, parts := range [][]Part{{linkTo("a", target)}, append([]Part{at(file, "a")}, contents()...)} {
			d, err := open(dir+"/"+dest, here, false)
			if err != nil {
				t.Fatal(err)
			}
			r := receiver{destination: d, notice: func(string) {}, moved: func(int64, string) {}}
			r.receive(hostile(parts...))
			d.root.Close()
		}
	}
	if after := lookAt(t, dir+"/home"); !slices.Equal(before, after) {
		t.Errorf("outside of the destination: %q", after)
	}
}

// When one source was asked for by a new name, no other is taken: not even by put, where
// the host has names of its own.
func TestHostileSecondSource(t *testing.T) {
	for what, second := range map[string][]Part{
		"another file":   append([]Part{at(file, "b")}, contents()...),
		"the same again": append([]Part{at(file, "a")}, contents()...),
		"a folder":       {at(folder, "b")},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			d, err := open(dir+"/new", here, false)
			if err != nil {
				t.Fatal(err)
			}
			defer d.root.Close()
			r := receiver{destination: d, notice: func(string) {}, moved: func(int64, string) {}}
			parts := slices.Concat([]Part{at(file, "a")}, contents(), second)
			if _, err := r.receive(hostile(parts...)); err == nil || !strings.Contains(err.Error(), "one file or folder was asked for") {
				t.Errorf("got %v", err)
			}
			if got := lookAt(t, dir); len(got) != 1 || !strings.HasPrefix(got[0], `"new"`) {
				t.Errorf("got %q", got)
			}
		})
	}
}

// The names in a destination are those that were asked for, whatever the host calls them.
func TestHostileNames(t *testing.T) {
	file := func(name string) []Part { return append([]Part{at(file, name)}, contents()...) }
	in := func(name string) []Part { return append([]Part{at(folder, name)}, file(name+"/x")...) }
	for _, test := range []struct {
		asked string // paths, with spaces between them
		parts []Part
		why   string // it is refused; "" when it is taken
	}{
		{"/etc/a", file("a"), ""},
		{"/etc/a/", in("a"), ""},
		{"~/a", file("a"), ""},
		{"b/../a/.", in("a"), ""},
		{"/etc/.a", file(".a"), ""},
		{"/etc/a b", slices.Concat(file("b"), file("a")), ""},
		{"/srv/*", file("*"), ""},
		{"/srv/~", file("~"), ""},
		{"~", in("deploy"), ""},
		{".", in("deploy"), ""},
		{"a/..", in("deploy"), ""},
		{"~ a", slices.Concat(in("deploy"), file("a")), ""},

		{"/etc/a", file(".bashrc"), "it was not asked for"},
		{"/etc/a", file("A"), "it was not asked for"},
		{"/etc/a", in(".ssh"), "it was not asked for"},
		{"/etc/a", slices.Concat(file("a"), file("a")), "it was not asked for"},
		{"/etc/a b", slices.Concat(file("a"), file("b"), file("c")), "it was not asked for"},
		{"/srv/*", file("a"), "it was not asked for"},
		{"./~", in("deploy"), "it was not asked for"},
		{"~", file("deploy"), "a folder was asked for"},
		{"~", in(".ssh"), "is hidden"},
		{".", in("theirs"), "is there already"},
		{"..", slices.Concat(in("deploy"), in("deployed")), "it was not asked for"},
	} {
		t.Run(test.asked, func(t *testing.T) {
			dir := t.TempDir()
			plan{"dest/.bashrc": "mine", "dest/theirs/x": "mine"}.build(t, dir)
			os.Chmod(dir+"/dest/theirs", 0o700)
			before := lookAt(t, dir+"/dest")
			d, err := open(dir+"/dest", here, true)
			if err != nil {
				t.Fatal(err)
			}
			defer d.root.Close()
			r := receiver{destination: d, asked: askedFor(strings.Fields(test.asked)), notice: func(string) {}, moved: func(int64, string) {}}
			_, err = r.receive(hostile(test.parts...))
			if test.why == "" && err != nil || test.why != "" && (err == nil || !strings.Contains(err.Error(), test.why)) {
				t.Errorf("got %v, want %q", err, test.why)
			}
			after := lookAt(t, dir+"/dest")
			for _, line := range before {
				if !slices.Contains(after, line) {
					t.Errorf("what was there has changed: %s", line)
				}
			}
		})
	}
}

// In the folder of one of several hosts, what is there is that host's: it may name its
// home folder as often as it is asked for that.
func TestFolderOfAHostIsItsOwn(t *testing.T) {
	home, dir := t.TempDir(), t.TempDir()
	plan{"a": "A"}.build(t, home)
	t.Setenv("HOME", home)
	w := outworktest.Start(t, new(outwork.Manager), outwork.Target{})
	for range 2 {
		if _, err := Get(t.Context(), w, []string{"~"}, dir, "db1", Watcher{}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Get(t.Context(), w, []string{"~"}, dir+"/db1", "", Watcher{})
	if err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("got %v", err)
	}
	if _, err := Get(t.Context(), w, []string{home}, dir+"/db1", "", Watcher{}); err != nil {
		t.Errorf("by its name: %v", err)
	}
}

func TestNamedSpool(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, kept := range []bool{false, true} {
		s, err := newNamed(root, ".")
		if err != nil {
			t.Fatal(err)
		}
		if kept {
			if err := errors.Join(s.setTime(old), s.keep("kept")); err != nil {
				t.Error(err)
			}
		}
		s.drop()
	}
	if got := lookAt(t, dir); len(got) != 1 || !strings.HasPrefix(got[0], `"kept"`) || !strings.Contains(got[0], "2001-02-03") {
		t.Errorf("got %q", got)
	}
}

// A process that is killed in the middle leaves nothing: here, one that never ends.
func TestNothingIsSeenBeforeTheEnd(t *testing.T) {
	dir := t.TempDir()
	d, err := open(dir, here, true)
	if err != nil {
		t.Fatal(err)
	}
	defer d.root.Close()
	r := receiver{destination: d, notice: func(string) {}, moved: func(int64, string) {}}
	for _, p := range []Part{at(file, "a"), {Data: []byte("x")}} {
		if err := r.part(&p); err != nil {
			t.Fatal(err)
		}
	}
	if got := lookAt(t, dir); len(got) != 0 {
		if _, ok := r.file.out.(*nameless); ok {
			t.Errorf("got %q", got)
		}
	}
	r.file.out.drop()
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("only root can mount a small file system: ", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	eachWay(t, func(t *testing.T, move func([]string, string, Watcher) (Report, error)) {
		src := t.TempDir()
		plan{"big": strings.Repeat("x", 1<<20)}.build(t, src)
		_, err := move([]string{src + "/big"}, dir+"/new", Watcher{})
		if err == nil || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "cannot write "+dir+"/new: no space left on device") {
			t.Errorf("got %v", err)
		}
		if got := lookAt(t, dir); len(got) != 0 {
			t.Errorf("left: %q", got)
		}
	})
}

// The file grows while it is read: what is sent is not what it was.
func TestChangedWhileRead(t *testing.T) {
	src := t.TempDir()
	plan{"grows": strings.Repeat("x", 1<<20)}.build(t, src)
	all, err := sources([]string{src + "/grows"}, here)
	if err != nil {
		t.Fatal(err)
	}
	var last error
	for p, err := range walk(t.Context(), all) {
		if last = err; p.Data != nil {
			f, _ := os.OpenFile(src+"/grows", os.O_APPEND|os.O_WRONLY, 0)
			f.WriteString("more")
			f.Close()
		}
	}
	if !errors.Is(last, errChanged) {
		t.Errorf("got %v", last)
	}
}

// The kernel's own files have other sizes than they tell. They have not changed for that,
// and a receiver is not told that somebody lies.
func TestOtherSizeThanTold(t *testing.T) {
	eachWay(t, func(t *testing.T, move func([]string, string, Watcher) (Report, error)) {
		for _, kernels := range []string{"/proc/self/status", "/sys/devices/system/cpu/online"} { // tell 0 and 4096 bytes
			if _, err := os.Stat(kernels); err != nil {
				t.Log(err)
				continue
			}
			dir := t.TempDir()
			_, err := move([]string{kernels}, dir, Watcher{})
			if want := "cannot read " + kernels + ": it tells another size than it has"; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
			if got := lookAt(t, dir); len(got) != 0 {
				t.Errorf("left: %q", got)
			}
		}
	})
}

func TestCancelled(t *testing.T) {
	eachWay(t, func(t *testing.T, _ func([]string, string, Watcher) (Report, error)) {
		src, dest := t.TempDir(), t.TempDir()
		plan{"big": strings.Repeat("x", 32<<20)}.build(t, src)
		for name, move := range map[string]func(context.Context, *outwork.Worker, Watcher) (Report, error){
			"put": func(ctx context.Context, w *outwork.Worker, watch Watcher) (Report, error) {
				return Put(ctx, w, []string{src + "/big"}, dest, watch)
			},
			"get": func(ctx context.Context, w *outwork.Worker, watch Watcher) (Report, error) {
				return Get(ctx, w, []string{src + "/big"}, dest, "", watch)
			},
		} {
			m := new(outwork.Manager)
			w := outworktest.Start(t, m, outwork.Target{})
			ctx, cancel := context.WithCancel(t.Context())
			_, err := move(ctx, w, Watcher{Moved: func(int64, string) { cancel() }})
			cancel()
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: got %v", name, err)
			}
			m.Wait(t.Context())
			if got := lookAt(t, dest); len(got) != 0 {
				t.Errorf("%s left: %q", name, got)
			}
		}
	})
}

func TestBelow(t *testing.T) {
	dir := t.TempDir()
	plan{"a": "A"}.build(t, dir)
	w := outworktest.Start(t, new(outwork.Manager), outwork.Target{})
	if _, err := Get(t.Context(), w, []string{dir + "/a"}, dir+"/out", "db1", Watcher{}); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(dir + "/out/db1/a"); string(got) != "A" {
		t.Errorf("got %q, %v", got, err)
	}
}

// A host that is not reached leaves no folder of its own, nor one for what should have come.
func TestNotReached(t *testing.T) {
	m := outwork.Manager{SSH: []string{"false"}}
	defer m.Close()
	for _, below := range []string{"down", ""} {
		dir := t.TempDir()
		w, err := m.Begin(t.Context(), outwork.Target{Host: "ssh://down"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Get(t.Context(), w, []string{"a"}, dir+"/new/", below, Watcher{}); err == nil {
			t.Error("it was reached")
		}
		if got := lookAt(t, dir); len(got) != 0 {
			t.Errorf("left: %q", got)
		}
	}
}
