package codec

import (
	"errors"
	"fmt"
	"reflect"
)

// typeName is how errors and signatures call a type.
func typeName(t reflect.Type) string {
	if t.Name() != "" {
		return t.Name()
	}
	return t.String()
}

// kindName is what errors call a kind that cannot cross.
func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Interface:
		return "the interface " + t.String()
	case reflect.UnsafePointer:
		return "an unsafe.Pointer"
	case reflect.Complex64, reflect.Complex128:
		return "a complex number"
	}
	return "a " + t.Kind().String()
}

func article(name string) string {
	if name != "" && (name[0] == 'i' || name[0] == 'o') {
		return "an " + name
	}
	return "a " + name
}

// A pathError is an error whose text begins with the path that led to it.
type pathError struct {
	path string // begins with "." or "["; empty at the value itself
	err  error
}

func (e *pathError) Error() string { return e.path + ": " + e.err.Error() }
func (e *pathError) Unwrap() error { return e.err }

// refuse is an error at the very place that is being looked at.
func refuse(format string, args ...any) error {
	return &pathError{err: fmt.Errorf(format, args...)}
}

// below puts one step in front of the path of err, which may be nil.
func below(step string, err error) error {
	if err == nil {
		return nil
	}
	if p, ok := errors.AsType[*pathError](err); ok {
		p.path = step + p.path
		return p
	}
	return &pathError{path: step, err: err}
}
