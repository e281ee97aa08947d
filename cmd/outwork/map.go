package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/outwork-go/outwork/cmd/outwork/internal/place"
	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/sandbox"
	"github.com/outwork-go/outwork/script/python"
)

// mapOptions are the flags of map. Those that it shares with run are in script.
type mapOptions struct {
	script runOptions

	workers workerCount
	timeout shell.Timeout
	retries retries
	ordered bool
	resume  string
	again   bool // what failed is done again
	outDir  string
	quota   amount
	walk    walk
	list    string // a file of names
	nul     bool   // they end with NUL
	quiet   bool
}

const (
	usualMapTimeout = time.Minute
	usualQuota      = 1 << 30 // bytes that are emitted in all

	// maxWorkerOutput is how many bytes a worker may print and log past the script: what that
	// prints goes with its file.
	maxWorkerOutput = 16 << 20
)

func (a *app) mapVerb() *cobra.Command {
	o := mapOptions{script: runOptions{lang: oneOf{"", languages(), "language"}, level: oneOf{"info", logLevels(), "level"}}, timeout: shell.Timeout(usualMapTimeout), retries: 1, quota: usualQuota}
	cmd := &cobra.Command{
		Use:   "map [flags] SCRIPT FILE...\n  outwork map [flags] -r SCRIPT DIR...\n  outwork map [flags] --files-from LIST SCRIPT",
		Short: "Run a script over many files, hostile ones too, in confined workers",
		Long: `Map calls main(container) of a script once for each file, in several workers that are
confined, and prints a line of JSON for each. A file that is the end of its worker costs one
line of the report: it is tried once more, alone in a fresh worker, and if it is the end of that
too its line says so. The others that were under way are done again.

A line is {"file", "value", "time", "memory"}: what main returns, the seconds that it took, and
the most bytes that its worker has ever had. In the place of "value" there is "error": {"kind",
"cause", "message"} where that failed, with "traceback" of a script that did. "output" is what
the script printed, at most 64 KiB ("output_cut" says that there was more; more than 1 MiB is
an error), "emitted" the files below --out, and "tries" how often it was tried, if not once. A
name that is not UTF-8 is besides in "file_base64". Causes are
  unreadable                  the file could not be read (kind file)
  script                      the script failed (kind script)
  time steps memory output    it went beyond a limit (kind timeout or limit; kind lost when
                              that was the end of its worker)
  crash exit killed policy cpu overdue protocol
                              the end of its worker (kind lost): policy is what the sandbox
                              forbids, overdue that it did not stop when it was told to

What a Starlark script defines at its top level is frozen, so that nothing of one file reaches
another; Python's globals stay as they are. In Starlark load, in Python import, read from the
folders of --modules and then from the script's own.

With --out, a script gives files by emit(name, data), in Python outwork.emit: they come to be
DIR/<sha256 of the file>/NAME. A name is made safe: what is in it of separators and control
characters becomes _. A file may emit 1,000 files and 64 MiB. They are there when it is done:
one that is the end of its worker, or takes too long, leaves none.

With --resume the lines are appended to that file, which is made if need be, and what it
holds already, by the name that was printed, is not done again, whichever script that was; the
last line of a file counts. A last line that was cut short is dropped; a file that holds
anything else is refused.

A FILE that is not there when it begins is refused, before anything is run; one that is gone
when its turn comes, or is only in a list or a folder, costs its line. The file that the results
go to, and with -r the folder of --out, are left out.

` + sourceHelp + `

` + sandboxHelp + `

Exit status:
  0    main returned for all files
  1    some files failed, or the script cannot be loaded
  2    the command line is wrong, or the script cannot be read
  3    no worker could be started, or the host was lost
  130  it was interrupted; what had been done by then was printed`,
		Example: `  outwork map examples/imports.star -r /usr/bin /usr/lib
  outwork map -c 'def main(c): return hex(c.sha256())' *.bin
  outwork map --resume results.jsonl --file-timeout 10s --memory 256M parse.star -r samples
  find samples -type f -print0 | outwork map --null --files-from - parse.star >results.jsonl
  outwork map --out parts unpack.star *.zip
  outwork map --workers 8 examples/imports.py -r /usr/bin`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runMap(cmd, &o, args)
		},
		ValidArgsFunction: completeScript,
	}
	a.mapFlags(cmd, &o)
	return cmd
}

