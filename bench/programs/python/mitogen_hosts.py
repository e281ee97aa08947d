"""Mitogen's side of the benchmark's tables "hosts", as the package side of bench says.

mitogen_hosts.py COMPRESSION SSH ARGUMENT...

COMPRESSION is "default" or "off"; the others are the command line of ssh.
"""

import json
import os
import sys
import threading
import time

import mitogen.core
import mitogen.master

import functions

MIB = 1 << 20
PIECE = 25  # MiB


class Bench:
    def __init__(self, compression, ssh, *ssh_args):
        self.broker = mitogen.master.Broker()
        self.router = mitogen.master.Router(self.broker)
        self.options = dict(ssh_path=ssh, ssh_args=list(ssh_args), python_path="/usr/bin/python3")
        if compression == "off":
            self.options["compression"] = False
        self.block = os.urandom(MIB)  # compression finds nothing in it, nor in many of it
        self.context = None

    def connect(self, host):
        return self.router.ssh(hostname=host, **self.options)

    def first(self, host):
        began = time.perf_counter()
        context = self.connect(host)
        context.call(functions.nothing)
        took = time.perf_counter() - began
        context.shutdown(wait=True)
        return [took]

    def many(self, count, prefix):
        contexts, errors = [], []

        def one(host):
            try:
                context = self.connect(host)
                contexts.append(context)
                context.call(functions.nothing)
            except Exception as e:
                errors.append(e)

        threads = [threading.Thread(target=one, args=(prefix + str(i),)) for i in range(int(count))]
        began = time.perf_counter()
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        took = time.perf_counter() - began
        for context in contexts:
            context.shutdown(wait=True)
        if errors:
            raise errors[0]
        return [took]

    def open(self, host):
        self.context = self.connect(host)
        self.context.call(functions.nothing)
        return []

    def shut(self):
        self.context.shutdown(wait=True)
        return []

    def calls(self, count):
        took = []
        for _ in range(int(count)):
            began = time.perf_counter()
            self.context.call(functions.nothing)
            took.append(time.perf_counter() - began)
        return took

    def up(self, size):
        return self.bulk(size, lambda n: (functions.length, mitogen.core.Blob(self.block * n)))

    def down(self, size):
        return self.bulk(size, lambda n: (functions.give, mitogen.core.Blob(self.block), n))

    def bulk(self, size, call):
        """Many MiB, in calls of at most PIECE that are all under way at once: a message
        ends at 128 MiB, and bytes grow by half when they are pickled."""
        left, calls = int(size) // MIB, []
        while left:
            n = min(left, PIECE)
            calls.append(call(n))
            left -= n
        began = time.perf_counter()
        got = [r.get().unpickle() for r in [self.context.call_async(*c) for c in calls]]
        took = time.perf_counter() - began
        if sum(g if isinstance(g, int) else len(g) for g in got) != int(size):
            raise ValueError("got something else")
        return [took]


def main():
    bench = Bench(*sys.argv[1:])
    try:
        for line in sys.stdin:
            task, *words = line.split()
            try:
                answer = dict(Seconds=getattr(bench, task)(*words))
            except Exception as e:
                answer = dict(Error="%s: %s" % (type(e).__name__, e))
            print(json.dumps(answer), flush=True)
    finally:
        bench.broker.shutdown()
        bench.broker.join()


if __name__ == "__main__":
    main()
