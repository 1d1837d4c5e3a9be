"""`weir savepoint` on real checkpoints and savepoints: listing, checking, removing."""
import json
import os
import shutil
import signal

from support import TIMEOUT_S, WeirTest

JOB = """
job: counting
vars: {rate: 0, directory: checkpoints}
checkpoint: {every: 30ms, directory: "${directory}", keep: 2, savepoints: savepoints}
defaults: {max_parallelism: 64}
nodes:
  - {id: in, source: {datagen_clicks: {count: 1000000000, rate: "${rate}", users: 50, seed: 7}}}
  - {id: counts, from: in, key_by: user, count: n}
  - {id: out, from: counts, sink: {file: {path: out.csv, format: {csv: {header: true}}}}}
"""


class Savepoints(WeirTest):
    def ls(self, *words):
        return json.loads(self.weir("savepoint", "ls", "--output", "json", *words).out)

    def suspended(self, *options):
        """Runs the job for a while and suspends it; the savepoint's directory."""
        process = self.start("run", self.job(JOB), "--set", "rate=20000", "--quiet", *options)
        self.wait_until(lambda: any(s["newest"] and s["number"] > 2 for s in self.ls(self.folder)))
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=TIMEOUT_S)
        self.assertEqual(process.returncode, 130, err)
        (found,) = [s for s in self.ls(self.folder) if s["kind"] == "savepoint"]
        return found["path"]

    def wait_until(self, condition):
        for _ in range(100000):  # each look starts a program; a test that hangs is killed by ctest
            if condition():
                return

    def answers(self):
        """A job that is over has a status, too, but counts nothing."""
        return "elapsed_ms" in self.weir("status", "--output", "json", "counting", code=None).out

    def test_ls_finds_them_by_directory_and_by_job(self):
        savepoint = self.suspended()
        found = self.ls("counting")
        self.assertEqual(found, self.ls(os.path.realpath(self.folder)))
        self.assertEqual([s["kind"] for s in found], ["checkpoint", "checkpoint", "savepoint"])
        self.assertEqual([s["newest"] for s in found], [False, True, False])
        for saved in found:
            self.assertEqual((saved["state"], saved["job"], saved["nodes"], saved["why"]), ("complete", "counting", 3, None))
            files = [os.path.join(saved["path"], name) for name in os.listdir(saved["path"])]
            self.assertEqual(saved["bytes"], sum(map(os.path.getsize, files)))
            self.assertRegex(saved["taken"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertLess(found[1]["number"], found[2]["number"])
        text = self.weir("savepoint", "ls", savepoint).out.splitlines()
        self.assertEqual(text[0].split(), ["KIND", "NUMBER", "TAKEN", "JOB", "NODES", "SIZE", "STATE", "PATH"])
        self.assertEqual(len(text), 2)
        shutil.copytree(savepoint, self.folder / "there" / "chk-99.tmp")
        os.truncate(os.path.join(savepoint, "counts-0.state"), 3)
        self.assertEqual([(s["state"], s["number"]) for s in self.ls(savepoint)], [("damaged", found[2]["number"])])
        self.assertIn("counts-0.state has 3 bytes", self.ls(savepoint)[0]["why"])
        self.assertEqual([s["state"] for s in self.ls(self.folder / "there")], ["half"])
        self.assertEqual(self.ls(self.folder / "home" / "jobs"), [])
        self.assertIn("no directory and no job", self.weir("savepoint", "ls", "nobody", code=2).err)

    def test_verify_finds_a_flipped_byte_in_every_file(self):
        savepoint = self.suspended("-p", "2")
        whole = self.weir("savepoint", "verify", savepoint)
        self.assertEqual(whole.out.count(" ok: "), len(os.listdir(savepoint)))
        self.assertIn("node 'counts' subtask 1: ", whole.out)
        files = json.loads(self.weir("savepoint", "verify", "--output", "json", savepoint).out)
        self.assertEqual(sum(f["entries"] for f in files), 50)
        self.assertEqual(sorted(f["file"] for f in files), sorted(os.listdir(savepoint)))
        for name in sorted(os.listdir(savepoint)):
            path = os.path.join(savepoint, name)
            size = os.path.getsize(path)
            for at in {0, size // 2, size - 1}:
                self.flip(path, at)
                damaged = self.weir("savepoint", "verify", savepoint, code=1)
                self.flip(path, at)
                self.assertRegex(damaged.err, f"{name}: bytes? \\d+", (name, at))
                self.assertIn("DAMAGED", damaged.out)
            with open(path, "rb+") as file:
                file.seek(size)
                file.write(b"x")
            self.weir("savepoint", "verify", savepoint, code=1)
            os.truncate(path, size)
        self.weir("savepoint", "verify", savepoint)
        (self.folder / "hidden").touch()
        os.rename(self.folder / "hidden", os.path.join(savepoint, "notes.txt"))
        self.assertIn("notes.txt", self.weir("savepoint", "verify", savepoint).out)
        os.remove(os.path.join(savepoint, "counts-1.state"))
        self.assertIn("counts-1.state", self.weir("savepoint", "verify", savepoint, code=1).err)

    @staticmethod
    def flip(path, at):
        with open(path, "rb+") as file:
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 0x10]))

    def test_rm_removes_what_it_may_and_nothing_else(self):
        savepoint = self.suspended()
        older, newest = (s["path"] for s in self.ls(self.folder / "checkpoints"))
        rm = lambda *words, code=2: self.weir("savepoint", "rm", *words, code=code).err  # noqa: E731
        self.assertIn("was suspended with it", rm(savepoint))
        self.assertIn("is the newest checkpoint of job 'counting'", rm(newest))
        self.assertIn("is no checkpoint or savepoint", rm(self.folder, "--force"))
        self.assertIn("expected a directory", rm(self.folder / "job.yaml", "--force"))
        notes = os.path.join(older, "notes.txt")
        with open(notes, "w", encoding="utf-8") as file:
            file.write("mine")
        self.assertIn("notes.txt is not part of", rm(older, "--force"))
        os.remove(notes)
        self.flip(os.path.join(older, "_metadata"), 20)
        self.assertIn("To remove it all the same: --force", rm(older))
        with open(notes, "w", encoding="utf-8") as file:
            file.write("mine")
        self.assertIn("notes.txt is no part of one", rm(older, "--force"))
        os.remove(notes)
        self.assertEqual(rm(older, "--force", code=0), "")
        left = os.listdir(self.folder / "checkpoints")
        self.assertEqual(sorted(left), sorted([os.path.basename(newest), "_suspended"]))
        copy = self.folder / "copy"
        shutil.copytree(savepoint, copy)
        rm(copy, code=0)
        self.assertFalse(copy.exists())
        rm(newest, savepoint, "--force", code=0)
        self.assertEqual(self.ls("counting"), [])

    def test_rm_leaves_the_checkpoints_of_a_running_job(self):
        process = self.start("run", self.job(JOB.replace("every: 30ms", "every: 30min")), "--set", "rate=20000", "--quiet")
        self.wait_until(self.answers)
        savepoint = self.weir("savepoint", "counting").out.strip()
        self.weir("savepoint", "rm", savepoint)
        self.assertFalse(os.path.exists(savepoint))
        process.send_signal(signal.SIGINT)  # with a last checkpoint
        process.communicate(timeout=TIMEOUT_S)
        (checkpoint,) = self.ls("counting")
        process = self.start("run", self.folder / "job.yaml", "--set", "rate=20000", "--quiet", "--resume")
        self.wait_until(self.answers)
        self.assertIn("job 'counting' runs", self.weir("savepoint", "rm", checkpoint["path"], code=2).err)

    def test_a_job_may_be_called_as_a_word_is(self):
        self.job(JOB.replace("job: counting", "job: ls"))
        self.assertIn("there is no job 'ls' here", self.weir("savepoint", "--", "ls", code=2).err)
        self.assertIn("no checkpoints or savepoints here", self.weir("savepoint", "ls").out)
        for word in ("ls", "verify", "dump", "rm"):
            self.assertIn(f"weir savepoint {word} - ", self.weir("savepoint", word, "--help").out)
