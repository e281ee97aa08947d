# Finds four bytes behind 10 MiB of others, and says how long that took: in the
# container whose name is given, or else in bytes of its own.
#
#   outwork run examples/search.py
#   outwork run --share data=FILE examples/search.py data

import time

import outwork

MARK = b"\xaa\xbb\xcc\xdd"


def main(name=None):
    data = outwork.shared(name) if name else b"\xff" * (10 << 20) + MARK
    start = time.perf_counter()
    offset = data.find(MARK)
    took = time.perf_counter() - start
    print("no match" if offset < 0 else "match at offset %d" % offset)
    print("remote search (ms):", round(took * 1000, 3))
