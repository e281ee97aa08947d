package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/outwork-go/outwork/internal/service/api"
	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/internal/service/schema"
)

// verbs are the words behind the command's name that are no functions: those of
// every service, and of cobra.
var verbs = []string{"daemon", "policy", "install-files", "describe", "version", "help", "completion"}

// global are the flags of every function.
var global = []string{"json", "timeout", "socket", "dev", "help", "version"}

// Check tells why no command can be made of s: a function's name that is no
// words of a command line, or that another or a verb of every command takes, and
// a field that no flag or argument can stand for.
func Check(s *api.Service) error {
	taken := map[string]string{}
	for _, f := range s.Functions {
		name := f.Link.Name
		path, err := words(s, name)
		if err != nil {
			return err
		}
		joined := strings.Join(path, " ")
		if other, ok := taken[joined]; ok {
			return fmt.Errorf("functions %q and %q would be the same command: %s %s", other, name, s.Name, joined)
		}
		taken[joined] = name
		if err := checkFields(f); err != nil {
			return fmt.Errorf("function %q: %w", name, err)
		}
	}
	return checkGroups(s, taken)
}

// words is where in the command the function of that name is: behind "hostctl",
// "hostname set" for hostname.set; nothing for one that is named as the service.
func words(s *api.Service, name string) ([]string, error) {
	if name == s.Name {
		return nil, nil
	}
	path := strings.Split(name, ".")
	for i, word := range path {
		path[i] = shell.Kebab(word)
		if !isWord(path[i]) {
			return nil, fmt.Errorf("function %q cannot be a command: its name must be words of letters and digits with dots between, as in hostname.set", name)
		}
	}
	if slices.Contains(verbs, path[0]) {
		return nil, fmt.Errorf("function %q: every command has a verb %s of its own: give the function another name", name, path[0])
	}
	return path, nil
}

// isWord reports whether s is lower-case letters, digits and dashes, and begins
// with a letter or digit.
func isWord(s string) bool {
	odd := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }
	return s != "" && s[0] != '-' && !strings.ContainsFunc(s, odd)
}

// checkGroups refuses a function with arguments whose name begins those of
// others: a word behind it could be either.
func checkGroups(s *api.Service, taken map[string]string) error {
	for _, f := range s.Functions {
		path, _ := words(s, f.Link.Name)
		group := strings.Join(path, " ")
		if group == "" || !takesWords(f.Args) {
			continue
		}
		for other, name := range taken {
			if strings.HasPrefix(other, group+" ") {
				return fmt.Errorf("function %q takes arguments, which could not be told from the command of %q: give one of them another name", f.Link.Name, name)
			}
		}
	}
	return nil
}

// takesWords reports whether something of t is a positional argument.
func takesWords(t *schema.Type) bool {
	return t.Kind != schema.Struct || slices.ContainsFunc(t.Fields, func(f schema.Field) bool { return f.Position >= 0 })
}

// checkFields refuses two fields for one flag, and flags that every function has.
func checkFields(f *api.Function) error {
	taken := map[string]string{}
	for _, name := range flagNames(f) {
		taken[name] = ""
	}
	for i := range f.Args.Fields {
		x := &f.Args.Fields[i]
		if x.Secret && x.Position >= 0 {
			return fmt.Errorf("field %q is secret and cannot be a positional argument: command lines are seen by all users", x.Name)
		}
		if x.Position >= 0 {
			continue
		}
		flag := shell.FlagName(x)
		switch other, ok := taken[flag]; {
		case ok && other == "":
			return fmt.Errorf("field %q would be the flag --%s, which every command has: give it another name", x.Name, flag)
		case ok:
			return fmt.Errorf("fields %q and %q would be the same flag: --%s", other, x.Name, flag)
		case !isWord(flag):
			return fmt.Errorf("field %q cannot be a flag: its name must be letters, digits, dashes and underscores", x.Name)
		}
		taken[flag] = x.Name
	}
	return nil
}

// flagNames are the flags of f that are not fields.
func flagNames(f *api.Function) []string {
	if shell.Copies(f.Reply) {
		return append(slices.Clip(global), "output")
	}
	return global
}
