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
	"examples":    {"", "call", "client", "sandbox", "lost", "container", "host", "layout", "inspect", "hexview", "script", "service", "tcp", "outworktest"},
	"script":      {"", "call", "container", "layout", "inspect", "hexview", "internal"},
	"layout":      {"container"},
	"inspect":     {"", "container", "layout", "internal"},
	"hexview":     {"", "container", "layout", "inspect", "internal"},
	"service":     {"", "call", "client", "container", "internal"},
	"client":      {"", "internal"},
	"call":        {"", "internal"},
	"tcp":         {"", "internal"},
	"outworktest": {"", "client", "container", "internal", "service"},
	"":            {"container", "host", "sandbox", "lost", "internal"},
	"sandbox":     {"internal/confine"},
	"lost":        {},
	"host":        {"internal/legible"},
	"container":   {"internal/filekind"},

	"container/internal": {},
	"container/pattern":  {},

	"internal/archtest/testdata": {""},

	"internal/supervise": {"internal/confine"},
	"internal/guest":     {"internal/confine"},
	"internal/starter": {
		"internal/supervise", "internal/confine", "internal/link", "internal/output",
		"internal/codec", "internal/mux", "internal/frame", "internal/transport",
	},
	"internal/slowlink": {"internal/mux", "internal/transport"},
	"internal/channel":  {"internal/mux", "internal/frame", "internal/transport"},
	"internal/resume":   {"internal/mux", "internal/frame", "internal/transport"},
	"internal/tcp":      {"internal/resume"},
	"internal/gate": {
		"internal/channel", "internal/resume",
		"internal/codec", "internal/mux", "internal/frame", "internal/transport",
	},
	"internal/agent": {
		"internal/supervise", "internal/confine", "internal/guest", "internal/starter", "internal/link", "internal/output", "internal/askpass", "internal/resume", "internal/tcp",
		"internal/codec", "internal/mux", "internal/frame", "internal/transport",
	},
	"internal/boot": {
		"host",
		"internal/supervise", "internal/confine", "internal/starter", "internal/link", "internal/output", "internal/askpass",
		"internal/codec", "internal/mux", "internal/frame", "internal/transport",
	},
	"internal/link": {
		"container", "internal/module", "internal/output", "internal/pages",
		"internal/codec", "internal/mux", "internal/frame", "internal/transport",
	},
	"internal/record":   {"internal/frame"},
	"internal/ident":    {"internal/legible"},
	"internal/output":   {"internal/legible"},
	"internal/hexui":    {"container", "layout", "internal/legible"},
	"internal/terminal": {"internal/output"},

	// It runs all parts at once, and so imports them as a program does.
	"internal/chaos": {everything},

	// What package service is made of stands on the module root as it does. It is
	// here so that the command and outworktest reach it too.
	"internal/service": {
		"", "client", "internal/codec", "internal/filekind", "internal/frame", "internal/hook", "internal/ident", "internal/legible", "internal/link",
		"internal/mux", "internal/output", "internal/spell", "internal/transport",
	},
	"internal/service/logging/journal/journaltest": {"internal/service", "internal/realm"},

	"internal/hook":      {"internal/link", "internal/tcp"},
	"internal/realm":     {},
	"internal/codec":     {"container"},
	"internal/pages":     {"container"},
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
		{"", "script", false},
		{"", "script/starlark", false},
		{"", "cmd/outwork", false},
		{"", "call", false},
		{"client", "service", false},
		{"cmd/outwork", "script/starlark", true},
		{"script/starlark", "", true},
		{"script/starlark", "script", true},
		{"script", "service", false},
		{"script/starlark", "script/starlark/internal/x", true},
		{"", "sandbox", true},
		{"sandbox", "", false},
		{"sandbox", "internal/link", false},
		{"lost", "sandbox", false},
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
	"net/http", "crypto/tls",
	"github.com/charmbracelet", "charm.land",
	"github.com/nats-io", "github.com/godbus",
}

// Packages call and client are as light: what a call carries, and who calls a service, are
// in workers too.
func TestRootIsLight(t *testing.T) {
	need(t, "")
	for _, p := range list(t, "-deps", ".", "./call", "./client") {
		if p.ImportPath == "net" { // what lies below it is lighter
			t.Error("the module root, call or client imports net: that is for package tcp")
		}
		for _, heavy := range unwanted {
			if under(p.ImportPath, heavy) {
				t.Errorf("the module root, call or client imports %s, perhaps by way of another: see go mod why %[1]s", p.ImportPath)
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
