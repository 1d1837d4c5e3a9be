"""Random cases for the differential test of event time and windows: generate(seed), shrink(case, fails).

THE CONTRACT. A case is a dict that survives JSON. Every field below is always present unless "if" is said;
blank() makes the smallest one, problem(case) says why a case is illegal (None when it is legal).

  "seed"      the seed it was generated from, null when written by hand
  "sources"   1 to 3 source nodes of parallelism 1, all unioned into one stream (so the window operator sees exactly
              one channel per source):
              {"delay": ms    boundedOutOfOrderness: after EVERY record the watermark max(ts) - delay - 1
                              is emitted if it grew; the record goes first
               "idle_after": ms, 0 = never idle}
  "rows"      {"source": index, "clock": ms, "ts": ms, "key": string, "value": int or null,
               "gap": ms > 0, if the assigner is dynamic_session}
              "clock" is at least 1 and strictly increases. To play a row:
                1. the clock advances to "clock"; everything due by then happens in its own order (the processing
                   time timers with ts + 1 <= clock, the idleness probes), and settles;
                2. the row arrives, then the watermark it causes, if any; everything settles.
              The clock starts at 0 when all sources start. Idleness is probed at clock 200, 400, 600, ...
              (the auto-watermark interval), every source at each probe; never at a row's clock.
  "end"       "bounded": after the last row all inputs end without the clock moving. The watermark becomes MAX;
              pending processing time timers do not fire.
  "keyed"     true: keyBy("key").window(...); false: windowAll
  "assigner"  {"kind": "tumbling", "time": "event" or "processing", "size", "offset"}
              {"kind": "sliding", "time", "size", "slide", "offset"}
              {"kind": "session", "time", "gap"}
              {"kind": "dynamic_session", "time"}       the gap of each row
              {"kind": "global"}
              {"kind": "count", "n"}                    countWindow(n); trigger and evictor are null
              {"kind": "count_sliding", "n", "every"}   countWindow(n, every); trigger and evictor are null
  "trigger"   null (the default of the assigner) or
              {"kind": "event_time"}  {"kind": "processing_time"}  {"kind": "never"}  {"kind": "end_of_stream"}
              {"kind": "count", "n"}
              {"kind": "continuous_event_time", "interval"}  {"kind": "continuous_processing_time", "interval"}
              {"kind": "delta", "threshold", "delta"}
              {"kind": "purging", "inner": trigger}
              {"kind": "timeout", "timeout", "inner": trigger}  a new record does not restart the timeout;
                                                                a timeout clears the inner trigger
  "evictor"   null or, with "when": "before" or "after" the function,
              {"kind": "count", "n"}  {"kind": "time", "size"}  {"kind": "delta", "threshold", "delta"}
              "delta" names the function of (old, new), over "value": "signed" = new - old, "absolute" = |new - old|
  "lateness"  allowedLateness, ms
  "late_output"  true: late rows go to a side output (key, ts, value); false: they are only counted
  "function"  {"aggregate": names out of count, sum, min, max}: count counts every row, the others skip null values
                and give null when there is no other
              {"process": "collect"}: the list of the values of the pane, in its order, with window start and end
  "crashes"   of the job, in turn; [] in what generate() makes, see crashed():
              {"clock": ms, "wait": steps   a checkpoint is asked for at that time, so many steps of the scheduler later
               "then": steps                after it is complete the job crashes, and goes on from there: the clock is set
                                            back to when the checkpoint was asked for, sources go on behind the last row
                                            that was before it
               "parallelism", "batch_rows"  of what comes then
               "state": null, or a backend  where keyed state lives then; null: as in the case}
              Where it was cut the runtime says. With idleness "wait" is 0, and no row comes at the instant of a probe,
              which are 200, 400, ... ms from there.
  "state"     where keyed state lives: "heap" or "leveldb"
  "full_every"  0, or with checkpoints that write what changed: each so many is whole
  "asks"      of the job, in turn, in each life that has them ahead; [] without crashes:
              {"clock": ms, "wait": steps, "what": "checkpoint", or the backend that keyed state goes to while the job runs}
              With idleness "wait" is 0.
              These three must not change any result.
  "parallelism", "batch_rows", "channel_batches", "schedule_seed"
              for the real runtime only (parallelism is that of the window operator when keyed); they must not change
              any result

The result to compare is described in reference.py: {"out": [{"key", "start", "end", "ts", "aggregates" or "values"}],
"late": [{"key", "ts", "value"}], "dropped": int}, judged by reference.difference. "key" of "out" is null for windowAll,
"start" and "end" are null in the global window, and "ts" is the timestamp of the output record.

features(case) names what a case uses, so that a driver can leave out what it cannot run yet.
"""

