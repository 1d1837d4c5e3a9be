"""The examples give what the oracles give, however the work is spread and wherever batches are cut."""
import random
import unittest

from support import DATA, EXAMPLES, WeirTest, shared_data

SPREADS = [  # options of `weir run` under which the result must be the same
    ["-p", "1"],
    ["-p", "2"],
    ["-p", "4"],
    ["-p", "1", "-D", "defaults.batch_rows=1"],
    ["-p", "4", "-D", "defaults.batch_rows=1"],
    ["-p", "2", "-D", "defaults.batch_rows=7"],
    ["-p", "4", "-D", "defaults.batch_rows=7", "-D", "defaults.channel_batches=1"],
    ["-p", "2", "-D", "defaults.chaining=false"],
]


class Example(WeirTest):
    """An example whose oracle has its name. Its job has variables for its input files, which the oracle takes in this
    order, and for its output files: the oracle prints the first, and writes the others where it is told."""
    NAME, SOURCES, INPUTS, OUTPUTS = "", (), ("input",), ("output",)

    def samples(self):
        return [EXAMPLES / self.NAME / f"{source}.csv" for source in self.SOURCES]

    def expected(self, files, rules=None):
        paths = {name: self.folder / f"expected_{name}.csv" for name in self.OUTPUTS[1:]}
        options = [word for name, value in {**(rules or {}), **paths}.items() for word in (f"--{name}", value)]
        first, _ = self.oracle(f"{self.NAME}.py", *files, *options)
        return [first, *map(self.sorted_lines, paths.values())]

    def run_once(self, files, *options, **settings):
        """The outputs' lines, sorted, and the run's totals."""
        outs = {name: self.folder / f"{name}.csv" for name in self.OUTPUTS}
        settings = {**settings, **dict(zip(self.INPUTS, files)), **outs}
        totals = self.run_job(EXAMPLES / self.NAME / "job.yaml", *options, **settings)
        return [self.sorted_lines(path) for path in outs.values()], totals

    def check(self, files, rules=None, spreads=None, **settings):
        """rules: settings that the oracle must know; settings: those that change nothing."""
        expected = self.expected(files, rules)
        cut = [word for source in self.SOURCES for word in ("-D", f"nodes.{source}.source.file.split_size=2KiB")]
        for spread in spreads or [*SPREADS, ["-p", "1", *cut], ["-p", "4", *cut]]:
            with self.subTest(spread=spread, rules=rules):
                found, totals = self.run_once(files, *spread, **rules or {}, **settings)
                self.assertEqual(found, expected)
                self.assertEqual((totals["late"], totals["printed"]), (0, []), "nothing is late")
        return expected

    def table(self, name, header, *rows):
        """A CSV file whose last column is a time, written as seconds after 2024-01-01."""
        lines = [header]
        for row in rows:
            cells, _, second = row.rpartition(",")
            millis = round(float(second) * 1000)
            lines.append(f"{cells},2024-01-01T{millis // 3600000:02}:{millis // 60000 % 60:02}:{millis // 1000 % 60:02}"
                         f".{millis % 1000:03}Z")
        return self.file(name, "\n".join(lines) + "\n")

    @staticmethod
    def shortly(lines):
        """Without the header and the date of `table`."""
        return [line.rstrip("\n").replace("2024-01-01T", "").replace("Z", "") for line in lines[1:]]


class PageViews(Example):
    NAME, SOURCES = "page_views", ("visits",)

    def test_sample(self):
        self.check(self.samples())
        self.check(self.samples(), {"size": "7min"}, SPREADS[1:4:2])

    def test_edges_of_an_hour_and_visitors_without_a_name(self):
        visits = self.table("visits.csv", "page,visitor,at", "/,ann,3600", "/,ann,3599.999", "/,bob,0", "/,bob,1", "/,,2",
                            "/quiet,,0", "/,ann,7199.999")
        found, _ = self.run_once([visits], delay="2h")
        self.assertEqual(found, self.expected([visits]))
        self.assertEqual(self.shortly(found[0]), ["/,00:00:00.000,4,2", "/,01:00:00.000,2,1", "/quiet,00:00:00.000,1,0"])


