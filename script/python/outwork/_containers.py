"""Containers: read-only bytes that the manager shares under names.

They come as bytes, as a map of the manager's memory or of a file (_mapped), or not at
all: then they are read and searched at the manager (_paged).
"""

import _thread
from _operator import index
from itertools import islice

from outwork import _link, _run
from outwork._values import decode, encode

MOST = 64 << 20  # bytes of one read
STEP = 16 << 20  # bytes that are searched or hashed before a call can be cancelled
COPIED = 256 << 10  # bytes of a copy that is searched
NAMES = 1024  # containers that are kept for when they are asked for again

LOCK = _thread.allocate_lock()  # of KEPT and of who uses what is in it
KEPT = {}  # containers by name, what was asked for last at the end


def shared(name):
    """The container that the manager shares under name. It is the same object each
    time, until the manager shares another under that name."""
    if not isinstance(name, str):
        raise TypeError("shared: a name is a str, not a %s" % type(name).__name__)
    if len(name) > 1024:
        raise ValueError("shared: a name has at most 1,024 bytes")
    while True:
        c = KEPT.get(name)
        ask = _run.LINK.ask(_link.GET_CONTAINER, encode([0, name, 0 if c is None or c.closed else c._share]))
        share, same, part = decode(ask.payload)[0]
        if not same:
            c = received(part, share, ask.files)._called(name, part[5])
            c._share = share
        with LOCK:
            if not c.closed:  # by somebody else meanwhile
                KEPT.pop(name, None)
                KEPT[name] = c
                if len(KEPT) > NAMES:
                    del KEPT[next(iter(KEPT))]
                c._users += 1
                return c


def received(part, share, files):
    _, kind, stream, size, offset, immutable, inline = part
    if not size:
        for fd in files:
            _link.os.close(fd)
        return Inline()
    if kind == 5:
        from outwork import _paged

        return _paged.received(share, size, immutable)
    if stream:
        from outwork import _mapped

        return _mapped.received(files[0], offset, size, immutable)
    return Inline(inline)


def needle(what, pattern):
    p = pattern.encode() if isinstance(pattern, str) else memoryview(pattern).tobytes()
    if not p:
        raise ValueError(what + ": an empty pattern matches everywhere")
    return p


