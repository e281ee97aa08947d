package install

import (
	"bytes"
	"compress/gzip"
	"encoding/xml"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/service/api"
	"github.com/outwork-go/outwork/internal/service/policy"
)

var update = flag.Bool("update", false, "write the files in testdata that tests compare with")

// hostctl is a service with a bit of everything.
func hostctl() *api.Service {
	function := func(name, doc string, r policy.Rule) *api.Function {
		return &api.Function{Link: &link.Function{Name: name}, Doc: doc, Rule: r}
	}
	group := policy.Rule{Kind: policy.Group, Name: "hostctl"}
	action := policy.Rule{Kind: policy.Polkit, Name: "org.outwork.hostctl.sysctl"}
	return &api.Service{
		Name: "hostctl", Daemon: "hostd", Version: "v1.2.3",
		Doc: "Change what needs root on this host. 100% of it.",
		Functions: []*api.Function{
			function("hostname.get", "Tell the host name.", policy.Rule{Kind: policy.Anyone}),
			function("hostname.set", "Set the host name.", group),
			function("sysctl.set", `Set a <kernel> "parameter" & more.`, policy.Rule{Kind: policy.AnyOf, Of: []policy.Rule{group, action}}),
			function("sysctl.reset", "Forget what was set.", action),
		},
		Socket:    api.Socket{Path: "/run/hostctl.sock", Mode: 0o660, Group: "sockets"},
		Limits:    api.Limits{CallTime: 20 * time.Second},
		PolicyDir: "/etc/hostctl/policy.d",
		AuditFile: "/var/log/hostctl/audit.jsonl",
	}
}

// hello is the smallest service.
func hello() *api.Service {
	return &api.Service{
		Name: "hello", Daemon: "hellod", Doc: "Say hello",
		Socket:    api.Socket{Path: "/run/hello.sock", Mode: 0o666},
		Limits:    api.Limits{CallTime: time.Hour},
		PolicyDir: "/etc/hello/policy.d",
		AuditFile: "/var/log/hello/audit.jsonl",
	}
}

// all are the needs of a daemon that does what hostctl does.
var all = Needs{
	Capabilities: []string{"CAP_NET_BIND_SERVICE", "CAP_CHOWN"},
	Writes:       []string{"/etc", "/srv"},
	Families:     []string{"AF_INET6", "AF_INET"},
	Hostname:     true,
	Sysctl:       true,
	Processes:    true,
}

func options(t *testing.T) Options {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(binary, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return Options{
		Binary:      binary,
		Man:         map[string][]byte{"hostctl.1": []byte(".TH hostctl 1\n"), "hostd.8": []byte(".so man1/hostctl.1\n")},
		Completions: map[string][]byte{"bash": []byte("# bash\n"), "zsh": []byte("#compdef hostctl\n"), "fish": []byte("# fish\n")},
		Needs:       all,
		Arch:        "amd64",
		Maintainer:  "Example <admin@example.org>",
		Package:     true,
	}
}

func tree(t *testing.T, s *api.Service, o Options) []File {
	t.Helper()
	files, err := Tree(s, o)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// find is the content of the file of that name.
func find(t *testing.T, files []File, name string) string {
	t.Helper()
	i := slices.IndexFunc(files, func(f File) bool { return strings.HasSuffix(f.Path, name) })
	if i < 0 {
		t.Fatalf("there is no file %s", name)
	}
	return string(files[i].Data)
}

// What is made, for reading: go test -update writes testdata.
func TestFiles(t *testing.T) {
	o := options(t)
	files := tree(t, hostctl(), o)
	more, err := Package(hostctl(), o, files)
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, more...)
	for _, name := range []string{
		"hostd.service", "hostd.socket", "sysusers.d/hostctl.conf", "tmpfiles.d/hostctl.conf", "logrotate.d/hostctl",
		"00-example.yaml.off", "org.outwork.hostctl.sysctl.policy", "nfpm.yaml", "postinst", "prerm", "postrm",
	} {
		golden(t, strings.ReplaceAll(name, "/", "-"), find(t, files, name))
	}
	golden(t, "hellod.service", find(t, tree(t, hello(), Options{}), "hellod.service"))
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not as testdata has it (go test -update writes that):\n%s", name, got)
	}
}

