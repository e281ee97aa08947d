"""What a link does when one thread is not enough: the watch, which listens while the
main thread is busy; calls on threads; cancelling; and what seldom comes."""

import _signal
import _thread
import sys
from _thread import get_ident
from time import monotonic

from outwork import _link
from outwork._link import CREDIT, END, ERROR, OPEN, REPLY, RESET, TICK, Refused, wake
from outwork._values import decode

THREADS = 64  # how many calls run beside the main thread; others wait


def watch(link):
    quiet = 0
    while True:
        late = link.entered and monotonic() - link.entered > TICK
        if (late or link.current.keys() - {link.main}) and link.entered and link.right.acquire(False):
            listen(link)
        quiet = 0 if link.current else quiet + 1
        if quiet > 20:
            quiet, link.parked = 0, True
            if not link.current:
                link.alarm.acquire()
            link.parked = False
        link.alarm.acquire(True, TICK)


def listen(link):
    """Reads in the main thread's place until that can go on."""
    try:
        link.flush()
        while True:
            dispatch(link, link.step())
            if link.idle or link.jobs:
                break
    except BaseException as e:
        end(link, e)
    link.right.release()
    link.wake_main()


def end(link, e):
    """The process cannot go on, and says why where that is heard without the link."""
    import os

    del sys.meta_path[0]  # nobody answers any more
    import traceback

    said = "".join(traceback.format_exception(type(e), e, e.__traceback__))
    os.write(link.words, said.encode("utf-8", "replace"))
    os._exit(1)


def dispatch(link, call):
    """Has a call run by somebody else than who has read it."""
    if not call:
        return
    here = link.here(call)
    # One that the main thread has not taken yet may block it: the next go elsewhere.
    if here and link.idle and not link.jobs or call.handler and call.handler.main(call):
        link.jobs.append(call)
        link.wake_main()
    elif not (hand(link, call, link.threads >= THREADS) or begin(link, call) or link.threads and hand(link, call, True)):
        link.jobs.append(call)
        link.wake_main()


def hand(link, call, wait):
    """Gives the call to a thread that has nothing to do, or has it wait for one."""
    with link.guard:
        give = link.spare.pop() if link.spare else None
        if wait and not give:
            link.queue.append(call)
    if give:
        give(call)
    return give or wait


def begin(link, call):
    """Whether a thread has begun that runs the call: there may be a limit."""
    share_threading(link.main)
    try:
        _thread.start_new_thread(work, (link, call))
    except RuntimeError:
        return
    link.threads += 1
    return True


def work(link, call):
    """The life of a thread that runs calls."""
    lock, given = _thread.allocate_lock(), []
    lock.acquire()

    def give(call):
        given.append(call)
        lock.release()

    while True:
        link.run(call, code)
        with link.guard:  # or a call comes to wait between the two looks, and does so for ever
            call = link.queue.pop(0) if link.queue else None
            if not call:
                link.spare.append(give)
        if not call:
            lock.acquire()
            call = given.pop()


def code(link, call, ident):
    """Runs somebody's code on a thread, in which nobody raises anything afterwards."""
    try:
        answer = link.code(call, ident)
        if call.cancelled:
            link.current.pop(ident, None)  # what is asked from here on is not the call's
            from outwork import _cancel

            _cancel.settle(link, call, ident)
        return answer
    except KeyboardInterrupt as e:  # its code had just ended
        return ERROR, _link.failure(call, e)


def share_threading(main):
    """threading takes the thread that imports it first for the main one."""
    import threading

    first = threading.main_thread()
    if first.ident != main:
        threading._active.pop(first._ident, None)
        first._ident = main
        threading._active[main] = first


def cancel(link, call):
    first, call.cancelled = not call.cancelled, True
    for ask in list(call.asks):
        wake(ask.lock)
    if first and call.thread:
        try:
            _thread.start_new_thread(insist, (link, call))
        except RuntimeError:
            _signal.pthread_kill(link.main, _signal.SIGINT)  # one has to do


def insist(link, call):
    from outwork import _cancel

    _cancel.insist(link, call)


class Busy:
    """While this side's code runs for a call on its thread, no exception is raised there."""

    def __init__(self, link, call):
        self.link, self.call = link, call if call and call.thread == get_ident() else _link.Call(0, 0)

    def __enter__(self):
        with self.link.guard:  # what is about to be raised comes here
            self.call.busy += 1

    def __exit__(self, *_):
        self.call.busy -= 1


class Ask:
    """A question of this side's and its answer, or whatever else somebody waits
    for."""

    handle = None  # of the answer

    def __init__(self, id):
        self.id, self.lock, self.partial, self.files = id, _thread.allocate_lock(), [], []
        self.lock.acquire()


def ask(link, handle, payload):
    if len(payload) + 12 > link.window:
        raise ValueError("too long: %d bytes" % len(payload))
    if link.turn.mine():
        raise Refused("asked in a message")
    if link.copy:
        raise Refused("a process that was forked has no manager to ask")
    call, ask = link.current.get(get_ident()), Ask(0)
    with Busy(link, call):
        with link.turn:
            ask.id = link.next
            link.next += 2
            link.asks[ask.id] = ask
            link.frame(ask.id, OPEN, handle, END, payload)
        link.flush()
        wait(link, call, ask, lambda: ask.handle is not None)
        if ask.handle is None:
            link.send(ask.id, RESET, 0, 0, b"\0\1")
    if call:
        call.check()
    if ask.handle == REPLY:
        return ask
    e = Refused("the manager gave up")
    if ask.handle == ERROR:
        _, said, _, kinds, _ = decode(ask.payload)[0]
        e = Refused(said)
        e.kinds = kinds
    raise e


def wait(link, call, ask, done):
    if call:
        call.asks.append(ask)
    while not done() and not (call and call.halted()):
        if get_ident() == link.main and link.right.acquire(False):
            try:
                while not done() and not (call and call.halted()):
                    dispatch(link, link.step())
                link.flush()
            finally:
                link.entered = monotonic()
                link.right.release()
        else:
            link.wake_watch(True)
            ask.lock.acquire()
    if call:
        call.asks.remove(ask)


def rare(link, stream, kind, flags, payload):
    """Takes a frame that is not of a plain call, or of an answer."""
    if stream in link.calls:
        call = link.calls[stream]
        if kind == RESET:
            cancel(link, call)
        elif kind == CREDIT:
            call.credit += int.from_bytes(payload, "big")
            for ask in list(call.asks):
                wake(ask.lock)
    elif kind == OPEN or stream in link.bulk:
        # Only calls back bring such: what they need is here.
        sys.modules["outwork._calls"].beside(link, stream, kind, flags, payload)
