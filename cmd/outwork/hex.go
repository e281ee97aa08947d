package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/cmd/outwork/internal/picker"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/hexview"
	"github.com/outwork-go/outwork/internal/hexui"
	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/layout"
	"github.com/outwork-go/outwork/sandbox"
)

// hexOptions are the flags of hex.
type hexOptions struct {
	hosts                hostFlags
	sandbox              sandboxFlags
	offset, length, base offset
	dump, raw, clipboard bool
	walk                 walk // its include alone
}

func (a *app) hexVerb() *cobra.Command {
	var o hexOptions
	cmd := &cobra.Command{
		Use:   "hex [flags] [FILE]",
		Short: "Look at the bytes of a file, a disk or the memory of a process",
		Long: `Hex shows bytes on the terminal, to move about in, with goto, search, values, and for PE
and ELF the structures of the file: ? tells the keys. Where standard output is no
terminal, or with --dump, it prints them as hexdump -C does. Without a FILE it offers
those of the folder to choose from.

Only what is looked at is read, so size does not matter. That of a process begins at the
first address that can be read. The view is drawn by a worker, which is not given the
terminal, but the bytes and what is typed.

` + sandboxHelp + `

Ctrl-Z and fg work. If this command itself is killed by SIGKILL the terminal stays as it
is: type reset.

` + sourceHelp + `

Enter leaves and prints what is selected: its offset and length in bytes. Where nothing is,
that is the match that the cursor is on, or the byte. q and Ctrl-C leave without. With
--json that is an object, {"picked": true, "offset", "length"} or {"picked": false}, and
standard output need not be a terminal.

Exit status:
  0    the view was left, or all was printed
  1    some bytes could not be read, where they are printed: they are ??
  2    the command line is wrong, or the file could not be read
  3    the worker was lost, or a host could not be reached
  130  it was interrupted`,
		Example: `  outwork hex /bin/ls
  outwork hex --offset 0x1000 disk.img
  outwork hex --dump --length 64 firmware.bin | less
  outwork hex pid:1234
  outwork hex --include '*.exe'`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.walk.offered = len(args) == 0
			if err := cmp.Or(o.walk.check(), o.sandbox.apart(a.args)); err != nil {
				return err
			}
			return a.hex(cmd.Context(), &o, args)
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveDefault
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.Var(&o.offset, "offset", "begin at this offset")
	f.Var(&o.length, "length", "show only so much from there (default: all)")
	f.Var(&o.base, "base", "the address of the first byte, which is added to all offsets that are shown")
	f.BoolVar(&o.dump, "dump", false, "print as hexdump -C does, also on a terminal")
	f.BoolVar(&o.raw, "raw", false, "do not look for structures")
	f.BoolVar(&o.clipboard, "clipboard", false, "let the view put what is copied into the terminal's clipboard (OSC 52)")
	f.StringArrayVar(&o.walk.include, "include", nil, "without a FILE: offer only files whose name this `glob` fits;\nmay be repeated")
	f.BoolVar(&a.json, "json", false, "print what was selected as a JSON object, for programs")
	o.sandbox.addFew(f, sandbox.Strict)
	o.sandbox.complete(cmd)
	o.hosts.addWay(f)
	completeHosts(cmd)
	for _, name := range []string{"offset", "length", "base", "include"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions) // the flags are those above
	}
	return cmd
}

// hex is the verb.
func (a *app) hex(ctx context.Context, o *hexOptions, args []string) error {
	if len(args) == 0 {
		name, err := a.pick(ctx, o.walk.include)
		if err != nil || name == "" {
			return err
		}
		args = []string{name}
	}
	ctx, stop := shell.Interruptible(ctx)
	defer stop()
	far, err := newFiles(&o.hosts)
	if err != nil {
		return err
	}
	defer far.Close()
	c, err := a.openSource(ctx, args[0], far)
	if err != nil {
		return ending(ctx, "", 0, err)
	}
	defer c.Close()
	if int64(o.offset) > c.Size() {
		return usage("--offset %d: %s has %s", o.offset, args[0], count64(c.Size(), "byte"))
	}
	if o.dump || !a.json && !isTerminal(a.stdout) {
		return a.dump(ctx, o, args[0], c, far)
	}
	return a.view(ctx, o, args[0], c, far)
}

// dump prints the bytes.
func (a *app) dump(ctx context.Context, o *hexOptions, name string, c container.Container, far *files) error {
	if a.json {
		return usage("--json tells what was selected in the view, and there is none with --dump")
	}
	n := int64(-1)
	if o.length > 0 {
		n = int64(o.length)
	}
	defer suspendable(&far.manager)()
	err := hexui.Dump(ctx, a.stdout, c, int64(o.offset), n, int64(o.base))
	if err == nil || ctx.Err() != nil {
		return ending(ctx, name, 0, cmp.Or(err, ctx.Err()))
	}
	return fmt.Errorf("%s: %w", name, err)
}

