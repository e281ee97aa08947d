package outwork

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/outwork-go/outwork/internal/guest"
	"github.com/outwork-go/outwork/internal/starter"
	"github.com/outwork-go/outwork/sandbox"
)

// Target is where and how a worker is to be started. The zero value is a plain
// child of this machine that runs this same program.
type Target struct {
	// Name tells the worker in errors, output, logs and the process list: at
	// most 64 bytes, unique in its manager. Empty: the program's name and a
	// number.
	Name string
	// Program is another binary that calls Main, found like a command. Empty:
	// this program. With Lang it is the interpreter, and empty is the one that
	// the language's package finds.
	Program string
	// Lang is the language whose interpreter the process is to be, instead of a
	// program that calls Main: "python", when package script/python is imported.
	Lang string
	// Preload are modules that the interpreter imports before Start returns.
	Preload []string
	// Dir is the working directory; empty: the manager's, or the agent's on a Host.
	Dir string
	// Env is the environment; nil: the manager's, or the agent's on a Host.
	Env []string
	// Host is where the worker runs: ssh://user@host:port, sudo://user, docker://container
	// and others (host.Hop). Empty: this machine.
	Host string
	// Via are the hops before Host, in order: {"ssh://bastion"}, with Host sudo://root.
	// One connection to each is shared by all workers of the manager behind it.
	Via []string
	// Sandbox is how the worker is confined. The zero value: it is a plain child.
	Sandbox sandbox.Config
	// Limits bound what it may use up. The zero value is no limit, but for a worker with a Sandbox.
	Limits sandbox.Limits
	// ConnectBack has the agent behind the first hop, which is Host or the first of Via, dial
	// this manager when it has been reached, and go on over TCP (TLS 1.3, keys made for this
	// one agent), so that ssh ends (the command of another kind of hop stays as long as its
	// agent); hops behind it go through that. It is tcp.Auto, or "HOST:PORT" as the
	// agent is to dial it, or ":PORT" with a host that is chosen. This process listens there,
	// on all its addresses unless HOST is one of them. When the agent cannot reach it, a warning
	// is logged, and the hop's stream stays. A cut is survived for Manager.Redial. Package
	// outwork/tcp must be imported. For a host that has joined it means nothing.
	ConnectBack string

	pooled bool // the worker is of a pool
}

// onHost reports whether the worker is not for this machine.
func (t *Target) onHost() bool { return t.Host != "" || len(t.Via) > 0 }

// command is what the starter is to start.
func (t *Target) command(name string) (c starter.Command, err error) {
	title := os.Args[0]
	if t.Program != "" && t.Lang == "" {
		title = t.Program
		if c.Path, err = exec.LookPath(t.Program); err != nil {
			return c, err
		}
		if c.Path, err = filepath.Abs(c.Path); err != nil {
			return c, err
		}
	}
	if t.Dir != "" {
		if st, err := os.Stat(t.Dir); err != nil {
			return c, fmt.Errorf("working directory: %w", err)
		} else if !st.IsDir() {
			return c, fmt.Errorf("working directory %s: %w", t.Dir, errors.New("not a directory"))
		}
	}
	c.Dir = t.Dir
	env := t.Env
	if env == nil {
		env = os.Environ()
	}
	c.Env = slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		return strings.HasPrefix(v, starter.RoleVariable+"=") // the first one would count
	})
	if t.Lang != "" {
		return c, nil // its interpreter says the rest
	}
	c.Args = []string{title + " [" + name + "]"}
	c.Env = append(c.Env, starter.RoleVariable+"="+starter.RoleWorker)
	return c, nil
}

// interpret makes c that of an interpreter, and returns what it is sent first.
func (t *Target) interpret(c *starter.Command, name string, plain bool) (boot []byte, err error) {
	i := guest.Lookup(t.Lang)
	if i == nil {
		return nil, noInterpreter(t.Lang)
	}
	if c.Path, err = i.Find(t.Program, c.Env); err != nil {
		return nil, err
	}
	args, boot := i.Start(guest.Options{Functions: guestFunctions(), Plain: plain, Alone: plain})
	c.Args = slices.Concat([]string{c.Path}, args, []string{"[" + name + "]"}) // for ps
	return boot, guest.Hold(i, c.Confine, c.Path, c.Args, c.Env)
}
