"""The reference against results computed by hand from the semantics (docs/semantics.md, A4 and A5.1 to A5.6)."""

import json
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import cases  # noqa: E402
import reference  # noqa: E402
from reference import MAX, MIN, Timers, Valve, Window, assign_windows, difference, simulate, window_start  # noqa: E402


def row(clock, ts, value=0, key="a", source=0, gap=None):
    made = {"source": source, "clock": clock, "ts": ts, "key": key, "value": value}
    if gap is not None:
        made["gap"] = gap
    return made


def at(*timestamps):
    """Rows of key a at clock 1, 2, 3, ...; the value is the timestamp."""
    return [row(clock, ts, ts) for clock, ts in enumerate(timestamps, 1)]


def clocks(*times):
    """Rows of key a that arrive at these processing times, which are their values and timestamps too."""
    return [row(clock, clock, clock) for clock in times]


def run(rows, cuts=(), **changes):
    case = cases.blank()
    case["rows"] = rows
    case.update(changes)
    assert cases.problem(case) is None, cases.problem(case)
    return simulate(case, cuts)


def panes(result):
    """[(start, end, values or aggregates), ...]"""
    return [(o["start"], o["end"], o["values"] if "values" in o else o["aggregates"]) for o in result["out"]]


def tumbling(size, time="event", offset=0):
    return {"kind": "tumbling", "time": time, "size": size, "offset": offset}


def sliding(size, slide, time="event", offset=0):
    return {"kind": "sliding", "time": time, "size": size, "slide": slide, "offset": offset}


def session(gap, time="event"):
    return {"kind": "session", "time": time, "gap": gap}


def sources(*delays):
    return [{"delay": delay, "idle_after": 0} for delay in delays]


GLOBAL = {"kind": "global"}
DYNAMIC = {"kind": "dynamic_session", "time": "event"}
PURGING_COUNT_2 = {"kind": "purging", "inner": {"kind": "count", "n": 2}}


class Recorder:
    """The watermarks a valve lets through."""

    def __init__(self, n_channels):
        self.wms = []
        self.valve = Valve(n_channels, self.wms.append)
        self.channels = self.valve.channels


class WatermarkTest(unittest.TestCase):
    def test_bounded_out_of_orderness(self):
        seen = Recorder(1)
        source = reference.Source(3, 0, seen.channels[0])
        for ts in (10, 10, 8, 15):  # the watermark never goes back and is not repeated
            source.on_event(ts)
        self.assertEqual(seen.wms, [6, 11])

    def test_nothing_before_the_first_element(self):
        seen = Recorder(1)
        source = reference.Source(3, 100, seen.channels[0])
        source.probe(200)
        self.assertEqual(seen.wms, [])
        self.assertEqual(source.last_emitted, MIN)

    def test_window_closes_when_the_watermark_reaches_its_last_millisecond(self):
        # 10 makes wm 9 = maxTimestamp of [0, 10), so the second 9 is late; 9 alone made only wm 8.
        result = run(at(0, 9, 9, 10, 9))
        self.assertEqual(panes(result), [(0, 10, [0, 9, 9]), (10, 20, [10])])
        self.assertEqual(result["dropped"], 1)

    def test_a_record_comes_before_its_own_watermark(self):
        # 25 itself closes [0, 10); when it arrives, wm is still 4.
        self.assertEqual(panes(run(at(5, 25), assigner=tumbling(10))), [(0, 10, [5]), (20, 30, [25])])

    def test_union_takes_the_minimum(self):
        rows = [row(1, 100, 1, source=0), row(2, 5, 2, source=1), row(3, 5, 3, source=0)]
        result = run(rows, sources=sources(0, 0))
        self.assertEqual(panes(result), [(0, 10, [2, 3]), (100, 110, [1])])
        self.assertEqual(result["dropped"], 0)  # with one source the rows at 5 would have been late


