#!/usr/bin/env python3
"""Oracle of examples/temperature: sensors whose temperature has been rising for `duration`.

    temperature.py readings.csv [--duration 1s] > expected.csv

The readings of a sensor in the order of their times, of one millisecond the highest. A rise begins with a higher one and
ends with a lower one. It is an alert when the first reading that ends it, if any, comes after more than `duration`; then
the next higher reading after the alert begins a new one.
"""
import argparse
import collections
import csv

from common import duration, iso, milliseconds


def alerts_of(readings, lasting):
    """readings: sorted (time, temperature). Gives (since, at, the last temperature up to then)."""
    i = 1
    while i < len(readings):
        if readings[i][1] > readings[i - 1][1]:
            since = readings[i][0]
            due = since + lasting
            within = i
            while within + 1 < len(readings) and readings[within + 1][0] <= due:
                if readings[within + 1][1] < readings[within][1]:
                    break  # a fall, in time
                within += 1
            else:
                yield since, due, readings[within][1]
            i = within
        i += 1


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("input")
    options.add_argument("--duration", type=duration, default="1s")
    given = options.parse_args()
    sensors = collections.defaultdict(dict)
    with open(given.input, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            readings, at, temperature = sensors[row["sensor"]], milliseconds(row["at"]), float(row["temperature"])
            readings[at] = max(temperature, readings.get(at, temperature))
    print("sensor,since,at,temperature")
    for sensor, readings in sensors.items():
        for since, at, temperature in alerts_of(sorted(readings.items()), given.duration):
            print(f"{sensor},{iso(since)},{iso(at)},{temperature}")


if __name__ == "__main__":
    main()
