package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/realm"
)

// openAt opens a Log with nothing but a file, which denials may fill.
func openAt(t testing.TB, path string) *Log {
	t.Helper()
	l, err := Open(Config{Service: "hostctl", File: path, Journal: JournalOff, Room: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func begin(t testing.TB, l *Log, function string) *Record {
	t.Helper()
	r := call(function, 1)
	if err := l.Before(r); err != nil {
		t.Fatal(err)
	}
	return r
}

func readLines(t testing.TB, path string) []line {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(b))
}

func wantStory(t testing.TB, path, want string) {
	t.Helper()
	if got := story(readLines(t, path)); got != want {
		t.Errorf("%s: got %s, want %s", filepath.Base(path), got, want)
	}
}

func TestFileIsMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "audit.log")
	l := openAt(t, path)
	if err := l.After(begin(t, l, "x")); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wantStory(t, path, "call x; done x")
	file, _ := os.Stat(path)
	dir, _ := os.Stat(filepath.Dir(path))
	if file.Mode() != fileMode || dir.Mode().Perm() != dirMode {
		t.Errorf("modes %v and %v", file.Mode(), dir.Mode())
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil || st.Blocks*512 > 64<<10 {
		t.Errorf("%v; %d blocks are left allocated", err, st.Blocks)
	}
	l = openAt(t, path)
	begin(t, l, "y")
	wantStory(t, path, "call x; done x; call y")
}

func TestFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(at("target"), nil, 0o600))
	must(os.Symlink(at("target"), at("symlink")))
	must(os.Symlink(at("missing"), at("dangling")))
	must(unix.Mkfifo(at("fifo"), 0o600))
	must(os.WriteFile(at("open"), nil, 0o600))
	must(os.Chmod(at("open"), 0o620))
	must(os.Mkdir(at("wide"), 0o700))
	must(os.Chmod(at("wide"), 0o777))
	for name, why := range map[string]string{
		"symlink": "is a symbolic link", "dangling": "is a symbolic link", "fifo": "is not a regular file",
		"open": "has mode 0620, so that others may write it", ".": "is a directory", "target/x": "not a directory",
		"wide/x": "so that everybody may take its files away",
	} {
		if _, err := Open(Config{File: dir + "/" + name, Journal: JournalOff}); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := os.Stat(at("missing")); err == nil {
		t.Error("a file was made through a symbolic link")
	}
}

func TestDirectoryOfAnotherUserIsRefused(t *testing.T) {
	realm.Need(t)
	for depth, dir := range []string{"audit", "audit/below"} {
		top := t.TempDir()
		path := filepath.Join(top, dir, "audit.log")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(filepath.Join(top, "audit"), int(realm.Lookup("bob").UID), -1); err != nil {
			t.Fatal(err)
		}
		want := "directory " + top + "/audit belongs to uid 12002"
		if _, err := Open(Config{File: path, Journal: JournalOff}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("depth %d: got %v", depth, err)
		}
	}
}

func TestFileOfAnotherUserIsRefused(t *testing.T) {
	realm.Need(t)
	path := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, int(realm.Lookup("bob").UID), -1); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{File: path, Journal: JournalOff}); err == nil || !strings.Contains(err.Error(), "belongs to uid 12002, not to uid 0") {
		t.Errorf("got %v", err)
	}
}

func TestFileIsReopened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := openAt(t, path)
	r := begin(t, l, "x")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	s := begin(t, l, "y") // nobody has said so yet
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Record{r, s} {
		if err := l.After(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Reopen(); err != nil { // nothing was renamed
		t.Fatal(err)
	}
	begin(t, l, "z")
	wantStory(t, path+".1", "call x; call y")
	wantStory(t, path, "done x; done y; call z")
}

func TestReopenKeepsTheOldOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := openAt(t, path)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path+".2", path); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err == nil || !strings.Contains(err.Error(), "is a symbolic link") {
		t.Errorf("got %v", err)
	}
	begin(t, l, "x")
	wantStory(t, path+".1", "call x")
}

// A file that was removed is made again; one that was cut is gone on with.
func TestFileIsTakenAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := openAt(t, path)
	r := begin(t, l, "x")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := l.After(r); err != nil {
		t.Fatal(err)
	}
	wantStory(t, path, "done x")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	begin(t, l, "y")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 0 {
		t.Errorf("%v, %v", info, err)
	}
}

// Nothing of a torn end is lost, and nothing is written behind it in its line.
func TestTornEndIsMended(t *testing.T) {
	const whole = "{\"time\":\"2026-01-02T03:04:05Z\"}\n"
	for name, test := range map[string]struct{ end, story, torn string }{
		"none":    {"", "call x", ""},
		"half":    {"{\"ti", "torn ; call x", `{"ti`},
		"nothing": {"\x00\x00", "torn ; call x", "\x00\x00"},
		"long":    {strings.Repeat("a", 2*maxError), "torn ; call x", strings.Repeat("a", maxError-3) + "…"},
		"endless": {strings.Repeat("b", 3*MaxLine), "torn ; call x", strings.Repeat("b", maxError-3) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "audit.log")
			before := whole + test.end
			if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
			begin(t, openAt(t, path), "x")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if test.end != "" {
				before += "\n"
			}
			ours, ok := strings.CutPrefix(string(b), before)
			if !ok {
				t.Fatalf("of what was there not all is: %.100q", b)
			}
			got := parse(t, ours)
			if story(got) != test.story || got[0].Error != test.torn {
				t.Errorf("got %s; %q", story(got), got[0].Error)
			}
		})
	}
}

// Lines of calls at once never mix, and no call is missing.
func TestConcurrentCalls(t *testing.T) {
	const callers, calls = 8, 50
	path := filepath.Join(t.TempDir(), "audit.log")
	l := openAt(t, path)
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			for i := range calls {
				r := call(fmt.Sprint("f", c), uint32(c))
				r.Exe = strings.Repeat("x", i)
				if err := l.Before(r); err != nil {
					t.Error(err)
				}
				l.Denied(denial("d", uint32(c)))
				if err := l.After(r); err != nil {
					t.Error(err)
				}
				if i%10 == 0 {
					if err := l.Reopen(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	lines := readLines(t, path)
	for _, l := range lines {
		count[l.Event]++
	}
	if count[EventCall] != callers*calls || count[EventDone] != callers*calls || total(lines) != callers*calls {
		t.Errorf("got %v, %d denials", count, total(lines))
	}
}
