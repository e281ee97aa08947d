package boot

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/outwork-go/outwork/host"
)

// sshHop is a host that the system's ssh reaches, with all that its user has
// configured.
type sshHop struct {
	command    []string
	user, host string // user may be empty
	port       int    // 0: as configured
	batch      bool
}

func parseSSH(rest string, o HopOptions) (host.Hop, error) {
	h := &sshHop{command: o.SSH, batch: o.Batch}
	if len(h.command) == 0 {
		h.command = []string{"ssh"}
	}
	host := rest
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		var err error
		if strings.Contains(rest[:at], ":") {
			return nil, errors.New("a URL is no place for a password: leave it out, and ssh asks for it")
		}
		if h.user, err = word("user", rest[:at]); err != nil {
			return nil, err
		}
		host = rest[at+1:]
	}
	if strings.Contains(host, "/") {
		return nil, errors.New("a host has no path")
	}
	host, port := splitPort(host)
	var err error
	if h.host, err = word("host", host); err != nil {
		return nil, err
	}
	if port != "" {
		h.port, err = number("port", port, 65535)
	}
	return h, err
}

// splitPort takes a host apart. An IPv6 address with a port has brackets.
func splitPort(s string) (host, port string) {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		if host, rest, ok := strings.Cut(inner, "]"); ok && (rest == "" || rest[0] == ':') {
			return host, strings.TrimPrefix(rest, ":")
		}
		return s, ""
	}
	if i := strings.LastIndexByte(s, ':'); i >= 0 && strings.Count(s, ":") == 1 {
		return s[:i], s[i+1:]
	}
	return s, ""
}

// String is of host.Hop.
func (h *sshHop) String() string {
	s := h.host
	if strings.Contains(s, ":") {
		s = "[" + strings.ReplaceAll(s, "%", "%25") + "]"
	} else {
		s = coded(s)
	}
	if h.user != "" {
		s = coded(h.user) + "@" + s
	}
	if h.port != 0 {
		s += ":" + strconv.Itoa(h.port)
	}
	return "ssh://" + s
}

// Command is of host.Hop. The agent of ssh, X11 and the user's forwardings are for sessions
// of people; forwardings would also be in each other's way. Compression by ssh is five
// times slower than none, and a RemoteCommand of the configuration would forbid ours.
// A wrong password is not asked again, unless the command says so: the first -o counts.
func (h *sshHop) Command(shell string) []string {
	args := append([]string(nil), h.command...)
	args = append(args, "-T", "-x", "-a", "-e", "none",
		"-o", "ClearAllForwardings=yes", "-o", "Compression=no", "-o", "RemoteCommand=none",
		"-o", "NumberOfPasswordPrompts=1")
	if h.batch {
		args = append(args, "-o", "BatchMode=yes")
	}
	if h.user != "" {
		args = append(args, "-l", h.user)
	}
	if h.port != 0 {
		args = append(args, "-p", strconv.Itoa(h.port))
	}
	return append(args, "--", h.host, "exec /bin/sh -c '"+shell+"'")
}

// Explain is of host.Explainer. 255 is ssh's own exit status; every other is the login
// shell's.
func (h *sshHop) Explain(code int, lines []string) (host.Stage, string) {
	if code != 255 {
		if line := contains(lines, "not available", "nologin"); line != "" {
			return host.Shell, "the account has no shell: " + line
		}
		return host.Shell, ""
	}
	if contains(lines, "REMOTE HOST IDENTIFICATION HAS CHANGED") != "" {
		return host.Connect, fmt.Sprintf("the host's key is not the one that is known: if that is right, remove the old one with: ssh-keygen -R %s", h.known())
	}
	if line := contains(lines, "Host key verification failed", "host key is known for"); line != "" {
		return host.Connect, fmt.Sprintf("%s: connect once by hand to accept the host's key, or add it with: ssh-keyscan %s >> ~/.ssh/known_hosts", strings.TrimSuffix(line, "."), h.scan())
	}
	if line := contains(lines, "Permission denied (", "Permission denied, ", "Too many authentication failures", "No supported authentication methods", "no more authentication methods"); line != "" {
		return host.Authenticate, h.clean(line) + h.unasked(line)
	}
	if len(lines) > 0 {
		return host.Connect, h.clean(lines[len(lines)-1])
	}
	return host.Connect, "ssh ended without saying why"
}

// unasked is what else to say of a host that would have taken a password.
func (h *sshHop) unasked(line string) string {
	if h.batch && contains([]string{line}, "password", "keyboard-interactive") != "" {
		return " (nobody can be asked for a password here)"
	}
	return ""
}

// clean takes from a line what the error says anyway.
func (h *sshHop) clean(line string) string {
	line = strings.TrimPrefix(line, "ssh: ")
	if user := strings.TrimSuffix(line, "."); h.user != "" {
		line = strings.TrimPrefix(user, h.user+"@"+h.host+": ")
	}
	return strings.TrimSuffix(line, ".")
}

// known is the host's name in known_hosts.
func (h *sshHop) known() string {
	if h.port == 0 || h.port == 22 {
		return h.host
	}
	return fmt.Sprintf("'[%s]:%d'", h.host, h.port)
}

func (h *sshHop) scan() string {
	if h.port == 0 {
		return h.host
	}
	return fmt.Sprintf("-p %d %s", h.port, h.host)
}

// LetsGo reports whether an agent lives on, once it has left its session, when its hop's
// command is ended. That is so of ssh; others are above the agent, or it itself, or would
// take it along.
func LetsGo(h host.Hop) bool {
	_, ok := h.(*sshHop)
	return ok
}
