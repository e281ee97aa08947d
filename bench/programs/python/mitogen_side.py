"""Mitogen's side of the benchmark's table "python". Writes readings as JSON.

mitogen_side.py first COUNT                    start to the first result
mitogen_side.py calls SECONDS                  calls of a function that does nothing
mitogen_side.py package DIRECTORY RELAY...     the first call of a function that imports a package
mitogen_side.py lines COUNT                    lines printed by the child
"""

import functools
import json
import logging
import os
import statistics
import sys
import time

import mitogen.master

import functions

ROW = "Mitogen"
PRELOADING = "Mitogen, preloading the package"
IMPORTED = "Mitogen, its master has imported the package"
PRELOADING_ALL = "Mitogen, preloading the function's module too"
PATIENCE = 2  # seconds without a line after which the others are lost


def first(router, count):
    took = []
    for _ in range(int(count)):
        began = time.perf_counter()
        context = router.local(python_path=sys.executable)
        context.call(functions.nothing)
        took.append(time.perf_counter() - began)
        context.shutdown(wait=True)
    return [(ROW, "first result", statistics.median(took) * 1e3)]


def calls(router, seconds):
    context = router.local(python_path=sys.executable)
    context.call(functions.nothing)
    calls_within(context, float(seconds) / 5)
    took = calls_within(context, float(seconds))
    return [(ROW, "p50", statistics.median(took) * 1e6)]


def calls_within(context, seconds):
    took, end = [], time.perf_counter() + seconds
    while not took or time.perf_counter() < end:
        began = time.perf_counter()
        context.call(functions.nothing)
        took.append(time.perf_counter() - began)
    return took


def package(_, directory, *relay):
    """Each contender has a master and a child of its own, over a link that the relay
    delays. What the master has imported it sends along with what imports it; so the one
    whose master has done so comes last."""
    sys.path.insert(0, directory)
    import user

    names = ["chain"] + ["chain.m%d" % i for i in range(1, 10)]
    first = functools.partial(first_call, user.value, list(relay) + [sys.executable])
    readings = [
        (ROW, "first call", first([])),
        (PRELOADING, "first call", first(names)),
        (PRELOADING_ALL, "first call", first(["user"] + names)),
    ]
    user.value()  # imports the package
    return readings + [(IMPORTED, "first call", first([]))]


def first_call(function, python, preloaded):
    """Milliseconds until a child that is up has returned from its first call."""
    broker, router = start()
    try:
        context = router.local(python_path=python)
        context.call(functions.nothing)
        began = time.perf_counter()
        router.responder.forward_modules(context, preloaded)
        value = context.call(function)
        took = time.perf_counter() - began
    finally:
        stop(broker)
    if value != 9:
        sys.exit("the package's value is %r" % value)
    return took * 1e3


class Counter(logging.Handler):
    lines = 0

    def emit(self, record):
        if record.name.startswith("stdout."):
            self.lines += 1


def lines(router, count):
    count, counter = int(count), Counter()
    logging.getLogger().addHandler(counter)
    logging.getLogger().setLevel(logging.INFO)
    context = router.local(python_path=sys.executable)
    context.call(functions.nothing)
    context.call(os.set_blocking, 1, True)  # it is not, and a print that outruns it fails
    began = time.perf_counter()
    context.call(functions.print_lines, count)
    seen, arrived = -1, began
    while counter.lines > seen or time.perf_counter() - arrived < PATIENCE:
        if counter.lines > seen:
            seen, arrived = counter.lines, time.perf_counter()
        if seen >= count:
            break
        time.sleep(0.001)
    rate = counter.lines / (arrived - began)
    return [(ROW, "rate", rate / 1e3), (ROW, "lost", count - counter.lines)]


def start():
    broker = mitogen.master.Broker()
    return broker, mitogen.master.Router(broker)


def stop(broker):
    broker.shutdown()
    broker.join()


def main():
    task, *arguments = sys.argv[1:]
    broker, router = start()
    try:
        readings = globals()[task](router, *arguments)
    finally:
        stop(broker)
    json.dump([dict(Row=row, Metric=metric, Value=value) for row, metric, value in readings], sys.stdout)


if __name__ == "__main__":
    main()
