"""Containers against a manager that is played here: mapped, inline, paged and parts."""

import gc
import hashlib
import json
import mmap
import os
import random
import re
import struct
import sys
import tempfile
import threading
import types
import unittest
import zlib

package = types.ModuleType("outwork")
package.__path__ = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "outwork")]
sys.modules["outwork"] = package
sys.dont_write_bytecode = True

from outwork import _containers, _link, _more, _patterns, _run, _values  # noqa: E402

decode, encode = _values.decode, _values.encode
BUFFERS = sys.version_info >= (3, 12)  # a part may have the buffer protocol


def places(data, pattern, a=0, b=None):
    """What the manager finds: overlapping matches."""
    i = data.find(pattern, a, b)
    while i >= 0:
        yield i
        i = data.find(pattern, i + 1, b)


class Manager:
    """A LINK, and the manager behind it."""

    window = 256 << 10

    def __init__(self):
        self.shares, self.bytes, self.next, self.asked, self.fail = {}, {}, 1, [], ""

    def share(self, name, kind, data, offset=0, immutable=True):
        self.shares[name] = self.next, kind, data, offset, immutable
        self.bytes[self.next] = data
        self.next += 1

    def ask(self, handle, payload):
        args, end = decode(payload)
        assert end == len(payload)
        self.asked.append((handle, args))
        reply = types.SimpleNamespace(files=[])
        reply.payload = bytes(encode(self.answer(handle, args, reply)))
        return reply

    def answer(self, handle, args, reply):
        if self.fail:
            raise _link.Refused(self.fail)
        if handle == _link.GET_CONTAINER:
            return self.get(*args, reply)
        data = self.bytes[args[0]]
        if handle == _link.READ_CONTAINER:
            _, offset, n = args
            assert 0 <= n <= 1 << 20 and 0 <= offset <= len(data) - n
            return [bytes(data[offset : offset + n])]
        if handle == _link.HASH_CONTAINER:
            _, offset, n, algorithm = args
            assert 0 <= offset <= len(data) - n
            data = data[offset : offset + n]
            return [{"sha256": lambda: hashlib.sha256(data).digest(), "crc32": lambda: zlib.crc32(data).to_bytes(4, "big"),
                     "xxh3": lambda: b"\x80" + bytes(6) + b"\1"}[algorithm]()]
        if handle == _link.COMPARE_CONTAINER:
            _, a, share, b, n = args
            other = self.bytes[share]
            assert 0 <= a <= len(data) - n and 0 <= b <= len(other) - n
            return [next((i for i in range(n) if data[a + i] != other[b + i]), -1)]
        assert handle == _link.SEARCH_CONTAINER
        return self.search(data, *args[1:])

    def search(self, data, kind, texts, fold, utf16, a, before, b, limit, count, back):
        assert all(type(t) is bytes and t for t in texts) and sum(map(len, texts)) <= 65536 and type(fold) is type(utf16) is bool
        assert 0 <= a <= before <= b <= len(data) and (count or 1 <= limit <= 65536)
        pattern = _patterns.Pattern(kind, texts, fold, utf16)
        if kind == 0 and not (fold or utf16 or back):
            found = ((i, len(texts[0]), 0) for i in places(data, texts[0], a, b))
        else:
            found = (tuple(m) for m in _containers.Inline(data).search(pattern, a, b, None, back))
        found = (m for m in found if m[0] < before)
        if count:
            return [[], [], [], -1, sum(1 for _ in found)]
        answer, on = [], -1
        for m in found:
            if len(answer) >= limit and (kind != 3 or m[0] != answer[-1][0]):
                on = answer[-1][0] if back else m[0]
                break
            answer.append(m)
        lengths = [m[1] for m in answer]
        if len(set(lengths)) == 1:
            lengths = lengths[:1]
        return [[m[0] for m in answer], lengths, [m[2] for m in answer] if kind == 3 else [], on, len(answer)]

    def get(self, zero, name, have, reply):
        assert zero == 0
        if name not in self.shares:
            raise _link.Refused("there is no shared container %r; shared are %s" % (name, ", ".join(self.shares)))
        share, kind, data, offset, immutable = self.shares[name]
        if share == have:
            return [share, True, [0, 0, 0, 0, 0, False, b""]]
        if kind == "inline":
            return [share, False, [0, 3, 0, len(data), 0, True, data]]
        if kind == "paged":
            return [share, False, [0, 5, 0, len(data), 0, immutable, b""]]
        reply.files.append(file(data, offset, kind == "sealed"))
        return [share, False, [0, 3, 1, len(data), offset, immutable, b""]]


def file(data, offset, sealed):
    """A descriptor of a file with data at offset, and something around it."""
    with tempfile.TemporaryFile() as f:
        f.write(b"\xee" * offset + data)
        if not sealed:
            f.write(b"\xee" * 10)
        f.flush()
        if not sealed or not hasattr(os, "memfd_create"):
            return os.dup(f.fileno())
    import fcntl

    fd = os.memfd_create("test", 2)  # MFD_ALLOW_SEALING
    os.write(fd, b"\xee" * offset + data)
    fcntl.fcntl(fd, 1033, 14)  # F_ADD_SEALS
    return fd


