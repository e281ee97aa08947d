"""import asks the manager: GET_MODULE for what its roots serve, nothing else. What few
imports need is in _local."""

import sys
from _frozen_importlib import ModuleSpec

from outwork import _link, _run
from outwork._run import ROOTS
from outwork._values import decode, encode

INSIDE = "/<outwork>/"  # begins what is in __path__
KEPT = {}  # answers by name: (path, package, source), or None for what is missing
OVERRIDDEN = set()  # served names that hide the standard library's
FOUND = set()  # the names of what was found here, and of no other that is called like it


def keep(modules):
    for name, path, package, source, _, missing in modules:
        KEPT.setdefault(name, None if missing else (path, package, source))


def ask(lang, name):
    return decode(_run.LINK.ask(_link.GET_MODULE, encode([lang, name])).payload)[0][0]


def fetch(name):
    """What is served under name, or None. It is asked for once."""
    if name not in KEPT:
        keep(ask("python", name))
    return KEPT.setdefault(name)


def own(name):
    """The source of a module of this package."""
    if name not in KEPT:
        keep(ask("outwork", name))
    return KEPT.pop(name)[2]


def find_spec(name):
    top, _, rest = name.partition(".")
    if rest and name.rpartition(".")[0] not in FOUND:
        return None
    if not rest and top not in OVERRIDDEN:
        names = getattr(sys, "stdlib_module_names", None)
        if names is None or ROOTS[top]:
            from outwork import _local

            names = _local.hiding(top, ROOTS[top])
        if top in names:
            return None
    if name in sys.modules:
        KEPT.pop(name, None)  # a reload, which asks anew
    try:
        found = fetch(name)
    except _link.Refused as e:
        raise ImportError(str(e), name=name) from None
    if found:
        FOUND.add(name)
        file, package, _ = found
        folder = file.rpartition("/")[0] if file.endswith(".py") else file
        namespace = package and folder == file
        loader = Loader(folder)
        spec = ModuleSpec(name, None if namespace else loader, origin=None if namespace else file, is_package=package)
        spec.has_location = not namespace
        if package:
            # Not a folder of this machine: what is not served is not looked for there.
            spec.submodule_search_locations.append(INSIDE + folder)
            sys.path_importer_cache[INSIDE + folder] = loader
        return spec


class Loader:
    """Loads served modules (PEP 451), and is a folder's finder of what is not served;
    the rest of its methods is in _local."""

    def __init__(self, folder):
        self.folder = folder

    def find_spec(self, *_):
        pass

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(self.get_code(module.__spec__.name), module.__dict__)

    def get_code(self, name):
        file, _, source = fetch(name)
        _run.remember(file, source)
        return compile(source, file, "exec", 0, True)

    def __getattr__(self, name):
        from outwork import _local

        method = vars(_local.Methods).get(name)
        if method is None:
            raise AttributeError(name)
        return method.__get__(self)
