package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork/internal/record"
)

func (a *app) wireVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "wire [flags] FILE",
		Short: "Print what crossed a link",
		Long: `Wire prints a record that outwork run --record made: a line for each frame that
crossed the link between the manager and its worker, with the time since the first,
the direction (→ to the worker, ← from it), and what the frame means. FILE may be -
for standard input. PROTOCOL.md explains the words.

With --json, each line is a JSON object that holds the payload too, as base64, up to
64 KiB of it.`,
		Example: `  outwork run --record link.rec hello.star
  outwork wire link.rec
  outwork wire --json link.rec`,
		RunE: func(_ *cobra.Command, args []string) error {
			switch len(args) {
			case 0:
				return usage("there is no record: name a file that outwork run --record FILE has made")
			case 1:
				return a.printRecord(args[0])
			}
			return usage("%q is one argument too many: wire prints one record", args[1])
		},
	}
	cmd.Flags().BoolVar(&a.json, "json", false, "print a JSON object a frame, for programs")
	return cmd
}

// printRecord is the verb.
func (a *app) printRecord(path string) error {
	var r io.Reader = a.stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return unreadable(path, err)
		}
		defer f.Close()
		r = f
	}
	out := bufio.NewWriter(a.stdout)
	err := printFrames(out, r, a.json, terminalWidth(a.stdout))
	if flushErr := out.Flush(); err == nil {
		err = flushErr
	}
	if e := bare(err); errors.Is(e, record.ErrNoRecord) {
		return usage("cannot print %s: it is %v; outwork run --record FILE makes one", path, e)
	} else if e != nil {
		return &failure{status: statusFailed, Kind: kindOther, Message: path + ": " + e.Error()}
	}
	return nil
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
