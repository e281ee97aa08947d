package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork/internal/output"
	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/internal/spell"
)

const (
	modulePath  = "github.com/outwork-go/outwork"
	commandPath = "./cmd/outwork"
)

// usualPlatforms are built when none are named.
func usualPlatforms() []string { return []string{"linux/amd64", "linux/arm64"} }

// agentOptions are the flags of build-agents.
type agentOptions struct {
	dir       string
	platforms []string
}

func (a *app) buildAgentsVerb() *cobra.Command {
	o := agentOptions{platforms: usualPlatforms()}
	cmd := &cobra.Command{
		Use:   "build-agents [flags]",
		Short: "Build this command for hosts of other platforms",
		Long: `Build-agents builds this command for other platforms, into files named outwork-OS-ARCH:
give their folder as --binaries to the verbs that reach hosts. It needs Go, and builds
the source in the working folder if that is outwork's, or else the version that this
command is of. The files need nothing on the host that they run on.

Exit status:
  0    all were built
  1    one was not; what the compiler said is on standard error
  2    the command line is wrong, or there is no Go, or no source
  130  it was interrupted`,
		Example: `  outwork build-agents --out agents
  outwork build-agents --out agents --platforms linux/arm64,linux/riscv64
  outwork run --binaries agents --on ssh://raspberry hello.star`,
		Args:              noArguments,
		RunE:              func(cmd *cobra.Command, _ []string) error { return a.buildAgents(cmd.Context(), &o) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.dir, "out", "agents", "the `folder` to write to; it is made if need be")
	f.StringSliceVar(&o.platforms, "platforms", o.platforms, "the `platforms` to build for, each OS/ARCH, with commas between them")
	f.BoolVar(&a.json, "json", false, "print a JSON object for each file, for programs")
	_ = cmd.RegisterFlagCompletionFunc("out", completeFolder)
	_ = cmd.RegisterFlagCompletionFunc("platforms", cobra.FixedCompletions(usualPlatforms(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// buildAgents is the verb.
func (a *app) buildAgents(ctx context.Context, o *agentOptions) error {
	ctx, stop := shell.Interruptible(ctx)
	defer stop()
	g, err := findGo()
	if err != nil {
		return err
	}
	if err := g.check(ctx, o.platforms); err != nil {
		return interrupted(ctx, err)
	}
	source, err := g.source(ctx)
	if err != nil {
		return interrupted(ctx, err)
	}
	if err := os.MkdirAll(o.dir, 0o777); err != nil {
		return usage("--out %s: cannot make the folder: %v", o.dir, bare(err))
	}
	for _, p := range o.platforms {
		file, err := g.build(ctx, source, o.dir, p)
		if err != nil {
			return interrupted(ctx, err)
		}
		if a.json {
			err = a.printJSON(map[string]any{"platform": p, "file": file})
		} else {
			err = a.write([]byte(file + "\n"))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// interrupted is err, unless Ctrl-C is behind it.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ending(ctx, "", 0, ctx.Err())
	}
	return err
}

// golang is the go command.
type golang struct{ program string }

func findGo() (golang, error) {
	program, err := exec.LookPath("go")
	if err != nil {
		return golang{}, usage("there is no go command: install Go (https://go.dev/dl) where PATH finds it, or build on a machine that has it, and copy the folder")
	}
	return golang{program}, nil
}

// cleanUpGo is how long the go command has to take its folders away when it is interrupted.
const cleanUpGo = 10 * time.Second

// output is what the go command prints; its error has what that complains of.
func (g golang) output(ctx context.Context, dir string, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, g.program, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	cmd.WaitDelay = cleanUpGo
	cmd.Cancel = func() error {
		if err := cmd.Process.Signal(os.Interrupt); err == nil || errors.Is(err, os.ErrProcessDone) {
			return err
		}
		return cmd.Process.Kill() // Windows has no such signal
	}
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if text := strings.TrimSpace(string(output.Sanitize([]byte(complaints.String())))); err != nil && text != "" {
		err = errors.New(text)
	}
	return out, err
}

// check refuses platforms that Go does not have.
func (g golang) check(ctx context.Context, platforms []string) error {
	if len(platforms) == 0 {
		return usage("--platforms: name one, as in linux/arm64")
	}
	out, err := g.output(ctx, "", nil, "tool", "dist", "list")
	if err != nil {
		return usage("the go command does not work: %v", err)
	}
	known := strings.Fields(string(out))
	for _, p := range platforms {
		if slices.Contains(known, p) {
			continue
		}
		if near := spell.Nearest(p, known); near != "" {
			return usage("--platforms %q: did you mean %s?", p, near)
		}
		return usage("--platforms %q: Go builds for no such platform: write one as linux/arm64", p)
	}
	return nil
}

// source is the folder of outwork's source: the working folder's module, or the version
// that this command was built from.
func (g golang) source(ctx context.Context) (string, error) {
	if out, err := g.output(ctx, "", []string{"GOWORK=off"}, "list", "-m", "-f", "{{.Path}}\n{{.Dir}}"); err == nil {
		if path, dir, _ := strings.Cut(strings.TrimSpace(string(out)), "\n"); path == modulePath {
			return dir, nil
		}
	}
	version := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Path == modulePath {
		version = info.Main.Version
	}
	if version == "" || version == "(devel)" || strings.Contains(version, "+dirty") {
		return "", usage("this command was not built from a published version: run it in the folder of outwork's source")
	}
	out, err := g.output(ctx, os.TempDir(), []string{"GOWORK=off"}, "mod", "download", "-json", modulePath+"@"+version)
	var m struct{ Dir, Error string }
	if json.Unmarshal(out, &m) == nil && m.Error != "" {
		err = errors.New(m.Error)
	}
	if err != nil || m.Dir == "" {
		return "", usage("cannot get the source of version %s, and the working folder has none: %v", version, err)
	}
	return m.Dir, nil
}

// build builds for a platform, and returns the file that it wrote.
func (g golang) build(ctx context.Context, source, dir, platform string) (string, error) {
	goos, goarch, _ := strings.Cut(platform, "/")
	file := filepath.Join(dir, "outwork-"+goos+"-"+goarch)
	to, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	temp := to + ".part"
	defer os.Remove(temp) // when it was not renamed
	env := []string{"GOOS=" + goos, "GOARCH=" + goarch, "CGO_ENABLED=0", "GOWORK=off"}
	_, err = g.output(ctx, source, env, "build", "-trimpath", "-ldflags=-s -w", "-o", temp, commandPath)
	if err == nil {
		err = os.Rename(temp, to)
	}
	if err != nil {
		return "", &failure{status: statusFailed, Kind: kindOther, Message: fmt.Sprintf("cannot build for %s: %v", platform, err)}
	}
	return file, nil
}
