"""A link against a manager that is played here, in memory. All runs on this thread, but
for the watch, which reads while a call does not end."""

import _signal
import _thread
import faulthandler
import os
import sys
import time
import types
import unittest
from unittest import mock

package = types.ModuleType("outwork")
package.__path__ = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "outwork")]
sys.modules["outwork"] = package
sys.dont_write_bytecode = True

from outwork import _link, _run  # noqa: E402
from outwork._values import decode, encode  # noqa: E402

WINDOW = 65536
CANCELLED = [1, "cancelled", "", ["context.Canceled"], []]


def frame(stream, kind, handle, flags, payload=b"", fds=0):
    return len(payload).to_bytes(4, "big") + stream.to_bytes(4, "big") + bytes((kind, handle, flags, fds)) + payload


def call(stream, function, arg=None, remaining=0):
    return frame(stream, _link.OPEN, _link.CALL_FUNCTION, _link.END, called(function, arg, remaining))


def called(function, arg=None, remaining=0):
    return bytes(encode([function, remaining, [], [], 0]) + encode(arg))


def reset(stream):
    return frame(stream, _link.RESET, 0, 0, b"\0\1gave up")


def credit(stream, n):
    return frame(stream, _link.CREDIT, 0, 0, n.to_bytes(4, "big"))


def message(handle, payload=b""):
    return frame(0, _link.MESSAGE, handle, 0, payload)


def reply(stream, *items, flags=_link.END, handle=_link.REPLY):
    return frame(stream, _link.MESSAGE, handle, flags, b"".join(bytes(encode(i)) for i in items))


HELLO = _link.PREAMBLE + message(_link.HELLO, bytes(encode({"name": "w", "window": WINDOW, "level": -4})))
SHUTDOWN = message(_link.SHUTDOWN)


class Handler:
    """Runs a function of a test's on the main thread."""

    def __init__(self, run):
        self.run = run

    def main(self, call):
        return True

    def key(self, call):
        return "key"


def answer(value=None):
    return _link.REPLY, bytes(encode([[]]) + encode(value))


def forever():
    lock = _thread.allocate_lock()
    lock.acquire()
    lock.acquire()


def until(true):
    """Waits for the main thread, on the watch's."""
    while not true():
        pass


class Gone(BaseException):
    """The process would have ended here."""


class Case(unittest.TestCase):
    def setUp(self):
        self.sent, self.functions = b"", {}
        before = _signal.getsignal(_signal.SIGINT)
        self.addCleanup(_signal.signal, _signal.SIGINT, before)

    def handle(self, name, run):
        _link.HANDLERS[name] = Handler(run)
        self.addCleanup(_link.HANDLERS.pop, name)

    def talk(self, *script, pieces=0):
        """Lives through a conversation: each of script is bytes that the manager sends,
        bytes with descriptors, or a function that returns such, which is called when
        the worker reads on. pieces is how many bytes come at once."""
        steps = iter((HELLO,) + script)
        waiting = []

        def source(n):
            if not waiting:
                step = next(steps, None)
                if step is None:  # the manager says nothing more
                    assert _thread.get_ident() != self.link.main, "the worker wants more than there is"
                    forever()
                data, fds = step() if callable(step) else step, []
                if isinstance(data, tuple):
                    data, fds = data
                size = pieces or len(data)
                waiting.extend((data[i : i + size], fds if i == 0 else []) for i in range(0, len(data) or 1, size or 1))
            return waiting.pop(0)

        self.sent = b""
        self.link = _run.LINK = _link.Link(source, self.sink, self.functions)
        self.link.live()
        self.assertEqual(list(steps), [], "the worker ended before the manager had said all")
        return self.frames()

    def sink(self, data):
        self.sent += data

    def asked(self, stream, data):
        """A step that comes when the worker has opened a stream."""
        return lambda: until(lambda: (stream, _link.OPEN) in [f[:2] for f in self.frames()]) or data

    def answered(self, stream, data):
        """A step that comes when a call has been answered."""
        return lambda: until(lambda: (stream, _link.MESSAGE) in [f[:2] for f in self.frames()]) or data

    def frames(self):
        """What the worker has sent behind its HELLO."""
        self.assertEqual(self.sent[:12], _link.PREAMBLE)
        rest, all = self.sent[12:], []
        while rest:
            n = int.from_bytes(rest[:4], "big")
            self.assertLessEqual(n, _link.PAYLOAD)
            self.assertEqual(rest[11], 0)
            all.append((int.from_bytes(rest[4:8], "big"), rest[8], rest[9], rest[10], rest[12 : 12 + n]))
            rest = rest[12 + n :]
        self.assertEqual(all[0][:4], (0, _link.MESSAGE, _link.HELLO, 0))
        self.hello = decode(all[0][4])[0]
        return all[1:]

    def answers(self, frames):
        """The calls that were answered, in order: their streams, handles and last item."""
        out = []
        for stream, kind, handle, flags, payload in frames:
            if kind == _link.MESSAGE and handle in (_link.REPLY, _link.ERROR):
                self.assertEqual(flags, _link.END)
                i = 0
                while i < len(payload):
                    v, i = decode(payload, i)
                out.append((stream, handle, v))
        return out


