"""Joins from manifests, of random records, against loops over all pairs; however the work is spread."""
import random

from support import BUILD, WeirTest

TOYS = BUILD / "tests" / "plugins" / "toys" / "toy_joins.so"
SPREADS = [["-p", "1"], ["-p", "2"], ["-p", "4"], ["-p", "1", "-D", "defaults.batch_rows=1"],
           ["-p", "4", "-D", "defaults.batch_rows=7", "-D", "defaults.channel_batches=1"]]
HEAD = """
job: joins
plugins: [TOYS]
nodes:
  - id: orders
    source: {file: {path: orders.csv, format: csv}}
    schema: {k: i64, a: i64, at: timestamp}
    time: {field: at, out_of_orderness: 1h}
  - id: payments
    source: {file: {path: payments.csv, format: csv}}
    schema: {b: i64, key: i64, at: timestamp}
    time: {field: at, out_of_orderness: 1h}
"""
JOB = HEAD + """
  - id: joined
    from: {orders: orders, payments: payments}
    key_by: {orders: k, payments: key}
    STEPS
  - {id: out, from: joined, sink: print}
"""


class Joins(WeirTest):
    def setUp(self):
        super().setUp()
        draw = random.Random(7)
        self.orders = [(draw.randrange(6), draw.randrange(100), draw.randrange(3000)) for _ in range(150)]
        self.payments = [(draw.randrange(100), draw.randrange(6), draw.randrange(3000)) for _ in range(150)]
        for name, rows in (("orders.csv", self.orders), ("payments.csv", self.payments)):
            self.file(name, "".join(",".join(map(str, row)) + "\n" for row in rows))

    def check(self, steps, expected):
        job = self.job(JOB.replace("TOYS", str(TOYS)).replace("STEPS", steps))
        for spread in SPREADS:
            with self.subTest(steps=steps, spread=spread):
                printed = self.run_job(job, *spread)["printed"]
                self.assertEqual(sorted(line.split("> ")[-1] for line in printed),
                                 sorted(",".join("" if cell is None else str(cell) for cell in row) for row in expected))

    def pairs(self, belong):
        return [(o, p) for o in self.orders for p in self.payments if o[0] == p[1] and belong(o, p)]

    def test_interval(self):
        near = self.pairs(lambda o, p: -20 <= p[2] - o[2] <= 40)
        self.assertGreater(len(near), 20)
        self.check("join: {interval: {from: -20ms, to: 40ms}}", [o + p for o, p in near])
        self.check("join: {interval: {after: -21ms, before: 41ms}}", [o + p for o, p in near])
        self.check("join: {interval: {from: 10ms, before: 40ms}, where: orders.a > payments.b}\n"
                   "    select: {a: orders.a, more: orders.a - payments.b}",
                   [(o[1], o[1] - p[0]) for o, p in self.pairs(lambda o, p: 10 <= p[2] - o[2] < 40) if o[1] > p[0]])

    def test_join_function(self):
        near = self.pairs(lambda o, p: -20 <= p[2] - o[2] <= 40)
        self.check("join: {interval: {from: -20ms, to: 40ms}, function: settled}", [(o[0], o[1] + p[0]) for o, p in near])

    def test_inputs_of_a_function_are_bound_by_name(self):
        """Written the other way round, the interval is seen from the payments, and the function still gets orders first."""
        near = self.pairs(lambda o, p: -40 <= p[2] - o[2] <= 20)
        steps = "join: {interval: {from: -20ms, to: 40ms}, function: settled}"
        text = JOB.replace("from: {orders: orders, payments: payments}", "from: {payments: payments, orders: orders}")
        job = self.job(text.replace("TOYS", str(TOYS)).replace("STEPS", steps))
        printed = self.run_job(job, "-p", "2")["printed"]
        self.assertEqual(sorted(line.split("> ")[-1] for line in printed),
                         sorted(f"{o[0]},{o[1] + p[0]}" for o, p in near))

    def test_windows(self):
        def same(o, p):
            return o[2] // 100 == p[2] // 100
        inner = [o + p for o, p in self.pairs(same)]
        left = [o + (None,) * 3 for o in self.orders if not any(o[0] == p[1] and same(o, p) for p in self.payments)]
        right = [(None,) * 3 + p for p in self.payments if not any(o[0] == p[1] and same(o, p) for o in self.orders)]
        self.assertTrue(inner and left and right)
        window = "window: {tumbling: 100ms}\n    "
        self.check(window + "join: inner", inner)
        self.check(window + "join: left", inner + left)
        self.check(window + "join: {type: right}", inner + right)
        self.check(window + "join: full", inner + left + right)
        self.check(window + "join: {where: orders.a > payments.b}", [row for row in inner if row[1] > row[3]])
        self.check_conditions(window, same)
        self.check(window + "join: {function: settled}", [(row[0], row[1] + row[3]) for row in inner])

    def check_conditions(self, window, same):
        """A condition of an outer join decides who has partners; it does not take what comes out away."""
        fits = self.pairs(lambda o, p: same(o, p) and o[1] > p[0])
        inner = [o + p for o, p in fits]
        left = [o + (None,) * 3 for o in self.orders if not any(o is a for a, _ in fits)]
        right = [(None,) * 3 + p for p in self.payments if not any(p is b for _, b in fits)]
        self.assertTrue(inner and left and right)
        where = "join: {type: %s, where: orders.a > payments.b}"
        self.check(window + where % "left", inner + left)
        self.check(window + where % "right", inner + right)
        self.check(window + where % "full", inner + left + right)
        self.check(window + where % "full" + "\n    select: {a: \"coalesce(orders.a, -1)\", b: payments.b}",
                   [(-1 if row[1] is None else row[1], row[3]) for row in inner + left + right])

    def test_late_records_of_a_join_are_counted(self):
        """Whichever input is the last to bring its first record, all that it brings after that is late."""
        for name in ("orders.csv", "payments.csv"):
            self.file(name, "1,1,1000000\n" + "1,1,1\n" * 3000)
        text = JOB.replace("TOYS", str(TOYS)).replace("out_of_orderness: 1h", "out_of_orderness: 0s, emit: every_record")
        job = self.job(text.replace("STEPS", "join: {interval: {from: 0s, to: 0s}}"))
        totals = self.run_job(job, "-p", "1")
        node = totals["nodes"]["joined"]
        self.assertGreaterEqual(totals["late"], 3000)
        self.assertEqual(totals["late"], node["late"])
        self.assertEqual(node["accepted"] + node["late"], node["in"])

    def test_cogroup(self):
        groups = {}
        for key, value, at in self.orders:
            groups.setdefault((key, at // 100), ([], []))[0].append(value)
        for value, key, at in self.payments:
            groups.setdefault((key, at // 100), ([], []))[1].append(value)
        self.check("window: {tumbling: 100ms}\n    cogroup: weighed",
                   [(key, len(a), len(b), sum(a) - sum(b)) for (key, _), (a, b) in groups.items()])
