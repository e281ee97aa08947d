package hexview

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
)

// MaxShownBytes is how many bytes a worker may have shown that are not in a shared
// container.
const MaxShownBytes = 15 << 20

// Showing is what a worker calls to have bytes shown to who sits at its manager's
// terminal (call.Back), where that grants it ([Desk.Grant]). It is for Go, Starlark
// and Python alike, and returns when that person leaves the view. Who asks gets neither
// the terminal nor what is typed there, only what was selected.
var Showing = outwork.Declare[Shown, Selection]("outwork.show")

// Shown is what a worker wants to be shown: a part of a container that its manager shares,
// or bytes of its own.
type Shown struct {
	Name   string // that the container is shared under; empty: Bytes are shown
	Bytes  []byte // what the worker made itself, at most MaxShownBytes
	Offset int64  // of the part, in the container or Bytes. The selection is relative to it
	Length int64  // bytes of the part; 0: all behind Offset
	Cursor int64  // where the cursor is at first, relative to Offset
	Title  string // for the head line; empty: Name
}

// Desk shows what workers ask for on the terminal of this process. Its first three fields
// are needed, and none is changed once it grants. It may be used by several workers at once.
type Desk struct {
	Manager  *outwork.Manager // starts the workers that draw, one a view, on this machine
	Terminal Terminal

	// Find is what is shared under a name with the workers that are granted. It stays
	// the finder's to close. An error is what the worker gets.
	Find func(name string) (container.Container, error)

	// Hold keeps everything else from the terminal until release is called; nil: there
	// is nothing else.
	Hold func() (release func())

	once sync.Once
	turn chan struct{} // holds a token while something is shown; made by Grant
}

// Grant is for call.WithGrants: what a worker then calls is [Showing]. One view is shown at
// a time: others wait until that is left, or their context ends.
func (d *Desk) Grant() outwork.AnyFunction {
	d.once.Do(func() { d.turn = make(chan struct{}, 1) })
	return Showing.Bind(d.show)
}

func (d *Desk) show(ctx context.Context, what Shown) (Selection, error) {
	c, err := d.part(&what)
	if err != nil {
		return Selection{}, err
	}
	defer c.Close()
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return Selection{}, ctx.Err()
	}
	defer func() { <-d.turn }()
	if d.Hold != nil {
		defer d.Hold()()
	}
	w, structure, err := Begin(ctx, d.Manager, outwork.Target{}, c)
	if err != nil {
		return Selection{}, err
	}
	defer w.Close()
	return Show(ctx, w, d.Terminal, c, Options{Title: what.Title, Offset: what.Cursor, Structure: structure})
}

// errNothing is for a call that says nothing.
var errNothing = errors.New("there is nothing to show: name a shared container, or give bytes")

// part is what is to be shown. It must be closed.
func (d *Desk) part(what *Shown) (container.Container, error) {
	var whole container.Container
	switch {
	case what.Name != "" && len(what.Bytes) > 0:
		return nil, fmt.Errorf("show %q or bytes, not both", what.Name)
	case what.Name != "":
		c, err := d.Find(what.Name)
		if err != nil {
			return nil, err
		}
		whole = c
	case len(what.Bytes) > MaxShownBytes:
		return nil, fmt.Errorf("show %d bytes: at most %d can be shown that are not shared", len(what.Bytes), MaxShownBytes)
	case len(what.Bytes) == 0 && what.Title == "":
		return nil, errNothing
	default:
		whole = container.FromBytes(what.Bytes)
		defer whole.Close()
	}
	if what.Title == "" {
		what.Title = what.Name
	}
	n := what.Length
	if n == 0 {
		n = whole.Size() - what.Offset
	}
	return whole.Slice(what.Offset, n)
}
