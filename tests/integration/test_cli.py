"""What the command says and the exit codes it says it with: 0 ok, 1 the job failed, 2 usage or manifest, 3 plugin."""
import json
import os
import re

from support import BUILD, EXAMPLES, WeirTest

GOOD = """
job: good
nodes:
  - {id: numbers, source: {sequence: {from: 1, to: 3}}}
  - {id: out, from: numbers, sink: print}
"""
COMMANDS = ["run", "validate", "plan", "list", "status", "logs", "savepoint", "stop", "cancel", "inspect", "version", "help"]


class Usage(WeirTest):
    def test_help_of_every_command(self):
        listed = self.weir("--help").out
        for command in COMMANDS:
            self.assertIn(command, listed)
        for command in COMMANDS[:-2]:
            said = self.weir(command, "--help").out
            for part in (f"weir {command} - ", f"USAGE\n  weir {command} ", "OPTIONS", "EXIT CODES"):
                self.assertIn(part, said)
            self.assertEqual(said, self.weir("help", command).out)

    def test_version(self):
        self.assertRegex(self.weir("version").out, r"^weir \d+\.\d+\.\d+, plugin ABI 1\.0\n$")

    def test_wrong_usage_is_2(self):
        self.weir(code=2)
        self.assertIn("did you mean 'run'", self.weir("runn", code=2).err)
        self.assertIn("unknown option --paralelism=2; did you mean '--parallelism'?",
                      self.weir("run", "--paralelism=2", "job.yaml", code=2).err)
        for other in ["--parallelism"], ["--dry-runs", "job.yaml"]:  # without its value; of another command
            self.assertNotIn("did you mean", self.weir("run", *other, code=2).err)
        self.weir("run", code=2)
        self.weir("run", "--nonsense", "job.yaml", code=2)
        self.weir("run", "-p", "0", self.job(GOOD), code=2)
        self.weir("run", "-p", "many", self.job(GOOD), code=2)
        self.weir("run", "a.yaml", "b.yaml", code=2)
        self.weir("run", "no_such_file.yaml", code=2)
        self.weir("plan", "--graph", "family", self.job(GOOD), code=2)
        self.weir("plan", "--format", "oil", self.job(GOOD), code=2)

    def test_log_specification_is_checked(self):
        self.weir("run", self.job(GOOD), code=2, WEIR_LOG="task:loud")
        self.weir("run", self.job(GOOD), WEIR_LOG="warn,task:debug")


