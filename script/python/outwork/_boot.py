"""The first that runs. Whoever sends it puts before it SOURCES, the text of the
modules that are always needed, by name, and OPTIONS. The others are asked for when
they are imported; nothing is read from a file."""

import os
import sys
from _frozen_importlib import ModuleSpec


class Own:
    """Finds and loads the modules of this package."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.startswith("outwork."):
            return ModuleSpec(name, cls, origin="<%s>" % name)

    @staticmethod
    def create_module(spec):
        return None

    @classmethod
    def exec_module(cls, module):
        name = module.__name__
        exec(compile(cls.get_source(name), "<%s>" % name, "exec", 0, True), module.__dict__)

    @staticmethod
    def get_source(name):
        if name not in SOURCES:
            from outwork import _importer

            SOURCES[name] = _importer.own(name)
        return SOURCES[name]


def attribute(name):
    """What scripts want of the package is made when they first want any of it."""
    if name[0] != "_":
        package = sys.modules["outwork"]
        del package.__getattr__
        package.__dict__.update(vars(__import__("outwork._api")._api), __name__="outwork")
        return getattr(package, name)
    raise AttributeError(name)


def socket(fd):
    """Reading and writing a unix socket, whose messages may bring descriptors."""
    import _socket

    s = _socket.socket(fileno=fd)
    room = _socket.CMSG_SPACE(256)

    def read(n):
        data, extra, _, _ = s.recvmsg(n, room, 0x40000000)  # MSG_CMSG_CLOEXEC
        fds = []
        for _, _, raw in extra:
            fds += memoryview(raw[: len(raw) & ~3]).cast("i")
        return data, fds

    return read, s.sendall


def boot():
    package = type(sys)("outwork")
    package.__path__, package.__getattr__ = [], attribute
    sys.modules["outwork"] = package
    sys.meta_path.insert(0, Own)
    for f in (sys.stdout, sys.stderr):
        f.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    if OPTIONS["plain"]:
        from outwork import _plain

        ends = _plain.redirect()
    else:
        os.set_inheritable(3, False)
        ends = socket(3)
    from outwork import _importer, _link, _run

    link = _run.LINK = _importer.LINK = _link.Link(*ends, OPTIONS["functions"])
    sys.meta_path.insert(1, _importer)
    if OPTIONS["plain"]:
        _plain.forward(link)
    link.live()


boot()
