"""A search in one process, for the benchmark's table "python": bytes.find through
what functions.haystack makes. Writes readings as JSON.

find_side.py TIMES
"""

import json
import statistics
import sys

import functions


def main():
    data = functions.haystack()
    functions.timed(data)
    took = [functions.timed(data) for _ in range(int(sys.argv[1]))]
    json.dump([dict(Row="bytes.find in one process", Metric="again", Value=statistics.median(took))], sys.stdout)


if __name__ == "__main__":
    main()