class Begin(Case):
    def test_hello(self):
        self.functions = {"f": "func()"}
        self.assertEqual(self.talk(SHUTDOWN), [])
        self.assertEqual(self.hello["functions"], {"f": "func()"})
        self.assertEqual(self.hello["pid"], os.getpid())
        self.assertEqual(
            sorted(self.hello),
            sorted("name build digest window streams level languages confinement functions pid".split()),
        )
        self.assertEqual((len(self.hello["digest"]), self.hello["languages"]), (32, ["python"]))
        self.assertEqual((self.link.hello["name"], self.link.window, self.link.level), ("w", WINDOW, -4))

    def test_byte_by_byte(self):
        self.handle("f", lambda c: answer(decode(c.args)[0]))
        sent = self.talk(message(_link.PING, b"one"), call(1, "f", "x" * 300), SHUTDOWN, pieces=1)
        self.assertEqual(sent[0], (0, _link.MESSAGE, _link.PONG, 0, b"one"))
        self.assertEqual(self.answers(sent), [(1, _link.REPLY, "x" * 300)])

    def test_all_at_once(self):
        self.handle("f", lambda c: answer(decode(c.args)[0]))
        sent = self.talk(b"".join(call(i, "f", i) for i in range(1, 200, 2)) + SHUTDOWN)
        self.assertEqual(self.answers(sent), [(i, _link.REPLY, i) for i in range(1, 200, 2)])

    def test_another_protocol(self):
        steps = [b"SSH-2.0-OpenSSH_9.2\r\n"]
        link = _link.Link(lambda n: (steps.pop(), []), self.sink, {})
        with self.assertRaisesRegex(ValueError, "the manager speaks another protocol"):
            link.live()

    def test_a_payload_above_the_limit(self):
        header = frame(1, _link.OPEN, _link.CALL_FUNCTION, _link.END)[4:]
        with self.assertRaisesRegex(ValueError, "a frame of 1048577 bytes"):
            self.talk(((1 << 20) + 1).to_bytes(4, "big") + header)

    def test_the_manager_goes(self):
        for last in (b"", call(1, "f")[:20]):
            with mock.patch.object(_link.os, "_exit", side_effect=Gone) as exit:
                with self.assertRaises(Gone):
                    self.talk(*([last] if last else []), b"")
            exit.assert_called_once_with(0)


