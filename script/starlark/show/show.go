// Package show lets Starlark scripts have bytes shown to who sits at the manager's
// terminal: a program that imports it gives them the name show. It has no names of its own.
//
//	show(c, title="", offset=0)  shows the container c, with the cursor at offset, and
//	                             returns, when that is left, a struct of what was selected:
//	                             picked (by Enter; else the others mean nothing), offset and
//	                             length in bytes of c
//
// A script may do so where its caller granted it (hexview.Desk); it gets neither the
// terminal nor what is typed there. What is not shared, or a part of that, crosses as its
// bytes: hexview.MaxShownBytes at most.
package show

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/hexview"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/script/starlark/internal/extend"
)

func init() {
	extend.Add("show", sync.OnceValue(func() starlark.Value { return starlark.NewBuiltin("show", showBuiltin) }))
}

var errNotGranted = errors.New("show: not granted; run with --grant terminal")

func showBuiltin(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var v extend.Argument
	var what hexview.Shown
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "container", &v, "title?", &what.Title, "offset?", &what.Cursor); err != nil {
		return nil, err
	}
	ctx := extend.Of(t).Context()
	if in := link.From(ctx); in == nil || !in.Granted(hexview.Showing.Name()) {
		return nil, errNotGranted
	}
	if err := fill(extend.Of(t), &what, v.Container); err != nil {
		return nil, fmt.Errorf("show: %w", err)
	}
	s, err := hexview.Showing.Call(ctx, call.Back(ctx), what)
	if err != nil {
		return nil, extend.Of(t).Because(fmt.Errorf("show: %w", err))
	}
	return starlarkstruct.FromStringDict(starlarkstruct.Default, starlark.StringDict{
		"picked": starlark.Bool(s.Picked), "offset": starlark.MakeInt64(s.Offset), "length": starlark.MakeInt64(s.Length),
	}), nil
}

// fill says what of v is to be shown, or gives its bytes.
func fill(r extend.Run, what *hexview.Shown, v extend.Container) error {
	name, off, n := v.Shared()
	switch {
	case what.Cursor < 0 || what.Cursor > n:
		return fmt.Errorf("offset %d is outside of the container's %d bytes", what.Cursor, n)
	case n == 0:
		return errors.New("there is nothing in the container")
	case name != "":
		what.Name, what.Offset, what.Length = name, off, n
		return nil
	case n > hexview.MaxShownBytes:
		return fmt.Errorf("%d bytes that are not of a shared container: at most %d can be shown", n, hexview.MaxShownBytes)
	}
	c, done, err := v.Part()
	if err != nil {
		return err
	}
	defer done()
	what.Bytes = make([]byte, n)
	if got, err := container.ReadAt(r.Context(), c, what.Bytes, 0); got < len(what.Bytes) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return r.Because(err)
	}
	return nil
}
