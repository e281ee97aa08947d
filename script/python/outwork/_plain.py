"""A link over a pair of byte streams, standard input and output: what is printed then
has no way of its own, and goes over the link."""

import _thread
import os
import sys

from outwork import _link


def redirect():
    """Takes 0 and 1 for the link, and gives the process others."""
    source, sink = os.dup(0), os.dup(1)
    with open(os.devnull) as null:
        os.dup2(null.fileno(), 0)

    def write(data):
        view = memoryview(data)
        while view:
            view = view[os.write(sink, view) :]

    return (lambda n: (os.read(source, min(n, 1 << 20)), [])), write


def forward(link):
    """Sends what comes out of 1 and 2, in order: before a result all that was written
    before it."""
    import fcntl
    import termios

    link.words = os.dup(2)
    lock, pipes = _thread.allocate_lock(), {}
    for fd in (1, 2):
        pipes[fd], w = os.pipe()
        os.dup2(w, fd)
        os.close(w)

    def take(fd, most=65536):
        data = os.read(pipes[fd], min(most, 65536))
        link.send(0, _link.MESSAGE, _link.OUTPUT, 0, b"%c%b" % (fd, data))
        return len(data)

    def waiting(fd):
        return int.from_bytes(fcntl.ioctl(pipes[fd], termios.FIONREAD, b"1234"), sys.byteorder)

    def follow(fd):
        import select

        poll = select.poll()
        poll.register(pipes[fd], select.POLLIN)
        while True:
            poll.poll()
            with lock:  # it covers reading and sending: who holds it knows that nothing is between
                if waiting(fd):
                    take(fd)

    flush = link.before_reply

    def drain():
        flush()
        with lock:
            for fd in (1, 2):
                left = waiting(fd)
                while left > 0:
                    left -= take(fd, left)

    link.before_reply = drain
    for fd in (1, 2):
        _thread.start_new_thread(follow, (fd,))
