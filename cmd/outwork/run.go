package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
)

// runOptions are the flags of run.
type runOptions struct {
	shares  shares
	modules []string
	code    string
	lang    oneOf
	timeout timeout
	steps   steps
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

load("lib/x.star", "f") reads from the folders given with --modules, in their order,
and then from the folder that the script lies in.

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
	f.Var(&o.steps, "steps", "the most steps that it may take, about ten a line")
	f.Var(&o.level, "log-level", "least to show: "+list(o.level.words))
	f.Var(&o.output, "output", "show prints line by line (stream), in one piece\nat the end (atomic), or as log records (log)")
	f.StringVar(&o.record, "record", "", "write what crosses the link to this `file`")
	f.BoolVar(&a.json, "json", false, "print one JSON object, for programs")
	for name, complete := range map[string]cobra.CompletionFunc{
		"share": completeShare, "modules": completeFolder, "code": cobra.NoFileCompletions, "timeout": cobra.NoFileCompletions, "steps": cobra.NoFileCompletions,
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
	s.Steps = uint64(o.steps)
	j, err := a.newJob(o, s)
	if err != nil {
		return err
	}
	ctx, stop := interruptible(ctx)
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

// job is a script with all that it needs to run.
type job struct {
	source
	manager outwork.Manager
	screen  *screen
	closers []io.Closer
}

func (a *app) newJob(o *runOptions, s source) (*job, error) {
	j := &job{source: s, screen: newScreen(a.stderr)}
	stdout := a.stdout
	if a.json {
		stdout = a.stderr
	}
	m := &j.manager
	m.Stdout, m.Stderr, m.Output = j.screen.stdout(stdout), j.screen.stderr(a.stderr), outputOf(o.output.value)
	colour := isTerminal(a.stderr) && os.Getenv("NO_COLOR") == ""
	m.Log = slog.New(newLogHandler(m.Stderr, levelOf(o.level.value), colour))
	if err := j.open(o); err != nil {
		j.close()
		return nil, err
	}
	return j, nil
}

// open opens the files that o names.
func (j *job) open(o *runOptions) error {
	for _, s := range o.shares {
		c, err := openShare(s)
		if err != nil {
			return err
		}
		j.closers = append(j.closers, c)
		if err := j.manager.Share(s.name, c); err != nil {
			return usage("--share %s=%s: %v", s.name, s.path, err)
		}
	}
	modules, err := openModules(o.modules, &j.source)
	if err != nil {
		return err
	}
	j.manager.Modules = modules.folders
	j.closers = append(j.closers, modules)
	if o.record == "" {
		return nil
	}
	r, err := createRecord(o.record)
	if err != nil {
		return err
	}
	j.manager.Record = r
	j.closers = append(j.closers, r)
	return nil
}

// close closes the files, and returns the first error of that.
func (j *job) close() (err error) {
	for _, c := range j.closers {
		if e := c.Close(); err == nil {
			err = e
		}
	}
	return err
}

func openShare(s share) (container.Container, error) {
	info, err := os.Stat(s.path)
	if err == nil && info.IsDir() {
		return nil, usage("--share %s=%s: it is a folder; share a file in it", s.name, s.path)
	}
	c, err := container.FromFile(s.path)
	if err != nil {
		if cause := errors.Unwrap(err); cause != nil { // without "container from a file"
			err = cause
		}
		return nil, usage("--share %s=%s: cannot share the file: %v", s.name, s.path, bare(err))
	}
	return c, nil
}

// run runs the script in a worker, which is gone when it returns.
func (j *job) run(ctx context.Context) (v outwork.Value, err error) {
	defer j.screen.clear()
	v, err = j.work(ctx)
	if err != nil {
		j.manager.Close()
		return v, err
	}
	return v, j.manager.Shutdown(ctx)
}

func (j *job) work(ctx context.Context) (outwork.Value, error) {
	w, err := j.manager.Start(ctx, outwork.Target{Name: j.workerName()})
	if err != nil {
		return outwork.Value{}, &startError{err}
	}
	return w.Run(outwork.WithProgress(ctx, j.screen.progress), j.Script)
}
