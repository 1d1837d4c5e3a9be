"""Jobs that are killed with kill -9 go on from their newest checkpoint: every record counts once for the state."""
import csv
import os
import random
import shutil
import signal
import unittest

from support import TELLS_CHECKPOINTS, TIMEOUT_S, WeirTest

JOB = """
job: counting
vars: {rate: 0, directory: checkpoints, output: out.csv}
checkpoint: {every: 30ms, directory: "${directory}"}
defaults: {max_parallelism: 64}
nodes:
  - {id: in, source: {datagen_clicks: {count: 60000, rate: "${rate}", users: 500, seed: 7}}}
  - {id: counts, from: in, key_by: user, count: n}
  - {id: out, from: counts, parallelism: 1, sink: {file: {path: "${output}", format: {csv: {header: true}}}}}
"""


SUSPENDED = """
job: counting
vars: {rate: 0, directory: checkpoints}
checkpoint: {every: 30ms, directory: "${directory}", savepoints: savepoints}
defaults: {max_parallelism: 64}
nodes:
  - {id: in, source: {datagen_clicks: {count: 20000, rate: "${rate}", users: 50, seed: 7}}}
  - {id: users, from: in, select: {user: user}}
  - {id: counts, from: users, key_by: user, count: n}
  - {id: out, from: counts, sink: print}
"""


