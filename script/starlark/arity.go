package starlark

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"
)

// checkArity says what main takes before the interpreter would, which knows
// nothing of a script's arguments.
func checkArity(fn *starlark.Function, given int) error {
	least, most, err := arity(fn)
	if err != nil {
		return err
	}
	if given >= least && (most < 0 || given <= most) {
		return nil
	}
	return fmt.Errorf("%s: %s takes %s, and the script was given %s",
		fn.Position(), signature(fn), takes(least, most), count(given, "argument"))
}

// arity is how many positional arguments fn takes; most is -1 for any number.
func arity(fn *starlark.Function) (least, most int, err error) {
	named := fn.NumParams()
	if fn.HasVarargs() {
		named--
	}
	if fn.HasKwargs() {
		named--
	}
	positional := named - fn.NumKwonlyParams()
	for i := positional; i < named; i++ {
		if fn.ParamDefault(i) == nil {
			name, _ := fn.Param(i)
			return 0, 0, fmt.Errorf("%s: %s needs %s by name, and a script's arguments have none",
				fn.Position(), signature(fn), name)
		}
	}
	for i := range positional {
		if fn.ParamDefault(i) == nil {
			least++
		}
	}
	if fn.HasVarargs() {
		return least, -1, nil
	}
	return least, positional, nil
}

func takes(least, most int) string {
	switch {
	case most < 0:
		return "at least " + count(least, "argument")
	case least == most && least == 0:
		return "no arguments"
	case least == most:
		return count(least, "argument")
	}
	return fmt.Sprintf("%d to %s", least, count(most, "argument"))
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// signature is fn as its definition reads, with … for defaults.
func signature(fn *starlark.Function) string {
	n := fn.NumParams()
	kwargs, varargs := -1, -1
	if fn.HasKwargs() {
		n--
		kwargs = n
	}
	if fn.HasVarargs() {
		n--
		varargs = n
	}
	var params []string
	for i := range n {
		name, _ := fn.Param(i)
		if i == n-fn.NumKwonlyParams() && varargs < 0 {
			params = append(params, "*")
		}
		if i == n-fn.NumKwonlyParams() && varargs >= 0 {
			params = append(params, rest(fn, "*", varargs))
		}
		if fn.ParamDefault(i) != nil {
			name += "=…"
		}
		params = append(params, name)
	}
	if fn.NumKwonlyParams() == 0 && varargs >= 0 {
		params = append(params, rest(fn, "*", varargs))
	}
	if kwargs >= 0 {
		params = append(params, rest(fn, "**", kwargs))
	}
	return fn.Name() + "(" + strings.Join(params, ", ") + ")"
}

func rest(fn *starlark.Function, stars string, i int) string {
	name, _ := fn.Param(i)
	return stars + name
}
