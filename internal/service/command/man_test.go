package command

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The pages render without a warning, and say what they are for.
func TestManPages(t *testing.T) {
	man, err := exec.LookPath("man")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("man is not installed")
		}
		t.Skip("man is not installed")
	}
	s := hostctl()
	s.Doc = ".begins with a dot, has 'quotes', `ticks`, a \\backslash, ~tildes and ünïcode.\n\nAnd a second paragraph."
	r := newRun(specOf(s), nil, nil, nil)
	pages := ManPages(s, r.root().Commands()...)
	for page, wants := range map[string][]string{
		"hostctl.1": {
			"NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "EXIT STATUS", "FILES", "SEE ALSO",
			".begins with a dot, has 'quotes', `ticks`, a \\backslash, ~tildes and ünïcode.",
			"hostctl user add [OPTIONS] --password-file FILE NAME [GROUPS...]", "^[a-z0-9-]{1,63}$", "daemon Serve the functions.", "hostd(8)",
			"--keep JSON How it is kept (@FILE reads a file, - standard input). for DURATION How long (as in 1m30s; at least 1h0m0s; default: 24h0m0s).",
			"where.disk fast|slow On which disk (default: fast).",
		},
		"hostd.8": {"POLICY", "AUDIT", "SIGNALS", "FILES", "/etc/hostctl/policy.d", "hostctl policy explain --uid 1000 fail", "/var/log/hostctl/audit.jsonl"},
	} {
		text := strings.Join(strings.Fields(render(t, man, page, pages[page])), " ")
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %q:\n%s", page, want, text)
			}
		}
	}
}

// render is a page as it is shown in 78 columns.
func render(t *testing.T, man, name string, page []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, page, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), man, "-l", "--warnings", file)
	cmd.Env = append(os.Environ(), "MANWIDTH=78", "LC_ALL=C.UTF-8", "MAN_KEEP_FORMATTING=", "MANPAGER=cat")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Errorf("man: %v\n%s", err, &stderr)
	}
	return string(out)
}
