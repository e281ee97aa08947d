"""Values on the wire: CBOR both ways, what cannot cross, and the protocol's vectors."""

import collections
import datetime
import enum
import math
import os
import struct
import sys
import types
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
package = types.ModuleType("outwork")
package.__path__ = [os.path.join(HERE, "..", "outwork")]
sys.modules["outwork"] = package
sys.dont_write_bytecode = True

from outwork import _more, _values  # noqa: E402
from outwork._values import CannotCross, decode, encode  # noqa: E402

VECTORS = os.path.join(HERE, "..", "..", "..", "internal", "link", "testdata", "vectors")
UTC = datetime.timezone.utc


def zone(**offset):
    return datetime.timezone(datetime.timedelta(**offset))


def there_and_back(v):
    raw = bytes(encode(v))
    got, end = decode(raw)
    assert end == len(raw), (v, end, len(raw))
    return got


class RoundTrips(unittest.TestCase):
    def same(self, v, want=None):
        want = v if want is None else want
        got = there_and_back(v)
        self.assertEqual(got, want)
        self.assertIs(type(got), type(want))

    def test_simple(self):
        for v in (None, False, True):
            self.assertIs(there_and_back(v), v)
        for v in ("", "é\0\U0001f600", b"", b"\0\xff", [], {}, (), set(), [[], [None]], {"a": {"b": [1]}}):
            self.same(v)

    def test_integers(self):
        for bits in range(130):
            for n in ((1 << bits) - 1, 1 << bits, (1 << bits) + 1):
                self.same(n)
                self.same(-n)
        self.same(10**4000)
        self.same(-(10**4000))

    def test_floats(self):
        for v in (0.0, 1.5, -2.25, 1e300, 5e-324, math.inf, -math.inf):
            self.same(v)
        self.assertTrue(math.isnan(there_and_back(math.nan)))
        self.assertEqual(math.copysign(1, there_and_back(-0.0)), -1)

    def test_every_size(self):
        for n in (1, 23, 24, 255, 256, 65535, 65536, 1 << 20):
            self.same("x" * n)
            self.same(b"\xff" * n)
            self.same(list(range(min(n, 65536))))
            self.same({str(i): i for i in range(min(n, 65536))})

    def test_tuples_and_sets(self):
        for v in ((1, (2, ()), [3]), {1, "a", (2, (3,)), None, 1.5}, [{(1,), (2,)}, (({4},),)], {"k": ({1}, (2,))}):
            self.same(v)
        self.same(frozenset((1, 2)), {1, 2})

    def test_keys(self):
        self.same({"a": 1, 2: 3, -5: 4, 1.5: 5, True: 6})
        self.assertIs(list(there_and_back({True: 1}))[0], True)
        self.same({(1 << 63) - 1: 1, -(1 << 63): 2})
        self.assertEqual(list(there_and_back({"z": 1, "a": 2, "m": 3})), ["z", "a", "m"])

    def test_what_is_derived(self):
        class Colour(enum.IntEnum):
            RED = 1 << 70

        class Text(str):
            pass

        class Real(float):
            pass

        self.same(Colour.RED, 1 << 70)
        self.same(Text("t"), "t")
        self.same(Real(2.5), 2.5)
        self.same(collections.namedtuple("P", "x y")(1, 2), (1, 2))
        self.same(collections.OrderedDict(a=1), {"a": 1})
        self.same(collections.defaultdict(list, a=[1]), {"a": [1]})
        self.same(bytearray(b"ab"), b"ab")
        self.same(memoryview(b"abcdef")[::2], b"ace")
        self.same(memoryview(struct.pack("<2I", 1, 2)).cast("I"), b"\1\0\0\0\2\0\0\0")

    def test_exceptions(self):
        e = there_and_back([ValueError("why")])[0]
        self.assertIsInstance(e, _more.RemoteException)
        self.assertEqual((e.kind, e.message, e.trace, str(e)), ("ValueError", "why", "", "ValueError: why"))
        again = there_and_back(e)
        self.assertEqual((again.kind, again.message), ("ValueError", "why"))
        self.assertEqual(str(there_and_back(KeyError())), "KeyError")

        class Odd(Exception):
            def __str__(self):
                return 1 / 0

        self.assertEqual(there_and_back(Odd()).message, "<its __str__ failed: ZeroDivisionError>")
        self.assertEqual(there_and_back(ValueError("\ud800")).message, "\\ud800")


