#!/usr/bin/env python3
"""Random windows over random streams: the runtime against the reference.

    run.py --seeds 1..300             the cases of these seeds
    run.py --long                     seeds 1..5000, each under more settings
    run.py --case FILE                the case in a file, as a failure leaves one behind

Each case of cases.py becomes a manifest. sim_run plays it with the real runtime under the virtual clock: row by row, where
time moves only when everything has settled. What comes out is compared by reference.difference with what reference.simulate
says. Where arrival times do not matter (one source, nothing by the clock) all rows are given at once as well, so that they
travel in batches.

Each case is played once more with crashes: the job has checkpoints, is destroyed after one of them, and goes on from it.

A case that differs is printed with its seed, made smaller, and left in a file under BUILD/tests/differential/failed.
"""
import argparse
import collections
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading

import cases
import reference

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MOST_FAILURES = 8
MOST_SECONDS = 60   # of one case, which takes milliseconds: it goes round in circles then
HANGS = "no end after %d seconds" % MOST_SECONDS
IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # checkpoints and stores need no disk here
SETTINGS = ("parallelism", "batch_rows", "channel_batches", "schedule_seed")


# ---- a case as a manifest --------------------------------------------------------------------------------------------


def ms(n):
    return "%dms" % n


def row_text(row, rush):
    value = "" if row["value"] is None else row["value"]
    return "%d,%d,%s,%s,%d" % (0 if rush else row["clock"], row["ts"], row["key"], value, row.get("gap", 0))


def source_node(case, index):
    spec = case["sources"][index]
    rush = case.get("rush", False)
    rows = [row_text(row, rush) for row in case["rows"] if row["source"] == index]
    until = 0 if rush or not case["rows"] else case["rows"][-1]["clock"]
    time = {"field": "at", "out_of_orderness": ms(spec["delay"]), "emit": "every_record",
            "interval": ms(cases.PROBE_INTERVAL)}
    if spec["idle_after"]:
        time["idle_after"] = ms(spec["idle_after"])
    return {"id": "s%d" % index, "parallelism": 1, "source": {"paced": {"rows": rows, "until": ms(until)}}, "time": time}


def assigner_part(assigner):
    kind = assigner["kind"]
    if kind == "global":
        return {"global": {}}
    if kind == "count":
        return {"count": assigner["n"]}
    if kind == "count_sliding":
        return {"count": {"size": assigner["n"], "slide": assigner["every"]}}
    options = {name: ms(assigner[name]) for name in ("size", "slide", "offset", "gap") if name in assigner}
    if kind == "dynamic_session":
        options["gap"] = "gap"
    if assigner["time"] == "processing":
        options["time"] = "processing"
    return {kind.replace("dynamic_", ""): options}


def trigger_part(trigger):
    kind = trigger["kind"]
    if kind in ("event_time", "processing_time", "never", "end_of_stream"):
        return kind
    if kind == "count":
        return {"count": trigger["n"]}
    if kind in ("continuous_event_time", "continuous_processing_time"):
        return {kind.replace("_event_time", "").replace("_time", ""): {"interval": ms(trigger["interval"])}}
    if kind == "delta":
        name = "delta" if trigger["delta"] == "absolute" else "rise"
        return {name: {"field": "value", "threshold": trigger["threshold"]}}
    if kind == "purging":
        return {"purging": trigger_part(trigger["inner"])}
    assert kind == "timeout", kind
    return {"timeout": {"after": ms(trigger["timeout"]), "trigger": trigger_part(trigger["inner"])}}


def evictor_part(evictor):
    kind, after = evictor["kind"], evictor["when"] == "after"
    if kind == "count":
        return {"count": {"n": evictor["n"], "after": after}}
    if kind == "time":
        return {"time": {"span": ms(evictor["size"]), "after": after}}
    name = "delta" if evictor["delta"] == "absolute" else "below"
    return {name: {"field": "value", "threshold": evictor["threshold"], "after": after}}


def ends_by_event_time(case):
    assigner = case["assigner"]
    return assigner["kind"] not in ("global", "count", "count_sliding") and assigner.get("time") != "processing"


