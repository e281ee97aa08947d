package service_test

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/outwork-go/outwork/internal/realm"
)

// Who is in the group may; who is not is told what is missing; nobody but root may
// what is not allowed to anyone.
func TestFourUsers(t *testing.T) {
	d := startDaemon(t)
	want(t, as(t, "alice", "value", "set", "a", "5"), 0, "", "")
	want(t, as(t, "root", "value", "set", "a", "5"), 0, "", "")
	for _, user := range []string{"bob", "nobody"} {
		want(t, as(t, user, "value", "set", "a", "5"), 77, "", "is for group hostctl")
	}
	want(t, as(t, "bob", "value", "set", "a", "5"), 77, "", `usermod -aG hostctl bob`)
	for _, user := range []string{"alice", "bob", "nobody"} {
		want(t, as(t, user, "echo", "hello"), 0, "hello\n", "")
		want(t, as(t, user, "root", "only"), 77, "", "is for root alone")
	}
	want(t, as(t, "root", "root", "only"), 0, "root\n", "")
	d.healthy()
}

func TestExitStatuses(t *testing.T) {
	d := startDaemon(t)
	for _, test := range []struct {
		args   []string
		status int
		stderr string
	}{
		{[]string{"value", "set", "A!", "5"}, 2, "must match"},
		{[]string{"value", "set", "a", "101"}, 2, "must be at most 100"},
		{[]string{"value", "set", "a"}, 2, "VALUE"},
		{[]string{"valeu", "set"}, 2, "value"},
		{[]string{"echo", "--frobnicate", "x"}, 2, "--frobnicate"},
		{[]string{"fail"}, 1, "it did not work"},
		{[]string{"boom", "x"}, 1, "an internal error of the service"},
		{[]string{"--socket", "/run/none.sock", "echo", "x"}, 69, "/run/none.sock"},
	} {
		got := as(t, "alice", test.args...)
		if got.status != test.status || !strings.Contains(got.stderr, test.stderr) {
			t.Errorf("testctl %s: status %d, %q; want %d and %q", strings.Join(test.args, " "), got.status, got.stderr, test.status, test.stderr)
		}
		if lines := strings.Count(got.stderr, "\n"); got.status > 2 && lines != 1 || strings.Contains(got.stderr, "\x1b") || strings.Contains(got.stderr, "secret of the stack") {
			t.Errorf("testctl %s said %q", strings.Join(test.args, " "), got.stderr)
		}
	}
	d.healthy()
}

// Each call of a mutating function has a record before and one after; what is
// denied has one; what is secret is in none.
func TestAudit(t *testing.T) {
	d := startDaemon(t)
	secret := t.TempDir() + "/secret"
	if err := os.WriteFile(secret, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, as(t, "root", "value", "set", "a", "7", "--secret-file", secret), 0, "", "")
	want(t, as(t, "bob", "value", "set", "b", "8"), 77, "", "for group hostctl")
	as(t, "bob", "boom", "x")
	as(t, "bob", "goexit")
	as(t, "bob", "fail")
	as(t, "bob", "wait", "--for", "1ms")
	d.stop()
	var story []string
	for _, r := range d.records(nil) {
		story = append(story, strings.TrimSpace(strings.Join([]string{r.Event, r.Function, r.Decision, r.Result}, " ")))
		if strings.Contains(string(r.Args), "hunter2") {
			t.Errorf("a record tells the secret: %s", r.Args)
		}
	}
	got, want := strings.Join(story, "\n"), strings.Join([]string{
		"call value.set allowed", "done value.set  ok",
		"denied value.set denied",
		"call boom allowed", "done boom  panic",
		"call goexit allowed", "done goexit  panic",
		"call fail allowed", "done fail  error",
		"call wait allowed", "done wait  ok",
	}, "\n")
	if got != want {
		t.Errorf("the records tell\n%s\nwant\n%s", got, want)
	}
	first := d.records(nil)[0]
	if first.UID != 0 || !strings.Contains(string(first.Args), `"redacted"`) && !strings.Contains(string(first.Args), "[redacted]") || first.Rule == "" || first.Request == "" {
		t.Errorf("the first record is %+v", first)
	}
}