class Checkpoints(WeirTest):
    def counts(self, path):
        """The newest count of each user."""
        counts = {}
        with open(path, newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                self.assertGreater(int(row["n"]), counts.get(row["user"], 0), row)
                counts[row["user"]] = int(row["n"])
        return counts

    def test_a_job_that_is_killed_goes_on(self):
        dice = random.Random(int(os.environ.get("WEIR_TEST_SEED", "1")))
        kills = int(os.environ.get("WEIR_TEST_KILLS", "6"))
        job = self.job(JOB)
        self.weir("run", job, "--set", "output=plain.csv", "--set", "directory=elsewhere", "--quiet")
        newest, killed, arguments = 0, 0, []
        while killed < kills and newest is not None:
            process = self.start("run", job, "--set", "rate=60000", "-p", dice.choice("124"), "--quiet", *TELLS_CHECKPOINTS,
                                 *arguments, start_new_session=True)
            newest = self.wait_for_checkpoint(process, newest + 1 + dice.randrange(3))
            if newest is not None:
                self.kill_all(process)
                killed, arguments = killed + 1, ["--resume"]
                newest = newest if self.checkpoints() else None  # it was about to leave none: it had come to its end
        self.assertGreater(killed, 1)
        if newest is not None:
            self.weir("run", job, "-p", "2", "--resume", "--quiet")
        plain, last = self.counts(self.folder / "plain.csv"), self.counts(self.folder / "out.csv")
        self.assertGreater(len(last), 400)
        self.assertEqual(last, {user: plain[user] for user in last})
        self.assertEqual(os.listdir(self.folder / "checkpoints"), [])  # it has finished

    def test_checkpoints_are_not_lost_by_mistake(self):
        (self.folder / "checkpoints").mkdir()
        job = self.job(JOB)
        nothing = self.weir("run", job, "--resume", code=2)
        self.assertIn("there is no complete checkpoint in", nothing.err)
        self.assertIn(f"to begin: weir run {job}\n", nothing.err)
        (self.folder / "checkpoints" / "chk-3").mkdir()
        refused = self.weir("run", job, code=2)
        self.assertIn(f"holds checkpoint 3 of an earlier run\n  to go on from it: weir run {job} --resume\n"
                      f"  to begin again: weir run {job} --fresh\n", refused.err)
        broken = self.weir("run", job, "--resume", code=None)
        self.assertNotEqual(broken.code, 0)
        self.assertIn("no checkpoint or savepoint can be read from", broken.err)
        self.weir("run", job, "--fresh", "--quiet")

    def test_a_directory_is_one_jobs_alone(self):
        job, other = self.job(JOB), self.job(JOB.replace("job: counting", "job: adding"), "adding.yaml")
        running = self.start("run", job, "--set", "rate=2000", "--quiet", *TELLS_CHECKPOINTS, start_new_session=True)
        self.assertIsNotNone(self.wait_for_checkpoint(running))
        (self.folder / "checkpoints" / "chk-1000000").mkdir()  # nothing is read of what another job is writing
        for how in [], ["--resume"], ["--fresh"]:
            refused = self.weir("run", other, *how, code=2)
            self.assertIn("checkpoints is in use: job 'counting' is running with it; each job needs a directory of its own",
                          refused.err)
        self.kill_all(running)
        (self.folder / "checkpoints" / "chk-1000000").rmdir()
        for how in [], ["--resume"], ["--fresh"]:
            refused = self.weir("run", other, *how, code=2)
            self.assertIn("holds checkpoints of job 'counting', and this one is 'adding'", refused.err)
        self.weir("run", other, "--set", "directory=elsewhere", "--from",
                  self.folder / "checkpoints" / f"chk-{max(self.checkpoints())}", "--quiet")
        self.weir("run", job, "--resume", "--quiet")
        self.assertEqual(os.listdir(self.folder / "checkpoints"), [])

    def test_an_older_checkpoint_is_used_when_it_is_named_and_never_else(self):
        job = self.job(JOB)
        process = self.start("run", job, "--set", "rate=10000", "--quiet", *TELLS_CHECKPOINTS, start_new_session=True)
        self.assertIsNotNone(self.wait_for_checkpoint(process))
        self.kill_all(process)
        checkpoints = self.folder / "checkpoints"
        older = checkpoints / f"chk-{max(self.checkpoints())}"
        damaged = checkpoints / "chk-1000000"
        shutil.copytree(older, damaged)
        metadata = bytearray((damaged / "_metadata").read_bytes())
        metadata[40] ^= 1
        (damaged / "_metadata").write_bytes(metadata)
        refused = self.weir("run", job, "--resume", code=None)
        self.assertNotEqual(refused.code, 0)
        self.assertIn("chk-1000000/_metadata: bytes 0 to", refused.err)
        self.assertIn(f"--from {older}", refused.err)
        self.assertFalse((self.folder / "out.csv").exists())
        self.weir("run", job, "--from", older, "--quiet")
        self.weir("run", job, "--set", "output=plain.csv", "--set", "directory=elsewhere", "--quiet")
        self.assertEqual(self.counts(self.folder / "out.csv"), self.counts(self.folder / "plain.csv"))

    def test_sigterm_suspends_and_resume_goes_on_exactly_there(self):
        job = self.job(SUSPENDED)
        plain = self.weir("run", job, "--set", "directory=elsewhere", "--quiet")
        lines, arguments, newest = [], [], 0
        for parallelism in "142":
            process = self.start("run", job, "--set", "rate=2000", "-p", parallelism, *TELLS_CHECKPOINTS, *arguments)
            self.wait_for_checkpoint(process, newest + 1)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=TIMEOUT_S)
            self.assertEqual(process.returncode, 130, err)
            self.assertIn("weir: suspended; its state is in ", err)
            self.assertIn("--resume", err)
            lines += out.splitlines()
            newest = max(int(name.rsplit("-", 1)[1]) for name in os.listdir(self.folder / "savepoints"))
            arguments = ["--resume"]
            refused = self.weir("run", job, code=2)
            self.assertIn("the job was suspended with the savepoint", refused.err)
        lines += self.weir("run", job, "-p", "3", "--resume", "--quiet").out.splitlines()
        strip = lambda line: line.split("> ")[-1]  # noqa: E731
        self.assertEqual(sorted(map(strip, lines)), sorted(map(strip, plain.out.splitlines())))
        self.assertEqual(len(os.listdir(self.folder / "savepoints")), 3)  # nobody removes them
        self.assertEqual(os.listdir(self.folder / "checkpoints"), [])

    def test_a_claimed_savepoint_is_the_jobs(self):
        job = self.job(SUSPENDED)
        process = self.start("run", job, "--set", "rate=2000", *TELLS_CHECKPOINTS)
        self.wait_for_checkpoint(process)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=TIMEOUT_S)
        savepoint = self.folder / "savepoints" / os.listdir(self.folder / "savepoints")[0]
        text = SUSPENDED.replace("id: counts", "id: renamed").replace("from: counts", "from: renamed")
        changed = self.job(text, "changed.yaml")
        self.assertIn("--allow-non-restored", self.weir("run", changed, "--from", savepoint, code=2).err)
        self.assertTrue(savepoint.exists())
        self.weir("run", changed, "--from", savepoint, "--allow-non-restored", "--quiet")
        self.assertTrue(savepoint.exists())
        self.weir("run", job, "--from", savepoint, "--claim", "--quiet")
        self.assertFalse(savepoint.exists())

    def test_a_job_without_checkpoints_cannot_resume(self):
        job = self.job("job: one\nnodes:\n  - {id: in, source: {sequence: {to: 3}}}\n  - {id: out, from: in, sink: print}\n")
        refused = self.weir("run", job, "--resume", code=2)
        self.assertIn("the job takes no checkpoints that it could go on from", refused.err)


if __name__ == "__main__":
    unittest.main()