class ValveTest(unittest.TestCase):
    def test_minimum_and_only_if_it_grew(self):
        seen = Recorder(2)
        a, b = seen.channels
        a.on_watermark(10)
        self.assertEqual(seen.wms, [])
        b.on_watermark(7)
        b.on_watermark(7)
        a.on_watermark(9)  # below its own
        b.on_watermark(20)
        self.assertEqual(seen.wms, [7, 10])

    def test_idle_channel_does_not_hold_back(self):
        seen = Recorder(2)
        a, b = seen.channels
        a.on_watermark(10)
        b.on_idle()
        self.assertEqual(seen.wms, [10])
        b.on_watermark(3)  # ignored: b is idle
        self.assertEqual(b.wm, MIN)

    def test_all_idle_emits_the_maximum(self):
        seen = Recorder(2)
        a, b = seen.channels
        a.on_watermark(10)
        b.on_watermark(30)
        b.on_idle()
        self.assertEqual(seen.wms, [10])
        a.on_idle()
        self.assertEqual(seen.wms, [10, 30])

    def test_reactivated_behind_the_output_stays_out_until_it_catches_up(self):
        seen = Recorder(2)
        a, b = seen.channels
        b.on_watermark(5)
        b.on_idle()
        a.on_watermark(10)
        b.on_active()
        self.assertFalse(b.aligned)
        b.on_watermark(7)
        a.on_watermark(12)      # b at 7 does not count
        b.on_watermark(12)      # caught up
        a.on_watermark(20)      # now b holds back
        b.on_watermark(15)
        self.assertEqual(seen.wms, [10, 12, 15])

    def test_reactivated_level_with_the_output_is_aligned_at_once(self):
        seen = Recorder(2)
        a, b = seen.channels
        a.on_watermark(10)
        b.on_watermark(10)
        b.on_idle()
        b.on_active()
        a.on_watermark(20)
        self.assertEqual(seen.wms, [10])

    def test_finished_channel_is_excluded_and_max_waits_for_all(self):
        seen = Recorder(3)
        a, b, c = seen.channels
        a.on_watermark(10)
        b.on_watermark(30)
        c.on_watermark(20)
        a.on_finished()
        self.assertEqual(seen.wms, [10, 20])
        c.on_idle()
        b.on_finished()         # only an idle channel is left: no MAX yet
        self.assertEqual(seen.wms, [10, 20, 30])
        c.on_finished()
        self.assertEqual(seen.wms, [10, 20, 30, MAX])


class IdlenessTest(unittest.TestCase):
    def source(self, idle_after):
        seen = Recorder(1)
        return reference.Source(0, idle_after, seen.channels[0]), seen.channels[0]

    def test_the_first_quiet_probe_starts_the_clock_and_the_timeout_is_exclusive(self):
        source, channel = self.source(200)
        source.probe(200)
        source.probe(400)       # 200 elapsed is not more than 200
        self.assertTrue(channel.active)
        source.probe(600)
        self.assertFalse(channel.active)

    def test_an_event_restarts_the_clock(self):
        source, channel = self.source(100)
        source.probe(200)
        source.on_event(5)
        source.probe(400)       # sees the event
        source.probe(600)       # first quiet one
        self.assertTrue(channel.active)
        source.probe(800)
        self.assertFalse(channel.active)

    def test_trap_only_a_larger_watermark_reactivates(self):
        source, channel = self.source(100)
        source.on_event(5)
        source.probe(200)
        source.probe(400)
        source.probe(600)
        self.assertFalse(channel.active)
        source.on_event(5)
        self.assertFalse(channel.active)
        source.on_event(6)
        self.assertTrue(channel.active)
        self.assertEqual(channel.wm, 5)

    def test_in_a_case(self):
        # Source 1 never speaks. Probes: 200 starts its clock, 400 is 200 ms later: idle, so the watermark 99 passes
        # before the row at clock 401 arrives, but not before the one at clock 399.
        two = [{"delay": 0, "idle_after": 0}, {"delay": 0, "idle_after": 150}]
        result = run([row(1, 100, 1), row(399, 5, 2), row(401, 5, 3)], sources=two)
        self.assertEqual(panes(result), [(0, 10, [2]), (100, 110, [1])])
        self.assertEqual(result["dropped"], 1)


