package starlark

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"go.starlark.net/lib/json"
	"go.starlark.net/lib/math"
	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/script/starlark/internal/extend"
)

// runOf is the run that a built-in was called in.
func runOf(t *starlark.Thread) *run { return t.Local(extend.Key).(*run) }

// environment is the predeclared names of a run, the same for every module.
func (r *run) environment(args []string) starlark.StringDict {
	list := starlark.NewList(stringTuple(args))
	list.Freeze()
	env := starlark.StringDict{
		"args":      list,
		"log":       logModule(),
		"json":      guardJSON(json.Module),
		"math":      math.Module,
		"time":      startime.Module,
		"struct":    starlark.NewBuiltin("struct", starlarkstruct.Make),
		"shared":    starlark.NewBuiltin("shared", sharedBuiltin),
		"container": starlark.NewBuiltin("container", containerBuiltin),
		"progress":  starlark.NewBuiltin("progress", progressBuiltin),
		"fail":      starlark.NewBuiltin("fail", failBuiltin),
		"find":      starlark.NewBuiltin("find", findBuiltin),
		"text":      starlark.NewBuiltin("text", textBuiltin),
		"hex":       starlark.NewBuiltin("hex", hexBuiltin),
		"unhex":     starlark.NewBuiltin("unhex", unhexBuiltin),
		"pattern":   patternModule(),
		"layout":    layoutModule(),
	}
	for name, value := range extend.Added() {
		env[name] = value()
	}
	if r.host.Emit != nil {
		env["emit"] = starlark.NewBuiltin("emit", emitBuiltin)
	}
	if slices.Contains(r.host.Grants, GrantHost) {
		env[GrantHost] = hostModule()
	}
	addGuards(env)
	return env
}

// print writes a line in one piece, so that lines of other writers do not come
// in between.
func (r *run) print(_ *starlark.Thread, msg string) {
	if _, err := io.WriteString(r.host.Stdout, msg+"\n"); err != nil {
		r.stop(fmt.Errorf("print: %w", err))
	}
}

func sharedBuiltin(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "name", &name); err != nil {
		return nil, err
	}
	r := runOf(t)
	if c := r.shared[name]; c != nil {
		return c, nil
	}
	if r.host.Shared == nil {
		return nil, fmt.Errorf("shared: no container is named %q: there are none", name)
	}
	c, err := r.host.Shared(r.ctx, name)
	if err != nil {
		return nil, fmt.Errorf("shared: %w", err)
	}
	r.shared[name] = &containerValue{c: c, name: name, n: c.Size()}
	return r.shared[name], nil
}

func containerBuiltin(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var data starlark.Bytes
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "bytes", &data); err != nil {
		return nil, err
	}
	return whole(memory(data)), nil
}

func whole(c container.Container) *containerValue {
	return &containerValue{c: c, n: c.Size()}
}

func progressBuiltin(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var done, total int64
	var label string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "done", &done, "total?", &total, "label?", &label); err != nil {
		return nil, err
	}
	if done < 0 || total < 0 {
		return nil, fmt.Errorf("progress: %d of %d: neither can be negative", done, total)
	}
	runOf(t).host.Progress(done, total, label)
	return starlark.None, nil
}

// failBuiltin is the language's own without its "fail: " before the message.
func failBuiltin(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	sep := " "
	if err := starlark.UnpackArgs(b.Name(), nil, kwargs, "sep?", &sep); err != nil {
		return nil, err
	}
	if err := weighAll(args); err != nil {
		return nil, fmt.Errorf("fail: %w", err)
	}
	words := make([]string, len(args))
	for i, v := range args {
		words[i] = display(v)
	}
	return nil, failure(strings.Join(words, sep))
}

// failure is what a script says when it calls fail.
type failure string

func (f failure) Error() string { return string(f) }

// display is v as print shows it.
func display(v starlark.Value) string {
	if s, ok := starlark.AsString(v); ok {
		return s
	}
	return v.String()
}
