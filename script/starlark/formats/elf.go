package formats

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/inspect"
	"github.com/outwork-go/outwork/script/starlark/internal/extend"
)

func parseELF(r extend.Run, c container.Container) (starlark.Value, error) {
	report, err := inspect.Parse(r.Context(), c, inspect.Options{})
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(report.Format, "ELF") {
		kind := report.Format
		if kind == "" {
			kind = report.Kind
		}
		if kind == "" {
			return nil, fmt.Errorf("no ELF file: it does not begin with \\x7fELF")
		}
		return nil, fmt.Errorf("no ELF file, but: %s", kind)
	}
	f := newFile("elf", report)
	f.attrs["needed"] = always(func() starlark.Value { return needed(report) })
	for _, name := range []string{"soname", "interpreter", "runpath"} {
		f.attrs[name] = constant(f.fact(name))
	}
	return f, nil
}

// needed are the names of the libraries, in order.
func needed(r *inspect.Report) starlark.Value {
	var names []string
	for _, l := range r.Imports {
		if l.Name != "" {
			names = append(names, l.Name)
		}
	}
	return structs(names)
}
