"""Window functions and assigners, from manifests, with a plugin as an author writes it (plugins/panes.c)."""
import json
import random
import unittest

from support import PANES, WeirTest

ROWS = '["ann,0,5", "ann,3,7", "bob,4,1", "ann,2,10", "ann,12,4", "bob,25,2", "ann,9,3", "ann,30,9"]'
HEAD = f"""
job: panes
plugins: [{PANES}]
nodes:
  - id: in
    parallelism: 1
    source:
      elements: {{rows: {ROWS}}}
    schema: {{user: string, at: timestamp, n: i64}}
    time: {{field: at, monotonous: true, emit: every_record}}
"""
OUT = "  - {id: out, from: w, sink: print}\n"
STREAM = ("--graph", "stream", "--format", "json")


class WindowFunctions(WeirTest):
    def lines(self, nodes, *options, head=HEAD):
        """What is printed, without the subtask; "side" before what the sink of that name prints."""
        printed = self.run_job(self.job(head + nodes), *options)["printed"]
        return sorted(("side " if line.startswith("side") else "") + line.split("> ")[-1] for line in printed)

    def check(self, nodes, expected, spreads=((1, 1024), (3, 1024), (1, 1), (2, 7)), head=HEAD):
        for parallelism, rows in spreads:
            with self.subTest(parallelism=parallelism, rows=rows):
                options = ["-p", parallelism, "-D", f"defaults.batch_rows={rows}", "-D", "defaults.channel_batches=1"]
                self.assertEqual(self.lines(nodes, *options, head=head), sorted(expected))

    def test_all_rows_of_a_window(self):
        """(9, 3) is late: the watermark stands at 24. A late firing sees all rows again."""
        self.check("  - {id: w, from: in, key_by: user, window: {tumbling: 10ms, function: median}}\n" + OUT,
                   ["ann,0,10,7,true", "bob,0,10,1,true", "ann,10,20,4,true", "bob,20,30,2,true", "ann,30,40,9,true"])
        self.check("  - {id: w, from: in, key_by: user, window: {tumbling: 10ms, lateness: 1s, function: median}}\n" + OUT,
                   ["ann,0,10,7,true", "ann,0,10,5,true", "bob,0,10,1,true", "ann,10,20,4,true", "bob,20,30,2,true",
                    "ann,30,40,9,true"])

    def test_over_all_records(self):
        self.check("  - {id: w, from: in, window: {tumbling: 10ms, all: true, function: median}}\n" + OUT,
                   ["0,10,5,true", "10,20,4,true", "20,30,2,true", "30,40,9,true"])

    def test_count_windows_and_sessions(self):
        self.check("  - {id: w, from: in, key_by: user, window: {session: 10ms, function: median}}\n"
                   "  - {id: out, from: w, sink: print}\n",
                   ["ann,0,22,5,true", "bob,4,14,1,true", "bob,25,35,2,true", "ann,30,40,9,true"])

    def test_states_of_window_and_key_after_an_aggregate(self):
        self.check("""
  - id: w
    from: in
    key_by: user
    window: {tumbling: 10ms, lateness: 1s, function: changes}
    aggregate: {total: sum(n)}
  - {id: out, from: w, sink: print}
  - {id: side, from: w.over, sink: {print: {identifier: side}}}
""", ["ann,22,22,1,1", "ann,4,4,1,2", "ann,25,3,2,3", "ann,9,9,1,4", "bob,1,1,1,1", "bob,2,2,1,2",
            "side ann,0,2", "side ann,10,1", "side ann,30,1", "side bob,0,1", "side bob,20,1"])

    def test_after_a_reduction_it_sees_exactly_one_value(self):
        for step in ("sum: n", "reduce: {sum: {field: n}}"):
            self.check(f"""
  - id: w
    from: in
    key_by: user
    window: {{tumbling: 10ms, function: {{changes: {{args: {{total: n}}}}}}}}
    {step}
  - {{id: out, from: w, sink: print}}
""", ["ann,22,22,1,1", "ann,4,4,1,2", "ann,9,9,1,3", "bob,1,1,1,1", "bob,2,2,1,2"])

    def test_many_rows_from_one_window(self):
        nodes = """
  - {id: w, from: in, set: {n: n * 1000}, window: {count: 2, all: true, function: counting}}
  - {id: sum, from: w, window: {global: {}, trigger: end_of_stream, all: true}, aggregate: {n: count, t: sum(n)}}
  - {id: out, from: sum, sink: print}
"""
        ns = [5, 7, 1, 10, 4, 2, 3, 9]
        rows, total = sum(ns) * 1000, sum(n * 1000 * (n * 1000 + 1) // 2 for n in ns)
        self.check(nodes, [f"{rows},{total}"])

    def test_window_state_with_windows_that_merge_is_an_error(self):
        """TRAP: with merging assigners windowState() is an error; it is found before the job runs, at its place."""
        job = self.job(HEAD + """
  - id: w
    from: in
    key_by: user
    window:
      session: 10ms
      function: changes
    aggregate: {total: sum(n)}
""" + OUT)
        said = self.weir("validate", job, code=2).err
        self.assertIn("job.yaml:17:17: error: 'changes' keeps the state 'of_window' for each window, which windows that "
                      "merge (sessions) cannot have", said)

    def test_an_assigner_that_declares_its_period(self):
        """The same windows, computed by the host or asked for row by row: overlapping, adjacent or with gaps between, of
        any offset, of rows out of order; and those of aggregates that share slices, and of others."""
        dice = random.Random(20)
        for case in range(12):
            size, slide = dice.randint(1, 12), dice.randint(1, 12)
            if case % 3 == 0:
                size, slide = slide * 3 + dice.randint(0, 2), slide  # whole windows of slices, and those of two lengths
            options = f"size: {size}ms, slide: {slide}ms, offset: {dice.randint(1 - slide, slide - 1)}ms"
            aggregates = "c: count, total: sum(n), from: window_start" + dice.choice(("", ", one: first(n)"))
            rows = [f"{dice.choice(('ann', 'bob', 'cid'))},{at + dice.randint(-15, 5)},{dice.randint(-9, 9)}"
                    for at in range(80)]
            head = HEAD.replace(ROWS, json.dumps(rows))
            by_row, declared = (f"  - {{id: w, from: in, key_by: user, aggregate: {{{aggregates}}}, window: {{assigner: "
                                f"{{{name}: {{{options}}}}}, lateness: {lateness}, late: side_output}}}}\n" + OUT +
                                "  - {id: late, from: w.late, sink: {print: {identifier: side}}}\n"
                                for lateness in [dice.choice(("0s", "7ms", "1s"))]
                                for name in ("repeating_by_row", "repeating"))
            with self.subTest(options=options, aggregates=aggregates):
                for nodes, periodic in ((by_row, "false"), (declared, "true")):
                    self.assertIn(f'"periodic": {periodic}', self.weir("plan", self.job(head + nodes), *STREAM).out)
                expected = self.lines(by_row, head=head)
                self.assertGreater(len(expected), 5)
                self.check(declared, expected, ((1, 1024), (dice.randint(1, 3), dice.choice((1, 7)))), head)

    def test_what_the_fast_path_asks_for(self):
        """A key, aggregates, a period and a trigger that fires at the end; no evictor and no function."""
        count = "aggregate: {c: count}"
        for periodic, keyed, window, makes in (
                ("true", True, "tumbling: 10ms", count), ("true", True, "assigner: repeating", count),
                ("true", True, "assigner: repeating, trigger: event_time", count),
                ("false", False, "assigner: repeating, all: true", count), ("false", True, "assigner: repeating", "sum: n"),
                ("false", True, "assigner: repeating_by_row", count), ("false", True, "session: 10ms", count),
                ("false", True, "assigner: repeating, trigger: {count: 3}", count),
                ("false", True, "assigner: repeating, evictor: {count: 3}", count),
                ("false", True, "assigner: repeating, function: changes", "aggregate: {total: sum(n)}")):
            with self.subTest(window=window, makes=makes, keyed=keyed):
                node = f"  - {{id: w, from: in, {'key_by: user, ' * keyed}window: {{{window}}}, {makes}}}\n"
                self.assertIn(f'"periodic": {periodic}', self.weir("plan", self.job(HEAD + node + OUT), *STREAM).out)

    def test_an_impossible_period_is_told(self):
        rule = "size and slide must be more than 0, and the offset less than the slide, either way"
        gave = "periodic gave a size of %d ms, a slide of %d ms and an offset of %d ms; " + rule
        for options, words in (
                ("size: 0ms", gave % (0, 3, 1)), ("size: -8ms", gave % (-8, 3, 1)), ("slide: 0ms", gave % (8, 0, 1)),
                ("slide: -3ms", gave % (8, -3, 1)), ("offset: 3ms", gave % (8, 3, 3)), ("offset: -3ms", gave % (8, 3, -3)),
                ("size: 30000000000d", "at most 26687997791d"), ("slide: 30000000000d", "at most 26687997791d"),
                ("size: 40d", "each record would be in 1152000000 windows, and more than 1048576 are not sensible")):
            with self.subTest(options=options):
                window = f"{{assigner: {{repeating: {{{options}}}}}}}"
                node = f"  - {{id: w, from: in, key_by: user, window: {window}, aggregate: {{n: count}}}}\n"
                told = self.weir("run", self.job(HEAD + node + OUT), code=None)
                self.assertNotEqual(told.code, 0)
                self.assertIn(words, told.err)
                self.assertIn("job.yaml:11:37: node 'w'", told.err)
                self.assertIn("component: test.panes/repeating of ", told.err)

    def test_option_mistakes_have_a_place(self):
        for window, marked, message in (
                ("{tumbling: {size: 50min, offset: 70min}, function: median}", "70min", "less than its size"),
                ("{tumbling: {size: 1h, offset: 2h, time: processing}, function: median}", "2h", "less than its size"),
                ("{sliding: {size: 1h, slide: 10min, offset: -20min}, function: median}", "-20min", "less than its slide"),
                ("{sliding: {size: 365d, slide: 1ms}, function: median}", "1ms", "make the slide longer"),
                ("{session: {gap: user}, function: median}", "user}", "an i32 or an i64"),
                ("{tumbling: 1h, function: medain}", "medain", "did you mean 'median'")):
            with self.subTest(window=window):
                row, line = HEAD.count("\n") + 1, f"  - {{id: w, from: in, key_by: user, window: {window}}}\n"
                said = self.weir("validate", self.job(HEAD + line + OUT), code=2).err
                self.assertIn(f"job.yaml:{row}:{line.index(marked) + 1}: error: ", said)
                self.assertIn(message, said)
        for step, message in (("aggregate: {t: sum(n)}, sum: n", "'aggregate' or 'sum'"),
                              ("sum: n, max: n", "a window makes one thing of its records: 'sum' or 'max'"),
                              ("sum: user", "expected a field that is a number"),
                              ("max: nn", "did you mean 'n'?"),
                              ("reduce: summ", "did you mean 'sum'?")):
            with self.subTest(step=step):
                job = self.job(HEAD + f"  - {{id: w, from: in, key_by: user, window: {{tumbling: 1h}}, {step}}}\n" + OUT)
                self.assertIn(message, self.weir("validate", job, code=2).err)


if __name__ == "__main__":
    unittest.main()