import copy
import random

MIN_CLOCK = 1
PROBE_INTERVAL = 200


def blank():
    """The smallest legal case: no rows, an event time window of 10 ms."""
    return {
        "seed": None,
        "sources": [{"delay": 0, "idle_after": 0}],
        "rows": [],
        "end": "bounded",
        "keyed": True,
        "assigner": {"kind": "tumbling", "time": "event", "size": 10, "offset": 0},
        "trigger": None,
        "evictor": None,
        "lateness": 0,
        "late_output": False,
        "function": {"process": "collect"},
        "crashes": [],
        "state": "heap",
        "full_every": 0,
        "asks": [],
        "parallelism": 1,
        "batch_rows": 1,
        "channel_batches": 1,
        "schedule_seed": 0,
    }


# ---------------------------------------------------------------------------------------------------------------------
# What is legal


def trigger_kinds(trigger):
    """The kinds of a trigger from the outside in; [] for the default."""
    kinds = []
    while trigger is not None:
        kinds.append(trigger["kind"])
        trigger = trigger.get("inner")
    return kinds


def uses_delta(case):
    return "delta" in trigger_kinds(case["trigger"]) or (case["evictor"] or {}).get("kind") == "delta"


def allowed_trigger_kinds(assigner):
    """Only combinations that are legal, terminate, and whose result the semantics specify.

    Left out: processing_time and continuous_processing_time on event time windows (their timers may lie in the past,
    and then race with the watermark; Flink's may fire for ever), continuous_event_time on the global window (Flink's
    fires for ever at the end), event time triggers on processing time windows, timeout on processing time windows (does
    the cleanup timer fire it?), timeout of anything but count, and triggers that cannot merge on sessions.
    """
    kind = assigner["kind"]
    if kind in ("count", "count_sliding"):
        return []
    if kind == "global":
        return ["count", "delta", "continuous_processing_time", "purging", "timeout", "never", "end_of_stream",
                "event_time"]
    session = kind in ("session", "dynamic_session")
    if assigner["time"] == "event":
        kinds = ["event_time", "count", "continuous_event_time", "purging"]
        return kinds if session else kinds + ["delta", "timeout"]
    kinds = ["processing_time", "count", "continuous_processing_time", "purging"]
    return kinds if session else kinds + ["delta"]


