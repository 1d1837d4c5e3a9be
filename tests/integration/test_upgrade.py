"""`weir upgrade`: a running job goes on with another manifest, or as it was, and nothing is lost or written twice."""
import json
import os
import re
import unittest

from support import BUILD, TIMEOUT_S, WeirTest

LAPSES = BUILD / "tests" / "integration" / "plugins" / "lapses.so"
COUNT = 60000

# Its input lasts for minutes, until an upgrade lets it run; what the sink has committed is the sum of all attempts.
JOB = f"""
job: clicks
vars: {{rate: 300, output: out/}}
checkpoint: {{every: 1h, directory: checkpoints, savepoints: savepoints}}
defaults: {{max_parallelism: 64, restart: {{fixed_delay: {{attempts: unlimited, delay: 1ms}}}}}}
nodes:
  - {{id: in, source: {{datagen_clicks: {{count: {COUNT}, rate: "${{rate}}", users: 500, seed: 7}}}}}}
  - {{id: counts, from: in, key_by: user, count: n}}
  - {{id: picked, from: counts, select: [user, n]}}
  - id: out
    from: picked
    sink: {{file: {{path: "${{output}}", roll_size: 20KiB, format: {{csv: {{header: false}}}}}}}}
"""
# The same results, and one more state.
NEW = JOB + """
  - {id: urls, from: in, key_by: url, count: n}
  - {id: gone, from: urls, sink: discard}
"""


def lapsing(how):
    """A new job that goes wrong at its first record."""
    return JOB.replace("nodes:", f"plugins: ['{LAPSES}']\nnodes:") + f"""
  - {{id: lapse, from: in, process: {{lapse: {{how: {how}, attempts: 1000, at: 1}}}}}}
  - {{id: gone, from: lapse, sink: discard}}
"""


