package main

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/container"
)

// job is a script with all that it needs to run.
type job struct {
	source
	target  outwork.Target
	sandbox *sandboxFlags
	manager outwork.Manager
	screen  *screen
	shared  map[string]container.Container
	closers []io.Closer
	far     *files // closed behind the others
	stat    statTable
}

// newJob opens what s needs. It takes far over.
func (a *app) newJob(ctx context.Context, o *runOptions, s source, far *files) (*job, error) {
	j := &job{source: s, target: o.target(&s), sandbox: &o.sandbox, screen: newScreen(a.stderr), far: far, stat: statTable{wanted: o.stats}}
	j.shared = map[string]container.Container{}
	stdout := a.stdout
	if a.json {
		stdout = a.stderr
	}
	m := &j.manager
	m.Stdout, m.Stderr, m.Output = a.printing(j.screen, stdout), j.screen.stderr(a.stderr), outputOf(o.output.value)
	m.Log = slog.New(newLogHandler(m.Stderr, levelOf(o.level.value), colours(a.stderr)))
	m.Tag = o.hosts.many()
	if err := j.open(ctx, a, o); err != nil {
		j.close()
		return nil, err
	}
	return j, nil
}

// open opens the files that o names.
func (j *job) open(ctx context.Context, a *app, o *runOptions) error {
	if err := o.hosts.prepare(&j.manager); err != nil {
		return err
	}
	for _, s := range o.shares {
		c, err := a.openSource(ctx, s.path, j.far)
		if err != nil {
			return err
		}
		j.closers = append(j.closers, c)
		if err := j.manager.Share(s.name, c); err != nil {
			return usage("--share %s=%s: %v", s.name, s.path, err)
		}
		j.shared[s.name] = c
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
	j.far.Close()
	return err
}

// run runs the script at a place, in a worker that is gone when it returns.
func (j *job) run(ctx context.Context, d destination) (v outwork.Value, err error) {
	v, err = j.work(ctx, placed(j.target, d))
	return v, j.end(ctx, err)
}

// end ends all workers: in peace, unless err says that a script failed.
func (j *job) end(ctx context.Context, err error) error {
	defer j.screen.clear()
	if err != nil {
		j.letGo(ctx)
		j.manager.Close()
		return err
	}
	return j.manager.Shutdown(ctx)
}

// cleanUp is how long a script that was cut off has for its finally and the like.
const cleanUp = 2 * time.Second

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

// work runs the script in a new worker.
func (j *job) work(ctx context.Context, t outwork.Target) (outwork.Value, error) {
	w, err := j.sandbox.begin(ctx, &j.manager, t)
	if err != nil {
		return outwork.Value{}, err
	}
	j.sandbox.tell(j.manager.Stderr, "", w)
	return j.in(call.WithProgress(ctx, j.screen.progress), w)
}

// in runs the script in w.
func (j *job) in(ctx context.Context, w *outwork.Worker) (outwork.Value, error) {
	v, err := w.Run(ctx, j.Script)
	j.stat.take(w)
	return v, err
}

// workOn is work at one of several places. Its worker is gone when it returns, unless
// that is an interpreter, which may have more to do: it ends with the manager.
func (j *job) workOn(ctx context.Context, d destination, name string) (outwork.Value, error) {
	t := placed(j.target, d)
	t.Name = name
	w, err := j.sandbox.begin(ctx, &j.manager, t)
	if err != nil {
		return outwork.Value{}, err
	}
	if t.Lang == "" {
		defer w.Close()
	}
	j.sandbox.tell(j.manager.Stderr, "["+name+"] ", w)
	return j.in(ctx, w)
}
