"""What the code of a call may do while it runs: look at the call, tell its progress,
and call what was granted."""

import _thread
import time

from outwork import _link, _run, _threads
from outwork._values import CannotCross, decode, encode


def current():
    """The call that is running here; of a thread that a script started, the script's."""
    calls = _run.LINK.current
    return calls.get(_thread.get_ident()) or calls.get(_run.LINK.main) or next(iter(list(calls.values())), None)


class Context:
    """What a function may know and do of the call that it runs in."""

    def __init__(self, call):
        self._call = call

    @property
    def worker(self):
        """The worker's name."""
        return _run.LINK.hello["name"]

    @property
    def deadline(self):
        """When the caller gives up, by time.monotonic(); None: never."""
        return self._call.deadline

    @property
    def cancelled(self):
        """Whether the caller has given up."""
        return self._call.cancelled

    @property
    def granted(self):
        """The functions of the caller's that may be called."""
        return tuple(self._call.grants)

    def call(self, function, *args, **fields):
        """Calls a function that the caller granted."""
        return back(self._call, function, args, fields)

    def progress(self, done, total=0, label=""):
        """Tells the caller how far the call is."""
        progress(self._call, done, total, label)


def progress(call, done, total, label):
    done, total = int(done), int(total)
    if done < 0 or total < 0:
        raise ValueError("progress: %d of %d: neither can be negative" % (done, total))
    if (done | total) >> 63:
        raise ValueError("progress: %d of %d: neither can be beyond 63 bits" % (done, total))
    payload = encode([done, total, str(label)[:4096].encode("utf-8", "replace").decode()])
    link = _run.LINK
    if not call or link.turn.mine():
        return
    with _threads.Busy(link, call):
        with link.turn:
            if not call.sent and len(payload) + 12 <= call.credit - call.used - 4096:
                call.used += len(payload) + 12
                link.frame(call.id, _link.MESSAGE, _link.PROGRESS, 0, payload)
        link.flush()
    if call.thread == _thread.get_ident():
        call.check()


def back(call, function, args, fields):
    """Calls a function of the manager's; a struct's fields are given by name."""
    if not call or call.sent or function not in call.grants:
        have = ", ".join(call.grants) if call else ""
        raise PermissionError("the call was not granted %r; its grants: %s" % (function, have or "none"))
    if len(args) > 1 or args and fields:
        raise TypeError("%s takes one argument, or the fields of one by name" % function)
    left = int((call.deadline - time.monotonic()) * 1e9) if call.deadline else 0
    if call.deadline and left <= 0:
        raise TimeoutError("the call's deadline has passed")
    payload = encode([function, left, [], [], call.id])
    payload += encode(args[0] if args else fields)
    if len(payload) + 12 > _run.LINK.window:
        raise CannotCross("the argument of %s is larger than %d KiB" % (function, _run.LINK.window >> 10))
    reply = _run.LINK.ask(_link.CALL_FUNCTION, payload)
    (parts,), i = decode(reply.payload)
    value = decode(reply.payload, i)[0]
    return complete(call, parts, value) if parts else value


def complete(call, parts, value):
    """A granted function's result, with what came beside its CBOR in its place."""
    for part in parts:
        bulk = _run.LINK.bulk.get(part[2]) if part[1] == 0 else None
        if not bulk:
            if part[1] in (0, 1, 2, 6):
                with _threads.Busy(_run.LINK, call):
                    _run.LINK.send(part[2], _link.RESET, 0, 0, b"\0\2")
            raise _link.Refused("the result brings a reader, stream, container or file, which Python does not take")
        if not bulk.whole:
            bulk.ask = _threads.Ask(part[2])
            with _threads.Busy(_run.LINK, call):
                _run.LINK.wait(call, bulk.ask, lambda: bulk.whole)
            call.check()
    for field, _, stream, *_ in parts:
        bulk = _run.LINK.bulk.pop(stream)
        if bulk.broken:
            raise _link.Refused(bulk.broken)
        value = placed(value, field, bulk.data, len(parts))
    return value


def placed(value, field, data, parts):
    """value with data where it belongs. Fields are numbered as Go declares them, which
    this side does not know: it must be the only one that came empty."""
    if field < 0:
        return data.decode() if isinstance(value, str) else bytes(data)
    empty = [k for k, v in value.items() if v in (None, "", b"")]
    if parts != 1 or len(empty) != 1:
        raise _link.Refused("the result has several long fields, which Python cannot tell apart")
    k = empty[0]
    value[k] = data.decode() if value[k] == "" else bytes(data)
    return value


class Bulk:
    """Bytes on their way beside a result."""

    whole = broken = ask = None

    def __init__(self):
        self.data = bytearray()


def beside(link, stream, kind, flags, payload):
    """Takes a frame of a stream that comes beside a result; who reads calls it."""
    if kind == _link.OPEN:
        link.bulk[stream] = Bulk()
        return
    bulk = link.bulk[stream]
    if kind == _link.DATA:
        bulk.data += payload
        if not flags & _link.END:
            return link.give(stream, len(payload))
    else:
        bulk.broken = "part of the result did not come"
    bulk.whole = True
    if bulk.ask:
        _link.wake(bulk.ask.lock)
