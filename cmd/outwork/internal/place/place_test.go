package place

import (
	"slices"
	"strings"
	"testing"
)

func TestParseHop(t *testing.T) {
	for text, want := range map[string]string{
		"db1": "ssh://db1", "deploy@db1": "ssh://deploy@db1", "db1:2222": "ssh://db1:2222",
		"ssh://deploy@db1:2222": "ssh://deploy@db1:2222", "SSH://db1": "ssh://db1", "ssh://db1/": "ssh://db1",
		"ssh://a@b@c": "ssh://a@b@c", "ssh://[::1]:22": "ssh://[::1]:22", "[fe80::1]": "ssh://[fe80::1]",
		"sudo://": "sudo://", "sudo://root": "sudo://root", "su://postgres": "su://postgres",
		"docker://web": "docker://web", "kubectl://ns/pod/box": "kubectl://ns/pod/box", "nsenter://1": "nsenter://1",
		"join://web-1.eu": "join://web-1.eu",
	} {
		if got, err := ParseHop(text); got != want || err != nil {
			t.Errorf("%q: got %q, %v; want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                       "it is empty",
		"shh://db1":              "did you mean ssh://db1?",
		"sdo://root":             "did you mean sudo://root?",
		"ftp://db1":              "a hop is one of ssh://, sudo://",
		"sudo":                   "did you mean sudo://?",
		"sudo:":                  "did you mean sudo://?",
		"ssh:db1":                "did you mean ssh://db1?",
		"ssh:/db1":               "did you mean ssh://db1?",
		"db1:/etc/hosts":         "did you mean ssh://db1/etc/hosts?",
		"ssh://db1/etc":          "a hop has no path: did you mean ssh://db1?",
		"ssh://":                 "there is no host",
		"ssh://@db1":             "there is no user before the @",
		"ssh://u:pw@db1":         "a password does not belong on a command line",
		"ssh://-oProxyCommand":   "begins with a dash",
		"ssh://-l@db1":           "begins with a dash",
		"-oProxyCommand=x":       "begins with a dash",
		"docker://-it":           "begins with a dash",
		"docker://":              "there is no container",
		"db1:0":                  `the port "0"`,
		"db1:70000":              `the port "70000"`,
		"db1:":                   `the port ""`,
		"::1":                    "did you mean ssh://[::1]?",
		"ssh://[::1":             "the bracket",
		"ssh://[::1]x":           `there is "x" behind`,
		"nsenter://x":            "the number of a process",
		"sudo://a@b":             "a user alone",
		"join://":                "there is no host: write the name",
		"join://.x":              "begins with neither",
		"join://a:1":             "no name of a host that joins",
		"join://web1/x":          "a hop has no path: did you mean join://web1?",
		"ssh://a b":              "spaces",
		"ssh://a\nb":             "spaces or characters",
		"ssh://a'b":              "no name of a user or host",
		strings.Repeat("a", 9e3): "longer than",
	} {
		if got, err := ParseHop(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got %q, %v; want an error with %q", text, got, err, want)
		}
	}
}

func TestParseChain(t *testing.T) {
	got, err := ParseChain(" db1  sudo://root ")
	if want := []string{"ssh://db1", "sudo://root"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := ParseChain("db1 sdo://"); err == nil || !strings.HasPrefix(err.Error(), "sdo://: ") {
		t.Errorf("got %v", err)
	}
}

func TestParseFile(t *testing.T) {
	for text, want := range map[string]File{
		"ssh://a/etc/hosts":       {"ssh://a", "/etc/hosts"},
		"ssh://u@a:22/x%20y%25":   {"ssh://u@a:22", "/x y%"},
		"ssh://a/~/x":             {"ssh://a", "~/x"},
		"ssh://a/~/":              {"ssh://a", "~/"},
		"ssh://a/~":               {"ssh://a", "~"},
		"ssh://a/%7E":             {"ssh://a", "~"},
		"ssh://a//~":              {"ssh://a", "//~"},
		"ssh://a/~x":              {"ssh://a", "/~x"},
		"sudo:///etc/shadow":      {"sudo://", "/etc/shadow"},
		"sudo://me/etc/shadow":    {"sudo://me", "/etc/shadow"},
		"docker://web//etc/hosts": {"docker://web", "//etc/hosts"},
	} {
		got, err := ParseFile(text)
		if got != want || err != nil {
			t.Errorf("%q: got %+v, %v; want %+v", text, got, err, want)
			continue
		}
		if again, err := ParseFile(got.String()); again.Hop != want.Hop || strings.TrimLeft(again.Path, "/") != strings.TrimLeft(want.Path, "/") || err != nil {
			t.Errorf("%q is told as %q, which is %+v, %v", text, got, again, err)
		}
	}
	for text, want := range map[string]string{
		"ssh://a": "it names no file", "ssh://a/": "it names no file", "ssh://a//": "it names no file",
		"ssh://a/%zz": "no escape", "ssh://a/%00": "zero byte", "shh://a/x": "did you mean ssh://a/x?",
		"kubectl://a/b": "files in pods", "ssh://-a/x": "dash",
	} {
		if got, err := ParseFile(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %+v, %v; want an error with %q", text, got, err, want)
		}
	}
}

func TestIsURL(t *testing.T) {
	for text, want := range map[string]bool{
		"ssh://a/b": true, "shh://a": true, "a/b": false, "x://": true, "://": false, "./a://b": false, "a.star": false, "-": false,
	} {
		if IsURL(text) != want {
			t.Errorf("%q: got %t", text, !want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("ssh://deploy@db1:2222/etc/hosts")
	f.Add("sudo://root")
	f.Fuzz(func(t *testing.T, text string) {
		if hop, err := ParseHop(text); err == nil {
			if again, err := ParseHop(hop); again != hop || err != nil {
				t.Errorf("%q is %q, which is %q, %v", text, hop, again, err)
			}
		}
		ParseFile(text)
	})
}