class Control(Case):
    def test_ping(self):
        payloads = [b"", b"x", bytes(64)]
        sent = self.talk(*(message(_link.PING, p) for p in payloads), SHUTDOWN)
        self.assertEqual(sent, [(0, _link.MESSAGE, _link.PONG, 0, p) for p in payloads])

    def test_ping_while_a_call_runs(self):
        held = _thread.allocate_lock()
        held.acquire()
        self.handle("f", lambda c: held.acquire() and answer("done"))

        def ponged():
            held.release()
            return SHUTDOWN

        sent = self.talk(call(1, "f") + message(_link.PING, b"p"), ponged)
        self.assertEqual(sent[0], (0, _link.MESSAGE, _link.PONG, 0, b"p"))
        self.assertEqual(self.answers(sent), [(1, _link.REPLY, "done")])

    def test_log_level(self):
        seen = []
        self.handle("f", lambda c: setattr(_run.LINK, "levels", (seen.append,)) or answer())
        self.talk(call(1, "f"), message(_link.LOG_LEVEL, bytes(encode([8]))), SHUTDOWN)
        self.assertEqual((seen, self.link.level), ([8], 8))

    def test_shutdown_lets_calls_end(self):
        held = _thread.allocate_lock()
        held.acquire()

        def run(c):
            held.acquire()  # which the watch ends, when it has read SHUTDOWN
            return answer(self.link.closing)

        def release():
            held.release()
            return message(_link.PING)

        self.handle("f", run)
        sent = self.talk(call(1, "f") + SHUTDOWN, release)
        self.assertEqual(self.answers(sent), [(1, _link.REPLY, True)])

    def test_shutdown_behind_calls_that_were_read(self):
        self.handle("f", lambda c: answer(c.id))
        sent = self.talk(call(1, "f") + call(3, "f") + SHUTDOWN)
        self.assertEqual(self.answers(sent), [(1, _link.REPLY, 1), (3, _link.REPLY, 3)])


class Calls(Case):
    def test_an_unknown_function(self):
        ((stream, handle, error),) = self.answers(self.talk(call(1, "nobody"), SHUTDOWN))
        self.assertEqual((stream, handle, error[0]), (1, _link.ERROR, 3))
        self.assertIn("there is no function 'nobody'; known functions are guest.script", error[1])

    def test_an_exception(self):
        self.handle("f", lambda c: {}["missing"])
        sent = self.answers(self.talk(call(1, "f") + call(3, "f"), SHUTDOWN))
        self.assertEqual([(s, h, e[0], e[1]) for s, h, e in sent], [(i, _link.ERROR, 1, "KeyError: 'missing'") for i in (1, 3)])

    def test_the_deadline(self):
        left = []
        self.handle("f", lambda c: left.append(c.deadline and c.deadline - _link.monotonic()) or answer())
        self.talk(call(1, "f"), call(3, "f", remaining=60 * 10**9), SHUTDOWN)
        self.assertIsNone(left[0])
        self.assertTrue(50 < left[1] <= 60, left)

    def test_an_argument_in_pieces(self):
        self.handle("f", lambda c: answer(len(decode(c.args)[0])))
        whole = called("f", "x" * 200_000)
        parts = [whole[i : i + 50_000] for i in range(0, len(whole), 50_000)]
        script = [frame(1, _link.OPEN, _link.CALL_FUNCTION, _link.MORE, parts[0])]
        script += [frame(1, _link.MESSAGE, _link.CALL_FUNCTION, _link.MORE, p) for p in parts[1:-1]]
        script += [frame(1, _link.MESSAGE, _link.CALL_FUNCTION, _link.END, parts[-1])]
        sent = self.talk(*script, SHUTDOWN)
        given = [int.from_bytes(f[4], "big") for f in sent if f[:2] == (1, _link.CREDIT)]
        self.assertEqual(given, [len(p) + 12 for p in parts[:-1]])
        self.assertEqual(self.answers(sent), [(1, _link.REPLY, 200_000)])

    def test_descriptors_belong_to_their_frames(self):
        seen = []
        self.handle("f", lambda c: seen.append(c.files) or answer())
        one = frame(1, _link.OPEN, _link.CALL_FUNCTION, _link.END, called("f"), fds=2)
        two = frame(3, _link.OPEN, _link.CALL_FUNCTION, _link.END, called("f"))
        three = frame(5, _link.OPEN, _link.CALL_FUNCTION, _link.END, called("f"), fds=1)
        self.talk((one + two + three, [101, 102, 103]), SHUTDOWN)
        self.assertEqual(seen, [[101, 102], [], [103]])


