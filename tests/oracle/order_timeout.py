#!/usr/bin/env python3
"""Oracle of examples/order_timeout: orders with the first payment that is not before them and not too late.

    order_timeout.py orders.csv payments.csv [--within 15min] [--timeouts FILE] [--unmatched FILE] > paid.csv

The files are written with the orders that have no such payment, and the payments that are no order's.
"""
import argparse
import collections
import csv

from common import duration, iso, milliseconds


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return [{**row, "at": milliseconds(row["at"])} for row in csv.DictReader(file)]


def write(path, lines):
    if path:
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.write("\n".join(lines) + "\n")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("orders")
    options.add_argument("payments")
    options.add_argument("--within", type=duration, default="15min")
    options.add_argument("--timeouts")
    options.add_argument("--unmatched")
    given = options.parse_args()
    waiting = collections.defaultdict(list)
    for payment in read(given.payments):
        waiting[payment["order_id"]].append((payment["at"], int(payment["payment"])))
    timeouts = ["order,amount,ordered"]
    print("order,amount,ordered,payment,paid")
    for order in read(given.orders):
        name, at, amount = order["order"], order["at"], float(order["amount"])
        good = [payment for payment in waiting[name] if at <= payment[0] <= at + given.within]
        if good:
            waiting[name].remove(min(good))
            print(f"{name},{amount},{iso(at)},{min(good)[1]},{iso(min(good)[0])}")
        else:
            timeouts.append(f"{name},{amount},{iso(at)}")
    write(given.timeouts, timeouts)
    write(given.unmatched, ["order,payment,at", *(f"{name},{payment},{iso(at)}" for name, payments in waiting.items()
                                                  for at, payment in payments)])


if __name__ == "__main__":
    main()
