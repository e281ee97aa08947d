// Package asking is the verbs that ask any service, whose functions are known
// only from what it tells of itself: call and describe.
package asking

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/internal/service/describe"
)

// Verbs are the verbs. What their RunE returns has the method ExitStatus.
func Verbs() []*cobra.Command { return []*cobra.Command{callVerb(), describeVerb()} }

// target says whom to ask, and for how long.
type target struct {
	uid     int
	timeout time.Duration
}

func (t *target) flags(f *pflag.FlagSet) {
	f.SortFlags = false
	f.IntVar(&t.uid, "uid", 0, "the `user` as whom the service must run; 0 is root")
	f.Var(shell.TimeoutVar(&t.timeout), "timeout", "how long it may take at most, as in 30s")
}

// connect connects to the service at address.
func (t *target) connect(ctx context.Context, address string) (conn any, hangUp func(), err error) {
	if !strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "unix:") {
		return nil, nil, shell.Usagef("%q is no address: it is the path of a socket, as unix:///run/hostctl.sock or /run/hostctl.sock", address)
	}
	c, err := outwork.Dialer{UID: t.uid}.Dial(ctx, address)
	if err != nil {
		return nil, nil, err
	}
	return c, func() { c.Close() }, nil
}

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