class Credit(Case):
    def pieces(self, sent):
        return [f for f in sent if f[:3] == (1, _link.MESSAGE, _link.REPLY)]

    def check(self, sent, value):
        pieces = self.pieces(sent)
        self.assertEqual([f[3] for f in pieces], [_link.MORE] * (len(pieces) - 1) + [_link.END])
        whole = b"".join(f[4] for f in pieces)
        (_,), i = decode(whole)
        self.assertEqual(decode(whole, i), (value, len(whole)))

    def test_a_result_within_the_window(self):
        value = b"x" * (WINDOW - 100)
        self.handle("f", lambda c: answer(value))
        sent = self.talk(call(1, "f"), SHUTDOWN)
        self.assertEqual(len(self.pieces(sent)), 1)
        self.check(sent, value)

    def test_a_long_result_waits_for_credit(self):
        value = bytes(range(256)) * 1200
        self.handle("f", lambda c: answer(value))
        given, allowed = 40_000, [WINDOW]

        def spent():
            return sum(len(f[4]) + 12 for f in self.pieces(self.frames()))

        def more():
            until(lambda: spent() > allowed[0] - 5000)
            assert spent() <= allowed[0]
            allowed[0] += given
            return credit(1, given)

        sent = self.talk(call(1, "f"), *[more] * 7, SHUTDOWN)
        self.assertGreater(allowed[0], len(value))
        self.check(sent, value)

    def test_no_frame_is_too_long(self):
        value = b"x" * (3 << 20)
        self.handle("f", lambda c: answer(value))
        self.check(self.talk(call(1, "f"), credit(1, 8 << 20), SHUTDOWN), value)

    def test_little_by_little(self):
        value = b"x" * WINDOW
        self.handle("f", lambda c: answer(value))
        self.check(self.talk(call(1, "f"), *[credit(1, 1000)] * 8, SHUTDOWN), value)

    def test_others_go_on(self):
        value = b"x" * (2 * WINDOW)
        self.handle("f", lambda c: answer(value))
        sent = self.talk(call(1, "f"), message(_link.PING, b"p"), credit(1, 2 * WINDOW), SHUTDOWN)
        self.check(sent, value)
        kinds = [f[2] for f in sent]
        self.assertLess(kinds.index(_link.PONG), len(kinds) - 1)

    def test_reset_while_it_waits(self):
        self.handle("f", lambda c: answer(b"x" * (2 * WINDOW)))
        self.handle("g", lambda c: answer("g"))
        sent = self.talk(call(1, "f"), self.answered(1, reset(1)), call(3, "g"), SHUTDOWN)
        self.assertEqual(sent[-2][:2], (1, _link.RESET))
        self.assertEqual(self.answers(sent[-1:]), [(3, _link.REPLY, "g")])


class Reset(Case):
    def test_before_it_has_begun(self):
        held = _thread.allocate_lock()
        held.acquire()
        ran = []

        def first(c):
            held.acquire()
            return answer("first")

        def release():
            held.release()
            return SHUTDOWN

        self.handle("first", first)
        self.handle("second", lambda c: ran.append(c) or answer())
        sent = self.talk(call(1, "first") + call(3, "second") + reset(3), release)
        self.assertEqual(self.answers(sent), [(1, _link.REPLY, "first"), (3, _link.ERROR, CANCELLED)])
        self.assertEqual(ran, [])

    def test_while_it_runs(self):
        self.handle("f", lambda c: forever())
        self.handle("g", lambda c: answer("g"))
        sent = self.talk(call(1, "f") + reset(1), call(3, "g"), SHUTDOWN)
        self.assertEqual(self.answers(sent), [(1, _link.ERROR, CANCELLED), (3, _link.REPLY, "g")])

    def test_while_it_is_busy(self):
        def run(c):
            while True:
                pass

        self.handle("f", run)
        sent = self.talk(call(1, "f") + reset(1), SHUTDOWN)
        self.assertEqual(self.answers(sent), [(1, _link.ERROR, CANCELLED)])

    def test_the_call_does_otherwise(self):
        began = []

        def run(c):
            try:
                began.append(True)
                forever()
            except KeyboardInterrupt:
                return answer("cleaned up")

        self.handle("f", run)
        sent = self.talk(call(1, "f"), lambda: until(lambda: began) or reset(1), SHUTDOWN)
        self.assertEqual(self.answers(sent), [(1, _link.REPLY, "cleaned up")])

    def test_after_it_has_ended(self):
        self.handle("f", lambda c: answer(c.id))
        later = [self.answered(1, reset(1) + credit(1, 100)), call(3, "f"), self.answered(3, reset(3) + SHUTDOWN)]
        sent = self.talk(call(1, "f"), *later)
        self.assertEqual(self.answers(sent), [(1, _link.REPLY, 1), (3, _link.REPLY, 3)])

    def test_of_a_stream_that_never_was(self):
        self.assertEqual(self.talk(reset(99), credit(98, 5), SHUTDOWN), [])

    def test_while_it_asks(self):
        self.handle("f", lambda c: _run.LINK.ask(_link.GET_MODULE, b""))
        sent = self.talk(call(1, "f"), self.asked(2, reset(1)), SHUTDOWN)
        self.assertIn((2, _link.RESET), [f[:2] for f in sent])
        self.assertEqual(self.answers(sent), [(1, _link.ERROR, CANCELLED)])


