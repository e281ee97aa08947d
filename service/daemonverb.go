package service

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork/internal/service/audit"
	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/internal/service/listen"
	"github.com/outwork-go/outwork/internal/service/logging"
	"github.com/outwork-go/outwork/internal/service/policy"
)

// daemonFlags are the daemon's own.
type daemonFlags struct {
	dev                   bool
	socket, policy, audit string
	policyNamed           bool // by its flag, be it with nothing
}

func (p *program) daemonVerb() *cobra.Command {
	var o daemonFlags
	c := &cobra.Command{
		Use: "daemon", Short: "Serve the functions: the daemon, also called " + p.Daemon,
		Long: "Serves the functions to local users, under the policy, and records their calls. It listens on the socket that systemd hands it, or on " +
			p.Socket.Path + ". SIGHUP makes it read the policy again and reopen its records; SIGTERM and SIGINT make it finish its calls and end; once more, cancel them and end.",
		Args: cobra.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.policyNamed = cmd.Flags().Changed("policy")
			return p.runDaemon(cmd.Context(), o, cmd.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.BoolVar(&o.dev, "dev", false, "serve yourself alone, without root, below $XDG_RUNTIME_DIR; to the policy you are what root is: allowed what no policy file denies; records go to standard error")
	f.StringVar(&o.socket, "socket", "", "the `path` to listen on (default "+p.Socket.Path+")")
	f.StringVar(&o.policy, "policy", "", "the `directory` of the policy files (default "+p.PolicyDir+"; with --dev, none)")
	f.StringVar(&o.audit, "audit", "", "the `file` of the records (default "+p.AuditFile+"; with --dev, standard error)")
	return c
}

// exitConfig is EX_CONFIG of sysexits.h: the daemon refuses its policy, its
// socket's place or that of its records. systemd tells it from a crash.
const exitConfig = 78

// runDaemon serves until it is asked to end.
func (p *program) runDaemon(ctx context.Context, o daemonFlags, stderr io.Writer) error {
	if o.socket != "" {
		if err := p.checkSocket(o.socket); err != nil {
			return err
		}
	}
	if os.Geteuid() != 0 && !o.dev {
		return shell.Failf(shell.Denied, "%s must run as root, since that is what it is for: start it by systemd (systemctl start %s), or try it out as yourself with --dev", p.Daemon, p.Daemon)
	}
	handler, _ := logging.New(p.Daemon, stderr)
	log := slog.New(handler)
	slog.SetDefault(log)
	// Before anything can be asked of it: a signal that comes early counts too.
	e := heed(ctx)
	defer e.stop()
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP) // for good: one that comes with the end must not be what ends it
	r, err := p.prepare(e, o, log, stderr)
	switch {
	case err == nil:
		return r.run(e, hangups)
	case e.once.Err() != nil:
		log.Info(p.Daemon+" ends before it is ready", "signal", context.Cause(e.once), "cause", err)
		return nil
	}
	return shell.Failf(exitConfig, "%s does not start: %s", p.Daemon, strings.TrimSpace(err.Error()))
}

// prepare opens all that a daemon needs, unless it is asked to end before.
func (p *program) prepare(e ending, o daemonFlags, log *slog.Logger, stderr io.Writer) (*running, error) {
	r := &running{program: p, log: log, policy: p.policyConfig(o)}
	pol, err := within(e.once, func() (*policy.Policy, error) { return policy.Load(r.policy) })
	if err != nil {
		return nil, fmt.Errorf("the policy: %w", err)
	}
	r.tellPolicy(pol)
	if r.audit, err = audit.Open(p.auditConfig(o, stderr)); err != nil {
		return nil, err
	}
	if r.listener, err = p.listener(o, r.refused); err != nil {
		r.audit.Close()
		return nil, err
	}
	err = r.make(pol)
	if err == nil {
		r.stop, err = p.begin(e)
	}
	if err != nil {
		r.listener.Close()
		r.audit.Close()
		return nil, err
	}
	return r, nil
}

// policyConfig is what the policy is made from, at start, at each reload, and when
// it is checked. Who tries the daemon out as themselves counts as root does: what it
// does, they may, and the files may be theirs.
func (p *program) policyConfig(o daemonFlags) policy.Config {
	c := policy.Config{
		Dir: o.policy, MustExist: o.policyNamed, Functions: rulesOf(p.Functions),
	}
	switch {
	case o.dev:
		c.Owner, c.Root = uint32(os.Geteuid()), uint32(os.Geteuid())
	case !o.policyNamed:
		c.Dir = p.PolicyDir
	}
	return c
}

func (p *program) auditConfig(o daemonFlags, stderr io.Writer) audit.Config {
	c := audit.Config{Service: p.Daemon, File: o.audit, Stderr: stderr}
	switch {
	case o.dev:
		c.Journal = audit.JournalOff
	case c.File == "":
		c.File = p.AuditFile
	}
	return c
}

// listener is systemd's socket, or one of its own.
func (p *program) listener(o daemonFlags, refused func(listen.Notice)) (*listen.Listener, error) {
	c := listen.Config{
		Path: o.socket, Mode: p.Socket.Mode, Group: p.Socket.Group,
		Connections: p.Limits.Connections, PerUser: p.Limits.ConnectionsPerUser,
		OwnUserOnly: o.dev, Notice: refused,
	}
	if l, err := listen.Activated(c); l != nil || err != nil {
		return l, err
	}
	if o.dev {
		c.Mode, c.Group = 0o600, ""
	}
	if c.Path == "" {
		path, err := p.socketPath(o.dev)
		if err != nil {
			return nil, err
		}
		c.Path = path
	}
	return listen.Own(c)
}