func TestPaths(t *testing.T) {
	var paths []string
	for _, f := range tree(t, hostctl(), options(t)) {
		line := f.Path
		if f.Link != "" {
			line += " -> " + f.Link
		}
		paths = append(paths, line)
	}
	want := strings.Fields(`
		usr/bin/hostctl
		usr/sbin/hostd_->_../bin/hostctl
		usr/lib/systemd/system/hostd.service
		usr/lib/systemd/system/hostd.socket
		usr/lib/tmpfiles.d/hostctl.conf
		etc/logrotate.d/hostctl
		etc/hostctl/policy.d/00-example.yaml.off
		usr/lib/sysusers.d/hostctl.conf
		usr/share/polkit-1/actions/org.outwork.hostctl.sysctl.policy
		usr/share/man/man1/hostctl.1.gz
		usr/share/man/man8/hostd.8.gz
		usr/share/bash-completion/completions/hostctl
		usr/share/fish/vendor_completions.d/hostctl.fish
		usr/share/zsh/site-functions/_hostctl
		usr/share/zsh/vendor-completions/_hostctl_->_../site-functions/_hostctl`)
	for i := range want {
		want[i] = strings.ReplaceAll(want[i], "_->_", " -> ")
	}
	if !slices.Equal(paths, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(paths, "\n"), strings.Join(want, "\n"))
	}
}

func TestManPageIsCompressedWithoutTime(t *testing.T) {
	page := []byte(find(t, tree(t, hostctl(), options(t)), "hostctl.1.gz"))
	z, err := gzip.NewReader(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil || string(text) != ".TH hostctl 1\n" || !z.ModTime.IsZero() || z.Name != "" {
		t.Errorf("the page holds %q, time %v, name %q, error %v", text, z.ModTime, z.Name, err)
	}
}

func TestPolkitTextIsEscaped(t *testing.T) {
	var doc policyConfig
	if err := xml.Unmarshal([]byte(find(t, tree(t, hostctl(), Options{}), ".policy")), &doc); err != nil {
		t.Fatal(err)
	}
	want := `Set a <kernel> "parameter" & more; Forget what was set`
	if doc.Action.ID != "org.outwork.hostctl.sysctl" || doc.Action.Description != want {
		t.Errorf("got %+v", doc.Action)
	}
}

// What is not fit for a unit is refused, and named.
func TestRefused(t *testing.T) {
	for want, change := range map[string]func(*api.Service, *Options){
		`"/etc dir" has " "`:           func(_ *api.Service, o *Options) { o.Needs.Writes = []string{"/etc dir"} },
		`"/50%" has "%"`:               func(_ *api.Service, o *Options) { o.Needs.Writes = []string{"/50%"} },
		`"etc" is not an absolute`:     func(_ *api.Service, o *Options) { o.Needs.Writes = []string{"etc"} },
		`"/a/../etc" is not an`:        func(_ *api.Service, o *Options) { o.Needs.Writes = []string{"/a/../etc"} },
		`"CHOWN" does not begin`:       func(_ *api.Service, o *Options) { o.Needs.Capabilities = []string{"CHOWN"} },
		`"CAP_X\nUser=a" has "\n"`:     func(_ *api.Service, o *Options) { o.Needs.Capabilities = []string{"CAP_X\nUser=a"} },
		`"INET" does not begin`:        func(_ *api.Service, o *Options) { o.Needs.Families = []string{"INET"} },
		`"open close" has " "`:         func(_ *api.Service, o *Options) { o.Needs.Syscalls = []string{"open close"} },
		`prefix "usr" is not`:          func(_ *api.Service, o *Options) { o.Prefix = "usr" },
		`"hostctl" does not end in`:    func(_ *api.Service, o *Options) { o.Man = map[string][]byte{"hostctl": nil} },
		`"../x.1" has "/"`:             func(_ *api.Service, o *Options) { o.Man = map[string][]byte{"../x.1": nil} },
		`the shell "ksh"`:              func(_ *api.Service, o *Options) { o.Completions = map[string][]byte{"ksh": nil} },
		`group "a b" has " "`:          func(s *api.Service, _ *Options) { s.Socket.Group = "a b" },
		`"run/x" is not an absolute`:   func(s *api.Service, _ *Options) { s.Socket.Path = "run/x" },
		`polkit action "a/b": want`:    func(s *api.Service, _ *Options) { s.Functions[3].Rule.Name = "a/b" },
		`name of the daemon is empty`:  func(s *api.Service, _ *Options) { s.Daemon = "" },
		`records "x" is not an`:        func(s *api.Service, _ *Options) { s.AuditFile = "x" },
		`"foo" is none that Go has`:    func(_ *api.Service, o *Options) { o.Arch, o.Package = "foo", false },
		`needs the architecture`:       func(_ *api.Service, o *Options) { o.Arch = "" },
		`give --program or --binary`:   func(_ *api.Service, o *Options) { o.Binary = "" },
		`must not have a $`:            func(s *api.Service, _ *Options) { s.Doc = "costs $1" },
		`maintainer is more than one`:  func(_ *api.Service, o *Options) { o.Maintainer = "a\nb" },
		`SOURCE_DATE_EPOCH="tomorrow"`: func(*api.Service, *Options) { t.Setenv("SOURCE_DATE_EPOCH", "tomorrow") },
	} {
		s, o := hostctl(), options(t)
		t.Setenv("SOURCE_DATE_EPOCH", "")
		change(s, &o)
		dir := t.TempDir()
		_, err := Install(dir, s, o)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %s", err, want)
		}
		if entries, _ := os.ReadDir(dir); len(entries) > 0 {
			t.Errorf("%s: something was written", want)
		}
	}
}

