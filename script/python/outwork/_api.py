"""What a script can reach of outwork: shared containers, progress, granted calls.

shared(name)                  the container that the manager shares under name
progress(done, total=0, label="")
pattern                       what to search for, besides bytes: pattern.hex("4D 5A ?? [2-6] 50"), ...
call(function, ...)           calls a function of the manager's that was granted
show(c, title="", offset=0)   shows a container to who sits at the manager's terminal, if that is
                              granted, and returns what was selected: picked, offset, length
inspect(c, deep=False, structure=False)
                              what a container is, as a dict: the manager has it parsed
emit(name, data)              gives a file away, if that is granted: bytes, a str or a container
result(value)                 what the script gives back, when no main does
args                          the script's arguments
override(*names)              lets served modules of these names hide the standard library's
"""

from outwork import _calls, _importer
from outwork._link import Refused
from outwork._more import RemoteException
from outwork._values import CannotCross

__all__ = ["shared", "progress", "call", "show", "inspect", "emit", "result", "args", "override", "Refused", "RemoteException", "CannotCross"]


def shared(name):
    from outwork import _containers

    return _containers.shared(name)


def progress(done, total=0, label=""):
    _calls.progress(_calls.current(), done, total, label)


def call(function, *args, **fields):
    return _calls.back(_calls.current(), function, args, fields)


def show(c, title="", offset=0):
    from outwork import _asks

    return _asks.show(c, title, offset)


def inspect(c, deep=False, structure=False):
    from outwork import _asks

    return _asks.inspect(c, deep, structure)


def emit(name, data):
    from outwork import _map

    _map.emit(name, data)


def result(value):
    _calls.current().result = value


def override(*names):
    _importer.OVERRIDDEN.update(names)


def __getattr__(name):
    if name == "args":
        return list(getattr(_calls.current(), "script_args", None) or ())
    if name == "Container":
        from outwork import _containers

        return _containers.Container
    if name == "pattern":
        from outwork import _patterns

        return _patterns
    raise AttributeError("module 'outwork' has no attribute %r" % name)