func (a *app) mapFlags(cmd *cobra.Command, o *mapOptions) {
	f := cmd.Flags()
	f.SortFlags = false
	f.Var(&o.workers, "workers", "how many workers there are (default: as many as processors here)")
	f.Var(&o.timeout, "file-timeout", "the longest that one file may take")
	f.Var(&o.retries, "retries", "how often a file is tried again that was the end of its worker")
	f.BoolVar(&o.ordered, "ordered", false, "print in the order of the files, instead of as they are done")
	f.StringVar(&o.resume, "resume", "", "append to this `file` instead of printing, and leave out what it holds")
	f.BoolVar(&o.again, "retry-failed", false, "with --resume: do again what failed")
	f.StringVar(&o.outDir, "out", "", "the `folder` for what scripts emit; it is made if need be")
	f.Var(&o.quota, "out-quota", "the most that all files together may emit")
	o.walk.add(f, "map")
	f.StringVar(&o.list, "files-from", "", "a `file` of the files' names, one a line; - is standard input")
	f.BoolVar(&o.nul, "null", false, "with --files-from: behind each name is a NUL, as of find -print0")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "show neither progress nor a summary")
	f.BoolVar(&a.json, "json", false, "print what is wrong with all of it as a JSON object too, for programs")
	o.scriptFlags(f)
	o.script.sandbox.unhurried = true
	o.script.sandbox.add(f, sandbox.Strict)
	f.Lookup("cpu").Usage = "the most CPU time of a worker, in whole seconds, as in 30s (default: no limit)"
	o.script.hosts.add(cmd, false)
	o.script.sandbox.complete(cmd)
	for _, name := range []string{"workers", "file-timeout", "retries", "out-quota", "include", "exclude", "code", "steps", "preload"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions) // the flags are those above
	}
	for name, complete := range map[string]cobra.CompletionFunc{
		"share": completeShare, "modules": completeFolder, "out": completeFolder, "lang": o.script.lang.complete, "log-level": o.script.level.complete,
	} {
		_ = cmd.RegisterFlagCompletionFunc(name, complete)
	}
}

// scriptFlags are those that mean what they mean to run.
func (o *mapOptions) scriptFlags(f *pflag.FlagSet) {
	f.StringVarP(&o.script.code, "code", "c", "", "run this `code` instead of a file")
	f.Var(&o.script.lang, "lang", "the script's: "+list(o.script.lang.words)+" (default: by its file's name)")
	f.StringArrayVar(&o.script.modules, "modules", nil, "a `folder` that load reads from; may be repeated")
	f.Var(&o.script.shares, "share", "share a file, or what else is a source, under a name; may be repeated")
	f.Var(&o.script.steps, "steps", "the most steps that one file may take, about ten a line; not in Python")
	f.StringVar(&o.script.python, "python", "", "the Python `interpreter` (default: $"+python.Variable+", or python3)")
	f.StringSliceVar(&o.script.preload, "preload", nil, "Python `modules` to import before the script is loaded")
	f.Var(&o.script.level, "log-level", "least to show: "+list(o.script.level.words))
}

// runMap is the verb.
func (a *app) runMap(cmd *cobra.Command, o *mapOptions, args []string) error {
	if err := o.check(cmd); err != nil {
		return err
	}
	ctx, stop := a.begin(cmd.Context(), 0)
	defer stop()
	m, err := a.newMapping(ctx, cmd, o, args)
	if err != nil {
		return ending(ctx, "", 0, err)
	}
	return ending(ctx, "", 0, m.run(ctx))
}

// check refuses flags that do not go together.
func (o *mapOptions) check(cmd *cobra.Command) error {
	switch {
	case o.again && o.resume == "":
		return usage("--retry-failed is about what a file of results holds: name that with --resume")
	case o.nul && o.list == "":
		return usage("--null is about the names of --files-from")
	case cmd.Flags().Changed("out-quota") && o.outDir == "":
		return usage("--out-quota bounds what goes to --out: name a folder with that")
	}
	return o.walk.check()
}

