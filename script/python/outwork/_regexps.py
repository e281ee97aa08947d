"""Regular expressions: of what Go's language and Python's have in common, the same in
Python's, over bytes."""

import re

SPACE = b"\t\n\f\r "
NAMED = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "ascii": "\0-\x7f", "blank": "\t\t  ", "cntrl": "\0-\x1f\x7f\x7f", "digit": "0-9",
    "graph": "!-~", "lower": "a-z", "print": " -~", "punct": "!-/:-@[-`{-~", "space": "\t-\r  ", "upper": "A-Z", "word": "0-9A-Za-z__", "xdigit": "0-9A-Fa-f",
}  # fmt: skip
PLAIN = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
REPEATS = 1000  # the most that Go takes


def translated(expression, fold=False):
    """The expression in Python's language, and whether it looks at what lies before a
    match."""
    t = Translator(expression.decode("utf-8", "surrogateescape"), fold)
    t.group([])
    return "".join(t.out).encode("latin-1"), t.looks


def compiled(expression, fold=False):
    """What re makes of it, whether it looks at what lies before a match, and how long a
    match may be."""
    source, looks = translated(expression, fold)
    try:
        made = re.compile(source)
        least, most = parse(source).getwidth()
    except (re.error, OverflowError, RecursionError) as e:
        raise ValueError("regular expression: %s" % e) from None
    if not least:
        raise ValueError("regular expression: it matches where there is nothing")
    return made, looks, most


def parse(source):
    try:
        from re._parser import parse
    except ImportError:  # before 3.11
        from sre_parse import parse
    return parse(source)


def byte(n):
    return "\\x%02x" % n


def spans(text):
    """The bytes of a class that is written as pairs."""
    pairs = text.replace("-", "") if len(text) > 1 else text
    return {n for i in range(0, len(pairs), 2) for n in range(ord(pairs[i]), ord(pairs[i + 1]) + 1)}


def both(have):
    """A class in either case. Bytes from 0xc0 on have the case of Latin 1, as in Go."""
    return have | {ord(c) for n in have for c in chr(n).lower() + chr(n).upper() if ord(c) < 256 and len(chr(n).upper()) == 1}


def known(name):
    """What a class of one letter has."""
    have = {"d": spans("0-9"), "w": spans("0-9A-Za-z__"), "s": set(SPACE)}[name.lower()]
    return have if name.islower() else set(range(256)) - have


def written(have, inverted=False):
    return "[%s%s]" % ("^" * inverted, "".join(map(byte, sorted(have)))) if have else "(?!)" if not inverted else "[\\x00-\\xff]"


