"""The queries of examples/nexmark give what their oracle gives, which knows nothing of them but what their README says."""
import collections
import csv
import itertools
import os
import signal
import unittest

from support import EXAMPLES, TELLS_CHECKPOINTS, TIMEOUT_S, WeirTest

NEXMARK = EXAMPLES / "nexmark"
SPREADS = [["-p", "1"], ["-p", "2"], ["-p", "4"]]
CUT = ["-D", "defaults.batch_rows=7"]

STREAMS = ("persons", "auctions", "bids")
RAW = """
job: raw
vars: {events: 0, rate: 0}
nodes:
""" + "".join(f"""
  - {{id: {stream}, source: {{nexmark_{stream}: {{events: "${{events}}", rate: "${{rate}}"}}}}}}
  - {{id: {stream}_out, from: {stream}, sink: {{file: {{path: {stream}.csv, format: {{csv: {{header: true}}}}}}}}}}
""" for stream in STREAMS)

# q0, as slowly as one likes: a bid takes `pause` microseconds.
SLOW = """
job: slow
vars: {events: 0, rate: 0, pause: 0, output: out/}
checkpoint: {every: 20ms, directory: checkpoints, savepoints: savepoints, guarantee: exactly_once}
defaults: {batch_rows: 7, channel_batches: 2, max_parallelism: 64}
nodes:
  - {id: bids, source: {nexmark_bids: {events: "${events}", rate: "${rate}"}}, time: {field: at, monotonous: true}}
  - id: slow
    from: bids
    map: {call: "libc.so.6:usleep", signature: "i32(i32)", args: "${pause}", into: slept, blocking: true}
  - {id: as_they_are, from: slow, select: [auction, bidder, price, at, extra]}
  - {id: out, from: as_they_are, sink: {file: {path: "${output}", format: {csv: {header: false}}}}}
"""


