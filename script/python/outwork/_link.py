"""One conversation with the manager, as PROTOCOL.md says: the worker's side.

Who reads: there is one *right* to read. The main thread holds it while it has
nothing to do, and runs what it has read. While it runs somebody's code, the watch
(_threads) takes the right after a moment, so that cancellation and other calls are
heard; it gives it back with the next call. No other thread reads: an exception that
cancels a call could be raised in the middle of a read there, and what was read would
be lost. Once the manager has said SHUTDOWN the watch alone reads, for the calls that
still run.
"""

import _signal
import _thread
import os
import sys
from _thread import get_ident
from time import monotonic

from outwork._values import decode, encode

HELLO, FORWARD_LOG, SHUTDOWN, LOG_LEVEL, PING, PONG, OUTPUT = range(1, 8)
CALL_FUNCTION, GET_MODULE, GET_CONTAINER, BULK, READ_CONTAINER, SEARCH_CONTAINER, HASH_CONTAINER = range(16, 23)
COMPARE_CONTAINER = 24
REPLY, ERROR, PROGRESS, ITEM = range(32, 36)
OPEN, MESSAGE, DATA, CREDIT, RESET = range(1, 6)
END, MORE = 1, 2

PREAMBLE = b"\x89owk\r\n\x1a\n\0\1\0\0"
PAYLOAD = 1 << 20  # bytes of a frame, at most
WINDOW = 1 << 20  # bytes that the manager may send ahead on a stream
STREAMS = 1024  # calls, and what belongs to them, at once
TICK = 0.003  # seconds after which the watch listens in place of the main thread
QUICK = 0.001  # seconds: what takes longer does not run where it was read

# What holds this process, as the stage that became it has found: no script sees it.
HELD = os.environ.pop("OUTWORK_CONFINED", "none")
HANDLERS = {}  # what runs a function of this side's, by its name


class Refused(Exception):
    """What the manager answered instead of a result."""

    __module__, kinds = "outwork", ()


class Call:
    """A call of the manager's."""

    value = partial = deadline = None
    thread = None  # that runs it, while it runs somebody's code
    busy = 0  # in the link: no exception may be raised there
    used = 0  # of credit; two numbers, for one thread changes each
    cancelled = raised = thrown = sent = False

    def __init__(self, id, credit):
        self.id, self.credit, self.asks = id, credit, []

    def halted(self):
        """Whether the call is cancelled and its code does not know yet."""
        return self.cancelled and not self.raised

    def check(self):
        if self.halted():
            self.raised = self.thread == get_ident()  # another one that waits for it ends too
            raise KeyboardInterrupt


class Turn:
    """The right to write, of one thread at a time. A destructor, or a signal's handler, may
    run in the middle of it, on the same thread: what that sends is written at its end."""

    def __init__(self):
        self.lock, self.holders = _thread.allocate_lock(), set()

    def mine(self):
        return get_ident() in self.holders

    def __enter__(self):
        self.holders.add(get_ident())  # first: what sends may come before the lock is there
        try:
            self.lock.acquire()
        except BaseException:  # a script's own handler of a signal has raised it
            self.holders.discard(get_ident())
            raise

    def __exit__(self, *_):
        self.lock.release()
        self.holders.discard(get_ident())


def wake(lock):
    """Releases a lock that somebody waits for, or will."""
    try:
        lock.release()
    except RuntimeError:
        pass  # somebody has done so already


