package link

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/output"
)

// Failure is the answer of a function that did not return a result: it ran, or was
// refused, and the link is fine.
type Failure struct {
	Code    uint8
	Message string
	Stack   string  // of a panic, or a script's traceback
	Errs    []error // the registered errors that it is
}

// Error is fit for a terminal, as streams show it to their readers.
func (f *Failure) Error() string { return string(output.Sanitize([]byte(f.Message))) }

// Unwrap lets errors.Is and errors.As find the registered errors.
func (f *Failure) Unwrap() []error { return f.Errs }

// Tracer is an error that brings its own traceback, as a script's does.
type Tracer interface {
	error
	Traceback() string
}

// Errors is the set of errors that cross as themselves. It is safe for
// concurrent use.
type Errors struct {
	mu      sync.RWMutex
	targets map[string]*target
	order   []string // of their codes
}

// target is a registered error.
type target struct {
	err   error
	where string

	// What it crosses as is found out at first use: most errors never cross, and
	// programs register them while they start.
	once sync.Once
	typ  reflect.Type // of a pointer or struct that crosses with its fields; nil: it crosses as itself
}

// typed is the type of an error that crosses with its fields, or nil.
func (t *target) typed() reflect.Type {
	t.once.Do(func() {
		if typ := reflect.TypeOf(t.err); crosses(typ) {
			t.typ = typ
		}
	})
	return t.typ
}

// standard errors cross in every program: the standard library's, and those of package
// container.
var standard = []struct {
	code string
	err  error
}{
	{"fs.ErrInvalid", fs.ErrInvalid},
	{"fs.ErrPermission", fs.ErrPermission},
	{"fs.ErrExist", fs.ErrExist},
	{"fs.ErrNotExist", fs.ErrNotExist},
	{"fs.ErrClosed", fs.ErrClosed},
	{"os.ErrDeadlineExceeded", os.ErrDeadlineExceeded},
	{"io.EOF", io.EOF},
	{"io.ErrUnexpectedEOF", io.ErrUnexpectedEOF},
	{"io.ErrShortWrite", io.ErrShortWrite},
	{"io.ErrNoProgress", io.ErrNoProgress},
	{"io.ErrClosedPipe", io.ErrClosedPipe},
	{"container.ErrShrunk", container.ErrShrunk},
	{"container.ErrChanged", container.ErrChanged},
	{"container.ErrRange", container.ErrRange},
	{"container.ErrHole", container.ErrHole},
	{"container.ErrProcessGone", container.ErrProcessGone},
	{"context.Canceled", context.Canceled},
	{"context.DeadlineExceeded", context.DeadlineExceeded},
}

const errnoCode = "errno:"