def problem(case):
    """Why the case is illegal, or None."""
    sources, rows, assigner, evictor = case["sources"], case["rows"], case["assigner"], case["evictor"]
    kinds = trigger_kinds(case["trigger"])
    if not 1 <= len(sources) <= 3:
        return "1 to 3 sources"

    if assigner["kind"] == "tumbling" and not abs(assigner["offset"]) < assigner["size"]:
        return "offset of a tumbling window"
    if assigner["kind"] == "sliding" and not abs(assigner["offset"]) < assigner["slide"]:
        return "offset of a sliding window"
    if any(assigner.get(name, 1) <= 0 for name in ("size", "slide", "gap", "n", "every")):
        return "assigner parameters must be positive"
    session = assigner["kind"] in ("session", "dynamic_session")

    if any(kind not in allowed_trigger_kinds(assigner) for kind in kinds):
        return "trigger %s on %s" % (kinds, assigner["kind"])
    if "timeout" in kinds and any(kind not in ("timeout", "purging", "count") for kind in kinds):
        return "timeout of anything but count"
    if kinds.count("timeout") > 1:
        return "nested timeouts"
    if kinds and kinds[-1] in ("purging", "timeout"):
        return "a trigger without its inner one"
    trigger = case["trigger"]
    while trigger is not None:
        if any(trigger.get(name, 1) <= 0 for name in ("n", "interval", "timeout")):
            return "trigger parameters must be positive"
        trigger = trigger.get("inner")

    if evictor is not None:
        if assigner["kind"] in ("count", "count_sliding"):
            return "evictor on a count window"
        if session and evictor["kind"] == "count":
            return "count evictor on a session: the order of a merged pane is not specified"
        if any(evictor.get(name, 1) <= 0 for name in ("n", "size", "threshold")):
            return "evictor parameters must be positive, so that the last element always stays"
    if uses_delta(case) and any(row["value"] is None for row in rows):
        return "delta of null"

    clock = MIN_CLOCK - 1
    for row in rows:
        if row["clock"] <= clock:
            return "clock must strictly increase"
        clock = row["clock"]
        if not 0 <= row["source"] < len(sources):
            return "no such source"
        if assigner["kind"] == "dynamic_session" and row.get("gap", 0) <= 0:
            return "gap must be positive"
    if any(source["idle_after"] for source in sources):
        if assigner.get("time") != "event" or "timeout" in kinds:
            return "idleness with processing time timers: their order at one instant is not specified"
        if any(row["clock"] % PROBE_INTERVAL == 0 for row in rows):
            return "a row at the instant of an idleness probe"
    return problem_of_crashes(case)


def problem_of_crashes(case):
    idle = any(source["idle_after"] for source in case["sources"])
    clocks = [ask["clock"] for ask in case["asks"]]
    if clocks != sorted(clocks):
        return "what is asked for must be in its order"
    if idle and any(ask["wait"] for ask in case["asks"]):
        return "a checkpoint that waits for one that comes at no certain time, with idleness"
    last = 0
    for crash in case["crashes"]:
        if crash["clock"] < last:
            return "crashes must be in their order"
        if idle and crash["wait"]:
            return "a checkpoint at no certain time, with idleness"
        if idle and last != crash["clock"] and (crash["clock"] - last) % PROBE_INTERVAL == 0:
            return "a checkpoint at the instant of an idleness probe"
        last = crash["clock"]
        if idle and any(row["clock"] > last and (row["clock"] - last) % PROBE_INTERVAL == 0 for row in case["rows"]):
            return "a row at the instant of an idleness probe after a crash"
    return None


def features(case):
    """A set of words."""
    assigner = case["assigner"]
    words = {assigner["kind"], "keyed" if case["keyed"] else "window_all"}
    if "time" in assigner:
        words.add(assigner["time"] + "_windows")
    words.update("trigger_" + kind for kind in trigger_kinds(case["trigger"]))
    if case["evictor"]:
        words.add("evictor_%(kind)s_%(when)s" % case["evictor"])
    if case["lateness"]:
        words.add("lateness")
    if case["late_output"]:
        words.add("late_output")
    if len(case["sources"]) > 1:
        words.add("union")
    if any(source["idle_after"] for source in case["sources"]):
        words.add("idle")
    if any(row["value"] is None for row in case["rows"]):
        words.add("null")
    if any(row["ts"] < 0 for row in case["rows"]):
        words.add("negative_ts")
    words.update(case["function"])
    words.update(["crash"] if case["crashes"] else [])
    words.update("state_" + place for place in [case["state"]] + [crash["state"] for crash in case["crashes"]] if place)
    words.update("ask_" + ask["what"] for ask in case["asks"])
    words.update(["incremental"] if case["full_every"] else [])
    return words


# ---------------------------------------------------------------------------------------------------------------------
# Generation

SIZES = [1, 2, 3, 5, 10, 10, 20, 50, 100]
KEYS = ["a", "b", "c", "hello", "sensor_1"]
ASSIGNERS = ["tumbling"] * 5 + ["sliding"] * 4 + ["session"] * 5 + ["dynamic_session"] * 3 + ["global"] * 3 + \
            ["count", "count_sliding"]
BACKENDS = ["heap", "leveldb"]
AGGREGATES = ["count", "sum", "min", "max"]


