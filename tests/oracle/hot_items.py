#!/usr/bin/env python3
"""Oracle of examples/hot_items: the most viewed items of each sliding window.

    hot_items.py behaviour.csv [--size 1h] [--slide 5min] [--n 3] > expected.csv
    hot_items.py behaviour.csv --delay 1min [--late late.csv] > expected.csv

The first form takes every record into account: what the job must give when the delay exceeds the disorder. The second
form simulates a watermark after every record of a single split, `delay` behind the latest one: a view counts in those
of its windows whose last millisecond the watermark has not reached yet, and one that no window takes is late. On
standard error: views, late views, and views that were late for some of their windows.
"""
import argparse
import collections
import sys

from common import NEVER, duration, ranking, sliding_windows


def read(path, size, slide, delay):
    """counts by window end, late rows as written, and how many views there were, and were late in part."""
    counts = collections.defaultdict(collections.Counter)
    late, views, partly, watermark = [], 0, 0, NEVER
    with open(path, encoding="utf-8") as file:
        for line in file:
            user, item, category, behaviour, seconds = line.rstrip("\r\n").split(",")
            at = int(seconds) * 1000
            if behaviour == "pv":
                views += 1
                starts = list(sliding_windows(at, size, slide))
                taking = [start for start in starts if start + size - 1 > watermark]
                for start in taking:
                    counts[start + size][int(item)] += 1
                if not taking:
                    late.append(f"{user},{item},{category},{behaviour},{at}")
                elif len(taking) < len(starts):
                    partly += 1
            if delay is not None:  # the watermark follows its record, whatever the record is
                watermark = max(watermark, at - delay - 1)
    return counts, late, views, partly


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("input")
    options.add_argument("--size", type=duration, default="1h")
    options.add_argument("--slide", type=duration, default="5min")
    options.add_argument("--delay", type=duration, default=None)
    options.add_argument("--n", type=int, default=3)
    options.add_argument("--late", help="write the late views to this file")
    given = options.parse_args()
    counts, late, views, partly = read(given.input, given.size, given.slide, given.delay)
    print(f"views {views}, late {len(late)}, partly late {partly}", file=sys.stderr)
    print("window_end,rank,item,views")
    for end, rank, item, count in ranking(counts, given.n, lambda item: item):
        print(f"{end},{rank},{item},{count}")
    if given.late:
        with open(given.late, "w", encoding="utf-8", newline="\n") as file:
            file.write("\n".join(["user,item,category,behaviour,at", *late]) + "\n")


if __name__ == "__main__":
    main()