class Run(WeirTest):
    def test_output_and_last_line(self):
        done = self.weir("run", self.job(GOOD))
        self.assertEqual(done.out, "1\n2\n3\n")
        self.assertRegex(done.err.splitlines()[-1],
                         r"^good: finished: read 3 records, wrote 3, rejected 0, late 0 in \d+\.\d{3} s: [\d,]+ records/s$")

    def test_plugins_are_files_or_directories(self):
        toys = BUILD / "tests" / "plugins" / "toys"
        text = ("job: d\nnodes:\n  - {id: in, source: {sequence: {to: 3, field: n}}}\n"
                "  - {id: out, from: in, sink: measured_sink}\n")
        for plugins in (toys, f"{toys}/", toys / "toy_measured.so"):
            self.weir("run", self.job(f"plugins: ['{plugins}']\n{text}"))
            self.weir("run", self.job(text), "--plugins", plugins)
        (self.folder / "empty").mkdir()
        said = self.weir("run", self.job(f"plugins: [./empty]\n{text}"), code=3).err
        self.assertIn("expected plugin files (X.so) in the directory, found none", said)

    def test_metrics_of_components(self):
        job = self.job("job: m\nnodes:\n  - {id: in, source: {sequence: {to: 1000, field: n}}}\n"
                       "  - {id: m, from: in, process: measured}\n  - {id: out, from: m, sink: discard}\n")
        toys = BUILD / "tests" / "plugins" / "toys"
        for parallelism in (1, 4):
            said = self.weir("run", job, "--plugins", toys, "-p", parallelism).err.splitlines()
            self.assertRegex(said[-3], r"^  m\.last: \d+(\.5)?$")
            self.assertEqual(said[-2], "  m.seen: 1,000 rows")
            self.assertEqual(said[-1], "  m.values: 1000 values, half up to 503, 90% up to 911, 99% up to 991, "
                                       "all up to 1000 ms")
            nodes = self.run_job(job, "--plugins", toys, "-p", parallelism)["nodes"]
            self.assertEqual(nodes["in"]["metrics"], [])
            last, seen, values = nodes["m"]["metrics"]
            self.assertEqual((last["name"], last["kind"], last["unit"]), ("last", "gauge", ""))
            self.assertEqual(seen, {"name": "seen", "kind": "counter", "unit": "rows", "value": 1000})
            self.assertEqual(values, {"name": "values", "kind": "histogram", "unit": "ms", "count": 1000, "sum": 500500,
                                      "max": 1000, "p50": 503, "p90": 911, "p99": 991})

    def test_quiet(self):
        done = self.weir("run", "--quiet", self.job(GOOD))
        self.assertEqual((done.out, done.err), ("1\n2\n3\n", ""))

    def test_json(self):
        totals = self.run_job(self.job(GOOD))
        self.assertEqual((totals["job"], totals["state"], totals["read"], totals["written"]), ("good", "finished", 3, 3))
        self.assertEqual(totals["nodes"]["out"]["in"], 3)

    def test_failed_job_is_1(self):
        job = self.job("""
job: lines
nodes:
  - {id: numbers, source: {elements: {rows: ["1", "two", "3"]}}, schema: {n: i64}}
  - {id: out, from: numbers, sink: print}
""")
        done = self.weir("run", job, code=1)
        self.assertIn("job 'lines' failed", done.err)
        self.assertIn("numbers", done.err)
        self.assertIn('"two" is not an integer of 64 bits', done.err)

    def test_missing_input_is_told(self):
        job = EXAMPLES / "hot_pages" / "job.yaml"
        done = self.weir("run", job, "--set", "input=/no/such/access.log", "--set", "output=out.csv", code=1)
        self.assertIn("/no/such/access.log", done.err)
        self.assertIn("requests", done.err)

    def test_plugin_that_is_no_plugin_is_3(self):
        self.file("plain.so", "this is no shared object\n")
        done = self.weir("run", self.job(GOOD + "plugins: [./plain.so]\n"), code=3)
        self.assertIn("plain.so", done.err)
        self.weir("validate", self.job(GOOD + "plugins: [./plain.so]\n"), code=3)
        self.weir("inspect", "plain.so", code=3)
        self.weir("inspect", "no_such.so", code=3)

    def test_paths_of_the_manifest_are_relative_to_it(self):
        (self.folder / "deep").mkdir()
        self.file("deep/in.txt", "a\nb\n")
        job = self.job("""
job: paths
vars: {output: out.csv}
nodes:
  - {id: lines, source: {file: {path: in.txt, format: text}}}
  - {id: out, from: lines, sink: {file: {path: "${output}"}}}
""", "deep/job.yaml")
        self.weir("run", "deep/job.yaml")
        self.assertTrue((self.folder / "deep" / "out.csv").exists())
        self.weir("run", job, "--set", "output=here.csv")
        self.assertEqual((self.folder / "here.csv").read_text(), "line\na\nb\n")


class Parallelism(WeirTest):
    """Precedence: node, -p, manifest default, configuration file, 1."""

    JOB = """
job: spread
{defaults}
nodes:
  - {{id: numbers, source: {{sequence: {{from: 1, to: 3}}}}}}
  - {{id: out, from: numbers, sink: discard}}
  - {{id: fixed, from: numbers, parallelism: 3, sink: discard}}
"""

    def spread(self, *options, defaults="", config=None, **environment):
        job = self.job(self.JOB.format(defaults=defaults))
        if config:
            options += ("--config", self.file("weir.yaml", config))
        plan = json.loads(self.weir("plan", "--graph", "stream", "--format", "json", job, *options, **environment).out)
        return {node["id"]: node["parallelism"] for node in plan["nodes"]}

    def test_precedence(self):
        default, config = "defaults: {parallelism: 4}", "parallelism: 5\n"
        self.assertEqual(self.spread(), {"numbers": 1, "out": 1, "fixed": 3})
        self.assertEqual(self.spread(config=config), {"numbers": 5, "out": 5, "fixed": 3})
        self.assertEqual(self.spread(config=config, defaults=default), {"numbers": 4, "out": 4, "fixed": 3})
        self.assertEqual(self.spread("-p", "2", config=config, defaults=default), {"numbers": 2, "out": 2, "fixed": 3})
        self.assertEqual(self.spread("-D", "nodes.out.parallelism=6", "-p", "2")["out"], 6)

    def test_configuration_file_from_the_environment(self):
        config = self.file("other.yaml", "parallelism: 7\n")
        self.assertEqual(self.spread(WEIR_CONFIG=str(config))["out"], 7)

    def test_wrong_configuration_is_told(self):
        config = self.file("weir.yaml", "paralelism: 7\n")
        self.assertIn("paralelism", self.weir("run", "--config", config, self.job(GOOD), code=2).err)