def generate(seed, idleness=True):
    """A legal case; without `idleness` no source has an idle timeout."""
    rng = random.Random(seed)
    case = blank()
    case["seed"] = seed
    case["keyed"] = rng.random() < 0.85
    case["assigner"] = generate_assigner(rng)
    case["trigger"] = generate_trigger(rng, case["assigner"]) if rng.random() < 0.6 else None
    case["evictor"] = generate_evictor(rng, case["assigner"]) if rng.random() < 0.3 else None
    case["lateness"] = rng.choice([0, 0, 0, 1, 2, 5, 10, 50])
    case["late_output"] = rng.random() < 0.5
    if rng.random() < 0.6:
        case["function"] = {"process": "collect"}
    else:
        case["function"] = {"aggregate": rng.sample(AGGREGATES, rng.randint(1, 4))}
    case["sources"] = generate_sources(rng, case, idleness)
    case["rows"] = generate_rows(rng, case)
    case["parallelism"] = rng.choice([1, 1, 2, 3, 4])
    case["batch_rows"] = rng.choice([1, 2, 3, 7, 64, 1024])
    case["channel_batches"] = rng.choice([1, 2, 4, 16])
    case["schedule_seed"] = rng.randrange(1 << 31)
    assert problem(case) is None, problem(case)
    return case


def crashed(case, rng, most=1):
    """The case with 1 to `most` crashes, or None where none was found that is legal. Late rows go to a side output, since
    how many were dropped is a metric of each life."""
    for _ in range(20):
        crashes = [generate_crash(rng, case) for _ in range(rng.randint(1, most))]
        asks = [generate_ask(rng, case) for _ in range(rng.choice([0, 1, 2, 4]))]
        made = dict(case, crashes=by_clock(crashes), asks=by_clock(asks), late_output=True,
                    state=rng.choice(BACKENDS), full_every=rng.choice([0, 2, 3, 10]))
        if problem(made) is None:
            return made
    return None


def by_clock(asked):
    return sorted(asked, key=lambda one: one["clock"])


def generate_moment(rng, case):
    """At the time of a row, or about it."""
    clock = rng.choice(case["rows"])["clock"] if case["rows"] else 0
    return max(0, clock + rng.choice([0, 0, 0, 1, -1, rng.randint(-20, 20)]))


def generate_ask(rng, case):
    idle = any(source["idle_after"] for source in case["sources"])
    return {"clock": generate_moment(rng, case),
            "wait": 0 if idle else rng.choice([0, rng.randrange(10), rng.randrange(50)]),
            "what": rng.choice(["checkpoint", "checkpoint"] + BACKENDS)}


def generate_crash(rng, case):
    idle = any(source["idle_after"] for source in case["sources"])
    return {"clock": generate_moment(rng, case),
            "wait": 0 if idle else rng.choice([0, 0, rng.randrange(10), rng.randrange(50)]),
            "then": rng.choice([0, rng.randrange(10), rng.randrange(30), rng.randrange(500)]),
            "parallelism": rng.choice([1, 2, 4, 3]), "batch_rows": rng.choice([1, 7, 1024]),
            "state": rng.choice([None, None] + BACKENDS)}


