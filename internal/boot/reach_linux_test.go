package boot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/outwork-go/outwork/host"
)

func TestColdAndWarm(t *testing.T) {
	settle(t)
	p := place(t)
	o := options()
	r := reach(t, p, plainShell, o)
	if !r.Fresh || r.Dir != p.cache() || r.Verified != "sha256sum" || r.Facts == nil || r.Facts.System != "Linux" {
		t.Errorf("got %+v", r)
	}
	echo(t, r, string(o.Ahead()))
	r = reach(t, p, plainShell, o)
	if r.Fresh || r.Dir != "" || r.Facts != nil {
		t.Errorf("got %+v", r)
	}
	echo(t, r, string(o.Ahead()))
	onlyAgent(t, p.cache())
}

// onlyAgent checks that there is nothing in a cache but one program, which nobody
// else may touch.
func onlyAgent(t *testing.T, dir string) {
	t.Helper()
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 1 {
		t.Fatalf("left %v, %v", names, err)
	}
	is, _ := self().hash(t.Context())
	info, err := os.Lstat(filepath.Join(dir, "outwork-"+is.hash))
	if err != nil || info.Mode() != 0o700 || info.Size() != is.size {
		t.Errorf("got %v, %v", info, err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode() != fs.ModeDir|0o700 {
		t.Errorf("got %v, %v", info, err)
	}
}

func TestStageFits(t *testing.T) {
	line := stageLine(strings.Repeat("N", 26), lookFor(content{strings.Repeat("0", 64), 1 << 40}))
	if len(line) > host.MaxShell {
		t.Errorf("%d bytes", len(line))
	}
	if i := strings.IndexAny(line, "'!\n"); i >= 0 {
		t.Errorf("%q in it", line[i])
	}
}

// need finds a program that a test is about.
func need(t *testing.T, program, debian string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	lacking(t, "%v: apt-get install %s", err, debian)
	return ""
}

// Every shell that runs the stage, and every login shell that is told to.
func TestShells(t *testing.T) {
	for _, c := range []struct{ name, debian, args string }{
		{"dash", "dash", "-c"}, {"bash", "bash", "--posix -c"}, {"busybox", "busybox", "sh -c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			settle(t)
			h := &shell{c.name, append([]string{need(t, c.name, c.debian)}, strings.Fields(c.args)...)}
			twice(t, place(t), h)
		})
	}
}

func twice(t *testing.T, p *local, h host.Hop) {
	t.Helper()
	for _, fresh := range []bool{true, false} {
		o := options()
		r := reach(t, p, h, o)
		bare(t, r)
		if r.Fresh != fresh {
			t.Errorf("fresh: %v, not %v", r.Fresh, fresh)
		}
		echo(t, r, string(o.Ahead()))
	}
}

// bare checks that an agent has nothing of its boot: no child, dead or alive, and no
// files but its three.
func bare(t *testing.T, r *Reached) {
	t.Helper()
	proc := fmt.Sprintf("/proc/%d/", r.Process.(process).Process.(*localProcess).cmd.Process.Pid)
	lists, err := filepath.Glob(proc + "task/*/children")
	if err != nil || len(lists) == 0 {
		t.Fatal(lists, err)
	}
	for _, l := range lists {
		if b, err := os.ReadFile(l); err == nil && len(b) > 0 {
			t.Errorf("it has children: %s", b)
		}
	}
	files, err := os.ReadDir(proc + "fd")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		to, err := os.Readlink(proc + "fd/" + f.Name())
		ours, _ := os.Readlink("/proc/self/fd/" + f.Name()) // what this test was started with
		switch {
		case err != nil, to == ours, strings.HasPrefix(to, "anon_inode:"), strings.HasPrefix(to, "/sys/"): // Go's own
		case len(f.Name()) > 1 || f.Name() > "2":
			t.Errorf("it has %s open: %s", f.Name(), to)
		}
	}
}

// login is a hop that runs the stage as ssh has a login shell do.
type login struct{ path string }