def descriptors():
    return len(os.listdir("/proc/self/fd"))


DATA = b"".join(b"line %d\0the quick \xff\xfe\xfd\xfc fox\n" % i for i in range(2000))


class Case(unittest.TestCase):
    def setUp(self):
        self.manager = _run.LINK = Manager()
        _containers.KEPT.clear()
        paged = sys.modules.get("outwork._paged")
        if paged:
            paged.PAGES.clear()

    def shared(self, kind, data=DATA, offset=0, name="c"):
        self.manager.share(name, kind, data, offset, kind != "file")
        return _containers.shared(name)

    def forms(self, data=DATA):
        """Each form that a container of data may have."""
        yield "inline", self.shared("inline", data)
        yield "sealed", self.shared("sealed", data)
        yield "file", self.shared("file", data)
        yield "aligned", self.shared("file", data, 2 * mmap.ALLOCATIONGRANULARITY)
        yield "unaligned", self.shared("file", data, 4099)
        yield "paged", self.shared("paged", data)
        around = b"fox\n" + data + b"line"
        yield "part of inline", self.shared("inline", around).slice(4, len(data))
        yield "part of mapped", self.shared("sealed", around).slice(4, len(data))
        yield "part of unaligned", self.shared("file", around, 77).slice(4, len(data))
        yield "part of part", self.shared("sealed", around + b"x").slice(2).slice(2, len(data))
        yield "part of paged", self.shared("paged", around).slice(4, len(data))