class Temperature(Example):
    NAME, SOURCES = "temperature", ("readings",)

    def test_sample(self):
        for rules in ({}, {"duration": "1ms"}, {"duration": "3s"}):
            alerts, = self.check(self.samples(), rules)
            self.assertGreater(len(alerts), 10)

    def alerts(self, *rows):
        readings = self.table("readings.csv", "sensor,temperature,at", *rows)
        found, totals = self.run_once([readings], delay="1h")
        self.assertEqual(found, self.expected([readings]))
        self.assertEqual(totals["printed"], [])
        return self.shortly(found[0])

    def test_a_rise_of_exactly_a_second(self):
        """A fall at the second's last millisecond is in time, whatever order the two come in; one after it is not."""
        for order in (slice(None), slice(None, None, -1)):
            found = self.alerts(*["in_time,20,1", "in_time,21,2", "in_time,20,3", "too_late,20,1", "too_late,21,2",
                                  "too_late,20,3.001", "no_more,20,1", "no_more,21,2"][order])
            self.assertEqual(found, ["no_more,00:00:02.000,00:00:03.000,21.0", "too_late,00:00:02.000,00:00:03.000,21.0"])

    def test_equal_temperatures(self):
        found = self.alerts("never,20,1", "never,20,2", "never,20,9",         # no rise
                            "holds,20,1", "holds,21,2", "holds,21,2.5",       # a rise, and then it stays
                            "late,20,1", "late,20,2", "late,21,3", "late,21,3.5", "late,20,4")  # a fall at its end
        self.assertEqual(found, ["holds,00:00:02.000,00:00:03.000,21.0"])

    def test_an_alert_begins_anew(self):
        rising = [f"a,{20 + i},{1 + i * 0.5}" for i in range(7)]  # from 1 s to 4 s, the rise since 1.5
        self.assertEqual(self.alerts(*rising), ["a,00:00:01.500,00:00:02.500,23.0", "a,00:00:03.000,00:00:04.000,26.0"])

    def test_of_one_moment_the_highest_counts(self):
        for order in (slice(None), slice(None, None, -1)):
            found = self.alerts(*["a,20,1", "a,19,1", "a,20,2", "b,20,1", "b,19,2", "b,21,2"][order])
            self.assertEqual(found, ["b,00:00:02.000,00:00:03.000,21.0"])

    def test_late_readings_have_an_output(self):
        readings = self.table("readings.csv", "sensor,temperature,at", "a,20,1", "a,21,9", "a,22,2")
        _, totals = self.run_once([readings], "-D", "nodes.readings.time.emit=every_record")
        self.assertEqual(totals["printed"], ["late> a,22.0"])