class Asks(Case):
    def ask(self, payload=b"\x81\0"):
        def run(c):
            a = _run.LINK.ask(_link.GET_CONTAINER, payload)
            return answer([a.payload, a.files])

        self.handle("f", run)

    def test_answered(self):
        self.ask()
        sent = self.talk(call(1, "f"), self.asked(2, reply(2, "yes")), SHUTDOWN)
        self.assertEqual(sent[0], (2, _link.OPEN, _link.GET_CONTAINER, _link.END, b"\x81\0"))
        self.assertEqual(self.answers(sent), [(1, _link.REPLY, [bytes(encode("yes")), []])])

    def test_numbers_are_even_and_new(self):
        self.ask()
        sent = self.talk(call(1, "f"), self.asked(2, reply(2, 1)), call(3, "f"), self.asked(4, reply(4, 2)), SHUTDOWN)
        self.assertEqual([f[0] for f in sent if f[1] == _link.OPEN], [2, 4])

    def test_with_descriptors(self):
        self.ask()
        answered = frame(2, _link.MESSAGE, _link.REPLY, _link.END, b"\1", fds=1)
        self.assertEqual(self.answers(self.talk(call(1, "f"), self.asked(2, (answered, [77])), SHUTDOWN))[0][2], [b"\1", [77]])

    def test_in_pieces(self):
        self.ask()
        more = [frame(2, _link.MESSAGE, _link.REPLY, _link.MORE, c * 1000) for c in (b"a", b"b")]
        last = frame(2, _link.MESSAGE, _link.REPLY, _link.END, b"c")
        sent = self.talk(call(1, "f"), self.asked(2, more[0]), more[1], last, SHUTDOWN)
        self.assertEqual([f[4] for f in sent if f[:2] == (2, _link.CREDIT)], [(1012).to_bytes(4, "big")] * 2)
        self.assertEqual(self.answers(sent)[0][2][0], b"a" * 1000 + b"b" * 1000 + b"c")

    def test_refused(self):
        self.ask()
        refusal = reply(2, [6, "no such thing", "", [], []], handle=_link.ERROR)
        ((_, handle, error),) = self.answers(self.talk(call(1, "f"), self.asked(2, refusal), SHUTDOWN))
        self.assertEqual((handle, error[:2]), (_link.ERROR, [6, "no such thing"]))

    def test_given_up(self):
        self.ask()
        ((_, handle, error),) = self.answers(self.talk(call(1, "f"), self.asked(2, reset(2)), SHUTDOWN))
        self.assertEqual((handle, error[1]), (_link.ERROR, "the manager gave up"))

    def test_too_long(self):
        self.ask(b"x" * WINDOW)
        sent = self.talk(call(1, "f"), SHUTDOWN)
        self.assertEqual([f for f in sent if f[1] == _link.OPEN], [])
        self.assertIn("too long", self.answers(sent)[0][2][1])


class Elsewhere(Handler):
    """Runs a function of a test's on another thread."""

    def main(self, call):
        return False


