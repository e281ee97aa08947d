// Package extend is where packages beside script/starlark give scripts more names: so a
// program links no more than it imports.
package extend

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"strings"
	"sync"

	"go.starlark.net/starlark"

	"github.com/outwork-go/outwork/container"
)

// Key is the thread-local under which a [Run] stands.
const Key = "outwork.run"

// Run is a script that runs. It belongs to the goroutine that the script runs in.
type Run interface {
	// Context ends when the script must stop.
	Context() context.Context
	// Because is why the script must stop, if it must, and else err.
	Because(err error) error
	// Keep calls done when the run is over.
	Keep(done func())
}

// Of is the run that a built-in was called in.
func Of(t *starlark.Thread) Run { return t.Local(Key).(Run) }

// Container is a script's container.
type Container interface {
	starlark.Value
	// Part is the bytes of it, until done is called.
	Part() (c container.Container, done func(), err error)
	// Shared is what of a shared container it is: the name of that, and a part of n bytes at
	// off. The name of others is empty.
	Shared() (name string, off, n int64)
}

// Argument is a container that a script gives, for starlark.UnpackArgs.
type Argument struct{ Container }

// Unpack implements starlark.Unpacker.
func (a *Argument) Unpack(v starlark.Value) error {
	c, ok := v.(Container)
	if !ok {
		return fmt.Errorf("got %s, want container", v.Type())
	}
	a.Container = c
	return nil
}

var added struct {
	mu     sync.Mutex
	byName map[string]func() starlark.Value
}

// Add makes value a predeclared name of all scripts. It is called once a run, and what it
// returns must be frozen, or a thing of that run. Add panics when the name is taken.
func Add(name string, value func() starlark.Value) {
	added.mu.Lock()
	defer added.mu.Unlock()
	if added.byName[name] != nil {
		panic(fmt.Sprintf("outwork: two packages give Starlark the name %s", name))
	}
	if added.byName == nil {
		added.byName = map[string]func() starlark.Value{}
	}
	added.byName[name] = value
}

// Added are what was added, by name.
func Added() map[string]func() starlark.Value {
	added.mu.Lock()
	defer added.mu.Unlock()
	return maps.Clone(added.byName)
}

// Fields is a value with fields, which crosses as a map of them when a script returns it.
type Fields interface {
	starlark.HasAttrs
	// Fields yields name and value of all fields, in order.
	Fields() iter.Seq2[string, starlark.Value]
}

// FieldsString is v written out, as NAME(field = value, ...).
func FieldsString(name string, v Fields) string {
	var b strings.Builder
	b.WriteString(name + "(")
	sep := ""
	for field, value := range v.Fields() {
		b.WriteString(sep + field + " = " + value.String())
		sep = ", "
	}
	b.WriteString(")")
	return b.String()
}