func TestPolicyFilesAndReload(t *testing.T) {
	writePolicy(t, "10-site.yaml", "rules:\n  - function: value.set\n    deny: {user: alice}\n  - function: root.only\n    allow: {user: bob}\n")
	d := startDaemon(t)
	want(t, as(t, "alice", "value", "set", "a", "5"), 77, "", "10-site.yaml:2")
	want(t, as(t, "bob", "root", "only"), 0, "root\n", "")
	writePolicy(t, "10-site.yaml", "rules:\n  - function: value.set\n    deny: {user: bob}\n")
	d.cmd.Process.Signal(syscall.SIGHUP)
	if !d.waitFor("RELOADING=1") || !d.waitFor("READY=1") {
		t.Fatal("it did not reload")
	}
	want(t, as(t, "alice", "value", "set", "a", "5"), 0, "", "")
	want(t, as(t, "bob", "root", "only"), 77, "", "root alone")
	// A policy that is wrong is not taken; the former one holds.
	writePolicy(t, "10-site.yaml", "rules:\n  - function: no.such\n    allow: {anyone: true}\n")
	d.cmd.Process.Signal(syscall.SIGHUP)
	if !d.waitFor("RELOADING=1") || !d.waitFor("READY=1") {
		t.Fatal("it did not come back from a failed reload")
	}
	want(t, as(t, "alice", "value", "set", "a", "5"), 0, "", "")
	if !strings.Contains(d.log.String(), "10-site.yaml:2") {
		t.Errorf("the log does not tell what is wrong:\n%s", d.log)
	}
	want(t, as(t, "alice", "policy", "check"), 1, "", "no.such")
}

// A directory that was mistyped would drop each denial in it.
func TestNamedPolicyDirectoryMustExist(t *testing.T) {
	d := launchDaemon(t, "--policy", "/etc/typo")
	if d.wait(); d.cmd.ProcessState.ExitCode() != 78 || !strings.Contains(d.log.String(), "/etc/typo does not exist") {
		t.Errorf("it ended with %v: %s", d.cmd.ProcessState, d.log)
	}
	want(t, as(t, "bob", "policy", "check", "--dir", "/etc/typo"), 1, "", "/etc/typo does not exist")
	want(t, as(t, "bob", "policy", "explain", "--dir", "/etc/typo"), 1, "", "/etc/typo does not exist")
	want(t, as(t, "bob", "policy", "check"), 0, wellFormed("0 rules in 0 files"), "")
}

func TestCheckTellsAll(t *testing.T) {
	writePolicy(t, "10-site.yaml", "rules:\n  - {function: value.set, deny: {user: carol}}\n  - {function: echo, deny: {user: bob}}\n")
	writePolicy(t, "20-more.yaml", "rules:\n  - {function: echo, deny: {user: alice}}\n")
	want(t, as(t, "bob", "policy", "check"), 0, wellFormed("3 rules in 2 files"), "")
	writePolicy(t, "20-more.yaml", "rules:\n  - {function: eco, deny: {user: alice, uid: 1}}\n")
	writePolicy(t, "30.toml", "")
	got := as(t, "bob", "policy", "check")
	for _, mistake := range []string{"20-more.yaml:2: there is no function", "20-more.yaml:2: uid beside user", "30.toml: policy files are YAML"} {
		if got.status != 1 || !strings.Contains(got.stderr, mistake) {
			t.Errorf("%+v, want %q", got, mistake)
		}
	}
}

// The files that a daemon under development reads, which are its user's own.
func TestPolicyOfADevDaemon(t *testing.T) {
	realm.Need(t)
	bob := realm.Lookup("bob")
	dir := bob.Home + "/policy"
	must(t, os.Mkdir(dir, 0o755))
	t.Cleanup(func() { os.RemoveAll(dir) })
	file := dir + "/10-site.yaml"
	must(t, os.WriteFile(file, []byte("rules:\n  - {function: echo, deny: {user: alice}}\n"), 0o644))
	must(t, errors.Join(os.Chown(dir, int(bob.UID), -1), os.Chown(file, int(bob.UID), -1)))
	want(t, as(t, "bob", "policy", "check", "--dir", dir), 1, "", "is owned by uid 12002")
	got := as(t, "bob", "policy", "check", "--dev", "--dir", dir)
	want(t, got, 0, "the policy is well-formed: 1 rule in 1 file of "+dir+"; a running daemon takes it on SIGHUP\n", "")
	got = as(t, "bob", "policy", "check", "--dev")
	want(t, got, 0, "the policy is well-formed: 0 rules in 0 files; a running daemon takes it on SIGHUP\n", "")
	for user, rule := range map[string]string{
		"alice": "echo: denied by " + file + ":2", "bob": "echo: allowed by the daemon's own user (uid 12002)",
	} {
		got := as(t, "bob", "--dev", "policy", "explain", "--dir", dir, "--user", user, "echo")
		if got.status != 0 || !strings.Contains(got.stdout, rule) {
			t.Errorf("explain %s: %+v, want %q", user, got, rule)
		}
	}
}

