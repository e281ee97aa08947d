package outwork

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/guest"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/module"
	"github.com/outwork-go/outwork/internal/mux"
)

// A worker whose process is an interpreter serves these functions, of which the
// argument is a list and the result a script's value (PROTOCOL.md, Guests).
var (
	guestScript = newFunction[Value, Value]("guest.script", "Worker.Run", nil)
	guestCall   = newFunction[Value, Value]("guest.call", "Imported.Call", nil)
)

// guestFunctions are what the interpreter tells in its HELLO.
func guestFunctions() map[string]string {
	all := map[string]string{}
	for _, f := range []*link.Function{guestScript, guestCall, guestFork, guestSignal} {
		all[f.Name] = f.Signature()
	}
	return all
}

// Imported is a module of a worker whose process is an interpreter (Target.Lang).
// Its fields may be set before it is used. It is safe for concurrent use.
type Imported struct {
	// Context gives the function, before its other arguments, an object that tells
	// of the call: its worker, deadline, cancellation, progress and granted functions.
	Context bool
	// Main runs the function on the interpreter's main thread, one call after another.
	Main bool

	w    *Worker
	name string
}

// Import is the module of that name in the worker, which imports it when something
// in it is first called.
func (w *Worker) Import(name string) *Imported { return &Imported{w: w, name: name} }

// Call calls a function of the module, or a method as "Class.method", and waits for
// its result; with an empty name it only imports the module. args are what a [Value]
// can be, and slices, arrays, maps and pointers of such; a last one of type
// python.Keywords is the keyword arguments. The error is as that of [Function.Call].
func (m *Imported) Call(ctx context.Context, name string, args ...any) (Value, error) {
	if m.w.asks == nil {
		return Value{}, fmt.Errorf("import %s: %s is no interpreter: start one with Target.Lang", m.name, place(m.w.name, ""))
	}
	keywords := codec.Keywords{}
	if n := len(args) - 1; n >= 0 {
		if k, ok := args[n].(codec.Keywords); ok {
			keywords, args = k, args[:n]
		}
	}
	flags := 0
	if m.Context {
		flags |= 1
	}
	if m.Main {
		flags |= 2
	}
	list := []any{m.name, name, flags, args, keywords}
	if served := m.w.asks.module(m.name); served != nil {
		list = append(list, served)
	}
	v, err := m.w.callGuest(ctx, guestCall, list)
	if _, ran := errors.AsType[*RemoteError](err); err == nil || ran {
		m.w.told.Store(m.name, true) // not before: another call could overtake this one
	}
	if err != nil {
		return Value{}, fmt.Errorf("%s: %w", strings.TrimSuffix(m.name+"."+name, "."), err)
	}
	return v, nil
}

// preload imports what t asks for. A worker that cannot is ended.
func (w *Worker) preload(ctx context.Context, t *Target) error {
	for _, name := range t.Preload {
		if _, err := w.Import(name).Call(ctx, ""); err != nil {
			w.Close()
			return fmt.Errorf("preload: %w", err)
		}
	}
	return nil
}

// runGuest runs a script in the interpreter that the worker is.
func (w *Worker) runGuest(ctx context.Context, s Script) (Value, error) {
	list := []any{s.Name, s.Source, s.Args, s.Steps, w.asks.script(s.Name, s.Source)}
	return w.callGuest(ctx, guestScript, list)
}

func (w *Worker) callGuest(ctx context.Context, f *link.Function, list []any) (Value, error) {
	raw, err := codec.EncodeArgument(list)
	if err != nil {
		return Value{}, fmt.Errorf("the arguments: %w", err)
	}
	call := options(ctx)
	v, err := w.callWith(ctx, f, &Value{raw}, call)
	if err != nil {
		if ctx.Err() != nil {
			w.overdueSoon(call)
		}
		return Value{}, err
	}
	return *v.(*Value), nil
}

// overdueSoon kills the worker when a call that was given up has not returned after
// the grace: an interpreter cannot be stopped in all that it does.
func (w *Worker) overdueSoon(call *link.Call) {
	time.AfterFunc(w.m.grace(), func() {
		if w.link.Err() == nil && call.Runs() {
			w.kill(fmt.Errorf("%w within %v of being cancelled", errOverdue, w.m.grace()))
		}
	})
}

var errOverdue = errors.New("killed: a call did not return")

// asking is what a worker asks its manager for: the modules that scripts import. They
// are sent along with what is seen to need them.
type asking struct {
	w    *Worker
	lang string
}

// script is what is served, and what a script with that source will ask for.
func (a *asking) script(path, source string) any {
	ahead := a.mentioned(source)
	if a.w.m.modules == nil {
		return a.served(ahead)
	}
	key := sha256.Sum256([]byte(source))
	a.w.key.Store(&key)
	ahead = append(ahead, a.w.m.modules.Ahead(a.lang, path, []byte(source), a.w.m.memory.Names(a.lang, key))...)
	return a.served(ahead)
}

// module is what is served, and what the module called name will ask for; nil when
// the worker was told.
func (a *asking) module(name string) any {
	if _, told := a.w.told.Load(name); told {
		return nil
	}
	if a.w.m.modules == nil {
		return a.served(nil)
	}
	key := sha256.Sum256([]byte("import " + name))
	a.w.key.Store(&key)
	also := append([]string{name}, a.w.m.memory.Names(a.lang, key)...)
	return a.served(a.w.m.modules.Ahead(a.lang, "", nil, also))
}

// runtime is a part of the interpreter's own runtime.
func (a *asking) runtime(name string) (answer []module.Module) {
	for _, s := range guest.Lookup(a.lang).Modules(name, guest.Options{Plain: a.w.plain}) {
		answer = append(answer, module.Module{Name: s.Name, Path: s.Name, Source: []byte(s.Text), Hash: sha256.Sum256([]byte(s.Text))})
	}
	if answer == nil {
		answer = []module.Module{{Name: name, Missing: true}}
	}
	return answer
}

// mentioned are the parts of the runtime that a script with that source will want.
func (a *asking) mentioned(source string) (all []module.Module) {
	for _, part := range guest.Lookup(a.lang).Mentioned(source) {
		all = append(all, a.runtime(part)...)
	}
	return all
}

// served is [roots, namespaces, modules] as they are told to an interpreter.
func (a *asking) served(ahead []module.Module) any {
	roots, namespaces, modules := []any{}, []any{}, []any{}
	if a.w.m.modules != nil {
		for _, r := range a.w.m.modules.Roots(a.lang) {
			if r.Namespace {
				namespaces = append(namespaces, r.Name)
			} else {
				roots = append(roots, r.Name)
			}
		}
	}
	for _, m := range ahead {
		modules = append(modules, []any{m.Name, m.Path, m.Package, m.Source, nil, m.Missing})
	}
	return []any{roots, namespaces, modules}
}

// module answers a worker's question for a module, and remembers it.
func (w *Worker) module(lang, name string) ([]module.Module, error) {
	if w.asks != nil && lang == guest.Runtime {
		return w.asks.runtime(name), nil
	}
	if w.m.modules == nil {
		return []module.Module{{Name: name, Missing: true}}, nil
	}
	if key := w.key.Load(); key != nil {
		w.m.memory.Note(lang, *key, name)
	}
	return w.m.modules.Get(lang, name)
}

// sendAll writes b to a transport that nobody uses yet.
func sendAll(t mux.Transport, b []byte) error {
	for len(b) > 0 {
		n, err := t.Send([][]byte{b}, nil)
		if errors.Is(err, mux.ErrAgain) {
			err = t.PollSend()
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
