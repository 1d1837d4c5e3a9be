#!/usr/bin/env python3
"""Oracle of examples/fraud: two payments of an account in a row, the first small, the second large and soon.

    fraud.py payments.csv [--small 1] [--large 500] [--within 1min] > expected.csv
"""
import argparse
import collections
import csv

from common import duration, iso, milliseconds


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("input")
    options.add_argument("--small", type=float, default=1)
    options.add_argument("--large", type=float, default=500)
    options.add_argument("--within", type=duration, default="1min")
    given = options.parse_args()
    accounts = collections.defaultdict(list)
    with open(given.input, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            accounts[row["account"]].append((milliseconds(row["at"]), int(row["payment"]), float(row["amount"])))
    print("account,tried,payment,amount,at")
    for account, payments in accounts.items():
        payments.sort()
        for (tried_at, tried, little), (at, payment, amount) in zip(payments, payments[1:]):
            if little < given.small and amount > given.large and at - tried_at <= given.within:
                print(f"{account},{tried},{payment},{amount},{iso(at)}")


if __name__ == "__main__":
    main()