class TimerTest(unittest.TestCase):
    def test_a_set_fired_in_order_with_those_registered_meanwhile(self):
        timers, fired = Timers(), []

        def fire(ts, key, window):
            fired.append(ts)
            if ts < 30:
                timers.register(ts + 7, key, window)

        for ts in (20, 5, 5, 40):
            timers.register(ts, "a", None)
        timers.delete(99, "a", None)  # a no-op
        timers.fire_up_to(30, lambda: None, fire)
        self.assertEqual(fired, [5, 12, 19, 20, 26, 27])
        self.assertEqual(sorted(ts for ts, _, _ in timers.timers), [33, 34, 40])

    def test_trap_a_timer_for_the_past_waits_for_the_next_watermark(self):
        # wm 59 when ts 45 of key a arrives. It asks for 50, which has passed: it does not fire now, nor when key b
        # sends 60 again, which moves no watermark. 61 makes wm 60: 50, then 60, registered while firing.
        trigger = {"kind": "continuous_event_time", "interval": 10}
        result = run([row(1, 60, 1, key="b"), row(2, 45, 2), row(3, 60, 3, key="b"), row(4, 61, 4, key="b")],
                     assigner=tumbling(100), trigger=trigger)
        steps = [(o["key"], o["values"]) for o in result["out"]]
        # key b asks for 70 in [0, 100); 70, 80, 90 and 99 fire at the end of input, for both keys.
        self.assertEqual(steps[:2], [("a", [2]), ("a", [2])])
        self.assertEqual(sorted(steps[2:]), [("a", [2])] * 4 + [("b", [1, 3, 4])] * 4)

    def test_trap_a_processing_timer_fires_one_millisecond_later(self):
        # [0, 10): maxTimestamp 9, due at clock 10, before the row of clock 10.
        fire_at_10 = run(clocks(9, 10), assigner=tumbling(10, "processing"))
        self.assertEqual(panes(fire_at_10), [(0, 10, [9])])
        not_at_9 = run(clocks(8, 9), assigner=tumbling(10, "processing"))
        self.assertEqual(panes(not_at_9), [])

    def test_bounded_end(self):
        self.assertEqual(panes(run(at(5))), [(0, 10, [5])])
        self.assertEqual(panes(run(clocks(5), assigner=tumbling(10, "processing"))), [])


class AssignerTest(unittest.TestCase):
    def windows(self, assigner, ts, gap=None):
        return [tuple(w) for w in assign_windows(assigner, row(1, ts, gap=gap), ts)]

    def test_start_of_negative_times_and_offsets(self):
        self.assertEqual(window_start(-1, 0, 10), -10)
        self.assertEqual(window_start(-10, 0, 10), -10)
        self.assertEqual(window_start(7, 3, 5), 3)
        self.assertEqual(window_start(2, 3, 5), -2)
        self.assertEqual(window_start(2, -3, 5), 2)
        self.assertEqual(window_start(1, -3, 5), -3)

    def test_utc_plus_8_days(self):
        day, hour = 86400000, 3600000
        noon_utc = 12 * hour  # 20:00 in UTC+8, of the day that began at -8 h
        self.assertEqual(self.windows(tumbling(day, offset=-8 * hour), noon_utc), [(-8 * hour, 16 * hour)])

    def test_sliding_latest_first(self):
        self.assertEqual(self.windows(sliding(10, 5), 12), [(10, 20), (5, 15)])
        self.assertEqual(self.windows(sliding(10, 5), -1), [(-5, 5), (-10, 0)])

    def test_sliding_that_does_not_divide(self):
        self.assertEqual(self.windows(sliding(10, 4), 9), [(8, 18), (4, 14), (0, 10)])
        self.assertEqual(self.windows(sliding(10, 4), 10), [(8, 18), (4, 14)])

    def test_sliding_with_gaps(self):
        self.assertEqual(self.windows(sliding(3, 5), 7), [(5, 8)])
        self.assertEqual(self.windows(sliding(3, 5), 8), [])

    def test_sessions(self):
        self.assertEqual(self.windows(session(5), 7), [(7, 12)])
        self.assertEqual(self.windows(DYNAMIC, 7, gap=2), [(7, 9)])

    def test_count_windows(self):
        rows = at(1, 2, 3, 4, 5)
        self.assertEqual(panes(run(rows, assigner={"kind": "count", "n": 2})),
                         [(None, None, [1, 2]), (None, None, [3, 4])])
        self.assertEqual(panes(run(rows, assigner={"kind": "count_sliding", "n": 3, "every": 2})),
                         [(None, None, [1, 2]), (None, None, [2, 3, 4])])

    def test_global_never_fires_by_itself(self):
        self.assertEqual(panes(run(at(1, 2), assigner=GLOBAL)), [])
        self.assertEqual(panes(run(at(1, 2), assigner=GLOBAL, trigger={"kind": "end_of_stream"})),
                         [(None, None, [1, 2])])

    def test_window_all_has_one_key(self):
        result = run([row(1, 1, 1, key="a"), row(2, 2, 2, key="b")], keyed=False)
        self.assertEqual(result["out"], [{"key": None, "start": 0, "end": 10, "ts": 9, "values": [1, 2],
                                          "step": result["out"][0]["step"]}])


