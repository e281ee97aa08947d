package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

var testGrammar = &grammar{
	functions: []string{"disk.wipe", "hostname.get", "hostname.set", "sysctl.set"},
	names:     fakeNames{},
}

func TestParseRefuses(t *testing.T) {
	rule := func(allow string) string { return "rules:\n- function: hostname.set\n  allow: " + allow + "\n" }
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", `f:1: the file is empty: a policy is "rules:" with a list below`},
		{"comments alone", "# nothing\n", `f:1: the file is empty: a policy is "rules:" with a list below`},
		{"null", "---\n", `f:2: nothing: a policy is "rules:" with a list below`},
		{"no rules", "rules: []", "f:1: rules is empty: leave it out, or fill it"},
		{"nothing in it", "{}", `f:1: there are no rules: a policy is "rules:" with a list below`},
		{"a list on top", "- a\n", `f:1: a list: a policy is "rules:" with a list below`},
		{"unknown key on top", "rule: []", `f:1: unknown key "rule": a policy is "rules:" with a list below`},
		{"rules is no list", "rules: {}", "f:1: a mapping: rules is a list"},
		{"a rule is no mapping", "rules: [x]", `f:1: "x": a rule has functions (or function), and allow or deny`},
		{"unknown key", "rules:\n- function: hostname.set\n  alow: {}\n", `f:3: unknown key "alow": a rule has functions (or function), and allow or deny`},
		{"key that is none", "rules:\n- {[a]: b}\n", `f:2: unknown key a list: a rule has functions (or function), and allow or deny`},
		{"duplicate key", "rules:\n- function: hostname.set\n  function: disk.wipe\n  allow: {anyone: true}\n", "f:3: function a second time: once is enough"},
		{"duplicate on top", "rules: [a]\nrules: [b]", "f:2: rules a second time: once is enough\nf:1: \"a\": a rule has functions (or function), and allow or deny"},
		{"allow and deny", rule("{anyone: true}") + "  deny: {user: bob}\n", "f:4: deny beside allow: a rule has one of them"},
		{"function and functions", rule("{anyone: true}") + "  functions: [disk.wipe]\n", "f:4: functions beside function: a rule has one of them"},
		{"no verdict", "rules:\n- function: hostname.set\n", "f:2: a rule without allow or deny: a rule has functions (or function), and allow or deny"},
		{"no function", "rules:\n\n- allow: {anyone: true}\n", "f:3: a rule without function or functions: a rule has functions (or function), and allow or deny"},
		{"alias", "rules:\n- &a {function: hostname.set, allow: {anyone: true}}\n- *a\n", "f:2: an anchor \"a\": leave it out\nf:3: an alias to \"a\": write out what it stands for"},
		{"merge", rule("{<<: {user: bob}}"), `f:3: unknown key "<<": a condition is user, uid, group, gid, polkit, anyone or all`},
		{"tag", rule("{user: !!str no}"), "f:3: a tag \"!!str\": leave it out"},
		{"second document", rule("{user: bob}") + "---\nrules: []\n", "f:4: a second document: a policy file holds one"},
		{"Norway", rule("{user: no}"), `f:3: no without quotes is a truth value to some readers: write "no" for a user's name (a number goes by uid)`},
		{"a user that is a number", rule("{user: 1000}"), `f:3: "1000": want a user's name (a number goes by uid)`},
		{"a group that is true", rule("{group: true}"), `f:3: "true": want a group's name (a number goes by gid)`},
		{"a user that is nothing", rule("{user: }"), `f:3: nothing: want a user's name (a number goes by uid)`},
		{"a user that is empty", rule(`{user: ""}`), `f:3: an empty text: want a user's name (a number goes by uid)`},
		{"a user that is a list", rule(`{user: [a, b]}`), `f:3: a list: want a user's name (a number goes by uid)`},
		{"a uid in quotes", rule(`{uid: "7"}`), `f:3: "7": want a decimal number from 0 to 4294967294`},
		{"an octal uid", rule(`{uid: 010}`), `f:3: "010": want a decimal number from 0 to 4294967294`},
		{"a hexadecimal gid", rule(`{gid: 0x10}`), `f:3: "0x10": want a decimal number from 0 to 4294967294`},
		{"the uid of nobody at all", rule(`{uid: 4294967295}`), `f:3: "4294967295": want a decimal number from 0 to 4294967294`},
		{"a uid too large", rule(`{uid: 4294967296}`), `f:3: "4294967296": want a decimal number from 0 to 4294967294`},
		{"a negative uid", rule(`{uid: -1}`), `f:3: "-1": want a decimal number from 0 to 4294967294`},
		{"anyone false", rule(`{anyone: false}`), `f:3: anyone takes true alone, not "false"`},
		{"anyone yes", rule(`{anyone: yes}`), `f:3: anyone takes true alone, not "yes"`},
		{"anyone in quotes", rule(`{anyone: "true"}`), `f:3: anyone takes true alone, not "true"`},
		{"an action that is none", rule(`{polkit: "org x"}`), `f:3: polkit action "org x": want letters, digits, dots and hyphens, a letter first`},
		{"deny by polkit", "rules:\n- function: disk.wipe\n  deny: [{user: bob}, {polkit: org.x}]\n", "f:3: deny with polkit: it would deny nobody when polkit does not answer: allow with all instead"},
		{"all beside", rule("{user: bob, all: [{user: alice}]}"), "f:3: all beside user in one condition: use a list for any of them, or all: [...] for all of them"},
		{"two keys", rule("\n    group: netadmin\n    polkit: org.x"), "f:5: polkit beside group in one condition: use a list for any of them, or all: [...] for all of them"},
		{"two keys in a list", rule("[{group: netadmin, uid: 7}]"), "f:3: uid beside group in one condition: use a list for any of them, or all: [...] for all of them"},
		{"two keys in all", "rules:\n- function: disk.wipe\n  deny: {all: [{group: netadmin, anyone: true}]}\n", "f:3: anyone beside group in one condition: use a list for any of them, or all: [...] for all of them"},
		{"all of nothing", rule("{all: []}"), "f:3: a list of conditions is empty: leave it out, or fill it"},
		{"any of nothing", rule("[]"), "f:3: a list of conditions is empty: leave it out, or fill it"},
		{"no condition", rule("{}"), "f:3: an empty condition: a condition is user, uid, group, gid, polkit, anyone or all"},
		{"a word", rule("anyone"), `f:3: "anyone": a condition is user, uid, group, gid, polkit, anyone or all`},
		{"deep", rule(strings.Repeat("[", 9) + "{user: bob}" + strings.Repeat("]", 9)), "f:3: conditions lie more than 8 deep in each other"},
		{"deeper", rule(strings.Repeat("[", 90) + strings.Repeat("]", 90)), "f:3: lists and mappings lie more than 32 deep in each other"},
		{"unknown user", rule("{user: carol}"), "f:3: user carol does not exist on this host: make it, or mend the name"},
		{"unknown group", rule("{group: gone}"), "f:3: group gone does not exist on this host: make it, or mend the name"},
		{"group not told", rule("{group: remote}"), "f:3: group remote cannot be looked up: the directory server is away: make it, or mend the name"},
		{"unknown function", "rules: [{function: hostname.sat, allow: {anyone: true}}]", `f:1: there is no function "hostname.sat": did you mean hostname.set?`},
		{"nothing like it", "rules: [{function: printer, allow: {anyone: true}}]", `f:1: there is no function "printer": describe lists those that there are`},
		{"a pattern of nothing", "rules: [{functions: [\"hst.*\"], deny: {anyone: true}}]", `f:1: there is no function "hst.*": describe lists those that there are`},
		{"a star in the middle", "rules: [{functions: [\"h*.get\"], deny: {anyone: true}}]", `f:1: "h*.get": a * stands at the end alone, as in "sysctl.*"`},
		{"no functions", "rules: [{functions: [], deny: {anyone: true}}]", "f:1: functions is empty: leave it out, or fill it"},
		{"function as list", "rules: [{function: [disk.wipe], deny: {anyone: true}}]", "f:1: a list: want a function's name"},
		{"functions as word", "rules: [{functions: disk.wipe, deny: {anyone: true}}]", `f:1: "disk.wipe": functions is a list`},
		{"not YAML", "rules:\n  - {a\n", "f:1: not YAML: did not find expected ',' or '}'"},
		{"not UTF-8", "rules:\n- \xff\n", "f:2: not UTF-8: a policy is plain text"},
		{"UTF-16", "\xff\xfer\x00u\x00", "f:1: not UTF-8: a policy is plain text"},
		{"NUL", "rules: \x00", "f:1: not YAML: control characters are not allowed"},
		{"two mistakes", rule("{user: no}") + "- function: x\n  deny: {}\n", "f:3: no without quotes is a truth value to some readers: write \"no\" for a user's name (a number goes by uid)\n" +
			"f:4: there is no function \"x\": describe lists those that there are\nf:5: an empty condition: a condition is user, uid, group, gid, polkit, anyone or all"},
	} {
		t.Run(test.name, func(t *testing.T) {
			entries, err := testGrammar.parse("f", []byte(test.text))
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			if entries != nil {
				t.Errorf("got rules beside a mistake: %v", entries)
			}
		})
	}
}

