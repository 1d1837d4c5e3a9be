#!/usr/bin/env python3
"""Oracle of examples/hot_pages: the most requested targets of each sliding window of an access log.

    hot_pages.py access.log [--size 1h] [--slide 10min] [--delay 60s] [--n 3] > expected.csv

The CSV that the job must write, sorted by window and rank. On standard error: records, malformed lines, and by how
much the log is out of order. Fails when that is more than the delay: then what is late would depend on when
watermarks are emitted.
"""
import argparse
import collections
import datetime
import re
import sys

from common import csv_cell, duration, ranking, sliding_windows

QUOTED = r'"((?:[^"\\]|\\.)*)"'
COMBINED = re.compile(rf"(\S+) (\S+) (.+?) \[([^\]]+)\] {QUOTED} (\d{{3}}) (\d+|-) {QUOTED} {QUOTED}")


def parse(line):
    """(milliseconds, request) of a line, or None when it is not in the combined format."""
    match = COMBINED.fullmatch(line)
    if not match:
        return None
    try:
        at = datetime.datetime.strptime(match[4], "%d/%b/%Y:%H:%M:%S %z")
    except ValueError:
        return None
    return int(at.timestamp()) * 1000, match[5]


def target_of(request):
    """The request target as logged: between the method and the protocol. None when it is no request line."""
    words = request.split(" ")
    if len(words) >= 3 and re.match(r"HTTP/.", words[-1]):
        words = words[:-1]
    elif len(words) != 2:
        return None
    target = " ".join(words[1:])
    return target if words[0] and target else None


def read(path, size, slide):
    counts = collections.defaultdict(collections.Counter)
    malformed, records, latest, disorder = [], 0, None, 0
    with open(path, encoding="utf-8", newline="\n") as log:
        for number, line in enumerate(log, 1):
            parsed = parse(line.rstrip("\n").removesuffix("\r"))
            if not parsed:
                malformed.append(number)
                continue
            at, request = parsed
            records += 1
            latest = at if latest is None else max(latest, at)
            disorder = max(disorder, latest - at)
            target = target_of(request)
            for start in sliding_windows(at, size, slide) if target is not None else ():
                counts[start + size][target] += 1
    return counts, records, malformed, disorder


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("input")
    options.add_argument("--size", type=duration, default="1h")
    options.add_argument("--slide", type=duration, default="10min")
    options.add_argument("--delay", type=duration, default="60s")
    options.add_argument("--n", type=int, default=3)
    given = options.parse_args()
    counts, records, malformed, disorder = read(given.input, given.size, given.slide)
    print(f"records {records}, malformed lines {malformed}, out of order by {disorder} ms", file=sys.stderr)
    if disorder > given.delay:
        sys.exit(f"the log is out of order by {disorder} ms, which is more than the delay of {given.delay} ms")
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    print("window_end,rank,path,views")
    for end, rank, path, views in ranking(counts, given.n, lambda path: path.encode()):
        print(f"{end},{rank},{csv_cell(path)},{views}")


if __name__ == "__main__":
    main()
