"""Jobs that crash or fail go on by themselves, from their newest checkpoint, as their restart strategy says."""
import json
import re

from support import BUILD, WeirTest

LAPSES = BUILD / "tests" / "integration" / "plugins" / "lapses.so"
CLICKS = 90000

# Each result is a count so far, so the greatest one of a user is the newest: writing one again does no harm.
JOB = f"""
job: lapses
plugins: ["{LAPSES}"]
vars: {{how: error, attempts: 1, at: 0, rate: 30000, restart: "", directory: checkpoints}}
checkpoint: {{every: 20ms, directory: "${{directory}}"}}
defaults: {{max_parallelism: 64, restart: {{fixed_delay: {{attempts: 3, delay: 10ms}}}}}}
nodes:
  - {{id: clicks, source: {{datagen_clicks: {{count: {CLICKS}, rate: "${{rate}}", users: 300, seed: 5}}}}}}
  - {{id: lapse, from: clicks, process: {{lapse: {{how: "${{how}}", attempts: "${{attempts}}", at: "${{at}}"}}}}}}
  - {{id: counts, from: lapse, key_by: user, count: n}}
  - {{id: out, from: counts, parallelism: 1, sink: print}}
"""
NO_CHECKPOINTS = re.sub("checkpoint: .*", "", JOB)


