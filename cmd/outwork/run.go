package main

import (
	"context"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/script/python"
)

// runOptions are the flags of run.
type runOptions struct {
	shares  shares
	modules []string
	code    string
	lang    oneOf
	timeout timeout
	steps   steps
	python  string
	preload []string
	level   oneOf
	output  oneOf
	record  string
}

func (a *app) runVerb() *cobra.Command {
	o := runOptions{
		lang:   oneOf{"", languages(), "language"},
		level:  oneOf{"info", logLevels(), "level"},
		output: oneOf{"stream", outputModes(), "mode"},
	}
	cmd := &cobra.Command{
		Use:   "run [flags] SCRIPT [ARG...]",
		Short: "Run a script in a worker",
		Long: `Run starts a worker, shares files with it, and runs a script there.

SCRIPT is a file, or - for standard input, or left out when there is -c. What
follows it is the script's, flags too. If the script defines main, that is called
with the arguments.

What the script prints goes to standard output, and behind it what main returns, as
JSON, unless that is None. What it logs goes to standard error. With --json, standard
output is one JSON object, {"value": ...} or {"error": {"kind", "message", "traceback"}},
and what the script prints goes to standard error.

load("lib/x.star", "f"), in Python import, reads from the folders given with --modules,
in their order, and then from the folder that the script lies in.

A Python script runs in python3, as __main__, with all that is installed there. If it
neither calls main nor looks at __name__ itself, main is called as above; else its value
is what it gives to outwork.result(value). A sys.exit with a status ends with that status.
"import outwork" gives it outwork.shared and more: see package script/python.

Exit status:
  0    the script ended well
  1    it failed; its traceback is on standard error
  2    the command line is wrong, or a file that it names
  3    the worker was lost: a signal, an exit, a broken protocol
  124  it timed out
  130  it was interrupted`,
		Example: `  outwork run hello.star
  outwork run --share data=/bin/ls examples/imports.star
  outwork run -c 'print(shared("data").find("ELF"))' --share data=/bin/ls
  outwork run --share data=/bin/ls examples/search.py data
  outwork run --share data=app.exe --modules lib examples/imports.py
  outwork run --lang python -c 'import sys; print(sys.version)'
  outwork run --timeout 30s --modules lib --json report.star --verbose`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runScript(cmd.Context(), &o, cmd.Flags().Changed("code"), args)
		},
		ValidArgsFunction: completeScript,
	}
	a.runFlags(cmd, &o)
	return cmd
}

func (a *app) runFlags(cmd *cobra.Command, o *runOptions) {
	f := cmd.Flags()
	f.SetInterspersed(false)
	f.SortFlags = false
	f.Var(&o.shares, "share", "share a file under a name; may be repeated")
	f.StringArrayVar(&o.modules, "modules", nil, "a `folder` that load reads from; may be repeated")
	f.StringVarP(&o.code, "code", "c", "", "run this `code` instead of a file")
	f.Var(&o.lang, "lang", "the script's: "+list(o.lang.words)+" (default: by its file's name)")
	f.Var(&o.timeout, "timeout", "the longest that it may take, as in 30s")
	f.Var(&o.steps, "steps", "the most steps that it may take, about ten a line; not in Python")
	f.Var(&o.level, "log-level", "least to show: "+list(o.level.words))
	f.Var(&o.output, "output", "show prints line by line (stream), in one piece\nat the end (atomic), or as log records (log)")
	f.StringVar(&o.python, "python", "", "the Python `interpreter` (default: $"+python.Variable+", or python3)")
	f.StringSliceVar(&o.preload, "preload", nil, "Python `modules` to import before the script runs")
	f.StringVar(&o.record, "record", "", "write what crosses the link to this `file`")
	f.BoolVar(&a.json, "json", false, "print one JSON object, for programs")
	for name, complete := range map[string]cobra.CompletionFunc{
		"share": completeShare, "modules": completeFolder, "code": cobra.NoFileCompletions, "timeout": cobra.NoFileCompletions, "steps": cobra.NoFileCompletions, "preload": cobra.NoFileCompletions,
		"lang": o.lang.complete, "log-level": o.level.complete, "output": o.output.complete,
	} {
		_ = cmd.RegisterFlagCompletionFunc(name, complete) // the flags are those above
	}
}

// runScript is the verb.
func (a *app) runScript(ctx context.Context, o *runOptions, hasCode bool, args []string) error {
	var code *string
	if hasCode {
		code = &o.code
	}
	s, err := a.readSource(o.lang.value, code, args)
	if err != nil {
		return err
	}
	if s.Steps = uint64(o.steps); s.Steps > 0 && s.Lang == python.Lang {
		return usage("--steps: Python's steps are not counted; give a --timeout")
	}
	if s.Lang != python.Lang && (o.python != "" || len(o.preload) > 0) {
		return usage("--python and --preload are for Python, and %s is %s", s.Name, s.Lang)
	}
	if err := o.findPython(&s); err != nil {
		return err
	}
	j, err := a.newJob(o, s)
	if err != nil {
		return err
	}
	ctx, stop := shell.Interruptible(ctx) // by the second signal, the starter kills what is left
	defer stop()
	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(o.timeout))
		defer cancel()
	}
	v, err := j.run(ctx)
	closeErr := j.close()
	switch {
	case err != nil:
		return ending(ctx, s.Name, time.Duration(o.timeout), err)
	case closeErr != nil:
		return closeErr
	}
	return a.printValue(v)
}

// findPython makes sure that there is an interpreter, if one is needed.
func (o *runOptions) findPython(s *source) error {
	if s.Lang != python.Lang {
		return nil
	}
	_, err := python.Find(o.python, os.Environ())
	if err != nil {
		return usage("cannot run %s: %v", s.Name, err)
	}
	return nil
}

// target is where the script is to run: a worker of its own language, or one of ours.
func (o *runOptions) target(s *source) outwork.Target {
	t := outwork.Target{Name: s.workerName()}
	if s.Lang == python.Lang {
		t.Lang, t.Program, t.Preload = python.Lang, o.python, o.preload
	}
	return t
}

// printValue prints what a script returned.
func (a *app) printValue(v outwork.Value) error {
	switch {
	case a.json:
		return a.printJSON(map[string]any{"value": v})
	case v.IsNil():
		return nil
	}
	return a.printJSON(v)
}
