"""A slow and obvious reference of the event time and window semantics (docs/semantics.md, A4 and A5.1 to A5.6).

simulate(case) plays one case of cases.py record by record and returns

    {"out":     [{"key", "start", "end", "ts", "aggregates" or "values", "step"}, ...],
     "late":    [{"key", "ts", "value"}, ...],        the late side output, empty without one
     "dropped": int}                                  numLateRecordsDropped

"start" and "end" are null in the global window; "key" is null for windowAll (but not in "late").

What is compared, and how: difference(case, expected, actual) is the only judge.
  * Outputs of different keys have no order.
  * Outputs of one key are a sequence, with one exception: timers of one key and one timestamp that fire in the same
    advance have no specified order. Such outputs carry the same "step" and are compared as a multiset.
    The order of the windows of one element is specified (latest start first), so these have steps of their own.
  * "values" of a pane is a list in arrival order, except with merging windows: there the state that survives
    a merge is "that of any one", so the order is unspecified and the lists are compared sorted.
  * "late" is a sequence per key, "dropped" a number.

A job that crashes and goes on from a checkpoint is simulate(case, cuts); restore() says all there is to it.
"""

from collections import namedtuple

MIN = -2 ** 63
MAX = 2 ** 63 - 1
PROBE_INTERVAL = 200  # auto-watermark-interval

CONTINUE, FIRE, PURGE, FIRE_AND_PURGE = 0, 1, 2, 3  # bit 0: fire, bit 1: purge

Window = namedtuple("Window", "start end")
GLOBAL = Window(None, None)


def max_timestamp(window):
    return MAX if window == GLOBAL else window.end - 1


def truncating_remainder(a, b):
    """The % of Java and C: the sign is that of the dividend."""
    return a % b if a >= 0 else -(-a % b)


# ---------------------------------------------------------------------------------------------------------------------
# A4: watermark generation, idleness, the valve


class Source:
    """boundedOutOfOrderness(delay) with a watermark after every record, and withIdleness(idle_after) unless that is 0.

    `channel` receives on_watermark(wm), on_idle() and on_active().
    """

    def __init__(self, delay, idle_after, channel):
        self.delay = delay
        self.idle_after = idle_after
        self.channel = channel
        self.max_ts = MIN + delay + 1
        self.last_emitted = MIN
        self.idle = False             # what downstream was told
        self.events_since_probe = 0
        self.quiet_since = None       # the probe that first saw no new event

    def on_event(self, ts):
        """After the record itself was forwarded."""
        self.events_since_probe += 1
        self.max_ts = max(self.max_ts, ts)
        self.emit(self.max_ts - self.delay - 1)

    def emit(self, wm):
        if wm <= self.last_emitted:
            return                    # and an idle source stays idle
        self.last_emitted = wm
        if self.idle:
            self.idle = False
            self.channel.on_active()
        self.channel.on_watermark(wm)

    def probe(self, now):
        """The periodic emit. The watermark itself was emitted after the record, so only idleness is left to do."""
        if not self.idle_after:
            return
        if self.events_since_probe > 0:
            self.events_since_probe = 0
            self.quiet_since = None
        elif self.quiet_since is None:
            self.quiet_since = now
        elif now - self.quiet_since > self.idle_after and not self.idle:
            self.idle = True
            self.channel.on_idle()


class Channel:
    def __init__(self, valve):
        self.valve = valve
        self.wm = MIN
        self.active = True
        self.aligned = True
        self.finished = False

    def on_watermark(self, wm):
        self.valve.on_watermark(self, wm)

    def on_idle(self):
        self.valve.on_idle(self)

    def on_active(self):
        self.valve.on_active(self)

    def on_finished(self):
        self.valve.on_finished(self)


