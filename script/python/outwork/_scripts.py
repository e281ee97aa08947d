"""Whether a script's main is to be called."""

import sys


def leaves_main(source, name):
    """Whether a script leaves it to its runner to call main: it has one, and nothing
    that runs at top level reads that name, or looks at __name__."""
    if not callable(getattr(sys.modules["__main__"], "main", None)):
        return False
    if "__name__" not in source and source.count("main") == source.count("def main("):
        return True
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