class Between(Case):
    """What comes in the middle of something: from another thread, a signal, a destructor."""

    def elsewhere(self, name, run):
        _link.HANDLERS[name] = Elsewhere(run)
        self.addCleanup(_link.HANDLERS.pop, name)

    def reserving(self, data):
        """A step before which the main thread is reserved."""

        def step():
            self.link.reserved = 1
            return data

        return step

    def test_a_frame_beside_a_flush(self):
        """What is sent while another frame is made is not lost, nor is that."""
        sent = []
        link = _link.Link(None, sent.append, {})

        class Late(bytes):
            first = True

            def __len__(self):
                if Late.first:
                    Late.first = False
                    link.send(3, _link.MESSAGE, _link.REPLY, _link.END, b"other")
                return bytes.__len__(self)

        link.send(1, _link.MESSAGE, _link.REPLY, _link.END, Late(b"one"))
        self.assertEqual((sent, link.out), ([reply_of(3, b"other"), reply_of(1, b"one")], []))

    def test_a_frame_in_the_middle_of_another(self):
        """A destructor that sends, while its thread writes, neither waits for itself nor is in between."""
        sent = []

        def sink(data):
            sent.append(data)
            if len(sent) == 1:
                link.send(3, _link.MESSAGE, _link.REPLY, _link.END, b"other")
                self.assertEqual(len(sent), 1)

        link = _link.Link(None, sink, {})
        link.send(1, _link.MESSAGE, _link.REPLY, _link.END, b"one")
        self.assertEqual((sent, link.out), ([reply_of(1, b"one"), reply_of(3, b"other")], []))
        with link.turn:
            with self.assertRaisesRegex(_link.Refused, "asked in a message"):
                link.ask(_link.GET_MODULE, b"")
        link.send(5, _link.MESSAGE, _link.REPLY, _link.END, b"more")
        self.assertEqual(sent[2:], [reply_of(5, b"more")])

    def test_the_turn_is_interrupted(self):
        """A handler that raises while a thread waits for its turn leaves nothing behind."""
        sent, raises = [], Raises()
        link = _link.Link(None, sent.append, {})
        _signal.signal(_signal.SIGINT, raises)
        link.turn.lock.acquire()
        _thread.start_new_thread(insistent, (link.main, lambda: link.turn.holders, raises))
        with self.assertRaises(Gone):
            link.send(1, _link.MESSAGE, _link.REPLY, _link.END, b"one")
        link.turn.lock.release()
        link.send(3, _link.MESSAGE, _link.REPLY, _link.END, b"other")
        self.assertEqual(sent, [reply_of(1, b"one") + reply_of(3, b"other")])

    def test_a_long_result_of_a_granted_function_is_given_up(self):
        from outwork import _calls

        self.handle("f", lambda c: answer(_calls.back(c, "g", (), {"Name": "x"})))
        self.handle("after", lambda c: answer("after"))
        began = bytes(encode(["f", 0, [], ["g"], 0]) + encode(None))
        came = frame(3, _link.OPEN, _link.BULK, 0) + reply(2, [[[0, 0, 3, 100, 0, False, b""]]], {"Bytes": b""})
        came += frame(3, _link.DATA, 0, 0, b"part")
        first = frame(1, _link.OPEN, _link.CALL_FUNCTION, _link.END, began)
        sent = self.talk(first, self.asked(2, came), reset(1), self.answered(1, call(5, "after")), SHUTDOWN)
        self.assertEqual(self.answers(sent), [(1, _link.ERROR, CANCELLED), (5, _link.REPLY, "after")])

    def test_a_handler_raises_while_it_asks(self):
        """Such as of an alarm: the link lives on."""
        raises = Raises()

        def run(c):
            _signal.signal(_signal.SIGINT, raises)
            try:
                self.link.ask(_link.GET_MODULE, b"")
            except Gone:
                return answer("its time was up")

        def nothing():
            _thread.start_new_thread(insistent, (self.link.main, lambda: True, raises))
            assert _thread.get_ident() == self.link.main
            forever()

        self.handle("f", run)
        self.handle("after", lambda c: answer("after"))
        sent = self.talk(call(1, "f"), nothing, call(5, "after"), SHUTDOWN)
        self.assertEqual(self.answers(sent), [(1, _link.REPLY, "its time was up"), (5, _link.REPLY, "after")])

    def test_one_ends_and_the_next_begins(self):
        """What has ended is told before the next call runs."""
        ended, told = _thread.allocate_lock(), _thread.allocate_lock()
        ended.acquire(), told.acquire()
        began = []
        self.handle("one", lambda c: began.append(1) or ended.acquire() and answer("one"))
        self.handle("two", lambda c: told.acquire(True, 20) and answer("two"))

        def last():
            until(lambda: self.link.jobs)
            ended.release()
            until(lambda: (1, _link.MESSAGE) in [f[:2] for f in self.frames()])
            told.release()
            return SHUTDOWN

        sent = self.talk(call(1, "one"), lambda: until(lambda: began) or call(3, "two"), last)
        self.assertEqual(self.answers(sent), [(1, _link.REPLY, "one"), (3, _link.REPLY, "two")])

    def test_shut_down_while_another_thread_works(self):
        go = _thread.allocate_lock()
        go.acquire()
        self.elsewhere("f", lambda c: go.acquire(True, 20) and answer("done"))

        def more():
            go.release()
            forever()

        sent = self.talk(self.reserving(call(1, "f") + SHUTDOWN), more)
        self.assertEqual(self.answers(sent), [(1, _link.REPLY, "done")])

    def test_cancelled_once(self):
        """Who tidies up on another thread may use the link for that."""
        from outwork import _calls

        got = []

        def run(c):
            try:
                got.append("runs")
                while True:
                    pass
            except KeyboardInterrupt:
                got.append("cancelled")
                _calls.progress(c, 1, 0, "")
                got.append("tidied up")
                raise

        self.elsewhere("f", run)
        steps = [self.reserving(call(1, "f")), lambda: until(lambda: got) or reset(1), self.answered(1, SHUTDOWN)]
        sent = self.talk(*steps)
        self.assertEqual((got, self.answers(sent)), (["runs", "cancelled", "tidied up"], [(1, _link.ERROR, CANCELLED)]))

    def test_progress_of_another_thread(self):
        """It takes no cancellation away from the call's own."""
        from outwork import _calls

        link = _run.LINK = _link.Link(None, lambda data: None, {})
        c = _link.Call(1, WINDOW)
        c.thread, c.cancelled = -1, True
        _calls.progress(c, 1, 0, "")
        self.assertEqual((c.raised, c.busy), (False, 0))
        c.thread = link.main
        with self.assertRaises(KeyboardInterrupt):
            _calls.progress(c, 1, 0, "")
        self.assertEqual((c.raised, c.busy), (True, 0))

    def test_progress_beside_the_end(self):
        """None is told behind the end of its call."""
        from outwork import _calls

        sent = []
        link = _run.LINK = _link.Link(None, sent.append, {})

        class Ends(_link.Call):
            """Another thread ends it when its credit is looked at."""

            used = 0

            @property
            def credit(self):
                if not self.ending:
                    self.ending.append(True)
                    _thread.start_new_thread(link.finish, (self, _link.REPLY, b"\xf6"))
                    while not (self.sent or link.turn.lock.locked()):
                        pass
                return WINDOW

            @credit.setter
            def credit(self, n):
                pass

        c = Ends(1, WINDOW)
        c.ending, link.calls[1] = [], c
        _calls.progress(c, 1, 0, "")
        until(lambda: not link.calls and not link.out)
        handles, data = [], b"".join(sent)
        while data:
            handles.append(data[9])
            data = data[12 + int.from_bytes(data[:4], "big") :]
        self.assertEqual(handles, [_link.PROGRESS, _link.REPLY])

    def test_busy_when_it_is_about_to_be_raised(self):
        """What cancels a call that is just beginning to use the link raises it before that."""
        from outwork import _cancel, _threads

        link, got, here = _link.Link(None, None, {}), [], _thread.get_ident()
        started, go = _thread.allocate_lock(), _thread.allocate_lock()
        started.acquire(), go.acquire()

        class Guard:
            """Tells that somebody has to wait for it."""

            lock = _thread.RLock()

            def __enter__(self):
                if not self.lock.acquire(False):
                    got.append("waits")
                    self.lock.acquire()

            def __exit__(self, *_):
                self.lock.release()

        class Looked(_link.Call):
            """When it has been seen not to be busy, it goes on."""

            n = 0

            @property
            def busy(self):
                n = self.n
                if _thread.get_ident() == here:
                    go.release()
                    until(lambda: got)
                return n

            @busy.setter
            def busy(self, n):
                self.n = n

        def work():
            c.thread = _thread.get_ident()
            started.release()
            try:
                go.acquire()
                with _threads.Busy(link, c):
                    got.append("uses the link")
                    while True:
                        pass
            except KeyboardInterrupt:
                got.append("raised")

        link.guard, c = Guard(), Looked(1, WINDOW)
        c.cancelled = True
        _thread.start_new_thread(work, ())
        started.acquire()
        _cancel.throw(link, c)
        until(lambda: got[-1] == "raised")
        self.assertEqual(got, ["waits", "raised"])


