#!/usr/bin/env python3
"""weir beside Apache Flink: the same jobs over the same files, in turn, results compared by number and hash.

usage: scripts/bench peers [--long] [--rows N] [-p 1,2] [--checkpoint none,10s] [--pairs N] [--warm SECONDS]
                           [--heap 2g] [--reader csv|lines|bytes] [--json] [JOB...]

JOB is one of clicks, q0, q1, q2, q5, q11; all by default, each with the job that only reads its input, so that reading can
be subtracted. peers/flink/README.md tells what is run and why; nothing is run where Java or Maven are absent.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "../.."))
PROJECT = os.path.join(HERE, "flink")
BUILT = os.path.join(ROOT, "build/peers/flink")
INPUTS = os.path.join(ROOT, "build/peers/input")
# job: its input, and the job that reads the same fields of it and does nothing else
JOBS = {"clicks": ("clicks", "clicks_source"), "q0": ("bids", "q0_source"), "q1": ("bids", "bids_source"),
        "q2": ("bids", "bids_source"), "q5": ("bids", "bids_source"), "q11": ("bids", "bids_source")}
ADD_OPENS = [f"--add-opens=java.base/java.{p}=ALL-UNNAMED" for p in ("lang", "util", "util.concurrent", "nio", "time")]
CPUS = sorted(os.sched_getaffinity(0))


class Failed(Exception):
    pass


def missing():
    """What Flink's side cannot be built or run without, or None."""
    for tool, what in (("java", "Java 17 or later"), ("javac", "a JDK, 17 or later"), ("mvn", "Maven")):
        if not shutil.which(tool):
            return f"{what} ({tool}) is not installed"
    said = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr
    version = re.search(r'version "(\d+)', said)
    if not version or int(version[1]) < 17:
        return "Java 17 or later is needed, and this is: " + said.split("\n")[0]
    return None


def build_weir():
    build = ["cmake", "--build", "--preset", "bench", "-j", "2", "--target", "weir_peers"]
    for command in (["cmake", "--preset", "bench"], build):
        if subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL).returncode:
            raise Failed("weir was not built")


def build_flink():
    jar = os.path.join(BUILT, "peers-flink.jar")
    sources = [os.path.join(PROJECT, "pom.xml")]
    for folder, _, names in os.walk(os.path.join(PROJECT, "src")):
        sources += [os.path.join(folder, name) for name in names]
    if os.path.exists(jar) and all(os.path.getmtime(s) < os.path.getmtime(jar) for s in sources):
        return
    print("building Flink's side (Maven may fetch it first)", file=sys.stderr, flush=True)
    command = ["mvn", "-q", "-B", "-f", os.path.join(PROJECT, "pom.xml"), f"-Dweir.build={BUILT}", "package"]
    if subprocess.run(command).returncode:
        raise Failed("Maven failed")


# ---- weir ------------------------------------------------------------------------------------------------------------

def run_weir(options, job, settings, parallelism, cpus=None):
    """Seconds, CPU seconds and peak KiB of a whole process, from its start to its end."""
    manifest = os.path.join(HERE, "jobs", job + ".yaml")
    command = [os.path.join(options.build, "bin/weir"), "run", manifest, "--fresh", "--quiet", "-p", str(parallelism),
               "-D", f"plugins=[{options.build}/bench-plugins/weir_peers_plugin.so]"]
    for name, value in settings.items():
        command += (["-D", f"checkpoint.every={value}"] if name == "checkpoint" else ["--set", f"{name}={value}"])
    begin = time.monotonic()
    p = subprocess.Popen(command, env={**os.environ, "WEIR_HOME": os.path.join(options.folder, "home")},
                         preexec_fn=lambda: os.sched_setaffinity(0, cpus or CPUS))
    _, status, used = os.wait4(p.pid, 0)
    took = time.monotonic() - begin
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode:
        raise Failed(f"weir failed with {p.returncode}: {' '.join(command)}")
    return {"seconds": took, "cpu": used.ru_utime + used.ru_stime, "peak_kib": used.ru_maxrss}


