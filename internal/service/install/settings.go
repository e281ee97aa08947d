package install

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/outwork-go/outwork/internal/service/api"
	"github.com/outwork-go/outwork/internal/service/policy"
)

// settings are what the rest of the system reads: groups, directories, and what
// the administrator may change.
func (p *plan) settings() []File {
	files := []File{
		{Path: p.below("lib/tmpfiles.d", p.Name+".conf"), Data: []byte(p.tmpfiles()), Mode: 0o644},
		{Path: "etc/logrotate.d/" + p.Name, Data: []byte(p.logrotate()), Mode: 0o644, Config: true},
		{Path: relative(p.PolicyDir, "00-example.yaml.off"), Data: []byte(p.example()), Mode: 0o644, Config: true},
	}
	if len(p.groups) > 0 {
		files = append(files, File{Path: p.below("lib/sysusers.d", p.Name+".conf"), Data: []byte(p.sysusers()), Mode: 0o644})
	}
	return files
}

// relative is a file's path below the destination.
func relative(elem ...string) string { return strings.TrimPrefix(path.Join(elem...), "/") }

func (p *plan) sysusers() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Groups that may call %s, or that its socket belongs to.\n", p.Daemon)
	for _, group := range p.groups {
		fmt.Fprintf(&b, "g %s - -\n", group)
	}
	return b.String()
}

func (p *plan) tmpfiles() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The policy of %s, which only root may change%s.\n", p.Daemon, also(p.ownLogs(), ", and its records"))
	fmt.Fprintf(&b, "d %s 0755 root root -\n", path.Dir(p.PolicyDir))
	fmt.Fprintf(&b, "d %s 0755 root root -\n", p.PolicyDir)
	if p.ownLogs() {
		fmt.Fprintf(&b, "d %s %s root root -\n", p.logs(), logs.mode)
	}
	return b.String()
}

func (p *plan) logrotate() string {
	return p.expand(`# The records of @daemon@, which makes the file itself when it opens it anew.
@audit@ {
	weekly
	rotate 52
	compress
	delaycompress
	missingok
	notifempty
	nocreate
	postrotate
		# One that does not run has nothing open, and is not started for this.
		if [ -d /run/systemd/system ] && systemctl -q is-active @daemon@.service; then
			systemctl reload @daemon@.service
		fi
	endscript
}
`)
}

// example is a policy that is not in force.
func (p *plan) example() string {
	name, group := "example.function", "root"
	if len(p.Functions) > 0 {
		name = p.Functions[0].Link.Name
	}
	if len(p.groups) > 0 {
		group = p.groups[0]
	}
	return strings.NewReplacer("@function@", name, "@group@", group).Replace(p.expand(`# An example of a policy for @daemon@. This file is not in force: only files whose
# names end in .yaml are. Copy it to a name like 10-site.yaml, change that one,
# and then: systemctl reload @daemon@
#
# The files are read in the order of their names, the rules in them from top to
# bottom, and the first rule that matches the function and the caller decides.
# After them come root, who is allowed, and what the program itself allows. A
# caller that nothing matches is denied.
#
# Files, and the directories above them, must belong to root, and nobody else may
# be able to write them: otherwise @daemon@ does not start.
#
# See who may do what, and by which line:
#     @name@ policy explain --uid 1000 @function@
#
# A function is named in full, or by its beginning: "sysctl.*". A condition is one
# of: anyone: true; user: NAME; uid: NUMBER; group: NAME; gid: NUMBER;
# polkit: ACTION; all: [conditions], which must all match. Of a list of conditions
# one is enough.

rules:
  # This user may not, though a later rule, or the program, would allow it.
  - function: @function@
    deny: [{user: nobody}]

  # This group may, besides those who may anyway.
  - functions: [@function@]
    allow: [{group: @group@}]
`))
}

// own are the directories that are the service's, those in another before it.
func (p *plan) own() string {
	own := p.PolicyDir + " " + path.Dir(p.PolicyDir)
	if p.ownLogs() {
		own = p.logs() + " " + own
	}
	return own
}

// expand fills in a text's names.
func (p *plan) expand(text string) string {
	return strings.NewReplacer(
		"@name@", p.Name, "@daemon@", p.Daemon, "@audit@", p.AuditFile, "@directories@", p.own(), "@prefix@", p.Prefix,
	).Replace(text)
}

// groupsOf are the groups that a service's rules and its socket name, sorted.
func groupsOf(s *api.Service) []string {
	var groups []string
	if s.Socket.Group != "" {
		groups = append(groups, s.Socket.Group)
	}
	for _, f := range s.Functions {
		walk(f.Rule, func(r policy.Rule) {
			if r.Kind == policy.Group && r.Name != "" {
				groups = append(groups, r.Name)
			}
		})
	}
	return slices.DeleteFunc(union(groups), func(g string) bool { return g == "root" })
}

// walk visits a rule and all that it is made of.
func walk(r policy.Rule, visit func(policy.Rule)) {
	visit(r)
	for _, of := range r.Of {
		walk(of, visit)
	}
}