class Valve:
    """Combines the channels of one input gate; calls output(wm) whenever the combined watermark grows."""

    def __init__(self, n_channels, output):
        self.channels = [Channel(self) for _ in range(n_channels)]
        self.output = output
        self.last_output = MIN

    def on_watermark(self, channel, wm):
        if not channel.active or wm <= channel.wm:
            return
        channel.wm = wm
        if wm >= self.last_output:
            channel.aligned = True
        self.emit_min()

    def on_idle(self, channel):
        if not channel.active:
            return
        channel.active = False
        channel.aligned = False
        if not self.emit_max_if_all_idle():
            self.emit_min()

    def on_active(self, channel):
        if channel.active:
            return
        channel.active = True
        channel.aligned = channel.wm >= self.last_output
        self.emit_min()

    def on_finished(self, channel):
        channel.finished = True
        if all(c.finished for c in self.channels):
            self.emit(MAX)
        elif not self.emit_max_if_all_idle():
            self.emit_min()

    def emit_max_if_all_idle(self):
        unfinished = [c for c in self.channels if not c.finished]
        if any(c.active for c in unfinished):
            return False
        self.emit(max(c.wm for c in unfinished))
        return True

    def emit_min(self):
        aligned = [c.wm for c in self.channels if c.aligned and not c.finished]
        if aligned:
            self.emit(min(aligned))

    def emit(self, wm):
        if wm > self.last_output:
            self.last_output = wm
            self.output(wm)


# ---------------------------------------------------------------------------------------------------------------------
# A5.1: timers


class Timers:
    """The timers of one service (event or processing time): a set, so registering twice is one timer."""

    def __init__(self):
        self.timers = set()  # (ts, key, window)

    def register(self, ts, key, window):
        self.timers.add((ts, key, window))

    def delete(self, ts, key, window):
        self.timers.discard((ts, key, window))

    def fire_up_to(self, limit, new_step, callback):
        """Fire and remove every timer with ts <= limit in order of ts, also those that the callbacks register."""
        last_ts = None
        while True:
            due = [timer for timer in self.timers if timer[0] <= limit]
            if not due:
                return
            timer = min(due, key=lambda t: (t[0], repr(t)))
            self.timers.remove(timer)
            ts, key, window = timer
            if ts != last_ts:
                new_step()
                last_ts = ts
            callback(ts, key, window)


# ---------------------------------------------------------------------------------------------------------------------
# A5.2: assigners


def window_start(ts, offset, size):
    remainder = truncating_remainder(ts - offset, size)
    return ts - (remainder + size) if remainder < 0 else ts - remainder


def assign_windows(assigner, row, now):
    """The windows of one record, in the order in which they are processed."""
    kind = assigner["kind"]
    if kind in ("global", "count", "count_sliding"):
        return [GLOBAL]
    ts = row["ts"] if assigner["time"] == "event" else now
    if kind == "tumbling":
        start = window_start(ts, assigner["offset"], assigner["size"])
        return [Window(start, start + assigner["size"])]
    if kind == "sliding":
        windows = []
        start = window_start(ts, assigner["offset"], assigner["slide"])
        while start > ts - assigner["size"]:
            windows.append(Window(start, start + assigner["size"]))
            start -= assigner["slide"]
        return windows
    if kind == "session":
        return [Window(ts, ts + assigner["gap"])]
    if kind == "dynamic_session":
        return [Window(ts, ts + row["gap"])]
    raise ValueError(kind)


def is_event_time(assigner):
    return assigner.get("time") == "event"


def is_merging(assigner):
    return assigner["kind"] in ("session", "dynamic_session")


def effective_trigger(case):
    """The trigger of the case, or the default of its assigner."""
    assigner = case["assigner"]
    if assigner["kind"] == "count":
        return {"kind": "purging", "inner": {"kind": "count", "n": assigner["n"]}}
    if assigner["kind"] == "count_sliding":
        return {"kind": "count", "n": assigner["every"]}
    if case["trigger"] is not None:
        return case["trigger"]
    if assigner["kind"] == "global":
        return {"kind": "never"}
    return {"kind": "event_time" if is_event_time(assigner) else "processing_time"}


def effective_evictor(case):
    if case["assigner"]["kind"] == "count_sliding":
        return {"kind": "count", "when": "before", "n": case["assigner"]["n"]}
    return case["evictor"]


# ---------------------------------------------------------------------------------------------------------------------
# A5.3: triggers. The context gives key, now, wm and register/delete for both kinds of timer.
# State is a dict (key, window) -> value in each trigger.


