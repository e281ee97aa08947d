package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork/internal/output"
	"github.com/outwork-go/outwork/internal/service/command/asking"
)

// app is one run of the command: what its verbs share.
type app struct {
	stdin          *os.File
	stdout, stderr *os.File
	json           bool // the result, or the error, is one JSON object on stdout
}

// run is the command; it returns its exit status.
func run(args []string, stdin, stdout, stderr *os.File) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteC()
	if err != nil {
		return a.fail(cmd.CommandPath(), err)
	}
	return statusOK
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "outwork",
		Short: "Hand work to another process",
		Long: `Outwork hands work to another process: it runs scripts in a worker, over files
that are shared with it without a copy. Nothing is left when it ends.`,
		Example: `  outwork run hello.star
  outwork run --share data=/bin/ls examples/imports.star`,
		Version:       versionText(),
		SilenceErrors: true,
		SilenceUsage:  true,

		DisableFlagsInUseLine: true,
		Args:                  knownVerb,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("{{.Version}}")
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(a.runVerb(), a.wireVerb(), a.versionVerb())
	root.AddCommand(asking.Verbs()...)
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	settle(root)
	return root
}

// settle is for the verbs that cobra makes by itself: they have examples, and are as
// strict as the others.
func settle(root *cobra.Command) {
	for _, verb := range root.Commands() {
		switch verb.Name() {
		case "help":
			verb.Example = "  outwork help run"
			verb.Run, verb.RunE = nil, explain
		case "completion":
			verb.Example = "  source <(outwork completion bash)"
			verb.Args, verb.RunE = knownVerb, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			for _, shell := range verb.Commands() {
				shell.Example = "  outwork completion " + shell.Name()
				shell.Args = noArguments
			}
		}
	}
}

// explain shows the help of the verb that words name.
func explain(cmd *cobra.Command, words []string) error {
	about := cmd.Root()
	for _, word := range words {
		verbs := about.Commands()
		at := slices.IndexFunc(verbs, func(verb *cobra.Command) bool { return verb.Name() == word })
		if at < 0 {
			return knownVerb(about, []string{word})
		}
		about = verbs[at]
	}
	return about.Help()
}

// fail reports err and returns the exit status that it asks for.
func (a *app) fail(path string, err error) int {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		f = &failure{status: statusFailed, Kind: kindOther, Message: err.Error()}
		if e, ok := errors.AsType[statusError](err); ok {
			f.status = e.ExitStatus()
		}
	}
	switch {
	case a.json:
		_ = a.printJSON(map[string]any{"error": f})
	case f.quiet:
	case f.Traceback != "":
		a.complain(f.Traceback)
	default:
		a.complain(path + ": " + f.Message)
	}
	return f.status
}

// statusError is an error of the verbs that ask services.
type statusError interface {
	error
	ExitStatus() int
}

// complain writes to stderr what may quote a worker.
func (a *app) complain(text string) {
	a.stderr.Write(append(output.Sanitize([]byte(strings.TrimRight(text, "\n"))), '\n'))
}

// printJSON writes v on a line of stdout.
func (a *app) printJSON(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		if e, ok := errors.AsType[*json.MarshalerError](err); ok {
			err = e.Err
		}
		return fmt.Errorf("print the result: %w", err)
	}
	line := b.Bytes()
	if isTerminal(a.stdout) {
		line = output.Sanitize(line)
	}
	if _, err := a.stdout.Write(line); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}
