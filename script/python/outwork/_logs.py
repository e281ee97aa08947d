"""logging goes to the manager: level, logger, place and exception."""


from outwork import _link
from outwork._values import encode

LARGEST = 200 << 10  # bytes of a record's texts


def slog(level):
    """Python's levels on the manager's scale: 10 a step there, 4 here."""
    return (level - 20) * 4 // 10


def install(logging, link):
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
        attrs = [[["logger"], 0, 0, record.name]] if record.name != "root" else []
        place = [record.funcName or "", record.pathname, record.lineno]
        payload = encode([int(record.created * 1e9), slog(record.levelno), cut(message), place, attrs, 0])
        call = link.current.get(_link._thread.get_ident())
        if call:
            call.busy += 1
        try:
            link.send(0, _link.MESSAGE, _link.FORWARD_LOG, 0, payload)
        finally:
            if call:
                call.busy -= 1

    def follow(level):
        logging.root.setLevel(max(1, level * 10 // 4 + 20))

    logging.root.addHandler(Forward())
    follow(link.level)
    link.levels += (follow,)


def cut(s):
    raw = s.encode("utf-8", "backslashreplace")
    return s if len(raw) == len(s) < LARGEST else raw[:LARGEST].decode("utf-8", "ignore")