func wellFormed(extent string) string {
	return "the policy is well-formed: " + extent + " of " + policyDir + "; a running daemon takes it on SIGHUP\n"
}

func TestPolicyThatOthersCanWriteRefusesTheStart(t *testing.T) {
	writePolicy(t, "10-site.yaml", "rules: []\n")
	if err := os.Chmod(policyDir+"/10-site.yaml", 0o666); err != nil {
		t.Fatal(err)
	}
	d := launchDaemon(t)
	if d.wait(); d.cmd.ProcessState.ExitCode() != 78 || !strings.Contains(d.log.String(), "10-site.yaml") {
		t.Errorf("it ended with %v: %s", d.cmd.ProcessState, d.log)
	}
}

func TestInstallFilesRefusesItsFlags(t *testing.T) {
	for _, test := range []struct {
		flag, value string
		status      int
		want        string
	}{
		{"--systemd", "abc", 2, `--systemd "abc": must be a version number, as 252`},
		{"--arch", "foo", 1, `the architecture "foo" is none that Go has on Linux: 386, amd64`},
		{"--maintainer", "a", 1, "give --program or --binary FILE"},
	} {
		want(t, as(t, "bob", "install-files", "--package", test.flag, test.value, "/nowhere"), test.status, "", test.want)
	}
}

func TestExplain(t *testing.T) {
	writePolicy(t, "10-site.yaml", "rules:\n  - function: value.set\n    deny: {user: carol}\n")
	startDaemon(t)
	for _, test := range []struct{ uid, want string }{
		{"12001", "value.set: allowed by the program's own rule: group hostctl"},
		{"12002", "value.set: denied: nothing allows it"},
		{"12003", "value.set: denied by /etc/testctl/policy.d/10-site.yaml:2"},
		{"0", "value.set: allowed by root"},
	} {
		got := as(t, "bob", "policy", "explain", "--uid", test.uid, "value.set")
		if got.status != 0 || !strings.Contains(got.stdout, test.want) {
			t.Errorf("explain %s: %+v, want %q", test.uid, got, test.want)
		}
	}
	want(t, as(t, "bob", "policy", "explain", "--uid", "1", "value.sat"), 2, "", "value.sat")
}

// Why there is no polkit is for the records, and not for the caller.
func TestSilentPolkit(t *testing.T) {
	d := startDaemon(t)
	got := as(t, "bob", "authorized")
	want(t, got, 77, "", "are not among them; polkit gave no answer")
	if strings.Contains(got.stderr, "bus") {
		t.Errorf("bob is told %s", got.stderr)
	}
	records := d.records(events("authorized"))
	if len(records) != 1 || records[0].Rule != "nothing allows it" || !strings.HasPrefix(records[0].Error, "polkit action org.outwork.testctl.act: polkit is not available") {
		t.Errorf("recorded is %+v", records)
	}
}

func TestCallerIsTheKernelsWord(t *testing.T) {
	startDaemon(t)
	got := as(t, "alice", "whoami", "--json")
	if got.stdout != `{"uid":12001,"gid":12001,"groups":[12001,12100]}`+"\n" {
		t.Errorf("alice is %+v", got)
	}
}

func TestFilesCross(t *testing.T) {
	startDaemon(t)
	want(t, run(t, "alice", []byte("from stdin"), "file", "read", "-"), 0, "from stdin\n", "")
	shadow, err := os.ReadFile("/etc/shadow")
	if err != nil {
		t.Fatal(err)
	}
	want(t, as(t, "alice", "file", "open"), 0, string(shadow), "")
	want(t, as(t, "bob", "file", "read", "/etc/shadow"), 2, "", "permission denied")
}

func TestCallsBack(t *testing.T) {
	startDaemon(t)
	got := as(t, "alice", "ask", "hello")
	if got.status != 0 || !strings.HasPrefix(got.stdout, "hello from the session of") {
		t.Errorf("%+v", got)
	}
}

// What a service's functions need is there, or it does not start.
func TestDaemonCannotStart(t *testing.T) {
	t.Setenv(failVariable, "1")
	d := launchDaemon(t)
	if d.wait(); d.cmd.ProcessState.ExitCode() != 78 || !strings.Contains(d.log.String(), "testd does not start: start what its functions need: there is no ink") {
		t.Errorf("it ended with %d:\n%s", d.cmd.ProcessState.ExitCode(), d.log)
	}
	if _, err := os.Lstat(socketPath); !os.IsNotExist(err) {
		t.Errorf("its socket is left: %v", err)
	}
}
