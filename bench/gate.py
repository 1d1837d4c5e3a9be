#!/usr/bin/env python3
"""Fails when the runtime has become slower: for CI.

usage: bench/gate.py BUILD [--store]

Benchmarks of one thread run in their short form, job and hand-written loop in turn, and the median of the ratios of their
CPU times is compared with the one stored for this CPU in bench/ratios.json. One that is more than a quarter below is run
again, twice, in more pairs, and fails only if it is below each time, by the median and by the least CPU times of both sides
too: what other load on the machine adds to a run is not in the least of many, and what the runtime does is. On a CPU without
stored ratios nothing fails.

--store measures five times and keeps the medians: after a change that is meant to be slower, or faster, or on another CPU.
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys

STORED = pathlib.Path(__file__).resolve().parent / "ratios.json"
LOWEST = 0.75


def measure(program, *arguments):
    """The CPU, and by name the ratio and that of the least times."""
    said = subprocess.run([program, "--short", "--json", *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout
    lines = [json.loads(line) for line in said.splitlines()]
    return lines[0]["cpu"], {line["name"]: (line["ratio"], line["best_ratio"]) for line in lines[1:]}


def store(program, stored):
    runs = [measure(program, "--gated", "--repeat", "9") for _ in range(5)]
    cpu = runs[0][0]
    stored[cpu] = {name: round(statistics.median(ratios[name][0] for _, ratios in runs), 3) for name in runs[0][1]}
    STORED.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"stored for {cpu}: {stored[cpu]}")


def gate(program, stored):
    cpu, found = measure(program, "--gated", "--repeat", "7")
    ratios = {name: ratio for name, (ratio, _) in found.items()}
    expected = stored.get(cpu)
    for name, ratio in ratios.items():
        known = f", stored {expected[name]:.2f}" if expected and name in expected else ""
        print(f"{name}: ratio to the loop {ratio:.2f}{known}")
    if expected is None:
        print(f"No ratios are stored for this CPU ({cpu}): nothing is compared. `scripts/bench --gate --store` stores them.")
        return 0
    slow = [name for name, ratio in ratios.items() if ratio < LOWEST * expected.get(name, 0)]
    if not slow:
        return 0
    runs = [measure(program, "--repeat", "25", *slow)[1] for _ in range(2)]
    again = {name: max(ratio for run in runs for ratio in run[name]) for name in slow}
    still = [name for name in slow if again[name] < LOWEST * expected[name]]
    for name in slow:
        print(f"{name}: {ratios[name]:.2f}, and {again[name]:.2f} when run again, of {expected[name]:.2f} stored: "
              f"{'more than a quarter slower' if name in still else 'well after all'}", file=sys.stderr)
    if still:
        print("See with perf what became slower; if it is meant to be, `scripts/bench --gate --store`.", file=sys.stderr)
    return 1 if still else 0


def main():
    program = os.path.join(sys.argv[1], "bin", "weir_bench")
    stored = json.loads(STORED.read_text(encoding="utf-8")) if STORED.exists() else {}
    if sys.argv[2:] == ["--store"]:
        store(program, stored)
        return 0
    return gate(program, stored)


sys.exit(main())