def window_node(case):
    window = assigner_part(case["assigner"])
    trigger = case["trigger"] or ({"kind": "never"} if case["assigner"]["kind"] == "global" else None)
    if trigger:
        window["trigger"] = trigger_part(trigger)
    if case["evictor"]:
        window["evictor"] = evictor_part(case["evictor"])
    if case["lateness"] and ends_by_event_time(case):  # else a manifest must not say it, as it means nothing
        window["lateness"] = ms(case["lateness"])
    window["late"] = "side_output" if case["late_output"] and ends_by_event_time(case) else "drop"
    node = {"id": "w", "from": ["s%d" % i for i in range(len(case["sources"]))], "window": window}
    if case["keyed"]:
        node["key_by"] = "key"
    else:
        window["all"] = True
        node["parallelism"] = 1
    if "aggregate" in case["function"]:
        node["aggregate"] = {"start": "window_start", "end": "window_end"}
        for index, name in enumerate(case["function"]["aggregate"]):
            node["aggregate"]["a%d" % index] = name if name == "count" else "%s(value)" % name
    else:
        window["function"] = "collect"
    return node


def sink_node(case, name, port):
    node = {"id": name, "from": port, "sink": {"ledger": {"name": name}}}
    return node if case["keyed"] else dict(node, parallelism=1)


def manifest(case, directory):
    """directory: for checkpoints and stores."""
    nodes = [source_node(case, index) for index in range(len(case["sources"]))]
    nodes.append(window_node(case))
    nodes.append(sink_node(case, "out", "w"))
    if case["late_output"] and ends_by_event_time(case):
        nodes.append(sink_node(case, "late", "w.late"))
    defaults = {"batch_rows": case["batch_rows"], "channel_batches": case["channel_batches"],
                "chaining": case["schedule_seed"] % 4 != 0}
    job = {"job": "case", "defaults": defaults, "nodes": nodes}
    if case["crashes"]:
        job["checkpoint"] = {"every": "1000h", "directory": os.path.join(directory, "checkpoints")}  # they are asked for
        if case["full_every"]:
            job["checkpoint"].update(incremental=True, full_every=case["full_every"])
        backend = {"leveldb": {"sync": False, "write_buffer": "64KiB"}} if case["state"] == "leveldb" else case["state"]
        job["state"] = {"backend": backend, "cache": "4KiB", "directory": os.path.join(directory, "state")}
    return json.dumps(job, indent=1)  # JSON is YAML


def words(case):
    """What sim_run is told of a case beside its manifest."""
    told = ["--seed", case["schedule_seed"], "-p", case["parallelism"]]
    for crash in case["crashes"]:
        clock = 0 if case.get("rush") else crash["clock"]
        numbers = [clock, crash["wait"], crash["then"], crash["parallelism"], crash["batch_rows"]]
        numbers += [crash["state"]] if crash["state"] else []
        told += ["--crash", ",".join(map(str, numbers))]
    for ask in case["asks"]:
        told += ["--ask", "%d,%d,%s" % (0 if case.get("rush") else ask["clock"], ask["wait"], ask["what"])]
    return " ".join(map(str, told))


def can_rush(case):
    """Whether the result is the same when all rows come at once."""
    by_clock = ("processing_time", "continuous_processing_time", "timeout")
    return (len(case["sources"]) == 1 and not case["sources"][0]["idle_after"]
            and case["assigner"].get("time") != "processing"
            and not any(kind in by_clock for kind in cases.trigger_kinds(case["trigger"])))


# ---- what came out ---------------------------------------------------------------------------------------------------


def number(text):
    return None if text == "-" else int(text)


def bound(text):
    value = number(text)
    return None if value in (reference.MIN, reference.MAX) else value


def read_out(case, cells):
    key = cells.pop(1) if case["keyed"] else None
    out = {"key": key, "ts": int(cells[0]), "start": bound(cells[1]), "end": bound(cells[2])}
    if "aggregate" in case["function"]:
        out["aggregates"] = [number(cell) for cell in cells[3:]]
    else:
        out["values"] = [number(value) for value in cells[3].split()]
    return out


