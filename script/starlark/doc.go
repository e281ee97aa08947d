// Package starlark runs scripts in Starlark, a small dialect of Python, inside
// the process that calls it.
//
// [Run] executes one script and returns when nothing of it runs any more. A
// script is hermetic: it reaches the world only through [Host], so it can read
// shared containers, load modules, print, log and report progress, and
// nothing else. Calls of Run are independent and may be concurrent.
//
// # The dialect
//
// Starlark with while, sets, recursion, if, for and while at top level, and
// reassignment of globals. If the script defines main, it is called with the
// script's arguments as strings, and what it returns is the result; without a
// main the result is nil. Globals of a loaded module are frozen.
//
// # What scripts see
//
//	args                                 the arguments, a list of strings
//	print(*values, sep=" ")              a line of output
//	log.debug|info|warn|error(msg, **kw) a log record with attributes
//	progress(done, total=0, label="")    how far the script is; total 0 is unknown
//	fail(*values, sep=" ")               ends the script with an error
//	load("lib/x.star", "f")              asks the manager for a module
//	shared(name)                         the container of that name
//	container(bytes)                     a container over bytes of the script's own
//	find(data, pattern, start=0)         the first match in bytes or a container, or None
//	text(bytes, encoding="utf-8", errors="strict")
//	                                     bytes to string; also ascii, latin-1, utf-16le, utf-16be;
//	                                     errors="replace" puts U+FFFD for what is malformed
//	hex(bytes), unhex(string)            to and from hexadecimal
//	json, math, time                     the modules of go.starlark.net
//	struct(**fields)                     an immutable value with those fields (no format
//	                                     strings: the integer reads of a container do that)
//
// A container has an attribute, size, in bytes, and methods:
//
//	read(offset=0, n=the rest)           bytes, at most 64 MiB at once
//	find(pattern, start=0)               the offset of the first match, or None
//	find_all(pattern, limit)             the offsets of the first limit matches, in order; without
//	                                     a limit all, and an error for more than 1,048,576
//	count(pattern)                       how many matches; matches may overlap here and in find_all
//	slice(offset, n=the rest)            a container over a part, without a copy
//	sha256()                             the 32 bytes of the hash
//	cstring(offset, limit=4096)          the bytes before the NUL that must come within limit bytes
//	u8 i8 u16le u16be i16le i16be u32le u32be i32le i32be u64le u64be i64le i64be (offset)
//
// Reading past the end is an error, never a short read. A pattern is bytes, or
// a string that stands for its UTF-8.
//
// # What is bounded, and what is not
//
// Steps, the depth of calls, the growth of the heap, source text, modules and
// results are bounded by [Limits] and the constants of this package, and the
// context ends a script within milliseconds. Operations that could take all
// memory at one stroke (repetition, joins, formatting, list(range(…))) are
// refused beforehand. Yet a script runs in this process: the heap is sampled,
// so that a script can overshoot its limit between two samples, and some
// built-ins of the language over very large values (sorting, parsing an
// integer of millions of digits) cannot be interrupted. Host.Stuck tells of a
// script that does not stop. With a memory limit well above [DefaultMemory],
// hashing or freezing values nested millions deep ends the process. Where the
// machine must be protected from a hostile script, confine the process.
package starlark