class Fraud(Example):
    NAME, SOURCES = "fraud", ("payments",)

    def test_sample(self):
        for rules in ({}, {"small": "100", "large": "300", "within": "5min"}, {"within": "0ms"}):
            alerts, = self.check(self.samples(), rules)
            self.assertEqual(len(alerts) > 10, rules != {"within": "0ms"})

    def alerts(self, *rows, **rules):
        payments = self.table("payments.csv", "payment,account,amount,at", *rows)
        found, totals = self.run_once([payments], delay="1h", **rules)
        self.assertEqual(found, self.expected([payments], rules))
        self.assertEqual(totals["printed"], [])
        return [line.split(",")[0] for line in self.shortly(found[0])]

    def test_exactly_a_minute(self):
        """A minute later is soon enough, a millisecond more is not; whichever comes first."""
        rows = ["1,soon,0.5,10", "2,soon,900,70", "3,slow,0.5,10", "4,slow,900,70.001", "5,quick,0.5,10", "6,quick,900,10"]
        self.assertEqual(self.alerts(*rows), ["quick", "soon"])
        self.assertEqual(self.alerts(*rows[::-1]), ["quick", "soon"])
        self.assertEqual(self.alerts(*rows, within="0ms"), ["quick"])

    def test_only_the_next_payment_counts(self):
        self.assertEqual(self.alerts("1,between,0.5,1", "2,between,20,2", "3,between,900,3",
                                     "4,again,0.5,1", "5,again,0.7,50", "6,again,900,100",  # the second small one is anew
                                     "7,once,0.5,1", "8,once,900,2", "9,once,900,3"), ["again", "once"])

    def test_the_limits_are_neither_small_nor_large(self):
        self.assertEqual(self.alerts("1,a,1,1", "2,a,900,2", "3,b,0.5,1", "4,b,500,2", "5,c,0.99,1", "6,c,500.01,2"), ["c"])

    def test_payments_of_one_moment_by_number(self):
        rows = ["2,a,900,1", "1,a,0.5,1", "3,b,900,1", "4,b,0.5,1"]
        self.assertEqual(self.alerts(*rows), ["a"])
        self.assertEqual(self.alerts(*rows[::-1]), ["a"])

    def test_what_is_wrong_or_late(self):
        job = EXAMPLES / "fraud" / "job.yaml"
        wrong = self.table("payments.csv", "payment,account,amount,at", "0,a,0.5,1")
        done = self.weir("run", job, "--set", f"input={wrong}", "--set", f"output={self.folder}/out.csv", code=None)
        self.assertNotEqual(done.code, 0)
        self.assertIn("expected a payment number from 1 up, found 0", done.err)
        late = self.table("payments.csv", "payment,account,amount,at", "1,a,0.5,1", "2,a,900,99", "3,a,900,2")
        _, totals = self.run_once([late], "-D", "nodes.payments.time.emit=every_record")
        self.assertEqual(totals["printed"], ["late> 3,900.0"])


class OrderTimeout(Example):
    NAME, SOURCES, INPUTS = "order_timeout", ("orders", "payments"), ("orders", "payments")
    OUTPUTS = ("output", "timeouts", "unmatched")

    def test_sample(self):
        for rules in ({}, {"within": "2min"}, {"within": "0ms"}):
            paid, timeouts, unmatched = self.check(self.samples(), rules)
            self.assertGreater(len(paid) - 1, 100 if rules != {"within": "0ms"} else -1)
            self.assertTrue(len(timeouts) > 20 and len(unmatched) > 20)

    def outcome(self, orders, payments, *options):
        """What became of each order, and the payments that were nobody's."""
        files = [self.table("orders.csv", "order,amount,at", *orders),
                 self.table("payments.csv", "payment,order_id,at", *payments)]
        found, _ = self.run_once(files, *options)
        self.assertEqual(found, self.expected(files))
        paid, timeouts, unmatched = map(self.shortly, found)
        became = {line.split(",")[0]: line.split(",")[3] for line in paid}
        became.update((line.split(",")[0], "timeout") for line in timeouts)
        return became, [int(line.split(",")[1]) for line in unmatched]

    def test_exactly_15_minutes(self):
        orders = ["last_moment,9,10", "too_late,9,10", "same_moment,9,10", "never,9,10"]
        payments = ["1,last_moment,910", "2,too_late,910.001", "3,same_moment,10"]
        expected = ({"last_moment": "1", "too_late": "timeout", "same_moment": "3", "never": "timeout"}, [2])
        self.assertEqual(self.outcome(orders, payments), expected)

    def test_payments_that_are_nobodys(self):
        orders = ["early,9,10", "twice,9,10", "tie,9,10", "again,9,10"]
        payments = ["1,early,9.999", "2,nobody,50",                # before its order; for none
                    "4,twice,30", "3,twice,20",                    # the second one, whichever came first
                    "6,tie,20", "5,tie,20",                        # of one moment, the smaller number
                    "7,again,5", "8,again,15", "9,again,2000"]     # before, in time, after
        became, unmatched = self.outcome(orders, payments)
        self.assertEqual(became, {"early": "timeout", "twice": "3", "tie": "5", "again": "8"})
        self.assertEqual(sorted(unmatched), [1, 2, 4, 6, 7, 9])

    def test_a_number_that_is_none(self):
        files = [self.table("orders.csv", "order,amount,at", "a,9,1"),
                 self.table("payments.csv", "payment,order_id,at", "-1,a,2")]
        names = [*self.INPUTS, *self.OUTPUTS]
        sets = [f"--set={name}={path}" for name, path in zip(names, [*files, *(self.folder / n for n in self.OUTPUTS)])]
        done = self.weir("run", EXAMPLES / "order_timeout" / "job.yaml", *sets, code=None)
        self.assertNotEqual(done.code, 0)
        self.assertIn("expected a payment number from 1 up, found -1", done.err)


