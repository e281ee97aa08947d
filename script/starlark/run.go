package starlark

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/script/starlark/internal/extend"
)

// Host is what a script can reach of the process around it. A nil field is a
// thing that is not there: scripts that ask for it get an error, and what they
// print, log or report is dropped. The functions are called by one goroutine
// at a time, except Stuck.
type Host struct {
	// Shared finds a container by name; its error should list the names
	// that there are. It is asked once a name, and the run closes what it
	// returned.
	Shared func(ctx context.Context, name string) (container.Container, error)

	// Module is asked for the source of a module, once a name. The path is
	// what tracebacks call it; empty means the name.
	Module func(ctx context.Context, name string) (source []byte, path string, err error)

	// Log gets the records of the script's log, with its file and line as
	// the attribute slog.SourceKey.
	Log *slog.Logger

	// Progress gets what the script reports. A total of 0 is unknown.
	Progress func(done, total int64, label string)

	// Stdout gets what the script prints, one Write a call of print. An
	// error ends the script.
	Stdout io.Writer

	// Emit gets the files that the script gives away, if it is not nil: then there is a
	// predeclared emit(name, data), where data is bytes, a string or a container. The name is
	// as the script says it. The error is what the script gets.
	Emit func(ctx context.Context, name string, data []byte) error

	// Grants is what the script may use of the machine, which is nothing
	// by default: GrantHost is the only word. Another is an error.
	Grants []string

	// Stuck is called, at most once and from another goroutine, when the
	// script was stopped for the given reason but sits in an operation
	// that cannot be interrupted, or has taken several times its memory.
	// A worker process should end itself then, with err as its last words.
	Stuck func(err error)
}

// Script is what to run.
type Script struct {
	Name   string   // what tracebacks call it, usually its path
	Source []byte   // at most 1 MiB
	Args   []string // for main and args
}

// Run executes a script and returns its result: nil, bool, int64, uint64 or
// *big.Int (whichever fits first), float64, string, []byte, time.Time, []any
// (of a list, tuple, set or range) or map[any]any (of a dict, or of a struct
// with its field names as keys).
//
// The error is an *Error. It wraps the context's cause if that ended the
// script, and the Host's error if one did.
func Run(ctx context.Context, h Host, s Script, l Limits) (any, error) {
	r := newRun(ctx, h, s, l.orDefaults())
	defer r.close()
	v, err := r.script(s)
	if err != nil {
		return nil, r.explain(err)
	}
	return v, nil
}

// run is one execution of one script. It belongs to the goroutine of Run;
// only stopped and what it guards is shared with the watch.
type run struct {
	ctx     context.Context         // ends when the run must stop, too
	cancel  context.CancelCauseFunc // ends it
	host    Host
	limits  Limits
	thread  *starlark.Thread
	env     starlark.StringDict
	shared  map[string]*containerValue
	opened  []func() // close what is to be closed: by host.open, and parts that are kept
	modules map[string]*module
	loading []string          // names of the modules being loaded, outermost first
	sources map[string][]byte // by the path that tracebacks show
	stopped stopReason
	watch   *watch
	called  *run // of a Program's top level: the call that goes on
}

// Context ends when the run must stop.
func (r *run) Context() context.Context { return r.ctx }

// Keep calls done when the run is over.
func (r *run) Keep(done func()) { r.opened = append(r.opened, done) }

func newRun(ctx context.Context, h Host, s Script, l Limits) *run {
	r := bareRun(ctx, h, l, s.Name)
	r.modules, r.sources = map[string]*module{}, map[string][]byte{}
	r.thread.Load = r.load
	r.env = r.environment(s.Args)
	r.watch = startWatch(r)
	return r
}

// bareRun is a run without names, sources and a watch.
func bareRun(ctx context.Context, h Host, l Limits, name string) *run {
	ctx, cancel := context.WithCancelCause(ctx)
	r := &run{
		ctx:     ctx,
		cancel:  cancel,
		host:    h.orDefaults(),
		limits:  l,
		shared:  map[string]*containerValue{},
		stopped: stopReason{done: make(chan struct{})},
	}
	r.thread = &starlark.Thread{Name: name, Print: r.print, OnMaxSteps: r.onSteps}
	r.thread.SetLocal(extend.Key, r)
	r.onSteps(r.thread)
	return r
}

func (h Host) orDefaults() Host {
	if h.Log == nil {
		h.Log = slog.New(slog.DiscardHandler)
	}
	if h.Progress == nil {
		h.Progress = func(int64, int64, string) {}
	}
	if h.Stdout == nil {
		h.Stdout = io.Discard
	}
	if h.Stuck == nil {
		h.Stuck = func(error) {}
	}
	return h
}

func (r *run) close() {
	r.watch.stop()
	r.release()
}

// release closes what the run has opened.
func (r *run) release() {
	r.cancel(nil)
	for _, c := range r.shared {
		c.c.Close()
	}
	for _, done := range r.opened {
		done()
	}
}

// recovered makes an error of a panic: of the interpreter or of a Host's container. It ends
// the script, not the process.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic in the interpreter: %v", p)
	}
}

// script runs everything.
func (r *run) script(s Script) (_ any, err error) {
	defer recovered(&err)
	if err := checkGrants(r.host.Grants); err != nil {
		return nil, err
	}
	if err := r.interrupted(); err != nil {
		return nil, err
	}
	globals, err := r.exec(s.Name, s.Source)
	if err != nil {
		return nil, err
	}
	v, err := r.callMain(globals["main"], s.Args)
	if err != nil {
		return nil, err
	}
	if err := r.interrupted(); err != nil {
		return nil, err
	}
	return export(v)
}

// exec compiles and runs the top level of one file on the run's own thread, so
// that steps, depth, cancellation and tracebacks span modules.
func (r *run) exec(path string, source []byte) (starlark.StringDict, error) {
	if len(source) > maxSource {
		return nil, fmt.Errorf("%s: %d bytes of source, at most %d", path, len(source), maxSource)
	}
	r.sources[path] = source
	file, err := dialect.Parse(path, source, 0)
	if err != nil {
		return nil, placeNewline(err)
	}
	guardFile(file)
	prog, err := starlark.FileProgram(file, r.env.Has)
	if err != nil {
		return nil, nameGrant(r.hint(err))
	}
	return prog.Init(r.thread, r.env)
}

var dialect = &syntax.FileOptions{
	Set:             true,
	While:           true,
	TopLevelControl: true,
	GlobalReassign:  true,
	Recursion:       true,
}

func (r *run) callMain(main starlark.Value, args []string) (starlark.Value, error) {
	if main == nil {
		return starlark.None, nil
	}
	if _, ok := main.(starlark.Callable); !ok {
		return nil, fmt.Errorf("main is of type %s, not a function", main.Type())
	}
	if fn, ok := main.(*starlark.Function); ok {
		if err := checkArity(fn, len(args)); err != nil {
			return nil, err
		}
	}
	return starlark.Call(r.thread, main, stringTuple(args), nil)
}

func stringTuple(ss []string) starlark.Tuple {
	t := make(starlark.Tuple, len(ss))
	for i, s := range ss {
		t[i] = starlark.String(s)
	}
	return t
}
