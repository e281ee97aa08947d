"""Calls a script's main once for each file, and takes the files that scripts emit."""

import io
import sys

from outwork import _calls, _errors, _link, _more, _run
from outwork._values import LARGEST, CannotCross, encode

OUTPUT, PRINTED = 64 << 10, 1 << 20  # bytes of one file that are kept, and that may be printed
PART = 128 << 10  # bytes of what is emitted that cross at once


class TooMuch(BaseException):
    """The script has printed more than it may."""


class Printed(io.TextIOBase):
    """The beginning of what is printed of a file."""

    encoding, errors = "utf-8", "backslashreplace"

    def __init__(self):
        self.kept, self.all = bytearray(), 0

    def writable(self):
        return True

    def write(self, s):
        b = s.encode("utf-8", "backslashreplace")
        self.kept += b[: OUTPUT - len(self.kept)]
        self.all += len(b)
        if self.all > PRINTED:
            raise TooMuch
        return len(s)


def load(name, source):
    """Runs a script's top level, as a module of another name than __main__."""
    source = source.lstrip("\ufeff")
    _run.remember(name, source)
    module = type(sys)("__map__")
    module.__dict__.update(__file__=name, __loader__=_run.Loader(source), __builtins__=__builtins__)
    sys.modules["__map__"], sys.argv = module, [name]
    exec(compile(source, name, "exec", 0, True), module.__dict__)
    if not callable(module.__dict__.get("main")):
        raise _link.Refused("the script defines no function main, which is called with each file")


def file(data, name):
    """What becomes of a file: CBOR of what main returns, what it printed and whether that
    was more, the most bytes that were resident in this process, and a fault."""
    from outwork import _containers

    c = _containers.Inline(data) if name is None else _containers.shared(name)
    value, fault, before, out = b"", None, sys.stdout, Printed()
    sys.stdout = out
    try:
        value = bytes(encode(sys.modules["__map__"].main(c)))
        if len(value) > LARGEST:
            raise CannotCross("it takes %d bytes, more than %d" % (len(value), LARGEST))
    except KeyboardInterrupt:
        raise
    except TooMuch:
        fault = ["output", "the script printed more than %d MiB of one file" % (PRINTED >> 20), ""]
    except CannotCross as e:
        fault = ["", "the result cannot be sent: %s%s" % (e.path and "result%s: " % e.path, e.why), ""]
    except SystemExit as e:
        fault = ["", "exit status %d" % _errors.status(e), ""]
    except BaseException as e:
        kind, message, trace = _more.picture(e)
        fault = ["memory" if isinstance(e, MemoryError) else "", kind + (message and ": " + message), trace]
    finally:
        sys.stdout = before
        if name is not None:
            closed(c)
    return [value, bytes(out.kept), out.all > len(out.kept), peak(), fault]


def closed(c):
    try:
        c.close()
    except BufferError:
        pass  # the script keeps a view of it


def peak():
    try:
        from resource import RUSAGE_SELF, getrusage
    except ImportError:
        return 0
    return getrusage(RUSAGE_SELF).ru_maxrss << (0 if sys.platform == "darwin" else 10)


def emit(name, data):
    call = _calls.current()
    if not call or "outwork.emit" not in call.grants:
        raise PermissionError("emit: there is nowhere to put files: name a folder with outwork map --out")
    if isinstance(data, str):
        data = data.encode()
    n, at = len(data), 0
    while at < n or at == 0:
        part = bytes(data[at : at + PART])
        at += PART
        _calls.back(call, "outwork.emit", (), {"Name": name, "Bytes": part, "More": at < n})
