#!/usr/bin/env python3
"""Oracle of examples/click_sessions: the visits of each user.

    click_sessions.py clicks.csv [--gap 30min] > expected.csv

The clicks of a user in the order of their times; a click more than the gap after the one before it begins a new visit
(one that comes exactly the gap after it does not: sessions that touch are one). Of one moment the smaller page is first.
"""
import argparse
import csv
import datetime
import itertools

from common import duration


def milliseconds(text):
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def iso(at):
    moment = datetime.datetime.fromtimestamp(at // 1000, datetime.timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at % 1000:03}Z"


def visits(clicks, gap):
    visit = []
    for at, page in sorted(clicks):
        if visit and at - visit[-1][0] > gap:
            yield visit
            visit = []
        visit.append((at, page))
    yield visit


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("input")
    options.add_argument("--gap", type=duration, default="30min")
    given = options.parse_args()
    with open(given.input, encoding="utf-8", newline="") as file:
        rows = sorted((row["user"], milliseconds(row["at"]), row["page"]) for row in csv.DictReader(file))
    print("user,start,end,clicks,pages,first_page,last_page")
    for user, of_user in itertools.groupby(rows, key=lambda row: row[0]):
        for visit in visits([(at, page) for _, at, page in of_user], given.gap):
            pages = [page for _, page in visit]
            print(user, iso(visit[0][0]), iso(visit[-1][0]), len(visit), len(set(pages)), pages[0], pages[-1], sep=",")


if __name__ == "__main__":
    main()