class Trigger:
    def __init__(self):
        self.state = {}

    def on_element(self, ctx, row, window):
        return CONTINUE

    def on_event_time(self, ctx, ts, window):
        return CONTINUE

    def on_processing_time(self, ctx, ts, window):
        return CONTINUE

    def can_merge(self):
        return False

    def on_merge(self, ctx, window, old_windows):
        """`window` now stands for `old_windows`, which are cleared afterwards."""

    def clear(self, ctx, window):
        self.state.pop((ctx.key, window), None)

    def merge_state(self, ctx, window, old_windows, function):
        """Move the state of the old windows to the new one, combining it with `function`."""
        values = [self.state.pop((ctx.key, old)) for old in old_windows if (ctx.key, old) in self.state]
        if values:
            self.state[(ctx.key, window)] = function(values)


class NeverTrigger(Trigger):
    """Nothing fires."""


class EndOfStreamTrigger(Trigger):
    def on_element(self, ctx, row, window):
        ctx.register_event_timer(max_timestamp(window), window)
        return CONTINUE

    def on_event_time(self, ctx, ts, window):
        return FIRE_AND_PURGE if ts == max_timestamp(window) else CONTINUE

    def clear(self, ctx, window):
        ctx.delete_event_timer(max_timestamp(window), window)


class EventTimeTrigger(Trigger):
    def on_element(self, ctx, row, window):
        if max_timestamp(window) <= ctx.wm:
            return FIRE
        ctx.register_event_timer(max_timestamp(window), window)
        return CONTINUE

    def on_event_time(self, ctx, ts, window):
        return FIRE if ts == max_timestamp(window) else CONTINUE

    def can_merge(self):
        return True

    def on_merge(self, ctx, window, old_windows):
        if max_timestamp(window) > ctx.wm:
            ctx.register_event_timer(max_timestamp(window), window)

    def clear(self, ctx, window):
        ctx.delete_event_timer(max_timestamp(window), window)


class ProcessingTimeTrigger(Trigger):
    def on_element(self, ctx, row, window):
        ctx.register_processing_timer(max_timestamp(window), window)
        return CONTINUE

    def on_processing_time(self, ctx, ts, window):
        return FIRE

    def can_merge(self):
        return True

    def on_merge(self, ctx, window, old_windows):
        if max_timestamp(window) > ctx.now:
            ctx.register_processing_timer(max_timestamp(window), window)

    def clear(self, ctx, window):
        ctx.delete_processing_timer(max_timestamp(window), window)


class CountTrigger(Trigger):
    def __init__(self, n):
        super().__init__()
        self.n = n

    def on_element(self, ctx, row, window):
        count = self.state.get((ctx.key, window), 0) + 1
        if count >= self.n:
            self.state.pop((ctx.key, window), None)
            return FIRE
        self.state[(ctx.key, window)] = count
        return CONTINUE

    def can_merge(self):
        return True

    def on_merge(self, ctx, window, old_windows):
        self.merge_state(ctx, window, old_windows, sum)


class ContinuousEventTimeTrigger(Trigger):
    """State: the time of the next early firing."""

    def __init__(self, interval):
        super().__init__()
        self.interval = interval

    def on_element(self, ctx, row, window):
        if max_timestamp(window) <= ctx.wm:
            return FIRE
        ctx.register_event_timer(max_timestamp(window), window)
        if (ctx.key, window) not in self.state:
            self.schedule(ctx, row["ts"] - truncating_remainder(row["ts"], self.interval), window)
        return CONTINUE

    def schedule(self, ctx, after, window):
        ts = min(after + self.interval, max_timestamp(window))
        self.state[(ctx.key, window)] = ts
        ctx.register_event_timer(ts, window)

    def on_event_time(self, ctx, ts, window):
        if ts == max_timestamp(window):
            return FIRE
        if self.state.get((ctx.key, window)) == ts:
            self.schedule(ctx, ts, window)
            return FIRE
        return CONTINUE

    def can_merge(self):
        return True

    def on_merge(self, ctx, window, old_windows):
        self.merge_state(ctx, window, old_windows, min)
        if (ctx.key, window) in self.state:
            ctx.register_event_timer(self.state[(ctx.key, window)], window)

    def clear(self, ctx, window):
        ts = self.state.pop((ctx.key, window), None)
        if ts is not None:
            ctx.delete_event_timer(ts, window)