// Register makes errors that are target cross as code. A target whose type
// crosses (a struct, or a pointer to one, of fields that do) crosses with its
// fields, for errors.As; any other crosses as itself, for errors.Is.
func (e *Errors) Register(code string, err error, where string) error {
	if code == "" || err == nil || strings.HasPrefix(code, errnoCode) {
		return fmt.Errorf("%s: no code and target for an error: %q, %v", where, code, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range standard {
		if s.code == code {
			return fmt.Errorf("%s: error code %q is of the standard library or of outwork", where, code)
		}
	}
	if old, ok := e.targets[code]; ok {
		return fmt.Errorf("%s: error code %q is registered already, at %s", where, code, old.where)
	}
	if e.targets == nil {
		e.targets = map[string]*target{}
	}
	e.targets[code] = &target{err: err, where: where}
	e.order = append(e.order, code)
	return nil
}

// crosses reports whether errors of type t are told apart by their fields.
func crosses(t reflect.Type) bool {
	base := t
	if base.Kind() == reflect.Pointer {
		base = base.Elem()
	}
	if base.Kind() != reflect.Struct || base.NumField() == 0 {
		return false
	}
	_, err := codec.PlanOf(base)
	return err == nil
}

// maxKinds is how many registered errors one error is taken to be at most.
const maxKinds = 64

// MaxErrorText bounds an error's text, and its stack, in bytes.
const MaxErrorText = 64 << 10

// failure is err as an ERROR's payload.
func (l *Link) failure(err error) []byte {
	code, stack := CodeReturned, ""
	if f, ok := err.(*Failure); ok {
		code, stack = f.Code, f.Stack
	}
	b, perr := failurePlan.bytes(l.cfg.Errors.encode(code, err, stack))
	if perr != nil {
		b, _ = failurePlan.bytes(&failure{Code: code, Text: "an error that cannot be sent: " + perr.Error(), Kinds: []string{}, Data: []typedError{}})
	}
	return b
}

// encode is err as it crosses. Its methods may panic, those of a nil pointer most
// of all.
func (e *Errors) encode(code uint8, err error, stack string) (f *failure) {
	defer func() {
		if v := recover(); v != nil {
			f = &failure{code, fmt.Sprintf("an error of type %T whose methods panic: %v", err, v), clip(stack), []string{}, []typedError{}}
		}
	}()
	f = &failure{code, clip(err.Error()), clip(stack), []string{}, []typedError{}}
	if t, ok := errors.AsType[Tracer](err); ok && stack == "" {
		f.Stack = clip(t.Traceback())
	}
	for _, s := range standard {
		if errors.Is(err, s.err) {
			f.Kinds = append(f.Kinds, s.code)
		}
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		f.Kinds = append(f.Kinds, errnoCode+strconv.Itoa(int(errno)))
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, code := range e.order {
		t := e.targets[code]
		if typ := t.typed(); typ == nil {
			if errors.Is(err, t.err) {
				f.Kinds = append(f.Kinds, code)
			}
		} else if d, ok := encodeTyped(code, typ, err); ok {
			f.Data = append(f.Data, d)
		}
	}
	return f
}

func clip(s string) string {
	s = strings.ToValidUTF8(s, "�")
	if len(s) > MaxErrorText {
		return strings.ToValidUTF8(s[:MaxErrorText], "") + " …"
	}
	return s
}

func encodeTyped(code string, t reflect.Type, err error) (d typedError, ok bool) {
	target := reflect.New(t)
	if !errors.As(err, target.Interface()) {
		return d, false
	}
	v := target
	if t.Kind() == reflect.Pointer {
		if v = target.Elem(); v.IsNil() {
			return d, false
		}
	}
	p, perr := codec.PlanOf(v.Type().Elem())
	var buf bytes.Buffer
	if perr != nil || p.Append(&buf, v.Interface(), false) != nil {
		return d, false
	}
	return typedError{code, buf.Bytes()}, true
}

// decodeFailure is the payload of an ERROR.
func (l *Link) decodeFailure(payload []byte) (*Failure, error) {
	var f failure
	r := l.resultRules()
	if _, err := decodeAll(failurePlan.plan(), codec.Rules{Positional: true, Memory: r.Memory}, payload, &f); err != nil {
		return nil, frame.Violated("message", "ERROR: %v", err)
	}
	r.Positional = false
	return l.cfg.Errors.decode(&f, r), nil
}

// decode is the Failure that f describes. Codes that are not registered here are
// left out: the text says what they said. The fields of typed errors are decoded by
// r.
func (e *Errors) decode(f *failure, r codec.Rules) *Failure {
	out := &Failure{Code: f.Code, Message: f.Text, Stack: f.Stack}
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, code := range f.Kinds[:min(len(f.Kinds), maxKinds)] {
		if err := e.sentinel(code); err != nil {
			out.Errs = append(out.Errs, err)
		}
	}
	for _, d := range f.Data[:min(len(f.Data), maxKinds)] {
		t := e.targets[d.Code]
		if t == nil || t.typed() == nil {
			continue
		}
		if err := decodeTyped(t.typed(), d.Fields, r); err != nil {
			out.Errs = append(out.Errs, err)
		}
	}
	return out
}

func (e *Errors) sentinel(code string) error {
	if n, ok := strings.CutPrefix(code, errnoCode); ok {
		if errno, err := strconv.ParseUint(n, 10, 16); err == nil {
			return syscall.Errno(errno)
		}
		return nil
	}
	for _, s := range standard {
		if s.code == code {
			return s.err
		}
	}
	if t := e.targets[code]; t != nil && t.typed() == nil {
		return t.err
	}
	return nil
}

func decodeTyped(t reflect.Type, fields []byte, r codec.Rules) error {
	base := t
	if t.Kind() == reflect.Pointer {
		base = t.Elem()
	}
	p, err := codec.PlanOf(base)
	if err != nil {
		return nil
	}
	v := reflect.New(base)
	if _, err := decodeAll(p, r, fields, v.Interface()); err != nil {
		return nil
	}
	if t.Kind() != reflect.Pointer {
		v = v.Elem()
	}
	err, _ = v.Interface().(error)
	return err
}
