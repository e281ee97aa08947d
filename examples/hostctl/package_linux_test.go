package main

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/internal/realm"
)

// run runs a command and returns what it prints. It must succeed.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// needPackager skips a test where a package cannot be built and installed.
func needPackager(t *testing.T) {
	t.Helper()
	realm.Need(t)
	_, err := exec.LookPath("dpkg")
	if err == nil {
		var out []byte
		out, err = inModule(exec.Command("go", "tool", "-modfile=tools/nfpm/go.mod", "-n", "nfpm")).CombinedOutput()
		if err != nil {
			err = errors.New("nfpm is not there, and a realm has no network to fetch it: run make need: " + string(out))
		}
	}
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}

func inModule(cmd *exec.Cmd) *exec.Cmd {
	cmd.Dir = "../.."
	return cmd
}

// build builds the package.
func build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cmd := inModule(exec.CommandContext(t.Context(), "tools/package", "examples/hostctl", dir))
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1700000000")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tools/package: %v\n%s", err, out)
	}
	packages, err := filepath.Glob(filepath.Join(dir, "hostctl_*.deb"))
	if err != nil || len(packages) != 1 {
		t.Fatalf("packages: %q, %v", packages, err)
	}
	return packages[0]
}

// dpkg does without what is about other packages: their triggers, such as a new
// index of all man pages.
func dpkg(t *testing.T, args ...string) {
	t.Helper()
	run(t, "dpkg", append([]string{"--no-triggers", "--force-unsafe-io"}, args...)...)
}

// volatile are what the tools of the system keep for themselves, and the groups,
// which stay.
var volatile = []string{"/var/lib/dpkg", "/var/cache", "/var/log/dpkg.log", "/etc/group-", "/etc/gshadow-"}

// files are all files of the system, as their modes, without the volatile.
func files(t *testing.T) map[string]fs.FileMode {
	t.Helper()
	all := make(map[string]fs.FileMode)
	for _, top := range []string{"/etc", "/usr", "/var"} {
		err := filepath.WalkDir(top, func(name string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case slices.Contains(volatile, name) || name == "/usr/local/go":
				if entry.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			all[name] = entry.Type()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// The whole life of the package: it is installed, used, installed over itself,
// removed and purged. What the administrator wrote survives, and nothing else.
func TestPackage(t *testing.T) {
	needPackager(t)
	deb := build(t)
	if again := build(t); !bytes.Equal(read(t, deb), read(t, again)) {
		t.Error("two builds of the package differ")
	}
	before := files(t)
	dpkg(t, "--install", deb)
	t.Run("help", installedHelp)
	t.Run("units", installedUnits)
	t.Run("policy", installedPolicy)
	t.Run("daemon", installedDaemon)
	dpkg(t, "--install", deb)
	run(t, "/usr/bin/hostctl", "--version")

	const policy, records = "/etc/hostctl/policy.d/10-site.yaml", "/var/log/hostctl/audit.jsonl"
	dpkg(t, "--remove", "hostctl")
	for name, want := range map[string]bool{policy: true, records: true, "/usr/bin/hostctl": false, "/usr/sbin/hostd": false} {
		if _, err := os.Lstat(name); (err == nil) != want {
			t.Errorf("after remove, %s: %v", name, err)
		}
	}
	dpkg(t, "--purge", "hostctl")
	if _, err := os.Stat(policy); err != nil {
		t.Errorf("the administrator's policy did not survive: %v", err)
	}
	if err := os.RemoveAll("/etc/hostctl"); err != nil {
		t.Fatal(err)
	}
	same(t, before, files(t))

	dpkg(t, "--install", deb)
	dpkg(t, "--purge", "hostctl")
	same(t, before, files(t))
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func same(t *testing.T, before, after map[string]fs.FileMode) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if _, ok := before[name]; !ok {
			t.Errorf("left behind: %s", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, ok := after[name]; !ok {
			t.Errorf("gone: %s", name)
		}
	}
}

func contains(t *testing.T, text, want string) {
	t.Helper()
	if !strings.Contains(text, want) {
		t.Errorf("%q is not in:\n%s", want, text)
	}
}

func installedHelp(t *testing.T) {
	contains(t, run(t, "/usr/bin/hostctl", "--help"), "hostname")
	contains(t, run(t, "/usr/bin/hostctl", "hostname", "set", "--help"), "the new host name")
	contains(t, run(t, "/usr/sbin/hostd", "--help"), "hostctl daemon")
	contains(t, run(t, "man", "-P", "cat", "hostctl"), "Change what needs root on this host")
	run(t, "bash", "-n", "/usr/share/bash-completion/completions/hostctl")
	contains(t, run(t, "/usr/bin/hostctl", "__complete", "file", "read", "sud"), "sudoers")
}

func installedUnits(t *testing.T) {
	if said := run(t, "systemd-analyze", "verify", "hostd.service", "hostd.socket"); said != "" {
		t.Errorf("systemd-analyze verify says:\n%s", said)
	}
	run(t, "systemd-analyze", "security", "--offline=true", "--threshold=30", "/usr/lib/systemd/system/hostd.service")
	for _, link := range []string{"multi-user.target.wants/hostd.service", "sockets.target.wants/hostd.socket"} {
		if to, err := os.Readlink("/etc/systemd/system/" + link); err != nil || filepath.Base(to) != filepath.Base(link) {
			t.Errorf("%s is not enabled: %q, %v", link, to, err)
		}
	}
}

// The example is a policy when it is copied to a name that counts.
func installedPolicy(t *testing.T) {
	example := read(t, "/etc/hostctl/policy.d/00-example.yaml.off")
	if err := os.WriteFile("/etc/hostctl/policy.d/10-site.yaml", example, 0o600); err != nil {
		t.Fatal(err)
	}
	contains(t, run(t, "/usr/bin/hostctl", "policy", "check"), "well-formed")
	contains(t, run(t, "/usr/bin/hostctl", "policy", "explain", "--user", "nobody"), "10-site.yaml")
}

// The daemon runs as it was installed, and answers who may ask.
func installedDaemon(t *testing.T) {
	defer realm.Daemon(t, "/usr/sbin/hostd")()
	if said, err := as("alice", "/usr/bin/hostctl", "hostname", "set", "web7"); err != nil {
		t.Errorf("hostname set: %v\n%s", err, said)
	}
	if said, err := as("bob", "/usr/bin/hostctl", "hostname", "get"); err != nil || !strings.Contains(said, "web7") {
		t.Errorf("hostname get: %v\n%s", err, said)
	}
	said, err := as("bob", "/usr/bin/hostctl", "hostname", "set", "web8")
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 77 {
		t.Errorf("who is not in the group got %v\n%s", err, said)
	}
	contains(t, said, "group hostctl")
	contains(t, string(read(t, "/var/log/hostctl/audit.jsonl")), "web7")
}
