package service

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/internal/service/api"
	"github.com/outwork-go/outwork/internal/service/command"
)

// Main is the program: the daemon, when it is called by the daemon's name or with
// the word daemon, and the command otherwise. It does not return.
//
// The command's exit status is 0; 1, the function failed; 2, it was used wrongly
// or an argument is not valid; 69, there is no daemon; 75, it is busy; 77, the
// caller may not. The daemon's is 0 when it was asked to stop, 1 when it failed,
// 2, 77 likewise, and 78 for a policy or a place that it refuses.
//
// Main calls [outwork.Main], so that functions may start workers.
func Main(s Service) {
	outwork.Main()
	a, err := s.check()
	if err != nil {
		fmt.Fprintf(os.Stderr, "service.Main: the description of service %q is wrong:\n%v\n", s.Name, err)
		os.Exit(exitSoftware)
	}
	p := &program{Service: a, exports: s.API, needs: s.Needs, start: s.Start}
	args := os.Args[1:]
	if filepath.Base(os.Args[0]) == a.Daemon {
		args = append([]string{"daemon"}, args...)
	}
	os.Exit(command.Run(context.Background(), p.spec(), args, os.Stdin, os.Stdout, os.Stderr))
}

// exitSoftware is EX_SOFTWARE of sysexits.h: the program is wrong.
const exitSoftware = 70

// program is what the verbs of the command work on.
type program struct {
	*api.Service
	exports []Export
	needs   Needs
	start   func(context.Context) (func() error, error)
}

func (p *program) spec() command.Spec {
	return command.Spec{
		Service: p.Service, Dial: p.dial, Grants: p.grants,
		Extra: []*cobra.Command{p.daemonVerb(), p.policyVerb(), p.installVerb()},
	}
}

// grants lets f call back what it is said to ask for and this program has.
func (p *program) grants(ctx context.Context, f *api.Function) context.Context {
	for i := range p.exports {
		if hook.Function(p.exports[i].Function) != f.Link {
			continue
		}
		for _, ask := range p.exports[i].Asks {
			if hook.Function(ask).Invoke != nil {
				ctx = call.WithGrants(ctx, ask)
			}
		}
	}
	return ctx
}