class ContinuousProcessingTimeTrigger(Trigger):
    """State: the time of the next firing."""

    def __init__(self, interval):
        super().__init__()
        self.interval = interval

    def on_element(self, ctx, row, window):
        if (ctx.key, window) not in self.state:
            self.schedule(ctx, ctx.now - truncating_remainder(ctx.now, self.interval), window)
        return CONTINUE

    def schedule(self, ctx, after, window):
        ts = min(after + self.interval, max_timestamp(window))
        self.state[(ctx.key, window)] = ts
        ctx.register_processing_timer(ts, window)

    def on_processing_time(self, ctx, ts, window):
        if self.state.get((ctx.key, window)) == ts:
            self.schedule(ctx, ts, window)
            return FIRE
        return CONTINUE

    def can_merge(self):
        return True

    def on_merge(self, ctx, window, old_windows):
        self.merge_state(ctx, window, old_windows, min)
        if (ctx.key, window) in self.state:
            ctx.register_processing_timer(self.state[(ctx.key, window)], window)

    def clear(self, ctx, window):
        ts = self.state.pop((ctx.key, window), None)
        if ts is not None:
            ctx.delete_processing_timer(ts, window)


class DeltaTrigger(Trigger):
    """State: the value of the element that fired last, or of the first one."""

    def __init__(self, threshold, function):
        super().__init__()
        self.threshold = threshold
        self.function = function

    def on_element(self, ctx, row, window):
        if (ctx.key, window) not in self.state:
            self.state[(ctx.key, window)] = row["value"]
            return CONTINUE
        if self.function(self.state[(ctx.key, window)], row["value"]) > self.threshold:
            self.state[(ctx.key, window)] = row["value"]
            return FIRE
        return CONTINUE


class PurgingTrigger(Trigger):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def on_element(self, ctx, row, window):
        return self.purge_if_fire(self.inner.on_element(ctx, row, window))

    def on_event_time(self, ctx, ts, window):
        return self.purge_if_fire(self.inner.on_event_time(ctx, ts, window))

    def on_processing_time(self, ctx, ts, window):
        return self.purge_if_fire(self.inner.on_processing_time(ctx, ts, window))

    @staticmethod
    def purge_if_fire(result):
        return FIRE_AND_PURGE if result & FIRE else result

    def can_merge(self):
        return self.inner.can_merge()

    def on_merge(self, ctx, window, old_windows):
        self.inner.on_merge(ctx, window, old_windows)

    def clear(self, ctx, window):
        self.inner.clear(ctx, window)


class TimeoutTrigger(Trigger):
    """Fires with the inner trigger, and `timeout` after the first element since the last firing.

    The default form: a new record does not restart the clock, and a timeout clears the inner trigger.
    State: the time of the timeout.
    """

    def __init__(self, timeout, inner):
        super().__init__()
        self.timeout = timeout
        self.inner = inner

    def on_element(self, ctx, row, window):
        result = self.inner.on_element(ctx, row, window)
        if result & FIRE:
            self.clear(ctx, window)
        elif (ctx.key, window) not in self.state:
            self.state[(ctx.key, window)] = ctx.now + self.timeout
            ctx.register_processing_timer(ctx.now + self.timeout, window)
        return result

    def on_event_time(self, ctx, ts, window):
        result = self.inner.on_event_time(ctx, ts, window)
        if result & FIRE:
            self.clear(ctx, window)
        return result

    def on_processing_time(self, ctx, ts, window):
        result = self.inner.on_processing_time(ctx, ts, window)
        self.clear(ctx, window)
        return result | FIRE

    def clear(self, ctx, window):
        ts = self.state.pop((ctx.key, window), None)
        if ts is not None:
            ctx.delete_processing_timer(ts, window)
        self.inner.clear(ctx, window)


DELTAS = {
    "signed": lambda old, new: new - old,
    "absolute": lambda old, new: abs(new - old),
}


