package archtest

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The README's program is examples/hello, and its commands are those of the
// Makefile, which other tests run.
func TestReadme(t *testing.T) {
	readme := read(t, "../../README.md")
	for _, block := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(readme, -1) {
		if !strings.Contains(read(t, "../../examples/hello/main.go"), strings.TrimSpace(block[1])) {
			t.Errorf("this program of the README is not that of examples/hello:\n%s", block[1])
		}
	}
	run := regexp.MustCompile(`(?m)^run:\n\t(.*)$`).FindStringSubmatch(read(t, "../../Makefile"))
	if run == nil || !strings.Contains(readme, strings.ReplaceAll(run[1], "$$", "$")) {
		t.Errorf("the README's first command is not the Makefile's: %q", run)
	}
	if lines := strings.Count(readme, "\n"); lines > 90 {
		t.Errorf("the README has %d lines: more than a screen", lines)
	}
	if strings.Contains(readme, "@FIGURES@") {
		t.Error("the README has no figures")
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
