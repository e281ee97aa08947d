"""What the contenders of the benchmark's table "python" call."""

import time

NEEDLE = b"\xaa\xbb\xcc\xdd"
HAYSTACK = 10 << 20  # bytes, with the needle at the end


def nothing():
    pass


def print_lines(count):
    for i in range(count):
        print("line %d of what the benchmark prints" % i)


def measure(path):
    with open(path, "rb") as f:
        data = f.read()
    return len(data), sum(data)


def haystack():
    return b"\xff" * (HAYSTACK - len(NEEDLE)) + NEEDLE


def timed(data):
    """Milliseconds that a search takes, in bytes or in a container."""
    began = time.perf_counter()
    at = data.find(NEEDLE)
    took = time.perf_counter() - began
    if at != HAYSTACK - len(NEEDLE):
        raise ValueError("the needle was found at %r" % at)
    return took * 1e3


def search(name, times):
    """What each of as many searches of a shared container took."""
    import outwork

    data = outwork.shared(name)
    return [timed(data) for _ in range(times)]


def ask(times):
    """What each of as many of the shortest questions to the manager took, in
    milliseconds."""
    import outwork

    took = []
    for _ in range(times):
        began = time.perf_counter()
        outwork.call("bench.nothing")
        took.append((time.perf_counter() - began) * 1e3)
    return took


def search_local(times):
    """What each of as many searches of bytes took."""
    data = haystack()
    return [timed(data) for _ in range(times)]


def length(data):
    return len(data)


def give(block, times):
    import mitogen.core

    return mitogen.core.Blob(block * times)
