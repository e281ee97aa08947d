"""Shared containers as maps of the manager's memory, or of a file."""

import mmap
import os
import sys

from outwork._containers import Memory, Part

SEALED = 14  # against shrinking, growing and writing
OPTIONS = {"trackfd": False} if sys.version_info >= (3, 13) else {}  # or it keeps a descriptor


class Mapped(Memory, mmap.mmap):
    # The time of a search of 10 MiB for 4 bytes at their end, as a multiple of that of
    # bytes.find of the same interpreter, in 0xff and in random bytes:
    #
    #     mmap.find        1.0    from 3.11 on, where it is the same code
    #     mmap.find        0.7 to 1.1 in 3.8 to 3.10, yet 4 for 32 bytes, 33 to 45 for one
    #     copied windows   1.02 to 1.08 in 3.8 to 3.10 by 256 KiB, 1.07 to 1.10 by 32 KiB;
    #                      for 32 bytes up to 1.17, for one 2.2 (0.1 ms more); by way of
    #                      a bytearray no less
    #     re               0.6 in 3.8 to 3.13, 2.5 where bytes.find is quick
    #     memmem           0.3 to 1.1, but ctypes takes 5 ms to import: a search of 10 MiB
    _copies = sys.version_info < (3, 11)
    _find = mmap.mmap.find
    closed = mmap.mmap.closed

    def _release(self):
        mmap.mmap.close(self)


def received(fd, offset, size, immutable):
    try:
        if immutable:
            import fcntl

            if fcntl.fcntl(fd, 1034) & SEALED != SEALED:  # F_GET_SEALS
                raise OSError("a shared container is said to be immutable, and is not sealed")
        before = offset % mmap.ALLOCATIONGRANULARITY
        m = Mapped(fd, before + size, mmap.MAP_PRIVATE, mmap.PROT_READ, offset=offset - before, **OPTIONS)
    finally:
        os.close(fd)
    m._n, m._start = before + size, before
    if not before:
        return m
    p = Part(m, before, m._n)
    p._owner = True
    return p