class TriggerTest(unittest.TestCase):
    def test_trap_count_does_not_purge(self):
        rows = at(1, 2, 3, 4)
        self.assertEqual(panes(run(rows, assigner=GLOBAL, trigger={"kind": "count", "n": 2})),
                         [(None, None, [1, 2]), (None, None, [1, 2, 3, 4])])
        self.assertEqual(panes(run(rows, assigner=GLOBAL, trigger=PURGING_COUNT_2)),
                         [(None, None, [1, 2]), (None, None, [3, 4])])

    def test_a_trigger_replaces_the_default(self):
        self.assertEqual(panes(run(at(1, 2, 3), trigger=PURGING_COUNT_2)), [(0, 10, [1, 2])])  # 3 is never emitted

    def test_trap_processing_time_fires_once(self):
        # The cleanup timer and the timer of the trigger are one.
        self.assertEqual(panes(run(clocks(1, 2, 50), assigner=tumbling(10, "processing"))), [(0, 10, [1, 2])])

    def test_trap_continuous_event_time_re_emits_everything(self):
        # [0, 10), interval 4: ts 1 asks for 4. 6 makes wm 5: fires at 4, asks for 8. The end: 8, then the cap 9.
        result = run(at(1, 6), trigger={"kind": "continuous_event_time", "interval": 4})
        self.assertEqual(panes(result), [(0, 10, [1, 6]), (0, 10, [1, 6]), (0, 10, [1, 6])])

    def test_continuous_event_time_first_firing_of_a_negative_time(self):
        # -7 - (-7 % 5) + 5 = -7 + 2 + 5 = 0: the remainder truncates, so there is no firing at -5.
        result = run(at(-7, -4, 1), assigner=tumbling(20, offset=-10), trigger={"kind": "continuous_event_time",
                                                                               "interval": 5})
        # 1 makes wm 0: fires at 0. At the end: 5, the cap 9 (not 10).
        self.assertEqual(panes(result), [(-10, 10, [-7, -4, 1])] * 3)

    def test_continuous_processing_time(self):
        # [0, 20), interval 8: clock 3 asks for 8 (due at 9), then 16, then the cap 19, which is also the cleanup.
        result = run(clocks(3, 9, 30), assigner=tumbling(20, "processing"),
                     trigger={"kind": "continuous_processing_time", "interval": 8})
        self.assertEqual(panes(result), [(0, 20, [3]), (0, 20, [3, 9]), (0, 20, [3, 9])])

    def test_delta_is_strict_and_stores_the_first_element_only(self):
        trigger = {"kind": "delta", "threshold": 2, "delta": "signed"}
        rows = [row(1, 0, 10), row(2, 0, 12), row(3, 0, 13), row(4, 0, 15), row(5, 0, 0)]
        # 12 - 10 is not > 2; 13 - 10 is; 15 - 13 is not; 0 - 13 is negative.
        self.assertEqual(panes(run(rows, assigner=GLOBAL, trigger=trigger)), [(None, None, [10, 12, 13])])
        trigger = {"kind": "delta", "threshold": 2, "delta": "absolute"}
        self.assertEqual(panes(run(rows, assigner=GLOBAL, trigger=trigger))[1:], [(None, None, [10, 12, 13, 15, 0])])

    def test_purging_keeps_the_state_of_the_trigger(self):
        # A purge clears the content only: the delta trigger still compares with the element that fired.
        trigger = {"kind": "purging", "inner": {"kind": "delta", "threshold": 2, "delta": "signed"}}
        rows = [row(1, 0, 10), row(2, 0, 13), row(3, 0, 15), row(4, 0, 16)]
        self.assertEqual(panes(run(rows, assigner=GLOBAL, trigger=trigger)), [(None, None, [10, 13]),
                                                                              (None, None, [15, 16])])

    def test_timeout(self):
        trigger = {"kind": "timeout", "timeout": 10, "inner": {"kind": "count", "n": 3}}
        # The clock starts with the first element, 5: timer 15, due at 16. Row 15 is before it and does not restart it.
        # The timeout clears the count. 20, 21, 22 fire by count; 40 starts a new clock: timer 50, due at 51.
        result = run(clocks(5, 15, 20, 21, 22, 40, 51), assigner=GLOBAL, trigger=trigger)
        self.assertEqual(panes(result), [(None, None, [5, 15]), (None, None, [5, 15, 20, 21, 22]),
                                         (None, None, [5, 15, 20, 21, 22, 40])])

    def test_timeout_that_equals_the_cleanup_time_is_not_the_cleanup(self):
        # Processing timer 9 of [0, 10), whose event time cleanup is 9 too: the pane must survive it.
        trigger = {"kind": "timeout", "timeout": 4, "inner": {"kind": "count", "n": 3}}
        result = run([row(5, 1, 1), row(11, 2, 2), row(12, 3, 3), row(13, 3, 4)], trigger=trigger)
        self.assertEqual(panes(result), [(0, 10, [1]), (0, 10, [1, 2, 3, 4])])


