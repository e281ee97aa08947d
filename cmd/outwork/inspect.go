package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/inspect"
	_ "github.com/outwork-go/outwork/inspect/deep"
	"github.com/outwork-go/outwork/internal/legible"
	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/sandbox"
)

// inspectOptions are the flags of inspect.
type inspectOptions struct {
	hosts     hostFlags
	sandbox   sandboxFlags
	deep      bool
	structure bool
	timeout   shell.Timeout
	walk      walk
	stats     bool
}

func (a *app) inspectVerb() *cobra.Command {
	o := inspectOptions{timeout: shell.Timeout(inspect.DefaultTimeout)}
	cmd := &cobra.Command{
		Use:   "inspect [flags] [FILE...]",
		Short: "Tell what programs and libraries are: PE and ELF",
		Long: `Inspect tells what a file is, and of a program or library of Windows (PE) or Linux and
the like (ELF) its sections, what it imports and exports, and with --structure all fields
of its headers with their offsets. The files may be hostile: each is read by a worker,
for as long as --file-timeout says, and one that is the end of its worker costs itself alone.
With -r, folders are searched for PE and ELF files, but not through links. Without a FILE,
on a terminal, those of the folder are offered to choose one.

` + sandboxHelp + `

` + sourceHelp + `

With --json, standard output has an object on each line: {"file", "format", "kind",
"machine", "size", "facts", "sections", "imports", "exports", "overlay", "warnings"} and
"structure" and "symbols" if they were asked for, in which addresses, offsets and sizes
are numbers; or {"file", "error": {"kind", "message"}}.

Exit status:
  0    all files are PE or ELF
  1    some are neither; with -r, all are
  2    the command line is wrong, or a file could not be read
  3    a host could not be reached, or no worker started
  130  it was interrupted`,
		Example: `  outwork inspect /bin/ls
  outwork inspect --json *.dll | jq -r '.imports[].name'
  outwork inspect --deep --structure app.exe
  outwork inspect -v --memory 256M hostile.dll
  outwork inspect -r --include '*.so*' --json /usr/lib
  outwork inspect firmware.bin@0x20000+0x8000 ssh://db1/usr/sbin/sshd`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.walk.offered = len(args) == 0
			if err := cmp.Or(o.walk.check(), o.sandbox.apart(a.args)); err != nil {
				return err
			}
			if len(args) == 0 && o.walk.recursive {
				args = []string{"."}
			}
			if len(args) == 0 {
				name, err := a.pick(cmd.Context(), o.walk.include)
				if err != nil || name == "" {
					return err
				}
				args = []string{name}
			}
			s := inspection{app: a, inspectOptions: &o, failed: failures{verb: cmd.CommandPath()}, stat: statTable{wanted: o.stats}}
			return s.run(cmd.Context(), args)
		},
		ValidArgsFunction: completeFiles,
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&a.json, "json", false, "print a JSON object for each file, for programs")
	f.BoolVar(&o.deep, "deep", false, "tell also what takes long: symbols; a PE's signatures and checksum")
	f.BoolVar(&o.structure, "structure", false, "print the fields of the headers, with their offsets")
	f.Var(&o.timeout, "file-timeout", "the longest that one file may take")
	o.walk.add(f, "inspect")
	f.Lookup("include").Usage = "with -r, or to choose one: only files whose name this `glob` fits;\nmay be repeated"
	f.BoolVar(&o.stats, "stats", false, "tell at the end what the workers read, on standard error")
	o.sandbox.addFew(f, sandbox.Strict)
	o.sandbox.complete(cmd)
	for _, name := range []string{"file-timeout", "include", "exclude"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions) // the flags are those above
	}
	return a.runnableBy(cmd, &o.hosts)
}

// completeFiles offers files.
func completeFiles(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

// inspection is one run of the verb.
type inspection struct {
	*inspectOptions
	app     *app
	out     *bufio.Writer
	printed bool // of some file
	known   bool // some file was
	strange int  // files that were named, of no format that is known
	failed  failures
	stat    statTable
}

// run is the verb.
func (s *inspection) run(ctx context.Context, names []string) error {
	ctx, stop := shell.Interruptible(ctx)
	defer stop()
	far, err := newFiles(&s.hosts)
	if err != nil {
		return err
	}
	defer far.Close()
	s.out = bufio.NewWriterSize(lineWriter{s.app}, 64<<10)
	c := crew[*inspect.Report]{app: s.app, far: far, sandbox: &s.sandbox, work: s.work}
	if err := s.sandbox.target(&c.target); err != nil {
		return err
	}
	defer suspendable(&c.manager, &far.manager)()
	err = c.run(ctx, s.walk.all(names), s.show)
	c.manager.Close()
	s.stat.print(s.app)
	switch {
	case err != nil:
		return ending(ctx, "", 0, err)
	case s.failed.n == 0 && (s.strange > 0 || !s.known):
		return &failure{status: statusFailed, Kind: kindNothing, Message: "there are files that are neither PE nor ELF", told: true}
	}
	return s.failed.err()
}

// work reads a file, for so long. What goes on behind that ends with the worker.
func (s *inspection) work(ctx context.Context, w *outwork.Worker, name string, c container.Container, emit func(*inspect.Report) error) error {
	r, err := inspect.In(ctx, w, c, inspect.Options{Deep: s.deep, Brief: !s.structure, Timeout: time.Duration(s.timeout)})
	if err != nil {
		return err
	}
	if s.stats {
		s.stat.add(name, w, &r.Stats)
	}
	return emit(r)
}

// show prints what a file is.
func (s *inspection) show(t *task[*inspect.Report]) error {
	for r := range t.found {
		if err := s.print(t.name, r); err != nil {
			return err
		}
	}
	if t.err == nil {
		return nil
	}
	return s.failed.add(s.app, t.name, t.err)
}

func (s *inspection) print(name string, r *inspect.Report) error {
	switch {
	case r.Format != "":
		s.known = true
	case s.walk.recursive: // is not what is looked for
		return nil
	default:
		s.strange++
	}
	if s.app.json {
		return s.printObject(name, r)
	}
	if s.printed {
		io.WriteString(s.out, "\n")
	}
	s.printed = true
	fmt.Fprintf(s.out, "%s: ", legible.Visible(name))
	if err := r.Write(s.out, shell.Width(s.app.stdout), colours(s.app.stdout)); err != nil {
		return err
	}
	return s.out.Flush()
}

// printObject prints the report's object, with the file before all else.
func (s *inspection) printObject(name string, r *inspect.Report) error {
	object, err := encode(r)
	if err != nil {
		return err
	}
	head, err := encode(fileObject{File: name})
	if err != nil {
		return err
	}
	head = bytes.TrimSuffix(head, []byte("}\n"))
	return s.app.write(slices.Concat(head, []byte(","), object[1:]))
}
