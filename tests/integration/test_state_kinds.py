"""Jobs with states of every kind go on from savepoints, whatever the parallelism and the backend."""
import contextlib
import json
import pathlib

import savepoint_reader
from support import BUILD, TIMEOUT_S, Server
from test_savepoints import Waiting

# Little stays in memory.
STORED = ["--state-backend", "{leveldb: {sync: false, write_buffer: 64KiB}}", "-D", "state.cache=4KiB"]
KINDS = BUILD / "tests" / "plugins" / "toys" / "toy_kinds.so"
FOLDING = f"""
job: hoarding
plugins: [{KINDS}]
vars: {{port: 9}}
checkpoint: {{every: 30min, directory: checkpoints}}
defaults: {{max_parallelism: 64}}
nodes:
  - id: in
    parallelism: 1
    source: {{socket: {{host: 127.0.0.1, port: "${{port}}", format: csv}}}}
    schema: {{user: string, n: i64, word: string}}
  - id: folds
    from: in
    key_by: user
    process: folds
    state: {{ttl: {{latest: never, lately: never}}}}
  - {{id: out, from: folds, parallelism: 1, sink: print}}
"""


SHELVES = BUILD / "tests" / "integration" / "plugins"
KEEPING = f"""
job: hoarding
plugins: [{KINDS}]
vars: {{port: 9, n: 10}}
checkpoint: {{every: 30min, directory: checkpoints}}
defaults: {{max_parallelism: 64}}
nodes:
  - id: in
    parallelism: 1
    source: {{socket: {{host: 127.0.0.1, port: "${{port}}", format: csv}}}}
    schema: {{n: i64, word: string}}
  - {{id: keeps, from: in, process: keeps}}
  - {{id: out, from: keeps, parallelism: 1, sink: print}}
  - {{id: numbers, source: {{numbers: {{n: "${{n}}"}}}}}}
  - {{id: tallies, from: numbers, sink: tallies}}
"""
SHELVING = f"""
job: hoarding
plugins: [{SHELVES}/shelves.so]
vars: {{port: 9}}
checkpoint: {{every: 30min, directory: checkpoints}}
defaults: {{max_parallelism: 64}}
nodes:
  - id: in
    parallelism: 1
    source: {{socket: {{host: 127.0.0.1, port: "${{port}}", format: csv}}}}
    schema: {{n: i64, word: string}}
  - {{id: shelf, from: in, process: shelf}}
  - {{id: out, from: shelf, sink: discard}}
"""


def number(value):
    return f"{value:g}"


class Kinds(Waiting):
    def life(self, text, *options, more=0):
        """Runs the job until it has read the text and so many records more, and suspends it: the savepoint, and what it
        printed, sorted."""
        with contextlib.closing(Server(text)) as server:
            process = self.start("run", self.folder / "job.yaml", "--set", f"port={server.port}", "--quiet", *options)
            while self.has_read(process) != text.count("\n") + more:
                pass
            path = pathlib.Path(self.weir("stop", "hoarding", self.folder / "saved").out.strip())
            out, err = process.communicate(timeout=TIMEOUT_S)
        self.weir("savepoint", "verify", path)
        self.assertIn("suspended", err)
        return path, sorted(out.splitlines())


