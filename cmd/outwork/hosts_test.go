package main

import (
	"strings"
	"testing"
)

func TestWorkerNames(t *testing.T) {
	long := "ssh://" + strings.Repeat("ä", 40)
	ds := []destination{{label: "ssh://a"}, {label: "a"}, {label: "b sudo://root"}, {label: long + "1"}, {label: long + "2"}}
	names := workerNames(ds)
	seen := map[string]bool{}
	for _, d := range ds {
		name := names[d.label]
		if name == "" || len(name) > 64 || seen[name] || strings.ToValidUTF8(name, "") != name {
			t.Errorf("%s is called %q", d.label, name)
		}
		seen[name] = true
	}
	if names["ssh://a"] != "a" || names["b sudo://root"] != "b sudo://root" {
		t.Errorf("got %q", names)
	}
}

func TestFolderOf(t *testing.T) {
	for name, want := range map[string]string{"a": "a", "..": "__", ".": "_", "a/../b": "a_.._b", `a\b`: "a_b", "": ""} {
		if got := folderOf(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[float64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 99_949: "99.9 kB", 123_456: "123 kB", 999_600: "1.0 MB", 5e9: "5.0 GB", 2e15: "2000 TB"} {
		if got := size(n); got != want {
			t.Errorf("%v: got %q, want %q", n, got, want)
		}
	}
}

// A host is named once, however it is written.
func TestHostsThatAreThereTwice(t *testing.T) {
	for text, want := range map[string]string{
		"db1,db2":                                "",
		"db1,me@db1,db1:2222":                    "",
		"db1 sudo://root,db1":                    "",
		"db1,db1":                                "the host db1 is there twice",
		"db1,ssh://db1":                          "the host ssh://db1 is there twice: as db1 too",
		"SSH://db1,db1":                          "the host db1 is there twice: as SSH://db1 too",
		"db1 sudo://root,ssh://db1  SUDO://root": "the host ssh://db1 SUDO://root is there twice: as db1 sudo://root too",
	} {
		h := hostFlags{on: hopList{"ssh://bastion"}}
		if err := h.hosts.Set(text); err != nil {
			t.Fatal(err)
		}
		_, err := h.destinations()
		if got := asFailure(err); (got == nil) != (want == "") || got != nil && (got.Message != want || got.status != statusUsage) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
