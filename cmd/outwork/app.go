package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork/internal/output"
	"github.com/outwork-go/outwork/internal/service/command/asking"
	"github.com/outwork-go/outwork/internal/service/command/shell"
)

// app is one run of the command: what its verbs share.
type app struct {
	args           []string // of the command line
	stdin          *os.File
	in             *input // the same, for those who read it as a source
	stdout, stderr *os.File
	json           bool     // the result, or the error, is one JSON object on stdout
	out, err       *heeding // to stdout and stderr, of a verb that has begun; else nil

	helpErr   error                 // of writing help
	summaryOf func([]outcome) error // instead of summary, where that says too little
}

// run is the command; it returns its exit status.
func run(args []string, stdin, stdout, stderr *os.File) int {
	a := &app{args: args, stdin: stdin, in: &input{f: stdin}, stdout: stdout, stderr: stderr}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteC()
	if err = cmp.Or(err, a.helpErr); err != nil {
		return a.fail(cmd, err)
	}
	return statusOK
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "outwork",
		Short: "Hand work to another process",
		Long: `Outwork hands work to another process: it runs scripts in a worker, over files
that are shared with it without a copy; here, as another user, or on other hosts, where
nothing needs to be installed. Nothing is left when it ends.

Each verb's help has its flags, examples and exit statuses. What is wrong is one sentence on
standard error; with --json, which verbs have whose output programs read, it is an object
on standard output instead, {"error": {"kind", "message"}}. NO_COLOR is respected.

Exit status:
  0    all went well
  1    what was to be done failed
  2    the command line is wrong, or a file that it names
  3    the worker, or the host, could not be reached or was lost
  124  it timed out
  130  it was interrupted`,
		Example: `  outwork run hello.star
  outwork run --share data=/bin/ls examples/imports.star
  outwork map examples/imports.star -r /usr/bin
  outwork search -r GLIBC_2.36 /usr/lib
  outwork inspect app.exe
  outwork hex app.exe
  outwork run --on ssh://db1 --on sudo://root -- systemctl status postgresql
  outwork put --hosts db1,db2 site.conf /tmp/`,
		SilenceErrors: true,
		SilenceUsage:  true,

		DisableFlagsInUseLine: true,
	}
	help := helpVerb()
	root.SetHelpCommand(help)
	version := root.Flags().Bool("version", false, "print what outwork version prints")
	root.SetFlagErrorFunc(a.flagError)
	root.SetHelpFunc(a.help)
	root.AddGroup(groups()...)
	grouped(root, groupWork, a.runVerb(), a.mapVerb())
	grouped(root, groupBytes, a.searchVerb(), a.inspectVerb(), a.hexVerb())
	grouped(root, groupHosts, a.putVerb(), a.getVerb(), a.hostsVerb(), a.listenVerb(), a.joinVerb(), a.attachVerb(), a.buildAgentsVerb())
	for _, verb := range asking.Verbs() {
		grouped(root, groupServices, a.runnable(verb))
	}
	grouped(root, groupSelf, a.wireVerb(), a.runnable(a.versionVerb()), a.manVerb(), help)
	root.InitDefaultCompletionCmd()
	settleCompletion(root)
	settle(root)
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		if *version {
			return a.printVersion()
		}
		return cmd.Help()
	}
	return root
}

// fail reports err, of cmd, and returns the exit status that it asks for.
func (a *app) fail(cmd *cobra.Command, err error) int {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		f = &failure{status: statusFailed, Kind: kindOther, Message: err.Error()}
		if e, ok := errors.AsType[statusError](err); ok {
			f.status, f.Kind = e.ExitStatus(), shell.KindOf(e.ExitStatus())
		}
	}
	if asked := cmd.Flags().Lookup("json"); asked != nil && asked.Value.String() == "true" { // those that ask services have a flag of their own
		a.json = true
	}
	switch {
	case f.told:
	case a.json:
		_ = a.printJSON(map[string]any{"error": f})
	case f.quiet:
	case f.Traceback != "":
		a.complain(f.Traceback)
	default:
		a.complain(cmd.CommandPath() + ": " + f.Message)
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
	a.outlet(a.stderr).Write(append(output.Sanitize([]byte(strings.TrimRight(text, "\n"))), '\n'))
}

// printJSON writes v on a line of stdout.
func (a *app) printJSON(v any) error {
	line, err := encode(v)
	if err != nil {
		return err
	}
	return a.write(line)
}

// encode is v as a line of JSON.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		if e, ok := errors.AsType[*json.MarshalerError](err); ok {
			err = e.Err
		}
		return nil, fmt.Errorf("print the result: %w", err)
	}
	return b.Bytes(), nil
}

// write writes a line to stdout.
func (a *app) write(line []byte) error {
	if isTerminal(a.stdout) {
		line = output.Sanitize(line)
	}
	if _, err := a.outlet(a.stdout).Write(line); err != nil {
		return fmt.Errorf("cannot write standard output: %w", bare(err))
	}
	return nil
}
