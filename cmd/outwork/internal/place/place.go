// Package place reads what a command line calls hosts, and files on them.
//
// A hop is a URL, "ssh://deploy@db1:2222" or "sudo://root"; a word without a scheme is
// an SSH host. A file on a host is the URL of a hop with a path behind it. Everything
// is checked here that can be without going there: what is wrong is told in one
// sentence, with what was probably meant. The package reaches no host and reads no
// file.
package place

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/outwork-go/outwork/internal/spell"
)

// The kinds of hops.
const (
	ssh     = "ssh"
	sudo    = "sudo"
	kubectl = "kubectl"
	nsenter = "nsenter"
	join    = "join"
)

// Schemes are the kinds of hops, the usual ones first.
func Schemes() []string {
	return []string{ssh, sudo, "docker", "podman", kubectl, "doas", "su", nsenter, join}
}

// maxURL is how long what names a hop or a file may be, in bytes.
const maxURL = 8 << 10

// ParseHop is the URL of the hop that text names.
func ParseHop(text string) (string, error) {
	u, err := split(text)
	if err != nil {
		return "", err
	}
	path := strings.TrimRight(u.path, "/")
	if path != "" && u.scheme != kubectl {
		return "", fmt.Errorf("a hop has no path: did you mean %s?", u.hop())
	}
	if err := u.check(); err != nil {
		return "", err
	}
	if u.scheme == kubectl {
		return u.hop() + path, nil
	}
	return u.hop(), nil
}

// ParseChain is the URLs of the hops in text, which white space separates.
func ParseChain(text string) (hops []string, err error) {
	for word := range strings.FieldsSeq(text) {
		hop, err := ParseHop(word)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", word, err)
		}
		hops = append(hops, hop)
	}
	return hops, nil
}

// File is a file on a host.
type File struct {
	Hop  string // the host's URL
	Path string // absolute; or the home folder "~", or below it, and then it begins with "~/"
}

// String is the file as a command line names it.
func (f File) String() string {
	return f.Hop + "/" + strings.TrimPrefix((&url.URL{Path: f.Path}).EscapedPath(), "/")
}

// IsURL reports whether text is meant for a file on a host: it begins as a URL does.
func IsURL(text string) bool {
	scheme, _, ok := strings.Cut(text, "://")
	return ok && scheme != "" && !strings.ContainsFunc(scheme, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9')
	})
}

// ParseFile is the file that a URL names: its hop, and the path with the % of URLs.
// "ssh://a/~/x" is x in the home folder there, and "ssh://a/~" is that.
func ParseFile(text string) (File, error) {
	u, err := split(text)
	if err == nil {
		err = u.check()
	}
	if err != nil {
		return File{}, err
	}
	if u.scheme == kubectl {
		return File{}, fmt.Errorf("files in pods cannot be named so: use outwork get --on %s://POD", kubectl)
	}
	path, err := url.PathUnescape(u.path)
	switch {
	case err != nil:
		return File{}, fmt.Errorf("its path has a %% that is no escape: write %%25 for the character itself")
	case strings.ContainsRune(path, 0):
		return File{}, fmt.Errorf("its path has a zero byte")
	case strings.Trim(path, "/") == "":
		return File{}, fmt.Errorf("it names no file: write one behind the host, as in %s/etc/hosts", u.hop())
	}
	if path == "/~" || strings.HasPrefix(path, "/~/") {
		path = path[1:]
	}
	return File{u.hop(), path}, nil
}

// parts are those of a URL. The user and host are not checked yet.
type parts struct {
	scheme, user, host, port string
	path                     string // "" or with its slash
}

// hop is the URL without its path.
func (u *parts) hop() string {
	s := u.scheme + "://"
	if u.user != "" && u.scheme == ssh {
		s += u.user + "@"
	}
	s += u.host
	if u.port != "" {
		s += ":" + u.port
	}
	return s
}

func split(text string) (u parts, err error) {
	switch {
	case text == "":
		return u, fmt.Errorf("it is empty: write a host, as in ssh://db1")
	case len(text) > maxURL:
		return u, fmt.Errorf("it is longer than %d bytes", maxURL)
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }):
		return u, fmt.Errorf("it has spaces or characters that do not print")
	}
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		scheme, rest, err = bare(text)
	}
	if err != nil {
		return u, err
	}
	if u.scheme = strings.ToLower(scheme); !slices.Contains(Schemes(), u.scheme) {
		return u, unknown(scheme, rest)
	}
	rest, path, ok := strings.Cut(rest, "/")
	if ok {
		u.path = "/" + path
	}
	if u.scheme != ssh {
		u.host = rest
		return u, nil
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		u.user, rest = rest[:at], rest[at+1:]
		if u.user == "" {
			return u, fmt.Errorf("there is no user before the @")
		}
	}
	u.host, u.port, err = hostPort(rest)
	return u, err
}