// view shows the bytes on the terminal, and prints what was selected.
func (a *app) view(ctx context.Context, o *hexOptions, name string, c container.Container, far *files) error {
	t, end, err := a.lendable()
	if err != nil {
		return err
	}
	defer end()
	m := outwork.Manager{Stdout: io.Discard, Stderr: io.Discard, Log: slog.New(slog.DiscardHandler)} // they would draw into the view
	defer m.Close()
	t.Clipboard = o.clipboard
	t.Stop = func() { suspend([]*outwork.Manager{&m, &far.manager}, hexview.Stop) }
	shown := hexview.Options{Title: name, Offset: int64(o.offset), Base: int64(o.base)}
	if o.offset == 0 && o.length == 0 && container.IsLive(c) {
		shown.Offset, _, _ = container.Extent(ctx, c, 0) // nothing is at the first addresses of a process
	}
	if o.length > 0 {
		part, err := c.Slice(int64(o.offset), min(int64(o.length), c.Size()-int64(o.offset)))
		if err != nil {
			return unreadable(name, err)
		}
		defer part.Close()
		c, shown.Base, shown.Offset = part, shown.Base+shown.Offset, 0
	}
	target := outwork.Target{Name: "hex"}
	if err := o.sandbox.target(&target); err != nil {
		return err
	}
	w, structure, err := drawer(ctx, &m, target, c, o)
	if err != nil {
		return ending(ctx, name, 0, err)
	}
	o.sandbox.tell(a.stderr, "", w)
	shown.Structure = structure
	s, err := hexview.Show(ctx, w, t, c, shown)
	if _, signaled := errors.AsType[*hexview.Signaled](err); signaled {
		return &failure{status: statusInterrupted, Kind: kindInterrupted, Message: shell.ErrInterrupted.Error()}
	}
	if err != nil {
		return ending(ctx, name, 0, err)
	}
	return a.printSelection(s, shown.Base-int64(o.base))
}

// drawer is a worker to draw, and the structures of c if they are wanted and found in time:
// the file may be hostile, so that nothing is said otherwise.
func drawer(ctx context.Context, m *outwork.Manager, t outwork.Target, c container.Container, o *hexOptions) (*outwork.Worker, []layout.Node, error) {
	if o.raw || o.length > 0 {
		w, err := o.sandbox.begin(ctx, m, t)
		return w, nil, err
	}
	w, structure, err := hexview.Begin(ctx, m, t, c)
	if err != nil && ctx.Err() == nil {
		err = &startError{err}
	}
	return w, structure, err
}

// lendable is the terminal that can be lent: standard input and output, or what they are
// not, that which controls this process. end is to be called when it is not used any more.
func (a *app) lendable() (t hexview.Terminal, end func(), err error) {
	if os.Getenv("TERM") == dumb {
		return t, nil, usage("this terminal cannot show a view (TERM=dumb): see --dump")
	}
	t.In, t.Out = a.stdin, a.stdout
	if isTerminal(t.In) && isTerminal(t.Out) {
		return t, func() {}, nil
	}
	tty, err := os.OpenFile(controlling, os.O_RDWR, 0)
	if err != nil {
		return t, nil, usage("there is no terminal to show this on: standard input and output are none: see --dump")
	}
	if !isTerminal(t.In) {
		t.In = tty
	}
	if !isTerminal(t.Out) {
		t.Out = tty
	}
	return t, func() { tty.Close() }, nil
}

// selected is a selection, for programs.
type selected struct {
	Picked bool  `json:"picked"`
	Offset int64 `json:"offset"`
	Length int64 `json:"length"`
}

// printSelection prints what was selected, of what begins at an offset.
func (a *app) printSelection(s hexview.Selection, at int64) error {
	switch {
	case a.json && !s.Picked:
		return a.printJSON(map[string]bool{"picked": false})
	case a.json:
		return a.printJSON(selected{true, s.Offset + at, s.Length})
	case s.Picked:
		return a.write(fmt.Appendf(nil, "%d %d\n", s.Offset+at, s.Length))
	}
	return nil
}

// pick has the user choose a file of this machine; "": none was chosen.
func (a *app) pick(ctx context.Context, globs []string) (string, error) {
	if !isTerminal(a.stdin) || !isTerminal(a.stderr) || os.Getenv("TERM") == dumb {
		return "", usage("there is no file: name one, or - for standard input")
	}
	ctx, stop := shell.Interruptible(ctx)
	defer stop()
	name, err := picker.Pick(ctx, a.stdin, a.stderr, ".", globs)
	return name, ending(ctx, "", 0, err)
}