// newMapping opens all that the command line names.
func (a *app) newMapping(ctx context.Context, cmd *cobra.Command, o *mapOptions, args []string) (_ *mapping, err error) {
	ds, err := o.script.hosts.destinations()
	if err == nil {
		err = o.script.confine(a, nil, ds)
	}
	if err != nil {
		return nil, err
	}
	s, files, far, err := a.mapSource(ctx, cmd, o, args)
	if err != nil {
		return nil, err
	}
	if err = o.script.suits(a, &s, ds); err == nil {
		err = o.named(files)
	}
	if err == nil {
		err = present(files)
	}
	if err != nil {
		far.Close()
		return nil, err
	}
	j, err := a.newJob(ctx, &o.script, s, far)
	if err != nil {
		return nil, err
	}
	j.target.Limits.Output = maxWorkerOutput
	j.manager.Stdout = j.screen.stderr(a.stderr)
	m := &mapping{mapOptions: o, app: a, job: j, place: ds[0], verb: cmd.CommandPath(), files: files}
	if err = m.open(); err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

// mapSource is the script, and what of args is behind it.
func (a *app) mapSource(ctx context.Context, cmd *cobra.Command, o *mapOptions, args []string) (s source, files []string, far *files, err error) {
	if far, err = newFiles(&o.script.hosts); err != nil {
		return s, nil, nil, err
	}
	var code *string
	if cmd.Flags().Changed("code") {
		code = &o.script.code
	}
	s, err = a.readSource(ctx, far, o.script.lang.value, code, args)
	if script := swapped(args); err != nil && code == nil && script != "" {
		err = usage("cannot run %s: the script comes first, as in %s %s %[1]s", args[0], cmd.CommandPath(), script)
	}
	if err != nil {
		far.Close()
		return s, nil, nil, err
	}
	files, s.Args = s.Args, nil
	return s, files, far, nil
}

// named refuses a command line that names no files, or does so in two ways.
func (o *mapOptions) named(files []string) error {
	switch {
	case o.list != "" && len(files) > 0:
		return usage("%s and --files-from %s: name the files in one of both ways", files[0], o.list)
	case o.list == "" && len(files) == 0 && o.walk.recursive:
		return usage("there is no folder: name it, as in -r .")
	case o.list == "" && len(files) == 0:
		return usage("there is no file: name some, or folders with -r, or a list of them with --files-from")
	}
	return nil
}

// present refuses paths of this machine that are not there: they are mistyped, and would count as
// done in a file of results. What ends between this and its turn costs a line.
func present(files []string) error {
	for _, name := range files {
		path, _, _ := cutRange(name)
		if path == standardInput || strings.HasPrefix(path, "pid:") || place.IsURL(path) {
			continue
		}
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			return noFile(path, err)
		}
	}
	return nil
}

// swapped is the only script among args, if it stands behind what it is to be run over; or nothing.
func swapped(args []string) string {
	isScript := func(arg string) bool {
		_, ok := guestOf(arg)
		return ok && exists(arg)
	}
	at := slices.IndexFunc(args, isScript)
	if at <= 0 || !exists(args[0]) || slices.ContainsFunc(args[at+1:], isScript) {
		return ""
	}
	return args[at]
}

// workerCount is the flag --workers; 0: as many as processors.
type workerCount int

func (n *workerCount) Type() string { return "count" }

func (n *workerCount) String() string {
	if *n == 0 {
		return ""
	}
	return strconv.Itoa(int(*n))
}

func (n *workerCount) Set(s string) error {
	const most = 4096
	v, err := strconv.Atoi(s)
	if err != nil || v < 1 || v > most {
		return errors.New("it is a number from 1 to " + strconv.Itoa(most))
	}
	*n = workerCount(v)
	return nil
}

// retries is the flag --retries.
type retries int

func (n *retries) Type() string   { return "count" }
func (n *retries) String() string { return strconv.Itoa(int(*n)) }

func (n *retries) Set(s string) error {
	const most = 100
	v, err := strconv.Atoi(s)
	if err != nil || v < 0 || v > most {
		return errors.New("it is a number from 0 to " + strconv.Itoa(most))
	}
	*n = retries(v)
	return nil
}
