#!/usr/bin/env python3
"""Oracle of examples/enrich: orders and cents by segment and city of the customer, for each hour.

    enrich.py orders.csv customers.csv > expected.csv
"""
import collections
import csv
import datetime
import sys

HOUR = datetime.timedelta(hours=1)


def main():
    with open(sys.argv[2], encoding="utf-8", newline="") as file:
        customers = {row[0]: (row[1], row[2]) for row in csv.reader(file)}
    totals = collections.defaultdict(lambda: [0, 0])
    with open(sys.argv[1], encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            at = datetime.datetime.fromisoformat(row["at"].replace("Z", "+00:00"))
            total = totals[(*customers[row["customer"]], at.replace(minute=0, second=0) + HOUR)]
            total[0] += 1
            total[1] += int(row["cents"])
    print("segment,city,orders,cents,until")
    for (segment, city, until), (orders, cents) in sorted(totals.items()):
        print(f"{segment},{city},{orders},{cents},{until:%Y-%m-%dT%H:%M:%S}.000Z")


if __name__ == "__main__":
    main()
