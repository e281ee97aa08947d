package sshtest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestLogin(t *testing.T) {
	t.Parallel()
	m := NewMachine(t, Options{Name: "login"})
	ssh(t, m, "id -un; hostname; pwd").says(t, "deploy\nlogin\n/home/deploy")
	run(t, m.SSH(t.Context(), "-l", "root", "id -un; pwd")).says(t, "root\n/root")
	ssh(t, m, "sudo -n true").fails(t, "password is required")
	if got := m.Run(t, "id -un; hostname"); got != "root\nlogin\n" {
		t.Errorf("Run: %q", got)
	}
}

func TestChangesStayInMachine(t *testing.T) {
	t.Parallel()
	m := NewMachine(t, Options{})
	ssh(t, m, "ls -A ~ /tmp /var/tmp /dev/shm | grep -v :").says(t, "")
	before := read(t, "/etc/passwd")
	m.Run(t, "echo changed >/etc/passwd; echo new >/usr/sshtest-new; rm /usr/bin/yes; touch /tmp/sshtest-new; mount -t tmpfs x /mnt")
	if read(t, "/etc/passwd") != before {
		t.Error("passwd of this machine was changed")
	}
	for _, name := range []string{"/usr/sshtest-new", "/tmp/sshtest-new"} {
		if _, err := os.Lstat(name); !os.IsNotExist(err) {
			t.Errorf("%s is on this machine: %v", name, err)
		}
	}
	if _, err := os.Stat("/usr/bin/yes"); err != nil {
		t.Error(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTwoMachinesDoNotMeet(t *testing.T) {
	t.Parallel()
	a, b := NewMachine(t, Options{}), NewMachine(t, Options{})
	a.Run(t, "echo a >/tmp/x; echo a >/etc/x")
	b.Run(t, "test ! -e /tmp/x; test ! -e /etc/x")
	config := Config(t, a, b)
	for _, m := range []*Machine{a, b} {
		cmd := m.SSH(t.Context(), "hostname")
		cmd.Args[slices.Index(cmd.Args, m.Config)] = config
		run(t, cmd).says(t, m.Host)
	}
	// The key of one is not that of the other.
	run(t, a.SSH(t.Context(), "-p", fmt.Sprint(b.Port), "-o", "HostName="+b.Addr, "true")).
		fails(t, "REMOTE HOST IDENTIFICATION HAS CHANGED")
}

func TestSudo(t *testing.T) {
	t.Parallel()
	const ask = "sudo -S -p 'say: ' id -un"
	for _, test := range []struct {
		name     string
		options  Options
		line     string
		says     string
		fails    string
		password string
	}{
		{"none", Options{Password: true}, ask, "", "not in the sudoers file", Password},
		{"no password", Options{Sudo: SudoNoPassword}, "sudo -n id -un", "root", "", ""},
		{"as another", Options{Sudo: SudoNoPassword}, "sudo -n -u nobody id -un", "nobody", "", ""},
		{"password", Options{Sudo: SudoPassword, Password: true}, ask, "root", "", Password},
		{"wrong password", Options{Sudo: SudoPassword, Password: true}, ask, "", "incorrect password attempt", "wrong"},
		{"no password there", Options{Sudo: SudoPassword}, ask, "", "incorrect password attempt", Password},
		{"asks each time", Options{Sudo: SudoPassword, Password: true}, ask + ">&2; sudo -n true", "", "password is required", Password},
		{"tty", Options{Sudo: SudoNoPassword, Sudoers: []string{"Defaults requiretty"}}, "sudo -n id -un", "", "must have a tty", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := NewMachine(t, test.options)
			cmd := m.SSH(t.Context(), test.line)
			cmd.Stdin = strings.NewReader(test.password + "\n")
			if got := run(t, cmd); test.fails == "" {
				got.says(t, test.says)
			} else {
				got.fails(t, test.fails)
			}
		})
	}
}

func TestSu(t *testing.T) {
	t.Parallel()
	m := NewMachine(t, Options{Password: true})
	cmd := m.SSH(t.Context(), "su -c 'id -un'")
	cmd.Stdin = strings.NewReader(Password + "\n")
	run(t, cmd).says(t, "root")
}

func TestShells(t *testing.T) {
	t.Parallel()
	for shell, name := range map[string]string{
		"/bin/sh": "dash", "/bin/bash": "bash", "/bin/tcsh": "tcsh", "/usr/bin/fish": "fish",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := NewMachine(t, Options{Shell: shell, Noise: "it's noise"})
			got := ssh(t, m, "readlink /proc/self/exe; exec /bin/sh -c 'readlink /proc/$PPID/exe; echo $SHELL'")
			if got.code != 0 || !strings.HasPrefix(got.stdout, "it's noise\n") || !strings.HasSuffix(got.stdout, shell+"\n") {
				t.Errorf("exit status %d\nstdout %q\nstderr %q", got.code, got.stdout, got.stderr)
			}
		})
	}
	m := NewMachine(t, Options{Shell: "/usr/sbin/nologin"})
	if got := ssh(t, m, "true"); got.code == 0 || !strings.Contains(got.stdout, "not available") {
		t.Errorf("nologin: exit status %d\nstdout %q\nstderr %q", got.code, got.stdout, got.stderr)
	}
}