class EvictorTest(unittest.TestCase):
    def test_count_before_and_after(self):
        evictor = {"kind": "count", "when": "before", "n": 2}
        every = {"kind": "count", "n": 3}
        rows = at(1, 2, 3, 4, 5, 6)
        # Survivors are written back: [2, 3] + [4, 5, 6] -> [5, 6].
        self.assertEqual(panes(run(rows, trigger=every, evictor=evictor)), [(0, 10, [2, 3]), (0, 10, [5, 6])])
        evictor = {"kind": "count", "when": "after", "n": 2}
        self.assertEqual(panes(run(rows, trigger=every, evictor=evictor)),
                         [(0, 10, [1, 2, 3]), (0, 10, [2, 3, 4, 5, 6])])

    def test_time_drops_up_to_and_including_the_cutoff(self):
        evictor = {"kind": "time", "when": "before", "size": 3}
        # The newest is 9, the cutoff 6: 6 goes, 7 stays, in order of arrival.
        self.assertEqual(panes(run(at(7, 6, 9, 5, 8), evictor=evictor)), [(0, 10, [7, 9, 8])])

    def test_delta_drops_at_the_threshold(self):
        evictor = {"kind": "delta", "when": "before", "threshold": 2, "delta": "signed"}
        rows = [row(1, 1, 7), row(2, 1, 8), row(3, 1, 20), row(4, 1, 9)]
        # 9 - 7 = 2 >= 2 goes; 9 - 8 and 9 - 20 stay.
        self.assertEqual(panes(run(rows, evictor=evictor)), [(0, 10, [8, 20, 9])])

    def test_an_aggregate_sees_the_survivors_only(self):
        result = run(at(1, 2, 3), evictor={"kind": "count", "when": "before", "n": 2},
                     function={"aggregate": ["count", "sum", "min", "max"]})
        self.assertEqual(panes(result), [(0, 10, [2, 5, 2, 3])])


class WindowOperatorTest(unittest.TestCase):
    def test_output_timestamp(self):
        self.assertEqual([o["ts"] for o in run(at(5))["out"]], [9])
        self.assertEqual([o["ts"] for o in run(at(5), assigner={"kind": "count", "n": 1})["out"]], [MAX])

    def test_trap_lateness_is_judged_by_the_end_of_the_window(self):
        # wm 7, ts 1 < wm, yet [0, 10) is open.
        self.assertEqual(panes(run(at(8, 1))), [(0, 10, [8, 1])])

    def test_trap_late_for_one_sliding_window_counts_in_another(self):
        # wm 10: ts 9 is late for [0, 10) and on time for [5, 15); it is not side-output.
        result = run(at(11, 9, 4), assigner=sliding(10, 5), late_output=True)
        self.assertEqual(panes(result), [(5, 15, [11, 9]), (10, 20, [11])])
        self.assertEqual(result["late"], [{"key": "a", "ts": 4, "value": 4}])

    def test_trap_each_late_element_fires_at_once_with_everything(self):
        # lateness 5: cleanup at 14. 12 makes wm 11. 14 makes wm 13. 15 makes wm 14 and cleans up.
        result = run(at(1, 12, 2, 3, 14, 4, 15, 5), lateness=5, late_output=True)
        self.assertEqual(panes(result), [(0, 10, [1]), (0, 10, [1, 2]), (0, 10, [1, 2, 3]), (0, 10, [1, 2, 3, 4]),
                                         (10, 20, [12, 14, 15])])
        self.assertEqual(result["late"], [{"key": "a", "ts": 5, "value": 5}])
        self.assertEqual(result["dropped"], 0)

    def test_purging_with_lateness_emits_late_elements_alone(self):
        result = run(at(1, 12, 2, 3), lateness=5, trigger={"kind": "purging", "inner": {"kind": "event_time"}})
        self.assertEqual(panes(result), [(0, 10, [1]), (0, 10, [2]), (0, 10, [3]), (10, 20, [12])])

    def test_an_empty_pane_is_not_emitted(self):
        trigger = {"kind": "purging", "inner": {"kind": "continuous_event_time", "interval": 3}}
        # ts 1 asks for 3, where wm 4 fires 1 and 5 and purges; 6 and 9 find nothing.
        self.assertEqual(panes(run(at(1, 5), trigger=trigger)), [(0, 10, [1, 5])])
        self.assertEqual(panes(run(at(1, 5, 8), trigger=trigger)), [(0, 10, [1, 5]), (0, 10, [8])])

    def test_trap_processing_time_and_global_windows_have_no_lateness(self):
        rows = [row(1, 100, 1), row(2, 5, 2), row(30, 5, 3)]
        result = run(rows, assigner=tumbling(10, "processing"), lateness=50, late_output=True)
        self.assertEqual(panes(result), [(0, 10, [1, 2])])
        self.assertEqual(result["late"], [])
        result = run(rows, assigner={"kind": "count", "n": 3}, late_output=True)
        self.assertEqual(panes(result), [(None, None, [1, 2, 3])])

    def test_an_element_of_no_window_is_late_only_by_its_own_time(self):
        # Size 3 every 5: 8 and 9 are in no window. At wm 19 the row at 9 is late, at wm 7 the row at 8 is not.
        self.assertEqual(run(at(8, 8), assigner=sliding(3, 5))["dropped"], 0)
        self.assertEqual(run(at(20, 9), assigner=sliding(3, 5))["dropped"], 1)
        self.assertEqual(run(at(20, 9), assigner=sliding(3, 5), lateness=10)["dropped"], 1)  # 9 + 10 <= 19
        self.assertEqual(run(at(20, 9), assigner=sliding(3, 5), lateness=11)["dropped"], 0)

    def test_nulls(self):
        aggregates = {"aggregate": ["count", "sum", "min", "max"]}
        self.assertEqual(panes(run([row(1, 1, None), row(2, 2, 4)], function=aggregates)), [(0, 10, [2, 4, 4, 4])])
        self.assertEqual(panes(run([row(1, 1, None)], function=aggregates)), [(0, 10, [1, None, None, None])])


