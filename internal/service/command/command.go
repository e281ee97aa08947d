package command

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork/internal/service/api"
	"github.com/outwork-go/outwork/internal/service/command/shell"
)

// Spec is what a command is made from.
type Spec struct {
	Service *api.Service // one that Check has nothing against

	// Dial connects to the daemon: conn is an outwork.Callee, and close ends it.
	// The error is one sentence that says what to do.
	Dial func(context.Context, DialOptions) (conn any, close func(), err error)

	// Grants is the context of a call of f: with the functions that f may call
	// back. nil grants nothing.
	Grants func(ctx context.Context, f *api.Function) context.Context

	// Extra are verbs beside those of the functions, and describe. What their RunE returns is
	// complained of; its exit status is that of shell.FailureOf.
	Extra []*cobra.Command
}

// DialOptions say which daemon is meant.
type DialOptions struct {
	Dev    bool   // the user's own
	Socket string // its path; "" is the service's
}

// run is one run of the command.
type run struct {
	Spec
	shell   *shell.Shell
	leaves  map[*cobra.Command]*leaf
	json    bool
	dev     bool
	socket  string
	timeout time.Duration
}

// Run runs the command and returns its exit status. Of the files, those that are
// an *os.File are asked whether they are terminals.
func Run(ctx context.Context, s Spec, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	r := newRun(s, stdin, stdout, stderr)
	root := r.root()
	root.SetArgs(slices.Clip(append([]string{}, args...))) // nil would be os.Args
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return shell.OK
	}
	f := shell.FailureOf(err)
	if r.json || shell.JSONAsked(args) {
		r.shell.ComplainJSON(f)
	} else {
		r.shell.Complain(f.Text)
	}
	return f.Status
}

func newRun(s Spec, stdin io.Reader, stdout, stderr io.Writer) *run {
	return &run{
		Spec:   s,
		shell:  &shell.Shell{Program: s.Service.Name, In: stdin, Out: stdout, Err: stderr},
		leaves: map[*cobra.Command]*leaf{},
	}
}
