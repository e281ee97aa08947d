package sshtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// alias is a way to a machine: a Host of an ssh configuration.
type alias struct {
	name       string
	address    string
	port       int
	keyAlias   string // the name by which knownHosts has its key
	identity   string
	knownHosts string
	noKeys     bool
	jump       string // the alias on the way, or empty
}

// configText is an ssh configuration with these aliases and nothing of the user's.
func configText(aliases []alias) string {
	var text strings.Builder
	for _, a := range aliases {
		fmt.Fprintf(&text, "Host %s\n", a.name)
		for _, line := range a.lines() {
			fmt.Fprintf(&text, "\t%s\n", line)
		}
	}
	return text.String()
}

func (a alias) lines() []string {
	lines := []string{
		"HostName " + a.address, fmt.Sprint("Port ", a.port), "User deploy",
		"IdentityFile " + a.identity, "IdentitiesOnly yes", "IdentityAgent none",
		"HostKeyAlias " + a.keyAlias, "StrictHostKeyChecking yes", "UpdateHostKeys no",
		"UserKnownHostsFile " + a.knownHosts, "GlobalKnownHostsFile none",
		"ControlMaster no", "ControlPath none", "CanonicalizeHostname no",
	}
	if a.noKeys {
		lines = append(lines, "PreferredAuthentications password")
	}
	if a.jump != "" {
		lines = append(lines, "ProxyJump "+a.jump)
	}
	return lines
}

// Config writes one ssh configuration that has the aliases of all these machines, and
// returns its path. It goes with the test.
func Config(t testing.TB, machines ...*Machine) string {
	t.Helper()
	var all []alias
	for _, m := range machines {
		m.mu.Lock()
		all = append(all, m.aliases...)
		m.mu.Unlock()
	}
	name := filepath.Join(t.TempDir(), "ssh_config")
	check(t, os.WriteFile(name, []byte(configText(all)), 0o600))
	return name
}

// SSH returns the command line ssh -F Config Host ARGS.
func (m *Machine) SSH(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ssh", append([]string{"-F", m.Config, m.Host}, args...)...)
}

// addAliases adds to what Config holds.
func (m *Machine) addAliases(more ...alias) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.aliases = append(m.aliases, more...)
	return os.WriteFile(m.Config, []byte(configText(m.aliases)), 0o644)
}

// Through is [Machine.Proxy] for a test: the proxy is closed when that is over.
func (m *Machine) Through(t testing.TB, o ProxyOptions) *Proxy {
	t.Helper()
	p, err := m.Proxy(o)
	check(t, err)
	t.Cleanup(p.Close)
	return p
}

// Proxy puts a proxy in front of the machine, which the caller closes. Its Host is one
// more alias in the machine's Config.
func (m *Machine) Proxy(o ProxyOptions) (*Proxy, error) {
	p, err := NewProxy(fmt.Sprintf("%s:%d", m.Addr, m.Port), o)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	way := m.aliases[0]
	p.Host = fmt.Sprintf("%s-proxy%d", m.Host, p.Port)
	m.mu.Unlock()
	way.name, way.address, way.port = p.Host, p.Addr, p.Port
	if err := m.addAliases(way); err != nil {
		p.Close()
		return nil, fmt.Errorf("proxy for %s: %w", m.Host, err)
	}
	return p, nil
}
