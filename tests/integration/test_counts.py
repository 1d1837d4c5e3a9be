"""No allocation, lock, system call or read of a clock for a record: counted by a library that is preloaded (counts.c).

A job is run with few records and with many; what the threads of slots did more of in the second run is the records' share.
It may be so much for each batch of 1,024 records: an allocation now and then where state grows or a window's keys come and
go, clocks and system calls (parking, waking, reading and writing files) for elements and steps. Nothing is timed, and the
bounds hold whatever the schedule: a thread that sleeps was woken by an element.

By hand, over ten million records: WEIR_COUNT_RECORDS=10000000 python3 tests/integration/run.py BUILD test_counts
"""
import json
import os
import unittest

from support import BUILD, WeirTest

PLUGINS = BUILD / "tests" / "integration" / "plugins"
COUNTS = PLUGINS / "counts.so"  # not in a build with sanitizers, which count allocations themselves
FEW = 100_000
MANY = FEW + int(os.environ.get("WEIR_COUNT_RECORDS", "500000"))
BATCH = 1024
KINDS = ("allocations", "locks", "clocks", "calls")

CLICKS = "source: {datagen_clicks: {count: \"${n}\", step: 1ms}}, time: {field: at, monotonous: true}"


@unittest.skipUnless(COUNTS.exists(), "sanitizers count allocations themselves")
class Counts(WeirTest):
    def counted(self, manifest, records, *options, **settings):
        """What the slots did, by kind."""
        name = self.folder / "counts"
        sets = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        done = self.weir("run", manifest, "--output", "json", "--fresh", *sets, *options, LD_PRELOAD=COUNTS,
                         WEIR_COUNTS=name)
        totals = dict.fromkeys(KINDS, 0)
        slots = 0
        for path in self.folder.glob("counts.*"):
            for line in path.read_text(encoding="utf-8").splitlines():
                thread, *numbers = line.split()
                if not thread.startswith("slot-"):
                    continue
                slots += 1
                for kind, number in zip(KINDS, numbers):
                    totals[kind] += int(number)
            path.unlink()
        self.assertGreater(slots, 0, done)
        self.assertGreater(totals["clocks"], 0, "it does not count")
        self.assertEqual(json.loads(done.out.splitlines()[-1])["read"], records)
        return totals

    def check(self, few, many, **most):
        """`most`: of a kind, for a batch of the records that the second run had more."""
        batches = (MANY - FEW) / BATCH
        found = {kind: (many[kind] - few[kind]) / batches for kind in KINDS}
        if "WEIR_COUNT_RECORDS" in os.environ:
            print({kind: round(number, 3) for kind, number in found.items()}, "for a batch")
        for kind, number in found.items():
            self.assertLessEqual(number, most.get(kind, 0), f"{kind}: {found}")

    def check_job(self, text, *options, **most):
        job = self.job(text)
        self.check(*(self.counted(job, n, *options, n=n) for n in (FEW, MANY)), **most)

    def test_map_and_filter(self):
        self.check_job("""
job: map_and_filter
vars: {n: 0}
nodes:
  - {id: numbers, source: {sequence: {to: "${n}"}}}
  - {id: kept, from: numbers, set: {double: value * 2.0}, filter: value % 3 != 0}
  - {id: out, from: kept, sink: discard}
""", allocations=0.25, clocks=8, calls=0.25)

    def test_windows_behind_an_exchange(self):
        self.check_job(f"""
job: windows
vars: {{n: 0}}
nodes:
  - {{id: clicks, {CLICKS}}}
  - {{id: counts, from: clicks, key_by: user, window: {{tumbling: 100s}}, aggregate: {{clicks: count, last: max(at)}}}}
  - {{id: out, from: counts, sink: discard}}
""", "-p", "2", allocations=16, clocks=64, calls=16)

    def test_values_and_timers(self):
        self.check_job(f"""
job: values
plugins: [{PLUGINS / "ticks.so"}]
vars: {{n: 0}}
nodes:
  - {{id: clicks, {CLICKS}}}
  - {{id: seen, from: clicks, key_by: user, process: {{ticks: {{every: 100s}}}}}}
  - {{id: out, from: seen, sink: discard}}
""", "-p", "2", allocations=1, clocks=64, calls=16)

    def test_maps_that_come_and_go(self):
        # Each sensor has readings waiting in a map now and none the next moment; its key comes and goes with the map.
        self.check_job("""
job: maps
vars: {n: 0}
nodes:
  - id: readings
    source: {datagen_sensors: {count: "${n}", sensors: 300, step: 1ms, jitter: 400ms}}
    time: {field: at, out_of_orderness: 500ms, interval: 5ms}
  - {id: alerts, from: readings, key_by: sensor, process: {rising: {duration: 100ms}}}
  - {id: out, from: alerts, sink: discard}
""", allocations=64, clocks=64, calls=16)

    def write(self, name, first, end):
        with open(self.folder / name, "w", encoding="utf-8") as f:
            f.writelines(f"{i * 7919 % 1000},{i % 977 / 4},item{i % 50},{1700000000000 + i}\n" for i in range(first, end))

    def test_files(self):
        job = self.job("""
job: files
nodes:
  - id: rows
    source: {file: {path: "rows*.csv", format: csv}}
    schema: {user: i64, amount: f64, item: string, at: timestamp}
    time: {field: at, monotonous: true}
  - {id: copy, from: rows, sink: {file: {path: copy.csv, format: csv}}}
  - {id: sums, from: rows, key_by: user, window: {tumbling: 100s}, aggregate: {rows: count, sum: sum(amount)}}
  - {id: out, from: sums, sink: discard}
""")
        self.write("rows1.csv", 0, FEW)
        few = self.counted(job, FEW)
        self.write("rows2.csv", FEW, MANY)
        self.check(few, self.counted(job, MANY), allocations=16, clocks=8, calls=4)


if __name__ == "__main__":
    unittest.main()