class Folding(Kinds):
    @staticmethod
    def rows(first, last):
        return [(f"u{i * i % 17}", i * 7 % 12 if i % 5 else 0, "abcdefg"[i % 7]) for i in range(first, last)]

    @staticmethod
    def play(rows, kept):
        """What the component prints for these rows; kept: by user, the numbers and their words."""
        lines = []
        for user, n, word in rows:
            of = kept.setdefault(user, [])
            if n > 0:
                of.append((n, word))
            best = f"{max(n for n, _ in of)} {''.join(w for _, w in of)}+{len(of) - 1}" if of else "none"
            mean = number(sum(n for n, _ in of) / len(of)) if of else "-1"
            lines.append(f"{user},{best} mean {mean} of {len(of)}; {best} mean {mean}")
        return sorted(lines)

    def test_folded_values_go_on_at_any_parallelism_in_any_backend(self):
        self.job(FOLDING)
        first, then = self.rows(0, 300), self.rows(300, 420)
        texts = ["".join(f"{user},{n},{word}\n" for user, n, word in rows) for rows in (first, then)]
        dumps = set()
        for begins, goes_on in ((["-p", "2"], [["-p", "1", *STORED], ["-p", "3"]]),
                                (["-p", "2", *STORED], [["-p", "3", *STORED]])):
            path, printed = self.life(texts[0], "--fresh", *begins)
            self.assertEqual(printed, self.play(first, {}))
            for options in goes_on:
                kept = {}
                self.play(first, kept)
                last, printed = self.life(texts[1], "--from", path, *options)
                self.assertEqual(printed, self.play(then, kept), options)
                dumps.add(self.state(last))
        self.assertEqual(len(dumps), 1)
        self.check_dump(dumps.pop(), kept)

    def check_dump(self, dump, kept):
        lines = [json.loads(line) for line in dump.splitlines()]
        schemas = {line["state"]: line["schema"] for line in lines if "schema" in line}
        self.assertEqual(schemas["most"], {"kind": "reducing", "key": {"user": "string"},
                                           "value": {"n": "i64", "merged": "i64", "words": "string"}})
        self.assertEqual(schemas["mean"]["kind"], "aggregating")
        found = {line["key"]["user"]: line["value"] for line in lines if line["state"] == "mean" and "value" in line}
        self.assertEqual(found, {user: {"total": sum(n for n, _ in of), "n": len(of)} for user, of in kept.items() if of})

    def test_inspect_and_diff_know_them(self):
        told = self.weir("inspect", KINDS).out
        self.assertIn("most: reducing of {n: i64, merged: i64, words: string}, version 1", told)
        self.assertIn("mean: aggregating of {total: i64, n: i64}, version 1", told)
        self.job(FOLDING)
        path, _ = self.life("ann,5,a\n", "--fresh")
        found = json.loads(self.weir("savepoint", "diff", path, "--output", "json", self.folder / "job.yaml").out)
        self.assertEqual({c["state"]: c["result"] for c in found if c["node"] == "folds"},
                         {name: "restored" for name in ("most", "mean", "latest", "lately")})


def dealt(lists, names, parallelism):
    """The rule of semantics A6: by name, what each subtask gets of what they had."""
    got, start = [{} for _ in range(parallelism)], 0
    for name in sorted(names):
        had = [of[name] for of in lists]
        items = [item for of in had for item in of]
        share, more = divmod(len(items), parallelism)
        for i in range(parallelism):
            n = share + (i < more)
            got[(start + i) % parallelism][name], items = items[:n], items[n:]
        start = (start + more) % parallelism
        if len(lists) == parallelism:
            for to, own in zip(got, had):
                to[name] = own
    return got


