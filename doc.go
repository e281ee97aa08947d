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
// # Hosts
//
// A worker may run on another machine or as another user, where nothing is installed
// but a POSIX shell:
//
//	w, err := m.Start(ctx, outwork.Target{Host: "ssh://deploy@db1"})
//	r, err := m.Start(ctx, outwork.Target{Via: []string{"ssh://deploy@db1"}, Host: "sudo://root"})
//
// The system's ssh, sudo and others are used as the user has them configured; a host.Hop of
// one's own is one too. An agent, which is this same program, is put into the host's cache,
// starts the workers there, and ends with the manager or the connection. All is as with
// workers here: calls, errors, output and its order, logs, cancellation, last words. What
// differs: files cannot cross; containers stay at the manager, which is asked for their
// parts; a host that is lost takes its workers along ([lost.Host]), and one that is not
// reached is a host.Error. A hop sees all that passes through it.
//
// With package outwork/tcp imported, an agent may dial this manager once ssh has brought it
// there (Target.ConnectBack), and hosts that ssh cannot reach may do so by themselves:
// tcp.Listen takes them, tcp.Join is their side, and "join://NAME" is the host. Such a
// connection may be cut for as long as Manager.Redial says: nothing is lost, and no call
// runs twice; calls go on when the host is back, or end as those of a host that is lost.
//
// # Services
//
// Package client connects to a service, a daemon that offers functions under a
// policy (package service), after the kernel has told who runs it. The same
// functions are called on the connection.
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
// # Confinement
//
// A plain worker may do what its user may. One that reads what may be hostile is confined, and
// bounded, before it sees any of it:
//
//	w, err := m.Start(ctx, outwork.Target{
//		Sandbox: sandbox.Config{Level: sandbox.Strict},
//		Limits:  sandbox.Limits{Memory: 256 << 20, CPU: time.Minute},
//	})
//
// With [sandbox.Strict] it computes, reads the containers that it is given and talks to its
// manager; no files, no network, no processes, here and on hosts alike. [sandbox.Contained] is for
// what must read files and start programs. What the level takes away, the other fields of
// [sandbox.Config] give back in parts. The kernel holds it (namespaces, seccomp, Landlock, no
// privileges), without any program that would have to be there. The worker has tried what it
// must not be able to do when Start returns, and [Worker.Confinement] tells what holds it; where
// something cannot be had the start fails, unless Sandbox.AllowReduced is set. A worker that
// is ended by a limit, or tries what is forbidden, is lost with a [lost.Cause]: errors.Is(err,
// [lost.Memory]). examples/confined is a whole program.
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
// killed. But a plain child of the same user can do what that user can, unless it has a
// Sandbox: SECURITY.md tells the two apart.
//
// # Platforms
//
// Starting workers and calling services need Linux. Elsewhere package outworktest
// runs functions in this process, and Start and client.Dial say what is missing.
package outwork