class Rules(Example):
    NAME, SOURCES, INPUTS = "rules", ("events", "rules"), ("events", "rules")

    def test_sample(self):
        matches, = self.check(self.samples())
        self.assertGreater(len(matches), 30)

    def matches(self, events, rules, *options):
        files = [self.table("events.csv", "event,user,action,at", *events),
                 self.table("rules.csv", "rule,first,second,at", *rules)]
        found, totals = self.run_once(files, *options, delay="1h")
        self.assertEqual(found, self.expected(files))
        self.assertEqual(totals["printed"], [])
        return [",".join(line.split(",")[1:3]) for line in self.shortly(found[0])]

    def test_a_rule_is_valid_from_its_millisecond_on(self):
        """Whichever of the two comes first, and whichever version."""
        events = ["1,ann,login,1", "2,ann,buy,9.999", "3,ann,login,9.999", "4,ann,buy,10", "5,ann,login,11",
                  "6,ann,buy,19.999", "7,ann,login,20", "8,ann,buy,20"]
        rules = ["r,login,buy,10", "r,buy,login,20"]  # 3 is before the rule, 4 and 6 match; 7 matches the second version
        for order in (slice(None), slice(None, None, -1)):
            self.assertEqual(self.matches(events[order], rules[order]), ["r,4", "r,6", "r,7"])

    def test_a_rule_that_ends_and_comes_back(self):
        events = [row for at in range(1, 40) for row in (f"{2 * at},ann,login,{at}", f"{2 * at + 1},ann,buy,{at}.5")]
        rules = ["r,login,buy,30", "r,,,10", "r,login,buy,5", "s,login,buy,38"]
        expected = [f"r,{2 * at + 1}" for at in (*range(5, 10), *range(30, 40))] + ["s,77", "s,79"]
        self.assertEqual(sorted(self.matches(events, rules)), sorted(expected))

    def test_no_action_is_not_the_empty_action(self):
        events = ["1,ann,login,1", '2,ann,"",2', '3,ann,"",3', "4,ann,login,4"]
        self.assertEqual(self.matches(events, ["ended,,,0", "half,login,,0"]), [])

    def test_versions_in_any_order(self):
        events = [row for at in range(60) for row in (f"{2 * at},ann,login,{at}", f"{2 * at + 1},ann,buy,{at}.5")]
        versions = [f"r,{'login,buy' if at % 3 else ','},{at}" for at in range(0, 60, 4)]
        for seed in range(10):
            with self.subTest(seed=seed):
                self.matches(events, random.Random(seed).sample(versions, len(versions)))  # against the oracle

    def test_events_of_one_moment_by_number(self):
        events = ["3,ann,buy,5", "2,ann,login,5", "4,bob,login,5", "1,bob,buy,5"]
        for order in (slice(None), slice(None, None, -1)):
            self.assertEqual(self.matches(events[order], ["r,login,buy,1", "t,buy,login,6"]), ["r,3"])

    def test_versions_that_are_over_are_forgotten(self):
        """With a watermark after every record, versions end while others come; what is judged does not change."""
        events = [row for at in range(1, 200) for row in (f"{2 * at},ann,login,{at}", f"{2 * at + 1},ann,buy,{at}.5")]
        rules = [f"r,login,{'buy' if at % 2 else 'return'},{at}" for at in range(1, 200)]
        every = [word for node in self.SOURCES for word in ("-D", f"nodes.{node}.time.emit=every_record",
                                                            "-D", f"nodes.{node}.time.out_of_orderness=0ms")]
        self.assertEqual(len(self.matches(events, rules, *every)), 100)

    def test_a_late_event_has_an_output(self):
        """There are no rules, so that the watermark is soon that of the events alone."""
        waiting = (f"{n},bob,wait,{n}" for n in range(300))
        files = [self.table("events.csv", "event,user,action,at", *waiting, "300,ann,buy,2"),
                 self.table("rules.csv", "rule,first,second,at")]
        _, totals = self.run_once(files, "-D", "nodes.events.time.emit=every_record", "-D", "defaults.batch_rows=1",
                                  "-D", "defaults.channel_batches=1", delay="0ms")
        self.assertEqual(totals["printed"], ["late> 300,buy"])