class MergingTest(unittest.TestCase):
    def test_trap_touching_windows_merge(self):
        self.assertEqual(panes(run(at(0, 5), assigner=session(5))), [(0, 10, [0, 5])])
        self.assertEqual(panes(run(at(0, 6), assigner=session(5))), [(0, 5, [0]), (6, 11, [6])])

    def test_one_element_joins_two_sessions(self):
        result = run(at(0, 10, 5), assigner=session(5), sources=sources(100))
        self.assertEqual([(s, e, sorted(v)) for s, e, v in panes(result)], [(0, 15, [0, 5, 10])])

    def test_trap_a_window_already_in_flight_keeps_its_state(self):
        rows = [row(1, 0, 1, gap=5), row(2, 3, 2, gap=7), row(3, 0, 3, gap=10)]
        self.assertEqual(panes(run(rows, assigner=DYNAMIC, sources=sources(100))), [(0, 10, [1, 2, 3])])

    def test_a_swallowed_window_changes_nothing(self):
        rows = [row(1, 0, 1, gap=10), row(2, 3, 2, gap=2)]
        self.assertEqual(panes(run(rows, assigner=DYNAMIC, sources=sources(100))), [(0, 10, [1, 2])])

    def test_a_late_window_that_merges_with_a_live_one_is_accepted(self):
        # wm 11. [0, 10) alone is late, but it touches the live [10, 20); then [2, 12) is swallowed.
        self.assertEqual(run(at(12, 0), assigner=session(10))["dropped"], 1)
        result = run(at(12, 10, 0, 2), assigner=session(10))
        self.assertEqual(panes(result), [(0, 22, [12, 10, 0, 2])])
        self.assertEqual(result["dropped"], 0)

    def test_a_late_session_is_retired(self):
        # wm 99. [0, 10) is late twice over: the first must leave nothing behind for the second.
        self.assertEqual(run(at(100, 0, 5), assigner=session(10), late_output=True)["late"],
                         [{"key": "a", "ts": 0, "value": 0}, {"key": "a", "ts": 5, "value": 5}])

    def test_a_late_firing_session_that_grows_fires_again_as_a_whole(self):
        # [0, 10) fires at wm 9 (key b); lateness 20 keeps it. ts 8 extends it to [0, 18), maxTs 17 > wm 12: not at once.
        rows = [row(1, 0, 1), row(2, 13, 9, key="b"), row(3, 8, 2), row(4, 3, 3), row(5, 30, 9, key="b"), row(6, 9, 4)]
        result = run(rows, assigner=session(10), lateness=20)
        of_a = [(o["start"], o["end"], o["values"]) for o in result["out"] if o["key"] == "a"]
        # wm 29 fires [0, 18). ts 9 makes [0, 19), maxTs 18 <= 29: at once.
        self.assertEqual(of_a, [(0, 10, [1]), (0, 18, [1, 2, 3]), (0, 19, [1, 2, 3, 4])])

    def test_counts_are_added_when_sessions_merge(self):
        trigger = {"kind": "count", "n": 4}
        # Two in [0, 6), one in [10, 15); the joining one makes 3 + 1 = 4.
        result = run(at(0, 1, 10, 5), assigner=session(5), sources=sources(100), trigger=trigger)
        self.assertEqual([(s, e, sorted(v)) for s, e, v in panes(result)], [(0, 15, [0, 1, 5, 10])])

    def test_the_earliest_continuous_firing_survives_a_merge(self):
        # interval 10: ts 12 asks for 20 in [12, 24); ts 8 asks for 10 in [8, 20) and merges: [8, 24) keeps 20.
        # Then ts 0, [0, 12), merges: [0, 24) still has 20, nothing asks for 10.
        trigger = {"kind": "continuous_event_time", "interval": 10}
        result = run(at(12, 8, 0), assigner=session(12), sources=sources(100), trigger=trigger)
        self.assertEqual(panes(result), [(0, 24, [12, 8, 0])] * 2)  # at 20 and at 23

    def test_processing_time_session(self):
        # gap 5: 1 -> [1, 6), 5 -> [1, 10), due at 10, before the row of clock 10.
        self.assertEqual(panes(run(clocks(1, 5, 10, 11), assigner=session(5, "processing"))), [(1, 10, [1, 5])])

    def test_purged_session_stays_in_flight(self):
        # Purged at 2 elements, the window [0, 11) lives on: 2 and 3 join it.
        result = run(at(0, 1, 2, 3), assigner=session(10), trigger=PURGING_COUNT_2)
        self.assertEqual(panes(result), [(0, 11, [0, 1]), (0, 13, [2, 3])])

    def test_triggers_that_cannot_merge(self):
        case = cases.blank()
        case.update(assigner=session(5), trigger={"kind": "delta", "threshold": 1, "delta": "signed"})
        with self.assertRaises(ValueError):
            simulate(case)
        self.assertIsNotNone(cases.problem(case))

    def test_sweep(self):
        in_flight = {Window(0, 5): None, Window(8, 10): None, Window(20, 30): None}
        self.assertEqual(reference.merge_set_of(Window(5, 8), in_flight), [(0, 5), (5, 8), (8, 10)])
        self.assertEqual(reference.merge_set_of(Window(11, 19), in_flight), [(11, 19)])


