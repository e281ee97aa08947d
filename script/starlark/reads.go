package starlark

import (
	"bytes"
	"fmt"

	"go.starlark.net/starlark"

	"github.com/outwork-go/outwork/container"
)

// intKind is a fixed-width integer that containers can read.
type intKind struct {
	name   string
	size   int64 // bytes, at most 8
	signed bool
	big    bool // most significant byte first
}

var intKinds = []intKind{
	{"u8", 1, false, false},
	{"i8", 1, true, false},
	{"u16le", 2, false, false},
	{"i16le", 2, true, false},
	{"u16be", 2, false, true},
	{"i16be", 2, true, true},
	{"u32le", 4, false, false},
	{"i32le", 4, true, false},
	{"u32be", 4, false, true},
	{"i32be", 4, true, true},
	{"u64le", 8, false, false},
	{"i64le", 8, true, false},
	{"u64be", 8, false, true},
	{"i64be", 8, true, true},
}

func (k intKind) method() method {
	return func(r *run, v *containerValue, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var off int64
		if err := starlark.UnpackArgs(name, args, kwargs, "offset", &off); err != nil {
			return nil, err
		}
		if err := v.check(name, off, k.size); err != nil {
			return nil, err
		}
		var buf [8]byte
		if err := v.readAt(r, buf[:k.size], off); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return k.decode(buf[:k.size]), nil
	}
}

func (k intKind) decode(b []byte) starlark.Value {
	var u uint64
	for i := range b {
		if k.big {
			u = u<<8 | uint64(b[i])
		} else {
			u |= uint64(b[i]) << (8 * i)
		}
	}
	if !k.signed {
		return starlark.MakeUint64(u)
	}
	unused := 64 - 8*len(b)
	return starlark.MakeInt64(int64(u<<unused) >> unused)
}

func cstringMethod(r *run, v *containerValue, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var off int64
	limit := int64(4096)
	if err := starlark.UnpackArgs(name, args, kwargs, "offset", &off, "limit?", &limit); err != nil {
		return nil, err
	}
	if limit < 0 || limit > maxRead {
		return nil, fmt.Errorf("cstring: limit is %d, not 0 to %d", limit, maxRead)
	}
	if err := v.check(name, off, 0); err != nil {
		return nil, err
	}
	data := make([]byte, min(limit, v.n-off))
	if err := v.readAt(r, data, off); err != nil {
		return nil, fmt.Errorf("cstring: %w", err)
	}
	before, _, ok := bytes.Cut(data, []byte{0})
	if !ok {
		return nil, fmt.Errorf("cstring: no NUL within %d bytes at offset %d", len(data), off)
	}
	return starlark.Bytes(before), nil
}

// hashMethod makes a method without arguments of a hash of a container.
func hashMethod(hash func(r *run, c container.Container) (starlark.Value, error)) method {
	return func(r *run, v *containerValue, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if err := starlark.UnpackArgs(name, args, kwargs); err != nil {
			return nil, err
		}
		part, done, err := v.Part()
		if err != nil {
			return nil, err
		}
		defer done()
		sum, err := hash(r, part)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, r.Because(err))
		}
		return sum, nil
	}
}

// compareMethod is the offset of the first difference, or None.
func compareMethod(r *run, v *containerValue, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var other *containerValue
	if err := starlark.UnpackArgs(name, args, kwargs, "other", &other); err != nil {
		return nil, err
	}
	part, done, err := v.Part()
	if err != nil {
		return nil, err
	}
	defer done()
	with, done, err := other.Part()
	if err != nil {
		return nil, err
	}
	defer done()
	at, err := container.Compare(r.ctx, part, with)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, r.Because(err))
	case at < 0:
		return starlark.None, nil
	}
	return starlark.MakeInt64(at), nil
}
