package starlark

import (
	"fmt"
	"slices"
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
	params := make([]string, fn.NumParams())
	for i := range params {
		params[i], _ = fn.Param(i)
		if fn.ParamDefault(i) != nil {
			params[i] += "=…"
		}
	}
	var keywords, star []string // what stands last, and what stands before keyword-only parameters
	if fn.HasKwargs() {
		params, keywords = cutLast(params, "**")
	}
	if fn.HasVarargs() {
		params, star = cutLast(params, "*")
	} else if fn.NumKwonlyParams() > 0 {
		star = []string{"*"}
	}
	positional := len(params) - fn.NumKwonlyParams()
	all := slices.Concat(params[:positional], star, params[positional:], keywords)
	return fn.Name() + "(" + strings.Join(all, ", ") + ")"
}

func cutLast(params []string, stars string) (rest, last []string) {
	n := len(params) - 1
	return params[:n], []string{stars + params[n]}
}
