package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/cmd/outwork/internal/program"
	"github.com/outwork-go/outwork/internal/output"
	"github.com/outwork-go/outwork/sandbox"
)

// forScripts are the flags of run that mean nothing to a command.
var forScripts = []string{"share", "modules", "code", "lang", "steps", "python", "preload", "grant", "output-mode", "log-level", "stats"}

// runCommand is the verb run, with a command behind --.
func (a *app) runCommand(cmd *cobra.Command, o *runOptions, argv []string) error {
	if len(argv) == 0 {
		return usage("there is no command behind --")
	}
	for _, name := range forScripts {
		if cmd.Flags().Changed(name) {
			return usage("--%s is for scripts, and %s is a command: what is behind -- is not looked at", name, argv[0])
		}
	}
	ds, err := o.hosts.destinations()
	if err != nil {
		return err
	}
	if err := o.confineCommand(a, argv, ds); err != nil {
		return err
	}
	var m outwork.Manager
	if err := o.hosts.prepare(&m); err != nil {
		return err
	}
	if o.record == "" {
		return a.command(cmd.Context(), o, &m, ds, argv)
	}
	r, err := createRecord(o.record)
	if err != nil {
		return err
	}
	m.Record = r
	err = a.command(cmd.Context(), o, &m, ds, argv)
	return cmp.Or(err, r.Close())
}

// command runs a command where it is to run, and ends m.
func (a *app) command(ctx context.Context, o *runOptions, m *outwork.Manager, ds []destination, argv []string) error {
	ctx, stop := a.begin(ctx, time.Duration(o.timeout))
	defer stop()
	defer suspendable(m)()
	defer m.Close()
	if o.hosts.many() {
		return a.commandOnAll(ctx, o, m, ds, argv)
	}
	return a.commandOnOne(ctx, o, m, ds[0], program.Command{Argv: argv})
}

// confineCommand is confine for a command, which is a process that the worker starts.
func (o *runOptions) confineCommand(a *app, argv []string, ds []destination) error {
	if err := o.confine(a, argv, ds); err != nil {
		return err
	}
	if s := &o.place.Sandbox; s.Level == sandbox.Strict && !s.Subprocesses {
		return usage("--sandbox=%s starts no processes, and %s is one: write --sandbox=%s, or --allow-processes and --allow-read for what it reads", s.Level, argv[0], sandbox.Contained)
	}
	return nil
}

// commandOnOne runs a command whose standard files are this process's. What this program
// prints there as JSON is printed as it is; of other commands the status is told.
func (a *app) commandOnOne(ctx context.Context, o *runOptions, m *outwork.Manager, d destination, c program.Command) error {
	stdout, object := a.stdout, a.json && !c.Self
	if object {
		stdout = a.stderr
	}
	out, endOut := a.plain(stdout)
	complaints, endErr := a.plain(a.stderr)
	c.Stdin, c.Stdout, c.Stderr, c.Grace = a.stdin, out, complaints, cleanUp
	end, err := o.sandbox.command(ctx, m, placed(o.place, d), &c, a.stderr, "")
	endOut()
	endErr()
	if err = commandEnding(ctx, c.Argv[0], o, end, err); !a.json || !isEnd(err) {
		return err
	}
	if object {
		return errors.Join(a.printJSON(map[string]any{"status": end.Status()}), tell(err))
	}
	return tell(err)
}

// isEnd reports whether err only says how a command ended.
func isEnd(err error) bool {
	f := asFailure(err)
	return f == nil || f.Kind == kindExit
}

// tell marks a failure as told.
func tell(err error) error {
	f := asFailure(err)
	if f == nil {
		return nil
	}
	f.told = true
	return f
}

// command runs c in a new worker. What holds that is written to out, if that is wanted.
func (s *sandboxFlags) command(ctx context.Context, m *outwork.Manager, t outwork.Target, c *program.Command, out io.Writer, prefix string) (program.End, error) {
	w, err := s.begin(ctx, m, t)
	if err != nil {
		return program.End{}, err
	}
	defer w.Close()
	s.tell(out, prefix, w)
	return c.Run(ctx, w)
}

// plain is where what a command writes goes: to a file as it is, to a terminal without
// what would drive that. end comes behind it.
func (a *app) plain(f *os.File) (w io.Writer, end func()) {
	if !isTerminal(f) {
		return a.outlet(f), func() {}
	}
	s := &sanitized{w: a.outlet(f)}
	return s, s.end
}

// sanitized writes to a terminal.
type sanitized struct {
	w     io.Writer
	clean output.Sanitizer
	buf   []byte
}

func (s *sanitized) Write(p []byte) (int, error) {
	s.buf = s.clean.Append(s.buf[:0], p)
	if _, err := s.w.Write(s.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (s *sanitized) end() { s.w.Write(s.clean.Flush(nil)) }

// commandEnding is how a command ended, as a failure, or nil.
func commandEnding(ctx context.Context, name string, o *runOptions, end program.End, err error) error {
	if e, ok := errors.AsType[*program.Unstarted](err); ok {
		return &failure{status: e.Status, Kind: kindOther, Message: e.Text}
	}
	if err != nil {
		return ending(ctx, name, time.Duration(o.timeout), err)
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ending(ctx, name, time.Duration(o.timeout), ctx.Err())
	}
	if end.Status() == 0 {
		return nil
	}
	f := &failure{status: end.Status(), Kind: kindExit, quiet: true}
	f.Message = fmt.Sprintf("%s ended with status %d", name, end.Status())
	if end.Signal != 0 {
		s := syscall.Signal(end.Signal)
		f.Message = fmt.Sprintf("%s was ended by a signal: %v", name, s)
		f.quiet = s == syscall.SIGINT || s == syscall.SIGPIPE // as shells keep quiet of
	}
	return f
}

// commandOnAll runs a command at several places. Each line begins with its host.
func (a *app) commandOnAll(ctx context.Context, o *runOptions, m *outwork.Manager, ds []destination, argv []string) error {
	stdout := a.stdout
	if a.json {
		stdout = a.stderr
	}
	sink := output.NewSink(output.Config{Stdout: a.outlet(stdout), Stderr: a.stderr, Tag: true})
	if isTerminal(stdout) {
		sink = output.NewSink(output.Config{Stdout: stdout, Stderr: a.stderr, Tag: true})
	}
	names := workerNames(ds)
	err := a.onEach(ctx, ds, int(o.hosts.parallel), func(ctx context.Context, d destination) (map[string]any, error) {
		tap := sink.Worker(names[d.label])
		c := program.Command{Argv: argv, Stdout: tapped{sink, tap, 1}, Stderr: tapped{sink, tap, 2}, Grace: cleanUp}
		t := placed(o.place, d)
		t.Name = names[d.label]
		end, err := o.sandbox.command(ctx, m, t, &c, a.stderr, "["+t.Name+"] ")
		tap.Close()
		if err = commandEnding(ctx, argv[0], o, end, err); !isEnd(err) {
			return nil, err
		}
		return map[string]any{"status": end.Status()}, err
	})
	if err == nil {
		err = sink.Err()
	}
	return err
}

// tapped is one of a command's outputs, as lines of its host's. When lines can be written no
// more, it fails, and the command ends.
type tapped struct {
	sink *output.Sink
	tap  *output.Tap
	fd   int
}

func (l tapped) Write(p []byte) (int, error) {
	l.tap.Write(l.fd, p)
	if err := l.sink.Err(); err != nil {
		return 0, err
	}
	return len(p), nil
}
