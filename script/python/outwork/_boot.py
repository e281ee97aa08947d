"""The first that runs. Whoever sends it puts OPTIONS before it, and behind it the
modules that are always needed: PARTS is all of that. The others are asked for when
they are imported; nothing is read from a file."""

import os
import sys
from _frozen_importlib import ModuleSpec


SOURCES = {name.decode(): text for name, text in zip(PARTS[1::2], PARTS[2::2])}

WATCHED = {"linecache", "logging"}  # to which something is done when they are imported
ROOTS = ()  # the top-level names that are served


class Own:
    """Finds served modules, and finds and loads those of this package."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.startswith("outwork."):
            return ModuleSpec(name, cls, origin="<%s>" % name)
        if name in WATCHED:
            return __import__("outwork._local")._local.watched(name, WATCHED)
        if name.partition(".")[0] in ROOTS:
            return __import__("outwork._importer")._importer.find_spec(name)

    @staticmethod
    def create_module(spec):
        return None

    @classmethod
    def exec_module(cls, module):
        name = module.__name__
        exec(compile(cls.text(name), "<%s>" % name, "exec", 0, True), module.__dict__)

    @staticmethod
    def text(name):
        if name not in SOURCES:
            from outwork import _importer

            SOURCES[name] = _importer.own(name)
        return SOURCES[name]

    @classmethod
    def get_source(cls, name):
        return cls.text(name).decode()


def attribute(name):
    """What scripts want of the package is made when they first want any of it."""
    if name[0] != "_":
        package = sys.modules["outwork"]
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
        if OPTIONS["plain"] > 1:
            __import__("outwork._keeper")._keeper.begin()
        from outwork import _plain

        ends = _plain.redirect()
    else:
        os.set_inheritable(3, False)
        ends = socket(3)
    from outwork import _link, _run

    global ROOTS
    ROOTS, link = _run.ROOTS, _link.Link(*ends, OPTIONS["functions"])
    _run.LINK = link
    try:
        link.live()
    except BaseException as e:
        __import__("outwork._threads")._threads.end(link, e)


boot()
