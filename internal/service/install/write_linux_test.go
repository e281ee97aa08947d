package install

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func install(t *testing.T, dir string, o Options) Report {
	t.Helper()
	r, err := Install(dir, hostctl(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// state is every file of a directory: its mode, its time and its content.
func state(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		short, _ := filepath.Rel(dir, name)
		switch {
		case info.IsDir():
			all[short] = info.Mode().String()
		case info.Mode().IsRegular():
			data, err := os.ReadFile(name)
			all[short] = fmt.Sprintf("%v %v %x", info.Mode(), info.ModTime().UTC(), sha256.Sum256(data))
			return err
		case info.Mode().Type() != fs.ModeSymlink:
			all[short] = info.Mode().String()
		default:
			to, err := os.Readlink(name)
			all[short] = "-> " + to
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Two installations are the same, whatever the umask and the time, and so is a
// second one over the first.
func TestReproducible(t *testing.T) {
	o := options(t)
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	a, b := t.TempDir(), t.TempDir()
	first := install(t, a, o)
	defer syscall.Umask(syscall.Umask(0o077))
	install(t, b, o)
	install(t, b, o)
	was, is := state(t, a), state(t, b)
	delete(was, ".")
	delete(is, ".")
	if !maps.Equal(was, is) {
		t.Errorf("got\n%v\nand\n%v", was, is)
	}
	if got := was["usr/bin/hostctl"]; !strings.HasPrefix(got, "-rwxr-xr-x 2023-11-14 22:13:20 +0000 UTC") {
		t.Errorf("the program is %s", got)
	}
	if got := was["usr/lib/systemd"]; got != "drwxr-xr-x" {
		t.Errorf("a directory is %s", got)
	}
	files := slices.DeleteFunc(slices.Collect(maps.Keys(was)), func(name string) bool { return strings.HasPrefix(was[name], "d") })
	if len(first.Wrote) != len(files) || len(first.Kept) != 0 {
		t.Errorf("%d files are there, and told were %q", len(files), first)
	}
}

func TestModifiedIsFixedWithoutEnvironment(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "")
	for given, want := range map[time.Time]time.Time{{}: epoch, time.Unix(5, 0): time.Unix(5, 0)} {
		got, err := (&Options{Modified: given}).modified()
		if err != nil || !got.Equal(want) {
			t.Errorf("got %v, %v; want %v", got, err, want)
		}
	}
}

// A new version replaces what the old one wrote, and leaves configuration alone
// that somebody changed.
func TestUpgrade(t *testing.T) {
	o, dir := options(t), t.TempDir()
	install(t, dir, o)
	example := filepath.Join(dir, "etc/hostctl/policy.d/00-example.yaml.off")
	if err := os.WriteFile(example, []byte("mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.Binary, []byte("version 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := install(t, dir, o)
	if !slices.Equal(r.Kept, []string{example}) || slices.Contains(r.Wrote, example) {
		t.Errorf("kept %q", r.Kept)
	}
	for name, want := range map[string]string{example: "mine\n", filepath.Join(dir, "usr/bin/hostctl"): "version 2\n"} {
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v", name, got, err)
		}
	}
}

// What install-files has not written is not touched, and then nothing is.
func TestForeignFilesAreRefused(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.Mkdir(outside, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		path string
		make func(string) error
	}{
		"file":             {"usr/bin/hostctl", func(p string) error { return os.WriteFile(p, []byte("other"), 0o600) }},
		"link for a file":  {"usr/bin/hostctl", func(p string) error { return os.Symlink(outside+"/file", p) }},
		"dangling manual":  {"usr/share/man/man1/hostctl.1.gz", func(p string) error { return os.Symlink("nowhere", p) }},
		"file for a link":  {"usr/sbin/hostd", func(p string) error { return os.WriteFile(p, nil, 0o600) }},
		"other link":       {"usr/sbin/hostd", func(p string) error { return os.Symlink("../bin/other", p) }},
		"directory":        {"usr/lib/systemd/system/hostd.service", func(p string) error { return os.Mkdir(p, 0o700) }},
		"fifo":             {"nfpm.yaml", func(p string) error { return syscall.Mkfifo(p, 0o600) }},
		"manifest is link": {"usr/share/hostctl/install-files.sha256", func(p string) error { return os.Symlink(outside+"/x", p) }},
		"directory out":    {"usr/share/polkit-1/actions", func(p string) error { return os.Symlink(outside, p) }},
		"directory up":     {"etc/hostctl", func(p string) error { return os.Symlink("../../../..", p) }},
	} {
		dir := t.TempDir()
		full := filepath.Join(dir, test.path)
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := test.make(full); err != nil {
			t.Fatal(err)
		}
		before := state(t, dir)
		_, err := Install(dir, hostctl(), options(t))
		if err == nil || !strings.Contains(err.Error(), test.path) && !strings.Contains(err.Error(), "escapes") {
			t.Errorf("%s: got %v", name, err)
		}
		if after := state(t, dir); !maps.Equal(before, after) {
			t.Errorf("%s: it was\n%v\nand is\n%v", name, before, after)
		}
	}
	if left := state(t, outside); len(left) != 1 {
		t.Errorf("written outside: %v", left)
	}
}

// What it wrote and somebody changed is not said to be a stranger's.
func TestChangedFilesAreRefused(t *testing.T) {
	const drop = ", or use a drop-in (systemctl edit)"
	for name, advice := range map[string]string{"usr/lib/systemd/system/hostd.service": drop, "usr/share/fish/vendor_completions.d/hostctl.fish": ""} {
		o, dir := options(t), t.TempDir()
		install(t, dir, o)
		full := filepath.Join(dir, name)
		if err := os.WriteFile(full, []byte("mine\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Install(dir, hostctl(), o)
		if want := "install: " + full + ": it was changed since install-files wrote it: move it away" + advice; err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// The daemon is only told of a rotation when it runs: systemctl fails otherwise.
func TestRotationWithoutDaemon(t *testing.T) {
	_, script, _ := strings.Cut(find(t, tree(t, hostctl(), Options{}), "logrotate.d/hostctl"), "postrotate\n")
	script, _, _ = strings.Cut(script, "endscript")
	script = strings.ReplaceAll(script, "/run/systemd/system", "/")
	for state, want := range map[string]string{"true": "reload hostd.service\n", "false": ""} {
		systemctl := "systemctl() { if [ \"$1\" = -q ]; then " + state + "; else echo \"$@\"; fi; }\n"
		out, err := exec.CommandContext(t.Context(), "sh", "-e", "-c", systemctl+script).CombinedOutput()
		if err != nil || string(out) != want {
			t.Errorf("is-active is %s: %q, %v; want %q", state, out, err, want)
		}
	}
}

func TestManifestMayBeDamaged(t *testing.T) {
	o, dir := options(t), t.TempDir()
	install(t, dir, o)
	manifest := filepath.Join(dir, "usr/share/hostctl/install-files.sha256")
	if err := os.WriteFile(manifest, []byte("\nshort\n\xff\n"+strings.Repeat("y", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	install(t, dir, o) // all of it is what would be written
	if err := os.WriteFile(o.Binary, []byte("version 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	install(t, dir, o) // and known again
}

// An installation that stopped half way can be done again, by a newer version
// as well: the manifest is written first.
func TestStoppedHalfWay(t *testing.T) {
	o, dir := options(t), t.TempDir()
	files := tree(t, hostctl(), o)
	manifest := manifestPath(hostctl(), o)
	blocked := slices.Clone(files)
	blocked[4].Path = "usr/bin/hostctl/below-a-file"
	if _, err := Write(dir, manifest, blocked[:4], epoch); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(dir, manifest, blocked, epoch); err == nil {
		t.Fatal("a file was written below a file")
	}
	if _, err := Write(dir, manifest, files, epoch); err != nil {
		t.Fatal(err)
	}
}

func TestSourceMustBeAFile(t *testing.T) {
	dir := t.TempDir()
	_, err := Write(filepath.Join(dir, "to"), "manifest", []File{{Path: "x", Source: dir}}, epoch)
	if err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("got %v", err)
	}
	_, err = Write(filepath.Join(dir, "to"), "manifest", []File{{Path: "x", Source: dir + "/none"}}, epoch)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
