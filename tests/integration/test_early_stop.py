"""Ctrl-C reaches a job whenever it comes, also while its process is being started."""
from support import WeirTest

JOB = """
job: endless
nodes:
  - {id: numbers, source: {sequence: {to: 9_000_000_000_000_000_000}}}
  - {id: out, from: numbers, sink: discard}
"""


class EarlyStop(WeirTest):
    def test_interrupt_at_any_moment(self):
        job = self.job(JOB)
        for n in range(40):
            process = self.start("run", job, "--quiet")
            for _ in range(n * 4000):  # a little later each time
                pass
            done = self.interrupt(process)
            # -2: the program had not yet begun to heed signals.
            self.assertIn(done.code, (130, -2), done)
            self.assertNotIn("crashed", done.err)