func (l login) String() string { return "ssh://" + filepath.Base(l.path) }
func (l login) Command(shell string) []string {
	return []string{l.path, "-c", "exec /bin/sh -c '" + shell + "'"}
}

func TestLoginShells(t *testing.T) {
	for name, debian := range map[string]string{"dash": "dash", "bash": "bash", "tcsh": "tcsh", "fish": "fish"} {
		t.Run(name, func(t *testing.T) {
			settle(t)
			twice(t, place(t), login{need(t, name, debian)})
		})
	}
}

// busybox is a PATH with nothing but busybox under these names.
func busybox(t *testing.T, names ...string) string {
	t.Helper()
	path, dir := need(t, "busybox", "busybox"), t.TempDir()
	for _, n := range names {
		if err := os.Symlink(path, filepath.Join(dir, n)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// withPath is a hop whose shell has a PATH of its own.
func withPath(dir string) host.Hop {
	return script("PATH=" + dir + `; export PATH; exec /bin/sh -c "$1"`)
}

const basic = "ls id uname mkdir rmdir rm mv chmod cat "

func TestFewTools(t *testing.T) {
	for name, c := range map[string]struct{ tools, verified string }{
		"no gzip":      {"head dd sha256sum", "sha256sum"},
		"no head":      {"dd gzip sha256sum", "sha256sum"},
		"no dd":        {"head gzip sha256sum find", "sha256sum"},
		"no sha256sum": {"head gzip dd", "size"},
		"busybox":      {"head gzip dd sha256sum find", "sha256sum"},
	} {
		t.Run(name, func(t *testing.T) {
			settle(t)
			p, o := place(t), options()
			r := reach(t, p, withPath(busybox(t, strings.Fields(basic+c.tools)...)), o)
			if r.Verified != c.verified || !r.Fresh {
				t.Errorf("got %+v", r)
			}
			echo(t, r, string(o.Ahead()))
			onlyAgent(t, p.cache())
		})
	}
	t.Run("neither head nor dd", func(t *testing.T) {
		settle(t)
		fails(t, place(t), withPath(busybox(t, strings.Fields(basic+"gzip sha256sum")...)), options(), host.Upload, "neither head nor dd")
	})
}

// Other programs that know SHA-256.
func TestVerifiers(t *testing.T) {
	for _, name := range []string{"shasum", "openssl", "python3"} {
		t.Run(name, func(t *testing.T) {
			settle(t)
			dir := busybox(t, strings.Fields(basic+"head gzip dd")...)
			real := need(t, "/usr/bin/"+name, "perl openssl python3")
			if err := os.Symlink(real, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			p, o := place(t), options()
			r := reach(t, p, script("PATH="+dir+`:$PATH2; export PATH; exec /bin/sh -c "$1"`), o)
			if r.Verified != name {
				t.Errorf("got %+v", r)
			}
			echo(t, r, string(o.Ahead()))
		})
	}
}

// A program that reads more than it is told to: nothing may be lost but what was sent to it.
func TestHeadReadsTooFar(t *testing.T) {
	settle(t)
	dir := busybox(t, strings.Fields(basic+"gzip dd sha256sum")...)
	head := filepath.Join(dir, "head")
	// It takes blocks, and so whatever has arrived behind the program.
	text := "#!/bin/sh\nexec /usr/bin/perl -e '$n = shift; while ($n > 0 && ($k = sysread(STDIN, $b, 1 << 20))) { print substr($b, 0, $n); $n -= $k }' $2\n"
	if err := os.WriteFile(head, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	o := options()
	echo(t, reach(t, place(t), withPath(dir), o), string(o.Ahead()))
}

func TestTenAtOnce(t *testing.T) {
	settle(t)
	p := place(t)
	results := make([]*Reached, 10)
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() {
			r, err := Reach(t.Context(), p, plainShell, options())
			if err != nil {
				t.Error(err)
			}
			results[i] = r
		})
	}
	all.Wait()
	for _, r := range results {
		if r != nil {
			if r.Fresh && r.Dir != p.cache() {
				t.Errorf("it went to %q", r.Dir)
			}
			echo(t, r, string(options().Ahead()))
		}
	}
	onlyAgent(t, p.cache())
}

// What was put in the cache by somebody else is not run, and replaced where it can be.
func TestPlanted(t *testing.T) {
	is, err := self().hash(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	trap := func(t *testing.T, p *local) string {
		path := filepath.Join(p.home(), "trap")
		text := "#!/bin/sh\necho planted >&2; touch " + p.home() + "/sprung\n"
		text += strings.Repeat("#", int(is.size)-len(text)) // the size is right
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, plant := range map[string]func(t *testing.T, trap, path string) error{
		"link":  func(_ *testing.T, trap, path string) error { return os.Symlink(trap, path) },
		"mode":  func(_ *testing.T, trap, path string) error { return copyFile(trap, path, 0o777) },
		"group": func(_ *testing.T, trap, path string) error { return copyFile(trap, path, 0o710) },
		"set": func(_ *testing.T, trap, path string) error {
			return copyFile(trap, path, 0o700|fs.ModeSetuid)
		},
		"size": func(_ *testing.T, _, path string) error { return os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700) },
		"owner": func(t *testing.T, trap, path string) error {
			rooted(t)
			return joined(copyFile(trap, path, 0o700), os.Chown(path, 12345, 12345))
		},
	} {
		t.Run(name, func(t *testing.T) {
			settle(t)
			p, o := place(t), options()
			if err := os.MkdirAll(p.cache(), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := plant(t, trap(t, p), filepath.Join(p.cache(), "outwork-"+is.hash)); err != nil {
				t.Fatal(err)
			}
			r := reach(t, p, plainShell, o)
			if !r.Fresh || r.Dir != p.cache() {
				t.Errorf("got %+v", r)
			}
			echo(t, r, string(o.Ahead()))
			onlyAgent(t, p.cache())
			if _, err := os.Stat(p.home() + "/sprung"); err == nil {
				t.Error("it was run")
			}
		})
	}
}

func joined(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string, mode fs.FileMode) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return joined(os.WriteFile(to, b, 0o700), os.Chmod(to, mode))
}

func rooted(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		lacking(t, "only root can make files of others, and mount")
	}
}

// lacking ends a test for want of something that continuous integration has.
func lacking(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// A directory that others can write to, or have made, is not used.
func TestPlantedDirectory(t *testing.T) {
	for name, c := range map[string]struct {
		make func(t *testing.T, dir string) error
		why  string
	}{
		"open": {func(_ *testing.T, dir string) error { return joined(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o777)) }, "may be written to by others"},
		"link": {func(t *testing.T, dir string) error { return os.Symlink(t.TempDir(), dir) }, "is a symbolic link"},
		"file": {func(_ *testing.T, dir string) error { return os.WriteFile(dir, nil, 0o600) }, "File exists"},
		"owner": {func(t *testing.T, dir string) error {
			rooted(t)
			return joined(os.Mkdir(dir, 0o700), os.Chown(dir, 12345, 12345))
		}, "belongs to another user"},
	} {
		t.Run(name, func(t *testing.T) {
			settle(t)
			p := place(t)
			if err := joined(os.Mkdir(p.home()+"/.cache", 0o700), c.make(t, p.cache())); err != nil {
				t.Fatal(err)
			}
			report, err := Check(t.Context(), p, plainShell, options())
			if err != nil {
				t.Fatal(err)
			}
			if d := report.Facts.Dirs[0]; d.Path != p.cache() || d.Why != c.why {
				t.Errorf("got %+v", d)
			}
		})
	}
}

// private is a hop into a mount namespace in which setup has run: home is /mnt/home,
// and all directories for programs are empty.
func private(t *testing.T, setup string) host.Hop {
	t.Helper()
	rooted(t)
	if err := exec.Command(need(t, "unshare", "util-linux"), "-m", "true").Run(); err != nil {
		lacking(t, "no mount namespaces: %v", err)
	}
	text := "mount -t tmpfs none /mnt && mkdir /mnt/home && HOME=/mnt/home && export HOME &&" +
		"for i in /var/tmp /dev/shm /tmp; do mount -t tmpfs none $i || exit 99; done;" + setup + "\nexec /bin/sh -c \"$1\""
	return &shell{"sh://", []string{"unshare", "-m", "--propagation", "private", "/bin/sh", "-c", text, "sh"}}
}

func TestDirectories(t *testing.T) {
	for name, c := range map[string]struct{ setup, want string }{
		"home":           {"", "/mnt/home/.cache/outwork"},
		"XDG":            {"XDG_CACHE_HOME=/mnt/x; export XDG_CACHE_HOME", "/mnt/x/outwork"},
		"noexec home":    {"mount -o remount,noexec /mnt", "/var/tmp/outwork-0"},
		"full home":      {"mount -o remount,size=64k /mnt", "/var/tmp/outwork-0"},
		"no home":        {"unset HOME; mkdir /mnt/r && mount --rbind / /mnt/r && mount -o remount,bind,ro /mnt/r; exec chroot /mnt/r /bin/sh -c 'exec /bin/sh -c \"$1\"' sh \"$1\"", "/var/tmp/outwork-0"},
		"home is gone":   {"HOME=/mnt/none", "/var/tmp/outwork-0"},
		"read-only home": {"mount -o remount,ro /mnt", "/var/tmp/outwork-0"},
		"umask":          {"umask 0777", "/mnt/home/.cache/outwork"},
		"two":            {"mount -o remount,noexec /mnt; mount -o remount,noexec /var/tmp", "/dev/shm/outwork-0"},
		"run":            {"for i in /mnt /var/tmp /tmp /dev/shm; do mount -o remount,noexec $i; done; mount -t tmpfs none /media; XDG_RUNTIME_DIR=/media; export XDG_RUNTIME_DIR", "/media/outwork"},
		"squatted":       {"mount -o remount,noexec /mnt; mkdir -m 777 /var/tmp/outwork-0; chown 5 /var/tmp/outwork-0", "/dev/shm/outwork-0"},
	} {
		t.Run(name, func(t *testing.T) {
			settle(t)
			o := options()
			r := reach(t, place(t), private(t, c.setup), o)
			if r.Dir != c.want {
				t.Errorf("it is in %q, not %q: %+v", r.Dir, c.want, r.Facts.Dirs)
			}
			echo(t, r, string(o.Ahead()))
		})
	}
}

const nowhere = "for i in /mnt /var/tmp /dev/shm; do mount -o remount,noexec $i; done; mount -o remount,size=4k /tmp; "

func TestMemory(t *testing.T) {
	for name, c := range map[string]struct{ tools, how string }{
		"python3": {"python3 perl", "python3"}, "perl": {"perl", "perl"},
	} {
		t.Run(name, func(t *testing.T) {
			settle(t)
			dir := busybox(t, strings.Fields(basic+"gzip dd head")...)
			for tool := range strings.FieldsSeq(c.tools) {
				if err := os.Symlink("/usr/bin/"+tool, filepath.Join(dir, tool)); err != nil {
					t.Fatal(err)
				}
			}
			// The directory is reached through a bind mount: /tmp is covered.
			h := private(t, nowhere)
			h.(*shell).args[6] = "mount --bind " + dir + " /srv;" + h.(*shell).args[6]
			h.(*shell).args[6] = strings.Replace(h.(*shell).args[6], "\nexec", "\nPATH=/srv; export PATH; exec", 1)
			o := options()
			r := reach(t, place(t), h, o)
			if r.Verified != c.how || r.Dir != "" || !r.Fresh {
				t.Errorf("got %+v", r)
			}
			echo(t, r, string(o.Ahead()))
		})
	}
}

func TestNowhere(t *testing.T) {
	settle(t)
	h := private(t, nowhere)
	dir := busybox(t, strings.Fields(basic+"gzip dd head")...)
	h.(*shell).args[6] = "mount --bind " + dir + " /srv;" + h.(*shell).args[6]
	h.(*shell).args[6] = strings.Replace(h.(*shell).args[6], "\nexec", "\nPATH=/srv; export PATH; exec", 1)
	fails(t, place(t), h, options(), host.Probe, "/mnt/home/.cache/outwork: noexec", "/var/tmp/outwork-0: noexec", "/dev/shm/outwork-0: noexec", "/tmp/outwork-0: No space left on device", "neither python3")
}

// What the agent gets is what the shell had.
func TestEnvironment(t *testing.T) {
	settle(t)
	p := place(t, "LC_ALL=C.UTF-8", "AGENT=tells", "_q=1", "_x=:", "u=5", "d=1", "TIME_STYLE=+%s")
	h := script("umask 027; exec /bin/sh -c \"$1\"")
	for range 2 {
		o := options()
		o.Ahead = nil
		r := reach(t, p, h, o)
		echo(t, r, "C.UTF-8|"+p.home()+"|0|5")
	}
}

// A home with a name that a shell could misread, and a clock that was wrong.
func TestOddHome(t *testing.T) {
	settle(t)
	p, o := place(t), options()
	odd := p.home() + "/a  b*$(touch x)`touch x`'\"\\[é\xff-"
	if err := os.Mkdir(odd, 0o700); err != nil {
		t.Fatal(err)
	}
	p.env[0] = "HOME=" + odd
	r := reach(t, p, plainShell, o)
	echo(t, r, string(o.Ahead()))
	onlyAgent(t, odd+"/.cache/outwork")
	is, _ := self().hash(t.Context())
	future := time.Now().Add(10 * 365 * 24 * time.Hour)
	if err := os.Chtimes(odd+"/.cache/outwork/outwork-"+is.hash, future, future); err != nil {
		t.Fatal(err)
	}
	if r = reach(t, p, plainShell, o); r.Fresh {
		t.Errorf("got %+v", r)
	}
	echo(t, r, string(o.Ahead()))
	if info, err := os.Stat(odd + "/.cache/outwork/outwork-" + is.hash); err != nil || !info.ModTime().Before(future) {
		t.Errorf("it is not marked as used: %v, %v", info, err)
	}
	if _, err := os.Stat(p.home() + "/x"); err == nil {
		t.Error("a name was executed")
	}
}

// direct is a hop to an agent that needs no boot.
type direct struct{ *shell }

func (direct) Direct() {}

func (d direct) Command(string) []string { return d.args }

func TestDirect(t *testing.T) {
	settle(t)
	p, o := place(t, "OUTWORK_ROLE=agent"), options()
	o.Program = NewProgram(runtime.GOOS, runtime.GOARCH, func() (io.ReadCloser, error) { return nil, fs.ErrPermission })
	r := reach(t, p, direct{&shell{"near://", []string{"/proc/self/exe", "[agent]"}}}, o)
	if r.Fresh {
		t.Errorf("got %+v", r)
	}
	echo(t, r, string(o.Ahead()))
}

// A program that cannot be read leaves no process.
func TestUnreadable(t *testing.T) {
	settle(t)
	o := options()
	o.Program = NewProgram(runtime.GOOS, runtime.GOARCH, func() (io.ReadCloser, error) { return nil, fs.ErrPermission })
	if e := fails(t, place(t), plainShell, o, host.Upload, "read the program"); !errors.Is(e, fs.ErrPermission) {
		t.Error(e)
	}
}

// The real one, into the namespaces of another process.
func TestRealNsenter(t *testing.T) {
	rooted(t)
	need(t, "nsenter", "util-linux")
	settle(t)
	cmd := exec.Command("unshare", "-m", "--propagation", "private", "sh", "-c", "mount -t tmpfs none /var/tmp && echo ready && exec cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err := joined(err, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		lacking(t, "no mount namespaces: %v, %v", err, cmd.Wait())
	}
	h, err := ParseHop(fmt.Sprintf("nsenter://%d", cmd.Process.Pid), HopOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p, o := place(t), options()
	p.env[0] = "HOME=/nonexistent"
	r := reach(t, p, h, o)
	if r.Dir != fmt.Sprintf("/var/tmp/outwork-%d", os.Getuid()) {
		t.Errorf("got %+v", r)
	}
	echo(t, r, string(o.Ahead()))
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// Other agents go after a week, if there are many.
func TestPrune(t *testing.T) {
	settle(t)
	p := place(t)
	if err := os.MkdirAll(p.cache(), 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		path := fmt.Sprintf("%s/outwork-%d", p.cache(), i)
		old := time.Now().Add(-time.Duration(5+i) * 24 * time.Hour)
		if err := joined(os.WriteFile(path, nil, 0o700), os.Chtimes(path, old, old)); err != nil {
			t.Fatal(err)
		}
	}
	stale := p.cache() + "/.outwork-left"
	old := time.Now().Add(-72 * time.Hour)
	if err := joined(os.WriteFile(stale, nil, 0o700), os.Chtimes(stale, old, old)); err != nil {
		t.Fatal(err)
	}
	o := options()
	echo(t, reach(t, p, plainShell, o), string(o.Ahead()))
	names, err := filepath.Glob(p.cache() + "/*")
	if err != nil || len(names) != 4 {
		t.Errorf("left %q, %v", names, err)
	}
	for _, n := range []string{"outwork-0", "outwork-1", "outwork-2"} {
		if _, err := os.Stat(filepath.Join(p.cache(), n)); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(stale); err == nil {
		t.Error("what was left over is still there")
	}
}

func TestOtherPlatform(t *testing.T) {
	fake := script(`uname() { case $1 in -s) echo Linux;; -m) echo riscv64;; *) echo Linux riscv64;; esac; }; ` + `eval "$1"`)
	t.Run("none", func(t *testing.T) {
		settle(t)
		e := fails(t, place(t), fake, options(), host.Probe, "linux/riscv64", "outwork-linux-riscv64", "outwork build-agents --out DIR", "--binaries DIR")
		if e.Facts == nil || e.Facts.Arch != "riscv64" {
			t.Errorf("got %+v", e.Facts)
		}
	})
	t.Run("one", func(t *testing.T) {
		settle(t)
		p, o := place(t), options()
		data, err := self().plain(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		o.Binaries = NewBinaries(fstest.MapFS{"outwork-linux-riscv64": {Data: data}})
		o.Program = NewProgram(runtime.GOOS, runtime.GOARCH, o.Binaries.mustFind(t).open)
		o.Program.hash = func(context.Context) (content, error) { return content{strings.Repeat("0", 64), 1}, nil }
		for _, fresh := range []bool{true, false} {
			r := reach(t, p, fake, o)
			if r.Fresh != fresh || r.Facts.Arch != "riscv64" {
				t.Errorf("got %+v", r)
			}
			echo(t, r, string(o.Ahead()))
		}
		onlyAgent(t, p.cache())
	})
}

func (b *Binaries) mustFind(t *testing.T) *Program {
	t.Helper()
	p, err := b.find("linux", "riscv64")
	if err != nil || p == nil {
		t.Fatal(p, err)
	}
	return p
}

func TestExec(t *testing.T) {
	settle(t)
	o := options()
	o.Exec = func(f *host.Facts) (string, []byte, error) {
		if f.UID != os.Getuid() || f.OS != runtime.GOOS || f.Arch != runtime.GOARCH || f.Python == "" {
			t.Errorf("got %+v", f)
		}
		return `exec head -c 22`, []byte("\x89owk\r\n\x1a\n\x00\x01\x00\x00fed "), nil
	}
	o.Ahead = func() []byte { return []byte("ahead!") }
	r := reach(t, place(t), plainShell, o)
	want := "\x89owk\r\n\x1a\n\x00\x01\x00\x00fed ahead!"
	if got := read(t, r.Transport, len(want)); got != want {
		t.Errorf("got %q", got)
	}
	end(t, r)
}

// More is ahead than is sent at once.
func TestMuchAhead(t *testing.T) {
	settle(t)
	p, o := place(t), options()
	o.Ahead = func() []byte { return []byte(strings.Repeat("\nahead\x00", aheadLimit/5)) }
	for range 2 {
		echo(t, reach(t, p, plainShell, o), string(o.Ahead()))
	}
}