def read_cut(case, clock, positions):
    """A cut as reference.simulate takes it. positions: how many rows of its own a source had given; one that is not there
    was at its end. Time stands still until everything has settled, so they are the first rows of all."""
    sources = [row["source"] for row in case["rows"]]
    n = [positions.get("s%d" % source, sources.count(source)) for source in range(len(case["sources"]))]
    if any(sources[:sum(n)].count(source) != n[source] for source in range(len(n))):
        raise ValueError("the sources were not cut at one place: after %s rows" % n)
    if case.get("rush"):  # all clocks are 0 there
        clock = case["rows"][sum(n) - 1]["clock"] if sum(n) else 0
    return {"rows": sum(n), "clock": clock}


def read_cuts(case, lines):
    """Takes the lines that tell of crashes out, and of state that went elsewhere."""
    told, rest, moved = [], [], 0
    for line in lines:
        word, *more = line.split(" ")
        if word == "crash":
            told.append((int(more[0]), {}))
        elif word == "again":
            told[-1][1][more[0]] = int(more[1])
        elif word == "moved":
            moved += int(more[0])
        else:
            rest.append(line)
    return [read_cut(case, clock, positions) for clock, positions in told], moved, rest


def read_parts(lines):
    """Lines that sinks committed, without the names of the parts they came in. A part may be committed again, and counts
    once, as a file does."""
    parts, rest, at = {}, [], 0
    while at < len(lines):
        if not lines[at].startswith("part "):
            rest.append(lines[at])
            at += 1
            continue
        name, end = lines[at], at + 1 + int(lines[at].split(" ")[4])
        part = lines[at + 1:end]
        if parts.setdefault(name, part) is part:
            rest += part
        elif parts[name] != part:
            raise ValueError("%s was committed twice, and not the same" % name)
        at = end
    return rest


def read_result(case, lines):
    """The result as reference.py describes it, "cuts" as it takes them, and how many subtasks "moved" their state."""
    cuts, moved, lines = read_cuts(case, lines)
    actual = {"out": [], "late": [], "dropped": 0, "cuts": cuts, "moved": moved}
    counted = None
    for line in read_parts(lines):
        name, *cells = line.split("|")
        if name == "out":
            actual["out"].append(read_out(case, cells))
        elif name == "late":
            actual["late"].append({"key": cells[1], "ts": int(cells[2]), "value": number(cells[3])})
        elif line.startswith("late w "):
            counted = int(line.split()[2])
        else:
            raise ValueError("unexpected line: " + line)
    if not case["late_output"] or not ends_by_event_time(case):
        actual["dropped"] = counted
    elif counted != len(actual["late"]) and not case["crashes"]:  # each life counts from 0
        raise ValueError("%d rows came out late, but %s were counted" % (len(actual["late"]), counted))
    return actual


