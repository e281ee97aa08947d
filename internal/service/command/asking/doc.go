// Package asking is the verbs that ask any service, whose functions are known
// only from what it tells of itself: call and describe.
package asking

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork/client"
	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/internal/service/describe"
	"github.com/outwork-go/outwork/internal/spell"
)

// Verbs are the verbs. What their RunE returns has the method ExitStatus.
func Verbs() []*cobra.Command { return []*cobra.Command{callVerb(), describeVerb()} }

// target says whom to ask, and for how long.
type target struct {
	uid     int
	timeout time.Duration
}

func (t *target) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.IntVar(&t.uid, "uid", 0, "the number of the `user` as whom the service must run; 0 is root")
	f.Var((*shell.Timeout)(&t.timeout), "timeout", "the longest that it may take, as in 30s")
	for _, name := range []string{"uid", "timeout"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions) // the flags are those above
	}
}

// connect connects to the service at address.
func (t *target) connect(ctx context.Context, address string) (conn any, hangUp func(), err error) {
	if !strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "unix:") {
		return nil, nil, shell.Usagef("%q is no address: it is the path of a socket, as unix:///run/hostctl.sock or /run/hostctl.sock", address)
	}
	c, err := client.Dialer{UID: t.uid}.Dial(ctx, address)
	if errors.Is(err, fs.ErrNotExist) {
		path := strings.TrimPrefix(strings.TrimPrefix(address, "unix:"), "//")
		if near := spell.File(path, isSocket); near != "" {
			return nil, nil, shell.Failf(shell.Unavailable, "there is no socket %s: did you mean %s?", address, near)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	return c, func() { c.Close() }, nil
}

func isSocket(e fs.DirEntry) bool { return e.Type() == fs.ModeSocket }

// ask is what the service at the other end of conn says of itself. It may be any
// service: texts are to be escaped, and types are not looked at yet.
func ask(ctx context.Context, conn any) (*describe.Description, error) {
	f, err := hook.NewFunction(describe.Name, reflect.TypeFor[describe.Args](), reflect.TypeFor[describe.Description](), nil)
	if err != nil {
		return nil, err
	}
	reply, err := hook.Call(ctx, conn, f, &describe.Args{})
	if err != nil {
		return nil, err
	}
	d := reply.(*describe.Description)
	if err := d.Check(); err != nil {
		return nil, shell.Failf(shell.Unavailable, "it is no service that can be asked: %v", err)
	}
	return d, nil
}

// shellOf is what cmd reads and writes.
func shellOf(cmd *cobra.Command) *shell.Shell {
	return &shell.Shell{Program: cmd.CommandPath(), In: cmd.InOrStdin(), Out: cmd.OutOrStdout(), Err: cmd.ErrOrStderr()}
}

// statusText is the exit statuses for help.
func statusText() string {
	var text strings.Builder
	text.WriteString("Exit status:\n")
	for _, s := range shell.Statuses {
		text.WriteString(fmt.Sprintf("  %-4d %s\n", s.Status, s.Means))
	}
	return text.String()
}
