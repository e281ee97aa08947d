package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/cmd/outwork/internal/control"
	"github.com/outwork-go/outwork/cmd/outwork/internal/program"
	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/lost"
	"github.com/outwork-go/outwork/tcp"
)

// listenOptions are the flags of listen.
type listenOptions struct {
	tokens   tokenList
	keyFile  string
	identity string
	socket   string
	maxHosts parallel
	redial   shell.Timeout
	level    oneOf
}

func (a *app) listenVerb() *cobra.Command {
	o := listenOptions{level: oneOf{"info", logLevels(), "level"}}
	cmd := &cobra.Command{
		Use:   "listen [flags] ADDR",
		Short: "Let hosts join that ssh cannot reach",
		Long: `Listen waits at ADDR, HOST:PORT or :PORT, for hosts on which somebody runs outwork join.
While it runs, what has joined as web1 is join://web1 to the other verbs of this user on
this machine: run, put, get, hosts check and all that have --on.

A host is let in by a token, over TLS. --token makes one: NAME is the name that the host
may have, or a pattern as 'web-*' or '*'. It is good for one host (uses=3: three,
uses=any: any number), and for ever (expires=1h), and goes to FILE, which is made for it,
or to standard output. "outwork hosts token" makes more while this runs, "outwork hosts
revoke" makes one worth nothing, and "outwork hosts joined" lists what has joined.

With --key-file both sides have the same secret instead, of 16 bytes or more: whoever has
it is let in, under any name. That authenticates and hides nothing.

Tokens hold the key of this listener, so that nobody else passes for it. It is made anew
each time, unless --identity says where to keep it: then the token in a FILE that is there
already is good again, its uses and time counting anew. A host whose connection is cut
comes back by itself. When this ends, so does all that runs on the hosts.

With --json, standard output has an object for each: {"address", "socket"} as soon as hosts
can join, then {"names", "token", "address"} for each token that goes to no FILE.

Exit status:
  1    it could not go on
  2    the command line is wrong, or the address or socket is in use
  130  it was interrupted`,
		Example: `  outwork listen :7000 --token web1=web1.token
  outwork listen :7000 --identity listen.key --token 'web-*,uses=any,expires=24h'
  outwork listen 10.0.0.1:7000 --key-file debug.key
  outwork run --on join://web1 -- uname -a`,
		Args:        oneAddress,
		Annotations: map[string]string{addressExample: ":7000"},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkAddress(cmd, args[0], 0); err != nil {
				return err
			}
			return a.listen(cmd.Context(), &o, args[0])
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.Var(&o.tokens, "token", "make a token: NAME[,uses=N][,expires=D][=FILE]; may be repeated")
	f.StringVar(&o.keyFile, "key-file", "", "a `file` of a secret that both sides have, instead of tokens")
	f.StringVar(&o.identity, "identity", "", "the `file` of the listener's key; it is made when it is not there")
	f.Var(&o.maxHosts, "max-hosts", "how many hosts may be joined at once")
	f.Var(&o.redial, "redial", "how long a host may be cut off before it is lost\n(default: "+shell.Brief(tcp.DefaultRedial)+", at most "+shell.Brief(tcp.MaxRedial)+")")
	f.BoolVar(&a.json, "json", false, "print where it listens, and tokens, as JSON objects, for programs")
	f.Var(&o.level, "log-level", "least to show: "+list(o.level.words))
	addSocket(cmd, &o.socket)
	for _, name := range []string{"token", "max-hosts", "redial"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions) // the flags are those above
	}
	_ = cmd.RegisterFlagCompletionFunc("log-level", o.level.complete)
	return cmd
}

// config is how hosts may join.
func (a *app) listenConfig(o *listenOptions) (c tcp.ListenConfig, err error) {
	c.MaxHosts = int(o.maxHosts)
	if o.keyFile != "" {
		switch {
		case len(o.tokens) > 0:
			return c, usage("--key-file and --token exclude each other: with a key there are no tokens")
		case o.identity != "":
			return c, usage("--key-file and --identity exclude each other: with a key the listener has none of its own")
		}
		c.Secret, err = a.readKey(o.keyFile)
		return c, err
	}
	if o.identity != "" {
		c.Identity, err = readIdentity(o.identity, tcp.NewIdentity)
	}
	return c, err
}

// listen is the verb.
func (a *app) listen(ctx context.Context, o *listenOptions, address string) error {
	path, err := control.Path(o.socket)
	if err != nil {
		return usage("%v", err)
	}
	c, err := a.listenConfig(o)
	if err != nil {
		return err
	}
	server, err := control.Listen(path, cleanUp)
	if err != nil {
		return usage("%v", err)
	}
	defer server.Close()
	ctx, stop := shell.Interruptible(ctx)
	defer stop()
	m := &outwork.Manager{Log: slog.New(newLogHandler(a.stderr, levelOf(o.level.value), colours(a.stderr))), Stdout: a.stderr, Stderr: a.stderr, Redial: time.Duration(o.redial)}
	defer m.Close()
	l, err := c.Listen(ctx, m, address)
	if err != nil {
		return listenFailure(ctx, address, err)
	}
	defer l.Close()
	m.Log.Info("listening", "address", l.Addr(), "socket", path)
	if a.json {
		if err := a.printJSON(map[string]any{"address": l.Addr(), "socket": path}); err != nil {
			return err
		}
	}
	if err := a.handTokens(o, l); err != nil {
		return err
	}
	return a.takeHosts(ctx, server, &joined{m, l})
}

