"""What ends a script that is more than a few lines."""

import sys


def leaves_main(source, name):
    """Whether a script leaves it to its runner to call main: nothing that runs at
    top level names it, or looks at __name__."""
    todo = list(compile(source, name, "exec", 0x400, True).body)  # 0x400: no code, but its tree
    while todo:
        node = todo.pop()
        kind = type(node).__name__
        if kind == "Name" and node.id in ("main", "__name__") and type(node.ctx).__name__ == "Load":
            return False
        if kind not in ("FunctionDef", "AsyncFunctionDef", "ClassDef", "Lambda"):
            for field in getattr(node, "_fields", ()):
                v = getattr(node, field)
                todo += v if isinstance(v, list) else (v,)
    return True


def join_threads():
    """A script has ended when its threads have."""
    threading = sys.modules.get("threading")
    for t in threading and threading.enumerate() or ():
        if not (t.daemon or t is threading.current_thread() or t is threading.main_thread()):
            t.join()


def show(linecache, name, source):
    if not isinstance(source, str):
        from importlib.util import decode_source

        source = decode_source(source)
    linecache.cache[name] = len(source), None, source.splitlines(True), name