class Validate(WeirTest):
    def test_examples_are_valid(self):
        for job in sorted(EXAMPLES.glob("*/*.yaml")):
            with self.subTest(job=job.relative_to(EXAMPLES)):
                self.assertIn("is valid", self.weir("validate", job).out)

    def test_all_mistakes_in_one_run_with_place_and_caret(self):
        job = self.job("""\
job: shop
nodes:
  - id: orders
    source: {elements: {rows: ["a,1"]}}
    schema: {user: string, amount: f64}
  - id: big
    from: order
    fitler: {compare: {field: amount, op: ge, value: 100}}
  - id: sums
    from: orders
    key_by: usr
    sum: user
  - {id: out, from: sums, sink: prnt}
""")
        err = self.weir("validate", job, code=2).err
        for place, words in {"7:11": "there is no node 'order'", "8:5": "unknown key 'fitler'", "11:13": "no field 'usr'",
                             "12:10": "'user'", "13:33": "there is no sink 'prnt'"}.items():
            self.assertRegex(err, rf"(?m)^.*job\.yaml:{place}: error: .*{re.escape(words)}")
        for near in ("orders", "filter", "user", "print"):
            self.assertIn(f"did you mean '{near}'?", err)
        self.assertIn("     fitler: {compare:", err)
        self.assertIn("^~~~~~", err)
        self.assertEqual(self.weir("run", job, code=2).err, err)

    def test_problems_as_json(self):
        done = self.weir("validate", "--output", "json", self.job(GOOD.replace("sequence", "sequense")), code=2)
        [problem] = json.loads(done.out)
        self.assertEqual((problem["line"], problem["column"]), (4, 28))
        self.assertIn("sequence", problem["help"])
        self.assertEqual(json.loads(self.weir("validate", "--output", "json", self.job(GOOD)).out), [])

    def test_variables(self):
        job = EXAMPLES / "hot_pages" / "job.yaml"
        self.assertIn("'slide'", self.weir("validate", job, "--set", "slid=5min", code=2).err)
        self.assertIn("slide", self.weir("validate", job, "--set", "slide=soon", code=2).err)
        self.assertIn("n", self.weir("validate", job, "--set", "n=0", code=2).err)
        secret = self.job("job: s\nnodes:\n  - {id: a, source: {sequence: {from: 1, to: \"${env:WEIR_TEST_SECRET}\"}}}\n"
                          "  - {id: out, from: a, sink: discard}\n")
        err = self.weir("validate", secret, code=2, WEIR_TEST_SECRET="hunter2").err
        self.assertNotIn("hunter2", err, "what comes from the environment is never printed")
        self.weir("validate", secret, WEIR_TEST_SECRET="12")