class HotPages(WeirTest):
    JOB = EXAMPLES / "hot_pages" / "job.yaml"

    def check(self, log, settings, spreads, *cut):
        oracle_options = [word for name, value in settings.items() for word in (f"--{name}", value)]
        expected, _ = self.oracle("hot_pages.py", log, *oracle_options)
        lines = log.read_bytes().count(b"\n")
        for i, spread in enumerate(spreads):
            with self.subTest(spread=spread):
                out = self.folder / f"{i}.csv"
                totals = self.run_job(self.JOB, *spread, *cut, input=log, output=out, **settings)
                self.assertEqual(self.sorted_lines(out), expected)
                self.assertEqual((totals["read"], totals["rejected"], totals["late"]), (lines, 1, 0))
                self.assertEqual(len(totals["printed"]), 1, "one malformed line in the side output")
                self.assertEqual(totals["nodes"]["out"]["in"], len(expected) - 1)

    def test_sample(self):
        self.check(EXAMPLES / "hot_pages" / "access.log", {}, SPREADS)

    def test_sample_cut_in_many_splits(self):
        cut = ["-D", "nodes.requests.source.file.split_size=10KiB"]
        self.check(EXAMPLES / "hot_pages" / "access.log", {}, SPREADS[:4], *cut)

    def test_variables_change_the_job(self):
        log = EXAMPLES / "hot_pages" / "access.log"
        self.check(log, {"size": "30min", "slide": "7min", "delay": "2min", "n": 5}, SPREADS[:3])
        self.check(log, {"size": "10min", "slide": "25min", "n": 1}, SPREADS[1:2])

    @shared_data("apache_access.log")
    def test_real_log(self):
        self.check(DATA / "apache_access.log", {}, SPREADS)

    @shared_data("apache_access.log")
    def test_real_log_cut_in_many_splits(self):
        self.check(DATA / "apache_access.log", {}, SPREADS[:4], "-D", "nodes.requests.source.file.split_size=100KiB")

    def test_malformed_line_is_told_with_its_place(self):
        log = EXAMPLES / "hot_pages" / "access.log"
        offset = log.read_bytes().index(b"\n192.0.2.77 - - [01/May/2024:13:0\n") + 1
        printed = self.run_job(self.JOB, input=log, output=self.folder / "out.csv")["printed"]
        self.assertEqual(len(printed), 1)
        self.assertIn("192.0.2.77 - - [01/May/2024:13:0", printed[0])
        self.assertIn(f",{offset},", printed[0])


