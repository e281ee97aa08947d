"""What a script can reach of outwork: shared containers, progress, granted calls.

shared(name)                  the container that the manager shares under name
progress(done, total=0, label="")
call(function, ...)           calls a function of the manager's that was granted
result(value)                 what the script gives back, when no main does
args                          the script's arguments
override(*names)              lets served modules of these names hide the standard library's
"""

from outwork import _calls, _importer
from outwork._link import Refused
from outwork._more import RemoteException
from outwork._values import CannotCross

__all__ = ["shared", "progress", "call", "result", "args", "override", "Refused", "RemoteException", "CannotCross"]


def shared(name):
    from outwork import _containers

    return _containers.shared(name)


def progress(done, total=0, label=""):
    _calls.progress(_calls.current(), done, total, label)


def call(function, *args, **fields):
    return _calls.back(_calls.current(), function, args, fields)


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
    raise AttributeError("module 'outwork' has no attribute %r" % name)