def make_trigger(spec):
    kind = spec["kind"]
    if kind == "never":
        return NeverTrigger()
    if kind == "end_of_stream":
        return EndOfStreamTrigger()
    if kind == "event_time":
        return EventTimeTrigger()
    if kind == "processing_time":
        return ProcessingTimeTrigger()
    if kind == "count":
        return CountTrigger(spec["n"])
    if kind == "continuous_event_time":
        return ContinuousEventTimeTrigger(spec["interval"])
    if kind == "continuous_processing_time":
        return ContinuousProcessingTimeTrigger(spec["interval"])
    if kind == "delta":
        return DeltaTrigger(spec["threshold"], DELTAS[spec["delta"]])
    if kind == "purging":
        return PurgingTrigger(make_trigger(spec["inner"]))
    if kind == "timeout":
        return TimeoutTrigger(spec["timeout"], make_trigger(spec["inner"]))
    raise ValueError(kind)


# ---------------------------------------------------------------------------------------------------------------------
# A5.4: evictors


def evict(evictor, rows):
    """The rows that survive."""
    kind = evictor["kind"]
    if kind == "count":
        return rows[-evictor["n"]:]
    if kind == "time":
        cutoff = max(row["ts"] for row in rows) - evictor["size"]
        return [row for row in rows if row["ts"] > cutoff]
    if kind == "delta":
        function = DELTAS[evictor["delta"]]
        last = rows[-1]["value"]
        return [row for row in rows if function(row["value"], last) < evictor["threshold"]]
    raise ValueError(kind)


# ---------------------------------------------------------------------------------------------------------------------
# A5.5 and A5.6: the window operator


def aggregate(name, rows):
    """count counts every record; sum, min and max skip nulls and are null when there is nothing else."""
    if name == "count":
        return len(rows)
    values = [row["value"] for row in rows if row["value"] is not None]
    if not values:
        return None
    return {"sum": sum, "min": min, "max": max}[name](values)


