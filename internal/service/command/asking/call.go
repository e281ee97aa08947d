package asking

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/internal/service/describe"
	"github.com/outwork-go/outwork/internal/service/schema"
	"github.com/outwork-go/outwork/internal/spell"
)

// call is one run of the verb call.
type call struct {
	target
	json   bool
	output string
}

func callVerb() *cobra.Command {
	var c call
	cmd := &cobra.Command{
		Use:   "call [flags] ADDRESS FUNCTION [NAME=VALUE...] [-- PROGRAM [ARG...]]",
		Short: "Call a function of a service",
		Long: `Call asks the service at ADDRESS, the path of its socket, what its functions are,
and calls one of them.

  NAME=VALUE    a field from text; once more adds to a list, and K=V to a map
  NAME:=JSON    a field from JSON
  NAME=@FILE    an open file, or bytes, an object's JSON or a secret from a file;
                NAME=- is standard input. K=@FILE adds to a map with secrets

What the function hands out is copied to standard output or to --output, or given to
PROGRAM as fd 3, which LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES tell it. With --json
the reply is a line of JSON, and so is each element of a stream.

` + statusText(),
		Example: `  outwork call unix:///run/hostctl.sock hostname.set name=web1
  outwork call --json /run/hostctl.sock journal.tail lines:=5
  outwork call /run/hostctl.sock port.listen port=443 -- caddy run`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			args, program := split(cmd, args)
			switch len(args) {
			case 0:
				return shell.Usagef("there is no address: write that of a service, and a function, as in %s /run/hostctl.sock hostname.get", cmd.CommandPath())
			case 1:
				return shell.Usagef("there is no function behind %s: outwork describe %[1]s tells which there are", args[0])
			}
			return c.run(cmd, args[0], args[1], args[2:], program)
		},
		ValidArgsFunction:     c.complete,
		DisableFlagsInUseLine: true,
	}
	f := cmd.Flags()
	c.flags(cmd)
	f.BoolVar(&c.json, "json", false, "print the reply, or what is wrong, as a line of JSON, for programs")
	f.StringVar(&c.output, "output", "", "write what the function hands out to this `file`")
	return cmd
}

// split parts the words from the program behind "--", which is nil without one.
func split(cmd *cobra.Command, args []string) (words, program []string) {
	at := cmd.ArgsLenAtDash()
	if at < 0 || at == len(args) {
		return args, nil
	}
	return args[:at], args[at:]
}

// run asks for the function's types, and calls it.
func (c *call) run(cmd *cobra.Command, address, name string, words, program []string) error {
	ctx, end := shell.Begin(cmd.Context(), c.timeout)
	defer end()
	conn, hangUp, err := c.connect(ctx, address)
	if err != nil {
		return shell.Ended(ctx, name, c.timeout, shell.Undialed(err))
	}
	defer hangUp()
	f, args, reply, err := c.find(ctx, conn, name)
	if err != nil {
		return err
	}
	a := shell.NewArguments(args, shellOf(cmd), func(f *schema.Field) string { return f.Name })
	defer a.Close()
	if err := fill(a, args, words); err != nil {
		return err
	}
	if err := a.Finish("see outwork describe " + address); err != nil {
		return err
	}
	job := shell.Job{
		Shell: shellOf(cmd), Function: f, Reply: reply, Args: a.Value(), Subject: a.Subject,
		Timeout: c.timeout, JSON: c.json, Output: c.output, Command: program,
	}
	return job.Run(ctx, func(context.Context) (any, func(), error) { return conn, hangUp, nil })
}

// find is the function of that name, with types made from its description.
func (c *call) find(ctx context.Context, conn any, name string) (f *link.Function, args, reply *schema.Type, err error) {
	d, err := ask(ctx, conn)
	if err != nil {
		return nil, nil, nil, shell.Ended(ctx, describe.Name, c.timeout, err)
	}
	described := d.Function(name)
	if described == nil {
		return nil, nil, nil, unknownFunction(d, name)
	}
	if args, reply, err = typesOf(described); err == nil {
		f, err = hook.NewFunction(name, args.Go, reply.Go, nil)
	}
	if err != nil {
		err = shell.Failf(shell.Failed, "%s cannot be called from its description: %v", name, err)
	}
	return f, args, reply, err
}

// typesOf are the types of f, with Go types.
func typesOf(f *describe.Function) (args, reply *schema.Type, err error) {
	if _, _, err = f.Types(); err != nil { // the argument is a struct
		return nil, nil, err
	}
	if args, err = schema.FromJSONSchema([]byte(f.Args)); err != nil {
		return nil, nil, err
	}
	reply, err = schema.FromJSONSchema([]byte(f.Reply))
	return args, reply, err
}

func unknownFunction(d *describe.Description, name string) error {
	var known []string
	for i := range d.Functions {
		known = append(known, d.Functions[i].Name)
	}
	if near := spell.Nearest(name, known); near != "" {
		return shell.Usagef("%s has no function %q: did you mean %s?", d.Service, name, near)
	}
	return shell.Usagef("%s has no function %q: see outwork describe", d.Service, name)
}
