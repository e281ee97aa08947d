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
	"github.com/outwork-go/outwork/script/starlark/internal/extend"
)

// containerValue is a container in a script, or a part of one: parts are
// offsets, so that a script can make any number and nothing must be closed.
type containerValue struct {
	c      container.Container
	name   string // that it is shared under
	off, n int64
}

var (
	_ starlark.HasAttrs = (*containerValue)(nil)
	_ extend.Container  = (*containerValue)(nil)
)

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

// Shared implements extend.Container.
func (v *containerValue) Shared() (name string, off, n int64) { return v.name, v.off, v.n }

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
	add("search", searchMethod)
	add("find_all", findAllMethod)
	add("count", countMethod)
	add("slice", sliceMethod)
	add("sha256", hashMethod(func(r *run, c container.Container) (starlark.Value, error) {
		sum, err := container.SHA256(r.ctx, c)
		return starlark.Bytes(sum[:]), err
	}))
	add("xxh3", hashMethod(func(r *run, c container.Container) (starlark.Value, error) {
		sum, err := container.XXH3(r.ctx, c)
		return starlark.MakeUint64(sum), err
	}))
	add("crc32", hashMethod(func(r *run, c container.Container) (starlark.Value, error) {
		sum, err := container.CRC32(r.ctx, c)
		return starlark.MakeUint64(uint64(sum)), err
	}))
	add("compare", compareMethod)
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
func (v *containerValue) readAt(r *run, p []byte, off int64) error {
	n, err := container.ReadAt(r.ctx, v.c, p, v.off+off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return r.Because(err)
}

func readMethod(r *run, v *containerValue, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	off, n, err := v.span(name, args, kwargs)
	if err != nil {
		return nil, err
	}
	if n > maxRead {
		return nil, fmt.Errorf("read: %d bytes at once, at most %d; slice makes no copy", n, maxRead)
	}
	data := make([]byte, n)
	if err := v.readAt(r, data, off); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	return starlark.Bytes(data), nil
}

func sliceMethod(_ *run, v *containerValue, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	off, n, err := v.span(name, args, kwargs)
	if err != nil {
		return nil, err
	}
	return &containerValue{c: v.c, name: v.name, off: v.off + off, n: n}, nil
}

func findMethod(r *run, v *containerValue, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var what needle
	var start int64
	if err := starlark.UnpackArgs(name, args, kwargs, "pattern", &what, "start?", &start); err != nil {
		return nil, err
	}
	return v.first(r, what, start)
}

func findAllMethod(r *run, v *containerValue, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var what needle
	limit := int64(-1)
	if err := starlark.UnpackArgs(name, args, kwargs, "pattern", &what, "limit?", &limit); err != nil {
		return nil, err
	}
	return collect(name, v.all(r, what), limit, func(at int64) starlark.Value { return starlark.MakeInt64(at) })
}

func countMethod(r *run, v *containerValue, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var what needle
	if err := starlark.UnpackArgs(name, args, kwargs, "pattern", &what); err != nil {
		return nil, err
	}
	n, err := v.count(r, what)
	return starlark.MakeInt64(n), err
}