class HotItems(WeirTest):
    JOB = EXAMPLES / "hot_items" / "job.yaml"

    def check_all(self, data, delay):
        expected, _ = self.oracle("hot_items.py", data)
        for i, spread in enumerate(SPREADS):
            with self.subTest(spread=spread):
                out, late = self.folder / f"{i}.csv", self.folder / f"{i}.late.csv"
                totals = self.run_job(self.JOB, *spread, input=data, output=out, late=late, delay=delay)
                self.assertEqual(self.sorted_lines(out), expected)
                self.assertEqual(totals["late"], 0)

    def check_late(self, data, n_late):
        """A watermark after every record of one split: what is late is a matter of the input alone. So that records and
        watermarks keep their order up to the windows, what comes before key_by has one subtask."""
        expected_late = self.folder / "expected_late.csv"
        expected, said = self.oracle("hot_items.py", data, "--delay", "1min", "--late", expected_late)
        self.assertIn(f"late {n_late},", said)
        for i, spread in enumerate(SPREADS):
            with self.subTest(spread=spread):
                out, late = self.folder / f"{i}.csv", self.folder / f"{i}.late.csv"
                in_order = ["-D", "nodes.behaviour.parallelism=1", "-D", "nodes.page_views.parallelism=1"]
                totals = self.run_job(self.JOB, *spread, *in_order, input=data, output=out, late=late,
                                      delay="1min", emit="every_record")
                self.assertEqual(self.sorted_lines(late), self.sorted_lines(expected_late))
                self.assertEqual(self.sorted_lines(out), expected)
                views = totals["nodes"]["views"]
                self.assertEqual(views["late"], n_late)
                self.assertEqual(views["in"], views["accepted"] + views["late"])
                self.assertEqual(totals["late"], n_late)

    def test_sample(self):
        self.check_all(EXAMPLES / "hot_items" / "behaviour.csv", "3h")

    def test_sample_with_late_records(self):
        self.check_late(EXAMPLES / "hot_items" / "behaviour.csv", 3)

    def test_edge_of_being_late(self):
        """TRAP: lateness is judged by the window's end: a view is late once the watermark is at the last millisecond of its
        last window, not a second before, however far the watermark is past the view itself."""
        start = 1714557600  # a full hour: the last window of what follows it by seconds ends an hour later
        rows = [(start + 3659, "fav"), (start + 2, "pv"), (start + 3660, "fav"), (start + 3, "pv")]
        self.check_late(self.file("in.csv", "".join(f"1,7,0,{behaviour},{at}\n" for at, behaviour in rows)), 1)

    @shared_data("UserBehavior.csv")
    def test_real_data(self):
        self.check_all(DATA / "UserBehavior.csv", "10d")

    @shared_data("UserBehavior.csv")
    def test_real_data_with_late_records(self):
        self.check_late(DATA / "UserBehavior.csv", 8918)


class LoginFailures(WeirTest):
    JOB = EXAMPLES / "login_failures" / "job.yaml"

    def test_sample(self):
        logins = EXAMPLES / "login_failures" / "logins.csv"
        for within in ("10s", "2s", "1min 30s"):
            expected, _ = self.oracle("login_failures.py", logins, "--within", within)
            self.assertGreater(len(expected), 1)
            for i, spread in enumerate(SPREADS):
                with self.subTest(within=within, spread=spread):
                    out = self.folder / f"{i}.csv"
                    totals = self.run_job(self.JOB, *spread, input=logins, output=out, within=within)
                    self.assertEqual(self.sorted_lines(out), expected)
                    self.assertEqual(totals["printed"], [], "nothing is late")

    def test_same_moment_and_order(self):
        """The rules that a sample may not touch: ties, arrivals out of order, an alert starts anew."""
        rows = ["a,false,03", "a,false,01", "a,false,02",               # out of order: one alert
                "a,false,04", "a,false,05",                             # two more are no second one
                "b,false,01", "b,false,02", "b,true,03", "b,false,03",  # a failure comes before the success of its moment
                "c,false,01", "c,true,02", "c,false,03", "c,false,04",  # a success between
                "d,false,01", "d,false,06", "d,false,12", "d,false,13",  # the first is too old, the next three are not
                "e,false,02", "e,false,07", "e,false,12"]               # exactly as far apart as may be
        text = "user,success,at\n" + "".join(f"{row[:-2]}2024-01-01T00:00:{row[-2:]}Z\n" for row in rows)
        logins, out = self.file("logins.csv", text), self.folder / "out.csv"
        self.run_job(self.JOB, input=logins, output=out, delay="1min")
        moment = "2024-01-01T00:00:{:02}.000Z".format
        alerts = [("a", 1, 3), ("b", 1, 3), ("d", 6, 13), ("e", 2, 12)]
        expected = [f"{user},{moment(first)},{moment(last)}\n" for user, first, last in alerts]
        self.assertEqual(self.sorted_lines(out), ["user,first,last\n", *expected])


