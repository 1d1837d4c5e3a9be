#!/usr/bin/env python3
"""Oracle of examples/reconcile: orders and the payments that are made from `haste` before to `patience` after them.

    reconcile.py orders.csv payments.csv [--patience 15min] [--haste 5s] [--unpaid FILE --unordered FILE] > settled.csv

Every order is held against every payment with its number. Payments of nothing or less do not count. With --unpaid and
--unordered what has no partner is written too. Output: order,ordered,paid,waited_ms.
"""
import argparse
import csv
import datetime

from common import duration


def milliseconds(text):
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round(moment.timestamp() * 1000)


def rows(path, name):
    with open(path, encoding="utf-8", newline="") as file:
        return [(row[name], int(row["cents"]), milliseconds(row["at"]), row["at"]) for row in csv.DictReader(file)]


def write(path, name, alone):
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{name},cents,at\n")
        for number, cents, _, at in sorted(alone):
            file.write(f"{number},{cents},{at}\n")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("orders")
    options.add_argument("payments")
    options.add_argument("--patience", type=duration, default="15min")
    options.add_argument("--haste", type=duration, default="5s")
    options.add_argument("--unpaid")
    options.add_argument("--unordered")
    given = options.parse_args()
    orders = rows(given.orders, "order")
    payments = [payment for payment in rows(given.payments, "order_id") if payment[1] > 0]
    pairs = [(order, payment) for order in orders for payment in payments
             if order[0] == payment[0] and -given.haste <= payment[2] - order[2] <= given.patience]
    print("order,ordered,paid,waited_ms")
    for order, payment in sorted(pairs):
        print(f"{order[0]},{order[1]},{payment[1]},{payment[2] - order[2]}")
    if given.unpaid:
        write(given.unpaid, "order", [order for order in orders if not any(pair[0] is order for pair in pairs)])
    if given.unordered:
        # the key of both inputs goes by the name that the first one has for it
        write(given.unordered, "order", [p for p in payments if not any(pair[1] is p for pair in pairs)])


if __name__ == "__main__":
    main()