class Nexmark(WeirTest):
    def expected(self, query, events=100_000, rate=1000):
        return self.oracle("nexmark.py", query, "--events", events, "--rate", rate)[0]

    def check(self, query, *more_spreads, events=100_000, rate=1000):
        """100 seconds of events; what the query gives, to see that it was worth comparing."""
        expected = self.expected(query, events, rate)
        for spread in [*SPREADS, *more_spreads]:
            with self.subTest(spread=spread):
                out = self.folder / "out.csv"
                totals = self.run_job(NEXMARK / f"{query}.yaml", *spread, events=events, rate=rate, output=out)
                self.assertTrue(self.sorted_lines(out) == expected, self.difference(self.sorted_lines(out), expected))
                self.assertEqual((totals["late"], totals["rejected"], totals["printed"]), (0, 0, []))
        return list(csv.DictReader(expected))

    @staticmethod
    def difference(found, expected):
        """Shorter and sooner than unittest's, which takes minutes for so many lines."""
        surplus, missing = collections.Counter(found), collections.Counter(expected)
        surplus, missing = surplus - missing, missing - surplus
        return (f"{sum(surplus.values())} lines too many, such as {min(surplus, default=None)!r}, "
                f"{sum(missing.values())} missing, such as {min(missing, default=None)!r}")

    def test_all_are_valid(self):
        jobs = sorted(NEXMARK.glob("*.yaml"))
        self.assertEqual(len(jobs), 8)
        for job in jobs:
            self.weir("validate", job)

    def test_every_field_of_the_events(self):
        job = self.job(RAW)
        # slow, of several events in a millisecond, of which none is open that long
        for rate, spread in ((3, ["-p", "1"]), (7777, ["-p", "4", *CUT]), (5_000_000, ["-p", "2"])):
            self.run_job(job, *spread, events=20_011, rate=rate)
            for stream in STREAMS:
                with self.subTest(stream=stream, rate=rate):
                    found, expected = self.sorted_lines(self.folder / f"{stream}.csv"), self.expected(stream, 20_011, rate)
                    self.assertTrue(found == expected, self.difference(found, expected))

    def test_q0(self):
        self.assertEqual(len(self.check("q0")), 92_000)

    def test_q1(self):
        self.assertEqual(len(self.check("q1", ["-p", "2", *CUT])), 92_000)

    def test_q2(self):
        self.assertGreater(len(self.check("q2")), 300)

    def test_q3(self):
        self.assertGreater(len(self.check("q3", ["-p", "2", *CUT])), 300)

    def test_q5(self):
        self.assertEqual(len(self.check("q5", ["-p", "2", *CUT])), 54, "each window has one winner")

    def test_q5_with_equals(self):
        rows = self.check("q5", events=3000, rate=1)
        self.assertGreater(len(rows), len({row["window_end"] for row in rows}) + 100)

    def test_q8(self):
        rows = self.check("q8", ["-p", "2", *CUT])
        self.assertEqual(len({row["window_start"] for row in rows}), 10)

    def test_q11(self):
        rows = self.check("q11", ["-p", "4", *CUT])
        self.assertGreater(len(rows), len({row["bidder"] for row in rows}), "some come back")

    def test_q12(self):
        """What it gives depends on the clock, but no bid counts twice, and none for another bidder."""
        totals = {row["bidder"]: int(row["bids"]) for row in csv.DictReader(self.expected("q12"))}
        for spread in SPREADS:
            with self.subTest(spread=spread):
                out = self.folder / "out.csv"
                self.run_job(NEXMARK / "q12.yaml", *spread, "-D", "nodes.counts.window.tumbling.size=1ms", events=100_000,
                             rate=1000, output=out)
                rows = list(csv.DictReader(self.sorted_lines(out)))
                self.assertGreater(len(rows), 0)
                self.assertEqual(len(rows), len({(row["bidder"], row["window_start"]) for row in rows}))
                found = collections.Counter()
                for row in rows:
                    found[row["bidder"]] += int(row["bids"])
                self.assertEqual({bidder: n for bidder, n in found.items() if n > totals.get(bidder, 0)}, {})

    # ---- a source that goes on ----

    def wait_for_six(self, process):
        """Checkpoints of this life, so that there is something before and after them."""
        with self.checkpoints_of(process) as numbers:
            self.assertEqual(len(list(itertools.islice(numbers, 6))), 6, "it has ended")

    def rows(self):
        """All that was committed, and nothing is hidden any more."""
        rows = []
        for name in os.listdir(self.folder / "out"):
            self.assertFalse(name.startswith("."), name)
            rows += (self.folder / "out" / name).read_text(encoding="utf-8").splitlines(keepends=True)
        return sorted(rows)

    def test_q0_goes_on_at_another_parallelism(self):
        """Killed, suspended, and run to its end: each bid once. Left alone, a life would last ten seconds or more."""
        job, sizes = self.job(SLOW), ["--set", "events=20000", "--set", "rate=1000", "--quiet"]
        expected = self.expected("q0", 20_000)
        for life, how in enumerate((signal.SIGKILL, signal.SIGTERM)):
            resumed = ["--resume"] * life
            process = self.start("run", job, "-p", ("2", "4")[life], "--set", "pause=3000", *sizes, *resumed,
                                 *TELLS_CHECKPOINTS, start_new_session=True)
            self.wait_for_six(process)
            if how == signal.SIGKILL:
                os.killpg(process.pid, how)  # the supervisor and its child
            else:
                process.send_signal(how)
            _, err = process.communicate(timeout=TIMEOUT_S)
            self.assertEqual(process.returncode, (-signal.SIGKILL, 130)[life], err)
        self.assertEqual(len(list((self.folder / "savepoints").iterdir())), 1)
        self.weir("run", job, "-p", "3", *sizes, "--resume")
        self.assertTrue(self.rows() == expected[1:], self.difference(self.rows(), expected[1:]))


if __name__ == "__main__":
    unittest.main()