class Translator:
    def __init__(self, text, fold):
        self.s, self.i, self.out = text, 0, []
        self.looks = False
        self.many, self.fold = False, fold  # whether $ is also the end of a line; the flag i

    def wrong(self, why, at=None):
        at = self.i if at is None else at
        return ValueError("regular expression: %r at %d: %s" % (self.s[at : at + 10], at, why))

    def take(self, what):
        if self.s.startswith(what, self.i):
            self.i += len(what)
            return True

    def group(self, opened):
        """Up to the end of a group. opened are the flags that hold from somewhere in it."""
        before, begun = (self.many, self.fold), bool(opened)
        loose = True  # nothing is there that could be repeated
        while self.i < len(self.s):
            c, at = self.s[self.i], self.i
            if c == ")":
                if not begun:
                    raise self.wrong("nothing was opened")
                break
            self.i += 1
            if c == "|":
                self.out.append(")" * (len(opened) - 1) + "|" + "".join(opened[1:]))
                loose = True
            elif c == "(":
                loose = self.opening(opened, at)
            elif c in "*+?" or c == "{" and self.counted():
                if loose:
                    raise self.wrong("there is nothing to repeat", at)
                self.repeat(c, at)
                loose = True
            else:
                self.out.append(self.atom(c, at))
                loose = c in "^$" or self.out[-1] in ("\\b", "\\B", "\\A", "\\Z")
        self.out.append(")" * (len(opened) - 1))
        self.many, self.fold = before

    def opening(self, opened, at):
        """Behind an opening parenthesis; whether that was only flags."""
        before = self.many, self.fold
        if not self.take("?"):
            self.out.append("(?:")
        elif self.take("P<") or self.s[self.i : self.i + 2] not in ("<=", "<!") and self.take("<"):
            name, end, _ = self.s[self.i :].partition(">")
            if not end or not name.replace("_", "a").isalnum():
                raise self.wrong("a group's name is of letters and digits", at)
            self.i += len(name) + 1
            self.out.append("(?:")
        else:
            inside = self.flags(at)
            self.out.append(inside)
            if self.s[self.i - 1] == ")":
                opened += [inside] if opened else ["", inside]
                return True
        self.group([""])
        self.many, self.fold = before
        if not self.take(")"):
            raise self.wrong("this is not closed", at)
        self.out.append(")")
        return False

    def flags(self, at):
        """Flags of a group, with what ends them; how Python has them."""
        on, off = set(), set()
        target = on
        while self.s[self.i : self.i + 1] in tuple("ims") or self.s[self.i : self.i + 1] == "-" and target is on:
            if self.s[self.i] == "-":
                target = off
            else:
                target.add(self.s[self.i])
            self.i += 1
        end = self.s[self.i : self.i + 1]
        if end not in (":", ")") or target is off and not off or end == ")" and not on | off:
            raise self.wrong("only (?:...), names and the flags i, m and s are common to Go and Python", at)
        self.i += 1
        off -= on
        self.many = (self.many or "m" in on) and "m" not in off
        self.fold = (self.fold or "i" in on) and "i" not in off
        on, off = ("".join(sorted(f - {"i"})) for f in (on, off))
        return "(?%s%s:" % (on, off and "-" + off)

    def counted(self):
        """Whether a brace that was passed begins a number of repetitions."""
        inside, end, _ = self.s[self.i :].partition("}")
        least, comma, most = inside.partition(",")
        return bool(end) and digits(least) and (not most or digits(most))

    def repeat(self, c, at):
        if c == "{":
            inside = self.s[self.i :].partition("}")[0]
            self.i += len(inside) + 1
            least, comma, most = inside.partition(",")
            if int(least) > REPEATS or most and not int(least) <= int(most) <= REPEATS:
                raise self.wrong("at most %d repetitions" % REPEATS, at)
            c = "{%s}" % inside
        if self.take("?"):
            c += "?"
        self.out.append(c)
        if self.s[self.i : self.i + 1] in ("*", "+", "?") or self.take("{") and self.counted():
            raise self.wrong("a repetition cannot be repeated", at)
        if self.s[self.i - 1] == "{" and self.i > at + 1:
            self.i -= 1

    def atom(self, c, at):
        if c == "\\":
            return self.escape(at)
        if c == "[":
            return self.set(at)
        if c == "$" and not self.many:
            return "\\Z"
        if c in ".^$":
            self.looks |= c == "^"
            return c
        if c > "\x7f":  # the bytes that it is in UTF-8, or one that is no UTF-8
            return "(?:%s)" % "".join(map(byte, c.encode("utf-8", "surrogateescape")))
        return self.single(ord(c))

    def single(self, n):
        return written(both({n})) if self.fold else byte(n)

    def escape(self, at):
        c = self.s[self.i : self.i + 1]
        if c == "Q":
            quoted, _, _ = self.s[self.i + 1 :].partition("\\E")
            self.i = min(self.i + 3 + len(quoted), len(self.s))
            if not quoted.isascii():
                raise self.wrong("what is quoted is ASCII", at)
            return "".join(self.single(ord(q)) for q in quoted)
        if c and c in "bBAz":
            self.i += 1
            self.looks |= c != "z"
            return "\\" + c.replace("z", "Z")
        if c and c in "dDwWsS":
            self.i += 1
            return written(both(known(c)) if self.fold and c.islower() else known(c))
        return self.single(self.code(at))

    def code(self, at):
        """The byte that an escape stands for, behind its backslash."""
        c = self.s[self.i : self.i + 1]
        self.i += 1
        if c in PLAIN:
            return PLAIN[c]
        if c == "x":
            digits = self.s[self.i : self.i + 2]
            if digits[:1] == "{":
                digits = self.s[self.i + 1 :].partition("}")[0]
                self.i += 2
            self.i += len(digits)
            try:
                n = int(digits, 16)
            except ValueError:
                n = 256
            if n > 255 or len(digits) < 2 and self.s[self.i - 1] != "}":
                raise self.wrong("a byte is \\x00 to \\xff", at)
            return n
        if not c or c.isalnum() or ord(c) > 127:
            raise self.wrong("this escape is not common to Go and Python", at)
        return ord(c)

    def set(self, at):
        """A class, behind its opening bracket."""
        inverted, have, first = self.take("^"), set(), True
        while first or self.s[self.i : self.i + 1] != "]":
            first = False
            rest = self.s[self.i :]
            name, end, _ = rest[2:].partition(":]")
            if rest[:2] == "[:" and end and name.lstrip("^") in NAMED:
                more = spans(NAMED[name.lstrip("^")])
                more = both(more) if self.fold else more  # before it is inverted, as in Go
                have |= set(range(256)) - more if name[0] == "^" else more
                self.i += len(name) + 4
            elif rest[:1] == "\\" and rest[1:2] and rest[1] in "dDwWsS":
                have |= known(rest[1])
                self.i += 2
            else:
                low = self.one(at)
                high = low
                if self.s[self.i : self.i + 1] == "-" and self.s[self.i + 1 : self.i + 2] not in ("]", ""):
                    self.i += 1
                    high = self.one(at)
                if high < low:
                    raise self.wrong("a range that ends before it begins", at)
                have |= set(range(low, high + 1))
        self.i += 1
        return written(both(have) if self.fold else have, bool(inverted))

    def one(self, at):
        c = self.s[self.i : self.i + 1]
        if not c:
            raise self.wrong("this is not closed", at)
        self.i += 1
        if c == "\\":
            return self.code(self.i - 1)
        if c > "\x7f":
            if not "\udc80" <= c <= "\udcff":
                raise self.wrong("a character outside of ASCII is several bytes, which cannot be in a class", self.i - 1)
            return ord(c) - 0xDC00
        return ord(c)


def digits(s):
    return s.isdecimal() and len(s) < 5
