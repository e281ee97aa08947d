package policy

import (
	"context"
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// fakeNames are a host with a few users and groups.
type fakeNames struct{}

var (
	fakeUsers  = map[string]uint32{"root": 0, "alice": 12001, "bob": 12002, "no": 12003}
	fakeGroups = map[string]uint32{"hostctl": 12100, "netadmin": 12101, "contractors": 12102}
)

func (fakeNames) UserID(name string) (uint32, error) {
	if id, ok := fakeUsers[name]; ok {
		return id, nil
	}
	return 0, user.UnknownUserError(name)
}

func (fakeNames) GroupID(name string) (uint32, error) {
	if id, ok := fakeGroups[name]; ok {
		return id, nil
	}
	if name == "remote" {
		return 0, errors.New("the directory server is away")
	}
	return 0, user.UnknownGroupError(name)
}

func (fakeNames) UserName(uid uint32) (string, error) {
	for name, id := range fakeUsers {
		if id == uid {
			return name, nil
		}
	}
	return "", user.UnknownUserIdError(int(uid))
}

var (
	superuser = Subject{UID: 0, Groups: []uint32{0}}
	alice     = Subject{UID: 12001, Groups: []uint32{12001, 12100}}
	bob       = Subject{UID: 12002, Groups: []uint32{12002}}
	stranger  = Subject{UID: 65534, Groups: []uint32{65534}}
)

// policyDir is a directory with files, as only its owner may write them.
func policyDir(t *testing.T, files map[string]string) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("policy files are read only on Linux")
	}
	above := t.TempDir()
	dir := filepath.Join(above, "policy.d")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	chmod(t, above, 0o755)
	chmod(t, dir, 0o755)
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		chmod(t, path, 0o644)
	}
	return dir
}

// chmod is for what the umask of whoever runs the tests took away.
func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

var declared = map[string]Rule{
	"hostname.get": {Kind: Anyone},
	"hostname.set": {Kind: Group, Name: "hostctl"},
	"sysctl.get":   {Kind: Anyone},
	"sysctl.set":   {Kind: AnyOf, Of: []Rule{{Kind: Group, Name: "hostctl"}, {Kind: Polkit, Name: "org.x.sysctl"}}},
	"disk.wipe":    {},
	"disk.check": {Kind: AllOf, Of: []Rule{
		{Kind: Group, Name: "hostctl"},
		{Kind: Polkit, Name: "org.x.disk"},
	}},
	"ghost": {Kind: Group, Name: "gone"},
}

