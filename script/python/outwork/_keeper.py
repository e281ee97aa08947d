"""Where no agent can run, this process is one: it has the interpreter as its child,
relays its link, puts what it prints into that, and answers for it while it computes.
When the link ends it kills the child and what that has left behind."""

import _signal
import os
import select
import sys
from time import monotonic

MESSAGE, SHUTDOWN, PING, PONG, OUTPUT, PAUSE, END = 2, 3, 5, 6, 7, 8, 1
SILENCE = 15  # seconds without a byte after which the manager is given up
QUEUE = 16 << 20  # bytes that wait for the interpreter before no more are read
CHUNK = 1 << 16


def begin():
    """Returns in the child, which has its link as 0 and 1, and as 2 and 3 what it prints."""
    pipes = [os.pipe() for _ in range(4)]
    theirs = [pipes[0][0], pipes[1][1], pipes[2][1], pipes[3][1]]
    ours = [pipes[0][1], pipes[1][0], pipes[2][0], pipes[3][0]]
    pid = os.fork()
    if not pid:
        os.setpgid(0, 0)
        for to, fd in enumerate(theirs):
            if fd != to:
                os.dup2(fd, to)
        for fd in ours + theirs:
            if fd > 3:
                os.close(fd)
        return
    try:
        for fd in theirs:
            os.close(fd)
        Keeper(pid, *ours).live()
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(1)


class Frames:
    """Tells where the frames of a stream begin, behind its preamble."""

    head, left = b"", 12

    def cut(self, data):
        """Yields the frames of data, or what there is of the last; with each its header,
        but for the rest of one of which the beginning was in earlier data."""
        data, i = self.head + data, 0
        while i < len(data):
            h, n = None, self.left
            if not n:
                h = data[i : i + 12]
                n = 12 + int.from_bytes(h[:4], "big")
                if len(h) < 12 or own(h) and len(data) - i < n < 99:
                    break
            part = data[i : i + n]
            i += len(part)
            yield h, part
            self.left = n - len(part)
        self.head = data[i:]


def own(h):
    """Whether a frame is for this process: of SHUTDOWN, one that names a signal."""
    return h[4:9] == b"\0\0\0\0\2" and (h[9] in (PING, PAUSE) or h[9] == SHUTDOWN and h[3])


def control(handle, payload):
    return b"%b\0\0\0\0\2%c\0\0%b" % (len(payload).to_bytes(4, "big"), handle, payload)


class Keeper:
    status = None  # of the child, when it has ended
    greeted = asked = paused = False

    def __init__(self, pid, down, up, errs, out):
        self.pid, self.down, self.up, self.prints = pid, down, up, {out: 1, errs: 2}
        self.todo, self.answers, self.said, self.heard = bytearray(), b"", Frames(), Frames()
        self.last = monotonic()
        self.woken, wake = os.pipe()
        for fd in [down, up, self.woken, wake, *self.prints]:
            os.set_blocking(fd, False)
        os.set_blocking(1, True)
        _signal.set_wakeup_fd(wake)
        for s in (_signal.SIGCHLD, _signal.SIGTERM, _signal.SIGHUP, _signal.SIGINT):
            _signal.signal(s, lambda *_: None)

    def live(self):
        adopt()
        try:
            self.reap()
            while self.status is None:
                self.turn()
        except OSError:  # the manager has gone
            pass
        self.kill()
        while self.status is None:
            self.reap(0)
        self.sweep()
        try:
            self.rest()
        except OSError:
            pass
        os._exit(os.WEXITSTATUS(self.status) if os.WIFEXITED(self.status) else 128 + os.WTERMSIG(self.status))

    def turn(self):
        full = len(self.todo) > QUEUE
        reads = [self.woken, self.up] + ([] if full else [0]) + ([] if self.said.left else list(self.prints))
        before = monotonic()
        ready, room, _ = select.select(reads, [self.down] if self.todo else [], [], SILENCE / 3)
        now = monotonic()
        if full or self.paused or now - before > SILENCE / 2:  # or it was not listened to
            self.last = now
        if self.woken in ready and set(os.read(self.woken, 99)) - {_signal.SIGCHLD}:
            raise OSError
        if 0 in ready:
            self.take(os.read(0, CHUNK))
        elif now - self.last > SILENCE:
            raise OSError
        elif now - self.last > SILENCE / 3 and not self.asked:
            self.asked = True
            self.answers += control(PING, b"keeper")
        if room or 0 in ready and self.todo:
            self.give()
        if self.up in ready:
            self.tell(read(self.up, 2 * CHUNK) or b"")
        else:
            self.tell(b"")
        if not self.said.left:
            for fd in [fd for fd in self.prints if fd in ready]:
                self.print(fd)
        self.reap()

    def take(self, data):
        """Takes what the manager sends."""
        if not data:
            raise OSError
        self.last, self.asked, self.paused = monotonic(), False, False
        for h, part in self.heard.cut(data):
            if not h or not own(h):
                self.todo += part
            elif h[9] == PING:
                self.answers += control(PONG, part[12:])
            elif h[9] == SHUTDOWN:
                self.kill()
            else:
                self.paused = True

    def give(self):
        try:
            del self.todo[: os.write(self.down, self.todo)]
        except BlockingIOError:
            pass
        except BrokenPipeError:  # it ends
            self.todo.clear()

    def tell(self, data):
        """Passes on what the interpreter says; before a result all that was printed."""
        parts = []
        for h, part in self.said.cut(data):
            if h and h[8] == MESSAGE and h[10] & END:
                self.send(b"".join(parts))
                parts.clear()
                for fd in list(self.prints):
                    self.print(fd)  # as much as a pipe holds
            parts.append(part)
            self.greeted = self.greeted or h
        self.send(b"".join(parts))
        if self.answers and self.greeted and not self.said.left:
            answers, self.answers = self.answers, b""
            self.send(answers)

    def print(self, fd):
        """Sends what was printed. Until the manager may be told it goes where the
        interpreter would have printed it."""
        data = read(fd, CHUNK)
        if data:
            whole = control(OUTPUT, b"%c%b" % (self.prints[fd], data))
            self.send(whole) if self.greeted and not self.said.left else os.write(2, data)
        elif data is not None:
            del self.prints[fd]
        return data

    def send(self, data):
        view = memoryview(data)
        while view:
            view = view[os.write(1, view) :]

    def reap(self, how=os.WNOHANG):
        pid = 1
        while pid and self.status is None:
            pid, status = os.waitpid(-1, how)
            if pid == self.pid:
                self.status = status

    def rest(self):
        """Sends what the interpreter has said and printed before it ended."""
        data = True
        while data:
            data = read(self.up, CHUNK)
            self.tell(data or b"")
        for fd in list(self.prints):
            while self.print(fd):
                pass

    def kill(self):
        for send in (os.killpg, os.kill) if self.status is None else (os.killpg,):
            try:
                send(self.pid, _signal.SIGKILL)
            except OSError:
                pass

    def sweep(self):
        """Kills what has left the interpreter's group."""
        try:
            while True:
                with open("/proc/self/task/%d/children" % os.getpid()) as f:
                    left = f.read().split()
                for pid in left:
                    os.kill(int(pid), _signal.SIGKILL)
                os.waitpid(-1, 0)
        except OSError:
            pass


def adopt():
    """Makes what the interpreter's children leave behind this process's own."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER
    except Exception:
        pass  # there is none: then only the interpreter's group is killed


def read(fd, most):
    """What is there: None if there is nothing yet."""
    try:
        return os.read(fd, most)
    except BlockingIOError:
        return None
