"""logging goes to the manager: level, logger, place and exception."""

import sys

from outwork import _link, _run, _threads
from outwork._values import encode

LARGEST = 200 << 10  # bytes of a record's message
SMALL, MOST = 2048, 64  # bytes of another text, and how many of extra are sent


def slog(level):
    """Python's levels on the manager's scale: 10 a step there, 4 here."""
    return max(-1000, min((level - 20) * 4 // 10, 1000))


def whole(number):
    """A record's number, which may come from anywhere, as one of 63 bits."""
    return max(-1 << 63, min(int(number), (1 << 63) - 1))


def late(logging, link):
    """Is install, unless another thread imports logging just now, and does it behind that."""
    if not getattr(logging.__spec__, "_initializing", False):
        install(logging, link)


def install(logging, link):
    known = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}

    class Forward(logging.Handler):
        def emit(self, record):
            try:
                send(self.format_text(record), record)
            except Exception:
                self.handleError(record)

        def format_text(self, record):
            message = record.getMessage()
            if record.exc_info and record.exc_info[1]:
                from outwork import _errors

                message += "\n" + _errors.trace(record.exc_info[1])
            elif record.exc_text:
                message += "\n" + record.exc_text
            if record.stack_info:
                message += "\n" + record.stack_info
            return message

    def send(message, record):
        attrs = [("logger", record.name)] if record.name != "root" else []
        attrs += [i for i in vars(record).items() if i[0] not in known][:MOST]
        attrs = [[[cut(k)], 0, 0, cut(v)] for k, v in attrs]
        place = [cut(record.funcName or ""), cut(record.pathname or ""), whole(record.lineno)]
        payload = encode([whole(record.created * 1e9), slog(whole(record.levelno)), cut(message, LARGEST), place, attrs, 0])
        link = _run.LINK  # that of this process: it may be a copy of another
        if link.copy:  # or a child of the script's, which has none
            print("%s: %s" % (record.levelname, message), file=sys.stderr)
            return
        call = link.current.get(_link._thread.get_ident())
        with _threads.Busy(link, call):
            link.send(0, _link.MESSAGE, _link.FORWARD_LOG, 0, payload)
        if call:
            call.check()

    def follow(level):
        level = max(1, level * 10 // 4 + 20)
        logging.root.setLevel(level)
        forward.setLevel(level)

    forward = Forward()
    logging.root.addHandler(forward)
    follow(link.level)
    link.levels += (follow,)


def cut(s, most=SMALL):
    """What of a text can cross."""
    raw = str(s).encode("utf-8", "backslashreplace")
    return raw.decode() if len(raw) <= most else raw[:most].decode("utf-8", "ignore") + " …"
