package policy

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestDeniedText(t *testing.T) {
	files := map[string]string{"10-site.yaml": `
rules:
  - {function: sysctl.get, deny: {user: bob}}
  - {function: disk.wipe, allow: {all: [{group: netadmin}, {user: alice}]}}
  - {function: hostname.get, deny: {user: root}}
  - {functions: ["ghost"], deny: {group: contractors}}
`}
	for _, test := range []struct {
		who      Subject
		function string
		want     string
		missing  []string
	}{
		{
			bob, "hostname.set",
			`hostname.set is for group hostctl, and you (uid 12002, bob) are not in it: ` +
				`ask an administrator for "usermod -aG hostctl bob", then log in again`,
			[]string{"membership of group hostctl"},
		},
		{
			stranger, "hostname.set",
			`hostname.set is for group hostctl, and you (uid 65534) are not in it: ask an administrator to be added to it`,
			[]string{"membership of group hostctl"},
		},
		{
			bob, "sysctl.set",
			`sysctl.set is for group hostctl or those whom polkit authorizes for org.x.sysctl, and you (uid 12002, bob) are not among them; ` +
				`polkit gave no answer: ask an administrator for "usermod -aG hostctl bob", then log in again`,
			[]string{"membership of group hostctl", "authorization for polkit action org.x.sysctl"},
		},
		{
			bob, "ghost",
			`ghost is for group gone, which does not exist on this host, and you (uid 12002, bob) are not in it: ` +
				`ask an administrator for "groupadd --system gone" and "usermod -aG gone bob", then log in again`,
			[]string{"membership of group gone, which does not exist on this host"},
		},
		{
			bob, "disk.wipe",
			`disk.wipe is for those who match all of (group netadmin, user alice), and you (uid 12002, bob) are not among them`,
			[]string{"membership of group netadmin and being user alice"},
		},
		{alice, "disk.check", "", nil}, // see TestMissing
		{bob, "sysctl.get", "sysctl.get is denied to you (uid 12002, bob) by DIR/10-site.yaml:3", nil},
		{superuser, "hostname.get", "hostname.get is denied to you (uid 0, root) by DIR/10-site.yaml:5", nil},
		{bob, "x", "there is no such function", nil},
		{alice, "hostname.set", "", nil},
	} {
		p := load(t, files)
		polkit := answers(nil)
		if test.function == "disk.check" {
			polkit = answers{"org.x.disk": true}
		}
		d := p.Decide(t.Context(), test.who, test.function, polkit)
		got := d.DeniedText()
		if i := strings.Index(got, " by "); i >= 0 {
			got = got[:i+4] + "DIR" + got[strings.LastIndexByte(got, '/'):]
		}
		if got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
		if !slices.Equal(d.Missing, test.missing) {
			t.Errorf("%s: missing %q, want %q", test.function, d.Missing, test.missing)
		}
	}
}

func TestRootAlone(t *testing.T) {
	d := load(t, nil).Decide(t.Context(), bob, "disk.wipe", nil)
	if got, want := d.DeniedText(), "disk.wipe is for root alone, and not for you (uid 12002, bob)"; got != want || d.Missing != nil {
		t.Errorf("got %s (%q), want %s", got, d.Missing, want)
	}
}

// Why polkit does not answer is in the notes, and not for the caller.
func TestSilentPolkit(t *testing.T) {
	d := load(t, nil).Decide(t.Context(), bob, "sysctl.set", nil)
	if text := d.DeniedText(); strings.Contains(text, errNoAsker.Error()) || !strings.Contains(text, "; polkit gave no answer: ") {
		t.Errorf("the caller is told: %s", text)
	}
	if want := []string{"polkit action org.x.sysctl: there is no polkit to ask"}; !slices.Equal(d.Notes, want) || d.Rule != nothing {
		t.Errorf("got rule %q, notes %q", d.Rule, d.Notes)
	}
}

// Who counts as root is allowed what root is, and root is then nobody special.
func TestRootIsWhoTriesItOut(t *testing.T) {
	dir := policyDir(t, map[string]string{"a.yaml": "rules: [{function: sysctl.get, deny: {user: bob}}]"})
	p, err := Load(Config{Dir: dir, Owner: uint32(os.Getuid()), Root: bob.UID, Functions: declared, Names: fakeNames{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		who      Subject
		function string
		allowed  bool
	}{{bob, "disk.wipe", true}, {bob, "sysctl.get", false}, {superuser, "disk.wipe", false}, {alice, "disk.wipe", false}} {
		d := p.Decide(t.Context(), test.who, test.function, nil)
		if d.Allowed != test.allowed {
			t.Errorf("uid %d, %s: %v by %s", test.who.UID, test.function, d.Allowed, d.Rule)
		}
	}
	if d := p.Decide(t.Context(), bob, "disk.wipe", nil); d.Rule != "the daemon's own user (uid 12002)" {
		t.Errorf("by %s", d.Rule)
	}
}

// Of what all must match, only what does not is missing.
func TestMissing(t *testing.T) {
	d := load(t, nil).Decide(t.Context(), alice, "disk.check", answers{"org.x.disk": false})
	if want := []string{"authorization for polkit action org.x.disk"}; !slices.Equal(d.Missing, want) {
		t.Errorf("got %q, want %q", d.Missing, want)
	}
	if want := []string{"polkit action org.x.disk: polkit said no"}; !slices.Equal(d.Notes, want) {
		t.Errorf("got %q, want %q", d.Notes, want)
	}
}

func TestMissingIsBounded(t *testing.T) {
	var text strings.Builder
	text.WriteString("rules:\n")
	for range 500 {
		text.WriteString("- {function: disk.wipe, allow: [{user: bob}, {user: alice}, {gid: 1}, {gid: 2}, {gid: 3}, {gid: 4}, {gid: 5}]}\n")
	}
	d := load(t, map[string]string{"a.yaml": text.String()}).Decide(t.Context(), stranger, "disk.wipe", nil)
	if len(d.Missing) != maxMissing {
		t.Errorf("got %q", d.Missing)
	}
}

func TestUserNamesAreKept(t *testing.T) {
	u := &users{names: fakeNames{}, known: make(map[uint32]string)}
	for uid := range uint32(maxKnownUsers + 100) {
		u.name(uid)
	}
	if len(u.known) != maxKnownUsers || u.name(0) != "root" || u.name(12002) != "bob" {
		t.Errorf("%d names are kept", len(u.known))
	}
}