class Dates(unittest.TestCase):
    def crossed(self, v):
        got = there_and_back(v)
        self.assertIsNotNone(got.utcoffset())
        return got

    def test_zones(self):
        for tz in (UTC, zone(hours=14), zone(hours=-12), zone(hours=5, minutes=45), zone(minutes=-1)):
            v = datetime.datetime(2026, 2, 3, 4, 5, 6, 789, tz)
            got = self.crossed(v)
            self.assertEqual((got, got.utcoffset()), (v, v.utcoffset()))

    def test_odd_zones_are_utc(self):
        # RFC 3339 has whole minutes. Such are those of local mean time.
        for tz in (zone(minutes=19, seconds=32), zone(seconds=-1), zone(hours=1, microseconds=5)):
            v = datetime.datetime(1930, 1, 2, 3, 4, 5, 6, tz)
            got = self.crossed(v)
            self.assertEqual(got, v)
            self.assertEqual(got.utcoffset(), datetime.timedelta(0))

    def test_no_zone_is_local_time(self):
        v = datetime.datetime(2026, 7, 1, 12)
        self.assertEqual(self.crossed(v).timestamp(), v.timestamp())

    def test_ends_of_the_calendar(self):
        for v in (datetime.datetime(1, 1, 1, tzinfo=UTC), datetime.datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)):
            self.assertEqual(self.crossed(v), v)

    def test_as_go_sends_them(self):
        for text, micros in (("", 0), (".5", 500000), (".123456789", 123456), (".000001", 1), (".9999999", 999999)):
            for tz, offset in (("Z", 0), ("+00:00", 0), ("-03:30", -210), ("+14:00", 840)):
                raw = bytes(_values.head(0xC0, 0) + encode("2026-02-03T04:05:06" + text + tz))
                want = datetime.datetime(2026, 2, 3, 4, 5, 6, micros, zone(minutes=offset))
                got, end = decode(raw)
                self.assertEqual((got, got.utcoffset(), end), (want, want.utcoffset(), len(raw)))

    def test_others_do_not_cross(self):
        for v, advice in ((datetime.date(2026, 1, 2), "make it a datetime"), (datetime.timedelta(1), "total_seconds"), (datetime.time(1), "")):
            with self.assertRaisesRegex(CannotCross, "cannot cross.*" + advice):
                encode(v)


