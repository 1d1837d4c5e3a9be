"""A job that is suspended with savepoints and goes on at another parallelism writes what it writes uninterrupted: windows
that are sliced, kept whole, and merged; timers; joins over intervals and windows; sources with several splits."""
import os
import signal
import unittest

from support import TELLS_CHECKPOINTS, TIMEOUT_S, WeirTest

# An order is paid five minutes later; one in seven is not, and some payments have no order. Nothing comes late, so results
# do not depend on how watermarks travel. 120 s at the rate of 200: a life ends long before its input does.
JOB = """
job: rescaled
vars: {rate: 0, readers: 1, output: out}
checkpoint: {every: 100ms, directory: checkpoints, savepoints: savepoints, guarantee: exactly_once}
defaults: {max_parallelism: 48}
nodes:
  - id: orders
    parallelism: "${readers}"
    source: {datagen_orders: {count: 24000, rate: "${rate}", users: 200, step: 6s, jitter: 20s, seed: 3}}
    time: {field: at, out_of_orderness: 20s}
  - id: payments
    parallelism: "${readers}"
    source: {datagen_orders: {count: 24300, rate: "${rate}", users: 200, step: 6s, start: "2024-01-01T00:05:00Z", seed: 3}}
    time: {field: at, out_of_orderness: 0s}
  - {id: ordered, from: orders, select: {order: order, user: user, item: item, cents: cast(amount * 100 as i64), at: at}}
  - id: paid
    from: payments
    filter: order % 7 != 0
    select: {order: order, user: user, cents: cast(amount * 100 as i64), at: at}

  - id: sliced
    from: ordered
    key_by: user
    window: {sliding: {size: 10min, slide: 4min}}
    aggregate: {start: window_start, n: count, total: sum(cents)}
  - id: whole
    from: ordered
    key_by: user
    window: {tumbling: 7min, lateness: 1min}
    aggregate: {start: window_start, items: count_distinct(item), least: min(item)}
  - id: merged
    from: ordered
    key_by: user
    window: {session: 3min}
    aggregate: {start: window_start, end: window_end, n: count}
  - id: panes
    from: ordered
    key_by: user
    window: {tumbling: 5min, trigger: event_time}
    aggregate: {start: window_start, n: count}
  - {id: timers, from: {orders: ordered, payments: paid}, key_by: order, process: {reconcile: {patience: 15min, haste: 5s}}}
  - id: near
    from: {orders: ordered, payments: paid}
    key_by: user
    join: {interval: {from: 0s, to: 6min}}
    select: {user: orders.user, order: orders.order, payment: payments.order}
  - id: joined
    from: {orders: ordered, payments: paid}
    key_by: user
    window: {tumbling: 12min}
    join: {type: left, where: payments.order = orders.order}
    select: {user: orders.user, order: orders.order, paid: payments.cents}

SINKS
"""
SINK = '  - {id: %s_out, from: %s, sink: {file: {path: "${output}/%s/", format: {csv: {header: false}}}}}'
OUTPUTS = ["sliced", "whole", "merged", "panes", "timers", "timers.unpaid", "timers.unordered", "near", "joined"]
LIVES = [("1", "4"), ("2", "1"), ("4", "2"), ("3", "3")]  # parallelism, and that of the sources, which have four splits


class Rescale(WeirTest):
    def rows(self, output, name):
        """All rows that were committed, sorted; nothing is hidden any more."""
        folder, rows = self.folder / output / name, []
        for part in sorted(os.listdir(folder)):
            self.assertFalse(part.startswith("."), part)
            rows += (folder / part).read_text(encoding="utf-8").splitlines()
        return sorted(rows)

    def savepoints(self):
        names = os.listdir(self.folder / "savepoints") if (self.folder / "savepoints").exists() else []
        return sorted(int(name.rsplit("-", 1)[1]) for name in names)

    def test_1_to_2_to_4_to_3_through_savepoints(self):
        sinks = "\n".join(SINK % (name.replace(".", "_"), name, name) for name in OUTPUTS)
        job = self.job(JOB.replace("SINKS", sinks))
        self.weir("run", job, "--set", "output=plain", "-D", "checkpoint.directory=elsewhere", "--quiet")
        for life, (parallelism, readers) in enumerate(LIVES):
            words = ["run", job, "-p", parallelism, "--set", "readers=" + readers] + ["--resume"] * (life > 0)
            if life == len(LIVES) - 1:
                self.weir(*words, "--quiet")
                break
            process = self.start(*words, "--set", "rate=200", "--quiet", *TELLS_CHECKPOINTS)
            self.wait_for_checkpoint(process, (self.savepoints() or [0])[-1] + 6)  # counted from the first life on
            process.send_signal(signal.SIGTERM)
            err = process.communicate(timeout=TIMEOUT_S)[1]
            self.assertEqual(process.returncode, 130, err)
            self.assertEqual(len(self.savepoints()), life + 1)
        for name in OUTPUTS:
            plain = self.rows("plain", name)
            self.assertGreater(len(plain), 100, name)
            self.assertEqual(self.rows("out", name), plain, name)


if __name__ == "__main__":
    unittest.main()
