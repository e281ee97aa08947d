package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// allVerbs are this command and all its verbs, the hidden ones too.
func allVerbs() (all []*cobra.Command) {
	var add func(*cobra.Command)
	add = func(cmd *cobra.Command) {
		all = append(all, cmd)
		for _, verb := range cmd.Commands() {
			add(verb)
		}
	}
	add(new(app).root())
	return all
}

// eachVerb runs a test of each verb.
func eachVerb(t *testing.T, test func(*testing.T, *cobra.Command)) {
	for _, cmd := range allVerbs() {
		t.Run(pageName(cmd), func(t *testing.T) { test(t, cmd) })
	}
}

// mute are the verbs whose output no program reads: they print a script or help, write
// files, or go on with what others do. They have no --json.
var mute = []string{
	"outwork attach", "outwork help", "outwork join", "outwork man",
	"outwork completion bash", "outwork completion fish", "outwork completion powershell", "outwork completion zsh",
}

// takingFiles are the verbs whose arguments are files alone, which shells complete by themselves.
var takingFiles = []string{"outwork put", "outwork get", "outwork wire", "outwork hosts revoke"}

// What all verbs say of themselves is of one form.
func TestHelpOfVerbs(t *testing.T) {
	eachVerb(t, func(t *testing.T, cmd *cobra.Command) {
		name := cmd.Name()
		if !regexp.MustCompile(`^[A-Z][^.]{10,75}$`).MatchString(cmd.Short) {
			t.Errorf("the line about it is to be a sentence of at most 76 letters, without its full stop: %q", cmd.Short)
		}
		if begin := strings.ToUpper(name[:1]) + name[1:] + " "; !strings.HasPrefix(cmd.Long, begin) {
			t.Errorf("its help does not begin with %q: %q", begin, firstLine(cmd.Long))
		}
		for line := range strings.SplitSeq(cmd.Long, "\n") {
			if n := len([]rune(line)); n > 100 || strings.TrimRight(line, " ") != line {
				t.Errorf("a line of its help has %d columns, or ends in spaces: %q", n, line)
			}
		}
		if cmd.Example == "" {
			t.Error("it has no example")
		}
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			if !strings.HasPrefix(line, "  ") || !strings.Contains(line, "outwork ") || len(line) > 100 {
				t.Errorf("an example is to be a command line, indented by two spaces: %q", line)
			}
		}
		if !strings.Contains(cmd.Example, cmd.CommandPath()) {
			t.Errorf("no example is of %s: %s", cmd.CommandPath(), cmd.Example)
		}
		hasJSON := cmd.Flags().Lookup("json") != nil
		if want := !slices.Contains(mute, cmd.CommandPath()) && !cmd.HasSubCommands(); hasJSON != want {
			t.Errorf("it has a --json: %v; want %v", hasJSON, want)
		}
		if takesFiles := slices.Contains(takingFiles, cmd.CommandPath()); takesFiles != (cmd.ValidArgsFunction == nil) {
			t.Error("it does not say how its arguments are completed, or is said to take files alone")
		}
	})
}

// Every verb tells its exit statuses, in order, and what is wrong with a command line is 2.
func TestStatusesOfVerbs(t *testing.T) {
	eachVerb(t, func(t *testing.T, cmd *cobra.Command) {
		if cmd.HasSubCommands() && cmd.HasParent() {
			return // it is help
		}
		text, all := exitStatuses(cmd.Long)
		if strings.Contains(text, "Exit status") {
			t.Error("it tells exit statuses twice")
		}
		if !slices.ContainsFunc(all, func(s exitStatus) bool { return s.number == "2" && strings.HasPrefix(s.means, "the command line") }) {
			t.Errorf("the status 2 is not, first of all, that the command line is wrong: %v", all)
		}
		last := -1
		for _, s := range all {
			n := 0
			for _, digit := range s.number {
				n = 10*n + int(digit-'0')
			}
			if n <= last || n > 255 || s.means == "" || strings.HasSuffix(s.means, ".") {
				t.Errorf("the status %q (%q) is out of order, or means nothing, or ends with a full stop", s.number, s.means)
			}
			last = n
		}
		if again := withStatuses(text, all); !strings.HasSuffix(cmd.Long, again[strings.Index(again, statusHeading):]) {
			t.Errorf("exit statuses are not the end of its help, or not of the usual form:\n%s", cmd.Long)
		}
	})
}

// usualUsage is the text of a flag: words without a capital letter or a full stop, or
// what it says of an argument.
var usualUsage = regexp.MustCompile(`^([a-z]|[A-Z]{2,} |Python )(?s:.*[^.\s])$`)

// The flags have texts of one form. What is in several verbs has one letter and one kind
// of value.
func TestFlagsOfVerbs(t *testing.T) {
	type manner struct{ shorthand, value, verb string }
	seen, letters := map[string]manner{}, map[string]string{}
	eachVerb(t, func(t *testing.T, cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			value, text := pflag.UnquoteUsage(f)
			if !usualUsage.MatchString(text) {
				t.Errorf("the text of --%s is %q", f.Name, text)
			}
			for line := range strings.SplitSeq(text, "\n") {
				if len(line) > 90 {
					t.Errorf("the text of --%s has a line of %d columns", f.Name, len(line))
				}
			}
			if !regexp.MustCompile(`^([a-z]+(=[a-z]+)?)?$`).MatchString(value) {
				t.Errorf("the value of --%s is called %q", f.Name, value)
			}
			if f.Name == "json" && !strings.HasSuffix(text, ", for programs") {
				t.Errorf("the text of --json is %q", text)
			}
			if before, ok := seen[f.Name]; ok && (before.shorthand != f.Shorthand || before.value != value) {
				t.Errorf("--%s is -%s and takes a %s; with %s it is -%s and takes a %s", f.Name, f.Shorthand, value, before.verb, before.shorthand, before.value)
			}
			seen[f.Name] = manner{f.Shorthand, value, cmd.CommandPath()}
			if other := letters[f.Shorthand]; f.Shorthand != "" && other != "" && other != f.Name && f.Shorthand != "c" { // that is grep's in search, and Python's elsewhere
				t.Errorf("-%s is --%s, and elsewhere --%s", f.Shorthand, f.Name, other)
			}
			letters[f.Shorthand] = f.Name
			if value == "" {
				return
			}
			if _, ok := cmd.GetFlagCompletionFunc(f.Name); !ok && !slices.Contains(pathWords, value) {
				t.Errorf("--%s does not say how its value is completed", f.Name)
			}
		})
	})
}

