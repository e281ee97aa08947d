package link

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/outwork-go/outwork/internal/codec"
)

type pathError struct {
	Path string
	Line int
}

func (e *pathError) Error() string { return fmt.Sprintf("%s:%d", e.Path, e.Line) }

type codeError struct{ Code int }

func (e codeError) Error() string { return fmt.Sprint("code ", e.Code) }

var errSentinel = errors.New("sentinel")

// brittle is an error whose methods do not take a nil receiver.
type brittle struct{ text string }

func (b *brittle) Error() string { return b.text }

// explosive cannot be encoded, decoded, or say so.
type explosive struct{ N int }

func (explosive) MarshalText() ([]byte, error)  { panic("marshal") }
func (*explosive) UnmarshalText(b []byte) error { panic("unmarshal") }

func registered(t *testing.T) *Errors {
	t.Helper()
	e := &Errors{}
	for code, target := range map[string]error{"path": &pathError{}, "code": codeError{}, "sentinel": errSentinel} {
		if err := e.Register(code, target, "here"); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// TestErrorsCrossAsThemselves, wrapped and joined.
func TestErrorsCrossAsThemselves(t *testing.T) {
	var current error
	f := function("fail", func(context.Context, int) (int, error) { return 0, current })
	m, _ := pair(t, byMemory, []*Function{f}, Config{Errors: registered(t)}, Config{Errors: registered(t)})
	errs := []error{errSentinel, syscall.ENOSPC, syscall.EACCES}
	for _, s := range standard {
		errs = append(errs, s.err)
	}
	for _, want := range errs {
		for _, err := range []error{want, fmt.Errorf("outside: %w", want), errors.Join(errors.New("other"), want), &os.PathError{Op: "open", Path: "x", Err: want}} {
			current = err
			_, got := call[int, int](t.Context(), m, f, 1, nil)
			if !errors.Is(got, want) || got.Error() != err.Error() {
				t.Errorf("%v came as %v", err, got)
			}
			if errors.Is(got, errors.New("never")) || want != errSentinel && errors.Is(got, errSentinel) {
				t.Errorf("%v is too much", got)
			}
		}
	}
	current = errors.Join(fmt.Errorf("a: %w", &pathError{"f.go", 7}), codeError{9}, fs.ErrExist)
	_, got := call[int, int](t.Context(), m, f, 1, nil)
	if p, ok := errors.AsType[*pathError](got); !ok || *p != (pathError{"f.go", 7}) {
		t.Error(p)
	}
	if c, ok := errors.AsType[codeError](got); !ok || c.Code != 9 {
		t.Error(c)
	}
	if !errors.Is(got, fs.ErrExist) || !errors.Is(got, codeError{9}) || errors.Is(got, codeError{8}) {
		t.Error(got)
	}
}

// TestErrorsThatAreNotRegisteredHere cross as text.
func TestErrorsThatAreNotRegisteredHere(t *testing.T) {
	far := registered(t).encode(CodeReturned, errors.Join(errSentinel, codeError{9}), "")
	got := (&Errors{}).decode(far, codec.Rules{})
	if len(got.Errs) > 0 || !strings.Contains(got.Message, "code 9") {
		t.Error(got)
	}
}

func TestRegisterRefuses(t *testing.T) {
	e := registered(t)
	for _, c := range []struct {
		code   string
		target error
		want   string
	}{
		{"path", errSentinel, "registered already, at here"},
		{"io.EOF", errSentinel, "standard library"},
		{"errno:2", errSentinel, "no code and target"},
		{"", errSentinel, "no code and target"},
		{"nil", nil, "no code and target"},
	} {
		if err := e.Register(c.code, c.target, "there"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.code, err)
		}
	}
}

// TestFunctionsThatMisbehave: each is a Failure with its code, and the worker
// lives on.
func TestFunctionsThatMisbehave(t *testing.T) {
	type result struct {
		Name string
		X    *explosive
	}
	var f *Function
	misdeeds := map[string]struct {
		do   func() (result, error)
		code uint8
		want string
	}{
		"panic":                  {func() (result, error) { panic("boo") }, CodePanicked, "panic: boo"},
		"panic of an error":      {func() (result, error) { panic(errSentinel) }, CodePanicked, "panic: sentinel"},
		"panic of nil":           {func() (result, error) { panic(nil) }, CodePanicked, "nil"},
		"nil map":                {func() (result, error) { m := map[bool]map[int]int{}; m[true][1] = 1; return result{}, nil }, CodePanicked, "nil map"},
		"Goexit":                 {func() (result, error) { runtime.Goexit(); return result{}, nil }, CodePanicked, "Goexit"},
		"a nil error of a type":  {func() (result, error) { var b *brittle; return result{}, b }, CodeReturned, "*link.brittle"},
		"text that is no UTF-8":  {func() (result, error) { return result{Name: "\xff"}, nil }, CodeResult, "result.Name"},
		"a value that explodes":  {func() (result, error) { return result{X: &explosive{}}, nil }, CodeResult, "panic: marshal"},
		"an error without UTF-8": {func() (result, error) { return result{}, errors.New("\xff") }, CodeReturned, "\ufffd"},
		"a long error":           {func() (result, error) { return result{}, errors.New(strings.Repeat("x", 1<<20)) }, CodeReturned, " …"},
	}
	f = function("misbehave", func(_ context.Context, name string) (result, error) { return misdeeds[name].do() })
	each(t, func(t *testing.T, by medium) {
		m, _ := pair(t, by, []*Function{f}, Config{}, Config{})
		for name, c := range misdeeds {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			_, err := call[string, result](ctx, m, f, name, nil)
			cancel()
			fail, ok := errors.AsType[*Failure](err)
			if !ok || fail.Code != c.code || !strings.Contains(fail.Message, c.want) || len(fail.Message) > 2*MaxErrorText {
				t.Errorf("%s: %.300v", name, err)
			}
			if ok && c.code == CodePanicked && !strings.Contains(fail.Stack, "errors_test.go") && name != "Goexit" {
				t.Errorf("%s: no stack: %s", name, fail.Stack)
			}
		}
		if err := m.Quiet(t.Context()); err != nil || m.Err() != nil {
			t.Error(err, m.Err())
		}
	})
}

// TestArgumentsThatExplode: methods of the program's types run in the reader.
func TestArgumentsThatExplode(t *testing.T) {
	type args struct{ X explosive }
	f := function("take", func(context.Context, args) (int, error) { return 0, nil })
	m, _ := pair(t, byMemory, []*Function{f}, Config{}, Config{})
	done := make(chan error, 1)
	go func() {
		defer func() {
			if v := recover(); v != nil { // in the caller's own goroutine: its own affair
				done <- fmt.Errorf("%v", v)
			}
		}()
		_, err := call[args, int](t.Context(), m, f, args{}, nil)
		done <- err
	}()
	select {
	case err := <-done:
		if err == nil {
			t.Error("no error")
		}
	case <-time.After(patience):
		t.Fatal("it hangs")
	}
}
