"""What few imports need: the machine's own modules against served ones, the methods of
a served module's loader, and what is done behind imports of the standard library."""

import sys
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder

from outwork import _importer, _link, _run


def hiding(top, namespace):
    """Names that hide a served one: top itself, or none. It is hidden by a module of
    the standard library, or, when it is no more than a folder, by any regular one."""
    for finder in (BuiltinImporter, FrozenImporter, PathFinder):
        spec = finder.find_spec(top)
        if spec and spec.loader:
            place = spec.origin or ""
            if namespace or finder is not PathFinder or "site-packages" not in place and "dist-packages" not in place:
                return (top,)
    return ()


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

        return _resources.Reader(_importer.fetch(name)[0].rpartition("/")[0])


def data(path):
    """The bytes of a file inside a served package."""
    try:
        found = _importer.fetch(path)
    except _link.Refused as e:
        raise OSError(str(e)) from None
    if found is None:
        raise FileNotFoundError(2, "the manager serves no such file", path)
    return found[2]


def watched(name, waiting):
    """The spec of a watched module, whose loader does something behind the import."""
    waiting.discard(name)
    from importlib.util import find_spec

    spec = find_spec(name)
    if spec and spec.loader:
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
            _run.show_source(module)

    def __getattr__(self, name):
        return getattr(self.loader, name)
