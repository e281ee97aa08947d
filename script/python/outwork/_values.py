"""CBOR (RFC 8949), as much of it as PROTOCOL.md has: what crosses a link. What few
values are is in _more."""

# Tags of PROTOCOL.md, "Values". A tag names one of these few static kinds, and
# nothing that could be constructed by name.
SET, TUPLE = 258, 0x6F770001

DEPTH = 32  # how deep lists and dicts may be nested
LARGEST = 16 << 20  # bytes of a message


class CannotCross(TypeError):
    """A value that has no form on the wire; says which, and where it stands."""

    __module__ = "outwork"

    def __init__(self, why):
        self.why, self.path = why, ""

    def __str__(self):
        return (self.path and "value" + self.path + ": ") + self.why


def head(major, n):
    if n < 24:
        return bytes((major | n,))
    k = 0 if n < 0x100 else 1 if n < 0x10000 else 2 if n >> 32 == 0 else 3
    return bytes((major | 24 + k,)) + n.to_bytes(1 << k, "big")


def encode(value):
    out = bytearray()
    put(value, out, 0)
    return out


def put(v, out, depth):
    how = PUT.get(type(v))
    if not how:
        from outwork._more import other

        how = other(v)
    how(v, out, depth)


def put_int(v, out, depth):
    major, n = (0, v) if v >= 0 else (0x20, -1 - v)
    if n >> 64:
        from outwork._more import put_big

        put_big(major, n, out)
    else:
        out += head(major, n)


def put_float(v, out, depth):
    import _struct

    out += b"\xfb" + _struct.pack(">d", v)


def put_str(v, out, depth):
    try:
        raw = v.encode()
    except UnicodeEncodeError:
        raise CannotCross("the str holds lone surrogates and is not UTF-8; bytes may be anything") from None
    out += head(0x60, len(raw)) + raw


def put_bytes(v, out, depth):
    out += head(0x40, len(v))
    out += v


def room(out, depth):
    if depth >= DEPTH:
        raise CannotCross("nested deeper than %d, or within itself" % DEPTH)
    if len(out) > LARGEST:
        raise CannotCross("larger than %d MiB" % (LARGEST >> 20))


def put_list(v, out, depth):
    room(out, depth)
    v = [*v]  # as it is now: other threads may change it
    out += head(0x80, len(v))
    i = 0
    try:
        for item in v:
            put(item, out, depth + 1)
            i += 1
    except CannotCross as e:
        e.path = "[%d]%s" % (i, e.path)
        raise


def tagged(tag):
    def put_tagged(v, out, depth):
        out += head(0xC0, tag)
        put_list(v, out, depth)

    return put_tagged


def put_dict(v, out, depth):
    room(out, depth)
    v = [*v.items()]
    out += head(0xA0, len(v))
    odd = False
    try:
        for k, item in v:
            if type(k) is not str:
                from outwork._more import check_key

                odd = check_key(k, odd, v)
            put(k, out, depth)
            put(item, out, depth + 1)
    except CannotCross as e:
        e.path = "[%.60r]%s" % (k, e.path)
        raise


PUT = {
    type(None): lambda v, out, depth: out.append(0xF6),
    bool: lambda v, out, depth: out.append(0xF5 if v else 0xF4),
    int: put_int,
    float: put_float,
    str: put_str,
    bytes: put_bytes,
    list: put_list,
    tuple: tagged(TUPLE),
    dict: put_dict,
    set: tagged(SET),
}


def decode(b, i=0):
    """The item of b at i, and where the next one begins. b is the manager's, and
    so well-formed."""
    c = b[i]
    major, n = c >> 5, c & 31
    i += 1
    if n > 23:
        size = 1 << n - 24
        n = int.from_bytes(b[i : i + size], "big")
        i += size
    if major == 0:
        return n, i
    if major == 1:
        return -1 - n, i
    if major == 2:
        return bytes(b[i : i + n]), i + n
    if major == 3:
        return str(b[i : i + n], "utf-8"), i + n
    if major == 4:
        items = []
        for _ in range(n):
            v, i = decode(b, i)
            items.append(v)
        return items, i
    if major == 5:
        pairs = {}
        for _ in range(n):
            k, i = decode(b, i)
            pairs[k], i = decode(b, i)
        if len(pairs) < n:
            raise ValueError("equal keys")
        return pairs, i
    if major == 6:
        v, i = decode(b, i)
        if n == TUPLE or n == SET:
            return (tuple if n == TUPLE else set)(v), i
        from outwork._more import untag

        return untag(n, v), i
    if c < 0xF8:
        return (False, True, None, None)[n - 20], i
    import _struct

    return _struct.unpack("_>e>f>d"[2 * (c - 0xF9) + 1 :][:2], b[i - size : i])[0], i
