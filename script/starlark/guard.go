package starlark

import (
	"fmt"
	"math/bits"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/outwork-go/outwork/internal/legible"
)

// The interpreter has no bound on memory, and a single operation can ask for
// all there is. So the operations that multiply are guarded: built-ins by
// wrappers of the same name, operators and methods by calls put around an
// operand when a file is compiled. The names of those calls are no
// identifiers, so that scripts cannot use or shadow them. Wrapping an operand,
// not the operation, keeps the positions in tracebacks.
const (
	guardProduct = "*"
	guardFormat  = "%"
	guardMethod  = "."
)

// guardFile puts guards into a file that was parsed and not yet resolved.
func guardFile(f *syntax.File) {
	syntax.Walk(f, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.BinaryExpr:
			n.Y = guardOperand(n.Op, n.OpPos, n.Y)
		case *syntax.AssignStmt:
			n.RHS = guardOperand(assignOps[n.Op], n.OpPos, n.RHS)
		case *syntax.DotExpr:
			if guardedMethods[n.Name.Name] != nil {
				n.X = guardCall(guardMethod, n.Dot, n.X)
			}
		}
		return true
	})
}

var assignOps = map[syntax.Token]syntax.Token{
	syntax.STAR_EQ:    syntax.STAR,
	syntax.PERCENT_EQ: syntax.PERCENT,
}

func guardOperand(op syntax.Token, pos syntax.Position, y syntax.Expr) syntax.Expr {
	if lit, ok := y.(*syntax.Literal); ok && isHarmless(lit.Value) {
		return y
	}
	switch op {
	case syntax.STAR:
		return guardCall(guardProduct, pos, y)
	case syntax.PERCENT:
		return guardCall(guardFormat, pos, y)
	}
	return y
}

// smallFactor is the growth that one multiplication may cause unchecked.
const smallFactor = 16

func isHarmless(literal any) bool {
	switch v := literal.(type) {
	case float64:
		return true
	case int64:
		return v <= smallFactor
	}
	return false
}

func guardCall(name string, pos syntax.Position, x syntax.Expr) syntax.Expr {
	fn := &syntax.Ident{NamePos: pos, Name: name}
	return &syntax.CallExpr{Fn: fn, Lparen: pos, Args: []syntax.Expr{x}, Rparen: pos}
}

// addGuards puts the guards' own functions into env, and guarded built-ins in
// the place of the language's.
func addGuards(env starlark.StringDict) {
	env[guardProduct] = starlark.NewBuiltin(guardProduct, productGuard)
	env[guardFormat] = starlark.NewBuiltin(guardFormat, formatGuard)
	env[guardMethod] = starlark.NewBuiltin(guardMethod, methodGuard)
	for _, name := range []string{"str", "repr", "print"} {
		env[name] = guarded(starlark.Universe[name].(*starlark.Builtin), weighAll)
	}
	for _, name := range []string{"bytes", "dict", "enumerate", "list", "reversed", "set", "sorted", "tuple", "zip"} {
		env[name] = guarded(starlark.Universe[name].(*starlark.Builtin), countAll)
	}
	env["getattr"] = guarded(starlark.Universe["getattr"].(*starlark.Builtin), refuseGuardedMethod)
	env["range"] = starlark.NewBuiltin("range", rangeBuiltin)
}

// guarded is b behind a check of its positional arguments.
func guarded(b *starlark.Builtin, check func(args starlark.Tuple) error) *starlark.Builtin {
	return starlark.NewBuiltin(b.Name(), func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if err := check(args); err != nil {
			return nil, fmt.Errorf("%s: %w", b.Name(), err)
		}
		return b.CallInternal(t, args, kwargs)
	})
}

func weighAll(args starlark.Tuple) error { return weigh(args, maxText) }

func countAll(args starlark.Tuple) error {
	for _, v := range args {
		if n := starlark.Len(v); n > maxItems {
			return tooManyItems(n)
		}
	}
	return nil
}

func tooManyItems(n int) error {
	return fmt.Errorf("%d items at once, at most %d", n, maxItems)
}

// refuseGuardedMethod keeps getattr from getting a method without its guard.
func refuseGuardedMethod(args starlark.Tuple) error {
	if len(args) < 2 {
		return nil
	}
	_, isString := args[0].(starlark.String)
	name, _ := starlark.AsString(args[1])
	if isString && guardedMethods[name] != nil {
		return fmt.Errorf("call %s as a method", name)
	}
	return nil
}

// formatGuard weighs the right side of %. For numbers that is the remainder.
func formatGuard(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	switch args[0].(type) {
	case starlark.Int, starlark.Float:
		return args[0], nil
	}
	if err := weigh(args[0], maxText); err != nil {
		return nil, err
	}
	if m, ok := args[0].(starlark.Mapping); ok {
		return &weighedMapping{Mapping: m, r: runOf(t), room: maxText}, nil
	}
	return args[0], nil
}

// weighedMapping is the right side of %, which a format may name values of again and again. When they
// are too long together the script ends, which it does at its next step.
type weighedMapping struct {
	starlark.Mapping
	r    *run
	room int
}

// Get implements starlark.Mapping.
func (m *weighedMapping) Get(k starlark.Value) (starlark.Value, bool, error) {
	v, found, err := m.Mapping.Get(k)
	if err != nil || !found {
		return v, found, err
	}
	n, err := weight(v)
	if m.room -= n; err != nil || m.room < 0 {
		m.r.stop(fmt.Errorf("%%: the text would be longer than about %d bytes", maxText))
		return starlark.String(""), true, nil
	}
	return v, true, nil
}

// productGuard wraps the right side of * where the product may be large.
func productGuard(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	switch y := args[0].(type) {
	case starlark.Int:
		if n, ok := y.Int64(); !ok || n > smallFactor || n < -smallFactor {
			return factor{y}, nil
		}
	case starlark.String, starlark.Bytes, starlark.Tuple, *starlark.List:
		return factor{y}, nil
	}
	return args[0], nil
}

// factor is the right side of a product, which it looks at before it lets the
// interpreter multiply.
type factor struct{ starlark.Value }

var _ starlark.HasBinary = factor{}

// Binary implements starlark.HasBinary.
func (f factor) Binary(op syntax.Token, x starlark.Value, _ starlark.Side) (starlark.Value, error) {
	if err := checkProduct(x, f.Value); err != nil {
		return nil, err
	}
	return starlark.Binary(op, x, f.Value)
}

func checkProduct(x, y starlark.Value) error {
	xn, xIsInt := x.(starlark.Int)
	yn, yIsInt := y.(starlark.Int)
	switch {
	case xIsInt && yIsInt:
		if n := intBits(xn) + intBits(yn); n > maxIntBits {
			return fmt.Errorf("a product of %d bits, at most %d", n, maxIntBits)
		}
		return nil
	case xIsInt:
		return checkRepeat(y, xn)
	case yIsInt:
		return checkRepeat(x, yn)
	}
	return nil
}

func checkRepeat(v starlark.Value, times starlark.Int) error {
	limit, unit := maxItems, "items"
	switch v.(type) {
	case starlark.String, starlark.Bytes:
		limit, unit = maxText, "bytes"
	}
	n := starlark.Len(v)
	if n <= 0 || times.Sign() <= 0 {
		return nil
	}
	t, ok := times.Uint64()
	over, size := bits.Mul64(uint64(n), t)
	if !ok || over != 0 || size > uint64(limit) {
		return fmt.Errorf("%d times %s %s, at most %d together", n, legible.Cut(times.String(), 30), unit, limit)
	}
	return nil
}
