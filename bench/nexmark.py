#!/usr/bin/env python3
"""How fast the queries of examples/nexmark are: events per second and core, CPU time, peak memory.

usage: bench/nexmark.py [--build build/bench] [--events 5000000] [--repeat 3] [--parallelism 1] [--json] [QUERY...]

The manifests are run as they are, but for the sink, which hashes the rows that arrive (in one instance). The same sources
are run into a sink that drops their rows, in turn with the query, and their CPU time is subtracted: what remains is the
query's own. A rate is in events of all kinds, persons, auctions and bids, whatever a query reads of them. Each repetition
must give the same hash; whether results are right is tested elsewhere. The query of the clock, q12, gives something else
each time.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
NEXMARK = HERE / "../examples/nexmark"
QUERIES = {"q0": ["bids"], "q1": ["bids"], "q2": ["bids"], "q3": ["auctions", "persons"], "q5": ["bids"],
           "q8": ["auctions", "persons"], "q11": ["bids"], "q12": ["bids"]}
TARGETS = {"q0": 5, "q1": 5, "q2": 5, "q3": 3, "q5": 1, "q8": 3, "q11": 2, "q12": 2}  # M events/s and core
RATE = 100_000  # events in a second of their own time


def sources(streams):
    """The sources of a query, and nothing behind them."""
    text = "job: sources\nvars: {events: 0, rate: 0}\nnodes:\n"
    for stream in streams:
        text += f"  - id: {stream}\n    source: {{nexmark_{stream}: {{events: \"${{events}}\", rate: \"${{rate}}\"}}}}\n"
        text += f"    time: {{field: at, monotonous: true}}\n  - {{id: {stream}_out, from: {stream}, sink: discard}}\n"
    return text


def run(options, folder, manifest, *more):
    """Wall seconds, CPU seconds of all processes, MiB at the most."""
    command = [options.build / "bin/weir", "run", manifest, "--fresh", "--quiet", "-p", str(options.parallelism),
               "--plugins", options.build / "bench-plugins", "--set", f"events={options.events}", "--set", f"rate={RATE}",
               *more]
    begin = time.monotonic()
    process = subprocess.Popen([str(word) for word in command], env={**os.environ, "WEIR_HOME": str(folder / "home")})
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{manifest} failed")
    return time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measure(options, folder, query):
    alone, result = folder / "sources.yaml", folder / "result"
    alone.write_text(sources(QUERIES[query]), encoding="utf-8")
    sink = f"nodes.out.sink={{hash_rows: {{path: \"{result}\"}}}}"
    runs, results = [], set()
    for _ in range(options.repeat):
        before = run(options, folder, alone)
        whole = run(options, folder, NEXMARK / f"{query}.yaml", "-D", sink, "-D", "nodes.out.parallelism=1")
        runs.append((*whole, before[1]))
        results.add(result.read_text(encoding="ascii"))
    if len(results) > 1 and query != "q12":
        sys.exit(f"{query}: results differ from run to run: {results}")
    wall, cpu, memory, of_sources = (statistics.median(column) for column in zip(*runs))
    own = max(statistics.median(r[1] - r[3] for r in runs), 1e-9)
    millions = options.events / 1e6
    return {"query": query, "events_per_s": options.events / wall, "cpu_s_per_million": cpu / millions,
            "sources_cpu_s_per_million": of_sources / millions, "per_core": options.events / cpu,
            "per_core_without_sources": options.events / own, "peak_mb": memory, "target_per_core": TARGETS[query] * 1e6,
            "rows": int(next(iter(results)).split()[0])}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", type=pathlib.Path, default=HERE / "../build/bench")
    p.add_argument("--events", type=int, default=5_000_000)
    p.add_argument("--repeat", type=int, default=3)
    p.add_argument("--parallelism", type=int, default=1)
    p.add_argument("--json", action="store_true")
    p.add_argument("queries", nargs="*", default=list(QUERIES), metavar="QUERY")
    options = p.parse_args()
    options.build = options.build.resolve()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-bench-"))
    try:
        for query in options.queries:
            f = measure(options, folder, query)
            if options.json:
                print(json.dumps(f), flush=True)
                continue
            print(f"{query:4} {f['events_per_s'] / 1e6:6.2f} M events/s   {f['cpu_s_per_million']:.3f} CPU s/M, sources "
                  f"alone {f['sources_cpu_s_per_million']:.3f}   {f['per_core'] / 1e6:6.2f} M/s and core, without sources "
                  f"{f['per_core_without_sources'] / 1e6:6.2f} (target {TARGETS[query]})   {f['peak_mb']:.0f} MiB   "
                  f"{f['rows']} rows", flush=True)
    finally:
        shutil.rmtree(folder)


main()
