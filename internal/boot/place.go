package boot

import (
	"context"
	"syscall"

	"github.com/outwork-go/outwork/host"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/starter"
)

// Place is where a chain of hops has come to: this machine at first, then the host of
// an agent. Commands of the next hop are started there.
type Place interface {
	// Start starts a command. When ctx ends first, nothing of it is left.
	Start(ctx context.Context, c Command) (Process, error)
}

// Command is what a Place starts: the leader of a process group of its own that ends
// with the place at the latest.
type Command struct {
	// Args is the program, looked up in PATH there, and its arguments.
	Args []string
	// Env is added to the environment of the place, "NAME=value" each.
	Env []string
	// Ask, when set, answers what programs ask through SSH_ASKPASS; the place sees to it
	// that they do (they get the answer on a pipe: never in an argument, never in a file).
	// When it is nil they are told that nobody can answer.
	Ask Ask
	// Stderr is given what the command writes to its standard error, in order, from one
	// goroutine at a time, and nothing any more once Wait has returned. It must not
	// block for long, nor keep p.
	Stderr func(p []byte)
}

// Process is a command that runs. It is safe for concurrent use.
type Process interface {
	// Transport is its standard output and input. Whoever takes it closes it.
	Transport() mux.Transport
	// Wait returns when the command has ended, its group was killed, and all of its
	// standard error was delivered. It must be called, and may be by several.
	Wait() (starter.Exit, error)
	// Signal sends sig to its group. One that has ended is no error.
	Signal(sig syscall.Signal) error
}

// Ask answers a question that a program on the way to a host asks a person. It may
// be called from several goroutines, and must return when ctx ends: that is when nobody
// wants the answer any more. An error ends the way to the host; an empty answer need not.
type Ask func(ctx context.Context, q host.Question) (answer string, err error)
