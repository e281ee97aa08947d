"""What the manager does for a script with a container: shows it, and takes it apart. Both
are functions that it grants, or does not."""

from outwork import _calls
from outwork._containers import Container


class Selection:
    """What was selected: offset and length, in bytes of the container that was shown.
    picked: by Enter; else the two mean nothing, and the selection is false."""

    def __init__(self, picked, offset, length):
        self.picked, self.offset, self.length = picked, offset, length

    def __bool__(self):
        return self.picked

    def __repr__(self):
        return "Selection(picked=%r, offset=%d, length=%d)" % (self.picked, self.offset, self.length)


def show(c, title="", offset=0):
    about = told("show", "outwork.show", "run with --grant terminal", c)
    offset = c._span("show", offset, 0)[0] - c._at
    if not c.size:
        raise ValueError("show: there is nothing in the container")
    s = ask("outwork.show", Title=title, Cursor=offset, **about)
    return Selection(s["Picked"], s["Offset"], s["Length"])


def inspect(c, deep=False, structure=False):
    about = told("inspect", "outwork.inspect.back", "who runs the script must grant it", c)
    import json

    return json.loads(ask("outwork.inspect.back", Deep=bool(deep), Structure=bool(structure), **about)["Report"])


def ask(function, **fields):
    return _calls.back(_calls.current(), function, (), fields)


def told(what, function, hint, c):
    """Which bytes c are: a part of what is shared under a name, or themselves."""
    if not isinstance(c, Container):
        raise TypeError("%s: that is no container but a %s" % (what, type(c).__name__))
    call = _calls.current()
    if not call or function not in call.grants:
        raise PermissionError("%s: not granted; %s" % (what, hint))
    c._span(what, 0)
    if c.name and c.size and not isinstance(c, bytes):
        return {"Name": c.name, "Bytes": b"", "Offset": c._at - c._whole._start, "Length": c.size}
    return {"Name": "", "Bytes": bytes(c), "Offset": 0, "Length": c.size}