class Methods(Case):
    def test_bytes(self):
        for form, c in self.forms():
            with self.subTest(form):
                self.assertIsInstance(c, _containers.Container)
                self.assertEqual(c.size, len(DATA))
                self.assertEqual(len(c), len(DATA))
                self.assertTrue(c)
                self.assertEqual(c.name, "c")
                self.assertEqual(c.immutable, form not in ("file", "aligned", "unaligned", "part of unaligned"))
                self.assertEqual(c.read(), DATA)
                self.assertIs(type(c.read(1)), bytes)
                self.assertEqual(c.read(5, 7), DATA[5:12])
                self.assertEqual(c.read(len(DATA)), b"")
                self.assertEqual(c.read(n=3), DATA[:3])
                self.assertEqual(bytes(c), DATA)
                for i in (0, 17, -1, -len(DATA), len(DATA) - 1, True):
                    self.assertEqual(c[i], DATA[i])
                for i in (len(DATA), -len(DATA) - 1):
                    with self.assertRaises(IndexError):
                        c[i]
                with self.assertRaises(TypeError):
                    c["x"]
                none = None
                for s in (slice(none), slice(3, 9), slice(-5, none), slice(9, 3), slice(2, 90, 7), slice(90, 2, -7),
                          slice(none, none, -1), slice(10**9, none), slice(0, 10**9, 1000)):
                    self.assertEqual(c[s], DATA[s], s)
                    self.assertIs(type(c[s]), bytes)
                self.assertEqual(list(c), list(DATA))
                self.assertIn(b"quick", c)
                self.assertIn("quick", c)
                self.assertNotIn(b"quack", c)
                self.assertIn(0xFE, c)
                self.assertNotIn(0x01, c)
                self.assertIn(b"", c)
                self.assertIn("of %d bytes" % len(DATA), repr(c))
                self.assertEqual(str(c), repr(c))

    def test_find(self):
        for form, c in self.forms():
            with self.subTest(form):
                self.assertEqual(c.find(b"fox"), DATA.find(b"fox"))
                self.assertEqual(c.find("fox"), DATA.find(b"fox"))
                self.assertEqual(c.find(bytearray(b"fox")), DATA.find(b"fox"))
                self.assertEqual(c.find(memoryview(b"fox")), DATA.find(b"fox"))
                self.assertEqual(c.find(b"line 0"), 0)
                self.assertEqual(c.find(DATA), 0)
                self.assertEqual(c.find(b"linelineline"), -1)
                self.assertEqual(c.find(DATA + b"x"), -1)
                self.assertEqual(c.find(b"fox", 100), DATA.find(b"fox", 100))
                last = DATA.rfind(b"fox")
                self.assertEqual(c.find(b"fox\n", last), last)
                self.assertEqual(c.find(b"fox\n", last + 1), -1)
                self.assertEqual(c.find(b"fox\nline", last), -1)  # what follows a part
                self.assertEqual(c.find(b"fox", last, last + 3), last)
                self.assertEqual(c.find(b"fox", last, last + 2), -1)
                self.assertEqual(c.find(b"fox", 9, 3), -1)
                self.assertEqual(c.find(b"fox", len(DATA)), -1)
                want = list(places(DATA, b"fox"))
                self.assertEqual(list(c.find_all(b"fox")), want)
                self.assertEqual(list(c.find_all("fox", 3)), want[:3])
                self.assertEqual(list(c.find_all("fox", limit=0)), [])
                self.assertEqual(next(c.find_all("fox")), want[0])
                self.assertEqual(list(c.find_all("nothing")), [])
                self.assertEqual(c.count(b"fox"), 2000)
                self.assertEqual(c.count("nothing"), 0)
                self.assertEqual(c.count(DATA + b"x"), 0)

    def test_overlaps(self):
        data = b"\0" * 300 + b"abababa" + b"\0" * 300
        for form, c in self.forms(data):
            with self.subTest(form):
                self.assertEqual(list(c.find_all(b"aba")), [300, 302, 304])
                self.assertEqual(list(c.find_all(b"aba", 2)), [300, 302])
                self.assertEqual(c.count(b"aba"), 3)
                self.assertEqual(c.count(b"\0\0"), 2 * 299)
                self.assertEqual(c.count(b"\0"), 600)

    def test_the_rest(self):
        for form, c in self.forms():
            with self.subTest(form):
                self.assertEqual(c.sha256(), hashlib.sha256(DATA).digest())
                self.assertEqual(c.slice(5, 99).sha256(), hashlib.sha256(DATA[5:104]).digest())
                self.assertEqual(c.cstring(0), b"line 0")
                self.assertEqual(c.cstring(2, 5), b"ne 0")
                at = DATA.find(b"\xff\xfe\xfd\xfc")
                for sign in "ui":
                    for n in (1, 2, 4, 8):
                        for end, mark in (("le", "<"), ("be", ">")):
                            name = sign + str(8 * n) + (end if n > 1 else "")
                            code = mark + "bhiq"[(1, 2, 4, 8).index(n)]
                            code = code.upper() if sign == "u" else code
                            self.assertEqual(getattr(c, name)(at), struct.unpack_from(code, DATA, at)[0], name)
                self.assertEqual(c.u8(len(DATA) - 1), DATA[-1])
                self.assertEqual(c.u32le.__name__, "u32le")
                s = c.slice(3, 40)
                self.assertEqual(s.read(), DATA[3:43])
                self.assertEqual(s.slice(1).slice(2, 3).read(), DATA[6:9])
                self.assertEqual(c.slice(len(DATA)).read(), b"")
                self.assertEqual(list(c.slice(len(DATA))), [])
                self.assertEqual(c.slice(len(DATA)).find(b"x"), -1)

    def test_sums(self):
        for form, c in self.forms():
            with self.subTest(form):
                self.assertEqual(c.crc32(), zlib.crc32(DATA))
                self.assertEqual(c.slice(5, 99).crc32(), zlib.crc32(DATA[5:104]))
                self.assertEqual(c.slice(len(DATA)).crc32(), 0)
                if "paged" in form:
                    self.assertEqual(c.xxh3(), 0x8000000000000001)
                else:
                    with self.assertRaisesRegex(NotImplementedError, "^xxh3: Python has no XXH3"):
                        c.xxh3()

    def test_compare(self):
        changed = bytearray(DATA)
        changed[40000] ^= 1
        for form, c in self.forms():
            for kind in ("inline", "sealed", "paged"):
                with self.subTest(form, kind=kind):
                    same = self.shared(kind, DATA, name="same")
                    self.assertEqual(c.compare(same), -1)
                    self.assertEqual(c.compare(c), -1)
                    self.assertEqual(same.compare(c.slice(0, 5)), 5)
                    self.assertEqual(c.compare(self.shared(kind, bytes(changed), name="changed")), 40000)
                    self.assertEqual(c.slice(39999, 5).compare(self.shared(kind, bytes(changed[39999:]), name="end")), 1)
                    self.assertEqual(c.compare(self.shared(kind, b"", name="empty")), 0)
                    with self.assertRaisesRegex(TypeError, "^compare: the other is no container but a bytes"):
                        c.compare(DATA)

    def test_errors(self):
        class Four:
            def __index__(self):
                return 4

        for form, c in self.forms():
            with self.subTest(form):
                n = len(DATA)
                for what, f, *args in (
                    ("read: offset -1", c.read, -1),
                    ("read: offset 0 and -1 bytes", c.read, 0, -1),
                    ("read: 1 bytes at offset %d are past the end: the size is %d" % (n, n), c.read, n, 1),
                    ("read: 0 bytes at offset %d are past" % (n + 1), c.read, n + 1),
                    ("slice: 3 bytes at offset %d are past" % (n - 2), c.slice, n - 2, 3),
                    ("slice: offset -2", c.slice, -2),
                    ("u32le: 4 bytes at offset %d are past" % (n - 3), c.u32le, n - 3),
                    ("u8: offset -1", c.u8, -1),
                    ("find: an empty pattern", c.find, b""),
                    ("find: an empty pattern", c.find, ""),
                    ("find: offset -1", c.find, b"x", -1),
                    ("find: 0 bytes at offset %d" % (n + 1), c.find, b"x", n + 1),
                    ("find: 0 bytes at offset %d" % (n + 1), c.find, b"x", 0, n + 1),
                    ("find_all: an empty", c.find_all, b""),
                    ("find_all: limit is -1", c.find_all, b"x", -1),
                    ("count: an empty", c.count, b""),
                    ("cstring: no NUL within 3 bytes at offset 0", c.cstring, 0, 3),
                    ("cstring: no NUL within 0 bytes at offset %d" % n, c.cstring, n),
                    ("cstring: 0 bytes at offset %d are past" % (n + 1), c.cstring, n + 1),
                    ("cstring: limit is -1", c.cstring, 0, -1),
                    ("cstring: limit is %d" % (1 << 27), c.cstring, 0, 1 << 27),
                ):
                    with self.assertRaisesRegex(ValueError, "^" + re.escape(what)):
                        f(*args)
                for f, *args in ((c.read, 1.0), (c.read, "1"), (c.find, 5), (c.find, None), (c.find_all, b"x", 1.5), (c.slice, 0, 2.0)):
                    with self.assertRaises(TypeError):
                        f(*args)
                self.assertEqual(c.read(Four(), Four()), DATA[4:8])
                self.assertEqual(c.cstring(Four()), DATA[4:6])
                self.assertEqual(len(list(c.find_all(b"fox", Four()))), 4)
                with self.assertRaises(TypeError):
                    c[0] = 1
                with self.assertRaisesRegex(_values.CannotCross, "a container cannot cross"):
                    encode([c])

    def test_most_of_a_read(self):
        c = self.shared("paged", bytes(_containers.MOST + 1))
        with self.assertRaisesRegex(ValueError, "at most 67108864; slice makes no copy"):
            c.read()
        self.assertEqual(len(c.read(1)), _containers.MOST)