def reply_of(stream, payload):
    return frame(stream, _link.MESSAGE, _link.REPLY, _link.END, payload)


class Raises:
    """A script's own handler of a signal, which raises something once."""

    done = False

    def __call__(self, *_):
        if not self.done:
            self.done = True
            raise Gone


def insistent(thread, when, handler):
    """Signals a thread, when it is time to, until it has heard: one that comes just before
    the thread blocks does not wake it."""
    until(when)
    while not handler.done:
        _signal.pthread_kill(thread, _signal.SIGINT)
        time.sleep(0.01)


class HalfImported(unittest.TestCase):
    """What another thread is importing is left to that."""

    def test_linecache(self):
        from outwork import _local

        _run.SOURCES["a.py"] = "a = 1"
        _local.show_sources(types.ModuleType("linecache"))
        self.assertEqual(_run.SOURCES.pop("a.py", None), "a = 1")

    def test_logging(self):
        from outwork import _logs

        half = types.ModuleType("logging")
        half.__spec__ = types.SimpleNamespace(_initializing=True)
        _logs.late(half, None)
        with self.assertRaises(AttributeError):
            _logs.install(half, None)


class Dispatch(unittest.TestCase):
    def test_a_thread_rests_behind_the_look(self):
        """Nobody rested when it was looked; when it is decided, somebody does."""
        from outwork import _threads

        class Guard:
            def __enter__(self):
                pass

            def __exit__(self, *_):
                link.spare.append(given.append)

        given = []
        link = types.SimpleNamespace(spare=[], queue=[], guard=Guard())
        self.assertFalse(_threads.hand(link, "call", False))
        self.assertEqual((given, link.queue), ([], []))

    """Who runs a call that was read by somebody else."""

    def test_one_for_main(self):
        """One that the main thread has not taken yet may block it: no other waits behind it."""
        from outwork import _threads

        link, given = _link.Link(None, None, {}), []
        link.idle, link.spare = True, [given.append]
        first, second = _link.Call(1, WINDOW), _link.Call(3, WINDOW)
        first.function = second.function = "any"
        _threads.dispatch(link, first)
        _threads.dispatch(link, second)
        self.assertEqual((link.jobs, given), ([first], [second]))

    def test_none_is_left(self):
        """One that comes while the last thread is about to rest does not wait for ever."""
        from outwork import _threads

        done = _thread.allocate_lock()
        done.acquire()
        link, ran = _link.Link(None, None, {}), []

        def run(call, code):
            ran.append(call)
            if call == 2:
                done.release()
                forever()

        class Spare(list):
            def append(self, give):
                if link.guard._is_owned():  # who dispatches has to wait until it rests
                    _thread.start_new_thread(_threads.dispatch, (link, second))
                else:
                    _threads.dispatch(link, second)
                list.append(self, give)

        class Second(int):
            function, handler = "any", None

        second = Second(2)
        link.run, link.spare, link.threads, link.reserved = run, Spare(), _threads.THREADS, 1
        link.here = lambda call: False
        _thread.start_new_thread(_threads.work, (link, 1))
        self.assertTrue(done.acquire(True, 20), "the second call was never run")
        self.assertEqual((ran, link.queue), ([1, 2], []))

    def test_cancelled_too_late(self):
        """What is raised when its code has ended, and before its thread goes on, ends no thread."""
        from outwork import _threads

        link, call = _link.Link(None, None, {}), _link.Call(1, WINDOW)
        call.cancelled, link.code = True, mock.Mock(side_effect=KeyboardInterrupt)
        handle, payload = _threads.code(link, call, 0)
        self.assertEqual((handle, decode(payload)[0]), (_link.ERROR, CANCELLED))


if __name__ == "__main__":
    faulthandler.dump_traceback_later(60, exit=True)
    ok = unittest.main(exit=False).result.wasSuccessful()
    # Threads wait for ever on locks of the tests, which Python frees when it finalises: it may
    # crash then. A worker ends in this way too.
    os._exit(0 if ok else 1)