func TestParse(t *testing.T) {
	entries, err := testGrammar.parse("f", []byte(`---
# who may do what
rules:
  - functions: [hostname.set, "sysctl.*"]
    allow: [{group: netadmin}, {"user": "no"}]
  - function: disk.wipe
    deny:
      - user: bob
      - all: [{gid: 7}, {anyone: true}]
...
`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, fmt.Sprint(e.functions, " ", e.line.words))
	}
	want := []string{
		"[hostname.set sysctl.*] f:4: allow any of (group netadmin, user no)",
		"[disk.wipe] f:6: deny any of (user bob, all of (gid 7, anyone))",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestMistakesAreBounded(t *testing.T) {
	_, err := testGrammar.parse("f", []byte("rules:\n"+strings.Repeat("- x\n", 100)))
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != maxErrors+1 || lines[maxErrors] != "f: and 80 mistakes more" {
		t.Errorf("got %q", lines)
	}
	_, err = testGrammar.parse("f", []byte("rules: [{function: \""+strings.Repeat("ä", 1000)+"\", allow: {user: bob}}]"))
	if len(err.Error()) > 4*maxShown {
		t.Errorf("got %s", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("rules:\n- function: hostname.set\n  allow: {group: netadmin}\n"))
	f.Add([]byte("rules:\n- functions: [\"sysctl.*\", disk.wipe]\n  deny: [{user: bob}, {all: [{uid: 1}, {gid: 2}]}]\n"))
	f.Add([]byte("rules: [{function: disk.wipe, allow: {polkit: org.x.y}}]\n---\na: &b [*b]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := testGrammar.parse("f", data)
		if err != nil {
			checkMistakes(t, err, data)
			return
		}
		if len(entries) == 0 {
			t.Fatal("no rules, and no mistake")
		}
		for _, e := range entries {
			checkEntry(t, e)
		}
	})
}

// checkMistakes holds each mistake to one printable line that has a place.
func checkMistakes(t *testing.T, err error, data []byte) {
	t.Helper()
	joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err)
	if !ok {
		t.Fatalf("no list of mistakes: %v", err)
	}
	for _, mistake := range joined.Unwrap() {
		words := mistake.Error()
		if !strings.HasPrefix(words, "f:") || strings.ContainsFunc(words, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Fatalf("%q: of %q", words, data)
		}
	}
}

func checkEntry(t *testing.T, e entry) {
	t.Helper()
	concerned := slices.ContainsFunc(testGrammar.functions, e.concerns)
	if !concerned || e.line == nil {
		t.Fatalf("a rule about nothing: %v", e)
	}
	if err := e.line.when.rule.check(1); err != nil {
		t.Fatal(err)
	}
	if e.line.deny && strings.Contains(e.line.words, "polkit") {
		t.Fatalf("%s", e.line.words)
	}
}
