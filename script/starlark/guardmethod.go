package starlark

import (
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/starlark"
)

// guardedMethods are the methods of strings whose result can be far longer
// than all of their operands, with a bound for the length of that result.
var guardedMethods = map[string]func(s string, args starlark.Tuple, kwargs []starlark.Tuple) (int, error){
	"join":    joinLen,
	"replace": replaceLen,
	"format":  formatLen,
}

// methodGuard wraps a string on which such a method is called.
func methodGuard(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if s, ok := args[0].(starlark.String); ok {
		return guardedString{s}, nil
	}
	return args[0], nil
}

// guardedString is a string for as long as it takes to get a guarded method.
type guardedString struct{ plainString }

// plainString has the name of no method.
type plainString = starlark.String

// Attr implements starlark.HasAttrs.
func (s guardedString) Attr(name string) (starlark.Value, error) {
	m, err := s.plainString.Attr(name)
	length := guardedMethods[name]
	if err != nil || length == nil {
		return m, err
	}
	b := m.(*starlark.Builtin)
	return starlark.NewBuiltin(name, func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		n, err := length(string(s.plainString), args, kwargs)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if n > maxText {
			return nil, fmt.Errorf("%s: the text would be longer than %d bytes", name, maxText)
		}
		return b.CallInternal(t, args, kwargs)
	}), nil
}

var errTooLong = errors.New("the text would be too long")

func joinLen(s string, args starlark.Tuple, _ []starlark.Tuple) (int, error) {
	if len(args) != 1 {
		return 0, nil // the method itself will object
	}
	items := starlark.Iterate(args[0])
	if items == nil {
		return 0, nil
	}
	defer items.Done()
	n := 0
	var item starlark.Value
	for n <= maxText && items.Next(&item) {
		n += len(s) + max(starlark.Len(item), 0)
	}
	return n, nil
}

func replaceLen(s string, args starlark.Tuple, _ []starlark.Tuple) (int, error) {
	if len(args) < 2 {
		return 0, nil
	}
	old, _ := starlark.AsString(args[0])
	with, _ := starlark.AsString(args[1])
	return len(s) + product(strings.Count(s, old), max(len(with)-len(old), 0)), nil
}

// formatLen takes every field of s to be filled with all of the arguments.
func formatLen(s string, args starlark.Tuple, kwargs []starlark.Tuple) (int, error) {
	n, err := weight(args)
	if err != nil {
		return 0, err
	}
	for _, kw := range kwargs {
		m, err := weight(kw)
		if err != nil {
			return 0, err
		}
		n += m
	}
	if n > maxText {
		return 0, errTooLong
	}
	return len(s) + product(strings.Count(s, "{"), n), nil
}

// product is a·b for numbers that are not negative, or more than maxText.
func product(a, b int) int {
	if a != 0 && b > maxText/a {
		return maxText + 1
	}
	return a * b
}