class Recovery(WeirTest):
    def counts(self, out):
        """The newest count of each user, whichever attempt printed it."""
        counts = {}
        for line in out.splitlines():
            if re.fullmatch(r"\d+,\d+", line):  # else torn by a crash of another thread; what it said is said again
                user, n = map(int, line.split(","))
                counts[user] = max(counts.get(user, 0), n)
        return counts

    def run_lapses(self, *arguments, job=JOB, code=0, **settings):
        sets = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
        return self.weir("run", self.job(job), "--quiet", *arguments, *sets, code=code)

    def goes_on(self, how, *words, parallelism=1, attempts=1):
        plain = self.run_lapses("-p", parallelism, attempts=0, rate=0, directory="elsewhere")
        done = self.run_lapses("-p", parallelism, how=how, attempts=attempts)
        for word in words:
            self.assertIn(word, done.err)
        restarts = re.findall(r"weir: restarting in \S+ from checkpoint (\d+), attempt (\d) of 3\n", done.err)
        self.assertEqual([int(attempt) for _, attempt in restarts], list(range(1, attempts + 1)), done.err)
        numbers = [int(number) for number, _ in restarts]
        self.assertEqual(numbers, sorted(set(numbers)))  # each attempt got further
        self.assertEqual(sum(self.counts(plain.out).values()), CLICKS)
        self.assertEqual(self.counts(done.out), self.counts(plain.out))
        return done

    def test_an_error(self):
        self.goes_on("error", "a lapse in attempt 0", "test.lapses/lapse of", "node 'lapse'")

    def test_errors_in_several_attempts(self):
        self.goes_on("error", "a lapse in attempt 2", attempts=3)

    def test_a_segfault(self):
        done = self.goes_on("segfault", "the job crashed: signal 11", "while it ran", "node 'lapse' (process lapse)",
                            f"component test.lapses/lapse of {LAPSES}")
        self.assertRegex(done.err, r"in subtask 0, at or after record \d+ of those it was given")
        self.assertRegex(done.err, r"\n    .*lapses\.so.*\[0x[0-9a-f]+\]")  # the backtrace

    def test_segfaults_in_parallel(self):
        self.goes_on("segfault", "signal 11", parallelism=3, attempts=2)

    def test_an_abort(self):
        self.goes_on("abort", "signal 6", "node 'lapse'")

    def test_an_exit(self):
        self.goes_on("exit", "called exit()", "node 'lapse'")

    def test_an_exit_that_cannot_be_caught(self):
        self.goes_on("_exit", "the job's process ended with code 0, and not by weir")

    def test_a_kill(self):
        self.goes_on("kill", "signal 9", "the kernel does that when memory runs out")

    def test_a_job_that_has_ended_does_not_start_again(self):
        """Its checkpoints are gone by then: it would begin at the beginning, and write everything twice."""
        done = self.run_lapses(how="kill_at_last", at=10, rate=0)
        self.assertEqual(done.err, "")
        self.assertEqual(list((self.folder / "checkpoints").glob("chk-*")), [])
        self.assertEqual(len([line for line in done.out.splitlines() if re.fullmatch(r"\d+,\d+", line)]), CLICKS)

    def test_a_stuck_callback(self):
        # Long enough for a call that is not stuck, on a machine with much other load.
        done = self.run_lapses("-D", "defaults.watchdog=2s", how="stuck")
        for words in ("the job crashed: signal 6", "weir ended it: a call into a component has been running for more than "
                      "2s (defaults.watchdog)", "node 'lapse' (process lapse)", "component test.lapses/lapse of"):
            self.assertIn(words, done.err)
        self.assertRegex(done.err, r"\n    .*lapses\.so.*\[0x[0-9a-f]+\]")  # of the thread that was stuck
        self.assertRegex(done.err, r"from checkpoint \d+, attempt 1 of 3\n")
        self.assertEqual(sum(self.counts(done.out).values()), CLICKS)

    def test_the_record_is_named(self):
        done = self.run_lapses("-D", "defaults.restart=none", how="abort", at=1234, rate=0, code=1)
        self.assertIn("in subtask 0, at or after record 1234 of those it was given", done.err)
        self.assertNotIn("start again", done.err)
        self.assertNotIn("restarting", done.err)

    def test_the_attempts_are_used_up(self):
        """Crashes and errors count together."""
        for how in ("segfault", "error"):
            done = self.run_lapses("-D", "defaults.restart={fixed_delay: {attempts: 2, delay: 1ms}}", "--fresh",
                                   how=how, attempts=10, at=10, code=1)
            self.assertEqual(len(re.findall("restarting in", done.err)), 2, done.err)
            self.assertIn("It does not start again: restart: fixed_delay has used up its 2 attempts.", done.err)

    def test_without_checkpoints_nothing_starts_again_unless_it_is_to(self):
        job = re.sub("defaults: .*", "", NO_CHECKPOINTS)
        done = self.run_lapses(how="segfault", at=10, code=1, job=job)
        self.assertNotIn("restarting", done.err)
        for how in ("segfault", "error"):
            done = self.run_lapses(how=how, at=10, rate=0, job=NO_CHECKPOINTS)
            self.assertRegex(done.err, r"weir: restarting in \S+ from where it began, attempt 1 of 3\n")
            self.assertEqual(sum(self.counts(done.out).values()), CLICKS)

    def test_checkpoints_of_an_earlier_life_are_not_gone_on_from(self):
        """What was begun afresh begins afresh again."""
        self.run_lapses("-D", "defaults.restart=none", how="error", code=1)
        self.assertNotEqual(list((self.folder / "checkpoints").glob("chk-*")), [])
        for how in ("segfault", "error"):
            done = self.run_lapses("--fresh", "-D", "checkpoint.every=1h", how=how, at=10, rate=0)
            self.assertRegex(done.err, r"weir: restarting in \S+ from where it began, attempt 1 of 3\n")
            self.assertEqual(sum(self.counts(done.out).values()), CLICKS)
            (self.folder / "checkpoints" / "chk-1").mkdir(exist_ok=True)

    def test_a_mistake_is_not_tried_again(self):
        done = self.run_lapses("-D", "nodes.lapse.process=nothing", code=2)
        self.assertNotIn("restarting", done.err)
        (self.folder / "checkpoints" / "chk-1").mkdir(parents=True)
        refused = self.run_lapses(code=2)
        self.assertIn("holds checkpoint 1 of an earlier run", refused.err)
        self.assertNotIn("restarting", refused.err)

    def listed(self):
        return json.loads(self.weir("list", "--output", "json").out)[0]

    def test_an_interrupt_ends_the_wait_for_the_next_attempt(self):
        for how in ("segfault", "error"):
            process = self.start("run", self.job(NO_CHECKPOINTS), "--set", f"how={how}", "--set", "at=10", "-D",
                                 "defaults.restart={fixed_delay: {delay: 10d}}")
            while "restarting in 10d" not in process.stderr.readline():
                self.assertIsNone(process.poll())
            if how == "segfault":  # the process is gone, the name is not free
                while self.listed()["state"] == "running":  # it is written down behind that line
                    pass
                self.assertEqual(self.listed()["state"], "restarting")
                self.assertIn("is running already", self.weir("run", self.job(NO_CHECKPOINTS), code=2).err)
            self.assertEqual(self.interrupt(process).code, 130)
