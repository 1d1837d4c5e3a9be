"""What the oracles share: durations and times as the manifests write them, sliding windows, ranking. Python's standard
library only.

The oracles say what the examples must give, worked out from the rules of event time (docs/semantics.md), record by
record and without a thought for speed. They share no code with weir.
"""
import datetime
import re

UNITS = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
NEVER = -(1 << 63)  # the watermark before the first one


def duration(text):
    """'1h 30min' in milliseconds."""
    parts = re.findall(r"(\d+)\s*(ms|s|min|h|d)\s*", text)
    if not parts or "".join(n + unit for n, unit in parts) != text.replace(" ", ""):
        raise ValueError(f"{text!r} is no duration")
    return sum(int(n) * UNITS[unit] for n, unit in parts)


def milliseconds(text):
    """An ISO 8601 time in milliseconds since 1970."""
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round(moment.timestamp() * 1000)


def iso(at):
    """The other way, as weir writes it."""
    moment = datetime.datetime.fromtimestamp(at // 1000, datetime.timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at % 1000:03}Z"


def sliding_windows(at, size, slide):
    """The starts of the windows [start, start + size) that hold the moment `at`; starts are multiples of slide."""
    start = at - at % slide
    while start > at - size:
        yield start
        start -= slide


def ranking(counts, n, order):
    """Rows (window end, rank, key, count): the n largest counts of each window, ties by order(key). counts: {end:
    {key: count}}."""
    for end in sorted(counts):
        best = sorted(counts[end].items(), key=lambda entry: (-entry[1], order(entry[0])))
        for rank, (key, count) in enumerate(best[:n], 1):
            yield end, rank, key, count


def csv_cell(text):
    """One cell as RFC 4180 writes it."""
    return '"' + text.replace('"', '""') + '"' if re.search(r'[,"\r\n]', text) else text
