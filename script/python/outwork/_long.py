"""Results that are longer than a frame, or than the credit there is."""

from outwork._link import END, MESSAGE, MORE, PAYLOAD, RESET
from outwork._threads import Ask


def send(link, call, handle, payload):
    payload, ask = memoryview(payload), Ask(call.id)
    while payload:
        least = min(4096, len(payload))
        n = min(call.credit - call.used - 12, PAYLOAD, len(payload))
        if n >= least:
            call.used += n + 12
            link.send(call.id, MESSAGE, handle, END if n == len(payload) else MORE, payload[:n])
            payload = payload[n:]
            continue
        link.flush()
        link.wait(call, ask, lambda: call.credit - call.used - 12 >= least)
        if call.cancelled:
            return link.send(call.id, RESET, 0, 0, b"\0\1")
        ask = Ask(call.id)
