package boot

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/outwork-go/outwork/host"
)

// HopOptions are what hops are made with. The zero value works.
type HopOptions struct {
	// SSH is the program of ssh:// and its first arguments, {"ssh"} if it is empty.
	SSH []string
	// Batch says that nobody can answer what ssh asks.
	Batch bool
}

// kinds are the hops that there are.
var kinds = map[string]func(rest string, o HopOptions) (host.Hop, error){
	"ssh":     parseSSH,
	"sudo":    parseSudo,
	"doas":    parseDoas,
	"su":      parseSu,
	"docker":  parseContainer("docker"),
	"podman":  parseContainer("podman"),
	"kubectl": parseKubectl,
	"nsenter": parseNsenter,
}

// Schemes are the first words of the URLs that ParseHop knows.
func Schemes() []string {
	return []string{"ssh", "sudo", "doas", "su", "docker", "podman", "kubectl", "nsenter"}
}

// ParseHop makes a hop of its URL: ssh://[user@]host[:port], sudo://[user],
// doas://[user], su://[user], docker://container, podman://container,
// kubectl://[namespace/]pod[/container] or nsenter://pid. No user is root. What would
// be taken for an option, or could mean something to a shell on the way, is refused.
// The error never repeats a password.
func ParseHop(hop string, o HopOptions) (host.Hop, error) {
	scheme, rest, ok := strings.Cut(hop, "://")
	parse := kinds[scheme]
	if !ok || parse == nil {
		return nil, fmt.Errorf("%q is not the URL of a hop: it begins with one of %s://", redact(hop), strings.Join(Schemes(), "://, "))
	}
	h, err := parse(strings.TrimSuffix(rest, "/"), o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", redact(hop), err)
	}
	return h, nil
}

// redact takes out what stands where a password may be.
func redact(hop string) string {
	scheme, rest, ok := strings.Cut(hop, "://")
	if !ok {
		scheme, rest = "", hop
	} else {
		scheme += "://"
	}
	at := strings.LastIndexByte(rest, '@')
	if at < 0 {
		return scheme + rest
	}
	if user, _, ok := strings.Cut(rest[:at], ":"); ok {
		return scheme + user + ":…" + rest[at:]
	}
	return scheme + rest
}

// word is a name in a URL, decoded, that can be an argument of any command.
func word(what, s string) (string, error) {
	s, err := url.PathUnescape(s)
	switch {
	case err != nil:
		return "", fmt.Errorf("the %s has a wrong %%-code", what)
	case s == "":
		return "", fmt.Errorf("the %s is missing", what)
	case s[0] == '-':
		return "", fmt.Errorf("the %s %q begins with a hyphen, and would be taken for an option", what, s)
	case strings.ContainsFunc(s, strange):
		return "", fmt.Errorf("the %s %q has a character that does not belong there", what, s)
	}
	return s, nil
}

// coded is a name as it stands in a URL.
func coded(name string) string { return strings.NewReplacer("%", "%25", ":", "%3a").Replace(name) }

// strange reports whether a shell on the way (of ssh's ProxyCommand, say) could see
// more in r than a part of a name.
func strange(r rune) bool {
	return r <= ' ' || r == 0x7f || r == 0xfffd || strings.ContainsRune("\"'`$&;|<>()[]{}*?!#~^/=", r)
}

// account is the user of sudo:// and the like, root if there is none.
func account(s string) (string, error) {
	if s == "" {
		return "root", nil
	}
	return word("user", s)
}

// number is a decimal number from 1 to most.
func number(what, s string, most int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > most || s[0] == '+' {
		return 0, fmt.Errorf("the %s %q is no number from 1 to %d", what, s, most)
	}
	return n, nil
}

// contains is the first of lines that has one of words in it.
func contains(lines []string, words ...string) string {
	for _, line := range lines {
		for _, w := range words {
			if strings.Contains(line, w) {
				return line
			}
		}
	}
	return ""
}

// Near reports whether h leads to another user or namespace of the same machine: what it
// starts is a descendant of its command.
func Near(h host.Hop) bool {
	switch h.(type) {
	case *sudoHop, *doasHop, *suHop, *nsenterHop:
		return true
	}
	return false
}
