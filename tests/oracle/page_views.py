#!/usr/bin/env python3
"""Oracle of examples/page_views: views and unique visitors of every page and hour.

    page_views.py visits.csv [--size 1h] > expected.csv
"""
import argparse
import collections
import csv

from common import csv_cell, duration, iso, milliseconds


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("input")
    options.add_argument("--size", type=duration, default="1h")
    given = options.parse_args()
    visitors = collections.defaultdict(list)
    with open(given.input, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            at = milliseconds(row["at"])
            visitors[row["page"], at - at % given.size].append(row["visitor"])
    print("page,hour,views,visitors")
    for (page, hour), names in visitors.items():
        print(f"{csv_cell(page)},{iso(hour)},{len(names)},{len(set(names) - {''})}")


if __name__ == "__main__":
    main()
