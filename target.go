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
	// Dir is the working directory; empty: the manager's.
	Dir string
	// Env is the environment; nil: the manager's.
	Env []string
}

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
		return nil, fmt.Errorf("no interpreter for the language %q is linked in: import package script/%[1]s", t.Lang)
	}
	if c.Path, err = i.Find(t.Program, c.Env); err != nil {
		return nil, err
	}
	args, boot := i.Start(guest.Options{Functions: guestFunctions(), Plain: plain})
	c.Args = slices.Concat([]string{c.Path}, args, []string{"[" + name + "]"}) // for ps
	return boot, nil
}
