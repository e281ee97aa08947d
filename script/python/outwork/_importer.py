"""import asks the manager: GET_MODULE for what its roots serve, nothing else. This
module itself is the finder. What few imports need is in _local."""

import sys
from _frozen_importlib import ModuleSpec

from outwork import _link
from outwork._values import decode, encode

LINK = None
ROOTS = {}  # the top-level names that are served; True: a namespace package
KEPT = {}  # answers by name: (path, package, source), or None for what is missing
OVERRIDDEN = set()  # served names that hide the standard library's
WATCHED = {"linecache", "logging"}  # to which something is done when they are imported


def served(what):
    """Takes in what the manager tells: [roots, namespaces, modules]."""
    roots, namespaces, modules = what
    ROOTS.update(dict.fromkeys(roots, False))
    ROOTS.update(dict.fromkeys(namespaces, True))
    keep(modules)


def keep(modules):
    for name, path, package, source, _, missing in modules:
        KEPT.setdefault(name, None if missing else (path, package, source))


def ask(lang, name):
    return decode(LINK.ask(_link.GET_MODULE, encode([lang, name])).payload)[0][0]


def fetch(name):
    """What is served under name, or None. It is asked for once."""
    if name not in KEPT:
        keep(ask("python", name))
    return KEPT.setdefault(name)


def own(name):
    """The source of a module of this package."""
    return ask("outwork", name)[0][3].decode()


def find_spec(name, path=None, target=None):
    if name in WATCHED:
        from outwork import _local

        return _local.watched(name)
    top, _, rest = name.partition(".")
    if top not in ROOTS or rest and not KEPT.get(name.rpartition(".")[0]):
        return None
    if not rest and top not in OVERRIDDEN:
        names = getattr(sys, "stdlib_module_names", None)
        if names is None or ROOTS[top]:
            from outwork import _local

            names = _local.hiding(top, ROOTS[top])
        if top in names:
            return None
    try:
        found = fetch(name)
    except _link.Refused as e:
        raise ImportError(str(e), name=name) from None
    if found:
        file, package, _ = found
        folder = file.rpartition("/")[0] if file.endswith(".py") else file
        namespace = package and folder == file
        spec = ModuleSpec(name, None if namespace else Loader(), origin=None if namespace else file, is_package=package)
        spec.has_location = not namespace
        if package:
            spec.submodule_search_locations.append(folder)
        return spec


def invalidate_caches():
    pass


class Loader:
    """Loads served modules (PEP 451); the rest of a loader's methods is in _local."""

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(self.get_code(module.__spec__.name), module.__dict__)

    def get_code(self, name):
        from outwork import _run

        file, _, source = fetch(name)
        _run.remember(file, source)
        return compile(source, file, "exec", 0, True)

    def __getattr__(self, name):
        from outwork import _local

        method = vars(_local.Methods).get(name)
        if method is None:
            raise AttributeError(name)
        return method.__get__(self)
