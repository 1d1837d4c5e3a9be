"""Jobs whose checkpoints are in a storage without files (tests/plugins/stores): whole lives, and what looks at them."""
import json
import os
import pathlib
import signal
import unittest

from support import BUILD, TELLS_CHECKPOINTS, TIMEOUT_S, WeirTest

STORES = BUILD / "tests" / "plugins" / "stores"

JOB = f"""
job: kept
plugins: [{STORES}]
vars: {{rate: 0, directory: out}}
checkpoint: {{every: 40ms, directory: checkpoints, savepoints: savepoints, keep: 2, incremental: true, full_every: 3,
             storage: {{bucket: {{root: bucket}}}}}}
state: {{backend: {{leveldb: {{sync: false}}}}}}
nodes:
  - {{id: clicks, source: {{datagen_clicks: {{count: 20000, rate: "${{rate}}", users: 500, seed: 7}}}}}}
  - {{id: counts, from: clicks, key_by: user, count: n}}
  - {{id: out, from: counts, sink: {{file: {{path: "${{directory}}/", format: {{csv: {{header: false}}}}}}}}}}
"""

ENDLESS = f"""
job: looked_at
plugins: [{STORES}]
checkpoint: {{every: 1h, directory: checkpoints, savepoints: savepoints, keep: 9, storage: {{bucket: {{root: bucket}}}}}}
nodes:
  - {{id: in, source: {{sequence: {{to: 1000000000000}}}}}}
  - {{id: counts, from: in, key_by: {{k: value % 10}}, count: n}}
  - {{id: out, from: counts, sink: discard}}
"""

HANGING = f"""
job: hanging
plugins: [{STORES}]
checkpoint: {{every: 1ms, timeout: 500ms, tolerable: 1000000, directory: checkpoints,
             storage: {{bucket: {{root: bucket, goes: hang, only: publish, at: 1}}}}}}
nodes:
  - {{id: in, source: {{sequence: {{to: 1000000000000}}}}}}
  - {{id: out, from: in, sink: discard}}
"""