class Keeping(Kinds):
    """States that belong to no key, of an operator, a source and a sink."""

    @staticmethod
    def lists(path, node):
        """What the subtasks had, by the name of the list."""
        _, parts = savepoint_reader.read(path)
        mine = sorted((subtask, lists) for (name, subtask), (_, _, lists) in parts.items() if name == node)
        return [{name.decode() if isinstance(name, bytes) else name: items for name, items in lists.items()}
                for _, lists in mine]

    def seen(self, had, given):
        """What `keeps` tells of its lists, given the raw bytes it found."""
        def words(items):
            return "".join(f" {n}{word.decode()}" for n, word in items)
        lists = " |".join(words(had[name]) for name in ("odd", "every", "even"))
        return f"{lists} | {''.join(raw.decode() + ';' for raw in given)}0"

    def check_life(self, path, parallelism, n, options):
        """Goes on from there without records but for those that make every subtask tell what it has."""
        before, old_n = self.lists(path, "keeps"), self.read_of(path)
        deal = dealt(before, ["odd", "even", "raw"], parallelism)
        every = [item for of in before for item in of["every"]]
        last, printed = self.life("0,x\n" * parallelism, "--from", path, "-p", str(parallelism), "--set", f"n={n}", *options,
                                  more=4 * (n - old_n))
        for of in deal:
            of["every"] = every
        self.assertEqual(printed, sorted(self.seen(of, of["raw"]) for of in deal))
        after = self.lists(last, "keeps")
        for i in range(parallelism):
            self.assertEqual({name: after[i][name] for name in ("odd", "even", "every")},
                             {name: deal[i][name] for name in ("odd", "even", "every")})
            self.assertEqual(after[i]["raw"], [str(i).encode()])
        self.check_tallies(last, n)
        return last

    def read_of(self, path):
        return max(item[1] for of in self.lists(path, "numbers") for item in of["places"])

    def check_tallies(self, path, n):
        """Nothing was lost, and nothing read twice: a source that had lost its places would begin anew."""
        items = [item for of in self.lists(path, "tallies") for item in of["tally"]]
        self.assertEqual([sum(column) for column in zip(*items)], [4 * n, sum(range(4 * n))])

    def test_lists_are_dealt_out_again(self):
        self.job(KEEPING)
        rows = "".join(f"{i},{'abc'[i % 3] * (i % 4)}\n" for i in range(1, 28))
        path, printed = self.life(rows, "--fresh", "-p", "2", more=40)
        self.assertEqual(printed, [])
        before = self.lists(path, "keeps")
        self.assertEqual(sorted(n for of in before for n, _ in of["odd"]), list(range(1, 28, 2)))
        self.assertEqual([of["raw"] for of in before], [[b"0"], [b"1"]])
        self.check_tallies(path, 10)
        three = self.check_life(path, 3, 12, [])
        self.check_life(three, 3, 15, STORED)
        self.check_life(path, 1, 12, STORED)
        self.check_dump(path, before)

    def check_dump(self, path, before):
        lines = [json.loads(line) for line in self.dump(path, "keeps").splitlines()]
        schemas = {line["state"]: line["schema"] for line in lines if "schema" in line}
        fields = {"n": "i64", "word": "string"}
        self.assertEqual(schemas, {"odd": {"kind": "split_list", "deal": "split", "value": fields},
                                   "even": {"kind": "split_list", "deal": "split", "value": fields},
                                   "every": {"kind": "union_list", "deal": "union", "value": fields},
                                   "raw": {"kind": "raw", "deal": "split"}})
        for name in ("odd", "even", "every"):
            self.assertEqual([line["item"] for line in lines if line["state"] == name and "item" in line],
                             [{"n": n, "word": word.decode()} for n, word in sorted(i for of in before for i in of[name])])
        self.assertEqual([line["item"] for line in lines if line["state"] == "raw" and "item" in line],
                         [{"base64": "MA=="}, {"base64": "MQ=="}])
        told = self.dump(path, "keeps", "--format", "csv")
        self.assertIn('\nkeeps,odd,"{""n"":1,""word"":""b""}"\n', told)
        self.assertIn("odd: split_list of {n: i64, word: string}, version 1", self.weir("inspect", KINDS).out)

    def test_members_are_found_by_name_and_kinds_stay(self):
        self.job(SHELVING)
        path, _ = self.life("1,a\n2,b\n3,c\n", "--fresh", "-p", "2")
        self.assertEqual(self.diff(path), {"things": ("restored", None)})
        self.job(SHELVING.replace("shelves.so", "shelves_2.so"))
        self.assertEqual(self.diff(path), {"things": (
            "migrated", "'n' is widened from i32 to f64; 'word' is dropped; 'added' is new and starts at zero")})
        last, _ = self.life("4,d\n", "--from", path, "-p", "1")
        things = [sorted(of["things"]) for of in self.lists(last, "shelf")]
        self.assertEqual(things, [[[False, 1.0], [False, 2.0], [False, 3.0], [True, 4.0]]])
        self.job(SHELVING.replace("shelves.so", "shelves_3.so"))
        why = "it was a state of kind split_list and is now of kind union_list"
        self.assertEqual(self.diff(path, code=1)["things"], ("refused", why))
        self.assertIn(f"state 'things' cannot be restored: {why}",
                      self.weir("run", self.folder / "job.yaml", "--from", path, code=2).err)

    def diff(self, path, code=0):
        found = self.weir("savepoint", "diff", path, "--output", "json", self.folder / "job.yaml", code=code).out
        return {c["state"]: (c["result"], c["why"]) for c in json.loads(found) if c["node"] == "shelf"}