class Runtime:
    """A sim_run process that plays one case after another; started again when a case brings it down."""

    def __init__(self, build, directory):
        self.command = [os.path.join(build, "tests/sim/sim_run"), "--exact", "--late", "--plugins",
                        os.path.join(build, "tests/differential/plugins")]
        self.build, self.directory = build, directory
        self.process = None
        self.errors = None
        self.moved = 0  # subtasks that took their state elsewhere

    def start(self):
        self.errors = tempfile.TemporaryFile(mode="w+", dir=self.directory)
        self.process = subprocess.Popen(self.command + ["--list"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True)

    def stop(self):
        """What it said, if it did not end well."""
        if not self.process:
            return None
        self.process.stdin.close()
        code = self.process.wait()
        self.process.stdout.close()
        self.process = None
        self.errors.seek(0)
        said = self.errors.read()
        self.errors.close()
        return said if code < 0 or code > 1 or said else None

    def play(self, case):
        """(result, None), or (None, what went wrong)."""
        path = os.path.join(self.directory, "case.yaml")
        with open(path, "w") as f:
            f.write(manifest(case, self.directory))
        if not self.process:
            self.start()
        watchdog = threading.Timer(MOST_SECONDS, self.process.kill)
        watchdog.start()
        try:
            self.process.stdin.write("%s %s\n" % (path, words(case)))
            self.process.stdin.flush()
            return self.read(case)
        except BrokenPipeError:
            return None, "sim_run is gone: " + str(self.stop())
        finally:
            watchdog.cancel()

    def read(self, case):
        lines = []
        for line in self.process.stdout:
            line = line.rstrip("\n")
            if line == "end ok":
                return read_result(case, lines), None
            if line == "end failed":
                return None, "the job failed: " + "\n".join(lines)
            if not line.startswith("run "):
                lines.append(line)
        code, said = self.process.wait(), self.stop()
        if code == -signal.SIGKILL:
            return None, HANGS
        return None, "sim_run died (%d): %s" % (code, said)

    def wrong(self, case):
        """None, or what is wrong with the runtime's result."""
        try:
            actual, trouble = self.play(case)
            self.moved += 0 if trouble else actual["moved"]
            return trouble or reference.difference(case, reference.simulate(case, actual["cuts"]), actual)
        except ValueError as e:
            return str(e)


# ---- many cases ------------------------------------------------------------------------------------------------------


def with_settings(case, rng, **more):
    changed = dict(case, **more)
    changed.update(parallelism=rng.choice([1, 2, 4]), batch_rows=rng.choice([1, 7, 1024]),
                   channel_batches=rng.choice([1, 2, 8]), schedule_seed=rng.randrange(1 << 31))
    return changed


def plain(case, rng):
    """The case as a window that the fast path of the runtime takes; None when it takes none of its kind."""
    if case["assigner"]["kind"] not in ("tumbling", "sliding") or case["assigner"]["time"] != "event" or not case["keyed"]:
        return None
    names = rng.sample(cases.AGGREGATES, rng.randint(1, 4))
    return dict(case, trigger=None, evictor=None, function={"aggregate": names})


def whole_variants(seed, long):
    """The case of a seed, and others made of it, without crashes."""
    case = cases.generate(seed)
    rng = random.Random(seed)
    for made in (case, plain(case, rng)):
        if not made:
            continue
        yield made
        if can_rush(made):
            yield with_settings(made, rng, rush=True)
        for _ in range(2 if long else 0):
            yield with_settings(made, rng, rush=can_rush(made))


def variants(seed, long):
    """Each with and without crashes."""
    rng = random.Random(seed)
    for case in whole_variants(seed, long):
        yield case
        broken = cases.crashed(case, rng, most=3 if long else 1)
        if broken:
            yield broken


def enough_of_each(seeds, each):
    """The seeds, and as many behind them as it takes for every feature to be in `each` cases."""
    last = seeds[-1] if seeds else 0
    known = set().union(*(cases.features(cases.generate(seed)) for seed in range(1, 1001))) if each else set()
    seen, more = collections.Counter(), []
    for seed in seeds:
        seen.update(cases.features(cases.generate(seed)))
    while any(seen[feature] < each for feature in known):
        last += 1
        features = cases.features(cases.generate(last))
        if any(seen[feature] < each for feature in features):
            seen.update(features)
            more.append(last)
    return list(seeds) + more


class Campaign:
    def __init__(self, options):
        self.options = options
        self.seeds = collections.deque(options.seeds)
        self.lock = threading.Lock()
        self.played, self.failures, self.features = 0, 0, collections.Counter()
        self.left_over, self.reported, self.moved = [], 0, 0

    def next_seed(self):
        with self.lock:
            if not self.seeds or self.failures >= MOST_FAILURES:
                return None
            if self.options.long and len(self.seeds) % 500 == 0:
                print("%d seeds are left" % len(self.seeds), flush=True)
            return self.seeds.popleft()

    def work(self):
        with tempfile.TemporaryDirectory(dir=IN_MEMORY) as directory:
            runtime = Runtime(self.options.build, directory)
            for seed in iter(self.next_seed, None):
                for case in variants(seed, self.options.long):
                    self.one(runtime, case)
            said = runtime.stop()
            self.moved += runtime.moved
            if said:
                self.left_over.append(said)

    def one(self, runtime, case):
        wrong = runtime.wrong(case)
        with self.lock:
            self.played += 1
            self.features.update(cases.features(case))
            self.failures += wrong is not None
        if wrong is not None:
            small = case if self.options.whole or wrong == HANGS else shrunk(runtime, case)
            with self.lock:
                self.reported += 1
                report(runtime, case, small, wrong, self.file_of(case))

    def file_of(self, case):
        """Where the failing case is left."""
        folder = os.path.join(self.options.build, "tests/differential/failed")
        os.makedirs(folder, exist_ok=True)
        return os.path.join(folder, "%s-%d.json" % (case["seed"], self.reported))

    def run(self):
        workers = [threading.Thread(target=self.work) for _ in range(self.options.jobs)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        for said in self.left_over:
            print(said)
        if self.options.features:
            for feature, n in sorted(self.features.items()):
                print("%6d  %s" % (n, feature))
        print("%d seeds, %d runs, %d moves of state, %d differ" %
              (len(self.options.seeds) - len(self.seeds), self.played, self.moved, self.failures))
        return 1 if self.failures or self.left_over else 0


def shrunk(runtime, case):
    small = cases.shrink(case, lambda c: not (c.get("rush") and not can_rush(c)) and runtime.wrong(c) is not None,
                         max_tries=600)
    return small if runtime.wrong(small) else case


def outputs(result):
    return "\n".join("      %s" % json.dumps(record) for record in result["out"] + result["late"]) + \
        "\n      %d dropped" % result["dropped"]


def show(runtime, case):
    print("  %s" % runtime.wrong(case))
    actual, trouble = None, None
    try:
        actual, trouble = runtime.play(case)
    except ValueError as e:
        trouble = str(e)
    cuts = actual["cuts"] if actual else ()
    print("    expected%s:\n%s" % (" with cuts at %s" % cuts if cuts else "", outputs(reference.simulate(case, cuts))))
    print("    the runtime's:\n%s" % (outputs(actual) if actual else "      " + trouble))


def report(runtime, case, small, wrong, path):
    with open(path, "w") as f:
        json.dump(small, f, indent=1)
    with open(path.replace(".json", ".yaml"), "w") as f:
        f.write(manifest(small, path.replace(".json", ".d")))
    settings = ", ".join("%s %s" % (name, case[name]) for name in SETTINGS)
    print("seed %s (%s%s): %s" % (case["seed"], settings, ", rushed" if case.get("rush") else "", wrong))
    print("  made smaller: %s" % json.dumps(small))
    if wrong != HANGS:
        show(runtime, small)
    print("  to see it again: tests/differential/run.py --build %s --case %s" % (runtime.build, path))
    print("  the job alone:   %s %s %s" % (" ".join(runtime.command), path.replace(".json", ".yaml"), words(small)))
    sys.stdout.flush()


def check_file(options):
    with open(options.case) as f:
        case = json.load(f)
    with tempfile.TemporaryDirectory() as directory:
        runtime = Runtime(options.build, directory)
        wrong = runtime.wrong(case)
        if wrong:
            report(runtime, case, case, wrong, options.case)
        else:
            print("no difference")
        runtime.stop()
    return 1 if wrong else 0


def seed_range(text):
    first, _, last = text.partition("..")
    return range(int(first), int(last or first) + 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build/dev"), help="build folder")
    parser.add_argument("--seeds", type=seed_range, help="A..B, or one")
    parser.add_argument("--long", action="store_true", help="1..5000, each under more settings")
    parser.add_argument("--each", type=int, default=0, metavar="N",
                        help="more seeds, until every feature is in N cases")
    parser.add_argument("--features", action="store_true", help="say in how many runs each feature was")
    parser.add_argument("--case", help="file with one case")
    parser.add_argument("--whole", action="store_true", help="do not make failing cases smaller")
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time")
    options = parser.parse_args()
    if options.case:
        return check_file(options)
    if options.seeds is None:
        options.seeds = seed_range("1..5000" if options.long else "1..300")
    options.seeds = enough_of_each(options.seeds, options.each)
    return Campaign(options).run()


if __name__ == "__main__":
    sys.exit(main())
