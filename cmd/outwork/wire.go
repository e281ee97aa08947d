package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork/cmd/outwork/internal/place"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/record"
	"github.com/outwork-go/outwork/internal/service/command/shell"
)

func (a *app) wireVerb() *cobra.Command {
	var h hostFlags
	cmd := &cobra.Command{
		Use:   "wire [flags] FILE",
		Short: "Print what crossed a link",
		Long: `Wire prints a record that outwork run --record made: a line for each frame that
crossed the link between the manager and its worker, with the time since the first,
the direction (→ to the worker, ← from it), and what the frame means. FILE may be -
for standard input, or on another host, as in ssh://db1/tmp/link.rec, or as a path there
with --on. PROTOCOL.md explains the words.

With --json, each line is a JSON object that holds the payload too, as base64, up to
64 KiB of it.

Exit status:
  0    all was printed
  1    the record cannot be read any further, or not be printed
  2    the command line is wrong, or the file is no record
  3    the host could not be reached, or was lost
  130  it was interrupted`,
		Example: `  outwork run --record link.rec hello.star
  outwork wire link.rec
  outwork wire --json link.rec
  outwork wire --on db1 --on sudo:// /var/log/link.rec`,
		Args: oneArgument("there is no record: name a file that outwork run --record FILE has made, as in %s link.rec"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.printRecord(cmd.Context(), &h, args[0])
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().BoolVar(&a.json, "json", false, "print a JSON object for each frame, for programs")
	h.add(cmd, false)
	return cmd
}

// printRecord is the verb.
func (a *app) printRecord(ctx context.Context, h *hostFlags, path string) error {
	if len(h.on) > 0 || place.IsURL(path) {
		var stop func()
		ctx, stop = shell.Interruptible(ctx)
		defer stop()
	}
	r, done, err := a.openRecord(ctx, h, path)
	if err != nil {
		return err
	}
	defer done()
	w, end := a.plain(a.stdout)
	out := bufio.NewWriter(w)
	err = printFrames(out, r, a.json, shell.Width(a.stdout))
	if flushErr := out.Flush(); err == nil {
		err = flushErr
	}
	end()
	if e := bare(err); errors.Is(e, record.ErrNoRecord) {
		return usage("cannot print %s: it is %v; outwork run --record FILE makes one", path, e)
	} else if e != nil {
		return interrupted(ctx, &failure{status: statusFailed, Kind: kindOther, Message: path + ": " + e.Error()})
	}
	return nil
}

// openRecord is a record by its name; done closes it.
func (a *app) openRecord(ctx context.Context, h *hostFlags, path string) (r io.Reader, done func(), err error) {
	on := len(h.on) > 0
	switch {
	case on && path == "-":
		return nil, nil, usage("-: standard input is on this machine, and --on names another: name a file there")
	case on && place.IsURL(path):
		return nil, nil, usage("%s: it names a host, and so does --on: write one or the other", path)
	case path == "-":
		return a.stdin, func() {}, nil
	case !on && !place.IsURL(path):
		f, err := os.Open(path)
		if err != nil {
			return nil, nil, unreadable(path, err)
		}
		if info, err := f.Stat(); err == nil && info.IsDir() {
			f.Close()
			return nil, nil, unreadable(path, syscall.EISDIR)
		}
		return f, func() { f.Close() }, nil
	}
	far, err := newFiles(h)
	if err != nil {
		return nil, nil, err
	}
	var c container.Container
	if on {
		c, err = far.openAt(ctx, chainOf(h.on, h.on[len(h.on)-1]), path, path)
	} else {
		c, err = far.open(ctx, path)
	}
	if err != nil {
		far.Close()
		return nil, nil, err
	}
	return io.NewSectionReader(c, 0, c.Size()), func() { c.Close(); far.Close() }, nil
}

// printFrames prints the record that r holds, for people in lines that fit into so many
// columns; 0 is no terminal.
func printFrames(w *bufio.Writer, r io.Reader, asJSON bool, columns int) error {
	d, err := newDissector()
	if err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for f, err := range record.Read(r) {
		if err != nil {
			return err
		}
		v := d.view(&f)
		if asJSON {
			err = enc.Encode(v)
		} else {
			err = v.print(w, columns)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
