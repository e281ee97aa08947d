package sshtest

import (
	"fmt"
	"os"
	"testing"
)

// NewBastion starts two machines, of which b is reached only from a: from here as the
// Host of b, whose Config has a as its jump host, and on a, as deploy or root, by
// "ssh HOST" with the Host of b. Both have networks of their own; oa and ob are what
// else they are like.
func NewBastion(t testing.TB, oa, ob Options) (a, b *Machine) {
	t.Helper()
	oa.Network, ob.Network = true, true
	a = NewMachine(t, oa)
	ob.hidden = a
	b = NewMachine(t, ob)
	b.mu.Lock()
	b.aliases[0].jump = a.Host
	b.mu.Unlock()
	check(t, b.addAliases(a.aliases[0]))
	check(t, a.introduce(b))
	return a, b
}

// introduce writes what ssh on m needs to know for reaching another machine.
func (m *Machine) introduce(other *Machine) error {
	root, err := os.OpenRoot(m.Path("/"))
	if err != nil {
		return err
	}
	defer root.Close()
	f := &tree{root: root}
	for _, dir := range []string{home, "/root"} {
		way := alias{
			name: other.Host, address: other.Addr, port: other.Port, keyAlias: other.Host,
			identity: dir + "/.ssh/id", knownHosts: dir + "/.ssh/known_hosts", noKeys: other.options.NoKeys,
		}
		f.copy(other.Path("/run/sshtest/id"), dir+"/.ssh/id", 0o600)
		f.copy(other.Path("/run/sshtest/known_hosts"), dir+"/.ssh/known_hosts", 0o644)
		f.put(dir+"/.ssh/config", 0o600, configText([]alias{way}))
	}
	if f.err != nil {
		return fmt.Errorf("introduce %s to %s: %w", other.Host, m.Host, f.err)
	}
	return nil
}

// copy copies a file into the machine.
func (f *tree) copy(from, to string, mode os.FileMode) {
	text, err := os.ReadFile(from)
	f.do(func() error { return err })
	f.put(to, mode, string(text))
}
