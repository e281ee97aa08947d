package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var updateVerbs = flag.Bool("update-verbs", false, "write the tables of docs/verbs.md")

// The tables of docs/verbs.md are what the command says of itself:
//
//	go test ./cmd/outwork -run TestVerbsTable -update-verbs
func TestVerbsTable(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "verbs.md")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for marker, table := range map[string]string{"verbs": verbsTable(), "flags": flagsTable()} {
		begin, end := "<!-- "+marker+" -->\n", "<!-- /"+marker+" -->"
		before, rest, ok := strings.Cut(text, begin)
		old, behind, also := strings.Cut(rest, end)
		switch {
		case !ok || !also:
			t.Fatalf("%s has no place for the table: %s%s", file, begin, end)
		case *updateVerbs:
			text = before + begin + table + end + behind
		case old != table:
			t.Errorf("the table of %s in %s is not what the command says: -update-verbs writes it:\n%s", marker, file, table)
		}
	}
	if *updateVerbs {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// verbsTable has a line for each verb, in the groups of help.
func verbsTable() string {
	var b strings.Builder
	b.WriteString("| verb | what it does | `--json` | exit statuses |\n|---|---|---|---|\n")
	root := new(app).root()
	for _, g := range root.Groups() {
		fmt.Fprintf(&b, "| **%s** | | | |\n", g.Title)
		for _, top := range root.Commands() {
			if top.GroupID != g.ID || top.Hidden {
				continue
			}
			for _, cmd := range verbs(top) {
				if !cmd.HasSubCommands() && (cmd.Parent().Name() != "completion" || cmd.Name() == "bash") {
					b.WriteString(verbLine(cmd))
				}
			}
		}
	}
	return b.String()
}

func verbLine(cmd *cobra.Command) string {
	_, statuses := exitStatuses(cmd.Long)
	var numbers []string
	for _, s := range statuses {
		numbers = append(numbers, s.number)
	}
	if cmd.Name() == "run" {
		numbers = append(numbers, "or the command's")
	}
	asJSON := ""
	if cmd.Flags().Lookup("json") != nil {
		asJSON = "yes"
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s |\n", strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" "), cmd.Short, asJSON, strings.Join(numbers, " "))
}

// flagsTable has a line for each flag that several verbs have.
func flagsTable() string {
	terms, users := map[string]string{}, map[string][]string{}
	for _, cmd := range verbs(new(app).root())[1:] {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Name == "help" || cmd.Parent().Name() == "completion" {
				return
			}
			value, _ := pflag.UnquoteUsage(f)
			term := "`--" + f.Name + "`"
			if f.Shorthand != "" {
				term = "`-" + f.Shorthand + "`, " + term
			}
			if value != "" {
				term += " " + value
			}
			terms[f.Name] = term
			users[f.Name] = append(users[f.Name], "`"+strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")+"`")
		})
	}
	var b strings.Builder
	b.WriteString("| flag | verbs |\n|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(terms)) {
		if len(users[name]) > 1 {
			fmt.Fprintf(&b, "| %s | %s |\n", terms[name], strings.Join(users[name], " "))
		}
	}
	return b.String()
}