class ClickSessions(WeirTest):
    JOB = EXAMPLES / "click_sessions" / "job.yaml"

    def check(self, clicks, gap, spreads):
        expected, _ = self.oracle("click_sessions.py", clicks, "--gap", gap)
        for i, spread in enumerate(spreads):
            with self.subTest(gap=gap, spread=spread):
                out = self.folder / f"{i}.csv"
                totals = self.run_job(self.JOB, *spread, input=clicks, output=out, gap=gap)
                self.assertEqual(self.sorted_lines(out), expected)
                self.assertEqual(totals["late"], 0)

    def test_sample(self):
        for gap in ("30min", "1min", "2h"):
            self.check(EXAMPLES / "click_sessions" / "clicks.csv", gap, SPREADS)

    def test_exactly_the_gap(self):
        """TRAP: TOUCHING windows merge: a gap exactly equal to the timeout is one session; and a click that comes late joins
        two visits."""
        at = "2024-05-01T10:{:02}:00.{:03}Z".format
        rows = [("a", at(0, 0)), ("a", at(30, 0)), ("b", at(0, 0)), ("b", at(30, 1)),
                ("c", at(0, 0)), ("c", at(45, 0)), ("c", at(20, 0))]
        text = "user,page,at\n" + "".join(f"{user},/{n},{moment}\n" for n, (user, moment) in enumerate(rows))
        expected, _ = self.oracle("click_sessions.py", self.file("clicks.csv", text))
        self.assertEqual([line.split(",")[3] for line in expected[1:]], ["2", "1", "1", "3"])
        out = self.folder / "out.csv"
        self.run_job(self.JOB, input=self.folder / "clicks.csv", output=out, delay="1h")
        self.assertEqual(self.sorted_lines(out), expected)


class LateData(WeirTest):
    JOB = EXAMPLES / "late_data" / "job.yaml"

    def test_sample(self):
        readings = EXAMPLES / "late_data" / "readings.csv"
        for settings in ({}, {"size": "7min", "patience": "4min"}, {"patience": "1h"}):
            words = [word for name, value in settings.items() for word in (f"--{name}", value)]
            expected = {way: self.oracle("late_data.py", readings, way, *words)[0]
                        for way in ("waited", "updated", "prompt", "late")}
            self.assertGreater(len(expected["updated"]), len(expected["prompt"]))
            for spread in SPREADS:
                with self.subTest(settings=settings, spread=spread):
                    outs = {way: self.folder / f"{way}.csv" for way in ("waited", "updated", "prompt")}
                    totals = self.run_job(self.JOB, *spread, input=readings, **outs, **settings)
                    for way, out in outs.items():
                        self.assertEqual(self.sorted_lines(out), expected[way], way)
                    printed = sorted(line.split("> ")[-1] + "\n" for line in totals["printed"])
                    self.assertEqual(printed, expected["late"][1:])


class Reconcile(WeirTest):
    FOLDER = EXAMPLES / "reconcile"

    def check(self, settings, spreads, orders=FOLDER / "orders.csv", payments=FOLDER / "payments.csv"):
        options = [word for name, value in settings.items() for word in (f"--{name}", value)]
        unpaid, unordered = self.folder / "expected_unpaid.csv", self.folder / "expected_unordered.csv"
        expected, _ = self.oracle("reconcile.py", orders, payments, *options, "--unpaid", unpaid, "--unordered", unordered)
        self.assertGreater(len(expected), 1)
        for i, spread in enumerate(spreads):
            with self.subTest(settings=settings, spread=spread):
                files = {name: self.folder / f"{i}.{name}.csv" for name in ("output", "unpaid", "unordered")}
                common = dict(settings, orders=orders, payments=payments)
                self.run_job(self.FOLDER / "job.yaml", *spread, **files, **common)
                self.assertEqual(self.sorted_lines(files["output"]), expected)
                self.assertEqual(self.sorted_lines(files["unpaid"]), self.sorted_lines(unpaid))
                self.assertEqual(self.sorted_lines(files["unordered"]), self.sorted_lines(unordered))
                totals = self.run_job(self.FOLDER / "interval_join.yaml", *spread, output=files["output"], **common)
                self.assertEqual(self.sorted_lines(files["output"]), expected)
                self.assertEqual(totals["printed"], [], "nothing is late")

    def test_sample(self):
        self.check({}, SPREADS)

    def test_variables_change_the_job(self):
        self.check({"patience": "3min", "haste": "2s"}, SPREADS[:3])
        self.check({"patience": "0s", "haste": "1min"}, SPREADS[3:5])

    def test_bounds_are_part_of_the_interval(self):
        orders = [(name, "00:10:00.000") for name in "abcdef"]
        payments = [("a", "00:09:55.000"), ("b", "00:09:54.999"), ("c", "00:25:00.000"), ("d", "00:25:00.001"),
                    ("e", "00:10:00.000"), ("g", "00:10:00.000")]
        def written(name, head, rows):
            return self.file(name, head + "".join(f"{number},100,2024-05-01T{at}Z\n" for number, at in rows))
        self.check({}, SPREADS[:2],
                   written("orders.csv", "order,cents,at\n", orders),
                   written("payments.csv", "order_id,cents,at\n", payments))


