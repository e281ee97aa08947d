"""concurrent.futures' side of the benchmark's table "python". Writes readings as JSON.

pool_side.py DIRECTORY    reads the files of a directory in two processes
"""

import concurrent.futures
import json
import os
import sys
import time

import functions

ROW = "ProcessPoolExecutor(2), chunksize=%d"


def rate(pool, paths, chunksize):
    began = time.perf_counter()
    results = list(pool.map(functions.measure, paths, chunksize=chunksize))
    took = time.perf_counter() - began
    if len(results) != len(paths) or not all(length for length, _ in results):
        sys.exit("a file was not read")
    return len(paths) / took / 1e3


def main():
    directory = sys.argv[1]
    paths = [os.path.join(directory, name) for name in sorted(os.listdir(directory))]
    readings = []
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        rate(pool, paths[:100], 1)
        for chunksize in (1, 64):
            readings.append(dict(Row=ROW % chunksize, Metric="rate", Value=rate(pool, paths, chunksize)))
    json.dump(readings, sys.stdout)


if __name__ == "__main__":
    main()
