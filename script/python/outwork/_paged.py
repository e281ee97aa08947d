"""Shared containers that stay at the manager: what is read of them, and what is found."""

import _thread

from outwork import _link, _run
from outwork._containers import Part
from outwork._values import decode, encode

PAGE = 64 << 10
AHEAD = 16  # pages that are read at once: 1 MiB, the most that the manager gives
CACHE = 256  # pages of all containers that are kept: 16 MiB
BATCH = 65536  # offsets of one answer, at most

LOCK = _thread.allocate_lock()  # of PAGES; nobody holds it while asking
PAGES = {}  # bytes by share and page; what was used last is at the end


class Pages:
    """A container at the manager. Two threads may ask for the same page: both get it."""

    closed = False
    next = ahead = 0  # the page behind those last read, and how many those were

    def __init__(self, share, size):
        self.share, self.size = share, size

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
                page = PAGES[self.share, k] = PAGES.pop((self.share, k))
                return page
        # Who reads on gets twice as much as the last time.
        self.ahead = min(max(2 * self.ahead if k == self.next else 1, wanted), AHEAD)
        data = self.load(k * PAGE, min((k + self.ahead) * PAGE, self.size))
        self.next = k + self.ahead
        with LOCK:
            for i in range(0, len(data), PAGE):
                PAGES[self.share, k + i // PAGE] = data[i : i + PAGE]
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

    def find(self, p, *where):
        most = min(64 << 10, _run.LINK.window - 100)  # a request is one frame
        if len(p) > most:
            raise ValueError("a pattern of %d bytes: a paged container is searched for at most %d" % (len(p), most))
        return self.ask(_link.SEARCH_CONTAINER, p, *where)

    def _matches(self, p, a, b, limit):
        n = limit or 1024  # so that the first come soon
        while 0 <= a <= b - len(p):
            n = min(n, BATCH)
            offsets, a, _ = self.find(p, a, b, n, False)
            yield from offsets
            n *= 8

    def _count(self, p, a, b):
        return self.find(p, a, b, 0, True)[2]

    def _digest(self, a, b):
        return self.ask(_link.HASH_CONTAINER, a, b - a, "sha256")[0]

    def _view(self, a, b):
        raise BufferError("the bytes of a paged container stay at the manager: read() parts of them, or find()")

    def _release(self):
        self.closed = True


def received(share, size):
    p = Part(Pages(share, size), 0, size)
    p._owner = True
    return p