def cut(rows, clock):
    return {"rows": rows, "clock": clock}


class CrashTest(unittest.TestCase):
    def test_state_and_timers_stay(self):
        whole = run(at(1, 5, 12, 30))
        for n in range(5):
            self.assertEqual(panes(run(at(1, 5, 12, 30), cuts=[cut(n, n)])), panes(whole))
        self.assertEqual(panes(run(clocks(1, 5, 12), cuts=[cut(1, 1), cut(2, 7)], assigner=tumbling(10, "processing"))),
                         panes(run(clocks(1, 5, 12), assigner=tumbling(10, "processing"))))

    def test_the_watermark_is_not_restored(self):
        self.assertEqual(panes(run(at(1, 25, 3))), [(0, 10, [1]), (20, 30, [25])])
        self.assertEqual(panes(run(at(1, 25, 3), cuts=[cut(2, 2)])), [(0, 10, [1]), (0, 10, [3]), (20, 30, [25])])

    def test_a_window_that_fired_fires_again_when_the_watermark_is_back(self):
        rows = at(1, 12, 3, 13)
        self.assertEqual(panes(run(rows, lateness=9))[:2], [(0, 10, [1]), (0, 10, [1, 3])])  # [1, 3] at once
        result = run(rows, cuts=[cut(2, 2)], lateness=9)
        self.assertEqual(panes(result)[:2], [(0, 10, [1]), (0, 10, [1, 3])])
        self.assertEqual(panes(run(rows[:3], cuts=[cut(2, 2), cut(3, 3)], lateness=9)),
                         [(0, 10, [1]), (0, 10, [1, 3]), (10, 20, [12])])  # at the end

    def test_every_source_must_have_told_its_watermark_again(self):
        rows = [row(1, 5, 5), row(2, 40, 40, source=1), row(3, 25, 25), row(4, 7, 7)]
        self.assertEqual(panes(run(rows, sources=sources(0, 0)))[0], (0, 10, [5]))  # 7 is late
        self.assertEqual(panes(run(rows, sources=sources(0, 0), cuts=[cut(2, 2)]))[0], (0, 10, [5, 7]))
        self.assertEqual(panes(run(rows, sources=sources(0, 0), cuts=[cut(1, 1)]))[0], (0, 10, [5]))

    def test_idleness_begins_anew(self):
        idle = [{"delay": 0, "idle_after": 0}, {"delay": 0, "idle_after": 100}]
        rows = [row(1, 5, 5), row(401, 15, 15), row(701, 25, 25), row(702, 12, 12)]
        late, counted = [(0, 10, [5]), (10, 20, [15]), (20, 30, [25])], [(0, 10, [5]), (10, 20, [15, 12]), (20, 30, [25])]
        self.assertEqual(panes(run(rows, sources=idle)), late)  # as the other source is idle
        self.assertEqual(panes(run(rows, sources=idle, cuts=[cut(2, 550)])), counted)  # it is not yet, at 750
        rows[3]["clock"] = 949
        self.assertEqual(panes(run(rows, sources=idle, cuts=[cut(2, 550)])), counted)
        rows[3]["clock"] = 951
        self.assertEqual(panes(run(rows, sources=idle, cuts=[cut(2, 550)])), late)


