"""The values that few calls bring: integers beyond 64 bits, times, exceptions, and
what is derived from a type that crosses."""

import sys

from outwork._values import PUT, CannotCross, head, put_bytes, put_float, put_int, put_list, put_str

TIME, BIG, BIG_NEG, EXCEPTION = 0, 2, 3, 0x6F770002


class RemoteException(Exception):
    """An exception that crossed: its type's name, its text and its traceback."""

    __module__ = "outwork"

    def __init__(self, kind, message, trace):
        self.kind, self.message, self.trace = kind, message, trace

    def __str__(self):
        return self.kind + (self.message and ": " + self.message)


def put_big(major, n, out):
    out += b"\xc3" if major else b"\xc2"
    put_bytes(n.to_bytes((n.bit_length() + 7) // 8, "big"), out, 0)


def put_time(v, out, depth):
    # A time without a zone is local time, as it is for Python's own methods.
    dates = sys.modules["datetime"]
    offset = v.utcoffset()
    try:
        if offset is None:
            v = v.astimezone()
            offset = v.utcoffset()
        if offset.seconds % 60 or offset.microseconds:
            v = v.astimezone(dates.timezone.utc)
    except (ValueError, OverflowError):
        raise CannotCross("the time is beyond the calendar") from None
    out += b"\xc0"
    put_str(v.isoformat(), out, depth)


def put_exception(v, out, depth):
    out += head(0xC0, EXCEPTION)
    put_list(picture(v), out, depth)


def picture(e):
    """An exception's type, text and traceback, all of them text."""
    if isinstance(e, RemoteException):
        return [e.kind, e.message, e.trace]
    trace = ""
    if e.__traceback__ or isinstance(e, SyntaxError):
        from outwork import _errors

        trace = _errors.trace(e)
    return [kind(e), text(e), trace]


def kind(v):
    t = type(v)
    m = t.__module__
    return t.__qualname__ if not isinstance(m, str) or m in ("builtins", "__main__") else m + "." + t.__qualname__


def text(e):
    try:
        return str(e).encode("utf-8", "backslashreplace").decode()
    except Exception as why:
        return "<its __str__ failed: %s>" % type(why).__name__


def put_view(v, out, depth):
    put_bytes(v.tobytes(), out, depth)


def put_plain_int(v, out, depth):
    put_int(int(v), out, depth)


def other(v):
    """How a value of another type crosses: as the first of these that it is."""
    if hasattr(v, "outwork_name"):
        raise CannotCross("a container cannot cross: give its name, or bytes of it")
    for t, how in MORE:
        if isinstance(v, t):
            return how
    dates = sys.modules.get("datetime")
    if dates and isinstance(v, dates.datetime):
        return put_time
    advice = {"date": ": make it a datetime", "timedelta": ": give its total_seconds()", "Decimal": ": make it a str or float"}
    raise CannotCross("a %s cannot cross%s" % (kind(v), advice.get(type(v).__name__, "")))


MORE = (
    (int, put_plain_int),
    (float, put_float),
    (str, put_str),
    ((bytes, bytearray), put_bytes),
    (memoryview, put_view),
    (list, PUT[list]),
    (tuple, PUT[tuple]),
    (dict, PUT[dict]),
    ((set, frozenset), PUT[set]),
    (BaseException, put_exception),
)


def check_key(k, known, items):
    """Refuses a key that cannot cross, and, unless that is known, keys that cross as the
    same: those of types that tell themselves apart by more than their text."""
    if not isinstance(k, (str, int, float)) or k != k:
        raise CannotCross("a key that is a %s cannot cross: keys are str, int, bool and float" % kind(k))
    if isinstance(k, int) and not -(1 << 63) <= k < 1 << 63:
        raise CannotCross("a key beyond 64 bits cannot cross")
    texts = known or [str.__str__(other) for other, _ in items if isinstance(other, str)]
    if not known and len(set(texts)) < len(texts):
        raise CannotCross("two of its keys are the same text")
    return True


def untag(tag, v):
    if tag == EXCEPTION:
        return RemoteException(*v)
    if tag == TIME:
        return time_of(v)
    n = int.from_bytes(v, "big")
    return n if tag == BIG else -1 - n


def time_of(text):
    """RFC 3339, whose fractions may be finer than Python's: they are cut."""
    import datetime

    whole, zone = (text[:-1], "+00:00") if text[-1] == "Z" else (text[:-6], text[-6:])
    whole, _, fraction = whole.partition(".")
    return datetime.datetime.fromisoformat("%s.%s%s" % (whole, (fraction + "000000")[:6], zone))
