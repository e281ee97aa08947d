package outwork

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

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
	// this program.
	Program string
	// Dir is the working directory; empty: the manager's.
	Dir string
	// Env is the environment; nil: the manager's.
	Env []string
}

// command is what the starter is to start.
func (t *Target) command(name string) (c starter.Command, err error) {
	title := os.Args[0]
	if t.Program != "" {
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
	c.Args = []string{title + " [" + name + "]"}
	env := t.Env
	if env == nil {
		env = os.Environ()
	}
	env = slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		return strings.HasPrefix(v, starter.RoleVariable+"=") // the first one would count
	})
	c.Env = append(env, starter.RoleVariable+"="+starter.RoleWorker)
	return c, nil
}
