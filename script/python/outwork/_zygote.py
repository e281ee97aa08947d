"""Workers that are copies of this one: what it has imported they need not import.

A fork's call is answered when its process has ended, with how; that it has begun, and
its number, is told as progress.
"""

import gc
import os
import select
import signal
import sys

from outwork import _link, _run, _threads
from outwork._values import decode, encode

CHILDREN = {}  # calls by the number of the process that they are for


def run(call):
    if call.function == "guest.signal":
        return notify(*decode(decode(call.args)[0])[0])
    link = _run.LINK
    watch_children(link)
    link.before_reply()
    pid = os.fork()
    if not pid:
        live(link, call.files)  # guest.fork: {Name, Link, Stdout, Stderr}: the last three are files
    for fd in call.files:
        os.close(fd)
    call.files, CHILDREN[pid] = [], call
    with _threads.Busy(link, call):
        link.send(call.id, _link.MESSAGE, _link.PROGRESS, 0, encode([pid, 0, ""]))
        reap(link)  # it may have ended before it was known


def live(link, files):
    """The life of the copy: a worker of its own, on a link of its own."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        CHILDREN.clear()
        os.setpgid(0, 0)
        for fd, to in zip(files, (3, 1, 2)):
            os.dup2(fd, to, to != 3)
            os.set_blocking(to, True)
        for call in link.calls.values():  # the ends of copies that are still to be made too
            for fd in call.files:
                os.close(fd)
        for fd in link.fds:
            os.close(fd)
        fresh = _run.LINK = _link.Link(link.ends, link.sink, link.functions)
        fresh.levels = link.levels
        fresh.live()
        if "threading" in sys.modules:
            sys.modules["threading"]._shutdown()
        __import__("atexit")._run_exitfuncs()
        fresh.before_reply()
        status = 0
    except BaseException as e:
        _threads.end(link, e)
    finally:
        os._exit(status)


def watch_children(link):
    """Lets whoever reads the link see to it that children which end are told of."""
    if hasattr(link, "ends"):
        return
    gc.freeze()  # what is there is shared with all copies: leave it alone
    link.ends = link.source
    woken, wake = os.pipe()
    for fd in (woken, wake):
        os.set_blocking(fd, False)
    # The watch may be reading already, and then does not look: the main thread does, as
    # soon as it has nothing else to do.
    signal.signal(signal.SIGCHLD, lambda *_: link.idle and reap(link))
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    poll = select.poll()
    poll.register(3, select.POLLIN)
    poll.register(woken, select.POLLIN)

    def source(n):
        while True:
            ready = [fd for fd, _ in poll.poll()]
            if woken in ready:
                os.read(woken, 4096)
                reap(link)
            if 3 in ready:
                return link.ends(n)

    link.source = source


def reap(link):
    """Tells of the copies that have ended. The main thread's signal handler may be at it as
    well: whoever takes a call out of CHILDREN has its process to wait for."""
    for pid in list(CHILDREN):
        try:
            ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        except ChildProcessError:
            continue  # the other has been quicker
        call = ended and CHILDREN.pop(pid, None)
        if not call:
            continue
        try:
            os.killpg(pid, signal.SIGKILL)  # before its number is free: all that it left
        except OSError:
            pass
        _, status, used = os.wait4(pid, 0)
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -1
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        times = [int(used.ru_utime * 1e9), int(used.ru_stime * 1e9)]
        link.finish(call, *_run.answer([code, number] + times + [used.ru_maxrss << 10]))
    link.flush()


def notify(pid, number):
    """Signals a copy that has not ended, and what it has started."""
    for send in (os.killpg, os.kill):
        try:
            if pid in CHILDREN:
                send(pid, number)
            break
        except OSError:
            pass  # it has no group yet, or has ended
    return _run.answer(None)
