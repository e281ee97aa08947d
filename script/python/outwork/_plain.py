"""A link over a pair of byte streams, standard input and output. What is printed goes
to others, which are read by who has started the process: an agent, or _keeper."""

import os


def redirect():
    """Takes 0 and 1 for the link; what is printed goes to 3 and 2."""
    source, sink = os.dup(0), os.dup(1)
    os.dup2(3, 1)
    os.close(3)
    with open(os.devnull) as null:
        os.dup2(null.fileno(), 0)

    def write(data):
        view = memoryview(data)
        while view:
            view = view[os.write(sink, view) :]

    return (lambda n: (os.read(source, min(n, 1 << 20)), [])), write
