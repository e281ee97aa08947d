package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
)

// job is a script with all that it needs to run.
type job struct {
	source
	target  outwork.Target
	manager outwork.Manager
	screen  *screen
	closers []io.Closer
}

func (a *app) newJob(o *runOptions, s source) (*job, error) {
	j := &job{source: s, target: o.target(&s), screen: newScreen(a.stderr)}
	stdout := a.stdout
	if a.json {
		stdout = a.stderr
	}
	m := &j.manager
	m.Stdout, m.Stderr, m.Output = j.screen.stdout(stdout), j.screen.stderr(a.stderr), outputOf(o.output.value)
	colour := isTerminal(a.stderr) && os.Getenv("NO_COLOR") == ""
	m.Log = slog.New(newLogHandler(m.Stderr, levelOf(o.level.value), colour))
	if err := j.open(o); err != nil {
		j.close()
		return nil, err
	}
	return j, nil
}

// open opens the files that o names.
func (j *job) open(o *runOptions) error {
	for _, s := range o.shares {
		c, err := openShare(s)
		if err != nil {
			return err
		}
		j.closers = append(j.closers, c)
		if err := j.manager.Share(s.name, c); err != nil {
			return usage("--share %s=%s: %v", s.name, s.path, err)
		}
	}
	modules, err := openModules(o.modules, &j.source)
	if err != nil {
		return err
	}
	j.manager.Modules = modules.folders
	j.closers = append(j.closers, modules)
	if o.record == "" {
		return nil
	}
	r, err := createRecord(o.record)
	if err != nil {
		return err
	}
	j.manager.Record = r
	j.closers = append(j.closers, r)
	return nil
}

// close closes the files, and returns the first error of that.
func (j *job) close() (err error) {
	for _, c := range j.closers {
		if e := c.Close(); err == nil {
			err = e
		}
	}
	return err
}

func openShare(s share) (container.Container, error) {
	info, err := os.Stat(s.path)
	if err == nil && info.IsDir() {
		return nil, usage("--share %s=%s: it is a folder; share a file in it", s.name, s.path)
	}
	c, err := container.FromFile(s.path)
	if err != nil {
		if cause := errors.Unwrap(err); cause != nil { // without "container from a file"
			err = cause
		}
		return nil, usage("--share %s=%s: cannot share the file: %v", s.name, s.path, bare(err))
	}
	return c, nil
}

// run runs the script in a worker, which is gone when it returns.
func (j *job) run(ctx context.Context) (v outwork.Value, err error) {
	defer j.screen.clear()
	v, err = j.work(ctx)
	if err != nil {
		j.letGo(ctx)
		j.manager.Close()
		return v, err
	}
	return v, j.manager.Shutdown(ctx)
}

// cleanUp is how long a script that was cut off has for its finally and the like.
const cleanUp = outwork.DefaultGrace

// letGo waits for a script of an interpreter's that was told to end: a signal would end
// it before it has cleaned up.
func (j *job) letGo(ctx context.Context) {
	if ctx.Err() == nil || j.target.Lang == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	_ = j.manager.Wait(ctx)
}

func (j *job) work(ctx context.Context) (outwork.Value, error) {
	w, err := j.manager.Start(ctx, j.target)
	if err != nil {
		return outwork.Value{}, &startError{err}
	}
	return w.Run(outwork.WithProgress(ctx, j.screen.progress), j.Script)
}