class Patterns(Case):
    """Each form finds what Go finds: container/pattern/testdata/vectors.json."""

    def vectors(self):
        top = os.path.dirname(os.path.abspath(__file__))
        path = os.path.join(top, "..", "..", "..", "container", "pattern", "testdata", "vectors.json")
        with open(path) as f:
            all = json.load(f)
        self.assertGreater(len(all), 50)
        for v in all:
            kind = ("bytes", "hex", "regexp", "any").index(v["kind"])
            texts = [t.encode("latin-1") for t in v["texts"]]
            yield v, _patterns.Pattern(kind, texts, v.get("fold", False), v.get("utf16", False))

    def test_vectors(self):
        for v, p in self.vectors():
            for form, c in self.forms(v["data"].encode("latin-1")):
                with self.subTest(v["about"], form=form):
                    want = [tuple(m) for m in v["matches"]]
                    a, b = v.get("start", 0), v.get("end")
                    self.assertEqual([tuple(m) for m in c.search(p, a, b)], want)
                    self.assertEqual([tuple(m) for m in c.search(p, a, b, back=True)], want[::-1])
                    self.assertEqual([tuple(m) for m in c.search(p, a, b, 2)], want[:2])
                    self.assertEqual([tuple(m) for m in c.search(p, a, b, 1, True)], want[::-1][:1])
                    self.assertEqual(c.find(p, a, b), want[0][0] if want else -1)
                    if not a and b is None:
                        self.assertEqual(c.count(p), len(want))
                        self.assertEqual(list(c.find_all(p)), [m[0] for m in want])

    def test_borders(self):
        """Matches at, before and behind the places where a part of a search ends."""
        matching = __import__("outwork._matching")._matching
        step, back, batch = matching.STEP, matching.BACK, matching.BATCH
        self.addCleanup(lambda: vars(matching).update(STEP=step, BACK=back, BATCH=batch))
        data = bytes(random.Random(7).choice(b"ab\n") for _ in range(300)) + b"ba"
        for p in (_patterns.text("AB", fold=True), _patterns.hex("61 [0-3] 62 [1-9] 61"), _patterns.any(["ab", "b", "aab\n"]),
                  _patterns.regexp("a+b|b.a"), _patterns.regexp("(?m)^[ab]{1,3}$"), _patterns.regexp("\\Ab|a(?s:.)*?\\n")):
            c = _containers.Inline(data)
            want = list(c.search(p))
            self.assertEqual(list(c.search(p, back=True)), want[::-1])
            for size in (1, 2, 3, 7, 64, 299):
                for most in (1, 5, 1000):
                    vars(matching).update(STEP=size, BACK=size, BATCH=most)
                    self.assertEqual(list(c.search(p)), want, (p, size, most))
                    self.assertEqual(list(c.search(p, back=True)), want[::-1], (p, size, most))
            vars(matching).update(STEP=step, BACK=back, BATCH=batch)

    def test_many(self):
        data = b"ab" * 6000
        for form, c in self.forms(data):
            with self.subTest(form):
                for p in (_patterns.regexp("ab"), _patterns.text("AB", fold=True), _patterns.any(["ab", "zz"])):
                    self.assertEqual([m.offset for m in c.search(p)], list(range(0, 12000, 2)))
                    self.assertEqual([m.offset for m in c.search(p, back=True)], list(range(11998, -1, -2)))
                    self.assertEqual(c.count(p), 6000)

    def test_parts_are_for_themselves(self):
        for form, c in self.forms(b"abcabc"):
            with self.subTest(form):
                for expression, want in (("^ca", [0]), ("\\bca", [0]), ("c$", [3]), ("\\Aab", []), ("\\Bab", [1])):
                    found = c.slice(2).search(_patterns.regexp(expression))
                    self.assertEqual([m.offset for m in found], want, expression)

    def test_closing_while_searching(self):
        for kind in ("sealed", "file"):
            c = self.shared(kind, 4 * DATA)
            found = c.search(_patterns.regexp("line [0-9]+"))
            self.assertEqual(next(found), (0, 6, 0))
            c.close()
            with self.assertRaises(ValueError):
                list(found)

    def test_parse(self):
        c = _containers.Inline(b"MZ abC re:x " + "Abc".encode("utf-16-le"))
        for text, want in (("hex:4d 5a", 0), ("re:[A-C]+ re", 5), ("i:ABC", 3), ("utf16:Abc", 12), ("iutf16:aBC", 12), ("text:re:", 7), ("C re", 5), ("hax:", -1)):
            self.assertEqual(c.find(_patterns.parse(text)), want, text)
        with self.assertRaisesRegex(ValueError, "^pattern: nothing follows 're:'; to search for that itself, write text:re:$"):
            _patterns.parse("re:")

    def test_values(self):
        m = next(_containers.Inline(b"xab").search(_patterns.any(["q", "ab"])))
        self.assertEqual((m.offset, m.length, m.index), (1, 2, 1))
        self.assertEqual(repr(m), "Match(offset=1, length=2, index=1)")
        self.assertEqual(repr(_patterns.text("a", fold=True)), "outwork.pattern.text(b'a', fold=True)")
        self.assertEqual(encode([m]), encode([(1, 2, 1)]))

    def test_errors(self):
        c = self.shared("sealed")
        for what, f, *args in (
            ('hex pattern: "4g" at 3 is no byte', _patterns.hex, "41 4G"),
            ('hex pattern: "4" at 0 is no byte', _patterns.hex, "4"),
            ("hex pattern: it begins with a gap", _patterns.hex, "?? 41"),
            ("hex pattern: it ends with a gap", _patterns.hex, "41 [2]"),
            ('hex pattern: "[2-1]" at 3 ends before it begins', _patterns.hex, "41 [2-1] 42"),
            ('hex pattern: "[x]" at 0 is no gap', _patterns.hex, "[x]"),
            ("hex pattern: the [ at 2 is not closed", _patterns.hex, "41[3"),
            ("hex pattern: a match could have more than 65536 bytes", _patterns.hex, "41 [65535] 42"),
            ("hex pattern: an empty pattern", _patterns.hex, ""),
            ("regular expression: '(?=a)' at 0", _patterns.regexp, "(?=a)"),
            ("regular expression: '(?<!a)b' at 0", _patterns.regexp, "(?<!a)b"),
            ("regular expression: '\\\\1' at 3", _patterns.regexp, "(a)\\1"),
            ("regular expression: '\\\\pL' at 0", _patterns.regexp, "\\pL"),
            ("regular expression: '**' at 1: a repetition cannot be repeated", _patterns.regexp, "a**"),
            ("regular expression: '{3}{2}' at 1: a repetition", _patterns.regexp, "a{3}{2}"),
            ("regular expression: '*a' at 0: there is nothing to repeat", _patterns.regexp, "*a"),
            ("regular expression: '(a' at 0: this is not closed", _patterns.regexp, "(a"),
            ("regular expression: ')' at 1: nothing was opened", _patterns.regexp, "a)"),
            ("regular expression: '[a' at 0: this is not closed", _patterns.regexp, "[a"),
            ("regular expression: '{1001}' at 1: at most 1000", _patterns.regexp, "a{1001}"),
            ("regular expression: it matches where there is nothing", _patterns.regexp, "a*"),
            ("any: 1 to 65536 texts", _patterns.any, []),
            ("pattern: an empty pattern", _patterns.any, ["a", ""]),
            ("pattern: a text that is searched for as UTF-16 must be UTF-8", _patterns.text, b"\xff", False, True),
            ("pattern: a text has 65537 bytes", _patterns.text, "a" * 65537),
            ("search: an empty pattern", c.search, b""),
            ("search: limit is -1", c.search, b"a", 0, None, -1),
            ("search: offset -1", c.search, b"a", -1),
            ("search: 0 bytes at offset", c.search, b"a", 0, len(DATA) + 1),
        ):
            with self.assertRaisesRegex(ValueError, "^" + re.escape(what)):
                f(*args)
        many = self.shared("paged").search(_patterns.any(["a%d" % i for i in range(5000)]))
        with self.assertRaisesRegex(ValueError, "^a pattern of 23890 bytes in 5000 texts: a paged container is searched for at most"):
            next(many)


