"""Sees to it that a cancelled call gets its KeyboardInterrupt."""

import _signal
import sys
import time

AGAIN = 0.02  # seconds between two signals


def insist(link, call):
    """Signals the main thread until that has raised the exception: a signal that comes
    just before a blocking call does not end it, and what is raised in a __del__ or the
    like is lost. So it is seen to first that this is noticed: nobody signals before."""
    if call.thread != link.main:
        return throw(link, call)
    if _signal.getsignal(_signal.SIGINT) != link.interrupt:
        return  # the script has a handler of its own, and was told
    hook = sys.unraisablehook

    def lost(about):
        if about.exc_type is KeyboardInterrupt:
            call.raised = False
        else:
            hook(about)

    sys.unraisablehook = lost
    while call.thread == link.main and not call.sent:
        if not call.raised:
            _signal.pthread_kill(link.main, _signal.SIGINT)
        time.sleep(AGAIN)
    if sys.unraisablehook is lost:
        sys.unraisablehook = hook


def throw(link, call):
    """Raises it on another thread, at that thread's next step in Python."""
    if not call.thread:
        return  # it has ended
    import ctypes

    with link.guard:  # the thread does nothing else meanwhile
        thread = call.thread
        if thread and call.halted() and not call.busy:
            call.thrown = call.raised = True
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(KeyboardInterrupt))


def settle(link, call, ident):
    """Returns when nothing is raised on this thread any more for a call that has ended."""
    with link.guard:
        pass  # who has seen it run has raised it by then
    if call.thrown:
        import ctypes

        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), None)
