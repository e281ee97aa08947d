"""importlib.resources for served packages: by files() in Python 3.10 and later, by
the older interface before. (files() of Python 3.9 asks no loader, and finds nothing.)"""

from outwork import _local


class Node:
    """A file or folder inside a served package (importlib.resources.abc.Traversable)."""

    def __init__(self, path):
        self.path = path

    @property
    def name(self):
        return self.path.rpartition("/")[2]

    def __repr__(self):
        return "served(%r)" % self.path

    def names(self):
        """What a folder holds; None when it is none."""
        try:
            return [n for n in _local.data(self.path + "/").decode().split("\n") if n]
        except OSError:
            return None

    def iterdir(self):
        for n in self.names() or ():
            yield Node(self.path + "/" + n.rstrip("/"))

    def is_dir(self):
        return self.names() is not None

    def is_file(self):
        try:
            return self.read_bytes() is not None
        except OSError:
            return False

    def joinpath(self, *parts):
        return Node("/".join((self.path,) + parts))

    __truediv__ = joinpath

    def read_bytes(self):
        return _local.data(self.path)

    def read_text(self, encoding=None, errors=None):
        return self.open("r", encoding=encoding or "utf-8", errors=errors).read()

    def open(self, mode="r", *args, **kwargs):
        import io

        f = io.BytesIO(self.read_bytes())
        return f if "b" in mode else io.TextIOWrapper(f, *args, **kwargs)


class Reader:
    """importlib.abc.ResourceReader, and TraversableResources."""

    def __init__(self, folder):
        self.folder = folder

    def files(self):
        return Node(self.folder)

    def open_resource(self, name):
        return Node(self.folder + "/" + name).open("rb")

    def resource_path(self, name):
        raise FileNotFoundError(name)

    def is_resource(self, name):
        return Node(self.folder + "/" + name).is_file()

    def contents(self):
        return [n.name for n in Node(self.folder).iterdir()]
