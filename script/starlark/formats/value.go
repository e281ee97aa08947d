package formats

import (
	"reflect"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/outwork-go/outwork/inspect"
)

// object says how a struct becomes a value.
type object struct {
	make  func(names []string, values []starlark.Value) starlark.Value
	brief bool // what JSON leaves out is left out
}

var (
	dict   = object{asDict, true}
	fields = object{asStruct, false}
)

// reportDict is a report as JSON has it.
func reportDict(r *inspect.Report, structure bool) starlark.Value {
	short := *r
	if !structure {
		short.Structure = nil
	}
	return valueOf(reflect.ValueOf(short), dict)
}

func asDict(names []string, values []starlark.Value) starlark.Value {
	d := starlark.NewDict(len(names))
	for i, name := range names {
		_ = d.SetKey(starlark.String(name), values[i]) // a new dict, and a string
	}
	return d
}

func asStruct(names []string, values []starlark.Value) starlark.Value {
	all := starlark.StringDict{}
	for i, name := range names {
		all[name] = values[i]
	}
	return starlarkstruct.FromStringDict(starlarkstruct.Default, all)
}

// valueOf is v, which is of package inspect's types, with the names that JSON has.
func valueOf(v reflect.Value, of object) starlark.Value {
	switch v.Kind() {
	case reflect.String:
		return starlark.String(v.String())
	case reflect.Bool:
		return starlark.Bool(v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return starlark.MakeInt64(v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return starlark.MakeUint64(v.Uint())
	case reflect.Slice:
		return listOf(v, of)
	}
	var names []string
	var values []starlark.Value
	for field, inside := range v.Fields() {
		name, option, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		if of.brief && option == "omitempty" && (inside.IsZero() || inside.Kind() == reflect.Slice && inside.Len() == 0) {
			continue
		}
		names, values = append(names, name), append(values, valueOf(inside, of))
	}
	return of.make(names, values)
}

func listOf(v reflect.Value, of object) starlark.Value {
	list := make([]starlark.Value, v.Len())
	for i := range list {
		list[i] = valueOf(v.Index(i), of)
	}
	return starlark.NewList(list)
}

// structs is a slice of structs as a list that cannot be changed.
func structs[T any](all []T) starlark.Value {
	list := listOf(reflect.ValueOf(all), fields)
	list.Freeze()
	return list
}