class Container:
    """Read-only bytes; isinstance(c, outwork.Container).

    len(c), c[i], c[a:b], iteration and in are as for bytes. What is not paged, that is
    on the manager's machine or at most 32 KiB, has the buffer protocol, so that re,
    struct, hashlib and numpy read it where it is; a slice of a mapped one, and a file
    that is shared from the middle of a page, have it from Python 3.12 on, and before
    that only their view() has.

    A pattern is bytes, or a str for its UTF-8, and may not be empty; or it is one of
    outwork.pattern. Offsets are never
    negative nor beyond the end: that is a ValueError. An OSError is the manager's.

    name, size       what it is shared under, and its bytes
    immutable        whether they cannot change. A file may; where it is mapped and
                     becomes shorter, reading past its new end ends the process
    """

    outwork_name = True  # tells _values that it cannot cross
    name, immutable, closed = "", False, False
    _at = _users = _share = 0
    _start = 0  # of _whole: where what is shared begins in it

    # _whole has the bytes, and those of self begin at _at and are _n. What begins with
    # _ and takes a, b is of _whole, and from a to b there.

    def _called(self, name, immutable):
        self.name, self.immutable = name, immutable
        return self

    def _span(self, what, offset, n=None):
        """Where n bytes at offset are in _whole; without n all that follow."""
        if self.closed:
            raise ValueError("%s: the container %r is closed" % (what, self.name))
        offset = index(offset)
        n = max(self._n - offset, 0) if n is None else index(n)
        if offset < 0 or n < 0:
            raise ValueError("%s: offset %d and %d bytes: neither can be negative" % (what, offset, n))
        if offset + n > self._n:
            raise ValueError("%s: %d bytes at offset %d are past the end: the size is %d" % (what, n, offset, self._n))
        return self._at + offset, self._at + offset + n

    @property
    def size(self):
        return self._n

    def read(self, offset=0, n=None):
        """n bytes, or the rest; at most 64 MiB at once, and never fewer than asked for."""
        a, b = self._span("read", offset, n)
        if b - a > MOST:
            raise ValueError("read: %d bytes at once, at most %d; slice makes no copy" % (b - a, MOST))
        return self._whole._get(a, b)

    def find(self, pattern, start=0, end=None):
        """The offset of the first match that lies from start to end; -1: none, as of
        bytes.find."""
        if hasattr(pattern, "outwork_pattern"):
            return next((m[0] for m in self.search(pattern, start, end, 1)), -1)
        p = needle("find", pattern)
        a, _ = self._span("find", start, 0)
        b, _ = self._span("find", self._n if end is None else end, 0)
        return next(self._whole._matches(p, a, b, 1), self._at - 1) - self._at

    def search(self, pattern, start=0, end=None, limit=None, back=False):
        """An iterator over the matches that lie from start to end, or the first limit of
        them; with back the last one comes first. A match has offset, length and index:
        which text of outwork.pattern.any it is."""
        from outwork import _patterns

        p = _patterns.of("search", pattern)
        a, _ = self._span("search", start, 0)
        b, _ = self._span("search", self._n if end is None else end, 0)
        if limit is not None and index(limit) < 0:
            raise ValueError("search: limit is %d, and cannot be negative" % limit)
        at = self._at
        found = self._whole._search(p, at, at + self._n, a, b, limit, back) if a < b else ()
        return (_patterns.Match((i - at, n, k)) for i, n, k in islice(found, limit))

    def find_all(self, pattern, limit=None):
        """An iterator over the offsets of all matches, overlapping ones too, or of the
        first limit."""
        if hasattr(pattern, "outwork_pattern"):
            return (m[0] for m in self.search(pattern, limit=limit))
        p = needle("find_all", pattern)
        a, b = self._span("find_all", 0)
        if limit is not None and index(limit) < 0:
            raise ValueError("find_all: limit is %d, and cannot be negative" % limit)
        limit = None if limit is None else index(limit)
        return (i - a for i in islice(self._whole._matches(p, a, b, limit), limit))

    def count(self, pattern):
        """How many matches there are, overlapping ones too (bytes.count leaves them
        out)."""
        if hasattr(pattern, "outwork_pattern"):
            at = self._at
            return self._whole._tally(pattern, at, at + self._n, *self._span("count", 0))
        return self._whole._count(needle("count", pattern), *self._span("count", 0))

    def slice(self, offset, n=None):
        """A container over n bytes, or the rest, without a copy. It is closed when what
        it is a part of is."""
        return self._part(*self._span("slice", offset, n))._called(self.name, self.immutable)

    def _part(self, a, b):
        return Part(self._whole, a, b)

    def sha256(self):
        """The 32 bytes of the hash."""
        return self._whole._hash("sha256", *self._span("sha256", 0))

    def crc32(self):
        """The checksum of gzip and zip, as zlib.crc32 has it."""
        return int.from_bytes(self._whole._hash("crc32", *self._span("crc32", 0)), "big")

    def xxh3(self):
        """The 64 bits of the hash XXH3, as an int: only of what is paged, since Python has
        no XXH3."""
        return int.from_bytes(self._whole._hash("xxh3", *self._span("xxh3", 0)), "big")

    def compare(self, other):
        """The offset of the first byte that is not the same in another container; when one
        is the beginning of the other, the size of the shorter; -1: they are the same."""
        if not isinstance(other, Container):
            raise TypeError("compare: the other is no container but a %s" % type(other).__name__)
        a, _ = self._span("compare", 0)
        b, _ = other._span("compare", 0)
        n = min(self._n, other._n)
        at = self._whole._differs(a, other._whole, b, n)
        return n if at < 0 and self._n != other._n else at

    def cstring(self, offset, limit=4096):
        """The bytes before the NUL that must come within limit bytes."""
        if not 0 <= limit <= MOST:
            raise ValueError("cstring: limit is %d, not 0 to %d" % (limit, MOST))
        a, b = self._span("cstring", offset)
        b = min(b, a + index(limit))
        before, nul, _ = self._whole._get(a, b).partition(b"\0")
        if not nul:
            raise ValueError("cstring: no NUL within %d bytes at offset %d" % (b - a, offset))
        return before

    def view(self):
        """A memoryview. While there is one, or anything made of it, close fails with a
        BufferError."""
        return self._whole._view(*self._span("view", 0))

    def close(self):
        """Gives back one shared(): the map goes when this was called as often as that,
        and then methods are a ValueError. Nothing has to be closed: what is dropped, and
        not kept for its name, is released."""
        with LOCK:
            self._users -= 1
            if self._users <= 0 and not self.closed:
                self._release()

    def _release(self):
        self.closed = True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __contains__(self, what):
        p = bytes((what,)) if isinstance(what, int) else what
        return len(p) == 0 or self.find(p) >= 0

    def __iter__(self):
        for i in range(0, self._n, 65536):
            yield from self.read(i, min(65536, self._n - i))

    def __repr__(self):
        return "<outwork.%s %r of %d bytes>" % (type(self).__name__, self.name, self._n)

    __str__ = __repr__


