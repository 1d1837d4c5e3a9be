"""Files that are written exactly once though the job is killed, and what `weir validate` says a crash does to records."""
import os
import random
import signal
import stat
import unittest

from support import BUILD, TELLS_CHECKPOINTS, TIMEOUT_S, WeirTest

ENDS = BUILD / "tests" / "plugins" / "toys" / "toy_ends.so"

JOB = """
job: exactly
vars: {rate: 0, output: out/}
checkpoint: {every: 20ms, directory: checkpoints, guarantee: exactly_once}
defaults: {max_parallelism: 64}
nodes:
  - {id: in, source: {datagen_clicks: {count: 40000, rate: "${rate}", users: 500, seed: 7}}}
  - {id: counts, from: in, key_by: user, count: n}
  - {id: picked, from: counts, select: [user, n]}
  - id: out
    from: picked
    sink: {file: {path: "${output}", roll_size: 20KiB, format: {csv: {header: false}}}}
"""

TABLE = """
job: table
plugins: [%s]
%s
nodes:
  - {id: numbers, source: {sequence: {to: 3, field: n}}}
  - {id: told, source: {script: {script: ""}}, parallelism: 1}
%s
"""


class ExactlyOnce(WeirTest):
    def rows(self, folder):
        """All committed rows, sorted; nothing is hidden any more."""
        rows = []
        for name in sorted(os.listdir(self.folder / folder)):
            self.assertFalse(name.startswith("."), name)
            rows += (self.folder / folder / name).read_text(encoding="utf-8").splitlines()
        return sorted(rows)

    def test_a_job_that_is_killed_writes_everything_once(self):
        dice = random.Random(int(os.environ.get("WEIR_TEST_SEED", "1")))
        kills = int(os.environ.get("WEIR_TEST_KILLS", "8"))
        job = self.job(JOB)
        self.weir("run", job, "--set", "output=plain/", "--quiet", "-D", "checkpoint.directory=elsewhere")
        newest, killed, arguments = 0, 0, []
        while killed < kills and newest is not None:
            process = self.start("run", job, "--set", "rate=60000", "-p", dice.choice("124"), "--quiet", *TELLS_CHECKPOINTS,
                                 *arguments, start_new_session=True)
            newest = self.wait_for_checkpoint(process, newest + 1 + dice.randrange(2))
            if newest is not None:
                self.kill_all(process)
                killed, arguments = killed + 1, ["--resume"]
                newest = newest if self.checkpoints() else None  # it was about to leave none: it had come to its end
        self.assertGreater(killed, 2)
        if newest is not None:
            self.weir("run", job, "-p", "2", "--resume", "--quiet")
        self.assertEqual(self.rows("out"), self.rows("plain"))

    def test_a_stopped_job_goes_on_with_its_file(self):
        job = self.job(JOB)
        self.weir("run", job, "--set", "output=plain/", "--quiet", "-D", "checkpoint.directory=elsewhere")
        arguments = ["--set", "output=all.csv", "-D", "nodes.out.parallelism=1", "--quiet"]
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            process = self.start("run", job, "--set", "rate=4000", *TELLS_CHECKPOINTS, *arguments)
            self.assertIsNotNone(self.wait_for_checkpoint(process), "it ended")
            process.send_signal(signal_number)
            process.communicate(timeout=TIMEOUT_S)
            self.assertEqual(process.returncode, 130)
            if "--resume" not in arguments:
                arguments.append("--resume")
        self.weir("run", job, *arguments)
        rows = sorted((self.folder / "all.csv").read_text(encoding="utf-8").splitlines())
        self.assertEqual(rows, self.rows("plain"))

    def test_a_second_job_is_kept_away_from_the_files_of_the_first(self):
        job, other = self.job(JOB), self.job(JOB.replace("job: exactly", "job: other"), "other.yaml")
        self.weir("run", job, "--set", "output=plain/", "--quiet", "-D", "checkpoint.directory=elsewhere")
        for output, options in ("out/", []), ("all.csv", ["-D", "nodes.out.parallelism=1"]):
            arguments = ["--set", f"output={output}", *options, "--quiet", "--fresh"]
            first = self.start("run", job, "--set", "rate=20000", *TELLS_CHECKPOINTS, *arguments)
            self.assertIsNotNone(self.wait_for_checkpoint(first), "it ended")
            told = self.weir("run", other, "-p", "3", "-D", "checkpoint.directory=others", *arguments, code=1).err
            self.assertIn(f"path '{output}': another job, or another sink of this one, is writing there", told)
            first.communicate(timeout=TIMEOUT_S)
            self.assertEqual(first.returncode, 0)
        self.assertEqual(self.rows("out"), self.rows("plain"))
        rows = sorted((self.folder / "all.csv").read_text(encoding="utf-8").splitlines())
        self.assertEqual(rows, self.rows("plain"))
        self.assertEqual([], list(self.folder.glob(".*held")))


