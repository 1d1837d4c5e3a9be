#!/usr/bin/env python3
"""Oracle of examples/rules: events that follow another one as a rule of that time says.

    rules.py events.csv rules.csv > expected.csv
"""
import argparse
import collections
import csv

from common import iso, milliseconds


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return [{**row, "at": milliseconds(row["at"])} for row in csv.DictReader(file)]


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("events")
    options.add_argument("rules")
    given = options.parse_args()
    users, rules = collections.defaultdict(list), collections.defaultdict(list)
    for row in read(given.events):
        users[row["user"]].append((row["at"], int(row["event"]), row["action"]))
    for row in read(given.rules):
        rules[row["rule"]].append((row["at"], row["first"], row["second"]))
    print("user,rule,event,at")
    for user, events in users.items():
        events.sort()
        for (_, _, before), (at, event, action) in zip(events, events[1:]):
            for rule, versions in rules.items():
                valid = max((version for version in versions if version[0] <= at), default=None)
                if valid and all(valid[1:]) and valid[1:] == (before, action):
                    print(f"{user},{rule},{event},{iso(at)}")


if __name__ == "__main__":
    main()