def hasher(name):
    if name == "sha256":
        import hashlib

        return hashlib.sha256()
    if name == "crc32":
        return CRC32()
    raise NotImplementedError("xxh3: Python has no XXH3: take crc32() or sha256() of what is not paged")


class CRC32:
    value = 0

    def update(self, part):
        from zlib import crc32

        self.value = crc32(part, self.value)

    def digest(self):
        return self.value.to_bytes(4, "big")


def difference(x, a, y, b, n):
    """The first of n bytes of x from a and of y from b that is not the same; -1: none."""
    at, step = 0, COPIED
    while at < n:
        p, q = (w._get(i + at, i + min(at + step, n)) for w, i in ((x, a), (y, b)))
        if p == q:
            at += step
        elif len(p) == 1:
            return at
        else:
            n, step = at + len(p), -(-len(p) // 2)
    return -1


def integers():
    """u8 i8 u16le ... i64be(offset): an integer of that width."""

    def method(name, n, order):
        def read(self, offset):
            return int.from_bytes(self._whole._get(*self._span(name, offset, n)), order, signed=name[0] == "i")

        read.__name__ = name
        setattr(Container, name, read)

    for sign in "ui":
        method(sign + "8", 1, "big")
        for n in (2, 4, 8):
            for order in ("little", "big"):
                method("%s%d%se" % (sign, n * 8, order[0]), n, order)


integers()


class Memory(Container):
    """What has its bytes itself: they are in this process."""

    _copies = False  # for a search

    @property
    def _whole(self):
        return self

    def _get(self, a, b):
        return self[a:b]

    def _view(self, a, b):
        return memoryview(self)[a:b]

    def _matches(self, p, a, b, limit):
        step = COPIED if self._copies else STEP
        while b - a >= len(p):
            end = min(a + step + len(p) - 1, b)
            find, base = (self[a:end].find, a) if self._copies else (self._find, 0)
            i = find(p, a - base, end - base)
            while i >= 0:
                yield base + i
                i = find(p, i + 1, end - base)
            a += step

    def _search(self, p, lo, hi, a, b, limit, back):
        if not p.kind and not p.fold and not back:
            return ((i, len(p.exact[0]), 0) for i in self._matches(p.exact[0], a, b, limit))
        from outwork import _matching

        return _matching.search(self, lo, hi, p, a, b, back)

    def _count(self, p, a, b):
        if p.find(p[:1], 1) > 0:  # its matches may overlap
            return sum(1 for _ in self._matches(p, a, b, None))
        return sum(self[i : min(i + COPIED + len(p) - 1, b)].count(p) for i in range(a, b, COPIED))

    def _tally(self, p, lo, hi, a, b):
        return sum(1 for _ in self._search(p, lo, hi, a, b, None, False))

    def _hash(self, name, a, b):
        h = hasher(name)
        with memoryview(self) as v:
            for i in range(a, b, STEP):
                with v[i : min(i + STEP, b)] as part:
                    h.update(part)
        return h.digest()

    def _differs(self, a, other, b, n):
        return difference(self, a, other, b, n)


class Inline(Memory, bytes):
    _n = property(bytes.__len__)
    _find = bytes.find

    def _part(self, a, b):
        return Inline(self[a:b])  # which is small


class Part(Container):
    """Bytes of something else: of a map, or of what stays at the manager."""

    _whole = None
    _done = _owner = False

    def __init__(self, whole, a, b):
        self._whole, self._at, self._n = whole, a, b - a

    @property
    def closed(self):
        return self._done or self._whole.closed

    def _release(self):
        if self._owner:
            self._whole._release()
        self._done = True

    def __len__(self):
        return self._n

    def __getitem__(self, i):
        r = range(self._n)[i]
        if isinstance(r, int):
            return self._whole._get(*self._span("[]", r, 1))[0]
        first, last = (min(r[0], r[-1]), max(r[0], r[-1])) if r else (0, -1)
        return self._whole._get(*self._span("[:]", first, last + 1 - first))[:: r.step]

    def __bytes__(self):
        return self[:]

    def __buffer__(self, flags):
        return self.view()
