package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork/cmd/outwork/internal/control"
	"github.com/outwork-go/outwork/cmd/outwork/internal/place"
	"github.com/outwork-go/outwork/host"
)

// joinScheme begins the URL of a host that has joined the user's outwork listen.
const joinScheme = "join"

// attachVerb is to hosts that have joined what ssh is to others: join:// runs it.
func (a *app) attachVerb() *cobra.Command {
	var socket string
	cmd := &cobra.Command{
		Use:   "attach [flags] NAME COMMAND [ARG...]",
		Short: "Run a command on a host that has joined, as ssh does",
		Long: `Attach asks the outwork listen of this user, which runs on this machine, to run COMMAND
on the host that has joined it as NAME. Standard input, output and errors are this
command's. It is what --on join://NAME is made of.

Exit status:
  0    the command ended well; any other status may be the command's
  1    the listener refuses
  2    the command line is wrong
  3    no outwork listen of this user runs here, or the host is not there or was lost
  130  it was interrupted`,
		Example: "  outwork attach web1 uname -a",
		Hidden:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch len(args) {
			case 0:
				return usage("there is no host: name one that has joined, and a command, as in %s web1 uname", cmd.CommandPath())
			case 1:
				return usage("there is no command behind %s, as in %s %[1]s uname", args[0], cmd.CommandPath())
			}
			if err := place.JoinedName(args[0]); err != nil {
				return usage("%v", err)
			}
			return a.attach(cmd.Context(), socket, control.Command{Host: args[0], Argv: args[1:]})
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().SetInterspersed(false)
	addSocket(cmd, &socket)
	return cmd
}

// addSocket adds the flag that says where the listener is.
func addSocket(cmd *cobra.Command, socket *string) {
	cmd.Flags().StringVar(socket, "socket", "", "the `path` of the listener's control socket (default: $"+control.Variable+",\nor one in $XDG_RUNTIME_DIR or /tmp)")
}

// attach is the verb.
func (a *app) attach(ctx context.Context, socket string, c control.Command) error {
	path, err := control.Path(socket)
	if err != nil {
		return usage("%v", err)
	}
	ctx, stop := a.begin(ctx, 0)
	defer stop()
	out, endOut := a.plain(a.stdout)
	complaints, endErr := a.plain(a.stderr)
	c.Stdin, c.Stdout, c.Stderr = a.stdin, out, complaints
	status, err := control.Attach(ctx, path, c)
	endOut()
	endErr()
	switch {
	case err != nil && ctx.Err() != nil:
		return ending(ctx, c.Argv[0], 0, ctx.Err())
	case err != nil:
		return controlFailure(err, status)
	case status != 0:
		return &failure{status: status, Kind: kindExit, quiet: true}
	}
	return nil
}

// controlFailure is err, of a request to the listener, with a status if there is one.
func controlFailure(err error, status int) error {
	f := &failure{status: statusFailed, Kind: kindOther, Message: err.Error()}
	_, lost := errors.AsType[*control.LostError](err)
	_, none := errors.AsType[*control.NoListenerError](err)
	switch {
	case lost || none:
		f.status, f.Kind = statusLost, kindLost
	case status != 0:
		f.status = status
	}
	return f
}

// joinedHop is a host that has joined the listener of this user, on the machine that the
// way has come to.
type joinedHop struct{ name string }

func parseJoinedHop(rest string) (host.Hop, error) {
	return &joinedHop{rest}, place.JoinedName(rest)
}

// String is of host.Hop.
func (h *joinedHop) String() string { return joinScheme + "://" + h.name }

// Command is of host.Hop: whichever program of ours is there runs it.
func (h *joinedHop) Command(shell string) []string {
	return []string{ownProgram(), "attach", h.name, "/bin/sh", "-c", shell}
}

// Explain is of host.Explainer.
func (h *joinedHop) Explain(_ int, lines []string) (host.Stage, string) {
	if len(lines) == 0 {
		return host.Connect, ""
	}
	return host.Connect, strings.TrimPrefix(lines[len(lines)-1], "outwork attach: ")
}

// joinedHosts are the URLs of hosts that have joined, to be offered to a shell.
func joinedHosts() (all []string) {
	path, err := control.Path("")
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	a, _ := control.Do(ctx, path, control.Request{Do: control.List})
	for _, h := range a.Hosts {
		if place.JoinedName(h.Name) == nil {
			all = append(all, joinScheme+"://"+h.Name)
		}
	}
	return all
}