// listenFailure says what is wrong with an address.
func listenFailure(ctx context.Context, address string, err error) error {
	if ctx.Err() != nil {
		return ending(ctx, "", 0, ctx.Err())
	}
	switch why, _ := errors.AsType[syscall.Errno](err); why {
	case syscall.EADDRINUSE:
		return usage("cannot listen on %s: the address is in use: another program listens there", address)
	case syscall.EADDRNOTAVAIL:
		return usage("cannot listen on %s: this machine has no such address", address)
	case syscall.EACCES:
		return usage("cannot listen on %s: ports below 1024 are root's", address)
	case 0:
		return usage("cannot listen on %s: %v", address, err)
	default:
		return usage("cannot listen on %s: %v", address, why)
	}
}

// handTokens makes the tokens of the command line, when all their files can be.
func (a *app) handTokens(o *listenOptions, l *tcp.Listener) error {
	var fresh []*tokenSpec
	for _, t := range o.tokens {
		if o.identity != "" && exists(t.file) {
			if err := a.readmit(t, l); err != nil {
				return err
			}
			continue
		}
		if err := t.create("--token"); err != nil {
			return err
		}
		defer t.drop()
		fresh = append(fresh, t)
	}
	for _, t := range fresh {
		token, err := l.Token(t.pass)
		if err == nil {
			err = a.hand(t, token, l.Addr())
		}
		if err != nil {
			return err
		}
	}
	if len(o.tokens) == 0 && o.keyFile == "" {
		a.complain("There is no token yet: outwork hosts token NAME makes one.")
	}
	return nil
}

// readmit makes the token good again that is in a file from an earlier time.
func (a *app) readmit(t *tokenSpec, l *tcp.Listener) error {
	token, err := a.readToken("--token", t.file)
	if err != nil {
		return err
	}
	if err := l.Readmit(token, t.pass); err != nil {
		return usage("--token %s: %v", t.file, err)
	}
	a.complain(fmt.Sprintf("The token in %s is good again.", t.file))
	return nil
}

// exists reports whether there is such a file.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return path != "" && err == nil
}

// takeHosts serves until ctx ends.
func (a *app) takeHosts(ctx context.Context, server *control.Server, j *joined) error {
	inner, cancel := context.WithCancel(ctx)
	var accepting sync.WaitGroup
	accepting.Go(func() { j.accept(inner) })
	err := server.Serve(ctx, j)
	cancel()
	accepting.Wait()
	if err == nil {
		err = ctx.Err()
	}
	return ending(ctx, "outwork listen", 0, err)
}

// joined are the hosts of a listener. It is a control.Backend.
type joined struct {
	m *outwork.Manager
	l *tcp.Listener
}

// accept logs who joins.
func (j *joined) accept(ctx context.Context) {
	for {
		host, err := j.l.Accept(ctx)
		if err != nil {
			return
		}
		name := strings.TrimPrefix(host, joinScheme+"://")
		addr := "unknown" // it has left again
		for _, h := range j.l.Hosts() {
			if h.Name == name {
				addr = h.Addr
			}
		}
		j.m.Log.Info("host has joined", "host", name, "addr", addr)
	}
}

// Address is of control.Backend.
func (j *joined) Address() string { return j.l.Addr() }

// Hosts is of control.Backend.
func (j *joined) Hosts() (all []control.Host) {
	for _, h := range j.l.Hosts() {
		all = append(all, control.Host{Name: h.Name, Addr: h.Addr, Since: h.Since, Cut: h.Cut})
	}
	return all
}

// Token is of control.Backend.
func (j *joined) Token(names string, uses int, expires time.Duration) (string, error) {
	token, err := j.l.Token(tcp.Pass{Names: names, Uses: uses, Expires: expires})
	if err == nil {
		j.m.Log.Info("a token was made", "names", names)
	}
	return token, err
}

// Revoke is of control.Backend.
func (j *joined) Revoke(token string) error {
	err := j.l.Revoke(token)
	if err == nil {
		j.m.Log.Info("a token was revoked")
	}
	return err
}

// Run is of control.Backend: the command has a worker of its own.
func (j *joined) Run(ctx context.Context, host string, c program.Command) (program.End, error) {
	if err := j.there(host); err != nil {
		return program.End{}, err
	}
	end, err := new(sandboxFlags).command(ctx, j.m, outwork.Target{Host: joinScheme + "://" + host}, &c, io.Discard, "")
	if err != nil && ctx.Err() == nil && isLost(err) {
		err = &control.LostError{Text: lossOf(host, err)}
	}
	return end, err
}

// lossOf says how a host was lost: which worker was there is the listener's own affair.
func lossOf(host string, err error) string {
	gone, ok := errors.AsType[*outwork.LostError](err)
	switch {
	case !ok:
		return err.Error()
	case errors.Is(err, lost.Host) && gone.Cause != nil:
		return host + " is lost: " + strings.TrimPrefix(gone.Cause.Error(), lost.Host.Error()+": ")
	}
	return lossText(gone)
}

// there says which hosts there are, when it is none of them.
func (j *joined) there(host string) error {
	const most = 10
	var names []string
	for _, h := range j.l.Hosts() {
		if h.Name == host {
			return nil
		}
		names = append(names, h.Name)
	}
	text := fmt.Sprintf("no host has joined as %s", host)
	switch {
	case len(names) == 0:
		text += ", and no other: "
	case len(names) > most:
		text += fmt.Sprintf(", but %s and %d more: ", strings.Join(names[:most], ", "), len(names)-most)
	default:
		text += ", but " + strings.Join(names, ", ") + ": "
	}
	return &control.LostError{Text: text + "see outwork hosts joined"}
}