class WindowOperator:
    def __init__(self, case):
        self.keyed = case["keyed"]
        self.assigner = case["assigner"]
        self.event_time = is_event_time(self.assigner)
        self.merging = is_merging(self.assigner)
        self.trigger = make_trigger(effective_trigger(case))
        self.evictor = effective_evictor(case)
        self.lateness = case["lateness"]
        self.late_output = case["late_output"]
        self.function = case["function"]
        if self.merging and not self.trigger.can_merge():
            raise ValueError("the trigger cannot merge")

        self.now = 0
        self.wm = MIN
        self.event_timers = Timers()
        self.processing_timers = Timers()
        self.content = {}    # (key, state window) -> rows; no entry when empty
        self.in_flight = {}  # merging only: key -> {window: state window}
        self.key = None      # the current key

        self.step = 0
        self.out = []
        self.late = []
        self.dropped = 0

    def new_step(self):
        self.step += 1

    # What a trigger sees, besides key, now and wm.

    def register_event_timer(self, ts, window):
        self.event_timers.register(ts, self.key, window)

    def delete_event_timer(self, ts, window):
        self.event_timers.delete(ts, self.key, window)

    def register_processing_timer(self, ts, window):
        self.processing_timers.register(ts, self.key, window)

    def delete_processing_timer(self, ts, window):
        self.processing_timers.delete(ts, self.key, window)

    # Lateness and cleanup.

    def cleanup_time(self, window):
        if self.event_time:
            return min(max_timestamp(window) + self.lateness, MAX)
        return max_timestamp(window)

    def is_window_late(self, window):
        return self.event_time and self.cleanup_time(window) <= self.wm

    def is_element_late(self, row):
        return self.event_time and row["ts"] + self.lateness <= self.wm

    def register_cleanup_timer(self, window):
        ts = self.cleanup_time(window)
        if ts == MAX:
            return
        if self.event_time:
            self.register_event_timer(ts, window)
        else:
            self.register_processing_timer(ts, window)

    def delete_cleanup_timer(self, window):
        ts = self.cleanup_time(window)
        if ts == MAX:
            return
        if self.event_time:
            self.delete_event_timer(ts, window)
        else:
            self.delete_processing_timer(ts, window)

    def restore(self):
        """All of this is saved in a checkpoint but the watermark (A7)."""
        self.wm = MIN

    # Inputs.

    def on_clock(self, now):
        """Processing time reaches `now`: a timer is due at ts + 1."""
        self.now = now
        self.processing_timers.fire_up_to(now - 1, self.new_step, self.on_processing_timer)

    def on_watermark(self, wm):
        self.wm = wm
        self.event_timers.fire_up_to(wm, self.new_step, self.on_event_timer)

    def on_record(self, row):
        self.key = row["key"] if self.keyed else None
        accepted = False
        for window in assign_windows(self.assigner, row, self.now):
            if self.merging:
                window = self.add_window(window)
            if self.is_window_late(window):
                if self.merging:
                    self.retire(window)
                continue
            accepted = True
            self.content.setdefault((self.key, self.state_window(window)), []).append(row)
            self.new_step()
            self.apply(self.trigger.on_element(self, row, window), window)
            self.register_cleanup_timer(window)
        if not accepted and self.is_element_late(row):
            if self.late_output:
                self.late.append({"key": row["key"], "ts": row["ts"], "value": row["value"]})
            else:
                self.dropped += 1

    def on_event_timer(self, ts, key, window):
        self.key = key
        if not self.exists(window):
            return
        self.apply(self.trigger.on_event_time(self, ts, window), window)
        if self.event_time and ts == self.cleanup_time(window):
            self.clean_up(window)

    def on_processing_timer(self, ts, key, window):
        self.key = key
        if not self.exists(window):
            return
        self.apply(self.trigger.on_processing_time(self, ts, window), window)
        if not self.event_time and ts == self.cleanup_time(window):
            self.clean_up(window)

    # Firing, purging, cleaning up.

    def apply(self, result, window):
        slot = (self.key, self.state_window(window))
        if result & FIRE and slot in self.content:
            self.emit(window, slot)
        if result & PURGE:
            self.content.pop(slot, None)

    def emit(self, window, slot):
        rows = self.content[slot]
        if self.evictor and self.evictor["when"] == "before":
            rows = evict(self.evictor, rows)
        output = {"key": self.key, "start": window.start, "end": window.end, "ts": max_timestamp(window)}
        if "aggregate" in self.function:
            output["aggregates"] = [aggregate(name, rows) for name in self.function["aggregate"]]
        else:
            output["values"] = [row["value"] for row in rows]
        output["step"] = self.step
        self.out.append(output)
        if self.evictor and self.evictor["when"] == "after":
            rows = evict(self.evictor, rows)
        self.content[slot] = rows

    def clean_up(self, window):
        self.content.pop((self.key, self.state_window(window)), None)
        self.trigger.clear(self, window)
        if self.merging:
            self.retire(window)

    # Merging windows.

    def exists(self, window):
        """A timer may outlive a window that was merged away; it is then ignored."""
        return not self.merging or window in self.in_flight.get(self.key, {})

    def state_window(self, window):
        return self.in_flight[self.key][window] if self.merging else window

    def retire(self, window):
        del self.in_flight[self.key][window]

    def add_window(self, new):
        """Add a window to those in flight, merging as needed, and return the one that now holds it."""
        in_flight = self.in_flight.setdefault(self.key, {})
        members = merge_set_of(new, in_flight)
        if len(members) == 1:
            in_flight.setdefault(new, new)  # when already in flight it keeps its state window
            return new

        result = Window(min(w.start for w in members), max(w.end for w in members))
        old_windows = [w for w in members if w != new]
        state_windows = [in_flight.pop(w) for w in old_windows]
        in_flight[result] = state_windows[0]
        if old_windows == [result]:
            return result                   # an existing window swallowed the new one
        if self.is_window_late(result):
            raise ValueError("merging made a window that is already late")

        self.trigger.on_merge(self, result, old_windows)
        for old in old_windows:
            self.trigger.clear(self, old)
            self.delete_cleanup_timer(old)
        for source in state_windows[1:]:
            rows = self.content.pop((self.key, source), None)
            if rows:
                self.content.setdefault((self.key, state_windows[0]), []).extend(rows)
        return result


def merge_set_of(new, in_flight):
    """The distinct windows that merge with `new`, itself included: sort by start and sweep."""
    sets = []
    for window in sorted(set(in_flight) | {new}):
        if sets:
            start = min(w.start for w in sets[-1])
            end = max(w.end for w in sets[-1])
            if window.start <= end and window.end >= start:
                sets[-1].append(window)
                continue
        sets.append([window])
    return next(members for members in sets if new in members)


# ---------------------------------------------------------------------------------------------------------------------
# The whole case


