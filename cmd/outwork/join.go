package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork/cmd/outwork/internal/place"
	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/tcp"
)

// joinOptions are the flags of join.
type joinOptions struct {
	tokenFile string
	keyFile   string
	name      string
	redial    shell.Timeout
	retry     bool
	level     oneOf
}

func (a *app) joinVerb() *cobra.Command {
	o := joinOptions{level: oneOf{"info", logLevels(), "level"}}
	cmd := &cobra.Command{
		Use:   "join [flags] HOST:PORT",
		Short: "Make this machine a host of who runs outwork listen",
		Long: `Join connects to the manager at HOST:PORT, which is an outwork listen or a program of its
own, and does what that wants to be done on this machine, with the rights of who runs this
command. It needs a token that the manager has made, or with --key-file the secret that
both sides have; neither belongs on a command line. It goes on until the manager ends it,
or Ctrl-C does; nothing that was started here outlives it.

A connection that is cut comes back within --redial, and what runs here goes on
meanwhile. --retry goes on for ever, trying each half minute at least: for services. A
manager that refuses ends it all the same, and so does one that was started again without
its --identity and the token's file: it knows no token from before.

Exit status:
  0    the manager has ended it
  1    the manager has refused it
  2    the command line is wrong
  3    the manager cannot be reached, or was lost
  130  it was interrupted`,
		Example: `  outwork join manager:7000 --token-file web1.token
  outwork join manager:7000 --token-file - --name web1
  outwork join manager:7000 --key-file debug.key --name web1
  outwork join manager:7000 --token-file /etc/outwork/token --retry`,
		Args:        oneAddress,
		Annotations: map[string]string{addressExample: "manager:7000"},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkAddress(cmd, args[0], 1); err != nil {
				return err
			}
			c, err := a.joinConfig(cmd, &o, args[0])
			if err != nil {
				return err
			}
			return a.join(cmd.Context(), c, o.retry)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.tokenFile, "token-file", "", "the `file` of the token; - is standard input")
	f.StringVar(&o.keyFile, "key-file", "", "a `file` of a secret that both sides have, instead of a token")
	f.StringVar(&o.name, "name", "", "what this host is to be called (default: the `name` in the token,\nor this machine's)")
	f.Var(&o.redial, "redial", "how long it may be cut off, as in 10m (default: "+shell.Brief(tcp.DefaultRedial)+")")
	f.BoolVar(&o.retry, "retry", false, "try again when the manager cannot be reached, or was lost")
	f.Var(&o.level, "log-level", "least to show: "+list(o.level.words))
	for _, name := range []string{"name", "redial"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions) // the flags are those above
	}
	_ = cmd.RegisterFlagCompletionFunc("log-level", o.level.complete)
	return cmd
}

// joinConfig is what the command line asks for.
func (a *app) joinConfig(cmd *cobra.Command, o *joinOptions, address string) (c tcp.JoinConfig, err error) {
	c = tcp.JoinConfig{Address: address, Name: o.name, Redial: time.Duration(o.redial)}
	if o.name != "" {
		if err := place.JoinedName(o.name); err != nil {
			return c, usage("--name: %v", err)
		}
	}
	switch {
	case o.tokenFile != "" && o.keyFile != "":
		return c, usage("--token-file and --key-file exclude each other")
	case o.tokenFile != "":
		c.Token, err = a.readToken("--token-file", o.tokenFile)
	case o.keyFile != "":
		c.Secret, err = a.readKey(o.keyFile)
	default:
		return c, usage("there is no token: give --token-file, or --key-file: see %s --help", cmd.CommandPath())
	}
	c.Log = slog.New(newLogHandler(a.stderr, levelOf(o.level.value), colours(a.stderr)))
	return c, err
}

// Between two attempts to join, at first and at most.
const (
	shortPause = time.Second
	longPause  = 30 * time.Second
)

// joiner is tcp.Join, but for tests.
var joiner = tcp.Join

// join is the verb.
func (a *app) join(ctx context.Context, c tcp.JoinConfig, retry bool) error {
	ctx, stop := shell.Interruptible(ctx)
	defer stop()
	return stayJoined(ctx, c, retry)
}

// stayJoined is a host until that is over.
func stayJoined(ctx context.Context, c tcp.JoinConfig, retry bool) error {
	for pause := shortPause; ; pause = min(2*pause, longPause) {
		in := false
		c.Joined = func(name string) {
			in = true
			c.Log.Info("joined "+c.Address, "as", name)
		}
		err := joiner(ctx, c)
		if ctx.Err() != nil {
			return ending(ctx, "", 0, ctx.Err())
		}
		if err == nil {
			c.Log.Info("the manager at " + c.Address + " has ended it")
			return nil
		}
		if !retry || refused(err) && !in { // one that has forgotten this host may take it anew
			return joinFailure(err, in)
		}
		if in {
			pause = shortPause
		}
		c.Log.Warn(fmt.Sprintf("%v; trying again in %v", err, pause))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// refused reports whether the manager has said no.
func refused(err error) bool {
	e, ok := errors.AsType[*tcp.JoinError](err)
	return ok && e.Refused
}

// joinFailure is that this machine is no host, or not any more.
func joinFailure(err error, was bool) error {
	if refused(err) && !was {
		return &failure{status: statusFailed, Kind: kindOther, Message: err.Error()}
	}
	return &failure{status: statusLost, Kind: kindLost, Message: err.Error()}
}
