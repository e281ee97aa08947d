package asking

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/internal/service/describe"
)

// describing is one run of the verb describe.
type describing struct {
	dial       func(ctx context.Context, cmd *cobra.Command, args []string) (conn any, close func(), err error)
	own        func() *describe.Description // of a program's own service; nil: the service is asked
	timeout    *time.Duration
	json, lock bool
	diff       string
}

// about is the help of the verb, behind its first sentence.
const about = `
With --lock it prints a lock file, to be kept beside the program's source. With --diff
it compares the service with such a file, and fails when a client that was made for
the file may not fit the service any more, or more people may call it.`

// describeVerb asks a service at an address.
func describeVerb() *cobra.Command {
	var t target
	d := describing{timeout: &t.timeout, dial: func(ctx context.Context, cmd *cobra.Command, args []string) (any, func(), error) {
		switch {
		case len(args) == 0:
			return nil, nil, shell.Usagef("there is no address: write that of a service, as in %s /run/hostctl.sock", cmd.CommandPath())
		case len(args) > 1:
			return nil, nil, shell.Usagef("%q is one argument too many: see %s --help", args[1], cmd.CommandPath())
		}
		return t.connect(ctx, args[0])
	}}
	cmd := d.verb()
	cmd.Use = "describe [flags] ADDRESS"
	cmd.Long = `Describe asks the service at ADDRESS, the path of its socket, what its functions are:
their docs, types and limits, who may call them, and which of them you may call.
` + about + "\n\n" + statusText()
	cmd.Example = `  outwork describe unix:///run/hostctl.sock
  outwork describe --lock /run/hostctl.sock >api.lock.json
  outwork describe --diff api.lock.json /run/hostctl.sock`
	t.flags(cmd)
	return cmd
}

// DescribeVerb is the verb describe of the command of one service, which dial
// connects to. timeout is the command's own. A lock file is of own, which the
// program itself says of the service: it takes no daemon.
func DescribeVerb(dial shell.Dial, timeout *time.Duration, own func() *describe.Description) *cobra.Command {
	d := describing{timeout: timeout, own: own, dial: func(ctx context.Context, _ *cobra.Command, args []string) (any, func(), error) {
		return dial(ctx)
	}}
	cmd := d.verb()
	cmd.Use = "describe"
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			return shell.Usagef("%q is one argument too many", args[0])
		}
		return nil
	}
	cmd.Long = `Asks the daemon what its functions are: their docs, types and limits, who may call them, and which of them you may call.

With --lock it prints a lock file of this program, to be kept beside its source. With
--diff it compares this program with such a file, and fails when a client that was
made for the file may not fit any more, or more people may call. Neither asks the
daemon.`
	return cmd
}

func (d *describing) verb() *cobra.Command {
	cmd := &cobra.Command{
		Short: "Print what the service offers, and to whom",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if d.lock && (d.json || d.diff != "") {
				return shell.Usagef("--lock cannot be given with --json or --diff")
			}
			return d.run(cmd, args)
		},
		DisableFlagsInUseLine: true,
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&d.json, "json", false, "print JSON on one line, with the functions' JSON Schemas, for programs")
	f.BoolVar(&d.lock, "lock", false, "print a lock file")
	f.StringVar(&d.diff, "diff", "", "compare with this lock `file`; exit status 1 when something breaks")
	return cmd
}

func (d *describing) run(cmd *cobra.Command, args []string) error {
	old, err := d.readLock()
	if err != nil {
		return err
	}
	if d.own != nil && (d.lock || old != nil) {
		return d.tell(cmd, old, d.own())
	}
	ctx, end := shell.Begin(cmd.Context(), *d.timeout)
	defer end()
	conn, hangUp, err := d.dial(ctx, cmd, args)
	if err != nil {
		return shell.Ended(ctx, describe.Name, *d.timeout, shell.Undialed(err))
	}
	defer hangUp()
	now, err := ask(ctx, conn)
	if err != nil {
		return shell.Ended(ctx, describe.Name, *d.timeout, err)
	}
	return d.tell(cmd, old, now)
}

// tell prints what is asked for of now, which is compared with old unless that is
// nil.
func (d *describing) tell(cmd *cobra.Command, old, now *describe.Description) error {
	if old != nil {
		return d.compare(shellOf(cmd), old, now)
	}
	return d.print(shellOf(cmd), now)
}

func (d *describing) print(sh *shell.Shell, now *describe.Description) (err error) {
	var b bytes.Buffer
	switch {
	case d.json:
		err = writeJSON(&b, now)
	case d.lock:
		err = describe.WriteLock(&b, now)
	default:
		err = now.WriteText(&b, shell.Width(sh.Out), true)
	}
	if err != nil {
		return shell.Failf(shell.Failed, "what the service says of itself cannot be printed: %v", err)
	}
	return sh.Print(b.Bytes())
}

// compare prints what differs from old.
func (d *describing) compare(sh *shell.Shell, old, now *describe.Description) error {
	changes := describe.Diff(old, now)
	var b bytes.Buffer
	if d.json {
		if err := json.NewEncoder(&b).Encode(append([]describe.Change{}, changes...)); err != nil {
			return err
		}
	} else {
		for _, c := range changes {
			b.WriteString(kindOf(c) + " " + c.String() + "\n")
		}
	}
	if err := sh.Print(b.Bytes()); err != nil {
		return err
	}
	if describe.Breaking(changes) {
		return shell.Failf(shell.Failed, "%s does not fit %s any more", now.Service, d.diff)
	}
	return nil
}

// kindOf begins the line of a change.
func kindOf(c describe.Change) string {
	if c.Breaking {
		return "breaks "
	}
	return "changes"
}

// readLock is the description in the file of --diff, or nil.
func (d *describing) readLock() (*describe.Description, error) {
	if d.diff == "" {
		return nil, nil
	}
	f, err := os.Open(d.diff)
	if err != nil {
		return nil, shell.Usagef("--diff %s: cannot read the file: %v", d.diff, inner(err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, describe.MaxLock+1))
	if err != nil {
		return nil, shell.Usagef("--diff %s: cannot read the file: %v", d.diff, inner(err))
	}
	old, err := describe.ReadLock(data)
	if err != nil {
		return nil, shell.Usagef("--diff %s: %v", d.diff, err)
	}
	return old, nil
}

// inner is err without the operation and the path, which the sentence around it names.
func inner(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// described is a function for programs: its types are JSON, not text of it.
type described struct {
	*describe.Function
	Args  json.RawMessage `json:"args"`
	Reply json.RawMessage `json:"reply"`
	Rule  json.RawMessage `json:"rule"`
}

// writeJSON writes a line.
func writeJSON(w io.Writer, d *describe.Description) error {
	out := struct {
		*describe.Description
		Functions []described `json:"functions"`
	}{Description: d, Functions: []described{}}
	for i := range d.Functions {
		f := &d.Functions[i]
		if _, _, err := f.Types(); err != nil {
			return err
		}
		out.Functions = append(out.Functions, described{f, json.RawMessage(f.Args), json.RawMessage(f.Reply), json.RawMessage(f.Rule)})
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(out)
}
