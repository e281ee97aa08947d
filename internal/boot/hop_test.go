package boot

import (
	"slices"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/host"
)

func TestParseHop(t *testing.T) {
	for url, want := range map[string]string{
		"ssh://db1":                "ssh db1",
		"ssh://deploy@db1:2222/":   "ssh -l deploy -p 2222 db1",
		"ssh://me%40corp@db1":      "ssh -l me@corp db1",
		"ssh://me@corp@db1":        "ssh -l me@corp db1",
		"ssh://[::1]:22":           "ssh -p 22 ::1",
		"ssh://::1":                "ssh ::1",
		"ssh://a%3ab%25@h":         "ssh -l a:b% h",
		"ssh://fe80::1%25eth0":     "ssh fe80::1%eth0",
		"sudo://":                  "sudo -n -H -u root -- /bin/sh -c SHELL",
		"sudo://postgres":          "sudo -n -H -u postgres -- /bin/sh -c SHELL",
		"doas://":                  "doas -n -u root /bin/sh -c SHELL",
		"docker://c_1.x":           "docker exec -i c_1.x /bin/sh -c SHELL",
		"podman://c1":              "podman exec -i c1 /bin/sh -c SHELL",
		"kubectl://web":            "kubectl exec -i web -- /bin/sh -c SHELL",
		"kubectl://prod/web":       "kubectl exec -i -n prod web -- /bin/sh -c SHELL",
		"kubectl://prod/web/nginx": "kubectl exec -i -n prod -c nginx web -- /bin/sh -c SHELL",
		"nsenter://17":             "nsenter -t 17 -a -- /bin/sh -c SHELL",
	} {
		h, err := ParseHop(url, HopOptions{})
		if err != nil {
			t.Error(err)
			continue
		}
		args := slices.DeleteFunc(h.Command("SHELL"), func(a string) bool {
			return h.Command("")[0] == "ssh" && (slices.Contains(sshAlways, a) || strings.HasPrefix(a, "exec "))
		})
		if got := strings.Join(args, " "); got != want {
			t.Errorf("%s: %s, not %s", url, got, want)
		}
		again, err := ParseHop(h.String(), HopOptions{})
		if err != nil || again.String() != h.String() {
			t.Errorf("%s became %s, and that %v, %v", url, h, again, err)
		}
	}
}

var sshAlways = []string{"-T", "-x", "-a", "-e", "none", "-o", "ClearAllForwardings=yes", "Compression=no", "RemoteCommand=none", "NumberOfPasswordPrompts=1", "--"}

