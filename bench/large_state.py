#!/usr/bin/env python3
"""Runs large_state.yaml, or another job, and prints the most memory and disk that it took, and how long.

    bench/large_state.py [--keys 50000000] [--budget MIB] [--job FILE] BUILD [-- ARGUMENTS OF weir run]

Memory is that of the job's process, as the kernel tells it twice a second: `anonymous` is what the process has for itself,
`resident` counts pages of files too (LevelDB maps its files), which the kernel drops when it needs them. Disk is what is
in the folder of the state. Ends with 1 when the job fails, or when anonymous memory went beyond --budget.
"""

import argparse
import contextlib
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

FIRST = 1000000001  # so that keys as texts ascend
HERE = pathlib.Path(__file__).resolve().parent


def memory_of(pid):
    """MiB, (anonymous, resident) of the child that runs the job."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    lines = pathlib.Path(f"/proc/{children[0]}/status").read_text().splitlines()
    fields = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("RssAnon", "VmRSS"))}
    return int(fields["RssAnon"]) / 1024, int(fields["VmRSS"]) / 1024


def size_of(folder):
    """MiB; files come and go."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_blocks * 512
    return total / (1 << 20)


def watch(process, folder):
    most = [0.0, 0.0, 0.0]
    while process.poll() is None:
        with contextlib.suppress(OSError, IndexError, KeyError):
            most = [max(a, b) for a, b in zip(most, [*memory_of(process.pid), size_of(folder)])]
        time.sleep(0.5)
    return most


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--keys", type=int, default=50000000)
    parser.add_argument("--budget", type=float, help="MiB of anonymous memory")
    parser.add_argument("--job", type=pathlib.Path, default=HERE / "large_state.yaml")
    parser.add_argument("rest", nargs="*")
    arguments = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-large-state-"))
    command = [arguments.build / "bin" / "weir", "run", arguments.job, "--quiet",
               "--set", f"last={FIRST + arguments.keys - 1}", "-D", f"state.directory={folder}", *arguments.rest]
    begun = time.monotonic()
    try:
        process = subprocess.Popen(command)
        anonymous, resident, disk = watch(process, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    spent = time.monotonic() - begun
    print(f"{arguments.keys} keys: at most {anonymous:.0f} MiB anonymous, {resident:.0f} MiB resident, {disk:.0f} MiB on "
          f"the disk; {spent:.1f} s, {arguments.keys / spent:.0f} records/s", flush=True)
    if arguments.budget and anonymous > arguments.budget:
        print(f"beyond the budget of {arguments.budget:.0f} MiB", file=sys.stderr)
        return 1
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
