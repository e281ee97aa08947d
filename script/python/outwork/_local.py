"""What few imports need: the machine's own modules against served ones, the methods of
a served module's loader, and what is done behind imports of the standard library; and
the end of scripts that have threads."""

import sys
from _frozen_importlib import BuiltinImporter, FrozenImporter, _find_spec
from _frozen_importlib_external import PathFinder

from outwork import _importer, _link, _run


def hiding(top, namespace):
    """Names that hide a served one: top itself, or none. It is hidden by a module of
    the standard library, or, when it is no more than a folder, by any regular one."""
    for finder in (BuiltinImporter, FrozenImporter, PathFinder):
        spec = finder.find_spec(top, None if namespace or finder is not PathFinder else library())
        if spec and spec.loader and (namespace or top not in ("test", "tests")):
            return (top,)
    return ()


def library():
    """The folders of the standard library."""
    import os

    base = os.path.dirname(os.__file__)
    return [p for p in sys.path if p.startswith(base) and not p.endswith("-packages")]


class Methods:
    """Of _importer.Loader."""

    def get_source(self, name):
        from importlib.util import decode_source

        return decode_source(_importer.fetch(name)[2])

    def is_package(self, name):
        return _importer.fetch(name)[1]

    def get_filename(self, name):
        return _importer.fetch(name)[0]

    def get_data(self, path):
        """For pkgutil.get_data: a file of the package."""
        return data(path)

    def get_resource_reader(self, name):
        from outwork import _resources

        return _resources.Reader(self.folder)

    def iter_modules(self, prefix=""):
        """For pkgutil: names of modules, and whether they are packages."""
        from outwork import _resources

        here = _resources.Node(self.folder)
        for n in here.names() or ():
            stem = n[:-1] if n[-1] == "/" else n[:-3]
            if n[-1] == "/" and "__init__.py" in (here / stem).names() or n.endswith(".py") and stem != "__init__":
                yield prefix + stem, n[-1] == "/"


def data(path):
    """The bytes of a file inside a served package."""
    if path.startswith(_importer.INSIDE):
        path = path[len(_importer.INSIDE) :]
    try:
        found = _importer.fetch(path) if "/" in path else None
    except _link.Refused as e:
        raise OSError(str(e)) from None
    if found is None:
        raise FileNotFoundError(2, "the manager serves no such file", path)
    return found[2]


def watched(name, waiting):
    """The spec of a watched module, whose loader does something behind the import."""
    waiting.discard(name)
    spec = _find_spec(name, None)
    if spec and spec.loader and not isinstance(spec.loader, _importer.Loader):
        spec.loader = Behind(spec.loader)
    return spec


class Behind:
    def __init__(self, loader):
        self.loader = loader

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        if module.__name__ == "logging":
            from outwork import _logs

            _logs.install(module, _run.LINK)
        else:
            show_sources(module)

    def __getattr__(self, name):
        return getattr(self.loader, name)


def show_sources(linecache):
    """Has linecache know the lines of what it does not know yet, as the compiler counts them."""
    if not hasattr(linecache, "cache"):
        return  # another thread imports it, and comes here behind that
    for name in list(_run.SOURCES):  # another thread may be at it too
        source = _run.SOURCES.pop(name, None)
        if source is None:
            continue
        if not isinstance(source, str):
            source = text(source)
        lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        linecache.cache[name] = len(source), None, [line + "\n" for line in lines], name


def text(source):
    from importlib.util import decode_source

    try:
        return decode_source(source)
    except (SyntaxError, UnicodeError):  # the compiler says so too
        return source.decode("latin-1")


def join_threads():
    """Waits for a script's threads, and those that they start."""
    import threading

    pools = getattr(sys.modules.get("concurrent.futures.thread"), "_threads_queues", {})
    drain(pools)
    spared = threading.current_thread(), threading.main_thread(), *pools
    while True:
        left = [t for t in threading.enumerate() if not t.daemon and t not in spared]
        if not left:
            break
        left[0].join()


def drain(pools):
    """Waits until the threads of ThreadPoolExecutors have nothing to do. They do not
    end: whose the pool is may use it again."""
    import time

    rest = sys.modules["concurrent.futures.thread"]._worker.__code__ if pools else None  # what they run then
    calm = 0  # how often nothing was seen; a thread may just have taken something
    while pools and calm < 3:
        frames = sys._current_frames()
        for t, queue in list(pools.items()):
            f = frames.get(t.ident)
            if f and (not queue.empty() or f.f_code is not rest):
                calm = -1
        calm += 1
        time.sleep(0.003)
