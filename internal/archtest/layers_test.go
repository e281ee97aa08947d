package archtest

import (
	"slices"
	"strings"
	"testing"
)

// everything is the rule of those who stand on top.
const everything = "*"

// layers says which packages of this module a package may import, the nearest
// prefix winning on both sides. "" is the module root alone. A package may always
// import what lies below itself; one without a line here may import nothing
// else.
var layers = map[string][]string{
	"cmd":         {everything},
	"examples":    {"", "container", "script", "service", "outworktest"},
	"script":      {"", "container", "internal"},
	"service":     {"", "container", "internal"},
	"outworktest": {"", "container", "internal", "service"},
	"":            {"container", "internal"},

	"internal/archtest/testdata": {""},

	"internal/starter": {
		"internal/host", "internal/link", "internal/output",
		"internal/codec", "internal/mux", "internal/frame", "internal/transport",
	},
	"internal/boot": {"internal/host", "internal/link", "internal/mux", "internal/frame", "internal/transport", "internal/codec"},
	"internal/link": {
		"container", "internal/module", "internal/output",
		"internal/codec", "internal/mux", "internal/frame", "internal/transport",
	},
	"internal/record": {"internal/frame"},

	// What package service is made of stands on the module root as it does. It is
	// here so that the command and outworktest reach it too.
	"internal/service": {
		"", "internal/codec", "internal/frame", "internal/hook", "internal/ident", "internal/link",
		"internal/mux", "internal/output", "internal/spell", "internal/transport",
	},
	"internal/service/logging/journal/journaltest": {"internal/service", "internal/realm"},

	"internal/hook":      {"internal/link"},
	"internal/realm":     {},
	"internal/codec":     {"container"},
	"internal/mux":       {"internal/frame"},
	"internal/transport": {"internal/mux", "internal/frame"}, // it implements mux.Transport
}

// rule returns the line of layers for a package.
func rule(path string) (prefix string, allowed []string) {
	for prefix = path; prefix != ""; prefix = prefix[:max(0, strings.LastIndexByte(prefix, '/'))] {
		if allowed, ok := layers[prefix]; ok {
			return prefix, allowed
		}
	}
	if path == "" {
		return "", layers[""]
	}
	return path, nil
}

// mayImport reports whether from may import to, both without the module's path.
func mayImport(from, to string) bool {
	prefix, allowed := rule(from)
	if prefix != "" && under(to, prefix) {
		return true
	}
	return slices.ContainsFunc(allowed, func(a string) bool {
		return a == everything || a == to || a != "" && under(to, a)
	})
}

func TestImportsPointDown(t *testing.T) {
	for _, p := range list(t, "./...") {
		for _, imported := range p.Imports {
			if ours(imported) && !mayImport(below(p.ImportPath), below(imported)) {
				t.Errorf("%s must not import %s: see the table of layers", p.ImportPath, imported)
			}
		}
	}
}

// The table itself: what DESIGN says in words.
func TestLayers(t *testing.T) {
	for _, test := range []struct {
		from, to string
		want     bool
	}{
		{"", "internal/link", true},
		{"", "script/starlark", false},
		{"", "cmd/outwork", false},
		{"cmd/outwork", "script/starlark", true},
		{"script/starlark", "", true},
		{"script/starlark", "script/starlark/internal/x", true},
		{"container", "internal/frame", false},
		{"container/internal/memfd", "container", false},
		{"internal/frame", "internal/mux", false},
		{"internal/mux", "internal/frame", true},
		{"internal/mux", "internal/link", false},
		{"internal/link", "internal/mux/muxtest", true},
		{"internal/link", "", false},
		{"internal/module", "internal/link", false},
		{"examples/hello", "", true},
		{"examples/hello", "internal/link", false},
	} {
		if got := mayImport(test.from, test.to); got != test.want {
			t.Errorf("%q may import %q: got %v, want %v", test.from, test.to, got, test.want)
		}
	}
}

// unwanted are what no worker may have to load because it imports the module
// root: a worker starts in the time that its imports take.
var unwanted = []string{
	"go.starlark.net",
	"github.com/spf13/cobra",
	"net/http",
	"github.com/charmbracelet", "charm.land",
	"github.com/nats-io",
}

func TestRootIsLight(t *testing.T) {
	need(t, "")
	for _, p := range list(t, "-deps", ".") {
		for _, heavy := range unwanted {
			if under(p.ImportPath, heavy) {
				t.Errorf("the module root imports %s, perhaps by way of another: see go mod why %[1]s", p.ImportPath)
			}
		}
	}
}

func TestEveryPackageHasDoc(t *testing.T) {
	for _, p := range list(t, "./...") {
		if p.Doc == "" {
			t.Errorf("%s has no package doc", p.ImportPath)
		}
	}
}