func TestPasswordLogin(t *testing.T) {
	t.Parallel()
	m := NewMachine(t, Options{Password: true, NoKeys: true})
	run(t, askpass(t, m.SSH(t.Context(), "id -un"), Password)).says(t, "deploy")
	run(t, askpass(t, m.SSH(t.Context(), "-o", "NumberOfPasswordPrompts=1", "id -un"), "wrong")).fails(t, "Permission denied")
	ssh(t, m, "-o", "BatchMode=yes", "true").fails(t, "Permission denied (password)")
}

func TestMounts(t *testing.T) {
	t.Parallel()
	m := NewMachine(t, Options{Mounts: []Mount{
		{Dir: "/tmp", NoExec: true},
		{Dir: "/home/deploy", Size: 64 << 10},
		{Dir: "/srv/much", Size: 1 << 20},
	}})
	ssh(t, m, "cp /bin/true /tmp/x && /tmp/x").fails(t, "Permission denied")
	ssh(t, m, "cp /bin/true /var/tmp/x && /var/tmp/x && echo runs").says(t, "runs")
	ssh(t, m, "head -c 100000 /dev/zero >~/x").fails(t, "No space left on device")
	ssh(t, m, "stat -c '%a %U' ~ /tmp").says(t, "700 deploy\n1777 root")
	m.Run(t, "head -c 1000000 /dev/zero >/srv/much/x")
}

func TestFewPrograms(t *testing.T) {
	t.Parallel()
	m := NewMachine(t, Options{Without: []string{"gzip", "sha256sum", "python3*"}, Files: map[string]string{
		"/usr/bin/uname":        "#!/bin/sh\necho aarch64\n",
		"/home/deploy/.a/b/etc": "text",
	}})
	ssh(t, m, "gzip --version").fails(t, "gzip: not found")
	ssh(t, m, "python3 -c 1").fails(t, "python3: not found")
	ssh(t, m, "head -c 2 ~/.a/b/etc; stat -c %U ~/.a ~/.a/b ~/.a/b/etc; uname -m").says(t, "tedeploy\ndeploy\ndeploy\naarch64")
}

func TestBusybox(t *testing.T) {
	t.Parallel()
	m := NewMachine(t, Options{Busybox: true, Sudo: SudoNoPassword})
	ssh(t, m, "head --help 2>&1 | grep -c BusyBox; sudo -n id -un").says(t, "1\nroot")
	ssh(t, m, "bash -c true").fails(t, "bash: not found")
	if got := m.Run(t, "id -un"); got != "root\n" {
		t.Errorf("Run: %q", got)
	}
}

func TestSSHD(t *testing.T) {
	t.Parallel()
	m := NewMachine(t, Options{
		Umask: 0o777, Banner: "No trespassing\n", SSHD: []string{"ForceCommand echo forced"},
	})
	got := ssh(t, m, "true")
	got.says(t, "forced")
	if !strings.Contains(got.stderr, "No trespassing") {
		t.Errorf("no banner: %q", got.stderr)
	}
	m = NewMachine(t, Options{Umask: 0o777})
	ssh(t, m, "umask").says(t, "0777")
}

func TestStartFails(t *testing.T) {
	before := possess(t)
	_, err := Start(Options{Name: "bad", Network: true, SSHD: []string{"NoSuchOption yes"}})
	if err == nil || !strings.Contains(err.Error(), "start machine bad: sshd ended\n") || !strings.Contains(err.Error(), "NoSuchOption") {
		t.Errorf("bad option: %v", err)
	}
	_, err = Start(Options{Mounts: []Mount{{Dir: "/etc/passwd"}}})
	if err == nil || !strings.Contains(err.Error(), "its file system could not be made") {
		t.Errorf("bad mount: %v", err)
	}
	_, err = Start(Options{Shell: "/usr/bin/nosuchshell"})
	if want := "sshtest needs /usr/bin/nosuchshell"; err == nil || err.Error() != want {
		t.Errorf("missing shell: got %v, want %s", err, want)
	}
	leavesNothing(t, before)
}

func TestMissingPackage(t *testing.T) {
	packages["nosuchprogram"] = "nosuchpackage"
	defer delete(packages, "nosuchprogram")
	err := need("nosuchprogram")
	if want := "sshtest needs nosuchprogram: apt-get install nosuchpackage"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// A link in the machine does not make its files be written to this one.
func TestFilesDoNotEscape(t *testing.T) {
	t.Parallel()
	_, err := Start(Options{Files: map[string]string{"/proc/self/root/sshtest-escaped": "x"}})
	if err == nil {
		t.Error("no error")
	}
	if _, err := os.Lstat("/sshtest-escaped"); !os.IsNotExist(err) {
		t.Errorf("a file was written here: %v", err)
	}
	if left, _ := filepath.Glob("/sshtest*"); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func BenchmarkStart(b *testing.B) {
	for name, o := range map[string]Options{"loopback": {}, "network": {Network: true}, "busybox": {Busybox: true}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				m, err := Start(o)
				check(b, err)
				m.Close()
			}
		})
	}
}
