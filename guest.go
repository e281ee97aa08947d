package outwork

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/guest"
	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/module"
)

// A worker whose process is an interpreter serves these functions, of which the
// argument is a list and the result a script's value (PROTOCOL.md, Guests).
var (
	guestScript = newFunction[Value, Value]("guest.script", "Worker.Run", nil)
	guestCall   = newFunction[Value, Value]("guest.call", "python.Module.Call", nil)
)

// guestFunctions are what the interpreter tells in its HELLO.
func guestFunctions() map[string]string {
	all := map[string]string{}
	for _, f := range []*link.Function{guestScript, guestCall, guestFork, guestSignal} {
		all[f.Name] = f.Signature()
	}
	return all
}

// What the flags of guest.call say.
const (
	withContext  = 1 << iota // the call's context is the first argument
	onMainThread             // it runs there
)

// callModule calls a function of a module of the interpreter that the worker is.
func (w *Worker) callModule(ctx context.Context, c hook.ModuleCall) (Value, error) {
	if w.asks == nil {
		return Value{}, fmt.Errorf("import %s: %s is no interpreter: start one with Target.Lang", c.Module, w.place())
	}
	flags := 0
	if c.Context {
		flags |= withContext
	}
	if c.Main {
		flags |= onMainThread
	}
	keywords := codec.Keywords(c.Keywords)
	if keywords == nil {
		keywords = codec.Keywords{} // a nil map would cross as None
	}
	list := []any{c.Module, c.Function, flags, c.Args, keywords}
	if served := w.asks.module(c.Module); served != nil {
		list = append(list, served)
	}
	v, err := w.callGuest(ctx, guestCall, list)
	if _, ran := errors.AsType[*RemoteError](err); err == nil || ran {
		w.told.Store(c.Module, true) // not before: another call could overtake this one
	}
	if err != nil {
		return Value{}, fmt.Errorf("%s: %w", strings.TrimSuffix(c.Module+"."+c.Function, "."), err)
	}
	return v, nil
}

// preload imports what its target asks for. A worker that cannot is ended.
func (w *Worker) preload(ctx context.Context) error {
	for _, name := range w.preloads {
		if _, err := w.callModule(ctx, hook.ModuleCall{Module: name}); err != nil {
			w.Close()
			return fmt.Errorf("preload: %w", err)
		}
	}
	return nil
}

// runGuest runs a script in the interpreter that the worker is.
func (w *Worker) runGuest(ctx context.Context, s Script) (Value, error) {
	if len(s.Grants) > 0 {
		return Value{}, fmt.Errorf("run %s on %s: %s is not hermetic: it takes no grants", s.Name, place(w.name, ""), s.Lang)
	}
	list := []any{s.Name, s.Source, s.Args, s.Steps, w.asks.script(s.Name, s.Source)}
	return w.callGuest(ctx, guestScript, list)
}

func (w *Worker) callGuest(ctx context.Context, f *link.Function, list []any) (Value, error) {
	raw, err := codec.EncodeArgument(list)
	if err != nil {
		return Value{}, fmt.Errorf("the arguments: %w", err)
	}
	v, err := w.callWith(ctx, f, &Value{raw}, link.Carried(ctx))
	if err != nil {
		return Value{}, err
	}
	return *v.(*Value), nil
}

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
