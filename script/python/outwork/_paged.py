"""Shared containers that stay at the manager: what is read of them, and what is found."""

import _thread
from time import monotonic

from outwork import _containers, _link, _run
from outwork._containers import MOST, Inline, Part
from outwork._values import decode, encode

PAGE = 64 << 10
AHEAD = 16  # pages that are read at once: 1 MiB, the most that the manager gives
CACHE = 256  # pages of all containers that are kept: 16 MiB
BATCH = 65536  # matches of one answer, at most
TEXTS = 4096  # of one request, at most
FRESH = 1  # seconds that bytes are used which may change

LOCK = _thread.allocate_lock()  # of PAGES; nobody holds it while asking
PAGES = {}  # bytes, and when they came, by share and page; what was used last is at the end


class Pages:
    """A container at the manager. Two threads may ask for the same page: both get it."""

    closed, _start = False, 0
    next = ahead = 0  # the page behind those last read, and how many those were

    def __init__(self, share, size, immutable):
        self.share, self.size, self.immutable = share, size, immutable

    def ask(self, handle, *about):
        try:
            return decode(_run.LINK.ask(handle, encode([self.share, *about])).payload)[0]
        except _link.Refused as e:
            raise OSError(str(e)) from None

    def load(self, a, b):
        return self.ask(_link.READ_CONTAINER, a, b - a)[0]

    def page(self, k, wanted):
        """Page k, of so many that are wanted."""
        with LOCK:
            if (self.share, k) in PAGES:
                page = PAGES.pop((self.share, k))
                if self.immutable or monotonic() - page[1] < FRESH:
                    PAGES[self.share, k] = page
                    return page[0]
        # Who reads on gets twice as much as the last time.
        self.ahead = min(max(2 * self.ahead if k == self.next else 1, wanted), AHEAD)
        data = self.load(k * PAGE, min((k + self.ahead) * PAGE, self.size))
        self.next, now = k + self.ahead, monotonic()
        with LOCK:
            for i in range(0, len(data), PAGE):
                PAGES[self.share, k + i // PAGE] = data[i : i + PAGE], now
            while len(PAGES) > CACHE:
                del PAGES[next(iter(PAGES))]
        return data[:PAGE]

    def _get(self, a, b):
        most, pieces = AHEAD * PAGE, []
        if b - a > most:
            return b"".join(self.load(i, min(i + most, b)) for i in range(a, b, most))
        while a < b:
            k, i = divmod(a, PAGE)
            pieces.append(self.page(k, -(-b // PAGE) - k)[i : i + b - a])
            a += len(pieces[-1])
        return b"".join(pieces)

    def look(self, p, *where):
        """Searches: kind, texts and flags, then from, before, to, limit, count and back."""
        kind, texts = p[:2]
        most = min(64 << 10, _run.LINK.window - 8 * len(texts) - 100)  # a request is one frame
        n = sum(map(len, texts))
        if n > most or len(texts) > TEXTS:
            raise ValueError("a pattern of %d bytes in %d texts: a paged container is searched for at most %d in %d" % (n, len(texts), most, TEXTS))
        return self.ask(_link.SEARCH_CONTAINER, *p, *where)

    def found(self, p, a, b, limit, back, least=1):
        """Yields (offset, length, index). A match has at least so many bytes."""
        n, before = limit or 1024, b  # so that the first come soon
        while b - a >= least:
            n = min(n, BATCH)
            offsets, lengths, indexes, at, _ = self.look(p, a, before, b, n, False, back)
            same = len(lengths) == 1
            for i, offset in enumerate(offsets):
                yield offset, lengths[0 if same else i], indexes[i] if indexes else 0
            if at < 0:
                return
            if back:
                before = at
            else:
                a = at
            n *= 8

    def _matches(self, p, a, b, limit):
        return (m[0] for m in self.found((0, [p], False, False), a, b, limit, False, len(p)))

    def _search(self, p, lo, hi, a, b, limit, back):
        if p.looks and lo:  # the manager would look at what lies before a part
            from outwork import _matching

            if hi - lo > MOST:
                raise ValueError("search: \\A, ^, \\b and \\B are looked for in a part of a paged container of at most %d bytes" % MOST)
            part = Inline(self._get(lo, hi))
            return ((lo + i, n, k) for i, n, k in _matching.search(part, 0, hi - lo, p, a - lo, b - lo, back))
        return self.found((p.kind, p.texts, p.fold, p.utf16), a, b, limit, back)

    def _tally(self, p, lo, hi, a, b):
        if p.looks and lo:
            return sum(1 for _ in self._search(p, lo, hi, a, b, None, False))
        return self.look((p.kind, p.texts, p.fold, p.utf16), a, b, b, 0, True, False)[4]

    def _count(self, p, a, b):
        return self.look((0, [p], False, False), a, b, b, 0, True, False)[4] if b - a >= len(p) else 0

    def _hash(self, name, a, b):
        return self.ask(_link.HASH_CONTAINER, a, b - a, name)[0]

    def _differs(self, a, other, b, n):
        """The first of n bytes, here from a and in other from b, that is not the same; -1."""
        if isinstance(other, Pages):
            return self.ask(_link.COMPARE_CONTAINER, a, other.share, b, n)[0]
        return _containers.difference(self, a, other, b, n)

    def _view(self, a, b):
        raise BufferError("the bytes of a paged container stay at the manager: read() parts of them, or find()")

    def _release(self):
        self.closed = True


def received(share, size, immutable):
    p = Part(Pages(share, size, immutable), 0, size)
    p._owner = True
    return p
