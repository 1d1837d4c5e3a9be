#!/usr/bin/env python3
"""Kills a running job again and again, its process, its supervisor or both, and compares what it committed with the output
of an uninterrupted run, sorted, byte by byte. README.md says more."""
import argparse
import contextlib
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
BACKENDS = {"heap": "heap", "leveldb": "{leveldb: {sync: false, write_buffer: 64KiB}}"}
INCREMENTAL = ("-D", "checkpoint.incremental=true", "-D", "checkpoint.full_every=4")
VICTIMS = ("child", "supervisor", "both")
HUNG_S = 300
LOOK_S = 0.002


class Wrong(Exception):
    pass


class Soak:
    """One job in a folder of its own, killed until it has come to its end."""

    def __init__(self, options, folder, backend, parallelism, dice):
        self.options, self.folder, self.dice = options, folder, dice
        self.backend, self.parallelism = backend, parallelism
        self.environment = {**os.environ, "WEIR_CONFIG": os.devnull, "WEIR_HOME": str(folder / "home"),
                            "WEIR_PLUGIN_PATH": str(options.build / "tests" / "soak" / "plugins")}
        self.kills = dict.fromkeys(VICTIMS, 0)
        self.lives = self.restarts = self.incremental = 0

    def command(self, *arguments):
        return [str(self.options.build / "bin" / "weir"), "run", str(HERE / "job.yaml"), "--quiet",
                "-p", str(self.parallelism), "--set", f"count={self.options.count}",
                "-D", f"checkpoint.directory={self.folder / 'checkpoints'}",
                "-D", f"state.directory={self.folder / 'state'}", *arguments]

    def uninterrupted(self):
        subprocess.run(self.command("--set", f"output={self.folder}/plain/", "--state-backend", BACKENDS["heap"]),
                       check=True, cwd=self.folder, env=self.environment, timeout=HUNG_S, stdin=subprocess.DEVNULL)

    # ---- a life: from a start to the death of the supervisor, or the job's end ----

    def start(self, resume):
        self.lives += 1
        incremental = self.dice.randrange(2) == 1
        self.incremental += incremental
        self.log = self.folder / f"log-{self.lives}"
        with self.log.open("wb") as log:
            return subprocess.Popen(
                self.command("--set", f"output={self.folder}/out/", "--set", f"rate={self.options.rate}", "--state-backend",
                             BACKENDS[self.backend], *(INCREMENTAL if incremental else []),
                             *(["--resume"] if resume else [])),
                cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def look(self, supervisor, seen, what):
        """What seen() gives once it gives something; None: the supervisor has ended."""
        end = time.monotonic() + HUNG_S
        while time.monotonic() < end:
            found = seen()
            if found:
                return found
            if supervisor.poll() is not None:
                return None
            time.sleep(LOOK_S)  # between two looks, not to be ready
        supervisor.kill()
        raise Wrong(f"there is no {what} in time; see {self.log}")

    def checkpoints(self):
        with contextlib.suppress(FileNotFoundError):
            return {name for name in os.listdir(self.folder / "checkpoints")
                    if name.startswith("chk-") and not name.endswith(".tmp")}
        return set()

    def kill(self, supervisor, child, victim):
        self.early = self.early and not self.checkpoints() - self.at_start
        for pid in {"child": [child], "supervisor": [supervisor.pid], "both": [supervisor.pid, child]}[victim]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.kills[victim] += 1
        if victim != "child":
            supervisor.wait(timeout=HUNG_S)

    def child_of(self, supervisor):
        try:
            process = pathlib.Path(f"/proc/{supervisor.pid}/task/{supervisor.pid}")
            children = (process / "children").read_text(encoding="ascii")
        except OSError:  # it has ended
            return None
        return int(children.split()[0]) if children else None

    def live(self, resume, most_kills):
        """Kills within one life of the supervisor; its exit code when it ended by itself, None when it was killed."""
        self.at_start, self.early = self.checkpoints(), True
        supervisor, done = self.start(resume), sum(self.kills.values())
        try:
            while sum(self.kills.values()) - done < most_kills:
                before = self.checkpoints()
                child = self.look(supervisor, lambda: self.child_of(supervisor), "child")
                if self.dice.randrange(4) and child:  # else perhaps while it starts
                    self.look(supervisor, lambda: self.checkpoints() - before, "checkpoint")
                with contextlib.suppress(subprocess.TimeoutExpired):
                    supervisor.wait(timeout=self.dice.uniform(self.options.least, self.options.most))
                victim = self.dice.choice(VICTIMS)
                child = self.child_of(supervisor)
                if supervisor.poll() is not None:
                    break
                if child is None:  # between two children, or at its very end
                    continue
                self.kill(supervisor, child, victim)
                if victim != "child":
                    return None
            supervisor.wait(timeout=HUNG_S)
            return supervisor.returncode
        finally:
            if supervisor.poll() is None:
                supervisor.kill()
                supervisor.wait()
            self.restarts += self.log.read_text(encoding="utf-8", errors="replace").count("weir: restarting in")

    # ---- the whole ----

    def committed(self, where):
        """Rows by output; parts that are not finished have a dot in front."""
        rows = {}
        for path in sorted((self.folder / where).rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                rows.setdefault(path.parent.name, []).extend(path.read_bytes().splitlines(keepends=True))
        return {name: sorted(lines) for name, lines in rows.items()}

    def run(self, most_kills):
        resume = False
        while True:
            code = self.live(resume, most_kills - sum(self.kills.values()))
            if code == 0:
                return
            said = self.log.read_text(encoding="utf-8", errors="replace")
            if code is not None and "is running already" in said:
                continue  # the old child is still dying: that is what the lock is for
            if code == 1 and "the job crashed: signal 9" in said and "restarting in" not in said and self.early:
                code = None  # before the supervisor knew how the job starts again
            if code is not None:
                raise Wrong(f"weir ended with code {code}:\n{said}")
            there = bool(self.checkpoints())
            if not there and (resume or self.committed("out")):
                return  # it had come to its end, and its checkpoints are gone
            resume = there

    def compare(self):
        plain, found = self.committed("plain"), self.committed("out")
        for name in sorted(plain.keys() | found.keys()):
            a, b = plain.get(name, []), found.get(name, [])
            if a != b:
                lost, more = sorted(set(a) - set(b))[:5], sorted(set(b) - set(a))[:5]
                raise Wrong(f"{name}: {len(b)} rows, expected {len(a)}; missing {lost}, not expected {more}")
        hidden = [str(path) for path in (self.folder / "out").rglob(".*")]
        if hidden:
            raise Wrong(f"left behind: {hidden}")
        if sorted(found) != ["joined", "reminders", "windows"]:
            raise Wrong(f"outputs: {sorted(found)}")
        return sum(map(len, found.values()))


def soak(options, backend, parallelism):
    dice = random.Random(f"{options.seed} {backend} {parallelism}")
    total, jobs, rows, restarts, lives, incremental = dict.fromkeys(VICTIMS, 0), 0, 0, 0, 0, 0
    while sum(total.values()) < options.kills:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-soak-"))
        one = Soak(options, folder, backend, parallelism, dice)
        try:
            one.uninterrupted()
            one.run(options.kills - sum(total.values()))
            rows += one.compare()
        except (Wrong, subprocess.SubprocessError) as error:
            print(f"{backend}, parallelism {parallelism}, seed {options.seed}, job {jobs + 1}, kills {one.kills}: {error}\n"
                  f"its folder stays: {folder}", file=sys.stderr)
            return None
        shutil.rmtree(folder, ignore_errors=True)
        jobs, restarts, lives = jobs + 1, restarts + one.restarts, lives + one.lives
        incremental += one.incremental
        total = {victim: n + one.kills[victim] for victim, n in total.items()}
    print(f"{backend}, parallelism {parallelism}: {sum(total.values())} kills {total}, {lives} lives "
          f"({incremental} incremental), {restarts} restarts, {jobs} jobs, {rows} rows: each once", flush=True)
    return sum(total.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--kills", type=int, default=10, help="of each backend and parallelism")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--parallelism", nargs="+", type=int, default=[1, 4])
    parser.add_argument("--least", type=float, default=0.0, help="shortest time before a kill, in seconds")
    parser.add_argument("--most", type=float, default=0.2, help="longest")
    parser.add_argument("--count", type=int, default=20000, help="records of each source")
    parser.add_argument("--rate", type=int, default=10000, help="records a second of each source")
    options = parser.parse_args()
    options.build = options.build.resolve()
    results = [soak(options, backend, parallelism) for backend in options.backends for parallelism in options.parallelism]
    if None in results:
        return 1
    print(f"{sum(results)} kills, seed {options.seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