class WordCount(WeirTest):
    def counts(self, printed):
        """Lines of the print sink without the subtask's prefix."""
        return sorted(line.partition("> ")[2] if "> " in line else line for line in printed)

    def expected(self, path):
        lines, _ = self.oracle("wordcount.py", path)
        return sorted(line.rstrip("\n") for line in lines)

    def test_file(self):
        text = EXAMPLES / "wordcount" / "river.txt"
        for spread in SPREADS:
            with self.subTest(spread=spread):
                totals = self.run_job(EXAMPLES / "wordcount" / "job.yaml", *spread, input=text)
                self.assertEqual(self.counts(totals["printed"]), self.expected(text))

    def test_prefix_of_print_is_flinks(self):
        """TRAP: at parallelism 1 no prefix; above, subtask index + 1."""
        job, text = EXAMPLES / "wordcount" / "job.yaml", self.file("words.txt", "hello\n")
        self.assertEqual(self.run_job(job, "-p", "1", input=text)["printed"], ["hello,1"])
        self.assertEqual(self.run_job(job, "-p", "4", input=text)["printed"], ["2> hello,1"])

    def test_one_line_with_more_words_than_a_batch_holds(self):
        text = self.file("long.txt", "over and over again " * 20000 + "\n")
        for spread in (["-p", "1"], ["-p", "2", "-D", "defaults.batch_rows=7", "-D", "defaults.channel_batches=1"]):
            with self.subTest(spread=spread):
                totals = self.run_job(EXAMPLES / "wordcount" / "job.yaml", *spread, input=text)
                self.assertEqual(self.counts(totals["printed"]), self.expected(text))

    def test_socket(self):
        text = (EXAMPLES / "wordcount" / "river.txt").read_text(encoding="utf-8")
        for spread in SPREADS:
            with self.subTest(spread=spread):
                server = self.server(text)
                server.finish.set()  # the stream ends after the text
                totals = self.run_job(EXAMPLES / "wordcount" / "socket.yaml", *spread, host="127.0.0.1", port=server.port)
                self.assertEqual(self.counts(totals["printed"]), self.expected(EXAMPLES / "wordcount" / "river.txt"))


class First(WeirTest):
    def test_first_map(self):
        printed = self.run_job(EXAMPLES / "first_map" / "job.yaml")["printed"]
        self.assertEqual(printed, ["pen,1.5,1.875", "lamp,40.0,50.0", "chair,85.0,106.25"])

    def test_first_keyed(self):
        for spread in SPREADS[:1] + SPREADS[3:4]:  # one source split: in parallel only the prefix would differ
            printed = self.run_job(EXAMPLES / "first_keyed" / "job.yaml", *spread)["printed"]
            self.assertEqual(printed, ["pump,1714557600000", "gate,1714557720000", "pump,1714558200000"])

    def test_no_plugin_is_longer_than_promised(self):
        for name, most in (("first_map", 20), ("first_keyed", 35)):
            lines = (EXAMPLES / name / "plugin.c").read_text(encoding="utf-8").count("\n")
            self.assertLessEqual(lines, most, name)


if __name__ == "__main__":
    unittest.main()
