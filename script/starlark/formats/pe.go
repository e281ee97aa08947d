package formats

import (
	"fmt"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/inspect"
	"github.com/outwork-go/outwork/script/starlark/internal/extend"
)

// defaultString is how many bytes string_at reads where it is not told.
const defaultString = 4096

func parsePE(r extend.Run, c container.Container) (starlark.Value, error) {
	p, err := inspect.OpenPE(r.Context(), c)
	if err != nil {
		return nil, err
	}
	f := newFile("pe", p.Report())
	f.attrs["directories"] = always(func() starlark.Value { return directories(p) })
	f.attrs["headers"] = always(func() starlark.Value { return headers(p) })
	f.attrs["rva_to_offset"] = constant(starlark.NewBuiltin("rva_to_offset", rvaToOffset(p)))
	f.attrs["string_at"] = constant(starlark.NewBuiltin("string_at", stringAt(r, p)))
	return f, nil
}

func headers(p *inspect.PE) starlark.Value {
	return starlarkstruct.FromStringDict(starlarkstruct.Default, starlark.StringDict{
		"dos":      extend.Record(p.DOSHeader()),
		"file":     extend.Record(p.FileHeader()),
		"optional": extend.Record(p.OptionalHeader()),
	})
}

func directories(p *inspect.PE) starlark.Value {
	var list []starlark.Value
	for _, d := range p.Directories() {
		list = append(list, starlarkstruct.FromStringDict(starlarkstruct.Default, starlark.StringDict{
			"name": starlark.String(d.Name), "rva": starlark.MakeUint64(uint64(d.RVA)),
			"size": starlark.MakeUint64(uint64(d.Size)), "offset": orNone(d.Offset, d.Offset >= 0),
		}))
	}
	all := starlark.NewList(list)
	all.Freeze()
	return all
}

func orNone(n int64, ok bool) starlark.Value {
	if !ok {
		return starlark.None
	}
	return starlark.MakeInt64(n)
}

type builtin = func(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error)

func rvaToOffset(p *inspect.PE) builtin {
	return func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var rva starlark.Int
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, "rva", &rva); err != nil {
			return nil, err
		}
		n, ok := rva.Uint64()
		if !ok || n > 1<<32-1 {
			return starlark.None, nil
		}
		off, ok := p.RVAToOffset(uint32(n))
		return orNone(off, ok), nil
	}
}

func stringAt(r extend.Run, p *inspect.PE) builtin {
	return func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var off int64
		most := defaultString
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, "offset", &off, "max?", &most); err != nil {
			return nil, err
		}
		s, err := p.StringAt(off, most)
		if err != nil {
			return nil, r.Because(fmt.Errorf("%s: %w", b.Name(), err))
		}
		return starlark.String(s), nil
	}
}
