package command

import (
	"fmt"
	"strings"

	"github.com/outwork-go/outwork/internal/service/api"
	"github.com/outwork-go/outwork/internal/service/command/roff"
	"github.com/outwork-go/outwork/internal/service/command/shell"
)

// daemonPage is the page of the daemon.
func daemonPage(s *api.Service) []byte {
	var p manual
	p.Title(s.Daemon, 8, s.Name+" "+s.Version, "System Manager's Manual")
	p.Section("NAME")
	p.WriteString(roff.Inline(s.Daemon) + ` \- ` + roff.Escape("the daemon behind "+s.Name) + "\n")
	p.Section("SYNOPSIS")
	p.Line(roff.Bold(s.Daemon) + " [" + roff.Italic("OPTIONS") + "]")
	p.Line(roff.Bold(s.Name+" daemon") + " [" + roff.Italic("OPTIONS") + "]")
	p.Section("DESCRIPTION")
	p.Text(fmt.Sprintf(`%s does for other users what needs root, as far as its policy allows it: the functions that %s(1) is the command of. It knows its callers by the kernel's word alone. It is started by systemd, with the socket %s or for it, or makes that socket itself.`, s.Daemon, s.Name, s.Socket.Path))
	p.Text(fmt.Sprintf("With --dev it needs no root and serves nobody but the user that started it, on a socket below $XDG_RUNTIME_DIR. To its policy that user is what root is: allowed what no policy file denies. See %s daemon --help for its options.", s.Name))
	p.policy(s)
	p.audit(s)
	p.signals()
	p.files(s)
	p.Item(roff.Italic(s.AuditFile), "The records of calls, as lines of JSON.")
	p.Section("SEE ALSO")
	fmt.Fprintf(&p, ".BR %s (1),\n.BR systemd.socket (5),\n.BR journalctl (1),\n.BR polkit (8)\n", roff.Quote(s.Name))
	return []byte(p.String())
}

// policy is who may call what, and how that is changed.
func (p *manual) policy(s *api.Service) {
	p.Section("POLICY")
	p.Text(fmt.Sprintf("Rules are looked at in order: those of the files in %s, by name and line; that root may call everything; and those that the program brings. The first that matches decides, and where none does, the call is denied. The program brings", s.PolicyDir))
	for _, f := range s.Functions {
		p.Item(roff.Bold(f.Link.Name), sentence(f.Rule.String()))
	}
	p.Text("A file is YAML, belongs to root, and may be written by nobody else; otherwise the daemon does not start. This one lets a group call a function, and takes it from a user whatever group they are in:")
	name := s.Name + ".*"
	if len(s.Functions) > 0 {
		name = s.Functions[0].Link.Name
	}
	p.Lines("rules:", "  - function: "+name, "    deny: {user: mallory}", "  - function: "+name, "    allow: {group: netadmin}")
	p.Text("A condition is user, uid, group, gid, polkit (an action; not to deny by), or anyone: true. It has one of these keys. Of a list of conditions one is enough; all takes a list that must hold together. What the policy says of a user, and by which line, is told by")
	p.Lines(s.Name + " policy explain --uid 1000 " + name)
}

// audit is what is recorded.
func (p *manual) audit(s *api.Service) {
	p.Section("AUDIT")
	if names := recorded(s); len(names) > 0 {
		p.Text("Each call of " + shell.AllOf(names) + " is recorded before it runs and when it has ended. A call that cannot be recorded does not run.")
	}
	text := "Denials are recorded too; many of one user within a short time are one record, with their number. A record has the time, the user and the groups of the caller, the function, its arguments, the rule that decided, and the result."
	if hasSecrets(s) {
		text += " Arguments that are secret are not in it."
	}
	p.Text(text)
	p.Text("Records go to the journal, where each part is a field of its own, and to " + s.AuditFile + ", a JSON object a line:")
	p.Lines("journalctl -u "+s.Daemon+".service -o json-pretty", "tail -f "+s.AuditFile)
}

// signals are what the daemon does at them.
func (p *manual) signals() {
	p.Section("SIGNALS")
	p.Item(roff.Bold("SIGHUP"), "Read the policy again, and open the file of the records anew. A policy that is wrong is complained of, and the one before stays.")
	p.Item(strings.Join([]string{roff.Bold("SIGTERM"), roff.Bold("SIGINT")}, ", "), "Take no more calls, let those under way end, and exit; the second time, cancel them.")
	p.Section("EXIT STATUS")
	p.Text("0 when it was told to end; 77 when it is not root, and 78 when the policy, the socket's place or that of the records is refused; otherwise 1 or 2. What is wrong is on standard error and in the journal.")
}
