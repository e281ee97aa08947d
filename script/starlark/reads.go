package starlark

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"go.starlark.net/starlark"
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
	return func(_ *run, v *containerValue, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var off int64
		if err := starlark.UnpackArgs(name, args, kwargs, "offset", &off); err != nil {
			return nil, err
		}
		if err := v.check(name, off, k.size); err != nil {
			return nil, err
		}
		var buf [8]byte
		if err := v.readAt(buf[:k.size], off); err != nil {
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

func cstringMethod(_ *run, v *containerValue, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
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
	if err := v.readAt(data, off); err != nil {
		return nil, fmt.Errorf("cstring: %w", err)
	}
	before, _, ok := bytes.Cut(data, []byte{0})
	if !ok {
		return nil, fmt.Errorf("cstring: no NUL within %d bytes at offset %d", len(data), off)
	}
	return starlark.Bytes(before), nil
}

func sha256Method(r *run, v *containerValue, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs(name, args, kwargs); err != nil {
		return nil, err
	}
	hash := sha256.New()
	buf := make([]byte, min(v.n, 1<<20))
	for off := int64(0); off < v.n; {
		if err := r.interrupted(); err != nil {
			return nil, err
		}
		part := buf[:min(int64(len(buf)), v.n-off)]
		if err := v.readAt(part, off); err != nil {
			return nil, fmt.Errorf("sha256: %w", err)
		}
		hash.Write(part)
		off += int64(len(part))
	}
	return starlark.Bytes(hash.Sum(nil)), nil
}
