package service

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/client"
	"github.com/outwork-go/outwork/internal/service/api"
	"github.com/outwork-go/outwork/internal/service/command"
	"github.com/outwork-go/outwork/internal/service/command/shell"
)

// What keeps the command from its daemon is said with what to do about it.
func TestUndialed(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	p := &program{Service: &api.Service{Name: "vault", Daemon: "vaultd", Socket: api.Socket{Path: path("usual.sock")}}}
	if err := os.WriteFile(path("file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path("stale.sock"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	for _, test := range []struct {
		socket  string
		dev     bool
		runtime string // XDG_RUNTIME_DIR
		status  int
		want    string
	}{
		{"", false, "", shell.Unavailable, `usual.sock: start it with "systemctl start vaultd", or as root with "vault daemon"`},
		{path("usual.sock"), false, "", shell.Unavailable, `start it with "systemctl start vaultd"`},
		{path("stale.sock"), false, "", shell.Unavailable, `start it with "vault daemon --socket ` + path("stale.sock") + `" as root`},
		{path("none.sock"), true, "", shell.Unavailable, `start it with "vault daemon --dev --socket ` + path("none.sock") + `"`},
		{"", true, dir, shell.Unavailable, `vault.sock: start it with "vault daemon --dev"`},
		{"", true, "", shell.Usage, "XDG_RUNTIME_DIR, which is not set"},
		{"", true, "run", shell.Usage, `which is "run" and no absolute path`},
		{path("file"), false, "", shell.Unavailable, "file is a regular file and not a socket"},
		{dir, false, "", shell.Unavailable, "is a directory and not a socket"},
		{"x/v.sock", false, "", shell.Usage, `--socket is "x/v.sock", and must be an absolute path, as in ` + path("usual.sock")},
	} {
		t.Setenv("XDG_RUNTIME_DIR", test.runtime)
		_, _, err := p.dial(t.Context(), command.DialOptions{Dev: test.dev, Socket: test.socket})
		if err == nil {
			t.Fatalf("%q: somebody listens", test.socket)
		}
		if f := shell.Undialed(err); f.Status != test.status || !strings.Contains(f.Text, test.want) {
			t.Errorf("%q: status %d, %q; want %d, %q", test.socket, f.Status, f.Text, test.status, test.want)
		}
	}
}

// A socket of one's own is likely one's daemon of --dev.
func TestImpostorIsOneself(t *testing.T) {
	p := &program{Service: &api.Service{Name: "vault"}}
	own := &client.ImpostorError{Address: "unix:///run/v.sock", UID: uint32(os.Getuid())}
	other := &client.ImpostorError{Address: "unix:///run/v.sock", UID: uint32(os.Getuid()) + 1}
	if err := p.undialed(own, "/run/v.sock", command.DialOptions{}); !strings.HasSuffix(err.Error(), "; give --dev if it is yours") {
		t.Error(err)
	}
	for _, err := range []error{p.undialed(other, "/run/v.sock", command.DialOptions{}), p.undialed(own, "/run/v.sock", command.DialOptions{Dev: true})} {
		if f := shell.Undialed(err); f.Status != shell.Unavailable || strings.Contains(f.Text, "--dev") {
			t.Error(f)
		}
	}
}

// The daemon listens where it is told from any directory.
func TestDaemonSocketIsAbsolute(t *testing.T) {
	p := &program{Service: &api.Service{Name: "vault", Daemon: "vaultd", Socket: api.Socket{Path: "/run/vault.sock"}}}
	err := p.runDaemon(t.Context(), daemonFlags{dev: true, socket: "v.sock"}, os.Stderr)
	if f := shell.FailureOf(err); f.Status != shell.Usage || !strings.Contains(f.Text, "as in /run/vault.sock") {
		t.Error(f)
	}
}
