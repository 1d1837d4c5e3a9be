"""Jobs give the same results wherever their keyed state lives, and go on from checkpoints in another backend."""
import contextlib
import json
import os
import pathlib
import re
import unittest

from support import BUILD, EXAMPLES, WeirTest
from test_checkpoints import Checkpoints

SMALL = ["--state-backend", "{leveldb: {sync: false, write_buffer: 64KiB}}", "-D", "state.cache=4KiB"]

KEYS = """
job: keys
vars: {keys: 300000}
nodes:
  - {id: in, source: {sequence: {to: "${keys}"}}}
  - {id: counts, from: in, key_by: value, count: n}
  - {id: out, from: counts, sink: discard}
"""


class StateBackends(WeirTest):
    def state_of(self, plan):
        return {node["id"]: node.get("state") for node in json.loads(plan)["nodes"]}

    def test_where_state_lives_is_chosen_by_job_node_and_command_line(self):
        job = self.job("""
job: places
state: {backend: {leveldb: {bloom_bits: 0}}, cache: 8MiB}
nodes:
  - {id: in, source: {sequence: {to: 100}}}
  - {id: a, from: in, key_by: value, count: n}
  - {id: b, from: in, key_by: value, count: n, state: {backend: heap}}
  - {id: c, from: in, key_by: value, count: n, state: {cache: 1MiB, directory: /fast}}
  - {id: out, from: [a, b, c], sink: discard}
""")
        plan = ["plan", job, "--graph", "stream", "--format", "json"]
        state = self.state_of(self.weir(*plan).out)
        self.assertEqual((state["in"], state["b"], state["out"]), (None, None, None))
        self.assertEqual((state["a"]["backend"], state["a"]["cache_bytes"]), ("leveldb", 8 << 20))
        self.assertEqual(state["a"]["directory"], str(self.folder / ".weir" / "state"))
        self.assertEqual(state["c"], {"backend": "leveldb", "cache_bytes": 1 << 20, "directory": "/fast"})
        self.assertEqual(set(self.state_of(self.weir(*plan, "--state-backend", "heap").out).values()), {None})
        self.assertIn("rolling count, state in leveldb", self.weir("plan", job).out)
        self.assertIn("state in leveldb (cache 8 MiB)", self.weir("plan", job, "--graph", "stream").out)

    def test_a_wrong_backend_is_told(self):
        told = self.weir("validate", EXAMPLES / "page_views" / "job.yaml", "--state-backend", "levledb", code=2).err
        self.assertIn("there is no state_backend 'levledb'", told)
        self.assertIn("did you mean 'leveldb'?", told)

    def test_nothing_is_left_behind(self):
        job = self.job(KEYS)
        left = self.folder / ".weir" / "state" / "keys" / "counts-0"
        left.mkdir(parents=True)
        for name in ("CURRENT", "MANIFEST-000002", "000003.log", "LOG"):  # of a process that died
            (left / name).write_text("rubbish")
        totals = self.run_job(job, *SMALL, "--set", "keys=2000")
        self.assertEqual(totals["written"], 2000)
        self.assertFalse(left.parent.exists())

    def test_a_store_that_is_in_use_is_left_alone(self):
        job = self.job(KEYS)
        first = self.start("run", job, *SMALL, "--set", "keys=1000000000", "--quiet")
        log = self.folder / ".weir" / "state" / "keys" / "counts-0" / "CURRENT"
        self.assertTrue(any(log.exists() for _ in self.looks(first)), "it ended")
        second = self.weir("run", job, *SMALL, "--quiet", code=1, WEIR_HOME=str(self.folder / "second"))
        self.assertIn("no store for keyed state could be opened in", second.err)
        self.assertIn("counts-0", second.err)
        self.assertTrue(log.exists())
        first.terminate()
        first.communicate()
        self.assertFalse(log.parent.parent.exists())

    def test_a_directory_that_cannot_be_is_told(self):
        (self.folder / "file").write_text("")
        told = self.weir("run", self.job(KEYS), *SMALL, "-D", "state.directory=file/state", code=1).err
        self.assertIn("no directory for state", told)
        self.assertIn("Not a directory", told)

    def test_a_damaged_file_fails_the_job_and_names_it(self):
        job = self.job(KEYS)
        process = self.start("run", job, *SMALL, "--set", "keys=1000000000", "--quiet")
        place = self.folder / ".weir" / "state" / "keys" / "counts-0"
        damaged = 0
        for _ in self.looks(process):
            names = []
            with contextlib.suppress(FileNotFoundError):  # not yet, or not any more
                names = os.listdir(place)
            for name in names:
                if name.endswith((".ldb", ".sst")):
                    try:
                        with open(place / name, "r+b") as file:
                            file.write(b"\xa5" * 3000)
                            damaged += 1
                    except OSError:
                        pass  # compacted meanwhile
        told = process.communicate()[1]
        self.assertGreater(damaged, 0)
        self.assertEqual(process.returncode, 1, told)
        self.assertIn("node 'counts'", told)
        self.assertIn(f"keyed state in {place} could not be", told)
        self.assertIn("orruption", told)

    def most_memory(self, *arguments):
        """Of the child, in MiB, as it was seen while it ran; without pages of files, which are the kernel's to drop."""
        process = self.start("run", *arguments)
        most = 0
        for _ in self.looks(process):
            with contextlib.suppress(OSError, IndexError):
                children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
                status = pathlib.Path(f"/proc/{children[0]}/status").read_text()
                most = max([most, *(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon"))])
        self.assertEqual((process.returncode, process.communicate()[1]), (0, ""))
        return most // 1024

    def test_memory_stays_within_the_cache(self):
        """Many more keys take little more memory, where state is in LevelDB: the filters and indexes of its files."""
        if not re.search(r"^WEIR_SANITIZE:\w+=$", (BUILD / "CMakeCache.txt").read_text(), re.MULTILINE):
            self.skipTest("sanitizers keep freed memory for themselves")
        keys = int(os.environ.get("WEIR_TEST_KEYS", "1200000"))
        backend = "{leveldb: {sync: false}}"
        most = {n: [self.most_memory(self.job(KEYS), "--quiet", "--set", f"keys={n}", "--state-backend", *where)
                    for where in (["heap"], [backend, "-D", "state.cache=8MiB"])] for n in (keys // 4, keys)}
        for n, (heap, leveldb) in most.items():
            print(f"{n} keys: {heap} MiB at most on the heap, {leveldb} MiB in leveldb with a cache of 8 MiB", flush=True)
        # cache 8, block cache 8, two write buffers of 4, what enumeration and batches take, and the program itself
        self.assertLess(most[keys][1], 8 + 8 + 8 + 16)
        self.assertLess(most[keys][1] - most[keys // 4][1], (most[keys][0] - most[keys // 4][0]) / 2)


class ExamplesInLevelDB(WeirTest):
    """The plain run of each example, with state on the heap and in LevelDB."""

    def check(self, name, outputs):
        found = []
        for where in ([], SMALL, ["--state-backend", "leveldb", "-p", "2"]):
            files = {output: self.folder / f"{output}.csv" for output in outputs}
            totals = self.run_job(EXAMPLES / name / "job.yaml", *where, "-D",
                                  f"state.directory={self.folder}/state", **files)
            lines = [self.sorted_lines(path) for path in files.values()]
            found.append((lines, sorted(line.split("> ", 1)[-1] for line in totals["printed"])))
        self.assertTrue(any(map(len, found[0][0])) or found[0][1])
        self.assertEqual(found[1], found[0])
        self.assertEqual(found[2], found[0])


for _name, _outputs in {"fraud": ["output"], "hot_items": ["output", "late"], "hot_pages": ["output"],
                        "login_failures": ["output"], "order_timeout": ["output", "timeouts", "unmatched"],
                        "page_views": ["output"], "rules": ["output"], "temperature": ["output"],
                        "click_sessions": ["output"], "late_data": ["waited", "updated", "prompt"],
                        "reconcile": ["output", "unpaid", "unordered"], "wordcount": [], "first_keyed": []}.items():
    def _test(self, name=_name, outputs=tuple(_outputs)):
        self.check(name, outputs)
    setattr(ExamplesInLevelDB, f"test_{_name}", _test)


class ChangingBackends(Checkpoints):
    """What Checkpoints tests, with the backend changed at every restart."""

    turn = 0

    def command(self, *arguments):
        if arguments[0] != "run":
            return super().command(*arguments)
        type(self).turn += 1
        where = ["--state-backend", "heap"] if self.turn % 2 else SMALL
        return super().command(*arguments, *where)


del Checkpoints  # its tests run in their own module


if __name__ == "__main__":
    unittest.main()
