"""Jobs with states of every kind go on from savepoints, whatever the parallelism and the backend."""
import contextlib
import json
import pathlib

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


def number(value):
    return f"{value:g}"


class Kinds(Waiting):
    def life(self, text, *options):
        """Runs the job until it has read the text, and suspends it: the savepoint, and what it printed, sorted."""
        with contextlib.closing(Server(text)) as server:
            process = self.start("run", self.folder / "job.yaml", "--set", f"port={server.port}", "--quiet", *options)
            while self.has_read(process) != text.count("\n"):
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
