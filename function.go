package outwork

import (
	"context"
	"fmt"
	"reflect"
	"runtime"

	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/link"
)

// functions is the registry: all that this program can call by name.
var functions link.Registry

// Function is a typed function that can be called in another process. Make one
// with [Func] or [Declare]; it is safe for concurrent use.
type Function[A, R any] struct{ f *link.Function }

// Func registers fn under name, which is what identifies it in every process of
// the program. Call it from package-level variables, so that every process has
// it before Main. It panics when A or R cannot cross, naming the field, and
// when name is taken, naming both places.
//
// In a worker, fn is called for many calls at once. Its context ends when the
// caller gives up, at the caller's deadline, and when the manager is gone.
// Containers, files and readers in its arguments are valid until it returns, or
// until what its result streams has been sent; a file in the arguments is fn's
// to close. A reader in the result that is an io.Closer, and a file, is closed
// when it has been sent or nobody wants it any more, so its Read must allow a
// Close at the same time; a container is not closed. A panic in fn becomes a
// [RemoteError] with its stack.
//
// Where no file descriptor crosses, as to another machine, a container of more than
// 32 KiB in an argument stays at the manager, as a shared one does ([Shared]), and a
// live source (container.FromReaderAt) does everywhere: it is kept there until the call
// is over and what its result streams was read. One in a result, or in the argument of a
// call back (package call), travels as its bytes: it must be immutable, and have 1 GiB at most. An
// *os.File is an error there.
func Func[A, R any](name string, fn func(context.Context, A) (R, error)) *Function[A, R] {
	if fn == nil {
		panic("outwork.Func: " + name + ": the function is nil")
	}
	return register(name, caller(), fn)
}

// Declare is a function whose implementation is only in the worker's program
// ([Target].Program). A call fails with a [RemoteError] when it is not there
// either, or has another type, which the error tells. The worker's program may
// declare it too, as it does when it imports a package that both share; Declare
// and Func panic when one program has it with two types.
func Declare[A, R any](name string) *Function[A, R] {
	return register[A, R](name, caller(), nil)
}

func register[A, R any](name, where string, fn func(context.Context, A) (R, error)) *Function[A, R] {
	f := newFunction(name, where, fn)
	if err := functions.Add(f); err != nil {
		panic("outwork: " + err.Error())
	}
	return &Function[A, R]{f}
}

func newFunction[A, R any](name, where string, fn func(context.Context, A) (R, error)) *link.Function {
	f := &link.Function{
		Name: name, Where: where,
		Args:     mustPlan[A](name, where),
		Reply:    mustPlan[R](name, where),
		New:      func() any { return new(A) },
		NewReply: func() any { return new(R) },
	}
	if fn != nil {
		f.Invoke = func(ctx context.Context, a any) (any, error) {
			r, err := fn(ctx, *a.(*A))
			return &r, err
		}
	}
	return f
}

func mustPlan[T any](name, where string) *codec.Plan {
	p, err := codec.PlanOf(reflect.TypeFor[T]())
	if err != nil {
		panic(fmt.Sprintf("outwork: function %q at %s: %v", name, where, err))
	}
	return p
}

// caller is the place that called Func or Declare.
func caller() string {
	_, file, line, _ := runtime.Caller(2)
	return fmt.Sprintf("%s:%d", file, line)
}

// Callee is where a function can be called: a [Worker], a [Pool], a client.Conn (a
// service), or what call.Back returns.
type Callee interface {
	// call returns a pointer to the result.
	call(ctx context.Context, f *link.Function, args any) (any, error)
}

// Call runs the function at to and waits for its result. The error is a
// [*RemoteError], [*LostError] or [*ProtocolError], matches ctx's error, or
// tells why the call could not be sent. What the result streams (io.Reader,
// Stream) is read until its end, or closed, or ends with ctx. Readers and streams
// in a stay the caller's: they are read by a goroutine that ends when nobody
// wants more, and one Read of theirs may still be under way when Call returns.
func (f *Function[A, R]) Call(ctx context.Context, to Callee, a A) (R, error) {
	v, err := to.call(ctx, f.f, &a)
	if err != nil {
		var zero R
		return zero, err
	}
	return *v.(*R), nil
}

// Bind is the function with fn in place of what is registered: to be granted
// (call.WithGrants), where what it does depends on who grants it. It is in no registry:
// called at a worker, it is there what f is there.
func (f *Function[A, R]) Bind(fn func(context.Context, A) (R, error)) *Function[A, R] {
	return &Function[A, R]{newFunction(f.f.Name, f.f.Where, fn)}
}

// Name is the name that the function is registered under.
func (f *Function[A, R]) Name() string { return f.f.Name }

func (f *Function[A, R]) function() *link.Function { return f.f }

// AnyFunction is any [Function].
type AnyFunction interface{ function() *link.Function }

// Go starts a call and does not wait for it.
func (f *Function[A, R]) Go(ctx context.Context, to Callee, a A) *Pending[R] {
	p := &Pending[R]{done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.result, p.err = f.Call(ctx, to, a)
	}()
	return p
}

// Pending is a call under way. It is safe for concurrent use.
type Pending[R any] struct {
	done   chan struct{}
	result R
	err    error
}

// Done is closed when the call has ended.
func (p *Pending[R]) Done() <-chan struct{} { return p.done }

// Result waits for the end of the call, and is what Call would have returned.
func (p *Pending[R]) Result() (R, error) {
	<-p.done
	return p.result, p.err
}
