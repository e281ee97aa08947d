"""Patterns: what to search for in containers. What they mean is said by Go's package
container/pattern; this makes the same of them.

hex("4D 5A ?? [2-6] 50")                 bytes with gaps
text("abc", fold=False, utf16=False)     text, in either case of ASCII letters, as UTF-16
regexp(r"[a-z]+\\x00")                    a regular expression over bytes
any(["a", "b"], fold=False, utf16=False) any of the texts
parse("hex:4D 5A")                       what the command's search takes

A regular expression is one that Go's and Python's languages have in common: without
lookaround, back references, \\pL, \\C and (?U).
"""

BYTES, HEX, REGEXP, ANY = range(4)
MOST = 65536  # bytes of a text; texts; and bytes of a match of hex
TOTAL = 1 << 20  # bytes of all texts


class Pattern:
    """What is searched for."""

    outwork_pattern = True  # tells _containers
    looks = False  # at what lies before a match

    def __init__(self, kind, texts, fold=False, utf16=False):
        self.kind, self.texts, self.fold, self.utf16 = kind, texts, bool(fold), bool(utf16)
        self._ready = None  # what _matching has made of it
        if kind == HEX:
            self.items = items(texts[0].decode("latin-1"))
        elif kind == REGEXP:
            from outwork import _regexps

            self.re, self.looks, self.most = _regexps.compiled(texts[0], fold)
        else:
            self.exact = [self.encoded(t) for t in texts]

    def encoded(self, text):
        if not self.utf16:
            return text
        try:
            return text.decode().encode("utf-16-le")
        except UnicodeDecodeError:
            raise ValueError("pattern: a text that is searched for as UTF-16 must be UTF-8: %r" % text[:40]) from None

    def __repr__(self):
        name = ("text", "hex", "regexp", "any")[self.kind]
        what = self.texts if self.kind == ANY else self.texts[0]
        return "outwork.pattern.%s(%r%s%s)" % (name, what, ", fold=True" * self.fold, ", utf16=True" * self.utf16)


class Match(tuple):
    """Where a pattern was found: offset and length in bytes, and index: which text of any
    it is."""

    __slots__ = ()
    offset = property(lambda self: self[0])
    length = property(lambda self: self[1])
    index = property(lambda self: self[2])

    def __repr__(self):
        return "Match(offset=%d, length=%d, index=%d)" % self


def raw(text, what="pattern"):
    b = text.encode() if isinstance(text, str) else memoryview(text).tobytes()
    if not b:
        raise ValueError(what + ": an empty pattern matches everywhere")
    if len(b) > MOST:
        raise ValueError("%s: a text has %d bytes, and %d at most" % (what, len(b), MOST))
    return b


def of(what, pattern):
    """What a method was given, as a Pattern."""
    return pattern if isinstance(pattern, Pattern) else Pattern(BYTES, [raw(pattern, what)])


def hex(pattern):
    return Pattern(HEX, [raw(pattern, "hex pattern")])


def text(text, fold=False, utf16=False):
    return Pattern(BYTES, [raw(text)], fold, utf16)


def regexp(pattern):
    return Pattern(REGEXP, [raw(pattern, "regular expression")])


def any(texts, fold=False, utf16=False):
    texts = [raw(t) for t in texts]
    if not texts or len(texts) > MOST or sum(map(len, texts)) > TOTAL:
        raise ValueError("any: 1 to %d texts, of %d bytes together at most" % (MOST, TOTAL))
    return Pattern(ANY, texts, fold, utf16)


PREFIXES = (
    ("hex:", HEX, False, False), ("re:", REGEXP, False, False), ("i:", BYTES, True, False),
    ("utf16:", BYTES, False, True), ("iutf16:", BYTES, True, True), ("text:", BYTES, False, False),
)  # fmt: skip


def parse(text):
    """What is written as the command's search takes it: hex:4D 5A, re:[a-z]+, i:password,
    utf16:text, iutf16:text, text:re:, or a text that begins with none of these."""
    for prefix, kind, fold, utf16 in PREFIXES:
        if text.startswith(prefix):
            if text == prefix:
                raise ValueError("pattern: nothing follows %r; to search for that itself, write text:%s" % (text, text))
            return Pattern(kind, [raw(text[len(prefix) :])], fold, utf16)
    return Pattern(BYTES, [raw(text)])


# Hexadecimal with gaps.

DIGITS = "0123456789abcdef"


def items(s):
    """The runs of a hex pattern, and between any two of them a gap (least, most). A run is
    a list of classes: the bytes that may stand there."""
    found, i = [[]], 0
    while i < len(s):
        c, two = s[i], s[i : i + 2].lower()
        if c in " \t\r\n":
            i += 1
        elif c == "[":
            i += gap(found, s, i)
        elif len(two) < 2 or not set(two) <= set(DIGITS + "?"):
            raise ValueError('hex pattern: "%s" at %d is no byte; they are written 4D, ??, 4?, ?D, [6] or [2-6]' % (two, i))
        else:
            i += 2
            if two == "??":
                widen(found, 1, 1)
            else:
                high, low = (DIGITS if d == "?" else d for d in two)
                found[-1].append(bytes(int(h + l, 16) for h in high for l in low))
    if not found[0]:
        raise ValueError("hex pattern: it begins with a gap: a match begins with a byte that is given")
    if not found[-1]:
        raise ValueError("hex pattern: it ends with a gap: a match ends with a byte that is given")
    if sum(len(x) if isinstance(x, list) else x[1] for x in found) > MOST:
        raise ValueError("hex pattern: a match could have more than %d bytes" % MOST)
    return found


def gap(found, s, i):
    """Reads [6] or [2-6]; returns how long that is."""
    text, end, _ = s[i + 1 :].partition("]")
    if not end:
        raise ValueError("hex pattern: the [ at %d is not closed" % i)
    least, dash, most = text.partition("-")
    numbers = [n.strip() for n in (least, most if dash else least)]
    if not all(n.isdecimal() and n.isascii() and len(n) < 10 for n in numbers):
        raise ValueError('hex pattern: "[%s]" at %d is no gap; they are written [6] or [2-6]' % (text[:40], i))
    least, most = map(int, numbers)
    if least > most:
        raise ValueError('hex pattern: "[%s]" at %d ends before it begins' % (text, i))
    widen(found, least, most)
    return len(text) + 2


def widen(found, least, most):
    if not found[-1] and len(found) > 1:  # one gap behind another
        least, most = found[-2][0] + least, found[-2][1] + most
        found[-2] = (least, most)
    else:
        found += [(least, most), []]
