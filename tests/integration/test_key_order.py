"""Records of one key that come from one instance of a node's input keep their order, whatever the node does before its key,
at whatever parallelism: under many schedules of the seeded scheduler, batches of 1, 7 and 1024 records.

`count` numbers the records of a key as they arrive, so the n-th in its file must get the number n. A key is of one file,
which one instance of the source reads whole. WEIR_SIM_SEEDS: how many seeds each.
"""
import json
import os
import subprocess

from support import BUILD, WeirTest

ROWS, KEYS = 60, 3
SEEDS = int(os.environ.get("WEIR_SIM_SEEDS", "4"))

COMPUTED = {"key_by": "concat(src, cast(seq % 3 as string))"}
NAMED = {"key_by": {"k": "src", "m": "seq % 3"}}
FIELD = {"filter": "seq >= 0", "set": {"k": "concat(src, cast(seq % 3 as string))"}, "key_by": "k"}
TIMED = {"time": {"field": "at", "monotonous": True}, "filter": "seq >= 0", **COMPUTED}


def job(nodes):
    return json.dumps({"job": "key_order", "vars": {"rows": "1024"}, "defaults": {"batch_rows": "${rows}"}, "nodes": nodes})


class KeyOrder(WeirTest):
    def source(self, name, parallelism, files):
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        for src in files:
            lines = "".join(f"{src},{seq},1000\n" for seq in range(ROWS))
            (folder / f"{src}.csv").write_text(lines, encoding="utf-8")
        return {"id": name, "parallelism": parallelism,
                "source": {"file": {"path": f"{folder}/*.csv", "whole_files": True, "format": "csv"}},
                "schema": {"src": "string", "seq": "i64", "at": "timestamp"},
                "time": {"field": "at", "out_of_orderness": "1s"}}

    def check(self, nodes, files):
        """The node "out" prints src, seq and the number that seq got among the records of its key."""
        manifest = self.job(job(nodes), "key_order.yaml")
        runs = [(rows, seed) for rows in (1, 7, 1024) for seed in range(1, SEEDS + 1)]
        words = "".join(f"{manifest} --seed {seed} --set rows={rows}\n" for rows, seed in runs)
        done = subprocess.run([BUILD / "tests" / "sim" / "sim_run", "--list"], input=words, capture_output=True, text=True,
                              encoding="utf-8", cwd=self.folder, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        expected = sorted(f"{src},{seq},{seq // KEYS + 1}" for src in files for seq in range(ROWS))
        for (rows, seed), printed in zip(runs, done.stdout.split("end ok\n"), strict=False):
            found = sorted(line.split("> ")[-1] for line in printed.splitlines()[1:])
            self.assertEqual(found, expected, f"batches of {rows}, seed {seed}")

    def counted(self, senders, receivers, steps):
        select = {"select": ["src", "seq", "n"]}
        return [self.source("lines", senders, "abcd"),
                {"id": "numbered", "from": "lines", "parallelism": receivers, **steps, "count": "n", **select},
                {"id": "out", "parallelism": 1, "from": "numbered", "sink": "print"}]

    def test_TRAP_a_key_is_computed_where_records_come_from(self):
        for senders, receivers, steps in ((1, 4, COMPUTED), (2, 4, COMPUTED), (4, 2, COMPUTED), (4, 4, COMPUTED),
                                          (2, 3, NAMED), (1, 4, FIELD), (3, 2, TIMED)):
            with self.subTest(senders=senders, receivers=receivers, steps=steps):
                self.check(self.counted(senders, receivers, steps), "abcd")

    def planned(self, nodes, graph):
        return json.loads(self.weir("plan", self.job(job(nodes)), "--graph", graph, "--format", "json").out)

    def test_the_plan_has_one_exchange_in_front_of_the_key(self):
        """The settings of the node are the keyed step's; what is before it has the input's."""
        steps = {**TIMED, "slot_group": "counting", "chain": "never", "max_parallelism": 3}
        nodes = self.counted(4, 2, steps)
        before, behind = ["numbered.time", "numbered.filter", "numbered.key"], ["numbered", "numbered.select"]
        for asked, chains in (("lines", [" ".join(["lines", *before]), *behind]),
                              ({"input": "lines", "partition": "rebalance"}, ["lines", *before, *behind])):
            nodes[1]["from"] = asked
            plan = self.planned(nodes, "job")
            self.assertEqual([" ".join(v["nodes"]) for v in plan["vertices"]][:-1], chains)
        nodes[1]["from"] = "lines"
        facts = {n["id"]: (n["parallelism"], n["max_parallelism"], n["slot_group"], n["before_key"])
                 for n in self.planned(nodes, "stream")["nodes"]}
        self.assertEqual(facts["numbered.key"], (4, 128, None, True))
        self.assertEqual(facts["numbered"], (2, 3, "counting", False))
        printed = self.weir("plan", self.folder / "job.yaml", "--graph", "stream").out
        self.assertRegex(printed, r"#3 numbered.key  .*parallelism 4, the input's: before the key\n")

    def test_a_union_of_inputs_of_unlike_parallelism(self):
        for first, second, receivers, steps in ((1, 4, 2, COMPUTED), (2, 3, 4, FIELD)):
            with self.subTest(first=first, second=second, receivers=receivers, steps=steps):
                nodes = self.counted(1, receivers, steps)
                nodes[:1] = [self.source("some", first, "ab"), self.source("more", second, "cdef")]
                nodes[2]["from"] = ["some", "more"]
                self.check(nodes, "abcdef")

    def test_each_input_of_a_join_computes_its_key_itself(self):
        """A pair comes as its record of `many` does; each key has one record in `one`."""
        for one, many, receivers in ((1, 2, 4), (4, 3, 2)):
            with self.subTest(one=one, many=many, receivers=receivers):
                left = self.source("one", one, "")
                rows = "".join(f"{src},{seq},1000\n" for src in "abcd" for seq in range(KEYS))
                (self.folder / "one" / "all.csv").write_text(rows, encoding="utf-8")
                nodes = [left, self.source("many", many, "abcd"),
                         {"id": "pairs", "from": {"one": "one", "many": "many"}, "parallelism": receivers,
                          "key_by": {side: {"k": COMPUTED["key_by"]} for side in ("one", "many")},
                          "join": {"interval": {"from": "-1s", "to": "1s"}},
                          "select": {"k": "many.k", "src": "many.src", "seq": "many.seq"}},
                         {"id": "numbered", "from": "pairs", "parallelism": receivers, "key_by": "k", "count": "n",
                          "select": ["src", "seq", "n"]},
                         {"id": "out", "parallelism": 1, "from": "numbered", "sink": "print"}]
                self.check(nodes, "abcd")
