// Package starter puts package supervise behind a link: the small process that starts
// and supervises a manager's workers, and the manager's side of it.
//
// The starter is the manager's own program started once more. When the link to
// its manager ends, for whatever reason, it kills every worker and what they left
// behind, and exits. Workers are started by it rather than by the manager, so
// that starting one costs the same however large the manager has grown, and that
// they do not outlive a manager that was killed.
//
// The starter trusts its manager, which is the same user's same program; it has
// no link to any worker.
package starter

import (
	"context"
	"errors"
	"os"

	"github.com/outwork-go/outwork/internal/confine"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/supervise"
)

// LinkFD is the descriptor of the link in a started process.
const LinkFD = 3

// RoleVariable is the environment variable that tells a process what it was
// started for; its values are the other constants.
const (
	RoleVariable = confine.RoleVariable
	RoleStarter  = "starter"
	RoleWorker   = "worker"
	RoleFar      = "worker-far" // a worker to which no file descriptors cross: its link is relayed
	RoleAgent    = "agent"
	RoleStage    = confine.RoleStage // confines itself and becomes another program
)

// The functions of a starter.

type startArgs struct {
	Path    string
	Args    []string
	Env     []string
	Dir     string
	Session bool
	Confine []byte // a confine.Policy; empty: nothing
	Link    *os.File
	Stdin   *os.File
	Stdout  *os.File
	Stderr  *os.File
}

type startReply struct {
	ID    uint64
	PID   int
	Pidfd *os.File
}

// Exit is how a worker's process ended.
type Exit = supervise.Exit

type signalArgs struct {
	ID     uint64
	Signal int
}

// does is what a starter does; zero on the side that calls.
type does struct {
	start  func(context.Context, *startArgs) (*startReply, error)
	wait   func(context.Context, *uint64) (*Exit, error)
	signal func(context.Context, *signalArgs) (*struct{}, error)
}

// functions are a starter's.
func functions(d does) (start, wait, signal *link.Function, reg *link.Registry) {
	const here = "package starter"
	start, wait, signal = link.Own("start", here, d.start), link.Own("wait", here, d.wait), link.Own("signal", here, d.signal)
	return start, wait, signal, link.RegistryOf(start, wait, signal)
}

var errGone = errors.New("the starter has no such process")
