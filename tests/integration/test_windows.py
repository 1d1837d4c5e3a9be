"""Windows beyond the fast path, from manifests: sessions, counts, triggers, evictors, windows over all records."""
from support import WeirTest

HEAD = """
job: windows
nodes:
  - id: clicks
    parallelism: 1
    source: {elements: {rows: ["ann,0,5", "ann,3,7", "bob,4,1", "ann,0,10", "ann,40,1", "bob,60,2", "ann,1,3"]}}
    schema: {user: string, at: timestamp, n: i64}
    time: {field: at, out_of_orderness: 10ms, emit: every_record}
"""
KEYED = HEAD + """
  - {id: w, from: clicks, key_by: user, window: {WINDOW}, aggregate: {n: count, total: sum(n)}}
  - {id: out, from: w, sink: print}
"""
ALL = HEAD + """
  - {id: w, from: clicks, window: {WINDOW, all: true}, aggregate: {n: count, total: sum(n)}}
  - {id: out, from: w, sink: print}
"""


class Windows(WeirTest):
    def results(self, template, window, *options):
        printed = self.run_job(self.job(template.replace("WINDOW", window)), *options)["printed"]
        return sorted(line.split("> ")[-1] for line in printed)

    def check(self, template, window, expected):
        for options in (["-p", "1"], ["-p", "3"], ["-p", "1", "-D", "defaults.batch_rows=1"]):
            with self.subTest(window=window, options=options):
                self.assertEqual(self.results(template, window, *options), sorted(expected))

    def test_sessions(self):
        self.check(KEYED, "session: 10ms", ["ann,3,22", "bob,1,1", "ann,1,1", "bob,1,2"])
        self.check(KEYED, "session: {gap: n}", ["ann,3,22", "bob,1,1", "ann,1,1", "bob,1,2"])
        self.check(KEYED, "session: {gap: 100ms}", ["ann,5,26", "bob,2,3"])

    def test_late_records_of_sessions(self):
        text = KEYED.replace("WINDOW", "session: 10ms, late: side_output")
        text += "  - {id: late, from: w.late, sink: {print: {identifier: late}}}\n"
        printed = self.run_job(self.job(text), "-p", "1")["printed"]
        self.assertIn("late> ann,1,3", printed)

    def test_count_windows(self):
        self.check(KEYED, "count: 2", ["ann,2,12", "ann,2,11", "bob,2,3"])
        self.check(KEYED, "count: {size: 3, slide: 2}", ["ann,2,12", "ann,3,18", "bob,2,3"])

    def test_triggers_and_evictors(self):
        self.check(KEYED, "global: {}, trigger: end_of_stream", ["ann,5,26", "bob,2,3"])
        self.check(KEYED, "global: {}, trigger: {count: 2}", ["ann,2,12", "ann,4,23", "bob,2,3"])
        self.check(KEYED, "tumbling: 100ms, trigger: {purging: {count: 2}}", ["ann,2,12", "ann,2,11", "bob,2,3"])
        self.check(KEYED, "tumbling: 100ms, evictor: {count: 1}", ["ann,1,3", "bob,1,2"])
        self.check(KEYED, "global: {}, trigger: {delta: {field: n, threshold: 4}}", ["ann,3,22", "ann,4,23"])

    def test_windows_over_all_records(self):
        self.check(ALL, "count: 3", ["3,13", "3,13"])
        self.check(ALL, "session: 30ms", ["4,23", "2,3"])

    def test_processing_time(self):
        self.check(KEYED, "tumbling: {size: 10d, time: processing}, trigger: {count: 2}",
                   ["ann,2,12", "ann,4,23", "bob,2,3"])

    def test_reductions(self):
        """Two records into one: in windows of the fast path's shape, in sessions, over all records, with an evictor."""
        keyed = KEYED.replace("aggregate: {n: count, total: sum(n)}", "STEP")
        every = ALL.replace("aggregate: {n: count, total: sum(n)}", "STEP")
        for template, window, step, expected in (
                (keyed, "tumbling: 100ms", "sum: n", ["ann,0,26", "bob,4,3"]),
                (keyed, "session: 10ms", "max: n", ["ann,0,10", "ann,40,1", "bob,4,1", "bob,60,2"]),
                (keyed, "session: 10ms", "max_by: n", ["ann,0,10", "ann,40,1", "bob,4,1", "bob,60,2"]),
                (keyed, "global: {}, trigger: end_of_stream", "min_by: {field: n, first: false}", ["ann,40,1", "bob,4,1"]),
                (keyed, "count: {size: 2, slide: 1}", "reduce: {sum: {field: n}}",
                 ["ann,0,5", "ann,0,12", "ann,3,17", "ann,0,11", "ann,40,4", "bob,4,1", "bob,4,3"]),
                (every, "count: 3", "min: n", ["ann,0,1", "ann,0,1"])):
            self.check(template.replace("STEP", step), window, expected)

    def test_what_cannot_be_is_said(self):
        for window, message in (
                ("global: {}", "the window never ends, and so it needs a trigger"),
                ("count: 10, trigger: never", "a count window has its trigger already"),
                ("session: 10ms, trigger: {delta: {field: n, threshold: 1}}", "'delta' cannot"),
                ("session: 10ms, count: 2", "a window is 'session' or 'count', not both"),
                ("session: {gap: nobody}", "nobody"),
                ("count: 0", "option 'n' of 'count'"),
                ("session: {gap: user}", "an i32 or an i64"),
                ("tumbling: {size: 1h, offset: 1h, time: processing}", "the offset of a window must be less than its size"),
                ("tumbling: {size: 1h, offset: -1h}, trigger: {count: 5}", "must be less than its size"),
                ("sliding: {size: 1h, slide: 10min, offset: 20min}, evictor: {count: 1}", "must be less than its slide"),
                ("sliding: {size: 365d, slide: 1ms}, trigger: {count: 5}", "make the slide longer"),
                ("tumbling: 1h, trigger: {cuont: 5}", "did you mean 'count'?")):
            with self.subTest(window=window):
                self.assertIn(message, self.weir("validate", self.job(KEYED.replace("WINDOW", window)), code=2).err)
        text = ALL.replace("WINDOW", "count: 2").replace("from: clicks, window", "from: clicks, parallelism: 2, window")
        self.assertIn("a window over all records has one subtask", self.weir("validate", self.job(text), code=2).err)
