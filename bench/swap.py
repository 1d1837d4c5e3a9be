#!/usr/bin/env python3
"""How long a node pauses while its state moves to another backend, beside the copy alone.

usage: bench/swap.py [--build build/bench] [--keys 300000] [--cache 64MiB] [--moves 6] [-p 1]

A job adds up values by key for ever; once all keys are there its state goes to LevelDB and back, in turn. Each move tells
how long each subtask took no input, and how long of that the copy took: every entry read from one backend and written to the
other by the calls that operators have, which is what a plain copy is. Prints both and their ratio; the median must not be
above 2.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
JOB = """job: moving
defaults: {{parallelism: {parallelism}}}
state: {{cache: {cache}}}
plugins: [{plugin}]
nodes:
  - {{id: rows, source: {{bench_rows: {{rows: 1000000000000, keys: {keys}}}}}}}
  - {{id: sums, from: rows, key_by: key, sum: value}}
  - {{id: out, from: sums, sink: discard}}
"""


def weir(options, *words):
    done = subprocess.run([os.path.join(options.build, "bin/weir"), *words], text=True, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"weir {' '.join(words)}: {done.stderr}")
    return done.stdout


def move(options, backend):
    return json.loads(weir(options, "state-backend", "moving", backend, "--output", "json"))["moved"]


def wait_for_keys(options):
    """Until a move finds no more than the one before."""
    found, before = 0, -1
    while found > before:
        found, before = sum(m["entries"] for m in move(options, "leveldb")), found
        move(options, "heap")
        time.sleep(1)


def measure(options):
    ratios = []
    wait_for_keys(options)
    for i in range(options.moves):
        backend = ("leveldb", "heap")[i % 2]
        for m in move(options, backend):
            ratios.append(m["pause_ms"] / m["copied_ms"])
            print(f"{m['entries']} entries to {backend}: paused {m['pause_ms']:.0f} ms, copying {m['copied_ms']:.0f} ms: "
                  f"{ratios[-1]:.3f}", flush=True)
    print(f"median {statistics.median(ratios):.3f}, most {max(ratios):.3f}")
    return statistics.median(ratios)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", default=os.path.join(HERE, "../build/bench"))
    p.add_argument("--keys", type=int, default=300000)
    p.add_argument("--cache", default="64MiB")
    p.add_argument("--moves", type=int, default=6)
    p.add_argument("-p", "--parallelism", type=int, default=1)
    options = p.parse_args()
    folder = tempfile.mkdtemp(prefix="weir-bench-")
    os.environ["WEIR_HOME"] = os.path.join(folder, "home")
    manifest = os.path.join(folder, "job.yaml")
    plugin = os.path.abspath(os.path.join(options.build, "bench-plugins/weir_bench_plugin.so"))
    with open(manifest, "w") as f:
        f.write(JOB.format(parallelism=options.parallelism, cache=options.cache, keys=options.keys, plugin=plugin))
    job = subprocess.Popen([os.path.join(options.build, "bin/weir"), "run", manifest, "--fresh", "--quiet"],
                           stdin=subprocess.DEVNULL)
    try:
        while '"running"' not in weir(options, "list", "--output", "json"):
            time.sleep(0.1)
        median = measure(options)
    finally:
        weir(options, "cancel", "moving")
        job.wait()
        shutil.rmtree(folder)
    sys.exit(median > 2)


main()
