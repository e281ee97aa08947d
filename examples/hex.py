# Shows a shared container on the terminal, and prints what was picked there with Enter.
#
#   outwork run --grant terminal --share data=/bin/ls examples/hex.py
#   outwork run --grant terminal --share x=app.exe examples/hex.py x 0x3c

import outwork

MOST = 64  # bytes that are printed


def main(name="data", offset="0"):
    c = outwork.shared(name)
    picked = outwork.show(c, offset=int(offset, 0))
    if not picked:
        return
    data = c.read(picked.offset, min(picked.length, MOST))
    more = " ..." if picked.length > MOST else ""
    print("%d bytes at %#x: %s%s" % (picked.length, picked.offset, data.hex(" "), more))