class Buffers(Case):
    def test_mapped(self):
        for form, c in self.forms():
            if "paged" in form:
                continue
            with self.subTest(form):
                whole = form in ("inline", "sealed", "file", "aligned", "part of inline")
                self.assertEqual(isinstance(c, mmap.mmap), form in ("sealed", "file", "aligned"))
                self.assertEqual(isinstance(c, bytes), "inline" in form)
                for b in [c, c.view()] if whole or BUFFERS else [c.view()]:
                    self.assertEqual(re.search(rb"line (\d+)\0", b).span(), (0, 7))
                    self.assertEqual(struct.unpack_from("<H", b, 4), struct.unpack_from("<H", DATA, 4))
                    self.assertEqual(hashlib.sha256(b).digest(), hashlib.sha256(DATA).digest())
                    with memoryview(b) as v:
                        self.assertTrue(v.readonly)
                        self.assertEqual(v, DATA)
                        with self.assertRaises(TypeError):
                            v[0] = 1
                    self.assertEqual(bytearray(b), DATA)
                    self.assertEqual(b"".join([b]), DATA)
                if not (whole or BUFFERS):
                    with self.assertRaises(TypeError):
                        memoryview(c)
                with self.assertRaises((TypeError, BufferError)):
                    struct.pack_into("<H", c.view(), 0, 1)

    def test_writing_a_map_is_refused(self):
        for kind in ("sealed", "file"):
            c = self.shared(kind)
            for f in (lambda: c.write(b"x"), lambda: c.write_byte(1), lambda: c.move(0, 1, 1), lambda: c.resize(10),
                      lambda: c.__setitem__(0, 1), lambda: c.__setitem__(slice(0, 1), b"x")):
                with self.assertRaises((TypeError, ValueError)):
                    f()
            self.assertEqual(c.read(), DATA)

    def test_paged_has_none(self):
        c = self.shared("paged")
        for c in (c, c.slice(1)):
            with self.assertRaisesRegex(BufferError, "stay at the manager: read"):
                c.view()
            with self.assertRaises((TypeError, BufferError)):
                memoryview(c)

    def test_empty(self):
        for kind, offset in (("inline", 0), ("sealed", 0), ("file", 0), ("file", 5), ("paged", 0)):
            before = descriptors()
            c = self.shared(kind, b"", offset)
            self.assertEqual(descriptors(), before)
            self.assertEqual((len(c), c.size, c.read(), list(c), bytes(c.view())), (0, 0, b"", [], b""))
            self.assertFalse(c)
            self.assertEqual((c.find(b"x"), c.count(b"x"), list(c.find_all(b"x"))), (-1, 0, []))
            self.assertEqual(c.sha256(), hashlib.sha256().digest())
            self.assertEqual(c.slice(0, 0).read(), b"")

    def test_what_is_not_sealed_is_not_immutable(self):
        self.manager.share("c", "file", DATA, 0, True)
        before = descriptors()
        with self.assertRaises(OSError):
            _containers.shared("c")
        self.assertEqual(descriptors(), before)

    def test_a_file_that_is_too_short(self):
        self.manager.share("c", "file", DATA, 0, False)
        self.manager.get = lambda zero, name, have, reply: (reply.files.append(file(b"x", 0, False)), [1, False, [0, 3, 1, 99999, 0, False, b""]])[1]
        before = descriptors()
        with self.assertRaises(ValueError):
            _containers.shared("c")
        self.assertEqual(descriptors(), before)


