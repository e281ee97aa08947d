// Package starlark runs scripts in Starlark, a small dialect of Python, inside
// the process that calls it.
//
// [Run] executes one script and returns when nothing of it runs any more; [Load] executes its
// top level, so that its main can be called with one container after the other. A
// script is hermetic: it reaches the world only through [Host], so it can read
// shared containers, load modules, print, log and report progress, and
// nothing else but what it is granted (see below). Calls of Run are independent
// and may be concurrent.
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
//	emit(name, data)                     gives a file away, where the Host takes files (Host.Emit), as
//	                                     "outwork map" does: data is bytes, a string or a container
//	fail(*values, sep=" ")               ends the script with an error
//	load("lib/x.star", "f")              asks the manager for a module
//	shared(name)                         the container of that name
//	container(bytes)                     a container over bytes of the script's own
//	find(data, pattern, start=0)         the first match in bytes or a container, or None
//	text(bytes, encoding="utf-8", errors="strict")
//	                                     bytes to string; also ascii, latin-1, utf-16le, utf-16be;
//	                                     errors="replace" puts U+FFFD for what is malformed
//	hex(bytes), unhex(string)            to and from hexadecimal
//	pattern                              makes patterns: see below
//	layout                               reads structures: see below
//	json, math, time                     the modules of go.starlark.net
//	struct(**fields)                     an immutable value with those fields (no format
//	                                     strings: the integer reads of a container do that)
//
// A container has an attribute, size, in bytes, and methods:
//
//	read(offset=0, n=the rest)           bytes, at most 64 MiB at once
//	find(pattern, start=0)               the offset of the first match, or None
//	search(pattern, start=0, end=None, limit=None, back=False)
//	                                     a list of the matches that lie from start to end, the first
//	                                     limit of them, with back the last one first: offset, length,
//	                                     index; an error for more than 1,048,576
//	find_all(pattern, limit)             the offsets of the first limit matches, in order; without
//	                                     a limit all, and an error for more than 1,048,576
//	count(pattern)                       how many matches; matches may overlap here and in find_all
//	slice(offset, n=the rest)            a container over a part, without a copy
//	sha256()                             the 32 bytes of the hash
//	crc32(), xxh3()                      the checksum of zip and gzip, and the 64 bits of XXH3: integers
//	compare(other)                       the offset of the first difference to another container, the size
//	                                     of the shorter if it is the beginning of the other, or None
//	cstring(offset, limit=4096)          the bytes before the NUL that must come within limit bytes
//	u8 i8 u16le u16be i16le i16be u32le u32be i32le i32be u64le u64be i64le i64be (offset)
//
// Reading past the end is an error, never a short read. A pattern is bytes, a
// string that stands for its UTF-8, or one of these (package container/pattern
// says what they mean; texts are bytes or strings):
//
//	pattern.hex("4D 5A ?? [2-6] 50")     bytes in hexadecimal, with gaps
//	pattern.text(text, fold=False, utf16=False)
//	                                     a text; in either case of ASCII letters; as UTF-16, little-endian
//	pattern.regexp(r"[a-z]+\d")          a regular expression over bytes, whose matches do not overlap
//	pattern.any(texts, fold=False, utf16=False)
//	                                     any of the texts; a match's index tells which
//	pattern.parse("i:password")          what "outwork search" takes
//
// What stays at the manager is searched, hashed and compared there.
//
// # Structures
//
//	layout.read(c, offset, fields, name="struct", order="le")
//	layout.struct(name, fields, *structs)
//
// read gives a record: what stands at an offset of a container, by a list of
// fields, as [("e_magic", "char[2]"), ("e_lfanew", "u32le")], or by what
// layout.struct made of such a list. Package layout says what types there are;
// those of a layout.struct are besides the names of the structs that it is given.
// The fields are attributes: integers, floats, strings (with U+FFFD for what is
// not UTF-8), bytes, lists and records. Iterating over a record gives (name,
// value, offset, size) of each field. Bytes that end too early are an error.
//
// # What other packages add
//
// A program whose scripts are to take files apart imports script/starlark/formats:
// that gives them inspect, pe and elf. One whose scripts may show a container to
// who sits at the manager's terminal imports script/starlark/show.
//
// # The grant host
//
// With [GrantHost], a script and the modules that it loads have the module
// host: the machine that this process runs on, with all the rights of its
// user. It is there on Linux. Paths may be relative to the folder that the
// process runs in.
//
//	host.open(path)                      a container of a file, by its name; up to 64 KiB are read at
//	                                     once, and a larger file may change until it is read
//	host.read(path)                      the bytes of a file, at most 64 MiB; of those in /proc and /sys too
//	host.stat(path, follow=True)         None where there is nothing, or a struct: name, size, disk (bytes that
//	                                     it takes there), mode, mtime, is_dir, is_file, is_link, target (of a
//	                                     link), uid, gid, links, device, inode
//	host.glob(*patterns, hidden=False)   the paths that match any of them, sorted, at most 262,144: * ? [a-z]
//	                                     within a name, ** any number of folders but no links to such; names
//	                                     that begin with a dot only where the pattern does, or with hidden. A
//	                                     folder that may not be listed has none, as in a shell: in a strict
//	                                     sandbox that is each one above what was granted
//	host.write(path, data, mode=None)    replaces a file at one stroke, or makes it: data is a string, bytes or
//	                                     a container; the new file has the owner and the mode of the old one, or
//	                                     else 0o644, and none of its extended attributes
//	host.run(argv, stdin=None, check=True, env=None, cwd=None, timeout=None, text=True)
//	                                     runs a command, without a shell, and gives a struct: status (minus the
//	                                     signal that ended it), stdout, stderr, of at most 16 MiB each
//	host.facts()                         a struct: os, arch, hostname, kernel, machine, distribution,
//	                                     distribution_id, distribution_version, user, uid, gid, home, cwd, cpus,
//	                                     memory (bytes), python3 (its path); None for what is not known
//
// A symbolic link is not written through, and pipes and devices are not read:
// those are errors. A write that fails leaves the old file as it was, and
// nothing beside it; only a machine or process that ends in the middle leaves
// a file .outwork-*.
//
// A command's stdin is empty, or a string, bytes or a container. Its env is a
// dict of changes to that of this process; None takes a variable away. Its
// timeout is a number of seconds or a time.duration. With check, a status other
// than 0 is an error. With text, stdout and stderr are strings, with U+FFFD for
// what is not UTF-8; without, bytes. When it has ended, what is left of its
// process group is killed; at its timeout, the end of the script or more
// output than 16 MiB that is sent SIGTERM, and SIGKILL a second later. What
// left the group is not waited for, and ends with the worker.
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
// script that does not stop. A value nested a million deep
// whose text goes into an error of the language's own ({}[x]) ends the process,
// and so does hashing or freezing one with a memory limit well above
// [DefaultMemory]: Go's stack has a bound that nothing outlives. Where the
// machine must be protected from a hostile script, confine the process.
package starlark