// load makes a policy of what code declares and of files.
func load(t *testing.T, files map[string]string) *Policy {
	t.Helper()
	p, err := loadDir(policyDir(t, files))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func loadDir(dir string) (*Policy, error) {
	return Load(Config{Dir: dir, Owner: uint32(os.Getuid()), Functions: declared, Names: fakeNames{}})
}

// answers is a polkit that says yes to the actions that it holds as true, and is
// not there for the others that it does not hold.
type answers map[string]bool

func (a answers) Ask(_ context.Context, q Question) (Answer, error) {
	yes, ok := a[q.Action]
	if !ok {
		return Answer{}, errors.New("polkit is not available")
	}
	return Answer{Yes: yes}, nil
}

func TestDecide(t *testing.T) {
	for _, test := range []struct {
		name     string
		files    map[string]string
		who      Subject
		function string
		polkit   answers
		want     string // + or - and the rule, without the directory
	}{
		{"code allows a group", nil, alice, "hostname.set", nil, "+ code: group hostctl"},
		{"not in the group", nil, bob, "hostname.set", nil, "- nothing allows it"},
		{"root needs no rule", nil, superuser, "disk.wipe", nil, "+ root"},
		{"nobody else has it", nil, alice, "disk.wipe", nil, "- nothing allows it"},
		{"anyone", nil, stranger, "hostname.get", nil, "+ code: anyone"},
		{"a group that does not exist", nil, alice, "ghost", nil, "- nothing allows it"},
		{"no such function", nil, superuser, "nonsense", nil, "- no such function"},
		{"any of: static first", nil, alice, "sysctl.set", nil, "+ code: any of (group hostctl, polkit action org.x.sysctl)"},
		{"any of: polkit yes", nil, bob, "sysctl.set", answers{"org.x.sysctl": true}, "+ code: any of (group hostctl, polkit action org.x.sysctl)"},
		{"any of: polkit no", nil, bob, "sysctl.set", answers{"org.x.sysctl": false}, "- nothing allows it"},
		{"any of: polkit away", nil, bob, "sysctl.set", nil, "- nothing allows it"},
		{"all of: not asked for nothing", nil, bob, "disk.check", answers{"org.x.disk": true}, "- nothing allows it"},
		{"all of: yes", nil, alice, "disk.check", answers{"org.x.disk": true}, "+ code: all of (group hostctl, polkit action org.x.disk)"},
		{"all of: no", nil, alice, "disk.check", answers{"org.x.disk": false}, "- nothing allows it"},
		{
			"a file widens",
			map[string]string{"10-site.yaml": "rules:\n  - function: disk.wipe\n    allow: {user: bob}\n"},
			bob, "disk.wipe", nil, "+ 10-site.yaml:2: allow user bob",
		},
		{
			"a file narrows, root too",
			map[string]string{"10-site.yaml": "rules:\n- functions: [\"*\"]\n  deny: {anyone: true}\n"},
			superuser, "hostname.get", nil, "- 10-site.yaml:2: deny anyone",
		},
		{
			"files by name",
			map[string]string{
				"20-b.yaml": "rules: [{function: hostname.set, deny: {anyone: true}}]",
				"10-a.yaml": "rules: [{function: hostname.set, allow: {uid: 12002}}]",
			},
			bob, "hostname.set", nil, "+ 10-a.yaml:1: allow uid 12002",
		},
		{
			"lines in order",
			map[string]string{"a.yaml": "rules:\n- {functions: [\"host*\"], deny: {gid: 12100}}\n- {function: hostname.set, allow: {user: alice}}\n"},
			alice, "hostname.set", nil, "- a.yaml:2: deny gid 12100",
		},
		{
			"polkit no: the next line",
			map[string]string{"a.yaml": "rules:\n- {function: hostname.set, allow: {polkit: org.x.host}}\n- {function: hostname.set, allow: {user: bob}}\n"},
			bob, "hostname.set",
			answers{"org.x.host": false},
			"+ a.yaml:3: allow user bob",
		},
		{
			"polkit yes: this line",
			map[string]string{"a.yaml": "rules:\n- {function: hostname.set, allow: {polkit: org.x.host}}\n- {function: hostname.set, deny: {user: bob}}\n"},
			bob, "hostname.set",
			answers{"org.x.host": true},
			"+ a.yaml:2: allow polkit action org.x.host",
		},
		{
			"lists are any of, also within each other",
			map[string]string{"a.yaml": "rules:\n- function: disk.wipe\n  allow: [[{user: alice}, {group: netadmin}], {all: [{user: bob}, {gid: 12002}]}]\n"},
			bob, "disk.wipe", nil, "+ a.yaml:2: allow any of (any of (user alice, group netadmin), all of (user bob, gid 12002))",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := load(t, test.files).Decide(t.Context(), test.who, test.function, test.polkit)
			got := "- " + d.Rule
			if d.Allowed {
				got = "+ " + d.Rule
			}
			if i := strings.Index(got, "policy.d/"); i >= 0 {
				got = got[:2] + got[i+len("policy.d/"):]
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestRuleInWords(t *testing.T) {
	for want, r := range map[string]Rule{
		"nobody":                          {},
		"anyone":                          {Kind: Anyone},
		"root":                            {Kind: User},
		"uid 7":                           {Kind: User, ID: 7},
		"gid 0":                           {Kind: Group},
		`group "two words"`:               {Kind: Group, Name: "two words"},
		`user "a\nb"`:                     {Kind: User, Name: "a\nb"},
		"any of (user alice, anyone)":     {Kind: AnyOf, Of: []Rule{{Kind: User, Name: "alice"}, {Kind: Anyone}}},
		"all of (polkit action org.x.y)":  {Kind: AllOf, Of: []Rule{{Kind: Polkit, Name: "org.x.y"}}},
		"any of (nobody, nobody, nobody)": {Kind: AnyOf, Of: []Rule{{}, {Kind: AnyOf}, {Kind: AllOf}}},
	} {
		if got := r.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestCodeIsChecked(t *testing.T) {
	deep := Rule{Kind: Anyone}
	for range maxDepth {
		deep = Rule{Kind: AnyOf, Of: []Rule{deep}}
	}
	for want, r := range map[string]Rule{
		"polkit action":       {Kind: Polkit, Name: "org x"},
		`polkit action ""`:    {Kind: Polkit},
		"kind 200":            {Kind: 200},
		"more than 8 deep":    deep,
		"a list of 257 rules": {Kind: AnyOf, Of: make([]Rule, maxList+1)},
	} {
		_, err := Load(Config{Functions: map[string]Rule{"f": r}, Names: fakeNames{}})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "declares for f") {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestAbsentIsTold(t *testing.T) {
	p := load(t, nil)
	if len(p.Absent) != 1 || p.Absent[0] != "ghost: group gone does not exist on this host" {
		t.Errorf("got %q", p.Absent)
	}
}

func TestHostNames(t *testing.T) {
	if id, err := (hostNames{}).UserID("root"); err != nil || id != 0 {
		t.Errorf("root is %d, %v", id, err)
	}
	if name, err := (hostNames{}).UserName(0); err != nil || name != "root" {
		t.Errorf("uid 0 is %q, %v", name, err)
	}
	if _, err := (hostNames{}).GroupID("no-such-group"); !errors.As(err, new(user.UnknownGroupError)) {
		t.Errorf("got %v", err)
	}
}
