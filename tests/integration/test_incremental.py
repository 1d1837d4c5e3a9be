"""Checkpoints that hold only what changed: their size, what reads them, and whole jobs that go on from them."""
import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import unittest

import savepoint_reader
import test_rescale
from support import TELLS_CHECKPOINTS, TIMEOUT_S, WeirTest

STORE = "{leveldb: {sync: false, write_buffer: 64KiB}}"

# Behind the first 20,000 records one key of two hundred is used again.
JOB = """
job: grown
checkpoint: {every: 1h, directory: checkpoints, incremental: true, full_every: 4, keep: 9}
state: {backend: %s, cache: 1MiB}
nodes:
  - {id: in, source: {sequence: {to: 1000000000000}}}
  - {id: counts, from: in, key_by: {k: "if(value < 20000, value, value %% 100)"}, count: n}
  - {id: out, from: counts, sink: discard}
""" % STORE


class Incremental(WeirTest):
    def begin(self, more_than=50000):
        process = self.start("run", self.job(JOB), "--quiet")
        read = 0
        while read <= more_than:
            self.assertIsNone(process.poll(), "it ended")
            found = self.weir("status", "--output", "json", "grown", code=None).out
            read = json.loads(found).get("read", 0) if "elapsed_ms" in found else 0
        return process

    def checkpoint(self):
        return self.folder / "checkpoints" / f"chk-{self.weir('checkpoint', 'grown').out.split()[0]}"

    @staticmethod
    def parts(path):
        metadata = savepoint_reader.read_metadata(pathlib.Path(path, "_metadata").read_bytes())
        return metadata["version"], [part for operator in metadata["operators"] if operator["id"] == "counts"
                                     for part in operator["parts"]]

    def test_few_changes_of_much_state_are_small_files(self):
        process = self.begin()
        paths = [self.checkpoint() for _ in range(6)]
        chain = [len(self.parts(path)[1][0].get("earlier", [])) for path in paths]
        self.assertEqual(chain, [0, 1, 2, 3, 0, 1])
        self.assertEqual([self.parts(path)[0] for path in paths], [1, 2, 2, 2, 1, 2])
        sizes = [(path / "counts-0.state").stat().st_size for path in paths]
        print(f"a whole file of {sizes[0]} bytes, changes of {sizes[1]}: 1 in {sizes[0] // sizes[1]}")
        self.assertLess(sizes[1] * 50, sizes[0])
        names = sorted(name for name in os.listdir(paths[3]) if name.startswith("counts"))
        self.assertEqual(names, ["counts-0.1.state", "counts-0.2.state", "counts-0.3.state", "counts-0.state"])
        self.assertTrue((paths[3] / "counts-0.1.state").samefile(paths[0] / "counts-0.state"))
        saved = self.weir("savepoint", "grown", "saved").out.strip()  # a savepoint stands alone
        self.assertEqual(self.parts(saved)[0], 1)
        self.assertEqual(sorted(os.listdir(saved)), ["_metadata", "counts-0.state", "in-0.state"])
        self.weir("cancel", "grown")
        process.wait()

    def test_it_can_be_looked_at_moved_and_removed(self):
        process = self.begin()
        first, second, third = (self.checkpoint() for _ in range(3))
        self.weir("cancel", "grown")
        process.wait()
        self.check_dump(third)
        verified = self.weir("savepoint", "verify", third).out
        for name in ("counts-0.1.state", "counts-0.2.state", "counts-0.state"):
            self.assertRegex(verified, rf"{name} +ok")
        self.assertEqual(self.weir("savepoint", "ls", "checkpoints").out.count("complete"), 2)
        diff = self.weir("savepoint", "diff", third, self.job(JOB)).out
        self.assertRegex(diff, r"20,?000")
        dump = self.weir("savepoint", "dump", third).out
        for older in (first, second):  # they take nothing along
            self.weir("savepoint", "rm", older)
        self.assertEqual(self.weir("savepoint", "dump", third).out, dump)
        shutil.copytree(third, self.folder / "elsewhere")
        shutil.rmtree(third)
        self.assertEqual(self.weir("savepoint", "dump", "elsewhere").out, dump)
        for at, name in ((5000, "counts-0.1.state"), (300, "counts-0.2.state"), (300, "counts-0.state")):
            path = self.folder / "elsewhere" / name
            whole = path.read_bytes()
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1:])
            for command in (["verify"], ["dump"]):
                told = self.weir("savepoint", *command, "elsewhere", code=1)
                self.assertRegex(told.out + told.err, rf"elsewhere/{name}: bytes 0 to \d+: expected the checksum")
            self.assertIn(name, self.weir("run", self.job(JOB), "--from", "elsewhere", code=None).err)
            path.write_bytes(whole)

    def check_dump(self, path):
        """docs/formats/savepoint.md is enough to read it."""
        _, parts = savepoint_reader.read(path)
        found = {}
        for line in map(json.loads, self.weir("savepoint", "dump", path, "counts").out.splitlines()[1:]):
            found[line["key"]["k"]] = line["value"]["n"]
        self.assertEqual(len(found), 20000)
        self.assertEqual({entry[3][0]: entry[4][0] for entry in parts["counts", 0][1]}, found)


class Killed(WeirTest):
    """The job of test_rescale, in LevelDB: killed, it goes on at any parallelism, and writes everything once."""

    def has_changes(self, checkpoint):
        """It is built on another one."""
        with contextlib.suppress(FileNotFoundError):  # it went meanwhile
            files = os.listdir(self.folder / "checkpoints" / f"chk-{checkpoint}")
            return any(re.search(r"-\d+\.\d+\.state$", file) for file in files)
        return False

    def wait_for_changes(self, process):
        """None: its end came first, where looking takes long. Where the machine is slow, much changes and none is built on
        another one: then any two."""
        with self.checkpoints_of(process) as numbers:
            return next((n for n, number in enumerate(numbers) if n == 1 or self.has_changes(number)), None)

    def test_a_job_that_is_killed_goes_on_from_what_changed(self):
        dice = random.Random(int(os.environ.get("WEIR_TEST_SEED", "1")))
        sinks = "\n".join(test_rescale.SINK % (name.replace(".", "_"), name, name) for name in test_rescale.OUTPUTS)
        often = test_rescale.JOB.replace("every: 100ms", "every: 40ms, incremental: true, full_every: 5")
        job = self.job(often.replace("SINKS", sinks))
        store = ["--state-backend", STORE, "-D", "state.cache=64KiB"]
        self.weir("run", job, "--set", "output=plain", "-D", "checkpoint.directory=elsewhere", "--quiet")
        for life in range(3):
            process = self.start("run", job, "--set", "rate=100", "-p", dice.choice("1234"), "--quiet", *store,
                                 *["--resume"] * (life > 0), *TELLS_CHECKPOINTS)
            if self.wait_for_changes(process) is None:
                self.assertEqual(process.wait(), 0)
                break
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=TIMEOUT_S)
        else:
            self.weir("run", job, "-p", "2", "--resume", "--quiet")  # and on the heap
        for name in test_rescale.OUTPUTS:
            plain = test_rescale.Rescale.rows(self, "plain", name)
            self.assertGreater(len(plain), 100, name)
            self.assertEqual(test_rescale.Rescale.rows(self, "out", name), plain, name)


if __name__ == "__main__":
    unittest.main()
