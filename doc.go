// Package outwork hands work to other processes and makes it feel local.
//
// A [Manager] starts workers: processes that run this same program. A function
// that is registered by name ([Func]) can be called in any of them, with typed
// arguments and results:
//
//	var Hello = outwork.Func("hello", func(ctx context.Context, a HelloArgs) (HelloReply, error) {
//		return HelloReply{"Hello, " + a.Name}, nil
//	})
//
//	func main() {
//		outwork.Main() // in a worker: serves, and never returns
//		var m outwork.Manager
//		defer m.Close()
//		w, err := m.Start(ctx, outwork.Target{})
//		…
//		r, err := Hello.Call(ctx, w, HelloArgs{"World"})
//	}
//
// The context's deadline and cancellation, log records (log/slog), what the
// worker prints, and errors cross over. Big read-only data is shared without a
// copy (package container), and script code is run by guests: Starlark inside a
// worker (package script/starlark), Python as a worker of its own (package
// script/python).
//
// # What crosses
//
// Booleans, numbers, strings, byte slices, arrays, slices, maps, pointers and
// structs of exported fields, time.Time, big.Int, and types that marshal
// themselves (package encoding), up to 16 MiB together. As the argument or
// result itself, or as a direct field of it, also: []byte and strings of any
// length; io.Reader and io.ReadCloser, which are read on the other side while
// they are being sent; [Stream], a typed sequence; container.Container; and
// *os.File. Func refuses other types, naming the field.
//
// # Services
//
// [Dial] connects to a service, a daemon that offers functions under a policy
// (package service), after the kernel has told who runs it. The same functions
// are called on the [Conn].
//
// # Failures
//
// A call fails in one of three ways, which are never mixed: the function
// returned an error ([RemoteError]: it ran, and the worker is fine), the worker
// is lost ([LostError]), or it broke the protocol ([ProtocolError]: it was
// killed). A context's error stays that: errors.Is(err,
// context.DeadlineExceeded) holds for a call that took too long. Errors that
// are listed (those of io, io/fs, context, errno, and what [RegisterError]
// adds) are found by errors.Is and errors.As on the caller's side.
//
// # Order
//
// All output and log records that a call produced before it returned are
// delivered before its result is. Not ordered are stdout against stderr, and
// what processes do that the worker did not wait for.
//
// # Trust
//
// A manager trusts no worker with itself: what a worker sends is decoded into
// static types, bounded, and checked; a worker that breaks the protocol is
// killed. But a plain child of the same user can do what that user can:
// SECURITY.md tells the two apart.
//
// # Platforms
//
// Starting workers and calling services need Linux. Elsewhere package outworktest
// runs functions in this process, and Start and Dial say what is missing.
package outwork
