"""`weir state-backend`: keyed state that changes its backend while the job runs, and nobody can tell from the results."""
import itertools
import json
import os
import random
import signal
import socket
import unittest

from support import BUILD, WeirTest

HOARDS = BUILD / "tests" / "integration" / "plugins" / "hoards.so"
LEVELDB = "{leveldb: {sync: false, write_buffer: 64KiB}}"

# Windows of both ways to keep them, values, lists, maps and timers of both clocks; the source waits for more at its end.
JOB = f"""
job: moving
plugins: ['{HOARDS}']
vars: {{port: 0}}
checkpoint: {{every: 1h, directory: checkpoints}}
defaults: {{max_parallelism: 16}}
nodes:
  - id: in
    source: {{socket: {{port: "${{port}}", format: csv}}}}
    schema: {{n: i64, word: string, at: timestamp}}
    time: {{field: at, out_of_orderness: 5s, emit: every_record}}
    parallelism: 1
  - {{id: hoards, from: in, key_by: word, process: hoard}}
  - {{id: all, from: hoards, sink: discard}}
  - {{id: whole, from: in, key_by: word, window: {{tumbling: {{size: 10s}}}}, aggregate: {{n: count, sum: sum(n)}}}}
  - id: sliced
    from: in
    key_by: word
    window: {{sliding: {{size: 30s, slide: 5s}}}}
    aggregate: {{n: count, last: max(n)}}
  - {{id: merged, from: in, key_by: word, window: {{session: {{gap: 7s}}}}, aggregate: {{n: count}}}}
  - {{id: out, from: [whole], parallelism: 1, sink: {{file: {{path: whole.csv, format: csv}}}}}}
  - {{id: out2, from: [sliced], parallelism: 1, sink: {{file: {{path: sliced.csv, format: csv}}}}}}
  - {{id: out3, from: [merged], parallelism: 1, sink: {{file: {{path: merged.csv, format: csv}}}}}}
"""
STATEFUL = ("hoards", "whole", "sliced", "merged")

ENDLESS = """
job: moving
checkpoint: {every: 1h, directory: checkpoints}
nodes:
  - {id: in, source: {sequence: {to: 1000000000000, field: n}}}
  - {id: counts, from: in, key_by: {k: "n % 1000"}, count: c}
  - {id: out, from: counts, sink: discard}
"""


def lines(n):
    draw = random.Random(7)
    for i in range(n):
        word = f"w{draw.randrange(40)}" * draw.randrange(1, 9)
        second = 60 + i // 50 + draw.randrange(-4, 1)
        yield f"{i},{word},2026-01-01T{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}Z\n"


