"""Runs scripts and functions."""

import sys
from _frozen_importlib import _gcd_import

from outwork import _link
from outwork._values import LARGEST, CannotCross, decode, encode, head

LINK = None  # the one conversation of this process
ROOTS = {}  # the top-level names that are served; True: a namespace package
SOURCES = {}  # text by the file name that tracebacks show


def served(what):
    """Takes in what the manager tells: [roots, namespaces, modules]."""
    roots, namespaces, modules = what
    ROOTS.update(dict.fromkeys(roots, False))
    ROOTS.update(dict.fromkeys(namespaces, True))
    if "logging" in sys.modules and not LINK.levels:  # imported before we could see it
        from outwork import _logs

        _logs.late(sys.modules["logging"], LINK)
    if modules:
        from outwork import _importer

        _importer.keep(modules)


def remember(name, source):
    """Lets tracebacks and inspect show the lines of what is in no file here."""
    SOURCES[name] = source
    if "linecache" in sys.modules:
        from outwork import _local

        _local.show_sources(sys.modules["linecache"])


def join_threads():
    """A script has ended when its threads have."""
    if "threading" in sys.modules and len(sys.modules["threading"]._active) > 1:
        from outwork import _local

        _local.join_threads()


class Loader:
    """What inspect asks for a script's source."""

    def __init__(self, source):
        self.get_source = lambda name: source


class Scripts:
    """Scripts: [name, source, arguments, steps, what is served]."""

    def main(call):
        return True

    def key(call):
        return ""

    def run(call):
        name, source, args, steps, offered = decode(decode(call.args)[0])[0]
        call.script_args = args = args or []
        call.result = None
        served(offered)
        if steps:
            raise _link.Refused("steps are not counted in Python: give the script a timeout")
        source = source.lstrip("\ufeff")
        remember(name, source)
        module = type(sys)("__main__")
        module.__dict__.update(__file__=name, __loader__=Loader(source), __builtins__=__builtins__)
        sys.modules["__main__"], sys.argv = module, [name] + args
        try:
            code = compile(source, name, "exec", 0, True)
            exec(code, module.__dict__)
            if "main" in code.co_names:
                from outwork import _scripts

                if _scripts.leaves_main(source, name):
                    call.result = module.main(*args)
        except SystemExit as e:
            if e.code is not None and e.code != 0:
                raise
        finally:
            if not call.cancelled:
                join_threads()
        return answer(call.result)


class Functions:
    """Calls of functions in modules: [module, name, flags, arguments, keywords], and
    what is served, when that is not known yet."""

    def take(call):
        """Module, name and flags, the CBOR and where it goes on. Who reads wants them, and
        must not decode more: that may ask for a module, which nobody would read."""
        if not call.value:
            b, i, v = decode(call.args)[0], 1, []  # the list's head is a byte
            while len(v) < 3:
                item, i = decode(b, i)
                v.append(item)
            call.value = (*v, b, i)
            LINK.reserved |= v[2] & 2
        return call.value

    def main(call):
        return Functions.take(call)[2] & 2

    def key(call):
        return Functions.take(call)[:2]

    def run(call):
        module, name, flags, b, i = Functions.take(call)
        args, i = decode(b, i)
        keywords, i = decode(b, i)
        if i < len(b):
            served(decode(b, i)[0])
        f = _gcd_import(module)  # waits for another call that imports it
        if not name:
            return answer(None)
        for part in name.split("."):
            if not hasattr(f, part):
                raise AttributeError("module %r has no %s" % (module, name))
            f = getattr(f, part)
        if flags & 1:
            from outwork import _calls

            args.insert(0, _calls.Context(call))
        return answer(f(*args, **keywords))


def answer(value):
    """The REPLY of a call. Its result crosses as the bytes of its CBOR."""
    try:
        raw = encode(value)
        if len(raw) > LARGEST:
            raise CannotCross("it takes %d bytes, more than %d" % (len(raw), LARGEST))
    except CannotCross as e:
        e.why, e.path = "the result cannot be sent: %s%s" % (e.path and "result%s: " % e.path, e.why), ""
        raise
    return _link.REPLY, b"\x81\x80" + head(0x40, len(raw)) + raw


class Copies(Scripts):
    """Copies of this process: see _zygote."""

    def run(call):
        from outwork import _zygote

        return _zygote.run(call)


_link.HANDLERS.update({"guest.script": Scripts, "guest.call": Functions, "guest.fork": Copies, "guest.signal": Copies})
