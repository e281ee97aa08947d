package shell

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/service/fault"
	"github.com/outwork-go/outwork/internal/service/schema"
)

// Dial connects to a service, with an outwork.Callee as conn. The error is one
// sentence; close ends the connection.
type Dial func(ctx context.Context) (conn any, close func(), err error)

// Job is one call with what becomes of its reply.
type Job struct {
	Shell    *Shell
	Function *link.Function
	Reply    *schema.Type
	Args     any                      // pointer
	Subject  func(path string) string // what the command line calls a field of Args
	Timeout  time.Duration            // that Begin was told, for the sentence about it
	JSON     bool                     // the reply is one line of JSON, and each element of a stream
	Output   string                   // where a file, a reader or bytes go; "" is stdout
	Command  []string                 // is executed with the files of the reply as fds 3 and up; nil: none

	out     *destination
	program string     // Command[0], found
	handed  []*os.File // for the command
	names   []string   // theirs
}

// Run makes the call and prints its reply, in a context that Begin made. Its
// error is a *Failure. With a Command it does not return when all went well.
func (j *Job) Run(ctx context.Context, dial Dial) error {
	if err := j.prepare(); err != nil {
		return err
	}
	defer func() { j.out.abandon() }()
	if err := j.call(ctx, dial); err != nil {
		return j.ended(ctx, err)
	}
	switch {
	case j.Command == nil:
		return j.out.keep()
	case len(j.handed) == 0:
		return Failf(Failed, "%s handed out no file: %s was not executed", j.Function.Name, j.Command[0])
	}
	return execute(j.program, j.Command, j.handed, j.names)
}

// ended is how a call ended that was given ctx.
func (j *Job) ended(ctx context.Context, err error) error {
	if e, ok := errors.AsType[*fault.Invalid](err); ok && ctx.Err() == nil && e.Field != "" {
		return Usagef("%s %s", j.Subject(e.Field), e.Problem)
	}
	return Ended(ctx, j.Function.Name, j.Timeout, err)
}

// prepare finds out what would keep the reply from being delivered before
// anything is asked for.
func (j *Job) prepare() (err error) {
	switch {
	case j.Command != nil && !has(j.Reply, schema.File):
		return Usagef("%s hands out no file: there is nothing to execute %s with", j.Function.Name, j.Command[0])
	case j.Command == nil && handsSocket(j.Reply):
		return Usagef("%s hands out a socket, which only a program can use: add -- PROGRAM, which gets it as fd 3", j.Function.Name)
	case j.Output != "" && !Copies(j.Reply):
		return Usagef("%s hands out nothing to be written to --output", j.Function.Name)
	case j.JSON && j.Output == "" && j.Command == nil && copied(j.Reply):
		return Usagef("what %s hands out is not JSON: give it a place with --output FILE", j.Function.Name)
	}
	if j.Command != nil {
		if j.program, err = exec.LookPath(j.Command[0]); err != nil {
			return Usagef("%s cannot be executed: %v", j.Command[0], reason(err))
		}
	}
	j.out, err = openDestination(j.Output)
	return err
}

// handsSocket reports whether a file of the reply is said to be a socket.
func handsSocket(reply *schema.Type) bool {
	return slices.ContainsFunc(reply.Fields, func(f schema.Field) bool {
		return f.Type.Kind == schema.File && f.Files == "socket"
	})
}

// reason is err without what a sentence about it says already.
func reason(err error) error {
	if e, ok := errors.AsType[*exec.Error](err); ok {
		err = e.Err
	}
	return bare(err)
}
