package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/cmd/outwork/internal/place"
	"github.com/outwork-go/outwork/host"
	"github.com/outwork-go/outwork/tcp"
)

// sshVariable is the environment variable that stands in for --ssh.
const sshVariable = "OUTWORK_SSH"

const (
	// usualParallel is how many hosts are worked on at once.
	usualParallel = 16

	// maxHosts is how many there may be.
	maxHosts = 10_000
)

// hostFlags are the flags that say where, and how to get there.
type hostFlags struct {
	on       hopList
	hosts    hostList
	file     string
	parallel parallel
	ssh      string
	binaries string
	back     backAddress
}

// add makes the flags those of cmd, and keeps many hosts out of it if it cannot have them.
func (h *hostFlags) add(cmd *cobra.Command, many bool) {
	f := cmd.Flags()
	f.Var(&h.on, "on", "the host, as in ssh://db1 or sudo://root; when repeated,\nthe hops to it, in order")
	if many {
		h.parallel = usualParallel
		f.Var(&h.hosts, "hosts", "several hosts, with commas between them; --on is the way to each")
		f.StringVar(&h.file, "hosts-file", "", "a `file` of hosts, one on each line; # begins a comment")
		f.Var(&h.parallel, "parallel", "how many hosts to work on at once")
	}
	h.addWay(f)
	completeHosts(cmd)
}

// addWay makes the flags that say how to get to hosts those of f.
func (h *hostFlags) addWay(f *pflag.FlagSet) {
	f.StringVar(&h.ssh, "ssh", "", "the `command` line of ssh, with quotes as in a shell (default: $"+sshVariable+", or ssh)")
	f.Var(&h.back, "connect-back", "let the host go on over TCP (TLS) to this machine, instead of ssh:\nto this `address`, HOST:PORT or :PORT, behind a =, or where it finds a way")
	f.Lookup("connect-back").NoOptDefVal = tcp.Auto
	f.StringVar(&h.binaries, "binaries", "", "a `folder` that outwork build-agents made, for hosts of other platforms")
}

// completeHosts completes the values of those flags of hosts that cmd has.
func completeHosts(cmd *cobra.Command) {
	for name, complete := range map[string]cobra.CompletionFunc{
		"on": completeHop, "hosts": completeHop, "parallel": cobra.NoFileCompletions, "ssh": cobra.NoFileCompletions, "binaries": completeFolder, "connect-back": cobra.NoFileCompletions,
	} {
		_ = cmd.RegisterFlagCompletionFunc(name, complete) // it need not have all
	}
}

// completeHop offers the kinds of hops, and the hosts that the user's ssh knows by name.
func completeHop(*cobra.Command, []string, string) (all []cobra.Completion, _ cobra.ShellCompDirective) {
	for _, scheme := range place.Schemes() {
		all = append(all, scheme+"://")
	}
	all = append(all, joinedHosts()...)
	home, err := os.UserHomeDir()
	if err != nil {
		return all, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	for _, host := range namedHosts(filepath.Join(home, ".ssh", "config")) {
		all = append(all, "ssh://"+host)
	}
	return all, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// namedHosts are the names behind Host in a configuration of ssh, patterns left out.
func namedHosts(path string) (all []string) {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, maxSource))
	for lines.Scan() {
		words := strings.FieldsFunc(lines.Text(), func(r rune) bool { return r == ' ' || r == '\t' || r == '=' })
		if len(words) < 2 || !strings.EqualFold(words[0], "host") {
			continue
		}
		for _, name := range words[1:] {
			if _, err := place.ParseHop("ssh://" + name); err == nil && !strings.ContainsAny(name, "*?!") {
				all = append(all, name)
			}
		}
	}
	return all
}

// hopList is the flag --on.
type hopList []string

func (l *hopList) String() string { return "" }
func (l *hopList) Type() string   { return "url" }

func (l *hopList) Set(text string) error {
	hop, err := place.ParseHop(text)
	if err == nil {
		*l = append(*l, hop)
	}
	return err
}

// backAddress is the flag --connect-back.
type backAddress string

func (b *backAddress) String() string { return string(*b) }
func (b *backAddress) Type() string   { return "address" }

