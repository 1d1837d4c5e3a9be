#!/usr/bin/env python3
"""Oracle of examples/login_failures: three failures of a user in a row, the third at most `within` after the first.

    login_failures.py logins.csv [--within 10s] > expected.csv

The attempts of a user are taken in the order of their times; at the same millisecond failures come before a success.
After an alert the count starts anew. Output: user,first,last, times in ISO 8601 UTC, by user and time.
"""
import argparse
import collections
import csv

from common import duration, iso, milliseconds


def alerts_of(attempts, within):
    """attempts: (time, success)."""
    failures = []
    for at, success in sorted(attempts):  # False sorts before True
        if success:
            failures = []
            continue
        failures = failures[-2:] + [at]
        if len(failures) == 3 and at - failures[0] <= within:
            yield failures[0], at
            failures = []


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("input")
    options.add_argument("--within", type=duration, default="10s")
    given = options.parse_args()
    users = collections.defaultdict(list)
    with open(given.input, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            users[row["user"]].append((milliseconds(row["at"]), row["success"] == "true"))
    print("user,first,last")
    for user in sorted(users):
        for first, last in alerts_of(users[user], given.within):
            print(f"{user},{iso(first)},{iso(last)}")


if __name__ == "__main__":
    main()
