package policy

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const goodFile = "rules: [{function: disk.wipe, allow: {user: bob}}]\n"

// refused makes a policy of a directory, and wants it refused in these words, in
// which DIR stands for it.
func refused(t *testing.T, dir, want string) {
	t.Helper()
	before := openFiles(t)
	_, err := loadDir(dir)
	if err == nil {
		t.Fatalf("it was taken; want %s", want)
	}
	if got := strings.ReplaceAll(err.Error(), dir, "DIR"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d files are open after, %d before", after, before)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}

func TestNoDirectoryIsNoFiles(t *testing.T) {
	dir := policyDir(t, nil)
	for _, missing := range []string{filepath.Join(dir, "none"), filepath.Join(dir, "none", "policy.d")} {
		p, err := loadDir(missing)
		if err != nil || len(p.Ignored) > 0 {
			t.Errorf("%s: got %v, %v", missing, p, err)
		}
	}
}

func TestNamedDirectoryMustExist(t *testing.T) {
	dir := filepath.Join(policyDir(t, nil), "typo")
	for name, want := range map[string]string{
		dir: "the policy directory " + dir + " does not exist: make it, or mend the name",
		"":  `policy directory "": want an absolute path without detours`,
	} {
		_, err := Load(Config{Dir: name, MustExist: true, Functions: declared, Names: fakeNames{}})
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestOthersMayNotWrite(t *testing.T) {
	uid := os.Getuid()
	for name, test := range map[string]struct {
		path string // below the directory
		mode os.FileMode
		want string
	}{
		"file, group":      {"a.yaml", 0o664, "DIR/a.yaml is owned by uid UID, mode 0664: others may write it: look at what it says, then run \"chmod go-w DIR/a.yaml\""},
		"file, others":     {"a.yaml", 0o646, "DIR/a.yaml is owned by uid UID, mode 0646: others may write it: look at what it says, then run \"chmod go-w DIR/a.yaml\""},
		"directory":        {".", 0o775, "DIR is owned by uid UID, mode 0775: others may write it: look at what it says, then run \"chmod go-w DIR\""},
		"sticky directory": {".", 0o777 | os.ModeSticky, "DIR is owned by uid UID, mode 1777: others may write it: look at what it says, then run \"chmod go-w DIR\""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := policyDir(t, map[string]string{"a.yaml": goodFile})
			chmod(t, filepath.Join(dir, test.path), test.mode)
			refused(t, dir, strings.ReplaceAll(test.want, "UID", fmt.Sprint(uid)))
		})
	}
}

func TestDirectoriesAbove(t *testing.T) {
	dir := policyDir(t, map[string]string{"a.yaml": goodFile})
	above := filepath.Dir(dir)
	chmod(t, above, 0o777|os.ModeSticky)
	if _, err := loadDir(dir); err != nil {
		t.Errorf("in a sticky directory: %v", err)
	}
	chmod(t, above, 0o777)
	if _, err := loadDir(dir); err == nil || !strings.Contains(err.Error(), `"chmod go-w `+above+`"`) {
		t.Errorf("in a directory of all: %v", err)
	}
}

// A file of somebody else is refused, whoever may write it.
func TestOwner(t *testing.T) {
	needRoot(t)
	dir := policyDir(t, map[string]string{"a.yaml": goodFile})
	file := filepath.Join(dir, "a.yaml")
	if err := os.Chown(file, 12001, 12001); err != nil {
		t.Fatal(err)
	}
	refused(t, dir, "DIR/a.yaml is owned by uid 12001, mode 0644, and must be owned by uid 0: look at what it says, then run \"chown 0 DIR/a.yaml\"")
	_, err := Load(Config{Dir: dir, Owner: 12001, Functions: declared, Names: fakeNames{}})
	if err != nil {
		t.Errorf("of the owner, in a directory of root: %v", err)
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("not root: cannot make files of another user")
	}
	t.Skip("not root: cannot make files of another user")
}

func TestWhatIsNoFile(t *testing.T) {
	for name, test := range map[string]struct {
		make func(path string) error
		want string
	}{
		"link":      {func(p string) error { return os.Symlink("/dev/null", p) }, "DIR/b.yaml is a symbolic link, which is not followed here: put what it names in its place"},
		"FIFO":      {func(p string) error { return unix.Mkfifo(p, 0o644) }, "DIR/b.yaml is a pipe and no regular file: remove it"},
		"directory": {func(p string) error { return os.Mkdir(p, 0o755) }, "DIR/b.yaml is a directory and no regular file: remove it"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := policyDir(t, map[string]string{"a.yaml": goodFile})
			if err := test.make(filepath.Join(dir, "b.yaml")); err != nil {
				t.Fatal(err)
			}
			refused(t, dir, test.want)
		})
	}
}

func TestWhatIsNoDirectory(t *testing.T) {
	dir := policyDir(t, map[string]string{"a.yaml": goodFile})
	link := filepath.Join(filepath.Dir(dir), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	refused(t, link, "DIR is a symbolic link, which is not followed here: put what it names in its place")
	refused(t, filepath.Join(dir, "a.yaml"), "DIR is a regular file and no directory, as policies want one: move it away, or give the service another name")
	refused(t, "policy.d", "policy directory DIR: want an absolute path without detours")
	refused(t, dir+"/../policy.d", "policy directory DIR: want an absolute path without detours")
}

func TestNames(t *testing.T) {
	dir := policyDir(t, map[string]string{
		"a.yaml": goodFile, "a.yaml.rpmsave": "x", ".a.yaml.swp": "x", "README": "x", "b.off": "x", "~b.yaml~": "x",
	})
	p, err := loadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{".a.yaml.swp", "README", "a.yaml.rpmsave", "b.off", "~b.yaml~"}; !slices.Equal(p.Ignored, want) {
		t.Errorf("ignored %q, want %q", p.Ignored, want)
	}
	for _, near := range []string{"c.yml", "c.YAML", "c.Yml", "c.toml", "c.json", "c.JSON"} {
		dir := policyDir(t, map[string]string{near: "x"})
		refused(t, dir, "DIR/"+near+": policy files are YAML and end in .yaml: make it such a file, or end it in .off to have it ignored")
	}
}

func TestCounts(t *testing.T) {
	p := load(t, map[string]string{"a.yaml": goodFile, "b.yaml": "rules:\n- {function: disk.wipe, deny: {uid: 1}}\n- {function: disk.wipe, deny: {uid: 2}}\n", "c.off": "x"})
	if p.Files != 2 || p.Rules != 3 {
		t.Errorf("got %d rules in %d files", p.Rules, p.Files)
	}
}

func TestBounds(t *testing.T) {
	large := "#" + strings.Repeat("x", maxFile-len(goodFile)-2) + "\n" + goodFile
	if _, err := loadDir(policyDir(t, map[string]string{"a.yaml": large})); err != nil {
		t.Errorf("%d bytes: %v", len(large), err)
	}
	refused(t, policyDir(t, map[string]string{"a.yaml": large + "\n"}), "DIR/a.yaml is larger than 256 KiB: split it")

	rules := "rules:\n" + strings.Repeat("- {function: disk.wipe, allow: {uid: 1}}\n", maxRules/2+1)
	refused(t, policyDir(t, map[string]string{"a.yaml": rules, "b.yaml": rules}), "DIR: 4098 rules in all files: at most 4096")

	dir := policyDir(t, nil)
	for i := range maxEntries + 1 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, dir, "DIR holds more than 1024 files: remove what is no policy")
}

// Each file's mistakes are told, not the first file's alone.
func TestMistakesOfAllFiles(t *testing.T) {
	dir := policyDir(t, map[string]string{"a.yaml": "rules: 1", "b.yaml": "", "c.yaml": goodFile, "c.yml": goodFile, "d.yaml": "- x"})
	refused(t, dir, "DIR/a.yaml:1: \"1\": rules is a list\n"+
		"DIR/b.yaml:1: the file is empty: a policy is \"rules:\" with a list below\n"+
		"DIR/c.yml: policy files are YAML and end in .yaml: make it such a file, or end it in .off to have it ignored\n"+
		"DIR/d.yaml:1: a list: a policy is \"rules:\" with a list below")
}

func TestCommandsMendWithoutHarm(t *testing.T) {
	for name, want := range map[string]string{
		"/etc/x/a.yaml":   "/etc/x/a.yaml",
		"/etc/x/a b.yaml": "'/etc/x/a b.yaml'",
		"/etc/a\nb":       `"/etc/a\nb"`,
		"/etc/$(x)":       "'/etc/$(x)'",
		"/etc/it's":       `'/etc/it'\''s'`,
	} {
		if got := shellWord(name); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
