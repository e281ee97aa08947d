package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork/cmd/outwork/internal/control"
	"github.com/outwork-go/outwork/internal/service/command/shell"
)

const askListenerHelp = `

Exit status:
  0    it is done
  1    the listener refuses
  2    the command line is wrong
  3    no outwork listen of this user runs on this machine
  130  it was interrupted`

func (a *app) joinedVerb() *cobra.Command {
	var socket string
	cmd := &cobra.Command{
		Use:   "joined [flags]",
		Short: "List the hosts that have joined",
		Long: `Joined lists the hosts that have joined the outwork listen of this user: the URL that
--on takes, the address, when it joined, and whether it is cut off just now.` + askListenerHelp,
		Example: "  outwork hosts joined",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := askListener(cmd.Context(), socket, control.Request{Do: control.List})
			if err != nil {
				return err
			}
			return a.printJoined(answer.Hosts)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().BoolVar(&a.json, "json", false, "print a JSON object for each host, for programs")
	addSocket(cmd, &socket)
	return cmd
}

// askListener makes a request of this user's listener.
func askListener(ctx context.Context, socket string, r control.Request) (control.Answer, error) {
	path, err := control.Path(socket)
	if err != nil {
		return control.Answer{}, usage("%v", err)
	}
	ctx, stop := shell.Interruptible(ctx)
	defer stop()
	answer, err := control.Do(ctx, path, r)
	switch {
	case err != nil && ctx.Err() != nil:
		err = ending(ctx, "", 0, ctx.Err())
	case err != nil:
		err = controlFailure(err, 0)
	}
	return answer, err
}

// printJoined prints a table, or JSON.
func (a *app) printJoined(hosts []control.Host) error {
	if a.json {
		for _, h := range hosts {
			if err := a.printJSON(h); err != nil {
				return err
			}
		}
		return nil
	}
	if len(hosts) == 0 {
		a.complain("No host has joined.")
		return nil
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "HOST\tADDRESS\tSINCE\tSTATE")
	for _, h := range hosts {
		state := "joined"
		if h.Cut {
			state = "cut off"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", joinScheme+"://"+h.Name, orDash(h.Addr), h.Since.Local().Format(time.DateTime), state)
	}
	w.Flush()
	for line := range strings.Lines(b.String()) {
		if err := a.write([]byte(strings.TrimRight(firstLine(line), " ") + "\n")); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) tokenVerb() *cobra.Command {
	var socket string
	cmd := &cobra.Command{
		Use:   "token [flags] NAME[,uses=N][,expires=D][=FILE]",
		Short: "Make a token, by which a host may join",
		Long: `Token makes a token of the outwork listen of this user, and writes it to FILE, which is
made for it, or to standard output. See outwork listen for what it may say.

With --json, standard output is {"names", "token", "address"}, or, with a FILE, {"names",
"file", "address"}.` + askListenerHelp,
		Example: `  outwork hosts token web1=web1.token
  outwork hosts token 'web-*,uses=any,expires=24h' | ssh bastion 'umask 77; cat >token'`,
		Args: oneArgument("there is no name: write one that the host may have, as in %s web1"),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := parseToken(args[0])
			if err != nil {
				return usage("%q: %v", args[0], err)
			}
			return a.token(cmd.Context(), socket, t)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().BoolVar(&a.json, "json", false, "print one JSON object, for programs")
	addSocket(cmd, &socket)
	return cmd
}

// token is the verb.
func (a *app) token(ctx context.Context, socket string, t *tokenSpec) error {
	if err := t.create(""); err != nil {
		return err
	}
	defer t.drop()
	answer, err := askListener(ctx, socket, control.Request{Do: control.Token, Names: t.pass.Names, Uses: t.pass.Uses, Expires: t.pass.Expires})
	if err != nil {
		return err
	}
	err = a.hand(t, answer.Token, answer.Address)
	if err == nil && a.json && t.file != "" {
		err = a.printJSON(map[string]any{"names": t.pass.Names, "file": t.file, "address": answer.Address})
	}
	return err
}

func (a *app) revokeVerb() *cobra.Command {
	var socket string
	cmd := &cobra.Command{
		Use:   "revoke [flags] TOKEN-FILE",
		Short: "Make a token worth nothing",
		Long: `Revoke makes the token in TOKEN-FILE, or in the first line of standard input if that
is -, worth nothing. Hosts that have joined with it stay.` + askListenerHelp,
		Example: "  outwork hosts revoke web1.token",
		Args:    oneArgument("there is no token: name the file of one, or - for standard input, as in %s web1.token"),
		RunE: func(cmd *cobra.Command, args []string) error {
			token, err := a.readToken("", args[0])
			if err != nil {
				return err
			}
			_, err = askListener(cmd.Context(), socket, control.Request{Do: control.Revoke, Text: token})
			return err
		},
	}
	cmd.Flags().BoolVar(&a.json, "json", false, "print what is wrong as one JSON object, for programs")
	addSocket(cmd, &socket)
	return cmd
}
