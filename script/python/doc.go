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
//	v, err = python.Import(w, "pkg.mod").Call(ctx, "func", 1, "two", python.Keywords{"three": 3})
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
// of its own, up to 64 at a time. Module.Main asks for the main thread; from then on
// others run there only if they have been quicker than a millisecond. Module.Context
// gives a function, before its other arguments, an object with worker, deadline (by
// time.monotonic), cancelled, granted, call(function, …) and progress(done, total,
// label).
//
// # What scripts see
//
//	import outwork
//	outwork.shared(name)         the container that the manager shares under name
//	outwork.pattern              what to search for, besides bytes: see below
//	outwork.show(c, title="", offset=0)
//	                             shows a container to who sits at the manager's terminal,
//	                             if that was granted (package hexview), and returns what
//	                             was selected: picked, offset, length
//	outwork.inspect(c, deep=False, structure=False)
//	                             what a container is, as a dict with the keys of "outwork
//	                             inspect --json": the manager has it parsed, if that was
//	                             granted (package inspect/desk)
//	outwork.emit(name, data)     gives a file away: bytes, a str or a container, if the manager
//	                             granted outwork.emit, as "outwork map --out" does
//	outwork.progress(done, total=0, label="")
//	outwork.call(function, …)    a Go function of the manager's, if it was granted
//	                             (call.WithGrants): its argument, or a struct's fields
//	                             by name
//	outwork.result(value)        what the script gives back
//	outwork.args                 the script's arguments
//	outwork.override(*names)     served modules of these names hide the standard library's
//
// A container c has name, size and immutable, is like bytes in len(c), c[i], c[a:b],
// iteration and in, and has the buffer protocol where it is not paged. Its methods are
//
//	read(offset=0, n=None)       n bytes, or the rest; never fewer than asked for
//	find(pattern, start=0, end=None)
//	                             the offset of the first match, or -1
//	search(pattern, start=0, end=None, limit=None, back=False)
//	                             an iterator over matches: offset, length, index; with back
//	                             the last one comes first
//	find_all(pattern, limit=None), count(pattern)
//	                             the offsets of matches, overlapping ones too; their number
//	slice(offset, n=None)        a container over a part, without a copy
//	sha256(), crc32(), xxh3()    32 bytes, and integers; xxh3 of what is paged alone, for
//	                             Python has none
//	compare(other)               the offset of the first difference to another container,
//	                             the size of the shorter if it is the other's beginning,
//	                             or -1
//	cstring(offset, limit=4096)  the bytes before the NUL that must come within limit bytes
//	u8 i8 u16le … i64be(offset)  an integer
//	view(), close()              a memoryview; gives the container back, which need not be
//
// A pattern is bytes, a str for its UTF-8, or one of these
//
//	outwork.pattern.hex("4D 5A ?? [2-6] 50")
//	outwork.pattern.text(text, fold=False, utf16=False)
//	outwork.pattern.regexp(r"[a-z]+\d")
//	outwork.pattern.any(texts, fold=False, utf16=False)
//	outwork.pattern.parse("i:password")
//
// which find what those of package container/pattern do, whether the container is mapped,
// and searched by Python's re, or paged, and searched at the manager. So a regular
// expression is one that re and Go's package regexp have in common: lookaround, back
// references, \pL, \C and (?U) are errors. On what is mapped one with repetitions inside
// repetitions can take re very long, and thousands of texts at once are slow: 10 MiB took
// 4 seconds for 1,000 that begin with any byte, where Go takes a fraction of one.
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
// A process that a script makes with os.fork, and so one of multiprocessing's, has what was
// imported and shared before, and can print. It cannot ask the manager for anything; what it
// logs goes to its standard error. It ends with the script or function in it, with status 0,
// or 1 if that raises; what it returns is lost.
//
// # Values
//
// None, bool, int of any size, float, str, bytes, list, dict and datetime are nil, bool,
// int64 or *big.Int, float64, string, []byte, []any, map[any]any and time.Time in Go.
// [Tuple], [Set] and [*Exception] are the others. Arguments may also be slices, arrays
// and maps of such, pointers to them and named types. A datetime without a zone is
// local time; the fractions of a time are cut to microseconds. Whatever else cannot
// cross is an error that tells its place: "result[3]['x']: a socket.socket cannot
// cross". A container is no argument of a function or script, nor a result of theirs or
// of a granted function's: share it, and give its name, or bytes of it.
//
// # On hosts
//
// With Target.Host the interpreter is that host's: Target.Program, OUTWORK_PYTHON in the
// environment there, or python3 in its PATH. The host needs nothing else: modules come
// from Manager.Modules here, and what one worker had to ask for is sent ahead to the next
// that runs the same, on whichever host. Containers are paged. Its agent starts the
// interpreter and keeps it as on this machine. Where no agent can run, for want of a
// binary for the platform or of a place for it, or because it does not start, the hop's
// command starts python3 straight, and each such worker has a connection of its own; a
// small process of Python's own then does what the agent would: nothing else is different,
// but that times and memory of the process are not known when it has ended. The manager
// remembers hosts of that kind. Begin waits until it knows which kind a host is.
//
// # Copies
//
// Worker.Fork starts a worker that is a copy of one: what Target.Preload named, or
// scripts have imported, need not be imported again. That takes about a millisecond.
// It needs an interpreter on this machine, and with sandbox.Strict Sandbox.Subprocesses.
//
// # In a sandbox
//
// With Target.Sandbox or limits of memory, CPU time, files or processes the process is first this
// program again, which confines itself and then becomes the interpreter: on this machine, and on
// hosts that have an agent.
//
// With sandbox.Strict a script sees, of all files, those that its interpreter cannot do
// without: its standard library and what is installed beside it, a virtual environment's too, and
// the machine's libraries. They are found by where they usually are, so an interpreter that is a
// script, but for a shim of pyenv's, is refused. Threads, asyncio, sqlite3 in memory and all that
// computes work. What needs a temporary file, shared memory (multiprocessing, and its ThreadPool), a
// process or a socket raises an exception; so do a callback that ctypes makes, for want of memory
// that may be executed, os.execv of whatever, and, where no control group counts it, memory that is
// shared: mmap.mmap(-1, n). The local time is UTC. Extension modules are
// loaded, from those files alone. Nothing is written, compiled modules neither.
//
// Its environment is Target.Env, or the manager's: what is secret there a script can read, and
// give back.
//
// Where Limits.Memory is reached a script gets MemoryError, and its worker lives, unless all of
// its processes or copies together have reached it: then the kernel ends one. A thread takes 8 MiB of
// it, used or not.
//
// # Cancelling
//
// A call whose context ends gets KeyboardInterrupt; on the main thread that also ends
// most calls that block. One that has not returned after Manager.Grace is ended with
// its worker. Nothing that a worker sends is ever unpickled or evaluated.
package python
