"""Why is my window not firing: --explain-time, SIGUSR1, the warnings, and what `weir validate` finds."""
import json
import signal
import threading

from support import TIMEOUT_S, WeirTest

JOB = """
job: two
vars: {fast: 0, slow: 0}
defaults: {parallelism: 1}
nodes:
  - id: fast
    source: {socket: {port: "${fast}", format: csv}}
    schema: {user: string, at: timestamp}
    time: {field: at, monotonous: true, emit: every_record}
  - id: slow
    source: {socket: {port: "${slow}", format: csv}}
    schema: {user: string, at: timestamp}
    time: {field: at, monotonous: true, emit: every_record}
  - {id: w, from: [fast, slow], key_by: user, window: {tumbling: 1h}, aggregate: {n: count}}
  - {id: results, from: w, sink: print}
  - {id: seen, from: [fast, slow], sink: print}
"""
FAST = "ann,2026-01-01T00:00:01Z\nann,2026-01-01T05:00:00Z\n"
SLOW = "bob,2026-01-01T00:30:00Z\n"
LATE = """
job: late
nodes:
  - id: clicks
    parallelism: 1
    source: {elements: {rows: ["ann,0,5", "ann,70,7", "ann,3,1", "ann,4,1"]}}
    schema: {user: string, at: timestamp, n: i64}
    time: {field: at, monotonous: true, emit: every_record}
  - {id: w, from: clicks, key_by: user, window: {tumbling: 10ms}, aggregate: {n: count}}
  - {id: out, from: w, sink: print}
"""


class ExplainTime(WeirTest):
    def begin(self, *options):
        """The job, once it has printed the three records that there will ever be."""
        fast, slow = self.server(FAST), self.server(SLOW)
        process = self.start("run", self.job(JOB), "--set", f"fast={fast.port}", "--set", f"slow={slow.port}", *options)
        records = []
        while len(records) < 3:
            line = self.line_of(process)
            self.assertNotEqual(line, "", f"the job has ended: {records}")
            if "1767" in line and not line.startswith("{"):
                records.append(line)
        return process

    @staticmethod
    def error_line(process, *words):
        """The next line on standard error that holds all the words; "" when there was none in time."""
        watch = threading.Timer(TIMEOUT_S, process.kill)
        watch.start()
        try:
            return next((line for line in process.stderr if all(word in line for word in words)), "")
        finally:
            watch.cancel()

    def test_as_json(self):
        process = self.begin("--explain-time=20ms", "--output", "json")
        while True:
            line = self.line_of(process)
            self.assertNotEqual(line, "")
            if not line.startswith('{"event_time"'):
                continue
            nodes = {node["id"]: node for node in json.loads(line)["event_time"]["nodes"]}
            if nodes["w"]["watermark"] and nodes["w"]["inputs"][0]["watermark"] == "2026-01-01T04:59:59.999Z":
                break
        self.assertEqual(nodes["w"]["watermark"], "2026-01-01T00:29:59.999Z")
        self.assertEqual([(i["channel"], i["from"], i["from_subtask"], i["aligned"], i["idle"], i["finished"], i["holds"])
                          for i in nodes["w"]["inputs"]],
                         [(0, "fast", 0, True, False, False, False), (1, "slow", 0, True, False, False, True)])
        self.assertIn("'w[0]' has stood at 2026-01-01T00:29:59.999Z for ", nodes["w"]["why"])
        self.assertIn("held by channel 1 from 'slow[0]', and behind it by split 'localhost:", nodes["w"]["why"])
        self.assertTrue(nodes["slow"]["inputs"][0]["split"].startswith("localhost:"), nodes["slow"])
        self.assertGreater(nodes["w"]["lag_ms"], 0)
        self.assertEqual(nodes["results"]["inputs"][0]["from"], "w")

    def test_as_a_table_when_asked_by_a_signal(self):
        process = self.begin()
        process.send_signal(signal.SIGUSR1)
        self.assertRegex(self.error_line(process, "event time at "), r"^event time at 2\d\d\d-.*Z$")
        self.assertRegex(self.error_line(process, "split localhost:"), r"    split localhost:\d+ .* aligned +holds$")
        self.assertRegex(self.error_line(process, "channel 1 from slow[0]"), " aligned")
        self.assertEqual(self.interrupt(process).code, 130)

    def test_as_a_table_when_interrupted(self):
        done = self.interrupt(self.begin("--explain-time=10d"))
        self.assertEqual(done.code, 130)
        self.assertIn("event time at ", done.err)
        self.assertIn("  w[0]  ", done.err)
        self.assertLess(done.err.index("event time at "), done.err.index("weir: stopping"))

    def test_a_bad_interval(self):
        for value in ("0", "soon", "-1s"):
            done = self.weir("run", self.job(JOB), f"--explain-time={value}", code=2)
            self.assertIn("--explain-time wants a time such as 5s", done.err)
        self.assertIn("unknown option", self.weir("validate", self.job(JOB), "--explain-time", code=2).err)

    def test_a_window_that_waits_is_told(self):
        process = self.begin("-D", "defaults.wait_warning=50ms")
        line = self.error_line(process, " warn ", "node 'w'", "its windows or timers wait for event time")
        self.assertIn("held by channel 1 from 'slow[0]', and behind it by split 'localhost:", line)
        self.assertIn("`idle_after: 1min` in the `time:` of 'slow'", line)
        self.assertNotIn("wait for event time", self.interrupt(process).err, "it is told once")

    def test_the_first_late_record_is_told(self):
        done = self.weir("run", self.job(LATE))
        told = [line for line in done.err.splitlines() if "late record" in line]
        self.assertEqual(len(told), 1, done.err)
        self.assertRegex(told[0], r"warn  window: \S*job.yaml:\d+:\d+: node 'w' \(window tumbling 10ms\): "
                                  "the first late record: "
                                  "its event time is 1970-01-01T00:00:00.003Z, and the watermark is already "
                                  "1970-01-01T00:00:00.069Z; it is dropped")
        self.assertIn("late 2", done.err)

    def test_late_records_with_an_output_are_no_warning(self):
        text = LATE.replace("tumbling: 10ms", "tumbling: 10ms, late: side_output")
        text += "  - {id: l, from: w.late, sink: print}\n"
        done = self.weir("run", self.job(text))
        self.assertIn(" info  window: ", done.err)
        self.assertNotIn(" warn ", done.err)

    def test_a_window_without_event_time_is_found_before_the_job_runs(self):
        text = LATE.replace("    time: {field: at, monotonous: true, emit: every_record}\n", "")
        done = self.weir("validate", self.job(text), code=2)
        self.assertIn("job.yaml:8:41: error: the records of 'clicks' ", done.err)
        self.assertIn("`time: {field: at, out_of_orderness: 5s}`", done.err)