def measure_weir(options, job, folder, parallelism, checkpoint):
    result = os.path.join(options.folder, "result")
    settings = {"input": folder, "result": result}
    if checkpoint != "none":
        settings["checkpoint"] = checkpoint
    found = run_weir(options, job, settings, parallelism, CPUS[:parallelism])
    rows = total = 0
    for i in range(parallelism):
        with open(f"{result}.{i}") as f:
            part, part_hash = map(int, f.read().split())
        rows, total = rows + part, (total + part_hash) % 2 ** 64
        os.remove(f"{result}.{i}")
    return {**found, "rows": rows, "hash": str(total)}


def input_of(options, kind, parallelism):
    """The folder of the input, in one part for each source; written once."""
    folder = os.path.join(INPUTS, f"{kind}-{options.rows}-{parallelism}")
    if not os.path.exists(folder):
        print(f"writing {folder}", file=sys.stderr, flush=True)
        partly = folder + ".partly"
        shutil.rmtree(partly, ignore_errors=True)
        run_weir(options, "write_" + kind, {"events": -(-options.rows // 46) * 50, "output": partly}, parallelism)
        os.rename(partly, folder)
    size = rows = 0
    for name in os.listdir(folder):  # brings it into the page cache, too
        with open(os.path.join(folder, name), "rb") as f:
            for block in iter(lambda: f.read(1 << 22), b""):
                size, rows = size + len(block), rows + block.count(b"\n")
        rows -= 1  # the header
    return folder, rows, size


# ---- Flink -----------------------------------------------------------------------------------------------------------

class Flink:
    """A Java process with a Flink cluster in it, which runs one job whenever it is told to."""

    def __init__(self, options, job, folder, parallelism, checkpoint):
        ms = 0 if checkpoint == "none" else int(float(checkpoint[:-1]) * 1000)
        cpus = CPUS[:parallelism]
        self.folder = tempfile.mkdtemp(dir=options.folder)
        command = ["java", f"-Xms{options.heap}", f"-Xmx{options.heap}", *options.java.split(), *ADD_OPENS,
                   "-cp", f"{BUILT}/peers-flink.jar:{BUILT}/lib/*", "weir.peers.Main",
                   job, folder, options.reader, str(parallelism), str(ms), self.folder]
        self.process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        preexec_fn=lambda: os.sched_setaffinity(0, cpus))
        self.begin = time.monotonic()

    def run(self):
        try:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed("Flink's process is gone") from None
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise Failed("Flink's job failed")

    def cold(self):
        """The first run, counted from the start of the process."""
        found = self.run()
        found["seconds"] = time.monotonic() - self.begin
        with open(f"/proc/{self.process.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        found["cpu"] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return found

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)


# ---- comparing -------------------------------------------------------------------------------------------------------

def compare(options, job, folder, rows, parallelism, checkpoint):
    """Pairs of runs, warm; the results of every run are compared."""
    flink = Flink(options, job, folder, parallelism, checkpoint)
    pairs = []
    try:
        cold = flink.cold()
        while time.monotonic() - flink.begin < options.warm:
            flink.run()
        for _ in range(options.pairs):
            pairs.append((measure_weir(options, job, folder, parallelism, checkpoint), flink.run()))
    finally:
        flink.close()
    found = {(side["rows"], side["hash"]) for pair in pairs for side in pair} | {(cold["rows"], cold["hash"])}
    if len(found) != 1:
        raise Failed(f"{job}: results differ: " + ", ".join(f"{n} records with hash {h}" for n, h in sorted(found)))
    line = {"job": job, "parallelism": parallelism, "checkpoint": checkpoint, "rows": rows, "results": cold["rows"],
            "cold_flink_rate": rows / cold["seconds"], "cold_flink_cpu": cold["cpu"] / rows * 1e6, "pairs": len(pairs)}
    for k, side in enumerate(("weir", "flink")):
        line[side] = {name: statistics.median(pair[k][name] for pair in pairs) for name in ("seconds", "cpu", "peak_kib")}
        line[side]["spread"] = [min(pair[k]["seconds"] for pair in pairs), max(pair[k]["seconds"] for pair in pairs)]
    for name in ("seconds", "cpu", "peak_kib"):
        ratios = [pair[1][name] / pair[0][name] for pair in pairs]
        line["ratio_" + name] = [statistics.median(ratios), min(ratios), max(ratios)]
    return line


HEAD = (f"{'job':14}{'p':>2} {'checkpoint':>10} | {'M records/s':>14} {'ratio':>22} | {'CPU s per M':>14} {'ratio':>6} | "
        f"{'peak MiB':>11} {'ratio':>6} | Flink cold, M/s")


def show(line):
    weir, flink, rows = line["weir"], line["flink"], line["rows"] / 1e6
    median, low, high = line["ratio_seconds"]
    spread = f"({low:.1f} .. {high:.1f})"
    print(f"{line['job']:14}{line['parallelism']:2} {line['checkpoint']:>10} | "
          f"{rows / weir['seconds']:6.2f} {rows / flink['seconds']:7.2f} {median:6.1f} {spread:>15} | "
          f"{weir['cpu'] / rows:6.3f} {flink['cpu'] / rows:7.3f} {line['ratio_cpu'][0]:6.1f} | "
          f"{weir['peak_kib'] / 1024:5.0f} {flink['peak_kib'] / 1024:5.0f} {line['ratio_peak_kib'][0]:6.1f} | "
          f"{line['cold_flink_rate'] / 1e6:15.2f}", flush=True)


def show_without_source(line, source):
    """What is left of the CPU time when that of reading alone is taken away."""
    left = [line[side]["cpu"] - source[side]["cpu"] for side in ("weir", "flink")]
    rows = line["rows"] / 1e6
    if min(left) > 0.05 * line["weir"]["cpu"]:
        print(f"{'':67}without reading | {left[0] / rows:6.3f} {left[1] / rows:7.3f} {left[1] / left[0]:6.1f} |", flush=True)


def arguments():
    p = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n\n")[0], add_help=True)
    p.add_argument("jobs", nargs="*", metavar="JOB")
    p.add_argument("--long", action="store_true")
    p.add_argument("--rows", type=int)
    p.add_argument("-p", "--parallelism", default="2")
    p.add_argument("--checkpoint", default="none")
    p.add_argument("--pairs", type=int)
    p.add_argument("--warm", type=float)
    p.add_argument("--heap", default="2g")
    p.add_argument("--reader", default="lines", choices=("csv", "lines", "bytes"), help="how Flink reads")
    p.add_argument("--java", default="-XX:+UseParallelGC", help="more options for the Java machine")
    p.add_argument("--build", help="a folder in which weir was built with -DWEIR_BENCH=ON")
    p.add_argument("--json", action="store_true")
    options = p.parse_args()
    for job in options.jobs:
        if job not in JOBS:
            p.error(f"no job '{job}'; there are {', '.join(JOBS)}")
    for name, short, long in (("rows", 2_000_000, 25_000_000), ("pairs", 3, 5), ("warm", 15, 60)):
        if getattr(options, name) is None:
            setattr(options, name, long if options.long else short)
    return options


def all_of(options):
    lines = []
    if not options.json:
        print(f"{options.pairs} pairs, medians; of two figures the first is weir's; Flink warmed for {options.warm:.0f} s, "
              f"heap {options.heap}, reads {options.reader}\n{HEAD}", flush=True)
    for parallelism in map(int, options.parallelism.split(",")):
        if parallelism > len(CPUS):
            raise Failed(f"a parallelism of {parallelism} needs as many cores, and there are {len(CPUS)}")
        sources = {}
        for job in options.jobs or JOBS:
            kind, source = JOBS[job]
            folder, rows, _ = input_of(options, kind, parallelism)
            if source not in sources:
                sources[source] = compare(options, source, folder, rows, parallelism, "none")
                lines.append(sources[source])
                if not options.json:
                    show(sources[source])
            for checkpoint in options.checkpoint.split(","):
                lines.append(compare(options, job, folder, rows, parallelism, checkpoint))
                if not options.json:
                    show(lines[-1])
                    show_without_source(lines[-1], sources[source])
    if options.json:
        print(json.dumps(lines, indent=1))


def main():
    options = arguments()
    why = missing()
    if why:
        print(f"scripts/bench peers: skipped: {why}")
        return 0
    options.folder = tempfile.mkdtemp(prefix="weir-peers-")
    try:
        if not options.build:
            build_weir()
        options.build = os.path.abspath(options.build or os.path.join(ROOT, "build/bench"))
        build_flink()
        all_of(options)
    except Failed as e:
        print(f"scripts/bench peers: {e}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(options.folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
