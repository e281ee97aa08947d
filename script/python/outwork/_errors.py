"""Says what became of a call that failed."""

import linecache
import sys
import time
import traceback

from outwork import _link, _local
from outwork._more import picture, text
from outwork._values import CannotCross, encode

RETURNED, UNKNOWN, RESULT, REFUSED = 1, 3, 5, 6  # codes of an ERROR
TEXT = 64 << 10  # bytes of an error's text, or of its traceback
BEGIN = "Traceback (most recent call last):\n"
ERRNO = {1: ["fs.ErrPermission"], 2: ["fs.ErrNotExist"], 13: ["fs.ErrPermission"], 17: ["fs.ErrExist"]}


def clip(s):
    return s.encode("utf-8", "backslashreplace")[:TEXT].decode("utf-8", "ignore")


def status(e):
    """The exit status that a SystemExit asks for, as the interpreter has it."""
    code = e.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    try:
        print(code, file=sys.stderr)
    except Exception:
        pass  # as the interpreter does
    return 1


def failure(call, e):
    """An ERROR's payload, however odd the exception."""
    try:
        return described(call, e)
    except BaseException as why:
        said = "%s, of which no more can be told: %s" % (type.__repr__(type(e)), type(why).__name__)
        return encode([RETURNED, clip(said), "", [], []])


def described(call, e):
    if not call.handler:
        known = ", ".join(_link.HANDLERS)
        return encode([UNKNOWN, "there is no function %r; known functions are %s" % (call.function, known), "", [], []])
    if isinstance(e, _link.Refused) and not e.kinds:
        return encode([REFUSED, clip(str(e)), "", [], []])
    if isinstance(e, SystemExit):
        n = status(e)
        return encode([RETURNED, "exit status %d" % n, "", [], [["python.Exit", bytes(encode({"Status": n}))]]])
    try:
        kind, message, stack = picture(e)
    except Exception:  # its class has an odd name
        kind, message, stack = type(e).__name__, text(e), trace(e)
    said, code = kind + (message and ": " + message), RETURNED
    if isinstance(e, CannotCross) and message.startswith("the result"):
        said, stack, code = message, "", RESULT
    kinds = list(e.kinds) if isinstance(e, _link.Refused) else []
    if isinstance(e, OSError) and isinstance(e.errno, int):
        kinds += ["errno:%d" % e.errno] + ERRNO.get(e.errno, [])
    if isinstance(e, TimeoutError) and call.deadline and time.monotonic() >= call.deadline:
        kinds.append("context.DeadlineExceeded")  # it knew before the caller did
    fields = {"Type": clip(kind), "Message": clip(message), "Traceback": clip(stack)}
    return encode([code, clip(said), clip(stack), kinds, [["python.Exception", bytes(encode(fields))]]])


def trace(e):
    """An exception's traceback, without the frames of this package and of import."""
    _local.show_sources(linecache)
    try:
        t = traceback.TracebackException(type(e), e, e.__traceback__)
        prune(t)
        s = "".join(t.format())
    except Exception:  # an odd class, or a chain too long for old versions: this one alone
        frames = traceback.format_list(kept(traceback.extract_tb(e.__traceback__)))
        s = "%s%s%s: %s" % (BEGIN, "".join(frames), type(e).__name__, text(e))
    s = s.rstrip("\n").encode("utf-8", "backslashreplace").decode()
    if len(s) > TEXT // 2:
        s = s[: TEXT // 4] + "\n  [...]\n" + s[-TEXT // 4 :]
    return s


def kept(frames):
    return [f for f in frames if not f.filename.startswith(("<outwork", "<frozen importlib"))]


def prune(t):
    todo, seen = [t], set()
    while todo:
        t = todo.pop()
        if t is None or id(t) in seen:
            continue
        seen.add(id(t))
        t.stack[:] = kept(t.stack)
        todo += [t.__cause__, t.__context__]
        todo += getattr(t, "exceptions", None) or ()
