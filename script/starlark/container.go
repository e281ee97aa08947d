package starlark

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"go.starlark.net/starlark"

	"github.com/outwork-go/outwork/container"
)

// containerValue is a container in a script, or a part of one: parts are
// offsets, so that a script can make any number and nothing must be closed.
type containerValue struct {
	c      container.Container
	off, n int64
}

var _ starlark.HasAttrs = (*containerValue)(nil)

func (v *containerValue) String() string       { return fmt.Sprintf("container(%d bytes)", v.n) }
func (v *containerValue) Type() string         { return "container" }
func (v *containerValue) Freeze()              {}
func (v *containerValue) Truth() starlark.Bool { return v.n > 0 }

func (v *containerValue) Hash() (uint32, error) {
	return 0, errors.New("unhashable type: container")
}

func (v *containerValue) AttrNames() []string {
	return append(slices.Sorted(maps.Keys(containerMethods())), "size")
}

func (v *containerValue) Attr(name string) (starlark.Value, error) {
	if name == "size" {
		return starlark.MakeInt64(v.n), nil
	}
	if m := containerMethods()[name]; m != nil {
		return m.BindReceiver(v), nil
	}
	return nil, nil
}

// method is a built-in method of a container.
type method func(r *run, v *containerValue, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error)

// containerMethods is made when a script first uses a container: a worker that
// runs none should not wait for it.
var containerMethods = sync.OnceValue(makeMethods)

func makeMethods() map[string]*starlark.Builtin {
	methods := map[string]*starlark.Builtin{}
	add := func(name string, m method) {
		methods[name] = starlark.NewBuiltin(name, func(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			return m(runOf(t), b.Receiver().(*containerValue), name, args, kwargs)
		})
	}
	add("read", readMethod)
	add("find", findMethod)
	add("find_all", findAllMethod)
	add("count", countMethod)
	add("slice", sliceMethod)
	add("sha256", sha256Method)
	add("cstring", cstringMethod)
	for _, k := range intKinds {
		add(k.name, k.method())
	}
	return methods
}

// span unpacks an offset and a length, which is the rest if it is not given,
// and holds them against the size.
func (v *containerValue) span(name string, args starlark.Tuple, kwargs []starlark.Tuple) (off, n int64, err error) {
	var length starlark.Value = starlark.None
	if err := starlark.UnpackArgs(name, args, kwargs, "offset?", &off, "n?", &length); err != nil {
		return 0, 0, err
	}
	n = max(v.n-off, 0)
	if length != starlark.None {
		if err := starlark.AsInt(length, &n); err != nil {
			return 0, 0, fmt.Errorf("%s: for parameter n: %w", name, err)
		}
	}
	return off, n, v.check(name, off, n)
}

func (v *containerValue) check(name string, off, n int64) error {
	switch {
	case off < 0:
		return errNegative(name, "offset", off)
	case n < 0:
		return errNegative(name, "n", n)
	case off > v.n || n > v.n-off:
		return fmt.Errorf("%s: %d bytes at offset %d are past the end: the size is %d", name, n, off, v.n)
	}
	return nil
}

func errNegative(name, what string, n int64) error {
	return fmt.Errorf("%s: %s is %d, and cannot be negative", name, what, n)
}

// readAt fills p from a place that check allowed.
func (v *containerValue) readAt(p []byte, off int64) error {
	n, err := v.c.ReadAt(p, v.off+off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func readMethod(_ *run, v *containerValue, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	off, n, err := v.span(name, args, kwargs)
	if err != nil {
		return nil, err
	}
	if n > maxRead {
		return nil, fmt.Errorf("read: %d bytes at once, at most %d; slice makes no copy", n, maxRead)
	}
	data := make([]byte, n)
	if err := v.readAt(data, off); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	return starlark.Bytes(data), nil
}

func sliceMethod(_ *run, v *containerValue, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	off, n, err := v.span(name, args, kwargs)
	if err != nil {
		return nil, err
	}
	return &containerValue{c: v.c, off: v.off + off, n: n}, nil
}

func findMethod(r *run, v *containerValue, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var p pattern
	var start int64
	if err := starlark.UnpackArgs(name, args, kwargs, "pattern", &p, "start?", &start); err != nil {
		return nil, err
	}
	return v.first(r, p, start)
}

func findAllMethod(r *run, v *containerValue, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var p pattern
	limit := -1
	if err := starlark.UnpackArgs(name, args, kwargs, "pattern", &p, "limit?", &limit); err != nil {
		return nil, err
	}
	var found []starlark.Value
	for at, err := range v.all(r, p) {
		switch {
		case err != nil:
			return nil, err
		case limit >= 0 && len(found) >= limit:
			return starlark.NewList(found), nil
		case len(found) == maxMatches:
			return nil, fmt.Errorf("find_all: more than %d matches: give a lower limit, or search part by part", maxMatches)
		}
		found = append(found, starlark.MakeInt64(at))
	}
	return starlark.NewList(found), nil
}

func countMethod(r *run, v *containerValue, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var p pattern
	if err := starlark.UnpackArgs(name, args, kwargs, "pattern", &p); err != nil {
		return nil, err
	}
	var n int64
	for _, err := range v.all(r, p) {
		if err != nil {
			return nil, err
		}
		n++
	}
	return starlark.MakeInt64(n), nil
}
