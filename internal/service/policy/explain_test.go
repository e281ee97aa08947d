package policy

import (
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	p := load(t, map[string]string{"10-site.yaml": `rules:
- {function: sysctl.set, deny: {group: contractors}}
- {function: sysctl.set, allow: {polkit: org.x.first}}
`})
	for _, test := range []struct {
		who            Subject
		function, want string
	}{
		{bob, "sysctl.set", `asks polkit by DIR/10-site.yaml:3: allow polkit action org.x.first
if polkit says yes: allowed by DIR/10-site.yaml:3: allow polkit action org.x.first
if polkit says no: denied: nothing allows it
missing: membership of group hostctl
missing: authorization for polkit action org.x.sysctl
missing: authorization for polkit action org.x.first
  DIR/10-site.yaml:2: deny group contractors: does not match
  DIR/10-site.yaml:3: allow polkit action org.x.first: asks polkit for org.x.first
  root: does not match
  the program's own rule: any of (group hostctl, polkit action org.x.sysctl): asks polkit for org.x.sysctl
`},
		{alice, "hostname.set", `allowed by the program's own rule: group hostctl
  root: does not match
  the program's own rule: group hostctl: allows
`},
		{Subject{UID: 9, Groups: []uint32{12102}}, "sysctl.set", `denied by DIR/10-site.yaml:2: deny group contractors
  DIR/10-site.yaml:2: deny group contractors: denies
`},
		{bob, "ghost", `denied: nothing allows it
missing: membership of group gone, which does not exist on this host
  root: does not match
  the program's own rule: group gone: does not match: group gone does not exist on this host
`},
		{bob, "nonsense", "denied: no such function\n"},
	} {
		e := p.Explain(test.who, test.function)
		got := e.String()
		if i := strings.Index(got, "policy.d/"); i >= 0 {
			dir := got[strings.IndexByte(got, '/') : i+len("policy.d")]
			got = strings.ReplaceAll(got, dir, "DIR")
		}
		if got != test.want {
			t.Errorf("got:\n%swant:\n%s", got, test.want)
		}
	}
}