class Bytes(unittest.TestCase):
    """What is on the wire, to the bit."""

    def test_encoded(self):
        for v, want in (
            (0, "00"),
            (23, "17"),
            (24, "1818"),
            (255, "18ff"),
            (256, "190100"),
            (65536, "1a00010000"),
            (1 << 32, "1b0000000100000000"),
            ((1 << 64) - 1, "1bffffffffffffffff"),
            (1 << 64, "c249010000000000000000"),
            (-1, "20"),
            (-24, "37"),
            (-25, "3818"),
            (-(1 << 64), "3bffffffffffffffff"),
            (-(1 << 64) - 1, "c349010000000000000000"),
            (1.0, "fb3ff0000000000000"),
            ("a", "6161"),
            (b"a", "4161"),
            (None, "f6"),
            (True, "f5"),
            ([1], "8101"),
            ({"a": 1}, "a1616101"),
            ((1,), "da6f7700018101"),
            ({1}, "d901028101"),
            (datetime.datetime(2026, 1, 2, tzinfo=UTC), "c07819" + b"2026-01-02T00:00:00+00:00".hex()),
        ):
            self.assertEqual(encode(v).hex(), want, v)

    def test_heads(self):
        for n in (0, 23, 24, 0xFF, 0x100, 0xFFFF, 0x10000, (1 << 32) - 1, 1 << 32, (1 << 64) - 1):
            for major in range(0, 0xE0, 0x20):
                h = _values.head(major, n)
                self.assertEqual(h[0] & 0xE0, major)
                self.assertEqual(len(h), 1 if n < 24 else 2 if n < 256 else 3 if n < 65536 else 5 if n < 1 << 32 else 9)
                self.assertEqual(n, h[0] & 31 if n < 24 else int.from_bytes(h[1:], "big"))

    def test_floats_of_other_widths(self):
        for raw, want in (
            ("f93c00", 1.0),
            ("f93e00", 1.5),
            ("f97bff", 65504.0),
            ("f90001", 2.0**-24),
            ("f98000", -0.0),
            ("f97c00", math.inf),
            ("f9fc00", -math.inf),
            ("fa47c35000", 100000.0),
            ("fa7f7fffff", 3.4028234663852886e38),
            ("fb3ff199999999999a", 1.1),
        ):
            got, end = decode(bytes.fromhex(raw))
            self.assertEqual((got, math.copysign(1, got), end), (want, math.copysign(1, want), len(raw) // 2))
        self.assertTrue(math.isnan(decode(bytes.fromhex("f97e00"))[0]))
        self.assertEqual(decode(bytes.fromhex("82f93c0005")), ([1.0, 5], 5))

    def test_big_integers(self):
        for raw, want in (("c240", 0), ("c340", -1), ("c24101", 1), ("c3420100", -257), ("c2490000000000000000ff", 255)):
            self.assertEqual(decode(bytes.fromhex(raw)), (want, len(raw) // 2))

    def test_undefined_is_none(self):
        self.assertEqual(decode(b"\xf7"), (None, 1))

    def test_one_item_of_a_sequence(self):
        raw = bytes(encode("a") + encode([1, (2,)]) + encode(3))
        self.assertEqual(decode(raw), ("a", 2))
        self.assertEqual(decode(raw, 2), ([1, (2,)], len(raw) - 1))
        self.assertEqual(decode(raw, len(raw) - 1), (3, len(raw)))


class Refused(unittest.TestCase):
    def refused(self, v, message):
        with self.assertRaises(CannotCross) as caught:
            encode(v)
        self.assertIn(message, str(caught.exception))

    def test_kinds(self):
        for v in (object(), print, sys, 1j, range(3), iter([]), type, ..., open):
            self.refused(v, "cannot cross")
        self.refused(types.SimpleNamespace(outwork_name=True), "a container cannot cross")

    def test_places(self):
        self.refused([1, {"x": [object()]}], "value[1]['x'][0]: a object cannot cross")
        self.refused((1, {2: object()}), "value[1][2]: ")
        self.refused({"k" * 100: object()}, "value['" + "k" * 59 + "]: ")
        self.refused(object(), "a object cannot cross")

    def test_keys(self):
        for k in (None, b"a", (1,), frozenset()):
            self.refused({k: 1}, "keys are str, int, bool and float")
        self.refused({math.nan: 1}, "cannot cross")
        for k in (1 << 63, -(1 << 63) - 1):
            self.refused({k: 1}, "a key beyond 64 bits")
        self.refused({"\ud800": 1}, "lone surrogates")

    def test_text(self):
        self.refused(["\udcff"], "value[0]: the str holds lone surrogates")

    def test_depth(self):
        for make in (lambda v: [v], lambda v: (v,), lambda v: {"k": v}):
            v = 0
            for _ in range(_values.DEPTH):
                v = make(v)
            self.assertEqual(there_and_back(v), v)
            self.refused(make(v), "nested deeper than 32")
        v = []
        v.append(v)
        self.refused(v, "within itself")
        v = {}
        v["v"] = [v]
        self.refused(v, "within itself")

    def test_size(self):
        self.refused([b"x" * (9 << 20), b"x" * (9 << 20), []], "larger than 16 MiB")


def frames(name):
    """The frames of a vector, as (kind, handle, payload)."""
    with open(os.path.join(VECTORS, name)) as f:
        raw = bytes.fromhex("".join(line.partition("#")[0] for line in f))
    if name.startswith("preamble"):
        raw = raw[12:]
    while raw:
        n = int.from_bytes(raw[:4], "big")
        yield raw[8], raw[9], raw[12 : 12 + n]
        raw = raw[12 + n :]


class Vectors(unittest.TestCase):
    OPEN, MESSAGE = 1, 2
    RAW = {5, 6, 7, 8, 35}  # handles whose payloads are no CBOR: PING, PONG, OUTPUT, PAUSE; ITEM may be

    def test_all(self):
        seen = 0
        for name in sorted(os.listdir(VECTORS)):
            for kind, handle, payload in frames(name):
                if kind not in (self.OPEN, self.MESSAGE) or handle in self.RAW:
                    continue
                i, again = 0, b""
                while i < len(payload):
                    v, i = decode(payload, i)
                    again += encode(v)
                    seen += 1
                self.assertEqual(i, len(payload), name)
                self.assertEqual(again.hex(), payload.hex(), name)
        self.assertGreater(seen, 30)

    def test_some(self):
        ((_, _, call),) = frames("call_plain.hex")
        (function, remaining, parts, grants, parent), i = decode(call)
        self.assertEqual((function, remaining, parts, grants, parent), ("hello", 0, [], [], 0))
        self.assertEqual(decode(call, i)[0], ["world", 3, b"hi"])
        ((_, _, error),) = frames("error_typed.hex")
        self.assertEqual(decode(error)[0], [1, "parse: bad /x", "", [], [["vector", b"\xa1dPathb/x"]]])
        self.assertEqual(decode(decode(error)[0][4][0][1])[0], {"Path": "/x"})


if __name__ == "__main__":
    unittest.main()