// pathWords are values that shells complete by themselves.
var pathWords = []string{"file", "path", "interpreter"}

// here runs a command line in this process, and returns its status and what it printed.
func here(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	dir := t.TempDir()
	var files [2]*os.File
	for i, name := range []string{dir + "/stdout", dir + "/stderr"} {
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	in, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	status = run(args, in, files[0], files[1])
	out, outErr := os.ReadFile(files[0].Name())
	errs, errErr := os.ReadFile(files[1].Name())
	if err := errors.Join(outErr, errErr); err != nil {
		t.Fatal(err)
	}
	return status, string(out), string(errs)
}

// A flag that there is none of ends every verb with status 2 and one line, and nothing
// is done. With --json that line is JSON.
func TestWrongFlags(t *testing.T) {
	eachVerb(t, func(t *testing.T, cmd *cobra.Command) {
		words := strings.Fields(cmd.CommandPath())[1:]
		want := cmd.CommandPath() + ": there is no flag --frobnicate: see " + cmd.CommandPath() + " --help\n"
		if status, stdout, stderr := here(t, append(words, "--frobnicate")...); status != statusUsage || stdout != "" || stderr != want {
			t.Errorf("status %d, %q, %q; want %q", status, stdout, stderr, want)
		}
		if cmd.Flags().Lookup("json") == nil {
			return
		}
		for _, args := range [][]string{{"--json", "--frobnicate"}, {"--frobnicate", "--json"}} {
			status, stdout, stderr := here(t, slices.Concat(words, args)...)
			if status != statusUsage || stderr != "" || strings.Count(stdout, "\n") != 1 || !strings.HasPrefix(stdout, `{"error":{"kind":"usage","message":"there is no flag --frobnicate: `) {
				t.Errorf("%q: status %d, %q, %q", args, status, stdout, stderr)
			}
		}
	})
}

// --help and the verb help print the same, in words of this command alone.
func TestHelpIsPrinted(t *testing.T) {
	eachVerb(t, func(t *testing.T, cmd *cobra.Command) {
		words := strings.Fields(cmd.CommandPath())[1:]
		status, text, stderr := here(t, append(words, "--help")...)
		if status != statusOK || stderr != "" || !strings.HasPrefix(text, firstLine(cmd.Long)) || !strings.Contains(text, "\nUsage:\n  "+cmd.CommandPath()) {
			t.Errorf("status %d, %q, %q", status, text, stderr)
		}
		if _, again, _ := here(t, append([]string{"help"}, words...)...); again != text {
			t.Errorf("the verb help prints something else:\n%s", again)
		}
		for _, cobras := range []string{"[command]", "help for", "Available Commands"} {
			if strings.Contains(text, cobras) {
				t.Errorf("it has words of cobra's: %s", cobras)
			}
		}
	})
}

// needed is the path of a program that a test needs.
func needed(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatalf("install %s: %v", program, err)
	}
	if err != nil {
		t.Skipf("install %s: %v", program, err)
	}
	return path
}

// Each verb's manual page renders without a warning.
func TestManPages(t *testing.T) {
	man := needed(t, "man")
	dir := t.TempDir() + "/man1"
	status, stdout, stderr := here(t, "man", dir)
	files := strings.Fields(stdout)
	if status != statusOK || stderr != "" || len(files) != len(verbs(new(app).root())) {
		t.Fatalf("status %d, %q, %q", status, stdout, stderr)
	}
	text := render(t, man, files...)
	for _, want := range []string{
		"OUTWORK-SEARCH(1)", "outwork-search - search files", "outwork search [flags] -r PATTERN [DIR...]",
		"hex:4D 5A ?? [2-6] 50", "-C, --context bytes", "outwork search 'hex:7f 45 4c 46 ?? 01' firmware.bin",
		"--sandbox[=level]", "NO_COLOR", "EXIT STATUS", "outwork-hosts-check(1)", "124 it timed out",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no page says %q", want)
		}
	}
	if status, _, stderr := here(t, "man"); status != statusUsage || stderr != "outwork man: there is no folder: name one, as in outwork man man1\n" {
		t.Errorf("status %d, %q", status, stderr)
	}
	if status, _, stderr := here(t, "man", files[0]); status != statusUsage || !strings.Contains(stderr, "cannot make the folder") {
		t.Errorf("status %d, %q", status, stderr)
	}
}

// render is pages as they are shown, with one space between words.
func render(t *testing.T, man string, files ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), man, append([]string{"-l", "--warnings"}, files...)...)
	cmd.Env = append(os.Environ(), "MANWIDTH=80", "LC_ALL=C.UTF-8", "MAN_KEEP_FORMATTING=", "MANPAGER=cat")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Errorf("man: %v\n%s", err, &stderr)
	}
	return strings.Join(strings.Fields(string(out)), " ")
}