func TestParseHopRefuses(t *testing.T) {
	for url, why := range map[string]string{
		"":                           "is not the URL of a hop",
		"db1":                        "is not the URL of a hop",
		"http://db1":                 "is not the URL of a hop",
		"ssh://":                     "the host is missing",
		"ssh://user@":                "the host is missing",
		"ssh://@db1":                 "the user is missing",
		"ssh://-oProxyCommand=x":     "hyphen",
		"ssh://-l@db1":               "hyphen",
		"ssh://%2doProxyCommand%3dx": "hyphen",
		"ssh://a;b":                  "does not belong there",
		"ssh://$(x)@a":               "does not belong there",
		"ssh://a%0ab":                "does not belong there",
		"ssh://a%20b":                "does not belong there",
		"ssh://a%zz":                 "%-code",
		"ssh://a/path":               "no path",
		"ssh://a:0":                  "number from 1 to 65535",
		"ssh://a:70000":              "number from 1 to 65535",
		"ssh://a:ssh":                "number from 1 to 65535",
		"ssh://me:secret@db1":        "no place for a password",
		"sudo://-s":                  "hyphen",
		"sudo://a b":                 "does not belong there",
		"docker://":                  "the container is missing",
		"docker://--privileged":      "hyphen",
		"kubectl://a/b/c/d":          "kubectl://[namespace/]pod",
		"kubectl://a//b":             "missing",
		"nsenter://x":                "number",
		"nsenter://-1":               "number",
		"nsenter://":                 "number",
	} {
		h, err := ParseHop(url, HopOptions{})
		if err == nil || h != nil {
			t.Errorf("%s: got %v, %v", url, h, err)
		} else if !strings.Contains(err.Error(), why) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestSSHOptions(t *testing.T) {
	h, err := ParseHop("ssh://db1", HopOptions{SSH: []string{"/opt/ssh", "-F", "cfg"}, Batch: true})
	if err != nil {
		t.Fatal(err)
	}
	args := h.Command("true")
	if got := strings.Join(args[:3], " "); got != "/opt/ssh -F cfg" || !slices.Contains(args, "BatchMode=yes") {
		t.Errorf("got %q", args)
	}
	if last := args[len(args)-1]; last != "exec /bin/sh -c 'true'" {
		t.Errorf("got %q", last)
	}
}

func TestExplainSSH(t *testing.T) {
	h, err := ParseHop("ssh://me@db1:2222", HopOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code  int
		line  string
		stage host.Stage
		why   string
	}{
		{255, "ssh: connect to host db1 port 2222: Connection refused", host.Connect, "connect to host db1 port 2222: Connection refused"},
		{255, "ssh: connect to host db1 port 2222: Connection timed out", host.Connect, "timed out"},
		{255, "ssh: connect to host db1 port 2222: No route to host", host.Connect, "No route"},
		{255, "ssh: Could not resolve hostname db1: Name or service not known", host.Connect, "Could not resolve hostname db1"},
		{255, "Host key verification failed.", host.Connect, "ssh-keyscan -p 2222 db1"},
		{255, "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @", host.Connect, "ssh-keygen -R '[db1]:2222'"},
		{255, "me@db1: Permission denied (publickey,password).", host.Authenticate, "Permission denied (publickey,password)"},
		{255, "Received disconnect from 1.2.3.4 port 22:2: Too many authentication failures", host.Authenticate, "Too many"},
		{255, "", host.Connect, "without saying why"},
		{1, "This account is currently not available.", host.Shell, "the account has no shell"},
		{126, "bash: /bin/sh: Permission denied", host.Shell, ""},
	} {
		var lines []string
		if c.line != "" {
			lines = []string{"a banner", c.line}
		}
		stage, why := h.(host.Explainer).Explain(c.code, lines)
		if stage != c.stage || !strings.Contains(why, c.why) || c.why == "" && why != "" {
			t.Errorf("%d, %q: %v, %q", c.code, c.line, stage, why)
		}
	}
}

func TestExplainOthers(t *testing.T) {
	for _, c := range []struct {
		url   string
		code  int
		line  string
		stage host.Stage
		why   string
	}{
		{"docker://c", 1, "Error response from daemon: No such container: c", host.Connect, "No such container"},
		{"docker://c", 127, "OCI runtime exec failed: /bin/sh: no such file", host.Shell, "no /bin/sh"},
		{"kubectl://p", 1, `Error from server (NotFound): pods "p" not found`, host.Connect, "not found"},
		{"nsenter://9", 1, "nsenter: cannot open /proc/9/ns/user: No such file or directory", host.Connect, "cannot open"},
		{"doas://", 1, "doas: Authentication required", host.Authenticate, "nopass"},
		{"su://", 1, "su: user x does not exist", host.Authenticate, "does not exist"},
	} {
		h, err := ParseHop(c.url, HopOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if stage, why := h.(host.Explainer).Explain(c.code, []string{c.line}); stage != c.stage || !strings.Contains(why, c.why) {
			t.Errorf("%s: %v, %q", c.url, stage, why)
		}
	}
}

func TestWords(t *testing.T) {
	var w words
	w.hide = "PROMPT"
	for range 10_000 {
		w.add([]byte("a line\n"))
	}
	w.add([]byte("\n\x1b[31mred\x1b[0m\x07\r\xff\nPROMPT\nlast \u009b"))
	lines := w.lines()
	if len(w.kept) > keepWords || len(lines) != keepLines {
		t.Errorf("kept %d bytes, %d lines", len(w.kept), len(lines))
	}
	for _, line := range lines {
		if strings.ContainsAny(line, "\x1b\x07\r\n\u009b") || strings.Contains(line, "PROMPT") {
			t.Errorf("%q", line)
		}
	}
	if last := lastOf(lines); !strings.HasPrefix(last, "last") {
		t.Errorf("the last is %q", last)
	}
	w.add(make([]byte, 3*keepWords))
	if len(w.kept) != keepWords {
		t.Errorf("kept %d bytes", len(w.kept))
	}
}

func TestMark(t *testing.T) {
	const text = "ab-abc-abcabc-ababc"
	for cut := range text {
		var m mark
		if n := m.count([]byte(text[:cut]), "abc") + m.count([]byte(text[cut:]), "abc"); n != 4 {
			t.Errorf("cut at %d: %d", cut, n)
		}
	}
}