class Stream:
    """The sources and the valve in front of the operator, from their start to their end or to a crash."""

    def __init__(self, case, operator, now):
        valve = Valve(len(case["sources"]), operator.on_watermark)
        self.operator = operator
        self.channels = valve.channels
        self.sources = [Source(spec["delay"], spec["idle_after"], channel)
                        for spec, channel in zip(case["sources"], valve.channels)]
        self.probing = any(spec["idle_after"] for spec in case["sources"])
        self.next_probe = now + PROBE_INTERVAL

    def on_clock(self, now):
        while self.probing and self.next_probe <= now:
            self.operator.on_clock(self.next_probe)
            for source in self.sources:
                source.probe(self.next_probe)
            self.next_probe += PROBE_INTERVAL
        self.operator.on_clock(now)

    def on_row(self, row):
        self.on_clock(row["clock"])
        self.operator.on_record(row)
        self.sources[row["source"]].on_event(row["ts"])
        self.operator.on_clock(row["clock"])  # timers registered for the past fire at once

    def on_end(self):
        for channel in self.channels:
            channel.on_finished()


def restore(case, operator, now):
    """What a crash and the return to a checkpoint that was cut at `now` leave: the operator with its state and timers, but
    no watermark, and sources that start anew, at the row they had come to: they know of no event, no watermark, no
    idleness, and are probed 200, 400, ... ms from now. What came out after the cut comes out again, and counts once."""
    operator.restore()
    return Stream(case, operator, now)


def simulate(case, cuts=()):
    """cuts: {"rows": how many of the case's rows came before it, "clock": when it was}, in their order, of the checkpoints
    that the job went on from; the clock was set back to that of the cut."""
    operator = WindowOperator(case)
    stream = Stream(case, operator, 0)
    for index in range(len(case["rows"]) + 1):
        for cut in cuts:
            if cut["rows"] == index:
                stream.on_clock(cut["clock"])
                stream = restore(case, operator, cut["clock"])
        if index < len(case["rows"]):
            stream.on_row(case["rows"][index])
    stream.on_end()
    return {"out": operator.out, "late": operator.late, "dropped": operator.dropped}


# ---------------------------------------------------------------------------------------------------------------------
# Comparison


def sort_key(value):
    """A total order over the values that appear in outputs."""
    if value is None:
        return (0,)
    if isinstance(value, list):
        return (1, [sort_key(v) for v in value])
    return (2, value)


def content_of(case, output):
    """An output without key and step, as something that can be compared and sorted."""
    if "aggregates" in output:
        content = list(output["aggregates"])
    else:
        content = list(output["values"])
        if is_merging(case["assigner"]):
            content.sort(key=sort_key)
    return [output["start"], output["end"], output["ts"], content]


def by_key(records):
    groups = {}
    for record in records:
        groups.setdefault(record["key"], []).append(record)
    return groups


def difference(case, expected, actual):
    """None when `actual` (without steps) is a legal result, else one line that says where it first differs."""
    expected_out, actual_out = by_key(expected["out"]), by_key(actual["out"])
    for key in sorted(expected_out.keys() | actual_out.keys(), key=str):
        want, have = expected_out.get(key, []), actual_out.get(key, [])
        at = 0
        while at < len(want):
            n = 1
            while at + n < len(want) and want[at + n]["step"] == want[at]["step"]:
                n += 1
            tie = sorted((content_of(case, o) for o in want[at:at + n]), key=sort_key)
            got = sorted((content_of(case, o) for o in have[at:at + n]), key=sort_key)
            if tie != got:
                return "key %r, output %d: expected [start, end, ts, content] %s, got %s" % (key, at, tie, got)
            at += n
        if len(have) > at:
            return "key %r: unexpected output %d: %s" % (key, at, content_of(case, have[at]))
    expected_late, actual_late = by_key(expected["late"]), by_key(actual["late"])
    for key in sorted(expected_late.keys() | actual_late.keys()):
        want = [(r["ts"], r["value"]) for r in expected_late.get(key, [])]
        have = [(r["ts"], r["value"]) for r in actual_late.get(key, [])]
        if want != have:
            return "key %r: expected late (ts, value) %s, got %s" % (key, want, have)
    if expected["dropped"] != actual["dropped"]:
        return "expected %d late records dropped, got %d" % (expected["dropped"], actual["dropped"])
    return None
