package main

import (
	"cmp"
	"context"
	"os"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/legible"
	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/sandbox"
	"github.com/outwork-go/outwork/script/python"
	"github.com/outwork-go/outwork/script/starlark"
)

// runOptions are the flags of run.
type runOptions struct {
	shares   shares
	modules  []string
	code     string
	lang     oneOf
	timeout  shell.Timeout
	steps    steps
	grants   someOf
	terminal bool // is granted
	python   string
	preload  []string
	level    oneOf
	output   oneOf
	record   string
	stats    bool
	sandbox  sandboxFlags
	hosts    hostFlags

	place outwork.Target // as the flags of the sandbox say
}

func (a *app) runVerb() *cobra.Command {
	o := runOptions{
		lang:   oneOf{"", languages(), "language"},
		grants: someOf{nil, []string{starlark.GrantHost, grantTerminal}, "grant"},
		level:  oneOf{"info", logLevels(), "level"},
		output: oneOf{"stream", outputModes(), "mode"},
	}
	cmd := &cobra.Command{
		Use:   "run [flags] SCRIPT [ARG...]\n  outwork run [flags] -- COMMAND [ARG...]",
		Short: "Run a script or a command in a worker, here or on other hosts",
		Long: `Run starts a worker, shares files with it, and runs a script there; or, behind --, a
plain command.

SCRIPT is a file, or - for standard input, or left out when there is -c. What
follows it is the script's, flags too. If the script defines main, that is called
with the arguments.

What the script prints goes to standard output, and behind it what main returns, as
JSON, unless that is None. What it logs goes to standard error. With --json, standard
output is one JSON object, {"value": ...} or {"error": {"kind", "message", "traceback"}},
and what the script prints goes to standard error.

load("lib/x.star", "f"), in Python import, reads from the folders given with --modules,
in their order, and then from the folder that the script lies in, on a host too.

A Starlark script reaches nothing of the machine, unless it is run with --grant host:
then its host.open, read, stat, glob, write, run and facts are files and commands of the
machine that the worker runs on, with its user's rights: see package script/starlark.

With --grant terminal a script can show a container here and is told what was selected:
show(c) in Starlark, outwork.show(c) in Python. It gets neither the terminal nor what is
typed there.

A Python script runs in python3, as __main__, with all that is installed there. If it
neither calls main nor looks at __name__ itself, main is called as above; else its value
is what it gives to outwork.result(value). A sys.exit with a status ends with that status.
"import outwork" gives it outwork.shared and more: see package script/python.

COMMAND is a program, looked up in PATH there, and no shell sees it. Its standard input,
output and errors are this command's, and so is its exit status: 128 and the number of
the signal if one ended it.
Ctrl-C sends it SIGINT, and kills it 2 seconds later. What it leaves in the background
ends with it.

Where: --on names the host, ssh://user@db1:2222 or db1 or sudo://root; when repeated, the
hops to it. With --hosts or --hosts-file there are several; each has a name, or a chain
of hops with spaces between them, and --on is the way to all of them. Then each line that
is printed begins with its host, standard input is empty, and a table on standard error
says what became of each; with --json there is an object for each on standard output,
{"host", "seconds"} and "value", "status" or "error".

With --sandbox=contained the worker reads the files that its user may read (as root: that
anybody may) and starts processes, but writes nothing, has no network, sees no other
process, and gains no rights. With --sandbox=strict, or --sandbox alone, it computes and
talks to this command, and has no files either: give it what it works on by --share. What
--allow-... names is left to it: paths on a host are those there, and as root it has a user
id of its own, to which what is named must be open as to others. Paths are as outside; it
begins in this folder if that is granted, or leads to what is, else in /. -v tells what holds it.
Where something of that cannot be had, nothing is run; --allow-reduced runs it with what
there is. A confined worker has 1 GiB of memory and 10 minutes of CPU time, unless --memory
and --cpu say otherwise, which are for every worker.

What --share names is a source:
` + sourceHelp + `

SCRIPT too can be a file on a host. Those are reached from here, without the hops of --on.
What is shared so and has more than 16 MiB is never copied: it is read and searched there.

Exit status:
  0    the script ended well
  1    it failed; its traceback is on standard error. Or some of several hosts failed
  2    the command line is wrong, or a file that it names
  3    the worker was lost: a signal, an exit, a limit, a broken protocol; or cannot be
       confined as it should be
  124  it timed out
  126  the command cannot be run; any other status may be the command's
  127  there is no such command
  130  it was interrupted`,
		Example: `  outwork run hello.star
  outwork run --share data=/bin/ls examples/imports.star
  outwork run -c 'print(shared("data").find("ELF"))' --share data=/bin/ls
  outwork run --share data=/bin/ls examples/search.py data
  outwork run --share data=app.exe --modules lib examples/imports.py
  outwork run --share memory=pid:1234 --share boot=disk.img@0x200+512 look.star
  outwork run --grant host examples/facts.star
  outwork run --grant terminal --share data=app.exe examples/hex.py
  outwork run --sandbox -v --memory 256M --share data=app.exe examples/imports.star
  outwork run --sandbox=contained -- sh -c 'id; ls /tmp'
  outwork run --lang python -c 'import sys; print(sys.version)'
  outwork run --timeout 30s --modules lib --json report.star --verbose
  outwork run --on ssh://db1 --on sudo://root -- cat /etc/shadow
  outwork run --on db1 -- tar cz -C /srv . >srv.tgz
  outwork run --hosts db1,db2,deploy@db3:2222 -- uname -r
  outwork run --hosts-file fleet --parallel 50 facts.star`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.ArgsLenAtDash() == 0 && !cmd.Flags().Changed("code") {
				return a.runCommand(cmd, &o, args)
			}
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
	f.Var(&o.shares, "share", "share a file, or what else is a source, under a name; may be repeated")
	f.StringArrayVar(&o.modules, "modules", nil, "a `folder` that load reads from; may be repeated")
	f.StringVarP(&o.code, "code", "c", "", "run this `code` instead of a file")
	f.Var(&o.lang, "lang", "the script's: "+list(o.lang.words)+" (default: by its file's name)")
	f.Var(&o.timeout, "timeout", "the longest that it may take, as in 30s")
	f.Var(&o.steps, "steps", "the most steps that it may take, about ten a line; not in Python")
	f.Var(&o.grants, "grant", "let the script use this of the machine: "+list(o.grants.words)+";\nin Python only terminal")
	f.Var(&o.level, "log-level", "least to show: "+list(o.level.words))
	f.Var(&o.output, "output-mode", "show prints line by line (stream), in one piece\nat the end (atomic), or as log records (log)")
	f.StringVar(&o.python, "python", "", "the Python `interpreter` (default: $"+python.Variable+", or python3)")
	f.StringSliceVar(&o.preload, "preload", nil, "Python `modules` to import before the script runs")
	f.StringVar(&o.record, "record", "", "write what crosses the link to this `file`")
	f.BoolVar(&a.json, "json", false, "print the result, or what is wrong, as one JSON object, for programs")
	f.BoolVar(&o.stats, "stats", false, "tell at the end what was read of what is shared, on standard error")
	o.sandbox.add(f, sandbox.None)
	o.hosts.add(cmd, true)
	o.sandbox.complete(cmd)
	for name, complete := range map[string]cobra.CompletionFunc{
		"share": completeShare, "modules": completeFolder, "code": cobra.NoFileCompletions, "timeout": cobra.NoFileCompletions, "steps": cobra.NoFileCompletions, "preload": cobra.NoFileCompletions,
		"lang": o.lang.complete, "grant": o.grants.complete, "log-level": o.level.complete, "output-mode": o.output.complete,
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
	ds, err := o.hosts.destinations()
	if err != nil {
		return err
	}
	ctx, stop := a.begin(ctx, time.Duration(o.timeout)) // by the second signal, the starter kills what is left
	defer stop()
	if err := o.confine(a, args, ds); err != nil {
		return err
	}
	far, err := newFiles(&o.hosts)
	if err != nil {
		return err
	}
	s, err := a.readSource(ctx, far, o.lang.value, code, args)
	if err == nil {
		err = o.suits(a, &s, ds)
	}
	if err != nil {
		far.Close()
		return ending(ctx, s.Name, time.Duration(o.timeout), err)
	}
	j, err := a.newJob(ctx, o, s, far)
	if err != nil {
		return ending(ctx, s.Name, time.Duration(o.timeout), err)
	}
	ctx = j.granting(ctx, a, o)
	defer suspendable(&j.manager, &far.manager)()
	if o.hosts.many() {
		return a.runOnAll(ctx, o, j, ds)
	}
	v, err := j.run(ctx, ds[0])
	closeErr := j.close()
	j.stat.print(a)
	switch {
	case err != nil:
		return ending(ctx, s.Name, time.Duration(o.timeout), err)
	case closeErr != nil:
		return closeErr
	}
	return ending(ctx, s.Name, time.Duration(o.timeout), a.printValue(v))
}

// runOnAll runs a script at several places.
func (a *app) runOnAll(ctx context.Context, o *runOptions, j *job, ds []destination) error {
	names := workerNames(ds)
	err := a.onEach(ctx, ds, int(o.hosts.parallel), func(ctx context.Context, d destination) (map[string]any, error) {
		v, err := j.workOn(ctx, d, names[d.label])
		if err != nil {
			return nil, ending(ctx, j.Name, time.Duration(o.timeout), err)
		}
		if !a.json && !v.IsNil() {
			err = a.printLine(names[d.label], v)
		}
		return map[string]any{"value": v}, err
	})
	err = cmp.Or(j.end(ctx, err), j.close())
	j.stat.print(a)
	return err
}

// suits says what of the command line does not suit the script, or the places.
func (o *runOptions) suits(a *app, s *source, ds []destination) error {
	if s.Steps = uint64(o.steps); s.Steps > 0 && s.Lang == python.Lang {
		return usage("--steps: Python's steps are not counted; give a --timeout")
	}
	if err := o.valid(s); err != nil {
		return err
	}
	s.Grants = o.grants.values
	if err := o.takeTerminal(a, s, ds); err != nil {
		return err
	}
	if len(s.Grants) > 0 && s.Lang == python.Lang {
		return usage("--grant: %s is Python, which needs none: it may do all that its user may", s.Name)
	}
	if s.Lang != python.Lang && (o.python != "" || len(o.preload) > 0) {
		return usage("--python and --preload are for Python, and %s is %s", s.Name, s.Lang)
	}
	if slices.ContainsFunc(ds, func(d destination) bool { return !d.away() }) {
		return o.findPython(s)
	}
	return nil
}

// valid refuses what no script could be told: its strings are UTF-8.
func (o *runOptions) valid(s *source) error {
	for _, arg := range s.Args {
		if !utf8.ValidString(arg) {
			return usage("cannot run %s with the argument %s: it is not UTF-8, as a script's strings are", s.Name, legible.Visible(arg))
		}
	}
	for _, name := range o.preload {
		if !utf8.ValidString(name) {
			return usage("--preload %q: it is not UTF-8, as the names of modules are", name)
		}
	}
	return nil
}

// confine looks at how the worker is to be confined.
func (o *runOptions) confine(a *app, args []string, ds []destination) error {
	own := len(a.args) - max(len(args)-1, 0) // the rest is the script's
	if err := o.sandbox.apart(a.args[:own]); err != nil {
		return err
	}
	o.sandbox.away = slices.ContainsFunc(ds, func(d destination) bool { return d.away() })
	return o.sandbox.target(&o.place)
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
	t := o.place
	t.Name = s.workerName()
	if s.Lang == python.Lang {
		t.Lang, t.Program, t.Preload = python.Lang, o.python, o.preload
	}
	return t
}

// printLine prints what a script returned at one of several places.
func (a *app) printLine(name string, v outwork.Value) error {
	b, err := encode(v)
	if err != nil {
		return err
	}
	return a.write(append([]byte("["+name+"] "), b...))
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
