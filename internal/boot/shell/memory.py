import hashlib, os, sys, zlib

def say(*words):
    os.write(1, b"\x89owk:" + "\t".join((nonce,) + words).encode() + b"\n")

def take(n):
    parts = []
    while n:
        part = os.read(0, min(n, 1 << 20))
        if not part:
            sys.exit("the upload has ended early")
        parts.append(part)
        n -= len(part)
    return b"".join(parts)

nonce, size, want = sys.argv[1:]
data = zlib.decompress(take(int(size)), 31)
have = hashlib.sha256(data).hexdigest()
if have != want:
    say("bad", "by python3 its SHA-256 is %s instead of %s" % (have, want))
    sys.exit(1)
fd = os.memfd_create("outwork", os.MFD_CLOEXEC)
view = memoryview(data)
while view:
    view = view[os.write(fd, view):]
say("ok", "", "python3")
os.environ["OUTWORK_ROLE"] = "agent"
os.execve(fd, ["outwork", "[agent]"], os.environ)
