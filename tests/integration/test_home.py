"""Jobs in their home: one of a name at a time, what is known of them from outside, and what remains of them."""
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import stat
import unittest

from support import BUILD, TROUBLESOME, WeirTest

LAPSES = BUILD / "tests" / "integration" / "plugins" / "lapses.so"

ENDLESS = """
job: ticks
checkpoint: {every: 1h, directory: ./checkpoints}
nodes:
  - {id: in, source: {sequence: {to: 1000000000000, field: n}}}
  - {id: odd, from: in, filter: "n % 2 = 1"}
  - {id: out, from: odd, sink: discard}
"""
DAMAGED = """
job: damaged
vars: {rate: 0, output: out.csv}
checkpoint: {every: 20ms, guarantee: exactly_once}
nodes:
  - {id: clicks, source: {datagen_clicks: {count: 20000, rate: "${rate}", users: 50, seed: 7}}}
  - {id: counts, from: clicks, key_by: user, count: n}
  - {id: out, from: counts, sink: {file: {path: "${output}", format: csv}}}
"""
SHORT = """
job: short
nodes:
  - {id: in, source: {sequence: {to: 3, field: n}}}
  - {id: out, from: in, sink: discard}
"""


class Home(WeirTest):
    def setUp(self):
        super().setUp()
        self.home = self.folder / "home"

    def begin(self, text=ENDLESS, *options):
        """Starts the job, and waits until it answers."""
        process = self.start("run", self.job(text), "--quiet", *options)
        while self.weir("status", "ticks", code=None).code == 2 or self.state("ticks") != "running":
            self.assertIsNone(process.poll(), "it ended")
        return process

    def jobs(self):
        return {job["job"]: job for job in json.loads(self.weir("list", "--output", "json").out)}

    def state(self, name):
        return self.jobs().get(name, {}).get("state")


    def test_a_home_without_jobs(self):
        self.assertIn("no jobs in", self.weir("list").out)
        self.assertEqual(self.jobs(), {})
        for command in ("status", "logs", "stop", "cancel", "checkpoint", "savepoint"):
            self.assertIn("there is no job 'ticks' here", self.weir(command, "ticks", code=2).err)
            self.assertIn("which job?", self.weir(command, code=2).err)
            self.assertIn("expected the name of a job", self.weir(command, "../ticks", code=2).err)

    def test_what_becomes_of_jobs(self):
        self.weir("run", self.job(SHORT))
        self.assertEqual(self.state("short"), "finished")
        self.assertIn("finished", self.weir("status", "short").out)
        for command in ("status", "logs", "cancel"):
            self.assertIn("no job 'shrot' here; did you mean 'short'?", self.weir(command, "shrot", code=2).err)
        self.weir("run", self.job(SHORT.replace("to: 3", "to: 4")))  # a name that is free again
        self.assertIn("to: 4", (self.home / "jobs" / "short" / "manifest.yaml").read_text())

        failing = SHORT.replace("short", "failing").replace("{sequence: {to: 3, field: n}}",
                                                            "{file: {path: nothing.csv, format: csv}}, schema: {n: i64}")
        self.assertNotEqual(self.weir("run", self.job(failing), code=None).code, 0)
        self.assertEqual(self.state("failing"), "failed")
        self.assertIn("nothing.csv", self.jobs()["failing"]["reason"])
        self.assertIn("nothing.csv", self.weir("list").out)
        self.assertIn("nothing.csv", self.weir("logs", "failing").out)

    def test_a_crash_is_written_down(self):
        crashing = SHORT.replace("short", "crashing").replace("nodes:", f"plugins: ['{TROUBLESOME}']\nnodes:")
        crashing = crashing.replace("field: n", "field: value")
        crashing = crashing.replace("sink: discard", "process: open_crashes}\n  - {id: end, from: out, sink: discard")
        done = self.weir("run", self.job(crashing), code=1)
        self.assertIn("the job crashed: signal", done.err)
        self.assertEqual(self.state("crashing"), "failed")
        self.assertIn("open_crashes", self.jobs()["crashing"]["reason"])
        listed, told = self.weir("list").out.splitlines(), self.weir("status", "crashing").out.splitlines()
        self.assertEqual(len(listed), 2)  # the job, and one line of why
        self.assertEqual(listed[1], told[1] + " (`weir status crashing` says more)")
        self.assertGreater(len(told), 2)

    def test_checkpoints_are_at_home(self):
        job = self.job(ENDLESS.replace("{every: 1h, directory: ./checkpoints}", "{every: 10ms}"))
        home = self.home / "jobs" / "ticks"
        process = self.begin(ENDLESS.replace("{every: 1h, directory: ./checkpoints}", "{every: 10ms}"))
        while not any(name.startswith("chk-") for name in self.names(home / "checkpoints")):
            self.assertIsNone(process.poll(), "it ended")
        self.weir("stop", "ticks")
        process.communicate()
        self.assertEqual([name[:15] for name in self.names(home / "savepoints")], ["ticks-savepoint"])
        listed = self.weir("savepoint", "ls", "ticks")
        self.assertIn("ticks-savepoint", listed.out)
        self.assertEqual(listed.err, "")
        self.assertIn(f"to go on from it: weir run {job} --resume", self.weir("run", job, code=2).err)
        self.assertEqual(self.names(self.folder), ["home", "job.yaml"])
        validated = self.weir("validate", job, WEIR_HOME="elsewhere", HOME="", code=2, XDG_STATE_HOME="")
        self.assertIn("checkpoints need 'directory'", validated.err)

    @staticmethod
    def names(folder):
        return sorted(os.listdir(folder)) if folder.exists() else []

    def test_two_of_one_name(self):
        process = self.begin()
        said = self.weir("run", self.job(ENDLESS, "other.yaml"), code=2).err
        self.assertIn("job 'ticks' is running already: process ", said)
        other = self.job(ENDLESS.replace("1000000000000", "3"), "other.yaml")
        self.weir("run", other, "-D", "checkpoint.directory=others", WEIR_HOME=str(self.folder / "second"))
        self.weir("cancel", "ticks")
        process.wait()
        self.assertEqual(self.state("ticks"), "cancelled")

    def test_status(self):
        process = self.begin()
        answer = json.loads(self.weir("status", "ticks", "--output", "json").out)
        self.assertEqual([node["id"] for node in answer["nodes"]], ["in", "odd", "out"])
        self.assertRegex(self.weir("status", "ticks").out, r"running for [\d.]+ s: read \d+, written \d+")
        self.weir("cancel", "ticks")
        self.assertEqual(process.wait(), 130)

    def test_savepoint_stop_and_resume(self):
        process = self.begin()
        path = self.weir("savepoint", "ticks", "mine").out.strip()
        self.assertEqual(os.path.dirname(path), str(self.folder.resolve() / "mine"))
        self.assertTrue(os.path.exists(os.path.join(path, "_metadata")))
        self.assertEqual(self.state("ticks"), "running")
        stopped = json.loads(self.weir("stop", "ticks", "--output", "json").out)["path"]
        self.assertEqual(process.wait(), 130)
        self.assertEqual(self.jobs()["ticks"]["state"], "suspended")
        self.assertEqual(os.path.realpath(self.jobs()["ticks"]["savepoint"]), stopped)
        self.assertIn("--from", self.weir("list").out)
        self.assertRegex(self.weir("logs", "ticks").out, r"(?s)job 'ticks' runs: .*job 'ticks' suspended: .*savepoint")
        process = self.begin(ENDLESS, "--resume")
        self.weir("stop", "ticks", "--drain")
        self.assertEqual(process.wait(), 130)

    def test_who_ends_a_job_hears_of_it_when_it_has_ended(self):
        """And its name is free."""
        job = ENDLESS.replace("nodes:", f"plugins: ['{LAPSES}']\nnodes:") + (
            "  - {id: slow, from: in, select: {user: n}}\n  - {id: last, from: slow, process: {lapse: {how: linger}}}\n"
            "  - {id: end, from: last, sink: discard}\n")
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        self.environment["LAPSES_FIFO"] = str(fifo)
        for command, state in (("stop", "suspended"), ("cancel", "cancelled")):
            process = self.begin(job, "--fresh")
            ending = self.start(command, "ticks")
            with open(fifo, "w", encoding="utf-8") as last:  # opened once the component is being closed
                self.assertIn("is running already", self.weir("run", self.job(job), code=2).err)
                self.assertIsNone(ending.poll())
                last.write("go on")
            self.assertEqual(ending.wait(), 0)
            self.assertEqual(self.state("ticks"), state)
            self.weir("run", self.job(ENDLESS.replace("1000000000000", "3")), "--quiet", "--fresh")
            self.assertEqual(process.wait(), 130)

    def test_a_checkpoint_now(self):
        process = self.begin()  # one that takes none within the hour
        number, path = self.weir("checkpoint", "ticks").out.split()
        self.assertEqual((number, path), ("1", str(self.folder.resolve() / "checkpoints" / "chk-1")))
        self.assertTrue(os.path.exists(os.path.join(path, "_metadata")))
        self.assertEqual(json.loads(self.weir("checkpoint", "ticks", "--output", "json").out)["number"], 2)
        self.weir("cancel", "ticks")
        process.wait()
        self.assertIn("is not running", self.weir("checkpoint", "ticks", code=2).err)
        process = self.begin(ENDLESS.replace("checkpoint: ", "# "))
        self.assertIn("has no `checkpoint:`", self.weir("checkpoint", "ticks", code=1).err)
        self.weir("cancel", "ticks")
        process.wait()

    def test_a_job_that_died(self):
        process = self.begin()
        process.send_signal(signal.SIGKILL)
        process.wait()
        while self.state("ticks") == "running":  # the child goes with its supervisor
            pass
        self.assertEqual(self.state("ticks"), "died")
        self.assertIn("its processes are gone", self.weir("list").out)
        self.assertIn("is not running", self.weir("cancel", "ticks", code=2).err)
        self.weir("run", self.job(ENDLESS.replace("1000000000000", "3")), "--fresh")
        self.assertEqual(self.state("ticks"), "finished")

    def test_the_socket(self):
        process = self.begin()
        path = self.home / "run" / "ticks"
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(self.home.stat().st_mode), 0o700)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            lines = client.makefile("rw", encoding="utf-8")
            for request, part in (("nonsense", "one JSON object"), ("{}", '"do"'), ('{"do": "dance"}', "not known"),
                                  ('{"do": "savepoint", "after": "lunch"}', "go_on, suspend or drain"),
                                  ('{"do": "status"}', "ticks")):
                lines.write(request + "\n")
                lines.flush()
                answer = json.loads(lines.readline())
                self.assertEqual(answer["ok"], part == "ticks")
                self.assertIn(part, json.dumps(answer).replace('\\"', '"'))
            lines.write("x" * 100000)  # more than any request: it is hung up on
            with self.assertRaises((BrokenPipeError, ConnectionResetError)):
                while True:
                    lines.write("x" * 100000)
                    lines.flush()
        self.weir("cancel", "ticks")
        process.wait()
        self.assertFalse(path.exists())

    def test_the_plugin_files_are_known(self):
        """And that one is another by now is said."""
        plugin = self.folder / "mine.so"
        shutil.copy(LAPSES, plugin)
        shutil.copy(LAPSES.with_suffix(".weir.yaml"), self.folder / "mine.weir.yaml")
        job = ENDLESS.replace("nodes:", "plugins: [./mine.so]\nnodes:") + (
            "  - {id: user, from: in, select: {user: n}}\n  - {id: last, from: user, process: lapse}\n"
            "  - {id: end, from: last, sink: discard}\n").replace("lapse}", "{lapse: {attempts: 0}}}")
        process = self.begin(job)
        known = self.home / "jobs" / "ticks" / "plugins.sha256"
        lines = dict(reversed(line.split("  ")) for line in known.read_text().splitlines())
        self.assertEqual(lines[str(plugin.resolve())], hashlib.sha256(plugin.read_bytes()).hexdigest())
        self.assertEqual(sum("sequence" in path for path in lines), 1)
        self.weir("stop", "ticks")
        self.assertEqual(process.communicate()[1].count("plugin file"), 0)
        process = self.begin(job, "--resume")
        self.assertNotIn("plugin file", self.weir("upgrade", "ticks").err)
        self.assertEqual(self.plugin_of("ticks", plugin), {"path": str(plugin.resolve()), "file": "same",
                                                           "sha256": hashlib.sha256(plugin.read_bytes()).hexdigest()})
        self.assertNotIn("(changed", self.weir("status", "ticks").out)
        with open(plugin, "ab") as file:
            file.write(b"another one")
        self.assertEqual(self.plugin_of("ticks", plugin)["file"], "changed")
        self.assertRegex(self.weir("status", "ticks").out,
                         r"\nplugins, by their sha256:\n(  \S{12}  .*\n)*"
                         r"  \S{12}  \S*/mine.so  \(changed since the job was started\)\n")
        said = self.weir("upgrade", "ticks").err
        self.assertIn(f"the plugin file {plugin.resolve()} is not the one that the job was last started with", said)
        self.weir("stop", "ticks")
        self.assertEqual(process.communicate()[1].count("plugin file"), 1)  # by the new one
        with open(plugin, "ab") as file:
            file.write(b"and another")
        process = self.begin(job, "--resume")
        self.assertIn("plugin file", self.weir("logs", "ticks").out)
        self.weir("cancel", "ticks")
        self.assertIn(f"the plugin file {plugin.resolve()} is not the one", process.communicate()[1])
        process = self.begin(job, "--fresh")
        self.weir("cancel", "ticks")
        self.assertEqual(process.communicate()[1].count("plugin file"), 0)
        plugin.rename(self.folder / "elsewhere.so")
        self.assertEqual(self.plugin_of("ticks", plugin)["file"], "gone")  # of a job that does not run, too
        self.assertIn("mine.so  (cannot be read any more", self.weir("status", "ticks").out)

    def plugin_of(self, job, path):
        return next(p for p in json.loads(self.weir("status", job, "--output", "json").out)["plugins"]
                    if p["path"] == str(path.resolve()))

    def test_a_home_of_an_older_version(self):
        """It has savepoints as the job named them."""
        process = self.begin()
        path = self.weir("stop", "ticks").out.strip()
        process.communicate()
        record = self.home / "jobs" / "ticks" / "state"
        for name, listed in ((os.path.relpath(path, self.folder), path + "\n"), ("gone/s-1", "gone/s-1  (from where")):
            record.write_text(json.dumps(json.loads(record.read_text()) | {"savepoint": name}))
            self.assertIn("--from " + listed, self.weir("list").out)

    def test_without_a_home_the_job_runs(self):
        done = self.weir("run", self.job(SHORT), WEIR_HOME="/dev/null/home")
        self.assertIn("runs without a home", done.err)

    def test_a_damaged_record(self):
        self.weir("run", self.job(SHORT))
        (self.home / "jobs" / "short" / "state").write_text('{"state": "fin')
        self.assertEqual(self.state("short"), "unknown")
        self.assertIn("expected what became of the job", self.weir("list").out)
        self.weir("run", self.job(SHORT))
        self.assertEqual(self.state("short"), "finished")

    def damages(self, path):
        """The file with other bytes in three places, cut, empty, and gone; and put right each time."""
        whole = path.read_bytes()
        draw = random.Random(path.name)
        for at in (draw.randrange(len(whole)) for _ in range(3)):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ draw.randrange(1, 256)]) + whole[at + 1:])
            yield f"byte {at}"
        for n in (len(whole) // 2, 0):
            path.write_bytes(whole[:n])
            yield f"cut at {n}"
        path.unlink()
        yield "gone"
        path.write_bytes(whole)

    def test_damage_to_what_is_known_of_a_job_does_not_reach_its_state(self):
        """Where a job goes on is said by its checkpoints and _suspended alone, whose damage is told (test_job)."""
        job = self.job(DAMAGED)
        process = self.start("run", job, "--quiet", "--set", "rate=1000")
        folder = self.home / "jobs" / "damaged"
        while not any((folder / "checkpoints").glob("chk-*")):
            self.assertIsNone(process.poll(), "it ended")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate()
        self.assertEqual(process.returncode, 130, err)
        kept = self.folder / "kept"
        shutil.copytree(self.home, kept / "home")
        output = [path for path in self.folder.iterdir() if "out.csv" in path.name]
        for path in output:
            shutil.copy2(path, kept / path.name)
        self.weir("run", job, "--quiet", "--set", "output=plain.csv", WEIR_HOME=str(self.folder / "elsewhere"))
        plain = sorted((self.folder / "plain.csv").read_text().splitlines())
        self.assertEqual(len(plain), 20001)  # and a header
        for name in ("lock", "state", "manifest.yaml", "log"):
            for damage in self.damages(kept / "home" / "jobs" / "damaged" / name):
                shutil.rmtree(self.home)
                shutil.copytree(kept / "home", self.home)
                (self.folder / "out.csv").unlink(missing_ok=True)
                for path in output:
                    shutil.copy2(kept / path.name, path)
                if name == "state":
                    self.weir("list")
                self.weir("run", job, "--quiet", "--resume")
                found = sorted((self.folder / "out.csv").read_text().splitlines())
                self.assertEqual(found, plain, (name, damage))
                self.assertEqual(self.state("damaged"), "finished")


if __name__ == "__main__":
    unittest.main()
