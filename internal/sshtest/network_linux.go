package sshtest

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"sync"
)

// network is a pair of interfaces: one in a machine, the other here or in the machine
// that hides it. It ends with the namespaces that it is in.
type network struct {
	pid    int // whose network has the machine's end
	hidden int // whose network has the other end; 0 for this machine's own
	name   string
	// address is the machine's, other the other end's.
	address, other string

	mu   sync.Mutex
	cut  bool   // guarded by mu
	rate string // guarded by mu: the queue of a slow network, or empty
}

// inside is the machine's own end.
const inside = "eth0"

// newNetwork makes the network of the process pid, which has a network namespace of its
// own.
func newNetwork(pid int, hidden *Machine) (*network, error) {
	n := &network{pid: pid}
	if hidden != nil {
		n.hidden = hidden.pid()
	}
	var b [6]byte
	rand.Read(b[:])
	n.name = fmt.Sprintf("ow%x", b)
	// Four addresses of 10/8 that nobody is likely to have: of them one is the net's,
	// one all hosts'.
	low := netip.AddrFrom4([4]byte{10, b[0], b[1], b[2] &^ 3})
	n.other, n.address = low.Next().String(), low.Next().Next().String()
	return n, n.up()
}

// up makes the pair. Each end knows the other's hardware address for good: a packet
// into a network that was cut vanishes, and nobody says that there is no such host.
func (n *network) up() error {
	const here, there = "02:00:00:00:00:01", "02:00:00:00:00:02"
	err := ip(n.hidden,
		fmt.Sprintf("link add %s address %s type veth peer name %s address %s netns %d", n.name, here, inside, there, n.pid),
		fmt.Sprintf("address add %s/30 dev %s", n.other, n.name),
		fmt.Sprintf("link set %s up", n.name),
		fmt.Sprintf("neighbour replace %s lladdr %s nud permanent dev %s", n.address, there, n.name))
	if err != nil {
		return err
	}
	return ip(n.pid,
		"link set lo up",
		fmt.Sprintf("address add %s/30 dev %s", n.address, inside),
		fmt.Sprintf("link set %s up", inside),
		fmt.Sprintf("neighbour replace %s lladdr %s nud permanent dev %s", n.other, here, inside))
}

// close removes the pair: the kernel would, but later.
func (n *network) close() {
	if n != nil && n.hidden == 0 {
		_ = ip(0, "link delete "+n.name) // or it was never made
	}
}

// ip runs lines of the ip command in the network of a process, or in this one.
func ip(pid int, lines ...string) error {
	return inNetwork(pid, strings.Join(lines, "\n"), "ip", "-batch", "-")
}

func inNetwork(pid int, input string, args ...string) error {
	if pid != 0 {
		args = append([]string{"nsenter", "-t", strconv.Itoa(pid), "-n"}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// queue sets how packets leave both ends.
func (n *network) queue() error {
	words := []string{"noqueue"}
	switch {
	case n.cut:
		words = []string{"blackhole"}
	case n.rate != "":
		words = []string{"tbf", "rate", n.rate, "burst", "16kb", "latency", "250ms"}
	}
	set := func(pid int, device string) error {
		return inNetwork(pid, "", append([]string{"tc", "qdisc", "replace", "dev", device, "root"}, words...)...)
	}
	return errors.Join(set(n.hidden, n.name), set(n.pid, inside))
}

// errNoNetwork says that a machine has no network of its own.
var errNoNetwork = errors.New("it is on loopback: set Options.Network, or use Through")

// Cut makes packets to and from the machine vanish: nothing is refused or reset, as
// when a cable is pulled beyond the next switch. It needs Options.Network.
func (m *Machine) Cut() error {
	return m.setNetwork("cut off", func(n *network) { n.cut = true })
}

// Heal undoes Cut.
func (m *Machine) Heal() error {
	return m.setNetwork("heal", func(n *network) { n.cut = false })
}

// Rate limits the machine's network, each way, to bits per second; 0 is no limit. A
// quarter of a second of packets waits before some are dropped. It needs
// Options.Network. Delays are for [Machine.Through]: not every kernel has them.
func (m *Machine) Rate(bits int64) error {
	return m.setNetwork("slow down", func(n *network) {
		n.rate = ""
		if bits > 0 {
			n.rate = strconv.FormatInt(bits, 10) + "bit"
		}
	})
}

func (m *Machine) setNetwork(what string, change func(*network)) error {
	if m.net == nil {
		return fmt.Errorf("%s machine %s: %w", what, m.Host, errNoNetwork)
	}
	m.net.mu.Lock()
	defer m.net.mu.Unlock()
	change(m.net)
	if err := m.net.queue(); err != nil {
		return fmt.Errorf("%s machine %s: %w", what, m.Host, err)
	}
	return nil
}
