#!/usr/bin/env python3
"""What weir costs where there is nothing to do: an empty job from start to exit, a job that waits for input, the program.

usage: bench/startup.py [--build build/bench] [--runs 50] [--json]

The empty job reads one record and throws it away. What is said of it in its home is synced, and a busy disk takes its
time: so each run with a home on disk has one with a home in memory beside it. The job that waits has a window over a
socket on which nobody says anything. Its memory is that of its two processes, weir and the child that does the work:
resident, and of that what they share with nobody (libraries and the program are shared).
"""
import argparse
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
EMPTY = """job: empty
nodes:
  - {id: one, source: {sequence: {to: 1}}}
  - {id: out, from: one, sink: discard}
"""
WAITING = """job: waiting
nodes:
  - {{id: lines, source: {{socket: {{port: {port}}}}}}}
  - {{id: counts, from: lines, key_by: line, window: {{tumbling: {{size: 10s, time: processing}}}}, aggregate: {{n: count}}}}
  - {{id: out, from: counts, sink: discard}}
"""
TARGETS = {"empty_ms": 20, "idle_mb": 10}


def empty_job(options, folder, environment):
    """By home: milliseconds from start to exit, and of CPU, of each run."""
    manifest = folder / "empty.yaml"
    manifest.write_text(EMPTY, encoding="utf-8")
    command = [options.build / "bin/weir", "run", manifest, "--fresh", "--quiet"]
    memory = tempfile.mkdtemp(prefix="weir-bench-", dir="/dev/shm")
    homes = {"on disk": environment["WEIR_HOME"], "in memory": memory}
    took, cpu = {home: [] for home in homes}, {home: [] for home in homes}
    for run in range(options.runs + 1):
        for home, path in homes.items():
            before, begin = os.times(), time.monotonic()
            subprocess.run(command, check=True, env={**environment, "WEIR_HOME": path})
            took[home].append((time.monotonic() - begin) * 1000)
            after = os.times()
            cpu[home].append(1000 * (after.children_user - before.children_user + after.children_system -
                                     before.children_system))
    shutil.rmtree(memory)
    return [(home, took[home][1:], cpu[home][1:]) for home in homes]  # the first runs brought files into memory


def memory_of(pid):
    """Resident, and of it what is this process's alone, in MiB."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    kb = {line.split(":")[0]: int(line.split()[1]) for line in text.splitlines()[1:]}
    return kb["Rss"] / 1024, (kb["Private_Clean"] + kb["Private_Dirty"]) / 1024


def idle_job(options, folder, environment):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        manifest = folder / "waiting.yaml"
        manifest.write_text(WAITING.format(port=listener.getsockname()[1]), encoding="utf-8")
        process = subprocess.Popen([options.build / "bin/weir", "run", manifest, "--fresh", "--quiet"], env=environment)
        client = listener.accept()[0]  # it is deployed
        time.sleep(1)
        child = int(subprocess.run(["pgrep", "-P", str(process.pid)], check=True, capture_output=True, text=True).stdout)
        figures = [memory_of(pid) for pid in (child, process.pid)]
        client.close()
        process.wait()
    return figures


def size_of_program(options, folder):
    program = folder / "weir"
    stripped = shutil.which("strip") is not None
    shutil.copy(options.build / "bin/weir", program)
    if stripped:
        subprocess.run(["strip", program], check=True)
    return program.stat().st_size / 1048576, stripped


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", type=pathlib.Path, default=HERE / "../build/bench")
    p.add_argument("--runs", type=int, default=50)
    p.add_argument("--json", action="store_true")
    options = p.parse_args()
    options.build = options.build.resolve()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-bench-"))
    try:
        plugins = folder / "plugins"  # what is installed: not the examples', which the build folder has beside
        plugins.mkdir()
        for source in sorted((HERE / "../plugins").iterdir()):
            for path in options.build.glob(f"plugins/{source.name}.*"):
                shutil.copy2(path, plugins)
        environment = {**os.environ, "WEIR_HOME": str(folder / "home"), "WEIR_CONFIG": os.devnull,
                       "WEIR_PLUGINS": str(plugins)}
        empty = empty_job(options, folder, environment)
        (child, child_own), (parent, parent_own) = idle_job(options, folder, environment)
        size, stripped = size_of_program(options, folder)
    finally:
        shutil.rmtree(folder)
    if options.json:
        figures = {f"empty_ms, home {home}": {"median": statistics.median(took), "min": min(took), "max": max(took),
                                              "cpu": statistics.mean(cpu)} for home, took, cpu in empty}
        json.dump({**figures, "idle_mb": child + parent, "idle_mb_own": child_own + parent_own, "program_mb": size,
                   "targets": TARGETS}, sys.stdout, indent=2)
        print()
        return
    for home, took, cpu in empty:
        print(f"an empty job, its home {home:9}  {statistics.median(took):6.1f} ms, median of {options.runs}, "
              f"{min(took):.1f} to {max(took):.1f}; {statistics.mean(cpu):.1f} ms of CPU (target: under "
              f"{TARGETS['empty_ms']} ms)")
    print(f"a job that waits                  {child + parent:6.1f} MiB resident: {child:.1f} and its supervisor "
          f"{parent:.1f}; {child_own + parent_own:.1f} are its own (target: under {TARGETS['idle_mb']} MB)")
    print(f"the program                       {size:6.2f} MiB{', stripped' if stripped else ''}")


main()