// bare is a word without a scheme: an SSH host, unless something else was meant.
func bare(text string) (scheme, rest string, err error) {
	word := strings.TrimRight(text, ":/")
	if slices.Contains(Schemes(), word) {
		return "", "", fmt.Errorf("did you mean %s://?", word)
	}
	if scheme, rest, ok := strings.Cut(text, ":"); ok && slices.Contains(Schemes(), scheme) {
		return "", "", fmt.Errorf("did you mean %s://%s?", scheme, strings.TrimLeft(rest, "/"))
	}
	if host, path, ok := strings.Cut(text, ":/"); ok {
		return "", "", fmt.Errorf("did you mean ssh://%s/%s?", host, path)
	}
	return ssh, text, nil
}

func unknown(scheme, rest string) error {
	if near := spell.Nearest(strings.ToLower(scheme), Schemes()); near != "" {
		return fmt.Errorf("there is no %s://: did you mean %s://%s?", scheme, near, rest)
	}
	return fmt.Errorf("there is no %s://: a hop is one of %s://", scheme, strings.Join(Schemes(), "://, "))
}

// hostPort splits what is behind the user. An IPv6 address stands in brackets.
func hostPort(text string) (host, port string, err error) {
	host = text
	if strings.HasPrefix(text, "[") {
		end := strings.IndexByte(text, ']')
		if end < 0 {
			return "", "", fmt.Errorf("the bracket of its address is not closed")
		}
		host, text = text[:end+1], text[end+1:]
		if text == "" {
			return host, "", nil
		}
		if text[0] != ':' {
			return "", "", fmt.Errorf("there is %q behind its address", text)
		}
		port = text[1:]
	} else if before, after, ok := strings.Cut(text, ":"); ok {
		if strings.Contains(after, ":") {
			return "", "", fmt.Errorf("an IPv6 address stands in brackets: did you mean ssh://[%s]?", text)
		}
		host, port = before, after
	} else {
		return host, "", nil
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", "", fmt.Errorf("the port %q is not a number from 1 to 65535", port)
	}
	return host, port, nil
}

// check is what each kind of hop asks of its parts. Nothing may look like an option to
// the program of the hop.
func (u *parts) check() error {
	for _, part := range []string{u.user, u.host} {
		if strings.HasPrefix(part, "-") {
			return fmt.Errorf("%q begins with a dash, and would be taken for an option", part)
		}
		if strings.ContainsAny(part, "?#'\"\\") {
			return fmt.Errorf("%q is no name of a user or host", part)
		}
	}
	switch u.scheme {
	case ssh:
		if u.host == "" {
			return fmt.Errorf("there is no host: write one, as in ssh://db1")
		}
		if strings.Contains(u.user, ":") {
			return fmt.Errorf("a password does not belong on a command line, where every user can see it: leave it out, and you are asked")
		}
	case nsenter:
		if n, err := strconv.ParseUint(u.host, 10, 31); err != nil || n == 0 {
			return fmt.Errorf("it names the number of a process, as in nsenter://1234")
		}
	case join:
		return JoinedName(u.host)
	case sudo, "doas", "su":
		if strings.ContainsAny(u.host, ":@") {
			return fmt.Errorf("it names a user alone, as in %s://postgres", u.scheme)
		}
	default:
		if u.host == "" {
			return fmt.Errorf("there is no container: write one, as in %s://web", u.scheme)
		}
	}
	return nil
}

// maxName is how long the name of a host that joins may be, in bytes.
const maxName = 64

// JoinedName refuses what cannot be the name of a host that joins.
func JoinedName(name string) error {
	other := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-')
	}
	switch {
	case name == "":
		return fmt.Errorf("there is no host: write the name under which it has joined, as in %s://web1", join)
	case len(name) > maxName:
		return fmt.Errorf("the name of a host that joins has %d bytes at most, and this one %d", maxName, len(name))
	case strings.ContainsFunc(name, other) || name[0] == '.' || name[0] == '-':
		return fmt.Errorf("%q is no name of a host that joins: it has letters, digits, dots, hyphens and underscores, and begins with neither dot nor hyphen", name)
	}
	return nil
}