class Searching(Case):
    """Matches at, around and across the ends of what is searched at once."""

    def test_windows(self):
        from outwork import _mapped

        step, copied, quick = _containers.STEP, _containers.COPIED, _mapped.Mapped._copies
        try:
            _containers.STEP = _containers.COPIED = 64
            for _mapped.Mapped._copies in (False, True):
                r = random.Random(7)
                for n in range(0, 300, 7):
                    data = bytes(r.choice(b"ab") for _ in range(n + 1))
                    c = self.shared("sealed", data)
                    for p in (b"a", b"ab", b"aa", b"aba", b"abb", b"baaab", data[-9:], data):
                        self.assertEqual(list(c.find_all(p)), list(places(data, p)))
                        self.assertEqual(c.count(p), len(list(places(data, p))))
                        self.assertEqual(c.find(p, len(data) // 2), data.find(p, len(data) // 2))
                        self.assertEqual(c.find(p, 1, len(data) - 1), data.find(p, 1, len(data) - 1))
                        part = c.slice(len(data) // 3)
                        self.assertEqual(list(part.find_all(p)), list(places(data[len(data) // 3 :], p)))
                        self.assertEqual(part.count(p), len(list(places(data[len(data) // 3 :], p))))
        finally:
            _containers.STEP, _containers.COPIED, _mapped.Mapped._copies = step, copied, quick


class Paged(Case):
    def setUp(self):
        super().setUp()
        from outwork import _paged

        self.paged = _paged
        self.data = random.Random(1).getrandbits(8 * (3 << 20)).to_bytes(3 << 20, "big")

    def asked(self):
        """What was asked for since the last look, but for the container itself."""
        asked, self.manager.asked = self.manager.asked, []
        return [(h, a[1:]) for h, a in asked if h != _link.GET_CONTAINER]

    def test_pages_are_kept(self):
        c, page = self.shared("paged", self.data), self.paged.PAGE
        self.assertEqual(c.read(page * 5 + 3, 10), self.data[page * 5 + 3 :][:10])
        self.assertEqual(self.asked(), [(_link.READ_CONTAINER, [page * 5, page])])
        s = c.slice(page * 5, page)
        self.assertEqual((s.u8(0), s.cstring(0), s[-1], c[page * 6 - 1]), (self.data[page * 5], self.data[page * 5 :].split(b"\0")[0],) + (self.data[page * 6 - 1],) * 2)
        self.assertEqual(self.asked(), [])
        self.manager.share("other", "paged", self.data)
        _containers.shared("other").u8(page * 5)
        self.assertEqual(len(self.asked()), 1)

    def test_reading_on_asks_for_more(self):
        c, page = self.shared("paged", self.data), self.paged.PAGE
        read = b"".join(c.read(i, 4096) for i in range(0, c.size, 4096))
        self.assertEqual(read, self.data)
        pages = [n // page for _, (_, n) in self.asked()]
        self.assertEqual(pages, [1, 2, 4, 8, 16, 16, 1])
        c.u8(10 * page)
        c.u8(20 * page)
        self.assertEqual([n for _, (_, n) in self.asked()], [])  # all of it is kept
        self.assertEqual(list(c)[-9:], list(self.data[-9:]))

    def test_jumping_about_does_not(self):
        c, page = self.shared("paged", self.data), self.paged.PAGE
        for k in (9, 3, 30, 20):
            c.u8(k * page)
        self.assertEqual([a for _, a in self.asked()], [[k * page, page] for k in (9, 3, 30, 20)])

    def test_one_request_for_several_pages(self):
        c, page = self.shared("paged", self.data), self.paged.PAGE
        self.assertEqual(c.read(page * 2 + 1, 3 * page), self.data[page * 2 + 1 : page * 5 + 1])
        self.assertEqual(self.asked(), [(_link.READ_CONTAINER, [page * 2, 4 * page])])
        self.assertEqual(c.read(page * 4, 1 << 20), self.data[page * 4 :][: 1 << 20])
        self.assertEqual(self.asked(), [(_link.READ_CONTAINER, [page * 6, 14 * page])])

    def test_large_reads_pass_by_what_is_kept(self):
        c = self.shared("paged", self.data)
        self.assertEqual(c.read(1, 2 << 20), self.data[1:][: 2 << 20])
        self.assertEqual(self.asked(), [(_link.READ_CONTAINER, [1, 1 << 20]), (_link.READ_CONTAINER, [1 + (1 << 20), 1 << 20])])
        self.assertEqual(self.paged.PAGES, {})
        self.assertEqual(c[:], self.data)

    def test_what_is_kept_is_bounded(self):
        kept, self.paged.CACHE = self.paged.CACHE, 4
        try:
            c, page = self.shared("paged", self.data), self.paged.PAGE
            for k in (9, 3, 30, 20, 9, 40):  # 3 is then the oldest
                c.u8(k * page)
            self.assertEqual([k for _, k in self.paged.PAGES], [30, 20, 9, 40])
            self.assertEqual(c.read(0, 1 << 20), self.data[: 1 << 20])
            self.assertEqual(len(self.paged.PAGES), 4)
        finally:
            self.paged.CACHE = kept

    def test_one_request_each(self):
        c = self.shared("paged", self.data)
        for f in (lambda: c.find(self.data[-4:]), lambda: c.find(b"not there"), lambda: c.count(b"ab"), c.sha256,
                  lambda: list(c.find_all(b"abc", 5)), lambda: b"nor this" in c, lambda: c.slice(5, 9).find(b"x")):
            f()
            self.assertEqual(len(self.asked()), 1)
        for f in (lambda: c.read(5, 0), lambda: c.find(b"ab", 5, 6), lambda: list(c.find_all(b"ab", 0)), lambda: c.find_all(b"ab")):
            f()
            self.assertEqual(len(self.asked()), 0)

    def test_matches_come_in_batches(self):
        c = self.shared("paged", bytes(200000))
        self.assertEqual(list(c.find_all(b"\0")), list(range(200000)))
        self.assertEqual([a[7] for _, a in self.asked()], [1024, 8192, 65536, 65536, 65536])
        self.assertEqual(len(list(c.find_all(b"\0", 65536))), 65536)
        self.assertEqual([a[7] for _, a in self.asked()], [65536])
        self.assertEqual(len(list(c.find_all(b"\0", 65537))), 65537)
        self.assertEqual(len(self.asked()), 2)
        for i in c.find_all(b"\0\0"):
            break
        self.assertEqual([a[7] for _, a in self.asked()], [1024])

    def test_long_patterns(self):
        c = self.shared("paged", self.data)
        self.assertEqual(c.find(self.data[9 : 9 + 65536]), 9)
        with self.assertRaisesRegex(ValueError, "a pattern of 65537 bytes"):
            c.find(self.data[:65537])

    def test_errors_of_the_manager(self):
        c = self.shared("paged", self.data)
        self.manager.fail = "share 1: 3 of 5 bytes at 7: the file shrank"
        for f in (lambda: c.u8(0), lambda: c.read(0, 2 << 20), lambda: c.find(b"x"), lambda: c.count(b"x"), c.sha256,
                  lambda: list(c.find_all(b"x")), lambda: list(c), lambda: c[0], lambda: bytes(c)):
            with self.assertRaisesRegex(OSError, "^share 1: 3 of 5 bytes at 7: the file shrank$"):
                f()
        self.manager.fail = ""
        self.assertEqual(c.u8(0), self.data[0])

    def test_threads(self):
        kept, self.paged.CACHE = self.paged.CACHE, 8
        c, wrong = self.shared("paged", self.data), []

        def read(seed):
            r = random.Random(seed)
            try:
                for _ in range(400):
                    at, n = r.randrange(len(self.data)), r.randrange(100000)
                    n = min(n, len(self.data) - at)
                    if c.read(at, n) != self.data[at : at + n]:
                        wrong.append((at, n))
            except BaseException as e:
                wrong.append(e)

        try:
            threads = [threading.Thread(target=read, args=(i,)) for i in range(6)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
        finally:
            self.paged.CACHE = kept
        self.assertEqual(wrong, [])


class Sharing(Case):
    def test_the_same_again(self):
        for kind in ("inline", "sealed", "paged"):
            c = self.shared(kind, name=kind)
            self.assertIs(_containers.shared(kind), c)
            self.assertEqual([a[2] for _, a in self.manager.asked[-2:]], [0, c._share])

    def test_another_under_the_name(self):
        a = self.shared("sealed", DATA)
        b = self.shared("sealed", DATA[::-1])
        self.assertEqual((a.read(), b.read()), (DATA, DATA[::-1]))
        self.assertIs(_containers.shared("c"), b)

    def test_unknown(self):
        self.shared("inline")
        with self.assertRaisesRegex(_link.Refused, "no shared container 'x'; shared are c"):
            _containers.shared("x")
        with self.assertRaisesRegex(TypeError, "a name is a str, not a int"):
            _containers.shared(5)
        with self.assertRaisesRegex(ValueError, "at most 1,024"):
            _containers.shared("x" * 1025)

    def test_names_that_are_kept_are_bounded(self):
        for i in range(_containers.NAMES + 5):
            self.shared("inline", b"x", name=str(i))
        self.assertEqual(len(_containers.KEPT), _containers.NAMES)
        self.assertNotIn("4", _containers.KEPT)
        self.assertEqual(_containers.shared("4").read(), b"x")

    def test_close(self):
        for form, c in self.forms():
            with self.subTest(form):
                part = c.slice(1)
                c.close()
                c.close()
                self.assertTrue(c.closed)
                self.assertEqual((c.size, c.name), (len(DATA), "c"))
                for f in (c.read, lambda: c.find(b"x"), lambda: c.find_all(b"x"), lambda: c.count(b"x"), lambda: c.slice(0),
                          c.sha256, lambda: c.cstring(0), lambda: c.u8(0), c.view, lambda: next(iter(c))):
                    with self.assertRaisesRegex(ValueError, "the container 'c' is closed"):
                        f()
                if "inline" not in form:
                    for f in (lambda: c[0], lambda: c[1:2], lambda: list(c), lambda: bytes(c)):
                        with self.assertRaisesRegex(ValueError, "closed"):
                            f()
                repr(c)
                if not form.startswith("part") and form != "inline":
                    with self.assertRaisesRegex(ValueError, "closed"):
                        part.read()
                if not form.startswith("part"):
                    again = _containers.shared("c")
                    self.assertIsNot(again, c)
                    self.assertEqual(again.read(), DATA)

    def test_closed_when_all_have(self):
        for kind in ("inline", "sealed", "paged"):
            a = self.shared(kind)
            b = _containers.shared("c")
            a.close()
            self.assertEqual(b.read(), DATA)
            with b:
                self.assertIs(_containers.shared("c"), b)
            self.assertFalse(b.closed)
            b.close()
            self.assertTrue(b.closed)

    def test_a_part_may_be_closed_alone(self):
        for kind in ("inline", "sealed", "paged"):
            c = self.shared(kind)
            part = c.slice(1)
            part.close()
            self.assertTrue(part.closed)
            self.assertEqual(c.read(), DATA)

    def test_close_under_a_view(self):
        for offset in (0, 7):
            c = self.shared("file", DATA, offset)
            v = c.view()
            with self.assertRaises(BufferError):
                c.close()
            self.assertEqual(v, DATA)
            self.assertEqual(c.read(), DATA)
            v.release()
            c.close()
            self.assertTrue(c.closed)

    def test_dropped(self):
        for offset in (0, 7):
            before = descriptors(), maps()
            c = self.shared("file", DATA, offset)
            part, view = c.slice(5), c.view()
            self.assertEqual(maps(), before[1] + 1)
            self.assertLessEqual(descriptors(), before[0] + (sys.version_info < (3, 13)))
            _containers.KEPT.clear()
            del c, part
            self.assertEqual(view, DATA)
            del view
            self.assertEqual((descriptors(), maps()), before)  # without the collector of cycles

    def test_a_close_between_question_and_answer(self):
        c = self.shared("sealed")
        ask = self.manager.ask

        def slow(handle, payload):
            reply = ask(handle, payload)
            self.manager.ask = ask
            c.close()
            return reply

        self.manager.ask = slow
        again = _containers.shared("c")
        self.assertIsNot(again, c)
        self.assertEqual(again.read(), DATA)


def maps():
    gc.disable()
    with open("/proc/self/maps") as f:
        return sum("(deleted)" in line for line in f)


if __name__ == "__main__":
    unittest.main()
