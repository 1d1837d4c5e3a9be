"""Async operators as whole jobs, with the pool's threads: order, waiting, giving up, stopping."""
from support import BUILD, EXAMPLES, WeirTest
from test_examples import SPREADS

ASK = """
job: ask
plugins: ["%s/askers.so"]
vars: {port: 0, timeout: 10s, to: 3}
nodes:
  - {id: numbers, source: {sequence: {to: "${to}"}}}
  - id: asked
    from: numbers
    async: {asker: {port: "${port}"}}
    timeout: "${timeout}"
  - {id: shown, from: asked, sink: print}
""" % (BUILD / "tests" / "integration" / "plugins")


class Enrich(WeirTest):
    JOB = EXAMPLES / "enrich" / "job.yaml"

    def check(self, spreads, *options, **settings):
        folder = EXAMPLES / "enrich"
        expected, _ = self.oracle("enrich.py", folder / "orders.csv", folder / "customers.csv")
        self.assertGreater(len(expected), 9)
        for i, spread in enumerate(spreads):
            with self.subTest(spread=spread):
                out = self.folder / f"{i}.csv"
                totals = self.run_job(self.JOB, *spread, *options, output=out, **settings)
                self.assertEqual(self.sorted_lines(out), expected)
                self.assertEqual((totals["read"], totals["late"]), (600, 0))

    def test_unordered(self):
        self.check(SPREADS)

    def test_ordered(self):
        self.check(SPREADS, order="ordered")

    def test_one_at_a_time(self):
        self.check(SPREADS[:3], "-D", "nodes.enriched.capacity=1", "-D", "nodes.enriched.threads=1")

    def test_ordered_is_the_order_of_the_input(self):
        job = self.job(f"""
job: plain
nodes:
  - id: orders
    source: {{file: {{path: "{EXAMPLES}/enrich/orders.csv", format: {{csv: {{header: true}}}}}}}}
    schema: {{order: string, customer: string, cents: i64, at: timestamp}}
  - {{id: enriched, from: orders, async: {{customer: {{table: "{EXAMPLES}/enrich/customers.csv"}}}}, threads: 16}}
  - {{id: out, from: enriched, sink: print, parallelism: 1}}
""")
        lines = (EXAMPLES / "enrich" / "orders.csv").read_text().splitlines()[1:]
        for rows in (1, 7, 1024):
            printed = self.run_job(job, "-D", f"defaults.batch_rows={rows}")["printed"]
            self.assertEqual([line.split(",")[0] for line in printed], [line.split(",")[0] for line in lines])

    def test_a_failed_lookup_names_the_record(self):
        orders = self.file("orders.csv", "order,customer,cents,at\no1,c001,5,2024-05-01T10:00:00Z\n"
                                         "o2,nobody,5,2024-05-01T10:00:01Z\n")
        done = self.weir("run", self.JOB, "--set", f"input={orders}", "--set", f"output={self.folder}/out.csv", code=1)
        self.assertIn("the table has no customer 'nobody'", done.err)
        self.assertIn('record: {customer: "nobody"}', done.err)
        self.assertIn("node 'enriched' (async customer)", done.err)


class Ask(WeirTest):
    def test_no_answer_fails_the_job_though_a_thread_still_waits(self):
        server = self.server("")
        done = self.weir("run", self.job(ASK), "--set", f"port={server.port}", "--set", "timeout=100ms", code=1)
        self.assertIn("no answer came within 100 ms", done.err)
        self.assertIn("record: {value: 1}", done.err)

    def test_an_answer_wakes_the_job(self):
        server = self.server("hello\n")
        printed = self.run_job(self.job(ASK), port=server.port, to=1)["printed"]
        self.assertEqual(printed, ["1,hello"])
