"""A component that goes wrong at run time ends the job with a message that names it, and never the program that
watches over it."""
import os
import signal

from support import TELLS_CHECKPOINTS, TIMEOUT_S, TROUBLESOME, WeirTest

JOB = """
job: trouble
plugins: ["${plugin}"]
vars: {plugin: "", component: "", at: 500}
nodes:
  - id: numbers
    source: {sequence: {from: 1, to: 100000}}
  - id: troubled
    from: numbers
    process: {"${component}": {at: "${at}"}}
  - id: out
    from: troubled
    sink: discard
"""

SNOOZES = """
job: snoozing
plugins: ["${plugin}"]
vars: {plugin: "", by_clock: false, every: 50ms}
checkpoint: {every: "${every}", timeout: 300ms, directory: checkpoints, savepoints: savepoints}
nodes:
  - {id: clicks, source: {datagen_clicks: {count: 0, rate: 1000}}, time: {field: at, monotonous: true}}
  - id: troubled
    from: clicks
    key_by: user
    process: {snoozes: {by_clock: "${by_clock}"}}
  - {id: out, from: troubled, sink: discard}
"""


class Trouble(WeirTest):
    def fails(self, component, *words, parallelism=1):
        """Runs the job, which fails with exit code 1; each of `words` is in the message, and so is who did it."""
        job = self.job(JOB.replace("${component}", component))
        done = self.weir("run", job, "-p", parallelism, "--set", f"plugin={TROUBLESOME}", code=1)
        for word in ("troubled", component, *words):
            self.assertIn(word, done.err)
        return done

    def test_open_fails(self):
        self.fails("open_fails", "the licence server is asleep", "troublesome.so")

    def test_open_crashes(self):
        self.fails("open_crashes", "crashed", "signal 11")

    def test_row_fails(self):
        self.fails("row_fails", "I do not like 500", "troublesome.so")

    def test_row_fails_in_parallel(self):
        self.fails("row_fails", "I do not like 500", parallelism=4)

    def test_row_fails_without_a_word(self):
        self.fails("row_says_nothing")

    def test_row_crashes(self):
        self.fails("row_crashes", "crashed", "signal 11")

    def test_row_fills_its_stack(self):
        """The handler that names the component needs a stack of its own."""
        for parallelism in (1, 4):
            self.fails("row_recurses", "crashed", "signal 11", "node 'troubled'", parallelism=parallelism)

    def test_row_aborts(self):
        self.fails("row_aborts", "crashed", "signal 6")

    def test_row_exits(self):
        """exit(0) in a plugin must not look like success."""
        self.fails("row_exits", "exit")

    def test_row_floods(self):
        self.fails("row_floods", "overflow")

    def test_claims_rows_that_it_was_not_given(self):
        self.fails("runs_away")

    def test_is_done_without_taking_the_rows(self):
        self.fails("does_nothing")

    def snoozes(self, by_clock, *options):
        return self.start("run", self.job(SNOOZES), "--set", f"plugin={TROUBLESOME}", "--set", f"by_clock={by_clock}",
                          *TELLS_CHECKPOINTS, *options)

    def wait_for(self, process, text):
        """What the job says up to there."""
        said = []
        for line in process.stderr:
            said.append(line)
            if text in line:
                return "".join(said)
        self.fail(f"it ended without a word of {text}: {said}")

    def test_timers_of_the_clock_that_are_always_due_let_checkpoints_through(self):
        process = self.snoozes("true")
        told = self.wait_for(process, "on_timer() sets timers that are due at once")
        self.assertIn("node 'troubled'", told.splitlines()[-1])
        self.wait_for(process, "is complete")
        process.send_signal(signal.SIGTERM)
        err = process.communicate(timeout=TIMEOUT_S)[1]
        self.assertEqual(process.returncode, 130, err)
        self.assertIn("weir: suspended; its state is in ", err)

    def test_event_timers_that_are_always_due_are_told_and_what_they_hold_up(self):
        process = self.snoozes("false", "--set", "every=1h")
        told = self.wait_for(process, "on_timer() sets timers that are due at once")
        self.assertIn("node 'troubled'", told.splitlines()[-1])
        process.send_signal(signal.SIGTERM)
        self.assertIn("sets timers that are due at once", self.wait_for(process, "not suspended, the job goes on"))
        process.send_signal(signal.SIGTERM)
        self.wait_for(process, "suspending: ")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=TIMEOUT_S)
        self.assertEqual(process.returncode, 130)

    def test_other_plugins_go_on_being_usable(self):
        """A job that only names the same file and not its bad components runs."""
        bad, good = 'process: {"${component}": {at: "${at}"}}', "filter: {compare: {field: value, op: le, value: 10}}"
        job = self.job(JOB.replace(bad, good))
        done = self.weir("run", job, "--set", f"plugin={TROUBLESOME}")
        self.assertIn("wrote 10", done.err)

    def test_nothing_is_left_behind(self):
        """No process outlives a crash."""
        self.fails("row_crashes", parallelism=4)
        pids = filter(str.isdigit, os.listdir("/proc"))
        mine = [pid for pid in pids if str(self.folder) in self.command_of(pid)]
        self.assertEqual(mine, [])

    @staticmethod
    def command_of(pid):
        try:
            with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:
            return ""