class Plan(WeirTest):
    JOB = EXAMPLES / "hot_pages" / "job.yaml"

    def plan(self, graph, form, *options):
        return self.weir("plan", "--graph", graph, "--format", form, "-p", "2", self.JOB, *options).out

    def test_every_graph_in_every_format(self):
        for graph in ("stream", "job", "execution"):
            texts = {form: self.plan(graph, form) for form in ("text", "dot", "mermaid", "json")}
            self.assertTrue(texts["dot"].startswith("digraph"), graph)
            self.assertRegex(texts["mermaid"], r"^(graph|flowchart) ")
            json.loads(texts["json"])
            for form, text in texts.items():
                for node in ("requests", "views", "top", "out"):
                    self.assertIn(node, text, f"{graph} as {form}")

    def test_edges_have_schema_and_partitioner(self):
        for graph in ("stream", "job"):
            text = self.plan(graph, "text")
            for words in ("key_by", "rebalance", "window_end", "timestamp"):
                self.assertIn(words, text, graph)

    def test_memory_is_printed(self):
        self.assertRegex(self.plan("execution", "text"), r"\d+(\.\d+)? [KMG]iB")

    def test_chaining_can_be_broken(self):
        with_chains = len(json.loads(self.plan("job", "json"))["vertices"])
        without = len(json.loads(self.plan("job", "json", "-D", "defaults.chaining=false"))["vertices"])
        self.assertLess(with_chains, without)

    def test_what_windows_and_joins_keep(self):
        kept = {"window: {sliding: {size: 2min, slide: 1min}, lateness: 30s}, aggregate: {n: count}":
                    "lateness 30s, kept in slices that windows share",
                "window: {tumbling: 1min}, aggregate: {n: count}": "kept window by window",
                "window: {sliding: {size: 2min, slide: 2min}}, aggregate: {n: count}": "kept window by window",
                "window: {sliding: {size: 2min, slide: 1min}}, aggregate: {n: avg(amount)}": "kept window by window",
                "window: {session: {gap: 1min}}, aggregate: {n: count}": "kept window by window",
                "window: {global: {}, trigger: {count: 3}}, aggregate: {n: count}":
                    "kept window by window, for ever but for what the trigger purges",
                "window: {tumbling: 1min, evictor: {count: 3}}, aggregate: {n: count}":
                    "evictor count, keeps the records of each window"}
        text = ("job: keeps\nnodes:\n"
                "  - {id: o, source: {datagen_orders: {count: 1}}, time: {field: at, out_of_orderness: 5s}}\n"
                "  - {id: c, source: {datagen_clicks: {count: 1}}, time: {field: at, out_of_orderness: 5s}}\n"
                "  - {id: j, from: {o: o, c: c}, key_by: {o: user, c: user}, join: {interval: {from: -5s, to: 15min}}}\n"
                "  - {id: s, from: j, sink: discard}\n")
        for i, window in enumerate(kept):
            text += f"  - {{id: w{i}, from: o, key_by: user, {window}}}\n  - {{id: s{i}, from: w{i}, sink: discard}}\n"
        plan = json.loads(self.weir("plan", self.job(text), "--graph", "stream", "--format", "json").out)
        nodes = {node["id"]: node for node in plan["nodes"]}
        self.assertEqual([nodes[f"w{i}"]["facts"] for i in range(len(kept))], list(kept.values()))
        self.assertEqual(nodes["w0"]["lateness_ms"], 30000)
        self.assertEqual((nodes["j"]["facts"], nodes["j"]["from_ms"], nodes["j"]["to_ms"]),
                         ("keeps o for 15min, c for 5s", -5000, 900000))


class ListAndInspect(WeirTest):
    def test_list(self):
        text = self.weir("list", "components").out
        for component in ("file", "socket", "apache_combined", "print", "count", "compare", "top_n"):
            self.assertIn(component, text)
        self.assertNotIn("socket", self.weir("list", "sink").out)
        self.weir("list", "sausage", code=2)
        json.loads(self.weir("list", "components", "--output", "json").out)

    def test_inspect(self):
        plugin = BUILD / "plugins" / "example_top_n.so"
        text = self.weir("inspect", plugin).out
        for words in ("example.top_n", "1.0.0", "top_n", "path:string, views:i64", "at least 1"):
            self.assertIn(words, text)
        self.assertEqual(json.loads(self.weir("inspect", "--output", "json", plugin).out)["id"], "example.top_n")
        beside = plugin.with_suffix(".weir.yaml").read_text(encoding="utf-8")
        self.assertEqual(self.weir("inspect", "--manifest", plugin).out, beside, "the manifest beside the file is current")

    def test_world_writable_plugin_is_refused(self):
        copy = self.folder / "copy.so"
        copy.write_bytes((BUILD / "plugins" / "example_top_n.so").read_bytes())
        os.chmod(copy, 0o777)
        self.assertIn("only its owner can write", self.weir("inspect", copy, code=3).err)