func TestPackageVersion(t *testing.T) {
	for v, want := range map[string]string{
		"v1.2.3": "1.2.3", "1.2~rc1": "1.2~rc1", "": "0", "(devel)": "0", "v": "0", "1.2 3": "0",
		"v0.0.0-20260102030405-abcdef012345": "0.0.0-20260102030405-abcdef012345",
	} {
		if got := packageVersion(v); got != want {
			t.Errorf("version %q: got %q, want %q", v, got, want)
		}
	}
	for _, v := range []string{"v1.2.3", ""} {
		s := hostctl()
		s.Version = v
		for _, o := range []Options{options(t), {}} {
			r, err := Install(t.TempDir(), s, o)
			want := ""
			if o.Package {
				want = packageVersion(v)
			}
			if r.Version != want || err != nil {
				t.Errorf("version %q, package %t: got %q, %v, want %q", v, o.Package, r.Version, err, want)
			}
		}
	}
}

// analyze runs systemd-analyze, which prints nothing and succeeds when all is
// well.
func analyze(t *testing.T, env []string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("systemd-analyze is not installed")
	}
	cmd := exec.CommandContext(t.Context(), "systemd-analyze", args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// installed installs a service below the directory that it returns, its prefix.
func installed(t *testing.T, s *api.Service, n Needs) string {
	t.Helper()
	o := options(t)
	o.Prefix, o.Needs = filepath.Join(t.TempDir(), "usr"), n
	files := slices.DeleteFunc(tree(t, s, o), func(f File) bool { return !strings.HasPrefix("/"+f.Path, o.Prefix) })
	if _, err := Write("/", manifestPath(s, o), files, epoch); err != nil {
		t.Fatal(err)
	}
	return o.Prefix
}

// own are paths in directories of the service's own, and one that is not.
var own = []string{
	"/var/lib/hostctl", "/var/lib/hostctl/keys", "/var/lib/hostd/x", "/var/cache/hostctl/y", "/run/hostd", "/var/lib/hostctl2",
}

// A bare path that is not there would keep the unit from starting on a host where
// the daemon was never before (226/NAMESPACE).
func TestPathsToWriteMayBeMissing(t *testing.T) {
	unit := find(t, tree(t, hostctl(), Options{Needs: Needs{Writes: own}}), "hostd.service")
	for _, want := range []string{
		"\nStateDirectory=hostctl hostd\nStateDirectoryMode=0700\n", "\nCacheDirectory=hostctl\nCacheDirectoryMode=0700\n",
		"\nRuntimeDirectory=hostd\nRuntimeDirectoryMode=0755\nRuntimeDirectoryPreserve=yes\n",
		"\nReadWritePaths=-/var/lib/hostctl2\n",
	} {
		if !strings.Contains(unit, want) {
			t.Errorf("want %q in\n%s", want, unit)
		}
	}
	s := hostctl()
	s.AuditFile = "/srv/records/audit.jsonl"
	unit = find(t, tree(t, s, Options{Needs: all}), "hostd.service")
	if strings.Count(unit, "ReadWritePaths=") != strings.Count(unit, "ReadWritePaths=-/") {
		t.Errorf("a path without - in\n%s", unit)
	}
}

// A directory that the service does not have for itself is neither made, changed
// nor removed for its records.
func TestRecordsInADirectoryOfOthers(t *testing.T) {
	for _, file := range []string{"/var/log/hostctl.jsonl", "/var/log/nginx/audit.jsonl", "/srv/hostctl/audit.jsonl"} {
		s := hostctl()
		s.AuditFile = file
		files := tree(t, s, Options{})
		unit, conf := find(t, files, "hostd.service"), find(t, files, "tmpfiles.d/hostctl.conf")
		dir := filepath.Dir(file)
		if strings.Contains(unit, "LogsDirectory") || !strings.Contains(unit, "\nReadWritePaths=-"+dir+"\n") || strings.Contains(conf, dir+" ") {
			t.Errorf("%s:\n%s\n%s", file, unit, conf)
		}
	}
}

func TestPurgeRemovesTheRecordsAlone(t *testing.T) {
	dir := t.TempDir()
	logs, settings, bin := filepath.Join(dir, "log"), filepath.Join(dir, "etc/hostctl/policy.d"), filepath.Join(dir, "bin")
	for _, made := range []string{logs, settings, bin} {
		if err := os.MkdirAll(made, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"audit.jsonl", "audit.jsonl.1", "audit.jsonl.2.gz", "audit.jsonl-20260101.gz", "auth.log"} {
		if err := os.WriteFile(filepath.Join(logs, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tool := range []string{"rm", "rmdir"} { // and not what else a host may have for packages
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(bin, tool)); err != nil {
			t.Fatal(err)
		}
	}
	s, o := hostctl(), options(t)
	s.AuditFile, s.PolicyDir = filepath.Join(logs, "audit.jsonl"), settings
	files, err := Package(s, o, tree(t, s, o))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // it may run again
		cmd := exec.CommandContext(t.Context(), "sh", "-c", find(t, files, "postrm"), "postrm", "purge")
		cmd.Env = []string{"PATH=" + bin}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*", "*")); !slices.Equal(left, []string{filepath.Join(bin, "rm"), filepath.Join(bin, "rmdir"), filepath.Join(logs, "auth.log")}) {
		t.Errorf("left: %s", left)
	}
}

func TestCheckTellsAllAtOnce(t *testing.T) {
	s := hostctl()
	s.Functions[3].Rule.Name = "host export"
	s.Socket.Group = "a b"
	err := Check(s, Needs{Capabilities: []string{"CHOWN", "cap_x"}, Families: []string{"INET"}, Writes: []string{"etc"}})
	for _, want := range []string{`polkit action "host export"`, `group "a b"`, `"CHOWN" does not`, `"cap_x" has`, `"INET" does not`, `"etc" is not`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestUnitsPassSystemd(t *testing.T) {
	for _, test := range []struct {
		service *api.Service
		needs   Needs
	}{
		{hello(), Needs{}},
		{hostctl(), all},
		{hostctl(), Needs{Writes: own}},
		{hello(), Needs{Sandboxes: true}},
		{hostctl(), Needs{Writes: []string{"/home/x"}, Devices: true, Executables: true, Syscalls: []string{"@chown"}}},
	} {
		units := filepath.Join(installed(t, test.service, test.needs), "lib/systemd/system")
		service := filepath.Join(units, test.service.Daemon+".service")
		table := analyze(t, nil, "security", "--offline=true", "--threshold=30", service)
		lines := strings.Split(strings.TrimSpace(table), "\n")
		t.Log(strings.TrimSpace(lines[len(lines)-1]))
		env := []string{"SYSTEMD_UNIT_PATH=" + units + ":"}
		socket := filepath.Join(units, test.service.Daemon+".socket")
		if out := analyze(t, env, "verify", "--man=no", service, socket); out != "" {
			t.Errorf("systemd-analyze verify says of %+v:\n%s", test.needs, out)
		}
	}
}

func TestNotifyReload(t *testing.T) {
	for version, want := range map[int]string{0: "Type=notify\n", 252: "Type=notify\n", 253: "Type=notify-reload\n"} {
		unit := find(t, tree(t, hello(), Options{Systemd: version}), ".service")
		if !strings.Contains(unit, want) || strings.Contains(unit, "ExecReload=") != (version < 253) {
			t.Errorf("systemd %d:\n%s", version, unit)
		}
	}
}

// Whoever confines workers may make namespaces, and nothing else is open for it.
func TestSandboxesNeedNamespaces(t *testing.T) {
	unit := find(t, tree(t, hello(), Options{Needs: Needs{Sandboxes: true}}), ".service")
	if strings.Contains(unit, "\nRestrictNamespaces=") {
		t.Errorf("namespaces are restricted:\n%s", unit)
	}
	for _, want := range []string{
		"\nCapabilityBoundingSet=CAP_KILL CAP_SETGID CAP_SETPCAP CAP_SETUID CAP_SYS_ADMIN\n",
		"\nSystemCallFilter=@mount @setuid capset landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp\n", "\nNoNewPrivileges=yes\n",
	} {
		if !strings.Contains(unit, want) {
			t.Errorf("%q is not in:\n%s", want, unit)
		}
	}
}