class Storage(WeirTest):
    def newest(self, job):
        listed = json.loads(self.weir("savepoint", "ls", "--output", "json", job, code=None).out or "[]")
        return max((entry["number"] for entry in listed if entry["newest"]), default=0)

    def lines(self, directory):
        parts = [path for path in pathlib.Path(self.folder, directory).rglob("*") if path.is_file()]
        self.assertEqual([path for path in parts if ".inprogress" in path.name], [])
        return sorted(line for path in parts for line in path.read_text().splitlines())

    def test_a_job_is_killed_suspended_and_goes_on(self):
        job = self.job(JOB)
        self.weir("run", job, "--quiet", "--set", "directory=plain", "-D", "checkpoint.storage.bucket.root=other")
        process = self.start("run", job, "--set", "rate=2000", "--quiet", *TELLS_CHECKPOINTS)
        self.assertIsNotNone(self.wait_for_checkpoint(process, 3), "it ended")
        process.kill()
        process.communicate(timeout=TIMEOUT_S)
        before = self.newest("kept")
        refused = self.weir("run", job, code=2)
        self.assertIn(f"bucket:/ holds checkpoint {before} of an earlier run", refused.err)
        process = self.start("run", job, "--set", "rate=2000", "--quiet", "--resume", *TELLS_CHECKPOINTS)
        self.assertIsNotNone(self.wait_for_checkpoint(process, before + 1), "it ended")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=TIMEOUT_S)
        self.assertEqual(process.returncode, 130, err)
        self.assertEqual(len(os.listdir(self.folder / "savepoints")), 1)
        self.weir("run", job, "--quiet", "--resume")
        self.assertEqual(self.lines("out"), self.lines("plain"))
        self.assertEqual(os.listdir(self.folder / "checkpoints"), [])
        self.assertEqual(os.listdir(self.folder / "bucket"), ["index"])  # what the job left of itself: nothing

    def test_a_call_that_does_not_return(self):
        job = self.job(HANGING)
        (self.folder / "bucket").mkdir()
        os.mkfifo(self.folder / "bucket" / "gate")  # the call returns when somebody opens it to write
        process = self.start("run", job, "--quiet")
        late = {}
        while not late.get("late") or "publish" not in late["call"]:  # where the machine is slow others are late before it
            self.assertIsNone(process.poll(), "it ended")
            status = json.loads(self.weir("status", "--output", "json", "hanging", code=None).out or "{}")
            late = status.get("storage", {})
        call = late["call"]
        self.assertRegex(call, r"^checkpoint storage 'bucket': publish of chk-\d+$")
        refused = self.weir("checkpoint", "hanging", code=1)
        self.assertIn(f"there is no checkpoint: {call} has not returned for ", refused.err)
        with open(self.folder / "bucket" / "gate", "wb"):
            pass
        while self.weir("checkpoint", "hanging", code=None).code != 0:
            self.assertIsNone(process.poll(), "it ended")
        log = self.weir("logs", "hanging").out
        for told in (f" (checkpoint.timeout): {call} has not returned for ", f"{call} has returned after ", "is abandoned"):
            self.assertIn(told, log)
        self.weir("cancel", "hanging")
        process.communicate(timeout=TIMEOUT_S)

    def test_it_is_looked_at_by_address(self):
        job = self.job(ENDLESS)
        process = self.start("run", job, "--quiet")
        while "elapsed_ms" not in self.weir("status", "--output", "json", "looked_at", code=None).out:
            self.assertIsNone(process.poll(), "it ended")
        addresses = [self.weir("checkpoint", "looked_at").out.split()[1] for _ in range(2)]
        self.assertEqual(addresses, ["bucket:/chk-1", "bucket:/chk-2"])
        refused = self.weir("savepoint", "rm", "--job", job, addresses[0], code=2)
        self.assertIn("job 'looked_at' runs, and its checkpoints are its own", refused.err)
        self.weir("cancel", "looked_at")
        process.communicate(timeout=TIMEOUT_S)
        for of in (["--job", job, "bucket:/"], ["--job", "looked_at", "bucket:/"], ["looked_at"]):
            listed = json.loads(self.weir("savepoint", "ls", "--output", "json", *of).out)
            self.assertEqual([(entry["path"], entry["newest"]) for entry in listed],
                             [("bucket:/chk-1", False), ("bucket:/chk-2", True)])
        one = json.loads(self.weir("savepoint", "ls", "--output", "json", "--job", job, addresses[0]).out)
        self.assertEqual([entry["path"] for entry in one], addresses[:1])
        moved = ["--job", job, "--set", "unused=1", "-D", "checkpoint.storage.bucket.root=elsewhere"]
        self.assertIn("unused", self.weir("savepoint", "ls", *moved, "bucket:/", code=2).err)  # as `weir run` says it
        self.assertNotIn("chk-1", self.weir("savepoint", "ls", *moved[:2], *moved[4:], "bucket:/", code=None).out)
        self.assertIn("--set wants NAME=VALUE", self.weir("savepoint", "verify", "--set", "x", addresses[1], code=2).err)
        self.assertIn("are for the manifest of --job", self.weir("savepoint", "dump", "-D", "a=b", addresses[1], code=2).err)
        verified = self.weir("savepoint", "verify", "--job", job, addresses[1]).out
        self.assertIn("counts-0.state", verified)
        dumped = self.weir("savepoint", "dump", "--job", "looked_at", addresses[1], "counts").out.splitlines()
        self.assertEqual(len(dumped), 11)
        self.assertIn("restored", self.weir("savepoint", "diff", addresses[1], job).out)
        self.check_refusals(job, addresses)

    def check_refusals(self, job, addresses):
        for word in ("ls", "verify", "dump", "rm"):
            refused = self.weir("savepoint", word, addresses[0], code=None)
            self.assertNotEqual(refused.code, 0)
            self.assertIn("how to open that is for a job to say: --job JOB.yaml", refused.err)
        self.assertIn("there is no manifest and no job 'nobody'",
                      self.weir("savepoint", "ls", "--job", "nobody", "bucket:/", code=2).err)
        self.assertIn("is in the storage 'other', and the job keeps its checkpoints in bucket:/",
                      self.weir("run", job, "--from", "other:/chk-1", code=2).err)
        self.assertIn("is the newest checkpoint", self.weir("savepoint", "rm", "--job", job, addresses[1], code=2).err)
        self.weir("savepoint", "rm", "--job", job, addresses[0])
        self.assertIn("there is no bucket:/chk-1",
                      self.weir("savepoint", "ls", "--job", job, addresses[0], code=2).err)
        state = self.folder / "bucket" / "chk-2+counts-0.state"
        state.write_bytes(state.read_bytes()[:-1])
        damaged = self.weir("savepoint", "verify", "--job", job, addresses[1], code=1)
        self.assertIn("bucket:/chk-2/counts-0.state: ends at byte", damaged.err)

    def test_mistakes_in_the_manifest_are_found(self):
        for written, place, told, helped in (
                ("{buket: {root: b}}", ":4:72: error: ", "there is no checkpoint_storage 'buket'", "did you mean 'bucket'?"),
                ("{bucket: {root: b, roto: c}}", ":4:90: error: ", "'bucket' has no option 'roto'", "did you mean 'root'?"),
                ("bucket", ":4:71: error: ", "'bucket' needs the option 'root'", "the directory that stands"),
                ("{bucket: {root: b, goes: wrong}}", ":4:96: error: ", 'found "wrong"', "")):
            job = self.job(f"job: j\nplugins: [{STORES}]\n\n"
                           f"checkpoint: {{every: 1s, directory: c, verify: full, keep: 3, storage: {written}}}\n"
                           "nodes:\n  - {id: in, source: {sequence: {to: 3}}}\n  - {id: out, from: in, sink: print}\n")
            refused = self.weir("validate", job, code=2)
            for text in (f"job.yaml{place}", told, helped):
                self.assertIn(text, refused.err)

    def test_plan_and_validate_say_where_they_go(self):
        bucket = "Checkpoints go to bucket:/ every 1h, and the newest 9 stay; savepoints go to "
        job = self.job(ENDLESS)
        for command in (["validate"], *(["plan", "--graph", graph] for graph in ("stream", "job", "execution"))):
            self.assertIn(bucket, self.weir(*command, job).out)
        plan = json.loads(self.weir("plan", "--graph", "stream", "--format", "json", job).out)["checkpoints"]
        self.assertEqual((plan["to"], plan["every_ms"], plan["keep"]), ("bucket:/", 3600000, 9))
        files = self.job(ENDLESS.replace(", storage: {bucket: {root: bucket}}", ""), "files.yaml")
        self.assertRegex(self.weir("validate", files).out, "Checkpoints go to .*checkpoints every 1h")
        none = self.job("job: j\nnodes:\n  - {id: in, source: {sequence: {to: 3}}}\n  - {id: out, from: in, sink: print}\n")
        self.assertNotIn("Checkpoints", self.weir("validate", none).out)
        self.assertIsNone(json.loads(self.weir("plan", "--graph", "stream", "--format", "json", none).out)["checkpoints"])

    def test_paths_that_are_none_name_those_that_are_there(self):
        job = self.job(ENDLESS)
        process = self.start("run", job, "--quiet")
        while "elapsed_ms" not in self.weir("status", "--output", "json", "looked_at", code=None).out:
            self.assertIsNone(process.poll(), "it ended")
        saved = os.path.relpath(self.weir("savepoint", "looked_at").out.strip(), self.folder.resolve())
        self.weir("cancel", "looked_at")
        process.communicate(timeout=TIMEOUT_S)
        for path, told in (("savepoints/x*", "a shell leaves a pattern as it is"),
                           ("savepoints/x*", f"in savepoints there is: {saved}"),
                           ("savepoints/other", f"in savepoints there is: {saved}"),
                           ("savepoints", f"in savepoints there is: {saved}"),
                           ("checkpoints", "in checkpoints there is none"),
                           ("nowhere/chk-1", "there is no directory nowhere either")):
            for command in (["run", job, "--from", path], ["savepoint", "verify", path], ["savepoint", "diff", path, job]):
                refused = self.weir(*command, code=None)
                self.assertNotEqual(refused.code, 0)
                self.assertIn(told, refused.err)


if __name__ == "__main__":
    unittest.main()
