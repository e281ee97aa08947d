"""multiprocessing.shared_memory's side of the benchmark's table "containers": another
process searches what this one has put there. Writes readings as JSON.

shared_memory_side.py FRESH TIMES
"""

import json
import multiprocessing
import statistics
import sys
import time
from multiprocessing import shared_memory

import functions

ROW = "Python: multiprocessing.shared_memory, bytes.find"


def search(memory):
    # memory may be larger than what was asked for: whole pages
    return functions.timed(bytes(memory.buf[: functions.HAYSTACK]))


def timed(memory):
    began = time.perf_counter()
    search(memory)
    return (time.perf_counter() - began) * 1e3


def serve(connection):
    while name := connection.recv():
        began = time.perf_counter()
        memory = shared_memory.SharedMemory(name)
        search(memory)
        first = (time.perf_counter() - began) * 1e3
        connection.send((first, [timed(memory) for _ in range(connection.recv())]))
        memory.close()


def measure(connection, times):
    memory = shared_memory.SharedMemory(create=True, size=functions.HAYSTACK)
    try:
        memory.buf[: functions.HAYSTACK] = functions.haystack()
        connection.send(memory.name)
        connection.send(times)
        return connection.recv()
    finally:
        memory.close()
        memory.unlink()


def main():
    here, there = multiprocessing.Pipe()
    worker = multiprocessing.Process(target=serve, args=(there,))
    worker.start()
    measured = [measure(here, int(sys.argv[2])) for _ in range(int(sys.argv[1]))]
    here.send(None)
    worker.join()
    json.dump(
        [
            dict(Row=ROW, Metric="first time", Value=statistics.median(first for first, _ in measured)),
            dict(Row=ROW, Metric="again", Value=statistics.median(t for _, again in measured for t in again)),
        ],
        sys.stdout,
    )


if __name__ == "__main__":
    main()