class DifferenceTest(unittest.TestCase):
    def result(self, *outputs, **others):
        made = {"out": [{"key": "a", "start": s, "end": s + 10, "ts": s + 9, "values": v, "step": step}
                        for s, v, step in outputs], "late": [], "dropped": 0}
        made.update(others)
        return made

    def test_ties_have_no_order_but_steps_do(self):
        case = cases.blank()
        want = self.result((0, [1], 1), (5, [1], 1), (10, [2], 2))
        self.assertIsNone(difference(case, want, self.result((5, [1], 0), (0, [1], 0), (10, [2], 0))))
        self.assertIsNotNone(difference(case, want, self.result((0, [1], 0), (10, [2], 0), (5, [1], 0))))
        self.assertIsNotNone(difference(case, want, self.result((0, [1], 0), (5, [1], 0))))
        self.assertIsNotNone(difference(case, want, self.result(*[(s, [1], 0) for s in (0, 5, 10, 15)])))

    def test_order_inside_a_pane(self):
        case = cases.blank()
        one, other = self.result((0, [1, None, 2], 1)), self.result((0, [2, 1, None], 1))
        self.assertIsNotNone(difference(case, one, other))
        case["assigner"] = session(5)
        self.assertIsNone(difference(case, one, other))

    def test_late_and_dropped(self):
        case = cases.blank()
        late = [{"key": "a", "ts": 1, "value": 2}]
        self.assertIsNotNone(difference(case, self.result(late=late), self.result()))
        self.assertIsNotNone(difference(case, self.result(), self.result(dropped=1)))


class CasesTest(unittest.TestCase):
    def test_generated_cases_are_legal_stable_and_survive_json(self):
        for seed in range(300):
            case = cases.generate(seed)
            self.assertIsNone(cases.problem(case), seed)
            self.assertEqual(case, cases.generate(seed))
            self.assertEqual(case, json.loads(json.dumps(case)))
            result = simulate(case)
            self.assertIsNone(difference(case, result, result))

    def test_crashed_cases_are_legal_and_survive_json(self):
        found = 0
        for seed in range(300):
            case = cases.crashed(cases.generate(seed), random.Random(seed), most=3)
            found += case is not None
            self.assertTrue(case is None or cases.problem(case) is None, seed)
            self.assertEqual(case, json.loads(json.dumps(case)))
        self.assertGreater(found, 290)

    def test_idleness_can_be_left_out(self):
        self.assertFalse(any("idle" in cases.features(cases.generate(seed, idleness=False)) for seed in range(300)))

    def test_shrink(self):
        def fails(case):  # any event time session of two elements
            if case["assigner"]["kind"] != "session" or case["assigner"]["time"] != "event":
                return False
            return any(len(o.get("values", [])) == 2 for o in simulate(case)["out"])

        seed = next(s for s in range(1000) if fails(cases.generate(s)) and len(cases.generate(s)["rows"]) > 10)
        small = cases.shrink(cases.generate(seed), fails)
        self.assertTrue(fails(small))
        self.assertIsNone(cases.problem(small))
        self.assertEqual(len(small["rows"]), 2)
        self.assertEqual((small["lateness"], small["evictor"], small["sources"]), (0, None, sources(0)))


if __name__ == "__main__":
    unittest.main()
