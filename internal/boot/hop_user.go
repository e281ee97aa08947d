package boot

import "github.com/outwork-go/outwork/host"

// sudoHop is another user of the same host, by sudo.
type sudoHop struct{ user string }

func parseSudo(rest string, _ HopOptions) (host.Hop, error) {
	user, err := account(rest)
	return &sudoHop{user}, err
}

// String is of host.Hop.
func (h *sudoHop) String() string { return "sudo://" + coded(h.user) }

// Command is of host.Hop. It fails when sudo wants a password.
func (h *sudoHop) Command(shell string) []string {
	return []string{"sudo", "-n", "-H", "-u", h.user, "--", "/bin/sh", "-c", shell}
}

// Prompt is of host.Prompter.
func (h *sudoHop) Prompt(shell, prompt string) []string {
	return []string{"sudo", "-S", "-p", prompt, "-H", "-u", h.user, "--", "/bin/sh", "-c", shell}
}

// Explain is of host.Explainer. It recognises what sudo says in English, which the manager
// asks it to speak; in other languages the last line has to do.
func (h *sudoHop) Explain(code int, lines []string) (host.Stage, string) {
	switch {
	case contains(lines, "must have a tty", "A terminal is required", "requires a tty", "requiretty") != "":
		return host.Authenticate, "sudo is configured to run on terminals alone: take requiretty out of sudoers for this user"
	case contains(lines, "not in the sudoers file", "not allowed to run sudo", "may not run sudo", "not allowed to execute", "may not run") != "":
		return host.Authenticate, "sudoers does not allow this user to run a shell as " + h.user
	case contains(lines, "unknown user", "user not found") != "":
		return host.Authenticate, "there is no user " + h.user
	case contains(lines, "incorrect password", "incorrect authentication") != "":
		return host.Authenticate, "wrong password"
	case code == 127 || code == 126:
		return host.Shell, ""
	case len(lines) > 0:
		return host.Authenticate, lines[len(lines)-1]
	}
	return host.Authenticate, ""
}

// doasHop is another user of the same host, by doas, which is asked for no password.
type doasHop struct{ user string }

func parseDoas(rest string, _ HopOptions) (host.Hop, error) {
	user, err := account(rest)
	return &doasHop{user}, err
}

// String is of host.Hop.
func (h *doasHop) String() string { return "doas://" + coded(h.user) }

// Command is of host.Hop.
func (h *doasHop) Command(shell string) []string {
	return []string{"doas", "-n", "-u", h.user, "/bin/sh", "-c", shell}
}

// Explain is of host.Explainer.
func (h *doasHop) Explain(_ int, lines []string) (host.Stage, string) {
	if contains(lines, "Authentication required", "Authorization required", "Operation not permitted") != "" {
		return host.Authenticate, "doas.conf does not allow this user to run a shell as " + h.user + " without a password (nopass)"
	}
	return host.Authenticate, lastOf(lines)
}

// suHop is another user of the same host, by root's su.
type suHop struct{ user string }

func parseSu(rest string, _ HopOptions) (host.Hop, error) {
	user, err := account(rest)
	return &suHop{user}, err
}

// String is of host.Hop.
func (h *suHop) String() string { return "su://" + coded(h.user) }

// onlyRoot keeps su from taking the first bytes of the link for a password.
const onlyRoot = `[ "$(id -u)" = 0 ] || { echo "only root may use su:// (it asks for no password): use sudo://" >&2; exit 1; }; exec su -s /bin/sh -c "$1" "$2"`

// Command is of host.Hop.
func (h *suHop) Command(shell string) []string {
	return []string{"/bin/sh", "-c", onlyRoot, "su", shell, h.user}
}

// Explain is of host.Explainer.
func (h *suHop) Explain(_ int, lines []string) (host.Stage, string) {
	return host.Authenticate, lastOf(lines)
}

// lastOf is the last of lines, "" if there is none.
func lastOf(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return lines[len(lines)-1]
}