class Link:
    hello, window = {}, 65536
    level, levels = 0, ()  # the manager's, and who follows it
    closing = idle = watching = parked = False
    copy = False  # a script has forked, and this is its child
    reserved = 0  # the main thread is for who asks for it, and for what is quick
    entered = 0  # when somebody's code was last begun
    threads = 0
    words = 2  # where last words are written

    def __init__(self, source, sink, functions):
        self.source, self.sink, self.functions = source, sink, functions
        self.data, self.at, self.fds, self.out = b"", 0, [], []
        self.calls, self.asks, self.bulk, self.next = {}, {}, {}, 2
        self.jobs, self.spare, self.queue, self.quick, self.current = [], [], [], {}, {}
        self.main = get_ident()
        self.right, self.nudge, self.alarm = (_thread.allocate_lock() for _ in range(3))
        # The guard is of who rests, and of who is about to have something raised where.
        self.turn, self.guard = Turn(), _thread.RLock()
        self.nudge.acquire()
        self.alarm.acquire()
        _signal.signal(_signal.SIGINT, self.interrupt)
        os.register_at_fork(after_in_child=self.forked)

    def forked(self):
        """The child of a fork has this link too: it says nothing, and ends with its call."""
        self.turn, self.guard, self.flush, self.copy = Turn(), _thread.RLock(), self.out.clear, True

    # Writing.

    def frame(self, stream, kind, handle, flags, payload):
        self.out.append(b"%b%b%c%c%c\0%b" % (len(payload).to_bytes(4, "big"), stream.to_bytes(4, "big"), kind, handle, flags, payload))

    def send(self, *frame):
        self.frame(*frame)
        self.flush()

    def flush(self):
        while self.out and not self.turn.mine():
            with self.turn:
                out = self.out[:]
                del self.out[: len(out)]  # the same list for ever: others append to it meanwhile
                self.sink(b"".join(out))

    # Reading. Whoever calls these has the right.

    def fill(self, want):
        """Reads until that many bytes are there."""
        if self.out:
            self.flush()
        chunks = [self.data[self.at :]]
        want -= len(chunks[0])
        try:
            while want > 0:
                data, fds = self.source(max(65536, want))
                if not data:
                    os._exit(0)  # the manager has gone
                self.fds += fds
                chunks.append(data)
                want -= len(data)
        finally:  # a script's own handler of a signal may raise something
            self.data, self.at = b"".join(chunks), 0

    def step(self):
        """Reads a frame and does what it says. Returns a call that may begin."""
        if len(self.data) - self.at < 12:
            self.fill(12)
        d, i = self.data, self.at
        n = int.from_bytes(d[i : i + 4], "big")
        if n > PAYLOAD:
            raise ValueError("the manager sends a frame of %d bytes" % n)
        if len(d) - i - 12 < n:
            self.fill(12 + n)
            d, i = self.data, 0
        self.at = i + 12 + n
        stream, kind, handle, flags = int.from_bytes(d[i + 4 : i + 8], "big"), d[i + 8], d[i + 9], d[i + 10]
        files, self.fds = self.fds[: d[i + 11]], self.fds[d[i + 11] :]
        payload = d[i + 12 : self.at]
        if kind == OPEN and handle == CALL_FUNCTION:
            call = self.calls[stream] = Call(stream, self.window)
            call.files = files
            return self.whole(call, flags, payload)
        if stream == 0:
            self.control(handle, payload)
        elif kind == MESSAGE and stream in self.calls:
            return self.whole(self.calls[stream], flags, payload)
        elif stream in self.asks:
            ask = self.asks[stream]
            ask.partial.append(payload)
            ask.files += files
            if flags & MORE:
                self.give(stream, n)
            else:
                del self.asks[stream]
                ask.payload, ask.handle = b"".join(ask.partial), handle
                wake(ask.lock)
        else:
            from outwork import _threads

            _threads.rare(self, stream, kind, flags, payload)

    def control(self, handle, payload):
        if handle == HELLO:
            self.hello = decode(payload)[0]
            self.window, self.level = self.hello["window"], self.hello["level"]
            mine = dict(
                name="", build="python " + sys.version.split()[0], digest=b"\xff" * 32, window=WINDOW, streams=STREAMS,
                level=0, languages=["python"], confinement=HELD, functions=self.functions, pid=os.getpid(),
            )
            self.send(0, MESSAGE, HELLO, 0, encode(mine))
        elif handle == PING:
            self.send(0, MESSAGE, PONG, 0, payload)
        elif handle == LOG_LEVEL:
            self.level = decode(payload)[0][0]
            for follow in self.levels:
                follow(self.level)
        elif handle == SHUTDOWN:
            self.closing = True
            self.wake_main()

    def whole(self, call, flags, payload):
        """The call, if this is the last of it."""
        if flags & MORE or call.partial:
            call.partial = (call.partial or b"") + payload
            if flags & MORE:
                return self.give(call.id, len(payload))
            payload = call.partial
        (call.function, left, _, call.grants, _), i = decode(payload)
        call.args = payload[i:]
        if left:
            call.deadline = monotonic() + left / 1e9
        return call

    def give(self, stream, n):
        self.send(stream, CREDIT, 0, 0, (n + 12).to_bytes(4, "big"))

    # Asking.

    def ask(self, handle, payload):
        """Asks the manager, and returns the Ask with what it replied. It ends early
        when the call that asks is cancelled."""
        from outwork import _threads

        return _threads.ask(self, handle, payload)

    def wait(self, call, ask, done):
        """Returns when done, or when the call is cancelled. The main thread reads
        meanwhile, if nobody else does."""
        from outwork import _threads

        _threads.wait(self, call, ask, done)

    # Running.

    def live(self):
        """The main thread's life, until the manager has had enough."""
        self.sink(PREAMBLE)
        self.fill(12)
        if self.data[:12] != PREAMBLE:
            raise ValueError("the manager speaks another protocol: %r" % self.data[:12])
        self.at = 12
        while not self.over():
            if self.jobs:
                self.run(self.jobs.pop(0))
            elif not self.closing and self.right.acquire(False):
                self.entered = call = 0
                while not (call or self.jobs or self.closing):
                    call = self.step()
                    if call and not self.here(call):
                        call = self.dispatch(call)
                self.entered = monotonic()
                self.right.release()
                if call:
                    self.run(call)
            else:
                self.flush()
                self.idle = True  # before the look: whoever lets go of the right later wakes
                if self.closing:
                    self.wake_watch(True)  # it reads for the calls that run: their end is awaited here
                if (self.closing or self.right.locked()) and not self.jobs and not self.over():
                    self.nudge.acquire()
                self.idle = False
        self.flush()

    def over(self):
        return self.closing and not self.calls

    def here(self, call):
        """Whether the main thread runs a call that it has just read."""
        h = call.handler = HANDLERS.get(call.function)
        return not h or h.main(call) or not self.reserved or self.quick.get(h.key(call))

    def dispatch(self, call):
        """Has a call run that was read by who cannot run it."""
        if call:
            from outwork import _threads

            _threads.dispatch(self, call)

    def run(self, call, code=None):
        answer = self.attempt(call, code or Link.code)
        if answer:
            self.finish(call, *answer)

    def attempt(self, call, code):
        """Runs a call, and returns what to answer."""
        ident = get_ident()
        self.current[ident] = call
        self.entered = began = monotonic()
        self.wake_watch(False)
        answer = code(self, call, ident)
        self.current.pop(ident, None)
        if self.reserved and call.handler:
            self.quick[call.handler.key(call)] = monotonic() - began < QUICK
        return answer

    def code(self, call, ident):
        """Runs somebody's code: while call.thread is set, KeyboardInterrupt may be raised."""
        try:
            try:
                call.thread = ident
                call.check()
                return call.handler.run(call)
            finally:
                call.thread = None
        except BaseException as e:
            call.thread = None
            self.current.pop(ident, None)  # what is asked from here on is not the call's
            if self.copy:
                type(e) is SystemExit or sys.excepthook(type(e), e, e.__traceback__)
                return ERROR, b""
            return ERROR, failure(call, e)

    def finish(self, call, handle, payload):
        """Answers a call."""
        if self.copy:
            self.before_reply()
            os._exit(handle != REPLY)
        with self.turn:  # nobody tells its progress behind its end
            call.sent, call.cancelled, call.raised = True, False, False
        self.before_reply()
        if len(payload) + 12 > min(call.credit - call.used, PAYLOAD):
            from outwork import _long

            _long.send(self, call, handle, payload)
        else:
            self.frame(call.id, MESSAGE, handle, END, payload)
        del self.calls[call.id]
        if get_ident() != self.main or self.jobs or self.right.locked():  # else it reads on, and flushes before
            self.flush()
            if self.closing:
                self.wake_main()

    def before_reply(self):
        for f in (sys.stdout, sys.stderr):
            try:
                f.flush()
            except Exception:
                pass  # a script that closes its output has none

    def wake_main(self):
        if self.idle:
            wake(self.nudge)

    def wake_watch(self, now):
        if not self.watching:
            self.watching = True
            _thread.start_new_thread(self.watch, ())
        if self.parked or now:
            self.parked = False
            wake(self.alarm)

    def watch(self):
        self.alarm.acquire(True, TICK)
        from outwork import _threads

        _threads.watch(self)

    def interrupt(self, *_):
        """SIGINT, which is how the main thread is told that its call is cancelled."""
        call = self.current.get(self.main)
        if call and call.thread and not call.busy:
            call.check()


def failure(call, e):
    """The payload of the ERROR that an exception makes of a call."""
    if type(e) is KeyboardInterrupt and call.cancelled:
        return encode([1, "cancelled", "", ["context.Canceled"], []])
    from outwork import _errors

    return _errors.failure(call, e)

