package audit

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/realm"
)

// Who may write to a directory by its group is not to take the file away; above
// it, as in Ubuntu's /var/log, that does no harm.
func TestDirectoriesOfGroups(t *testing.T) {
	realm.Need(t)
	for _, test := range []struct {
		name  string
		gid   int
		mode  os.FileMode
		file  string
		wrong string
	}{
		{"Ubuntu's, below", int(realm.Hostctl), 0o775, "made/audit.log", ""},
		{"Ubuntu's, far below", int(realm.Hostctl), 0o775, "made/too/audit.log", ""},
		{"Ubuntu's", int(realm.Hostctl), 0o775, "audit.log", "has mode 0775, so that group 12100 may take its files away"},
		{"sticky", int(realm.Hostctl), 0o775 | os.ModeSticky, "audit.log", ""},
		{"Debian's", 0, 0o755, "audit.log", ""},
		{"of root's group", 0, 0o775, "audit.log", ""},
		{"everybody's", 0, 0o757, "made/audit.log", "has mode 0757, so that everybody may take its files away"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := errors.Join(os.Chown(dir, 0, test.gid), os.Chmod(dir, test.mode)); err != nil {
				t.Fatal(err)
			}
			l, err := Open(Config{File: filepath.Join(dir, test.file), Journal: JournalOff})
			if err == nil {
				err = l.Reopen()
				l.Close()
			}
			if (err == nil) != (test.wrong == "") || err != nil && !strings.Contains(err.Error(), "directory "+dir+" "+test.wrong) {
				t.Errorf("got %v", err)
			}
			if made, err := os.ReadDir(dir); test.wrong != "" && (err != nil || len(made) > 0) {
				t.Errorf("left %v, %v", made, err)
			}
		})
	}
}

// What a member of the group put in the directory's place is not written to.
func TestDirectoryIsReplaced(t *testing.T) {
	realm.Need(t)
	top := t.TempDir()
	if err := errors.Join(os.Chown(top, 0, int(realm.Hostctl)), os.Chmod(top, 0o775)); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(top, "made")
	l := openAt(t, filepath.Join(dir, "audit.log"))
	if err := errors.Join(os.Rename(dir, dir+".away"), os.Mkdir(dir, 0o755), os.Chown(dir, int(realm.Lookup("alice").UID), -1)); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err == nil || !strings.Contains(err.Error(), "belongs to uid 12001") {
		t.Errorf("got %v", err)
	}
	begin(t, l, "x")
	wantStory(t, filepath.Join(dir+".away", "audit.log"), "call x")
}

// The file is made in the directory that was looked at, not in what has its path
// by then.
func TestFileIsMadeInTheOpenDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	d, err := openDir(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	elsewhere := t.TempDir()
	if err := errors.Join(os.Rename(path, path+".away"), os.Symlink(elsewhere, path)); err != nil {
		t.Fatal(err)
	}
	f, err := d.open("audit.log")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := os.Stat(filepath.Join(path+".away", "audit.log")); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(elsewhere); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestDirectoriesAndLinks(t *testing.T) {
	top := t.TempDir()
	at := func(name string) string { return filepath.Join(top, name) }
	if err := errors.Join(os.Mkdir(at("real"), 0o700), os.Symlink("real", at("link")), os.Symlink("missing", at("dangling"))); err != nil {
		t.Fatal(err)
	}
	d, err := openDir(at("link/below"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(d.path, "/real/below") {
		t.Errorf("opened %s", d.path)
	}
	if err := d.enter("../../link"); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("a link is entered: %v", err)
	}
	d.close()
	for _, path := range []string{"dangling", "dangling/below"} {
		if _, err := openDir(at(path)); !errors.Is(err, unix.ENOTDIR) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := os.Lstat(at("missing")); err == nil {
		t.Error("a directory was made through a link")
	}
}

// Nothing stays open, whether it is refused or not.
func TestDirectoriesAreClosed(t *testing.T) {
	count := func() int {
		names, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	wide := t.TempDir()
	if err := os.Chmod(wide, 0o777); err != nil {
		t.Fatal(err)
	}
	before := count()
	for _, dir := range []string{t.TempDir(), wide, "/dev/null", "/proc/self/missing"} {
		if d, err := openDir(dir); err == nil {
			d.close()
		}
	}
	if after := count(); after != before {
		t.Errorf("%d file descriptors before, %d after", before, after)
	}
}
