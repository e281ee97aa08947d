package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// program is one that is built for a run: its name, go build's arguments, and
// what is added to its environment.
type program struct {
	name  string
	build []string
	env   []string
}

var (
	bareProgram   = program{name: "bare", build: []string{"./programs/bare"}}
	pluginProgram = program{name: "plugin", build: []string{"./programs/plugin"}}
)

// buildPrograms builds into dir what the tables need. It is run in the
// directory of this module.
func buildPrograms(ctx context.Context, dir string, tables []table) error {
	built := make(map[string]bool)
	for _, t := range tables {
		for _, p := range t.programs {
			if built[p.name] {
				continue
			}
			built[p.name] = true
			if err := p.buildInto(ctx, dir); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p program) buildInto(ctx context.Context, dir string) error {
	// go build wants -C first of all.
	args := slices.Concat([]string{"build"}, p.build)
	at := len(args) - 1
	args = slices.Insert(args, at, "-o", filepath.Join(dir, p.name))
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build %s (run this in the directory bench): %w", p.name, err)
	}
	return nil
}

func (p program) command(j job, args ...string) *exec.Cmd {
	return exec.Command(filepath.Join(j.Programs, p.name), args...)
}