class Upgrade(WeirTest):
    def setUp(self):
        super().setUp()
        self.home = self.folder / "home" / "jobs" / "clicks"

    def begin(self, text=JOB, *options):
        """Starts the job, and waits until it answers."""
        process = self.start("run", self.job(text), "--quiet", *options)
        while self.weir("status", "clicks", code=None).code != 0 or self.record()["state"] != "running":
            self.assertIsNone(process.poll(), "it ended")
        return process

    def record(self):
        return json.loads(self.weir("list", "--output", "json").out)[0]

    def upgrade(self, *words, code=0):
        return self.weir("upgrade", *words, code=code)

    def rows(self, folder):
        names = sorted(os.listdir(self.folder / folder))
        self.assertFalse([name for name in names if name.startswith(".")])
        return sorted(row for name in names for row in (self.folder / folder / name).read_text().splitlines())

    def expect_all(self, process, manifest):
        """Lets it run to the end of its input: all records, and each once."""
        self.upgrade("clicks", manifest, "--set", "rate=0", "--allow-non-restored")
        _, err = process.communicate(timeout=TIMEOUT_S)
        self.assertEqual(process.returncode, 0, err)
        self.weir("run", self.job(JOB, "plain.yaml"), "--quiet", "--set", "rate=0", "--set", "output=plain/", "-D",
                  "checkpoint.directory=elsewhere")
        self.assertEqual(self.rows("out"), self.rows("plain"))
        return err

    def end(self, process):
        if process.poll() is None:
            self.weir("cancel", "clicks", code=None)
        super().end(process)

    # ---- what is done ----

    def test_another_manifest(self):
        process = self.begin()
        before = self.record()
        said = self.upgrade("clicks", self.job(NEW, "new.yaml")).out
        self.assertRegex(said, r"counts +count +restored  \d+ entries\n")
        self.assertRegex(said, r"urls +- +empty +it is new\n")
        self.assertRegex(said, r"suspended; its state is in \S*/savepoints/clicks-savepoint-\d+\n")
        self.assertRegex(said, r"upgraded: its first checkpoint is complete, \S*/checkpoints/chk-\d+\n$")
        self.assertEqual(len(os.listdir(self.folder / "savepoints")), 1)  # that of the comparison is gone
        after = self.record()
        self.assertEqual((after["pid"], after["state"]), (before["pid"], "running"))
        self.assertTrue(after["manifest"].endswith("/new.yaml"))
        self.assertIn("urls", self.weir("status", "clicks").out)
        self.assertIsNone(self.upgrading())
        self.expect_all(process, after["manifest"])

    def test_a_manifest_that_was_changed_in_its_place(self):
        process = self.begin()
        self.job(NEW)
        self.assertIn("upgraded", self.upgrade("clicks").out)
        self.job("not YAML: [")
        told = json.loads(self.upgrade("clicks", self.job(JOB, "old.yaml"), "--allow-non-restored", "--output", "json").out)
        self.assertEqual(told["result"], "upgraded")
        self.assertIn({"node": "urls", "result": "dropped"}, [{"node": c["node"], "result": c["result"]}
                                                              for c in told["changes"]])
        self.expect_all(process, self.folder / "old.yaml")

    def comes_back(self, new, *words):
        process = self.begin()
        self.job(new)  # in its place: the old text is the home's
        said = self.upgrade("clicks", code=1).err
        for part in ("the new job failed before its first checkpoint was complete", "the old one runs again, from", *words):
            self.assertIn(part, said)
        self.assertEqual(self.record()["state"], "running")
        self.assertIsNone(self.upgrading())
        err = self.expect_all(process, self.job(JOB, "again.yaml"))
        self.assertIn("weir: the upgrade failed before its first checkpoint was complete; going back to", err)

    def test_a_new_job_that_fails(self):
        self.comes_back(lapsing("error"), "a lapse in attempt 0", "test.lapses/lapse of")

    def test_a_new_job_that_crashes(self):
        self.comes_back(lapsing("segfault"), "signal 11", "node 'lapse'")

    def test_a_new_job_that_ends_its_process(self):
        self.comes_back(lapsing("_exit"), "the job's process ended with code 0, and not by weir")

    def test_a_new_job_whose_checkpoint_fails(self):
        new = lapsing("decline")
        self.comes_back(new, "checkpoint.tolerable", "a lapse in a snapshot")

    def test_a_new_job_whose_first_checkpoint_may_fail(self):
        """What is tolerated later is not while it is on trial."""
        new = lapsing("decline").replace("savepoints: savepoints", "savepoints: savepoints, tolerable: 5")
        self.comes_back(new, "its first checkpoint failed", "a lapse in a snapshot")

    def test_a_new_job_that_does_not_start(self):
        taken = NEW.replace("sink: discard", "sink: {file: {path: job.yaml/below, format: csv}}")
        self.comes_back(taken, "job.yaml': Not a directory")

    def test_a_crash_after_an_upgrade_goes_on_with_the_new_one(self):
        process = self.begin()
        self.upgrade("clicks", self.job(NEW, "new.yaml"))
        (self.folder / "new.yaml").write_text("not YAML: [")
        child = (self.home / "lock").read_text()
        os.kill(int(child), 9)
        while (self.home / "lock").read_text() == child or self.record()["state"] != "running":
            self.assertIsNone(process.poll(), "it ended")
        self.assertIn("urls", self.weir("status", "clicks").out)
        self.assertIn("restarting in 1ms from checkpoint", self.expect_all(process, self.job(NEW, "new.yaml")))

    def test_options_stay(self):
        process = self.begin(JOB, "-p", "2", "--set", "output=elsewhere/")
        status = lambda: json.loads(self.weir("status", "clicks", "--output", "json").out)["nodes"][1]["parallelism"]
        self.assertEqual(status(), 2)
        kept = "parallelism 2, as the job's options say (-p 2), whatever `defaults:` of the manifest say"
        self.assertIn(kept, self.upgrade("clicks", "--set", "rate=200").err)
        self.assertEqual(status(), 2)
        self.assertTrue((self.folder / "elsewhere").exists())
        self.assertNotIn("as the job's options say", self.upgrade("clicks", "-p", "3").err)
        self.assertEqual(status(), 3)
        reset = self.upgrade("clicks", "--reset-options", "--set", "output=elsewhere/")
        self.assertNotIn("as the job's options say", reset.err)
        self.assertEqual(status(), 1)
        self.weir("cancel", "clicks")
        self.assertEqual(process.wait(TIMEOUT_S), 130)

    # ---- when everything dies meanwhile ----

    def kill(self, process):
        """The supervisor, and with it the child: as if the power had failed."""
        process.kill()
        process.communicate()

    def upgrading(self):
        """What the home knows of it."""
        try:
            return json.loads((self.home / "upgrade").read_text())
        except FileNotFoundError:
            return None

    def resume(self, manifest, *options):
        process = self.start("run", manifest, "--quiet", *options)
        runs = lambda: {"pid": process.pid, "state": "running"}  # and not the old child, which may be dying still
        while not runs().items() <= self.record().items() or (self.home / "upgrade").exists():
            if process.poll() is None:
                continue
            said = process.communicate()[1]
            self.assertIn("is running already", said)  # the old child is still dying
            process = self.start("run", manifest, "--quiet", *options)
        return process

    def killed_on_trial(self, *options):
        """A new job in the old one's place that never completes a checkpoint."""
        process, old = self.begin(JOB, *options), (self.folder / "job.yaml").read_text()
        self.job(lapsing("stuck"))
        asker = self.start("upgrade", "clicks")
        while not self.upgrading() or self.upgrading()["step"] != "trial" or "lapse" not in self.weir(
                "status", "clicks", code=None).out:
            self.assertIsNone(process.poll(), "it ended")
        self.kill(process)
        asker.communicate()
        return old

    def test_a_power_failure_on_trial_brings_the_old_one_back(self):
        old = self.killed_on_trial()
        process = self.resume(self.folder / "job.yaml", "--resume")
        self.assertNotIn("lapse", self.weir("status", "clicks").out)
        self.assertEqual((self.home / "manifest.yaml").read_text(), old)
        err = self.expect_all(process, self.job(JOB, "again.yaml"))
        self.assertRegex(err, r"ended while it was being upgraded to \S+/job.yaml; it has no checkpoint of that\n"
                         r"  it goes back to \S+/job.yaml as it was, from \S*/savepoints/clicks-savepoint-\d+\n"
                         r"  to go on with another one: weir run MANIFEST --from \S*/savepoints/clicks-savepoint-\d+\n")

    def test_a_power_failure_on_the_way_back(self):
        """The old one goes on from what it has got to since, and from the savepoint where it has got nowhere."""
        faster = ("--set", "rate=4000")
        old, upgrade = self.killed_on_trial(*faster), None
        for _ in range(2):
            upgrade = dict(upgrade or self.upgrading(), step="back")
            (self.home / "upgrade").write_text(json.dumps(upgrade))
            process = self.resume(self.folder / "job.yaml", "--resume", *faster)
            self.assertNotIn("lapse", self.weir("status", "clicks").out)
            self.assertEqual((self.home / "manifest.yaml").read_text(), old)
            parts = len(os.listdir(self.folder / "out"))
            while len(os.listdir(self.folder / "out")) < parts + 2:  # one that is full, and so is committed
                self.assertIsNone(process.poll(), "it ended")
            self.weir("checkpoint", "clicks")
            self.kill(process)
            (self.home / "manifest.before.yaml").write_text(old)
        self.expect_all(self.resume(self.job(JOB), "--resume"), self.job(JOB, "again.yaml"))

    def test_another_manifest_after_a_power_failure_on_trial(self):
        """Who names one means it; the record is of the past then."""
        self.killed_on_trial()
        process = self.resume(self.job(NEW, "other.yaml"), "--resume-if-any")
        self.assertIn("urls", self.weir("status", "clicks").out)
        self.kill(process)
        err = self.expect_all(self.resume(self.job(JOB), "--resume", "--allow-non-restored"), self.job(JOB, "again.yaml"))
        self.assertNotIn("upgraded to", err)

    def test_a_power_failure_after_the_first_checkpoint(self):
        """Sinks may have committed with it: the new one goes on, and not from the savepoint."""
        process, new = self.begin(), self.job(NEW, "new.yaml")
        savepoint = re.search(r"its state is in (\S+)", self.upgrade("clicks", new).out)[1]
        self.kill(process)
        old = self.folder / "job.yaml"
        record = {"step": "trial", "savepoint": savepoint, "drop": False,
                  "new": {"options": [], "manifest": str(new.resolve())},
                  "old": {"options": [], "manifest": str(old.resolve())}}
        (self.home / "upgrade").write_text(json.dumps(record))
        process = self.resume(old, "--resume")
        self.assertIn("urls", self.weir("status", "clicks").out)
        self.assertEqual(self.record()["manifest"], str(new.resolve()))
        self.kill(process)
        (self.home / "upgrade").write_text('{"step": "tr')
        process = self.resume(new, "--resume")  # a damaged record is told, and in nobody's way
        err = self.expect_all(process, new)
        self.assertIn("expected what is known of an upgrade", err)

    def test_killed_at_each_step_of_an_upgrade(self):
        """What it is when the kill arrives, the processes decide; nothing is lost, nothing is written twice."""
        steps = (lambda: self.upgrading(), lambda: (self.upgrading() or {}).get("step") == "trial",
                 lambda: self.record()["manifest"].endswith("/new.yaml"),
                 lambda: len(os.listdir(self.folder / "checkpoints")) != checkpoints)
        process, old = self.begin(), self.folder / "job.yaml"
        (self.folder / "checkpoints").mkdir(exist_ok=True)
        for reached in steps:
            checkpoints, new = len(os.listdir(self.folder / "checkpoints")), self.job(NEW, "new.yaml")
            asker = self.start("upgrade", "clicks", new, "--allow-non-restored")
            while not reached() and asker.poll() is None:
                self.assertIsNone(process.poll(), "it ended")
            self.kill(process)
            asker.communicate()
            process = self.resume(old, "--resume-if-any", "--allow-non-restored")
        self.expect_all(process, self.job(JOB, "again.yaml"))

    # ---- what is not ----

    def refused(self, text, code, *words):
        before = self.record()
        said = self.upgrade("clicks", self.job(text, "new.yaml"), code=code)
        for word in words:
            self.assertIn(word, said.out + said.err)
        self.assertEqual(self.record(), before)
        self.assertEqual(os.listdir(self.folder / "savepoints") if (self.folder / "savepoints").exists() else [], [])

    def test_what_cannot_be_is_refused(self):
        self.assertIn("there is no job 'clicks' here", self.upgrade("clicks", self.job(JOB), code=2).err)
        self.assertIn("which job?", self.upgrade(code=2).err)
        process = self.begin()
        self.refused(NEW.replace("from: urls", "from: ulrs"), 2, "did you mean 'urls'")
        self.refused(NEW.replace("job: clicks", "job: others"), 2, "the manifest is of job 'others'; an upgrade keeps")
        self.refused(re.sub("checkpoint: .*", "", NEW), 2, "has no `checkpoint:`")
        self.refused(JOB.replace("key_by: user", "key_by: url").replace("[user, n]", "[url, n]"), 1, "counts", "refused",
                     "key", "nothing was changed")
        self.refused(JOB.replace("id: counts", "id: counted").replace("from: counts", "from: counted"), 1,
                     "this job has no such node", "--allow-non-restored")
        self.refused(re.sub("sink: {file: .*", "sink: print", JOB), 1,
                     "sink 'out' guarantees 'exactly once' now, and would guarantee", "--allow-weaker-guarantee")
        self.refused(JOB.replace("rate: 300", "rate: [1"), 2)
        self.weir("cancel", "clicks")
        process.wait(TIMEOUT_S)
        self.assertIn("is not running", self.upgrade("clicks", self.job(JOB), code=2).err)

    def test_a_dry_run_changes_nothing(self):
        process = self.begin()
        before = self.record()
        new = self.job(NEW, "new.yaml")
        self.assertRegex(self.upgrade("clicks", new, "--dry-run").out, r"urls +- +empty +it is new\n$")
        told = json.loads(self.upgrade("clicks", new, "--dry-run", "--output", "json").out)
        self.assertEqual(told["result"], "would go on")
        self.assertEqual(self.record(), before)
        self.assertEqual(os.listdir(self.folder / "savepoints"), [])
        self.expect_all(process, new)


if __name__ == "__main__":
    unittest.main()