class Swap(WeirTest):
    def status(self, node):
        answer = self.weir("status", "moving", "--output", "json", code=None)
        if answer.code != 0 or "nodes" not in answer.out:
            return None
        return {n["id"]: n for n in json.loads(answer.out)["nodes"]}[node]

    def wait_until_read(self, n):
        while self.status("in")["rows_out"] < n:  # a test that hangs is killed by ctest
            pass

    def swap(self, *words, code=0):
        return self.weir("state-backend", "moving", *words, code=code)

    def play(self, parallelism, moves):
        """Feeds the job in pieces, with a call behind each; what it wrote, and what it held at the end of its input."""
        whole = list(lines(3000))
        pieces = [whole[i:i + 500] for i in range(0, len(whole), 500)]
        with socket.create_server(("127.0.0.1", 0)) as listener:
            process = self.start("run", self.job(JOB), "--quiet", "-p", parallelism, "--set",
                                 f"port={listener.getsockname()[1]}")
            with listener.accept()[0] as client:
                sent = 0
                while self.status("in") is None:
                    self.assertIsNone(process.poll())
                for piece, move in itertools.zip_longest(pieces, moves):
                    client.sendall("".join(piece).encode())
                    sent += len(piece)
                    if move:
                        move()  # while the piece is on its way
                self.wait_until_read(sent)
                saved = self.weir("savepoint", "moving").out.strip()
                verified = self.weir("savepoint", "verify", saved)
                self.assertEqual(verified.code, 0)
                dump = [self.weir("savepoint", "dump", saved, node).out for node in STATEFUL]
        _, err = process.communicate(timeout=120)
        self.assertEqual((process.returncode, err), (0, ""))
        self.assertFalse((self.folder / ".weir" / "state" / "moving").exists())
        return dump, [sorted((self.folder / f"{name}.csv").read_text().splitlines()) for name in STATEFUL[1:]]

    def check(self, parallelism):
        def everything(backend, at_least):
            moved = json.loads(self.swap(backend, "--cache", "16KiB", "--output", "json").out)["moved"]
            self.assertEqual(sorted({m["node"] for m in moved}), sorted(STATEFUL))
            self.assertEqual(len(moved), parallelism * len(STATEFUL))
            self.assertTrue(all(m["moved"] and m["pause_ms"] >= m["copied_ms"] > 0 for m in moved))
            self.assertGreaterEqual(sum(m["entries"] for m in moved), at_least)

        def a_node_and_a_checkpoint():
            self.assertRegex(self.swap("merged", "heap").out, r"^merged, subtask 0: \d+ entries to heap, paused [\d.]+ ms")
            self.weir("checkpoint", "moving")
            self.swap("merged", LEVELDB)

        undisturbed = self.play(parallelism, [])
        self.assertTrue(all(len(dump.splitlines()) > 20 for dump in undisturbed[0]))
        moves = [lambda: everything(LEVELDB, 1), a_node_and_a_checkpoint, lambda: everything("heap", 100),
                 lambda: everything(LEVELDB, 100), lambda: self.swap("heap")]
        found = self.play(parallelism, moves)
        self.assertEqual(found[1], undisturbed[1])
        for node, moved, still in zip(STATEFUL, found[0], undisturbed[0]):
            self.assertEqual(moved, still, node)
        self.assertEqual(self.play(parallelism, [None, moves[0]]), undisturbed)  # and it ends in LevelDB

    def test_results_and_state_are_those_of_an_undisturbed_job(self):
        self.check(1)

    def test_in_parallel(self):
        self.check(3)

    def begin(self):
        process = self.start("run", self.job(ENDLESS), "--quiet")
        while self.status("in") is None:
            self.assertIsNone(process.poll())
        return process

    def run_until(self, do, *words, text=ENDLESS):
        """Begins the job, does it, and suspends the job."""
        process = self.start("run", self.job(text), "--quiet", *words)
        while self.status("in") is None:
            self.assertIsNone(process.poll())
        do()
        self.weir("stop", "moving")
        process.communicate(timeout=120)

    def finds(self, places, *words, text=ENDLESS):
        """State that is in a backend already is not moved there."""
        def look():
            for node, backend in places.items():
                self.assertIn("already", self.swap(node, backend, code=1).err)
        self.run_until(look, *words, text=text)

    def test_a_move_is_remembered(self):
        two = ENDLESS + """  - {id: more, from: in, key_by: {k: "n % 7"}, count: c}
  - {id: out2, from: more, sink: discard}
"""
        third = two + """  - {id: third, from: in, key_by: {k: "n % 5"}, count: c}
  - {id: out3, from: third, sink: discard}
"""
        self.run_until(lambda: self.swap(LEVELDB), text=two)
        self.finds({"counts": "leveldb", "more": "leveldb"}, "--resume", text=two)
        self.run_until(lambda: self.swap("more", "heap"), "--resume", text=two)
        self.finds({"counts": "leveldb", "more": "heap"}, "--resume", text=two)
        self.finds({"counts": "leveldb", "more": "heap", "third": "leveldb"}, "--resume", text=third)
        plain = "count: c}\n  - {id: out,"
        said = third.replace(plain, plain.replace("c}", "c, state: {backend: {leveldb: {}}, cache: 1MiB}}"))
        self.assertNotEqual(said, third)
        self.run_until(lambda: self.swap("counts", "heap"), "--resume", text=said)  # newer than the manifest
        self.finds({"counts": "heap", "more": "heap"}, "--resume", text=said)
        changed = said.replace("1MiB", "2MiB")
        self.finds({"counts": "leveldb", "more": "heap"}, "--resume", text=changed)  # what is newer counts
        self.finds({"more": "leveldb", "third": "leveldb"}, "--resume", "--state-backend", "leveldb", text=third)
        self.finds({"counts": "heap", "more": "heap", "third": "heap"}, "--fresh", text=third)
        self.finds({"counts": "heap"}, "--resume", text=third)
        self.run_until(lambda: self.swap("counts", "leveldb"), "--resume", text=third)
        (self.folder / "home" / "jobs" / "moving" / "state-backends").write_text("[{")
        self.finds({"counts": "heap"}, "--resume", text=third)
        self.assertIn("expected a list of moves", self.weir("logs", "moving").out)

    def test_a_move_outlives_a_crash(self):
        process = self.begin()
        self.swap("leveldb")
        self.weir("checkpoint", "moving")
        lock = self.folder / "home" / "jobs" / "moving" / "lock"
        child = lock.read_text()
        os.kill(int(child), signal.SIGKILL)
        while lock.read_text() == child or self.status("in") is None:
            self.assertIsNone(process.poll())
        self.assertIn("already", self.swap("counts", "leveldb", code=1).err)
        self.weir("cancel", "moving")
        process.communicate()

    def test_what_cannot_be_is_refused(self):
        self.assertIn("there is no job 'moving' here", self.swap("heap", code=2).err)
        for words, why in ((["state-backend"], "which job?"), (["state-backend", "moving"], "which backend?"),
                           (["state-backend", "a", "b", "c", "d"], "too many words"),
                           (["state-backend", "--sausage"], "unknown option")):
            self.assertIn(why, self.weir(*words, code=2).err)
        process = self.begin()
        for words, why in ((["heap"], "the keyed state of the job is in heap already"),
                           (["count", "leveldb"], "the job has no node 'count'; did you mean 'counts'?"),
                           (["out", "leveldb"], "node 'out' keeps no keyed state"),
                           (["counts", "levledb"], "did you mean 'leveldb'?"),
                           (["counts", "{leveldb: {sausage: 1}}"], "sausage"),
                           (["leveldb", "--cache", "3"], "cache must be at least 4KiB"),
                           (["leveldb", "--directory", "job.yaml"], "no directory for state")):
            self.assertIn(why, self.swap(*words, code=1).err)
        self.assertEqual(self.swap("leveldb", "--directory", "elsewhere").code, 0)
        self.assertTrue((self.folder / "elsewhere" / "moving" / "counts-0" / "CURRENT").exists())
        self.weir("cancel", "moving")
        process.communicate()
        self.assertFalse((self.folder / "elsewhere" / "moving").exists())


if __name__ == "__main__":
    unittest.main()
