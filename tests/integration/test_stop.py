"""Ctrl-C stops a job in order, and a job with nothing to do costs nothing."""
import os
import signal
import time

from support import TIMEOUT_S, WeirTest

JOB = """
job: endless
vars: {host: 127.0.0.1, port: 0, output: out.csv}
nodes:
  - id: lines
    source: {socket: {host: "${host}", port: "${port}", format: text}}
  - id: shown
    from: lines
    sink: print
  - id: kept
    from: lines
    parallelism: 1
    sink: {file: {path: "${output}", format: {csv: {header: true}}}}
"""


class Stop(WeirTest):
    def begin(self, *options):
        """A job that has printed the three lines it got and waits for more, which never come."""
        self.connected = self.server("one\ntwo\nthree\n")
        self.out = self.folder / "out.csv"
        sets = ["--set", f"port={self.connected.port}", "--set", f"output={self.out}"]
        process = self.start("run", self.job(JOB), *sets, *options)
        printed = [self.line_of(process) for _ in range(3)]
        self.assertEqual([line.strip().partition("> ")[2] or line.strip() for line in printed], ["one", "two", "three"])
        return process

    def test_interrupt_stops_in_order(self):
        done = self.interrupt(self.begin())
        self.assertEqual(done.code, 130, done)
        self.assertIn("stopped in order", done.err)
        self.assertIn("read 3 records", done.err)
        self.assertEqual(self.out.read_text(), "line\none\ntwo\nthree\n")

    def test_interrupt_stops_a_parallel_job(self):
        done = self.interrupt(self.begin("-p", "4"))
        self.assertEqual(done.code, 130, done)
        self.assertEqual(sorted(self.out.read_text().splitlines()), ["line", "one", "three", "two"])

    def test_interrupt_stops_a_busy_job(self):
        job = self.job("""
job: busy
nodes:
  - {id: numbers, source: {sequence: {from: 1, to: 9000000000000}}}
  - {id: few, from: numbers, filter: {compare: {field: value, op: le, value: 1}}}
  - {id: shown, from: few, sink: print}
""")
        process = self.start("run", job, "-p", "2")
        self.assertTrue(self.line_of(process).endswith("1\n"), "a record does not wait for the input to pause")
        done = self.interrupt(process)
        self.assertEqual(done.code, 130, done)
        self.assertIn("stopped in order", done.err)

    def test_terminate_is_heeded_like_an_interrupt(self):
        process = self.begin()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=TIMEOUT_S)
        self.assertEqual(process.returncode, 130, err)

    def test_the_job_dies_with_its_supervisor(self):
        process = self.begin()
        children = self.children(process.pid)
        self.assertEqual(len(children), 1)
        process.kill()
        process.wait()
        self.wait_for_death(children[0])

    def test_a_killed_job_is_reported(self):
        process = self.begin()
        os.kill(self.children(process.pid)[0], signal.SIGKILL)
        _, err = process.communicate(timeout=TIMEOUT_S)
        self.assertEqual(process.returncode, 1)
        self.assertIn("killed from outside", err)

    def test_an_idle_job_sleeps(self):
        """Under 1% of a core; the bound leaves room for sanitizers and for clock ticks of 10 ms."""
        process = self.begin("-p", "4")
        pids = [process.pid, *self.children(process.pid)]
        before, seconds = self.cpu_seconds(pids), 4
        time.sleep(seconds)
        share = (self.cpu_seconds(pids) - before) / seconds
        self.assertLessEqual(share, 0.02, "share of a core while there is nothing to do")
        self.assertEqual(self.interrupt(process).code, 130)

    @staticmethod
    def children(pid):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(child) for child in file.read().split()]

    @staticmethod
    def stat(pid):
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()

    def cpu_seconds(self, pids):
        ticks = sum(int(self.stat(pid)[field]) for pid in pids for field in (11, 12))  # utime, stime
        return ticks / os.sysconf("SC_CLK_TCK")
