#!/usr/bin/env python3
"""What checkpoints cost a job: the same job with and without them in turn, and the median of the ratios of their rates.

usage: bench/checkpoint.py [--build build/bench] [--every 100ms] [--seconds 30] [--pairs 5] [--keys 100000] [--backend heap]

The job sums values by key over tumbling windows of ten million rows, made by their own number. How many rows it reads is
measured first, by a run that takes as long as asked; the shortest run is told. Results are compared: both ways the sum over
all keys is the same.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
JOB = """job: sums
state: {{backend: {backend}}}
{checkpoint}
plugins: [{plugin}]
nodes:
  - id: rows
    source: {{bench_rows: {{rows: {rows}, keys: {keys}}}}}
    time: {{field: at, monotonous: true}}
  - {{id: sums, from: rows, key_by: key, window: {{tumbling: 10000000ms}}, aggregate: {{total: sum(value)}}}}
  - {{id: hash, from: sums, sink: {{bench_hash: {{path: "{result}"}}}}, args: {{value: total}}}}
"""


def run(options, folder, rows, checkpoint):
    manifest, result = os.path.join(folder, "job.yaml"), os.path.join(folder, "result")
    with open(manifest, "w") as f:
        f.write(JOB.format(backend=options.backend, rows=rows, keys=options.keys, result=result,
                           plugin=os.path.abspath(os.path.join(options.build, "bench-plugins/weir_bench_plugin.so")),
                           checkpoint="checkpoint: {every: %s}" % options.every if checkpoint else ""))
    begin = time.monotonic()
    said = subprocess.run([os.path.join(options.build, "bin/weir"), "run", manifest, "--fresh"], text=True,
                          env={**os.environ, "WEIR_HOME": os.path.join(folder, "home")}, capture_output=True)
    took = time.monotonic() - begin
    if said.returncode != 0:
        sys.exit("the job failed:\n" + said.stderr)
    with open(result + ".0") as f:
        return took, f.read()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", default=os.path.join(HERE, "../build/bench"))
    p.add_argument("--every", default="100ms")
    p.add_argument("--seconds", type=float, default=30)
    p.add_argument("--pairs", type=int, default=5)
    p.add_argument("--keys", type=int, default=100000)
    p.add_argument("--backend", default="heap")
    options = p.parse_args()
    folder = tempfile.mkdtemp(prefix="weir-bench-")
    try:
        rows, took = 5000000, 0
        while took < options.seconds:
            took, _ = run(options, folder, rows, False)
            if took < options.seconds:
                rows = int(rows * options.seconds / took * 1.1)
        ratios, shortest = [], float("inf")
        for pair in range(options.pairs):
            without, expected = run(options, folder, rows, False)
            with_them, found = run(options, folder, rows, True)
            if found != expected:
                sys.exit(f"results differ: {expected} without, {found} with checkpoints")
            ratios.append(without / with_them)
            shortest = min(shortest, without, with_them)
            rates = f"{rows / without / 1e6:.2f} M rows/s without, {rows / with_them / 1e6:.2f} with"
            print(f"{rates}: {ratios[-1]:.3f}", flush=True)
        print(f"a checkpoint every {options.every}, {options.keys} keys, {options.backend}: median ratio "
              f"{statistics.median(ratios):.3f} of {options.pairs} pairs, the shortest run {shortest:.1f} s")
    finally:
        shutil.rmtree(folder)


main()