func (b *backAddress) Set(text string) error {
	if text != tcp.Auto {
		host, port, err := net.SplitHostPort(text)
		if err != nil {
			return errors.New("an address is HOST:PORT, as the host is to dial it, or :PORT")
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 && host == "" {
			return fmt.Errorf("the port %q is not a number from 1 to 65535", port)
		}
	}
	*b = backAddress(text)
	return nil
}

// destination is one place to work at. The zero value is this machine.
type destination struct {
	label string // what people call it
	via   []string
	host  string
	back  backAddress // where it connects back to; "": nowhere
}

// away reports whether it is not this machine.
func (d *destination) away() bool { return d.host != "" }

// connectBack says where the first hop connects back to, which all behind it go through.
// What has joined has a connection of its own.
func (d *destination) connectBack(to backAddress) error {
	first := append(slices.Clone(d.via), d.host)[0]
	switch scheme, _, _ := strings.Cut(first, "://"); {
	case to == "" || scheme == joinScheme:
	case slices.Contains([]string{"sudo", "doas", "su", "nsenter"}, scheme):
		return usage("--connect-back: %s leads to this machine, and has nowhere to come back from", first)
	default:
		d.back = to
	}
	return nil
}

// placed is t at the destination. Tests have hosts of their own.
var placed = func(t outwork.Target, d destination) outwork.Target {
	t.Host, t.Via, t.ConnectBack = d.host, d.via, string(d.back)
	return t
}

// parseDestination is the host that text names, with the hops to it before it.
func parseDestination(text string) (d destination, err error) {
	chain, err := place.ParseChain(text)
	if err != nil {
		return d, err
	}
	if len(chain) == 0 {
		return d, errors.New("there is no host")
	}
	return chainOf(chain, strings.Join(strings.Fields(text), " ")), nil
}

func chainOf(chain []string, label string) destination {
	last := len(chain) - 1
	return destination{label: label, via: chain[:last:last], host: chain[last]}
}

// hostList is the flag --hosts.
type hostList []destination

func (l *hostList) String() string { return "" }
func (l *hostList) Type() string   { return "list" }

func (l *hostList) Set(text string) error {
	for word := range strings.SplitSeq(text, ",") {
		d, err := parseDestination(word)
		if err != nil {
			return err
		}
		*l = append(*l, d)
	}
	return nil
}

// parallel is the flag --parallel.
type parallel int

func (n *parallel) Type() string   { return "count" }
func (n *parallel) String() string { return strconv.Itoa(int(*n)) }

func (n *parallel) Set(s string) error {
	v, err := strconv.Atoi(s)
	if err != nil || v < 1 {
		return errors.New("it is a number, and at least 1")
	}
	*n = parallel(v)
	return nil
}

// many reports whether several hosts were asked for, if only one was named.
func (h *hostFlags) many() bool { return len(h.hosts) > 0 || h.file != "" }

// destinations are where to work: at least one place.
func (h *hostFlags) destinations() ([]destination, error) {
	if !h.many() {
		if len(h.on) == 0 {
			return []destination{{}}, nil
		}
		d := chainOf(h.on, h.on[len(h.on)-1])
		return []destination{d}, d.connectBack(h.back)
	}
	all := slices.Clone(h.hosts)
	if h.file != "" {
		more, err := readHosts(h.file)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return h.behind(all)
}

// behind is all, reached by the hops of --on.
func (h *hostFlags) behind(all []destination) ([]destination, error) {
	if len(all) > maxHosts {
		return nil, usage("there are %d hosts, more than %d", len(all), maxHosts)
	}
	seen := map[string]string{}
	for i := range all {
		d := &all[i]
		way := strings.Join(append(slices.Clone(d.via), d.host), " ")
		switch first, twice := seen[way]; {
		case twice && first != d.label:
			return nil, usage("the host %s is there twice: as %s too", d.label, first)
		case twice:
			return nil, usage("the host %s is there twice", d.label)
		}
		seen[way] = d.label
		d.via = slices.Concat(h.on, d.via)
		if err := d.connectBack(h.back); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// readHosts is the hosts that a file lists.
func readHosts(path string) (all []destination, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadableAt("--hosts-file", path, err)
	}
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, maxSource))
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if strings.TrimSpace(text) == "" {
			continue
		}
		d, err := parseDestination(text)
		if err != nil {
			return nil, usage("--hosts-file %s: line %d: %v", path, n, err)
		}
		all = append(all, d)
	}
	if err := lines.Err(); err != nil {
		return nil, unreadableAt("--hosts-file", path, err)
	}
	if len(all) == 0 {
		return nil, usage("--hosts-file %s: it lists no host", path)
	}
	return all, nil
}

// prepare tells m how to get to hosts.
func (h *hostFlags) prepare(m *outwork.Manager) error {
	ssh, from := h.ssh, "--ssh"
	if ssh == "" {
		ssh, from = os.Getenv(sshVariable), sshVariable
	}
	words, err := splitWords(ssh)
	if err == nil && ssh != "" && len(words) == 0 {
		err = errors.New("there is no command in it")
	}
	if err != nil {
		return usage("%s %q: %v", from, ssh, err)
	}
	m.SSH, m.Ask = words, terminalAsk()
	if m.Log == nil { // it says when a host does not connect back
		m.Log = slog.New(newLogHandler(os.Stderr, slog.LevelWarn, colours(os.Stderr)))
	}
	m.Hops = map[string]func(string) (host.Hop, error){joinScheme: parseJoinedHop}
	if h.binaries == "" {
		return nil
	}
	info, err := os.Stat(h.binaries)
	if err == nil && !info.IsDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return unreadableFolder("--binaries", h.binaries, err)
	}
	m.Binaries = os.DirFS(h.binaries)
	return nil
}

// workerNames makes a worker's name of each label.
func workerNames(ds []destination) map[string]string {
	const longest = 64 // bytes
	names, taken := map[string]string{}, map[string]bool{}
	for i, d := range ds {
		name := strings.ReplaceAll(d.label, "ssh://", "")
		if len(name) > longest || taken[name] {
			tail := fmt.Sprintf("~%d", i+1)
			name = strings.ToValidUTF8(name[:min(len(name), longest-len(tail))], "") + tail
		}
		names[d.label], taken[name] = name, true
	}
	return names
}
