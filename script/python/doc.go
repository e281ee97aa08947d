// Package python runs Python in workers: a worker whose process is the machine's own
// python3 (3.8 or later), started with nothing but what it is sent over its link.
// Nothing is installed, and no file is written.
//
// Importing the package makes outwork.Target{Lang: "python"} known. Target.Program
// names the interpreter: a command or a path, as VENV/bin/python. Without it the
// environment variable OUTWORK_PYTHON does, and else python3 is looked up in PATH.
// It is started with -I: the environment's PYTHON… variables and the user's own
// site-packages are left alone, those of the interpreter or virtual environment are
// there.
//
//	w, err := m.Start(ctx, outwork.Target{Lang: "python"})
//	v, err := w.Run(ctx, outwork.Script{Lang: "python", Name: "x.py", Source: source})
//	v, err = w.Import("pkg.mod").Call(ctx, "func", 1, "two", python.Keywords{"three": 3})
//
// # Scripts
//
// A script is run as __main__, with sys.argv, on the main thread; those of one worker
// one after another. Its value is what it gave to outwork.result. If it defines main,
// and nothing at its top level names main or __name__, then main is called with the
// script's arguments, as strings, and what it returns is the value. A script has ended
// when its threads that are no daemons have. Its error is an *outwork.RemoteError with
// the traceback as its Stack; errors.As finds an [*Exception] in it, or an [*Exit] when
// it ended by sys.exit with a status other than 0.
//
// # Functions
//
// A function runs on the main thread if that has nothing else to do, else on a thread
// of its own, up to 64 at a time. Imported.Main asks for the main thread; from then on
// others run there only if they have been quicker than a millisecond. Imported.Context
// gives a function, before its other arguments, an object with worker, deadline (by
// time.monotonic), cancelled, granted, call(function, …) and progress(done, total,
// label).
//
// # What scripts see
//
//	import outwork
//	outwork.shared(name)         the container that the manager shares under name
//	outwork.progress(done, total=0, label="")
//	outwork.call(function, …)    a Go function of the manager's, if it was granted
//	                             (outwork.WithGrants): its argument, or a struct's fields
//	                             by name
//	outwork.result(value)        what the script gives back
//	outwork.args                 the script's arguments
//	outwork.override(*names)     served modules of these names hide the standard library's
//
// logging is forwarded, with the logger's name, place and exception, at the level that
// the manager's logger takes. import asks the manager for what Manager.Modules serves;
// that comes before what is installed on the worker's machine, and behind the standard
// library. Compiled modules are not served: the error says so. A served module's
// __file__ is its path inside the served folder, and __path__ is no folder;
// importlib.reload asks anew. pkgutil.get_data and importlib.resources read the data of
// served packages, but for files() on Python 3.9.
//
// A script's thread pools are waited for until they are idle. What is given to logging
// as extra crosses as text attributes.
//
// # Values
//
// None, bool, int of any size, float, str, bytes, list, dict and datetime are nil, bool,
// int64 or *big.Int, float64, string, []byte, []any, map[any]any and time.Time in Go.
// [Tuple], [Set] and [*Exception] are the others. Arguments may also be slices, arrays
// and maps of such, pointers to them and named types. A datetime without a zone is
// local time; the fractions of a time are cut to microseconds. Whatever else cannot
// cross is an error that tells its place: "result[3]['x']: a socket.socket cannot
// cross".
//
// # Copies
//
// Worker.Fork starts a worker that is a copy of one: what Target.Preload named, or
// scripts have imported, need not be imported again. That takes about a millisecond.
// It needs an interpreter on this machine.
//
// # Cancelling
//
// A call whose context ends gets KeyboardInterrupt; on the main thread that also ends
// most calls that block. One that has not returned after Manager.Grace is ended with
// its worker. Nothing that a worker sends is ever unpickled or evaluated.
package python
