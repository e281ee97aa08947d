package starlark

import (
	"fmt"

	"go.starlark.net/starlark"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/script/starlark/internal/extend"
)

// maxEmit is how many bytes a file may have that a script emits.
const maxEmit = 256 << 20

// emitBuiltin hands a file over to the Host.
func emitBuiltin(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	var data starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "name", &name, "data", &data); err != nil {
		return nil, err
	}
	r := runOf(t)
	raw, err := emitted(r, data)
	if err != nil {
		return nil, err
	}
	if r.host.Emit == nil {
		return nil, fmt.Errorf("emit: nobody takes files here")
	}
	if err := r.host.Emit(r.ctx, name, raw); err != nil {
		return nil, r.Because(err)
	}
	return starlark.None, nil
}

// emitted is the bytes of what a script emits: of bytes, a string or a container.
func emitted(r *run, data starlark.Value) ([]byte, error) {
	switch v := data.(type) {
	case starlark.Bytes:
		return []byte(v), nil
	case starlark.String:
		return []byte(v), nil
	case extend.Container:
		c, done, err := v.Part()
		if err != nil {
			return nil, fmt.Errorf("emit: %w", err)
		}
		defer done()
		if c.Size() > maxEmit {
			return nil, fmt.Errorf("emit: %d bytes, at most %d", c.Size(), maxEmit)
		}
		raw := make([]byte, c.Size())
		if n, err := container.ReadAt(r.ctx, c, raw, 0); n < len(raw) {
			return nil, fmt.Errorf("emit: %w", r.Because(err))
		}
		return raw, nil
	}
	return nil, fmt.Errorf("emit: data is a %s: give bytes, a string or a container", data.Type())
}
