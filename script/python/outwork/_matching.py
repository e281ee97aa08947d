"""Searches for patterns in what is in this process, by re."""

import re
from bisect import bisect_left

from outwork._containers import STEP
from outwork._patterns import ANY, HEX, REGEXP

BACK = 256 << 10  # bytes that are searched at once from the end
BATCH = 4096  # matches that are found before one is given: the bytes are let go meanwhile
WIDEST = 1 << 20  # bytes of a match, of a regular expression that is looked for part by part
KEPT = 1 << 20  # matches of a regular expression that are kept to give the last one first
WAYS = 4096  # to fill the gaps of a hex pattern, for re to try them
LOWER = {n: n + 32 for n in range(65, 91)}


def search(whole, lo, hi, p, a, b, back):
    """Yields (offset, length, index) of what is in whole from lo to hi and matches between
    a and b."""
    if p._ready is None:
        p._ready = {HEX: hex, REGEXP: Expression, ANY: Any}.get(p.kind, text)(p)
    parts = p._ready.behind if back else p._ready.ahead
    for found in parts(whole, lo, hi, a - lo, b - lo):
        for offset, n, i in found:
            yield lo + offset, n, i


class Search:
    """One pattern. widest is how long a match may be; None: it has no bound."""

    def ahead(self, whole, lo, hi, a, b):
        """Lists of matches."""
        end = a
        while a < b:
            if a >= end:
                end = b if self.widest is None else min(a + STEP, b)
            cut = b if self.widest is None else min(end + self.widest, b)
            with memoryview(whole) as w, w[lo:hi] as v:
                found, a = self.some(v, a, end, cut)
            yield found

    def behind(self, whole, lo, hi, a, b):
        """Lists of matches, the last first."""
        top = b
        while top > a:
            at = low = max(a, top - BACK)
            found = []
            with memoryview(whole) as w, w[lo:hi] as v:
                while at < top:
                    more, at = self.some(v, at, top, min(top + self.widest, b))
                    found += more
            yield reversed(found)
            top = low

    def some(self, v, at, end, cut):
        """The next matches, as (offset, length, index), that begin before end and end at
        cut or before; and where to go on."""
        found = []
        while at < end and len(found) < BATCH:
            m = self.re.search(v, at, cut)
            if not m or m.start() >= end:
                return found, end
            at = self.add(found, v, m.start(), m.end(), cut)
        return found, at

    def add(self, found, v, a, b, cut):
        """Adds the matches at a; returns where there may be others."""
        found.append((a, b - a, 0))
        return a + 1


class Simple(Search):
    """What re finds as it is."""

    def __init__(self, runs):
        self.re = compiled(runs)
        self.widest = width(runs)


class Gaps(Search):
    """A hex pattern whose gaps can be filled in too many ways for re."""

    def __init__(self, runs):
        self.re = compiled(runs[:1])
        self.rest = [(g, compiled([r]), len(r)) for g, r in zip(runs[1::2], runs[2::2])]
        self.widest = width(runs)

    def add(self, found, v, a, b, cut):
        ends = [b]  # where what was looked for until now may end
        for (least, most), run, n in self.rest:
            reached, q, last = [], ends[0] + least, min(ends[-1] + most + n, cut)
            while q < last:
                m = run.search(v, q, last)
                if not m:
                    break
                q = m.start()
                i = bisect_left(ends, q - most)
                if i < len(ends) and ends[i] <= q - least:
                    reached.append(q + n)
                q += 1
            ends = reached
            if not ends:
                return a + 1
        found.append((a, ends[0] - a, 0))
        return a + 1


class Any(Search):
    """Several texts: re finds where three bytes of one may be."""

    def __init__(self, p):
        self.folded = (folded16 if p.utf16 else bytes.lower) if p.fold else bytes
        self.texts = {}
        for i, t in enumerate(p.exact):
            self.texts.setdefault(len(t), {}).setdefault(self.folded(t), []).append(i)
        self.widest = max(self.texts)
        self.lengths = sorted(self.texts)
        self.re = re.compile(beginnings({tuple(classes(t[:4], p)[:3]) for t in p.exact}), re.DOTALL)

    def add(self, found, v, a, b, cut):
        here = []
        for n in self.lengths:
            if a + n > cut:
                break
            for i in self.texts[n].get(self.folded(bytes(v[a : a + n])), ()):
                here.append((a, n, i))
        here.sort(key=lambda m: m[2])
        found += here
        return a + 1


class Expression(Search):
    """A regular expression: its matches do not overlap."""

    def __init__(self, p):
        self.re = p.re
        self.widest = p.most + 1 if p.most <= WIDEST else None  # a byte more, for what looks behind it

    def add(self, found, v, a, b, cut):
        found.append((a, b - a, 0))
        return b

    def behind(self, whole, lo, hi, a, b):
        from collections import deque

        last, n = deque(maxlen=KEPT), 0
        for found in self.ahead(whole, lo, hi, a, b):
            n += len(found)
            last += found
        if not n:
            return
        yield reversed(last)
        if n > KEPT:
            raise ValueError("search: more than %d matches: a search that begins at the end takes them part by part" % KEPT)


def text(p):
    return Simple([classes(p.exact[0], p)])


def hex(p):
    ways, choices = 1, 0
    for least, most in p.items[1::2]:
        ways, choices = ways * (most - least + 1), choices + (most > least)
    return Gaps(p.items) if choices > 1 and ways > WAYS else Simple(p.items)


def width(runs):
    return sum(len(x) if isinstance(x, list) else x[1] for x in runs)


def compiled(runs):
    """The expression for runs and gaps. Filled as shortly as can be, one gap after the
    other, the whole is the shortest: what can stand behind a shorter one comes first."""
    out = b""
    for x in runs:
        out += b"".join(map(written, x)) if isinstance(x, list) else b".{%d,%d}?" % x
    return re.compile(out, re.DOTALL)


def written(c):
    """A class of bytes in re's language."""
    if len(c) == 256:
        return b"."
    body = b"".join(b"\\x%02x" % n for n in c)
    return body if len(c) == 1 else b"[" + body + b"]"


def classes(t, p):
    """The bytes that may stand at each place of a text."""
    step = 2 if p.utf16 else 1
    all = []
    for i in range(0, len(t), step):
        c = t[i : i + 1]
        letter = p.fold and c.isalpha() and (step == 1 or t[i + 1 : i + 2] == b"\0")
        all.append(c.upper() + c.lower() if letter else c)
        if step == 2:
            all.append(t[i + 1 : i + 2])
    return all


def folded16(t):
    return t.decode("utf-16-le", "surrogatepass").translate(LOWER).encode("utf-16-le", "surrogatepass")


def beginnings(texts):
    """The expression for any of the texts, which are tuples of classes."""
    by_first = {}
    for t in texts:
        if not t:
            return b""
        for n in t[0]:
            by_first.setdefault(n, set()).add(t[1:])
    by_rest = {}
    for n, rest in sorted(by_first.items()):
        by_rest.setdefault(beginnings(rest), []).append(n)
    parts = [written(bytes(ns)) + rest for rest, ns in by_rest.items()]
    return parts[0] if len(parts) == 1 else b"(?:" + b"|".join(parts) + b")"
