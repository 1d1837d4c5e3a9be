#!/usr/bin/env python3
"""Oracle of examples/late_data: the highest level of each sensor in each window, with late records treated in three ways.

    late_data.py readings.csv waited|updated|prompt|late [--size 10min] [--patience 15min] > expected.csv

Record by record; the watermark follows each record, the patience and 1 ms behind the latest one (waited), or 1 ms
(updated, prompt, late). A window's result is said when the watermark reaches its last millisecond. A record of a window
whose last millisecond, and the lateness, the watermark has reached is late. Output: sensor,until,n,highest, or the late
records, times in ms.
"""
import argparse
import csv
import datetime

from common import NEVER, duration


def milliseconds(text):
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def iso(at):
    moment = datetime.datetime.fromtimestamp(at // 1000, datetime.timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at % 1000:03}Z"


def run(rows, size, delay, lateness):
    """The results in the order in which they are said, and the late rows."""
    windows, said, late, watermark = {}, [], [], NEVER  # windows: (end, sensor) -> levels
    for row in rows:
        at, sensor = milliseconds(row["at"]), row["sensor"]
        end = at - at % size + size
        if end - 1 + lateness <= watermark:
            late.append(row)
        else:
            levels = windows.setdefault((end, sensor), [])
            levels.append(int(row["level"]))
            if end - 1 <= watermark:
                said.append((sensor, end, len(levels), max(levels)))
        reached = max(watermark, at - delay - 1)
        for (end, sensor), levels in windows.items():
            if watermark < end - 1 <= reached:
                said.append((sensor, end, len(levels), max(levels)))
        watermark = reached
    said += [(sensor, end, len(levels), max(levels)) for (end, sensor), levels in windows.items() if end - 1 > watermark]
    return said, late


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("input")
    options.add_argument("way", choices=["waited", "updated", "prompt", "late"])
    options.add_argument("--size", type=duration, default="10min")
    options.add_argument("--patience", type=duration, default="15min")
    given = options.parse_args()
    with open(given.input, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    said, late = run(rows, given.size, given.patience if given.way == "waited" else 0,
                     given.patience if given.way == "updated" else 0)
    if given.way == "late":
        print("sensor,level,at")
        for row in late:
            print(row["sensor"], row["level"], milliseconds(row["at"]), sep=",")
        return
    print("sensor,until,n,highest")
    for sensor, end, n, highest in said:
        print(sensor, iso(end), n, highest, sep=",")


if __name__ == "__main__":
    main()