def generate_assigner(rng):
    kind = rng.choice(ASSIGNERS)
    time = "event" if rng.random() < 0.65 else "processing"
    size = rng.choice(SIZES)
    if kind == "tumbling":
        return {"kind": kind, "time": time, "size": size, "offset": generate_offset(rng, size)}
    if kind == "sliding":
        slide = rng.choice([size, max(1, size // 2), max(1, size // 3), max(1, size // 7), size + 1, 2 * size])
        return {"kind": kind, "time": time, "size": size, "slide": slide, "offset": generate_offset(rng, slide)}
    if kind == "session":
        return {"kind": kind, "time": time, "gap": size}
    if kind == "dynamic_session":
        return {"kind": kind, "time": time}
    if kind == "global":
        return {"kind": kind}
    if kind == "count":
        return {"kind": kind, "n": rng.randint(1, 4)}
    return {"kind": kind, "n": rng.randint(1, 4), "every": rng.randint(1, 4)}


def generate_offset(rng, limit):
    return rng.choice([0, 0, 0, rng.randint(-limit + 1, limit - 1)])


def time_scale(assigner):
    """A length that matters to the assigner."""
    return assigner.get("size") or assigner.get("gap") or 10


def generate_trigger(rng, assigner):
    """None for the count windows, which have their own."""
    kinds = allowed_trigger_kinds(assigner)
    if not kinds:
        return None
    kind = rng.choice([k for k in kinds if k != "never" or rng.random() < 0.2])
    if kind == "purging":
        plain = [k for k in kinds if k not in ("purging", "timeout", "never")]
        return {"kind": "purging", "inner": generate_plain_trigger(rng, rng.choice(plain), assigner)}
    if kind == "timeout":
        trigger = generate_plain_trigger(rng, "count", assigner)
        if rng.random() < 0.3:
            trigger = {"kind": "purging", "inner": trigger}
        trigger = {"kind": "timeout", "timeout": rng.choice([1, 2, 5, 10, 30]), "inner": trigger}
        if rng.random() < 0.4:
            trigger = {"kind": "purging", "inner": trigger}
        return trigger
    return generate_plain_trigger(rng, kind, assigner)


def generate_plain_trigger(rng, kind, assigner):
    if kind == "count":
        return {"kind": kind, "n": rng.choice([1, 2, 2, 3, 4])}
    if kind in ("continuous_event_time", "continuous_processing_time"):
        scale = time_scale(assigner)
        return {"kind": kind, "interval": rng.choice([max(1, scale // n) for n in (2, 3, 7)] + [scale, scale + 3])}
    if kind == "delta":
        return {"kind": kind, "threshold": rng.choice([0, 1, 2, 3]), "delta": generate_delta(rng)}
    return {"kind": kind}


def generate_evictor(rng, assigner):
    if assigner["kind"] in ("count", "count_sliding"):
        return None
    kinds = ["time", "delta"]
    if assigner["kind"] not in ("session", "dynamic_session"):
        kinds.append("count")
    kind = rng.choice(kinds)
    when = rng.choice(["before", "after"])
    if kind == "count":
        return {"kind": kind, "when": when, "n": rng.choice([1, 2, 3])}
    if kind == "time":
        return {"kind": kind, "when": when, "size": rng.choice([1, 2, max(1, time_scale(assigner) // 2)])}
    return {"kind": kind, "when": when, "threshold": rng.choice([1, 2, 3]), "delta": generate_delta(rng)}


def generate_delta(rng):
    return rng.choice(["signed", "absolute"])


def generate_sources(rng, case, idleness):
    sources = []
    for _ in range(rng.choice([1, 1, 2, 2, 3])):
        sources.append({"delay": rng.choice([0, 0, 0, 1, 2, 5, 10, 50]), "idle_after": 0})
    timed = case["assigner"].get("time") != "event" or "timeout" in trigger_kinds(case["trigger"])
    if idleness and not timed and rng.random() < 0.35:
        for source in sources:
            source["idle_after"] = rng.choice([0, 100, 200, 300, 400, 450])
    return sources


def generate_rows(rng, case):
    sources, assigner = case["sources"], case["assigner"]
    idle = any(source["idle_after"] for source in sources)
    null_share = 0 if uses_delta(case) or rng.random() < 0.7 else 0.3
    keys = KEYS[:rng.choice([1, 2, 2, 3, 5])]
    values = rng.choice([[7], [0, 1, 2], [-3, -1, 0, 1, 3, 8], list(range(100))])
    gaps = rng.choice([[1, 2, 5, 10], [5, 7, 10], [3, 3, 30]])
    scale = time_scale(assigner)
    base = rng.choice([0, 0, 0, 3, -scale, -1000, 1000, 1784000000000])
    max_ts = [None] * len(sources)
    seen = []
    position = base
    clock = 0
    rows = []
    for _ in range(rng.choice([8, 20, 40]) if idle else rng.choice([1, 2, 3, 5, 8, 12, 20, 40])):
        watermark = None
        if all(ts is not None for ts in max_ts):
            watermark = min(ts - source["delay"] - 1 for ts, source in zip(max_ts, sources))
        ts = next_ts(rng, case, position, seen, watermark, rng.choice(gaps))
        position = max(position, ts) if rng.random() < 0.9 else ts
        source = rng.randrange(len(sources))
        value = None if rng.random() < null_share else rng.choice(values)
        clock = next_clock(rng, case, clock, ts, idle)
        row = {"source": source, "clock": clock, "ts": ts, "key": rng.choice(keys), "value": value}
        if assigner["kind"] == "dynamic_session":
            row["gap"] = rng.choice(gaps)
            if rows and rng.random() < 0.2:
                cover(rng, row, rows[-4:])
        rows.append(row)
        seen.append(row["ts"])
        max_ts[source] = row["ts"] if max_ts[source] is None else max(max_ts[source], row["ts"])
    return rows


def cover(rng, row, earlier_rows):
    """Make the row's window that of two earlier rows together (which often are one session by now)."""
    first, second = rng.choice(earlier_rows), rng.choice(earlier_rows)
    row["key"] = first["key"]
    row["ts"] = min(first["ts"], second["ts"])
    row["gap"] = max(first["ts"] + first["gap"], second["ts"] + second["gap"]) - row["ts"]


def next_clock(rng, case, clock, ts, idle):
    """Mostly small steps, else around the end of a processing time window or a timeout."""
    if idle:
        clock += rng.choice([1, 3, 50, 150, 199, 201, 400, 650, 1100])
        return clock + 1 if clock % PROBE_INTERVAL == 0 else clock
    assigner = case["assigner"]
    scale = time_scale(assigner)
    timeout = timeout_of(case["trigger"])
    if timeout and assigner["kind"] == "tumbling" and rng.random() < 0.3:
        # the timer of the timeout has the timestamp at which the window is cleaned up, in event time
        end = ts - (ts - assigner["offset"]) % assigner["size"] + assigner["size"]
        coincidence = end - 1 + case["lateness"] - timeout
        if clock < coincidence < clock + 10 * scale:
            return coincidence
    choice = rng.random()
    if choice < 0.4:
        return clock + rng.choice([1, 1, 1, 2, 3, 5])
    if choice < 0.6:
        period = assigner.get("slide") or scale
        boundary = clock + period - (clock - assigner.get("offset", 0)) % period
        return max(clock + 1, boundary + rng.choice([-1, 0, 0, 1]))
    if choice < 0.8:
        return max(clock + 1, clock + (timeout or scale) + rng.choice([-1, 0, 1, 2]))
    return clock + rng.randint(1, 2 * scale)


def timeout_of(trigger):
    """The timeout, or the interval, of a trigger; None if it has neither."""
    while trigger is not None:
        if "timeout" in trigger or "interval" in trigger:
            return trigger.get("timeout") or trigger.get("interval")
        trigger = trigger.get("inner")
    return None


def next_ts(rng, case, position, seen, watermark, gap):
    assigner = case["assigner"]
    scale = time_scale(assigner)
    nudge = rng.choice([-1, 0, 0, 1])
    choice = rng.random()
    if choice < 0.35:
        return position + rng.randint(0, scale)
    if choice < 0.5 and seen:    # ties
        return rng.choice(seen[-4:]) + nudge
    if choice < 0.65 and seen:   # sessions that touch, or nearly
        length = gap if assigner["kind"] == "dynamic_session" else scale
        return rng.choice(seen[-4:]) + rng.choice([-1, 1]) * length + nudge
    if choice < 0.8:             # window ends
        period = assigner.get("slide") or scale
        boundary = position - (position - assigner.get("offset", 0)) % period
        return boundary + rng.choice([-1, 0, 1]) * period + nudge
    if choice < 0.93 and watermark is not None:  # the edge of lateness: of the element, of its window, of its cleanup
        edge = watermark - rng.choice([0, case["lateness"]])
        length = gap if assigner["kind"] == "dynamic_session" else scale
        return edge - rng.choice([0, 0, length - 1, rng.randint(0, length)]) + nudge
    return position + rng.randint(scale, 4 * scale)


# ---------------------------------------------------------------------------------------------------------------------
# Shrinking


def shrink(case, fails, max_tries=2000):
    """The smallest case found for which fails(case) is still true: fewer rows first, then simpler everything else.

    `fails` is only called with legal cases.
    """
    best = copy.deepcopy(case)
    tries = 0
    improved = True
    while improved:
        improved = False
        for candidate in simpler_cases(best):
            if candidate == best or problem(candidate) is not None:
                continue
            if tries == max_tries:
                return best
            tries += 1
            if fails(copy.deepcopy(candidate)):
                best = candidate
                improved = True
                break
    return best


def simpler_cases(case):
    """Each is one step simpler than `case`; the boldest steps first."""
    yield from with_fewer_rows(case)
    yield from with_fewer_sources(case)
    yield from with_fewer_crashes(case)
    plain = blank()
    for index in range(len(case["asks"])):
        yield changed(case, ["asks"], case["asks"][:index] + case["asks"][index + 1:])
    for name in ("state", "full_every", "parallelism", "batch_rows", "channel_batches", "schedule_seed", "trigger",
                 "evictor", "lateness", "late_output", "keyed"):
        yield changed(case, [name], plain[name])
    yield changed(case, ["function"], {"aggregate": ["count"]} if "aggregate" in case["function"] else plain["function"])
    if case["trigger"] and "inner" in case["trigger"]:
        yield changed(case, ["trigger"], case["trigger"]["inner"])
    if "offset" in case["assigner"]:
        yield changed(case, ["assigner", "offset"], 0)
    for index in range(len(case["sources"])):
        for name in ("delay", "idle_after"):
            if case["sources"][index][name]:
                yield changed(case, ["sources", index, name], 0)
    if any(row["key"] != "a" for row in case["rows"]):
        one_key = copy.deepcopy(case)
        for row in one_key["rows"]:
            row["key"] = "a"
        yield one_key
    yield from with_simpler_times(case)
    for index, row in enumerate(case["rows"]):
        if row["value"] != 0:
            yield changed(case, ["rows", index, "value"], 0)


def changed(case, path, value):
    copied = copy.deepcopy(case)
    place = copied
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return copied


def with_fewer_rows(case):
    """Without a half of the rows, a quarter, ..., a single row."""
    rows = case["rows"]
    length = (len(rows) + 1) // 2
    while length > 0:
        for start in range(0, len(rows), length):
            yield changed(case, ["rows"], copy.deepcopy(rows[:start] + rows[start + length:]))
        length //= 2


def with_fewer_crashes(case):
    """Without one, or one that comes sooner."""
    crashes = case["crashes"]
    for index, crash in enumerate(crashes):
        yield changed(case, ["crashes"], crashes[:index] + crashes[index + 1:])
        yield changed(case, ["crashes", index, "state"], None)
        for name, least in (("wait", 0), ("then", 0), ("parallelism", 1), ("batch_rows", 1)):
            if crash[name] != least:
                yield changed(case, ["crashes", index, name], least)
                yield changed(case, ["crashes", index, name], crash[name] // 2 or least)


def with_fewer_sources(case):
    """Without one source, whose rows come from the first of the others."""
    if len(case["sources"]) == 1:
        return
    for gone in range(len(case["sources"])):
        fewer = copy.deepcopy(case)
        del fewer["sources"][gone]
        for row in fewer["rows"]:
            if row["source"] == gone:
                row["source"] = 0
            elif row["source"] > gone:
                row["source"] -= 1
        yield fewer


def with_simpler_times(case):
    """Event times that start at 0, clocks that start early or just count 1, 2, 3, ..."""
    if not case["rows"]:
        return
    least = min(row["ts"] for row in case["rows"])
    if least != 0:
        shifted = copy.deepcopy(case)
        for row in shifted["rows"]:
            row["ts"] -= least
        yield shifted
    early = copy.deepcopy(case)
    for row in early["rows"]:
        row["clock"] -= case["rows"][0]["clock"] - MIN_CLOCK
    yield early
    counted = copy.deepcopy(case)
    for index, row in enumerate(counted["rows"]):
        row["clock"] = MIN_CLOCK + index
    for crash in counted["crashes"] + counted["asks"]:  # as many rows before it as there were
        crash["clock"] = sum(row["clock"] <= crash["clock"] for row in case["rows"])
    yield counted
