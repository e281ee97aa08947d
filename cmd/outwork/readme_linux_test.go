package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// readmeCommands are those of the README's block behind a word, which stand beside each
// other with two spaces or more between them.
func readmeCommands(t *testing.T, word string) []string {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(readme), word)
	_, block, _ = strings.Cut(block, "```\n")
	block, _, _ = strings.Cut(block, "```")
	commands := strings.Split(strings.ReplaceAll(strings.TrimSpace(block), "\n", "  "), "  ")
	commands = slices.DeleteFunc(commands, func(c string) bool { return strings.TrimSpace(c) == "" })
	if len(commands) < 4 {
		t.Fatalf("only %q are there", commands)
	}
	return commands
}

// The commands of the README's part about containers, as they stand there.
func TestReadmeContainers(t *testing.T) {
	for _, c := range readmeCommands(t, "**Containers**") {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", c)
		cmd.Dir = "../.."
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil || stderr.Len() > 0 || len(out) < 100 {
			t.Errorf("%s: %v, %d bytes\n%s", c, err, len(out), &stderr)
		}
	}
}