class Guarantees(WeirTest):
    def validate(self, checkpoint, sinks, code=0):
        return self.weir("validate", self.job(TABLE % (ENDS, checkpoint, sinks)), code=code)

    def test_the_table_of_sources_sinks_and_checkpoints(self):
        sinks = {"lossy": "most most most", "teller": "most least least", "logged": "most least least",
                 "upsert": "most least exactly", "phased": "most least exactly"}
        nodes = "".join(
            f"  - {{id: {kind}_{sink}, from: {source}, args: {{n: n}}, sink: {sink}}}\n"
            for kind, source in (("replayable", "numbers"), ("lost", "told")) for sink in sinks)
        modes = ["", "checkpoint: {every: 1s, directory: c, mode: at_least_once}", "checkpoint: {every: 1s, directory: c}"]
        for column, checkpoint in enumerate(modes):
            lines = {words[0]: words[1:] for words in map(str.split, self.validate(checkpoint, nodes).out.splitlines()[1:])}
            for sink, row in sinks.items():
                expected = row.split()[column]
                found = lines[f"replayable_{sink}"]
                self.assertEqual(found[:3] if expected != "exactly" else found[:2],
                                 [expected, "once"] if expected == "exactly" else ["at", expected, "once"],
                                 (sink, checkpoint))
                self.assertEqual(lines[f"lost_{sink}"][:3], ["at", "most", "once"], (sink, checkpoint))

    def test_the_reasons(self):
        sinks = ("  - {id: a, from: numbers, sink: teller}\n  - {id: b, from: [numbers, mixed], sink: phased}\n"
                 "  - {id: c, from: numbers, sink: phased}\n  - {id: mixed, from: told, select: [n]}\n")
        out = self.validate("checkpoint: {every: 1s, directory: c}", sinks).out
        self.assertRegex(out, r"a +at least once +sink teller writes again what came after the last checkpoint")
        self.assertRegex(out, r"b +at most once +source script of 'told' cannot give its records again")
        self.assertRegex(out, r"c +exactly once +sink phased commits with checkpoints")
        self.assertRegex(self.validate("", sinks).out, r"c +at most once +the job takes no checkpoints")

    def test_a_guarantee_that_cannot_be_is_refused_where_it_is_asked_for(self):
        sinks = "  - {id: a, from: numbers, sink: teller, guarantee: %s}\n"
        with_checkpoints = "checkpoint: {every: 1s, directory: c}"
        self.validate(with_checkpoints, sinks % "at_least_once")
        refused = self.validate(with_checkpoints, sinks % "exactly_once", code=2).err
        self.assertRegex(refused, r"job.yaml:8:\d+: error: 'a' cannot be exactly_once, it is at_least_once: sink teller")
        self.assertRegex(self.validate("", sinks % "at_least_once", code=2).err,
                         r"'a' cannot be at_least_once, it is at_most_once: the job takes no checkpoints")
        self.assertRegex(self.validate(with_checkpoints, sinks % "exactly", code=2).err, r"job.yaml:8:\d+: error: .*exactly")

    def test_a_guarantee_of_all_sinks(self):
        asked = "checkpoint: {every: 1s, directory: c, guarantee: exactly_once}"
        self.validate(asked, "  - {id: a, from: numbers, sink: phased}\n"
                             "  - {id: b, from: numbers, sink: teller, guarantee: at_least_once}\n")
        refused = self.validate(asked, "  - {id: b, from: numbers, sink: teller}\n", code=2).err
        self.assertRegex(refused, r"job.yaml:4:\d+: error: 'b' cannot be exactly_once")

    def test_a_file_does_not_take_the_place_of_a_pipe(self):
        """Nor of a directory."""
        os.mkfifo(self.folder / "pipe")
        (self.folder / "results").mkdir()
        job = self.job("job: one\nvars: {path: pipe}\nnodes:\n  - {id: in, source: {sequence: {to: 3}}}\n"
                       "  - {id: out, from: in, sink: {file: {path: '${path}', format: csv}}}\n")
        self.assertIn("pipe' is a device, a pipe or a socket, and not a file; a file would take its place.",
                      self.weir("run", job, code=1).err)
        told = self.weir("run", job, "--set", "path=results", code=1).err
        self.assertIn("'results' is a directory; end it with '/'", told)
        self.assertTrue(stat.S_ISFIFO((self.folder / "pipe").stat().st_mode))


if __name__ == "__main__":
    unittest.main()
