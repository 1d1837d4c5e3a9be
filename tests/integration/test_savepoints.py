"""`weir savepoint` on real checkpoints and savepoints: listing, checking, dumping, removing."""
import base64
import collections
import contextlib
import csv
import datetime
import io
import json
import math
import os
import pathlib
import re
import shutil
import signal

import savepoint_reader
from support import BUILD, SOURCE, TIMEOUT_S, Server, WeirTest

JOB = """
job: counting
vars: {rate: 0, directory: checkpoints}
checkpoint: {every: 30ms, directory: "${directory}", keep: 2, savepoints: savepoints}
defaults: {max_parallelism: 64}
nodes:
  - {id: in, source: {datagen_clicks: {count: 1000000000, rate: "${rate}", users: 50, seed: 7}}}
  - {id: counts, from: in, key_by: user, count: n}
  - {id: out, from: counts, sink: {file: {path: out.csv, format: {csv: {header: true}}}}}
"""


class Savepoints(WeirTest):
    def ls(self, *words):
        return json.loads(self.weir("savepoint", "ls", "--output", "json", *words).out)

    def suspended(self, *options):
        """Runs the job for a while and suspends it; the savepoint's directory."""
        process = self.start("run", self.job(JOB), "--set", "rate=20000", "--quiet", *options)
        self.wait_until(lambda: any(s["newest"] and s["number"] > 2 for s in self.ls(self.folder)))
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=TIMEOUT_S)
        self.assertEqual(process.returncode, 130, err)
        (found,) = [s for s in self.ls(self.folder) if s["kind"] == "savepoint"]
        return found["path"]

    def wait_until(self, condition):
        for _ in range(100000):  # each look starts a program; a test that hangs is killed by ctest
            if condition():
                return

    def answers(self):
        """A job that is over has a status, too, but counts nothing."""
        return "elapsed_ms" in self.weir("status", "--output", "json", "counting", code=None).out

    def test_ls_finds_them_by_directory_and_by_job(self):
        savepoint = self.suspended()
        found = self.ls("counting")
        self.assertEqual(found, self.ls(os.path.realpath(self.folder)))
        self.assertEqual([s["kind"] for s in found], ["checkpoint", "checkpoint", "savepoint"])
        self.assertEqual([s["newest"] for s in found], [False, True, False])
        for saved in found:
            self.assertEqual((saved["state"], saved["job"], saved["nodes"], saved["why"]), ("complete", "counting", 3, None))
            files = [os.path.join(saved["path"], name) for name in os.listdir(saved["path"])]
            self.assertEqual(saved["bytes"], sum(map(os.path.getsize, files)))
            self.assertRegex(saved["taken"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertLess(found[1]["number"], found[2]["number"])
        text = self.weir("savepoint", "ls", savepoint).out.splitlines()
        self.assertEqual(text[0].split(), ["KIND", "NUMBER", "TAKEN", "JOB", "NODES", "SIZE", "STATE", "PATH"])
        self.assertEqual(len(text), 2)
        shutil.copytree(savepoint, self.folder / "there" / "chk-99.tmp")
        os.truncate(os.path.join(savepoint, "counts-0.state"), 3)
        self.assertEqual([(s["state"], s["number"]) for s in self.ls(savepoint)], [("damaged", found[2]["number"])])
        self.assertIn("counts-0.state has 3 bytes", self.ls(savepoint)[0]["why"])
        self.assertEqual([s["state"] for s in self.ls(self.folder / "there")], ["half"])
        self.assertEqual(self.ls(self.folder / "home" / "jobs"), [])
        self.assertIn("no directory and no job", self.weir("savepoint", "ls", "nobody", code=2).err)

    def test_verify_finds_a_flipped_byte_in_every_file(self):
        savepoint = self.suspended("-p", "2")
        whole = self.weir("savepoint", "verify", savepoint)
        self.assertEqual(whole.out.count(" ok: "), len(os.listdir(savepoint)))
        self.assertIn("node 'counts' subtask 1: ", whole.out)
        files = json.loads(self.weir("savepoint", "verify", "--output", "json", savepoint).out)
        self.assertEqual(sum(f["entries"] for f in files), 50)
        self.assertEqual(sorted(f["file"] for f in files), sorted(os.listdir(savepoint)))
        for name in sorted(os.listdir(savepoint)):
            path = os.path.join(savepoint, name)
            size = os.path.getsize(path)
            for at in {0, size // 2, size - 1}:
                self.flip(path, at)
                damaged = self.weir("savepoint", "verify", savepoint, code=1)
                self.flip(path, at)
                self.assertRegex(damaged.err, f"{name}: bytes? \\d+", (name, at))
                self.assertIn("DAMAGED", damaged.out)
            with open(path, "rb+") as file:
                file.seek(size)
                file.write(b"x")
            self.weir("savepoint", "verify", savepoint, code=1)
            os.truncate(path, size)
        self.weir("savepoint", "verify", savepoint)
        (self.folder / "hidden").touch()
        os.rename(self.folder / "hidden", os.path.join(savepoint, "notes.txt"))
        self.assertIn("notes.txt", self.weir("savepoint", "verify", savepoint).out)
        os.remove(os.path.join(savepoint, "counts-1.state"))
        self.assertIn("counts-1.state", self.weir("savepoint", "verify", savepoint, code=1).err)

    @staticmethod
    def flip(path, at):
        with open(path, "rb+") as file:
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 0x10]))

    def test_rm_removes_what_it_may_and_nothing_else(self):
        savepoint = self.suspended()
        older, newest = (s["path"] for s in self.ls(self.folder / "checkpoints"))
        rm = lambda *words, code=2: self.weir("savepoint", "rm", *words, code=code).err  # noqa: E731
        self.assertIn("was suspended with it", rm(savepoint))
        self.assertIn("is the newest checkpoint of job 'counting'", rm(newest))
        self.assertIn("is no checkpoint or savepoint", rm(self.folder, "--force"))
        self.assertIn("expected a directory", rm(self.folder / "job.yaml", "--force"))
        notes = os.path.join(older, "notes.txt")
        with open(notes, "w", encoding="utf-8") as file:
            file.write("mine")
        self.assertIn("notes.txt is not part of", rm(older, "--force"))
        os.remove(notes)
        self.flip(os.path.join(older, "_metadata"), 20)
        self.assertIn("To remove it all the same: --force", rm(older))
        with open(notes, "w", encoding="utf-8") as file:
            file.write("mine")
        self.assertIn("notes.txt is no part of one", rm(older, "--force"))
        os.remove(notes)
        self.assertEqual(rm(older, "--force", code=0), "")
        left = os.listdir(self.folder / "checkpoints")
        self.assertEqual(sorted(left), sorted([os.path.basename(newest), "_suspended"]))
        copy = self.folder / "copy"
        shutil.copytree(savepoint, copy)
        rm(copy, code=0)
        self.assertFalse(copy.exists())
        rm(newest, savepoint, "--force", code=0)
        self.assertEqual(self.ls("counting"), [])

    def test_rm_leaves_the_checkpoints_of_a_running_job(self):
        process = self.start("run", self.job(JOB.replace("every: 30ms", "every: 30min")), "--set", "rate=20000", "--quiet")
        self.wait_until(self.answers)
        savepoint = self.weir("savepoint", "counting").out.strip()
        self.weir("savepoint", "rm", savepoint)
        self.assertFalse(os.path.exists(savepoint))
        process.send_signal(signal.SIGINT)  # with a last checkpoint
        process.communicate(timeout=TIMEOUT_S)
        (checkpoint,) = self.ls("counting")
        process = self.start("run", self.folder / "job.yaml", "--set", "rate=20000", "--quiet", "--resume")
        self.wait_until(self.answers)
        self.assertIn("job 'counting' runs", self.weir("savepoint", "rm", checkpoint["path"], code=2).err)

    def test_a_job_may_be_called_as_a_word_is(self):
        self.job(JOB.replace("job: counting", "job: ls"))
        self.assertIn("there is no job 'ls' here", self.weir("savepoint", "--", "ls", code=2).err)
        self.assertIn("no checkpoints or savepoints here", self.weir("savepoint", "ls").out)
        for word in ("ls", "verify", "dump", "diff", "rm"):
            self.assertIn(f"weir savepoint {word} - ", self.weir("savepoint", word, "--help").out)


STARTS = BUILD / "tests" / "integration" / "plugins" / "starts.so"
HOARDS = BUILD / "tests" / "integration" / "plugins" / "hoards.so"
HOARDING = f"""
job: hoarding
plugins: [{HOARDS}]
vars: {{port: 9}}
checkpoint: {{every: 30min, directory: checkpoints}}
defaults: {{max_parallelism: 64}}
nodes:
  - id: in
    parallelism: 1
    source: {{socket: {{host: 127.0.0.1, port: "${{port}}", format: csv}}}}
    schema: {{user: string, n: i64, word: string, at: timestamp}}
    time: {{field: at, monotonous: true, emit: every_record}}
  - {{id: hoards, from: in, key_by: user, process: hoard}}
  - {{id: numbers, from: in, key_by: [n, user], count: many}}
  - {{id: tumbling, from: in, key_by: user, window: {{tumbling: 1h}}, aggregate: {{n: count, most: max(n)}}}}
  - {{id: sliding, from: in, key_by: user, window: {{sliding: {{size: 1h, slide: 10min}}}}, aggregate: {{n: count}}}}
  - {{id: sessions, from: in, key_by: user, window: {{session: 30s}}, aggregate: {{n: count, total: sum(n)}}}}
  - {{id: all, from: in, window: {{tumbling: 1h, all: true}}, aggregate: {{n: count}}}}
  - {{id: out, from: [hoards], sink: discard}}
  - {{id: out2, from: [numbers], sink: discard}}
  - {{id: out3, from: [tumbling], sink: discard}}
  - {{id: out4, from: [sliding], sink: discard}}
  - {{id: out5, from: [sessions], sink: discard}}
  - {{id: out6, from: [all], sink: discard}}
"""
WORDS = ["plain", '"two, words"', "", '"say ""hello"""', "späte", "z"]


class Format(WeirTest):
    def test_the_example_of_the_document_is_one(self):
        """docs/formats/savepoint.md: its bytes are a savepoint, and what it says of them is what is read."""
        text = (SOURCE / "docs" / "formats" / "savepoint.md").read_text(encoding="utf-8")
        blocks = re.findall(r"```hex (\S+)\n(.*?)```", text, re.DOTALL)
        self.assertEqual([name for name, _ in blocks], ["_metadata", "in-0.state", "n-0.state"])
        directory = self.folder / "example"
        directory.mkdir()
        for name, block in blocks:
            data = bytearray()
            for line in block.splitlines():
                self.assertEqual(int(line[:4], 16), len(data), line)
                data += bytes.fromhex(line[6:53])
            (directory / name).write_bytes(data)
        self.weir("savepoint", "verify", directory)
        self.assertEqual(self.weir("savepoint", "dump", directory).out, re.search(r"```jsonl\n(.*?)```", text, re.DOTALL)[1])
        metadata, parts = savepoint_reader.read(directory)
        self.assertEqual((metadata["job"], metadata["taken_ms"], sorted(parts)), ("j", 1795266501731, [("in", 0), ("n", 0)]))
        self.assertEqual(parts["n", 0][1], [[2, 0, 0, [1], [1]], [3, 0, 0, [2], [1]]])


class Waiting(WeirTest):
    """A job that has read everything and waits for more, so that its savepoints hold the same whenever they are taken."""

    ROWS = 300

    def rows(self):
        times = (f"2026-01-01T{i // 60:02}:{i % 60:02}:{i * 7 % 60:02}Z" for i in range(self.ROWS))
        times = sorted(times)
        return "".join(f"u{i * i % 17},{i % 23 - 11},{WORDS[i % len(WORDS)]},{times[i]}\n" for i in range(self.ROWS))

    def savepoint(self, text, expected, *options):
        """Runs the job until it has read `expected` rows of this text, suspends it: the savepoint's directory."""
        with contextlib.closing(Server(text)) as server:
            process = self.start("run", self.folder / "job.yaml", "--set", f"port={server.port}", "--quiet", *options)
            while self.has_read(process) != expected:
                pass
            path = pathlib.Path(self.weir("stop", "hoarding", self.folder / "saved").out.strip())
            process.communicate(timeout=TIMEOUT_S)
        self.weir("savepoint", "verify", path)
        return path

    def has_read(self, process):
        if process.poll() is not None:
            self.fail(process.communicate())
        found = self.weir("status", "--output", "json", "hoarding", code=None).out
        return json.loads(found).get("read") if "elapsed_ms" in found else None

    def dump(self, *words):
        return self.weir("savepoint", "dump", *words).out

    def state(self, path, *words):
        """The dump without the source, which names the port of this run."""
        lines = self.dump(path, *words).splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith('{"node":"in"'))


class Dumps(Waiting):
    def test_dumps_do_not_depend_on_parallelism_or_backend(self):
        self.job(HOARDING)
        text, dumps, path = self.rows(), {}, None
        for options in (["-p", "1"], ["-p", "2"], ["-p", "4"], ["-p", "3", "--state-backend", "leveldb"]):
            path = self.savepoint(text, self.ROWS, "--fresh", *options)
            dumps[" ".join(options)] = self.state(path)
        self.assertGreater(len(dumps["-p 1"].splitlines()), 500)
        for options, dump in dumps.items():
            self.assertEqual(dump, dumps["-p 1"], options)
        for options in (["-p", "1", "--state-backend", "leveldb"], ["-p", "4"]):  # nothing more is read
            path = self.savepoint("", 0, "--from", path, *options)
            self.assertEqual(self.state(path), dumps["-p 1"], options)
        self.assertEqual(self.state(path, "--memory", "4KiB"), dumps["-p 1"])  # in many passes
        self.assertEqual(self.state(path, "--memory", "1B"), dumps["-p 1"])
        self.assertEqual(self.dump(path, "numbers"),
                         "".join(line for line in dumps["-p 1"].splitlines(True) if '{"node":"numbers"' in line))
        self.check_order(dumps["-p 1"])

    def test_dumps_stay_the_same_through_1_2_4_3_and_exchanged_backends(self):
        self.job(HOARDING)
        path = self.savepoint(self.rows(), self.ROWS, "-p", "1")
        first = self.state(path)
        self.assertGreater(len(first.splitlines()), 500)
        for options in (["-p", "2"], ["-p", "4", "--state-backend", "leveldb"], ["-p", "3"]):
            path = self.savepoint("", 0, "--from", path, *options)
            self.assertEqual(self.state(path), first, options)
        with contextlib.closing(Server("")) as server:
            process = self.start("run", self.folder / "job.yaml", "--set", f"port={server.port}", "--quiet", "--from", path,
                                 "-p", "3")
            while self.has_read(process) != 0:
                pass
            for backend in ("{leveldb: {sync: false, write_buffer: 64KiB}}", "heap"):  # of a job that runs
                moved = self.weir("state-backend", "hoarding", backend, "--output", "json")
                self.assertTrue(all(m["moved"] for m in json.loads(moved.out)["moved"]), moved.out)
                saved = self.weir("savepoint", "hoarding", self.folder / "live").out.strip()
                self.assertEqual(self.state(saved), first, backend)
            self.weir("cancel", "hoarding")
            process.communicate(timeout=TIMEOUT_S)

    def check_order(self, dump):
        """By node, state, key and namespace, each line once, behind a line that says its fields."""
        seen, orders, schemas = set(), [], {}
        for line in map(json.loads, dump.splitlines()):
            place = line["node"], line["state"]
            if "schema" in line:
                self.assertNotIn(place, schemas)
                schemas[place] = line["schema"]
                continue
            self.assertIn(place, schemas)
            if schemas[place]["kind"] == "items":
                continue
            self.assertEqual(list(line["key"]), list(schemas[place]["key"]))
            key = tuple(value.encode() if isinstance(value, str) else value for value in line["key"].values())
            timer = line["value"] if schemas[place]["kind"] == "timer" else ""
            orders.append((line["node"], schemas[place]["kind"] == "timer", line["state"], key, line["namespace"], timer))
            self.assertNotIn(orders[-1], seen)
            seen.add(orders[-1])
        self.assertEqual(orders, sorted(orders))

    def test_an_independent_reader_reads_the_same(self):
        self.job(HOARDING)
        path = self.savepoint(self.rows(), self.ROWS, "--fresh", "-p", "2")
        _, parts = savepoint_reader.read(path)
        expected = collections.Counter()
        for (node, _), (header, entries, lists) in parts.items():
            for entry in entries:
                expected[json.dumps(self.line_of_entry(node, header, entry), sort_keys=True)] += 1
            for name, items in lists.items():
                if name not in ("watermarks", "shape", "row schema"):  # every subtask has those
                    for item in map(plain, items):
                        if name == "splits":
                            item = dict(zip(("id", "description", "done", "position"), item))
                        expected[json.dumps({"node": node, "state": name, "item": item}, sort_keys=True)] += 1
        found = collections.Counter()
        for line in map(json.loads, self.dump(path).splitlines()):
            if "schema" not in line and line["state"] not in ("watermarks", "shape", "row schema"):
                found[json.dumps(line, sort_keys=True)] += 1
        self.assertGreater(len(found), 500)
        self.assertEqual(found, expected)

    def line_of_entry(self, node, header, entry):
        _, state, namespace, key, value = entry
        line = {"node": node, "namespace": namespace, "key": typed(header["key"], key)}
        if state < 0:
            return {**line, "state": {-1: "event timers", -2: "processing timers"}[state], "value": time_text(value)}
        described = header["states"][state]
        line["state"] = described["name"].decode()
        if described["kind"] == "value":
            line["value"] = typed(described["fields"], value)
            if described["name"] == "slices":
                del line["value"]["arrival"]  # another number at another parallelism
        elif described["kind"] == "list":
            line["value"] = [typed(described["fields"], item) for item in value]
        else:
            line["value"] = [{"key": typed(described["key_fields"], k), "value": typed(described["fields"], v)}
                             for k, v in value]
        return line

    def test_csv_has_a_header_for_each_state(self):
        self.job(HOARDING)
        path = self.savepoint(self.rows(), self.ROWS, "--fresh")
        lines = [json.loads(line) for line in self.dump(path, "hoards", "--state", "kept").splitlines()][1:]
        rows = list(csv.reader(io.StringIO(self.dump(path, "hoards", "--state", "kept", "--format", "csv"), newline="")))
        self.assertEqual(rows[0], ["node", "state", "key.user", "namespace", "value.even", "value.small", "value.large",
                                   "value.narrow", "value.wide", "value.text", "value.bytes", "value.at"])
        self.assertEqual(len(lines), len(rows) - 1)
        for line, row in zip(lines, rows[1:]):
            value = line["value"]
            self.assertEqual(row[:3], ["hoards", "kept", line["key"]["user"]])
            self.assertEqual(row[4:7], [str(value["even"]).lower(), str(value["small"]), str(value["large"])])
            self.assertEqual(row[7:], [str(value["narrow"]), str(value["wide"]), value["text"], value["bytes"]["base64"],
                                       value["at"]])
        blocks = self.dump(path, "--format", "csv").split("\n\n")
        self.assertEqual(len(blocks), sum('"schema"' in line for line in self.dump(path).splitlines()))
        self.assertTrue(all(block.startswith("node,state,") for block in blocks))

    def test_what_is_not_there_and_what_is_damaged_is_told(self):
        self.job(HOARDING)
        path = self.savepoint(self.rows(), self.ROWS, "--fresh")
        self.assertIn("did you mean 'hoards'?", self.weir("savepoint", "dump", path, "hoard", code=2).err)
        self.assertIn("there is no state 'keep' in it", self.weir("savepoint", "dump", path, "--state", "keep", code=2).err)
        self.assertEqual(len(self.dump(path, "--state", "event timers", "hoards").splitlines()), self.ROWS + 1)
        Savepoints.flip(path / "hoards-0.state", 900)
        damaged = self.weir("savepoint", "dump", path, code=1)
        self.assertIn("hoards-0.state: bytes 0 to ", damaged.err)
        self.assertNotIn('"node":"hoards"', damaged.out)


class Comparisons(Waiting):
    """What diff says of a savepoint and a changed job is what the job then does."""

    def changed(self, *changes):
        text = HOARDING
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        return self.job(text)

    def diff(self, path, *options, code=0):
        found = self.weir("savepoint", "diff", path, "--output", "json", *options, self.folder / "job.yaml", code=code)
        return {(c["node"], c["state"]): (c["result"], c["why"]) for c in json.loads(found.out)}

    def check_goes_on(self, path, *options):
        self.savepoint("", 0, "--from", path, *options)

    def check_is_refused(self, path, why):
        self.assertIn(why, self.weir("run", self.folder / "job.yaml", "--from", path, code=2).err)

    def test_diff_says_what_the_job_will_do(self):
        self.job(HOARDING)
        path = self.savepoint(self.rows(), self.ROWS, "--fresh", "-p", "2")
        same = self.diff(path)
        self.assertEqual(same["hoards", "kept"], ("restored", None))
        self.assertEqual(same["hoards", "timers"], ("restored", None))
        self.assertEqual(same["in", "splits"], ("restored", None))
        self.assertEqual(same["sessions", "rows"], ("empty", "it had no entries"))
        self.assertEqual({result for result, _ in same.values()}, {"restored", "empty"})

        self.changed(("hoards.so", "hoards_2.so"), ("most: max(n)", "least: min(n)"), ("id: numbers", "id: more"),
                     ("from: [numbers]", "from: [more]"))
        found = self.diff(path, code=1)
        result, why = found["tumbling", "windows"]
        self.assertEqual(result, "migrated")
        self.assertRegex(why, r"'most\.\w+' is dropped.*'least\.\w+' is new and starts at zero")
        self.assertEqual(found["hoards", "kept"], (
            "migrated", "'even' is dropped; 'small' is widened from i32 to i64; 'narrow' is widened from f32 to f64; "
            "'added' is new and starts at zero"))
        self.assertEqual(found["hoards", "items"], ("restored", None))
        self.assertEqual(found["more", None], ("empty", "it is new"))
        self.assertEqual(found["numbers", None][0], "refused")
        self.check_is_refused(path, "the saved job had state for 'numbers'")
        found = self.diff(path, "--allow-non-restored")
        self.assertEqual(found["numbers", None][0], "dropped")
        self.check_goes_on(path, "--allow-non-restored")

    def test_diff_says_what_is_refused(self):
        self.job(HOARDING)
        path = self.savepoint(self.rows(), self.ROWS, "--fresh", "-p", "2")
        refusals = [
            ("max_parallelism: 64", "max_parallelism: 32", "hoards", None, "64 key groups"),
            ("key_by: [n, user], count: many", "key_by: [word, user], count: many", "numbers", None, "'word' is string"),
            ("{tumbling: 1h}, aggregate: {n: count, most", "{tumbling: 2h}, aggregate: {n: count, most", "tumbling", None,
             "the saved windows have a size of 3600000 ms"),
            ("hoards.so", "hoards_3.so", "hoards", "items", "'n' was i64 and is now f64"),
        ]
        for old, new, node, state, why in refusals:
            self.changed((old, new))
            result, told = self.diff(path, code=None)[node, state]
            self.assertEqual(result, "refused", new)
            self.diff(path, code=1)
            self.assertIn(why, told)
            self.check_is_refused(path, told)
        self.weir("savepoint", "diff", self.folder, self.folder / "job.yaml", code=1)
        self.assertIn("name its directory first", self.weir("savepoint", "diff", "--quiet", code=2).err)
        self.job(HOARDING)
        Savepoints.flip(path / "hoards-0.state", 900)
        self.assertIn("hoards-0.state", self.weir("savepoint", "diff", path, self.folder / "job.yaml", code=1).err)


    def dump_of(self, path, node, state):
        return [json.loads(line) for line in self.weir("savepoint", "dump", path, node).out.splitlines()
                if json.loads(line)["state"] == state and "value" in json.loads(line)]

    def test_components_migrate_values_lists_and_maps_on_every_backend(self):
        self.job(HOARDING)
        old = self.savepoint(self.rows(), self.ROWS, "--fresh", "-p", "2")
        self.changed(("hoards.so", "hoards_4.so"))
        told = self.diff(old)
        for state in ("kept", "items", "often"):
            self.assertEqual(told["hoards", state], ("migrated", "migrated by the component"))
        for backend in ("heap", "leveldb"):
            new = self.savepoint("", 0, "--from", old, "-p", "3", "-D", f"defaults.state={backend}")
            for was, now in zip(self.dump_of(old, "hoards", "kept"), self.dump_of(new, "hoards", "kept"), strict=True):
                expected = {**was["value"], "small": f"<{was['value']['small']}>", "fresh": 0.25}
                self.assertEqual(now["value"], expected)
                self.assertEqual(now["key"], was["key"])
            for was, now in zip(self.dump_of(old, "hoards", "items"), self.dump_of(new, "hoards", "items"), strict=True):
                self.assertEqual(now["value"], [{**item, "n": item["n"] + 0.5} for item in was["value"]])
            for was, now in zip(self.dump_of(old, "hoards", "often"), self.dump_of(new, "hoards", "often"), strict=True):
                self.assertEqual(now["value"], [{**e, "key": {**e["key"], "n": e["key"]["n"] + 0.5}} for e in was["value"]])

    def test_a_component_that_will_not_migrate_is_told_before_the_job_starts(self):
        self.job(HOARDING)
        old = self.savepoint(self.rows(), self.ROWS, "--fresh")
        self.changed(("hoards.so", "hoards_5.so"))
        self.assertEqual(self.diff(old, code=1)["hoards", "items"], ("refused", "items of version 1 are lost"))
        self.check_is_refused(old, "state 'items' cannot be restored: items of version 1 are lost")
        self.check_is_refused(old, "node 'hoards'")


KEEPERS = """
job: hoarding
vars: {port: 9}
checkpoint: {every: 30min, directory: checkpoints}
defaults: {max_parallelism: 64}
nodes:
  - id: in
    parallelism: 1
    source: {socket: {host: 127.0.0.1, port: "${port}", format: csv}}
    schema: {user: string, n: i64, word: string, at: timestamp, small: i32, single: f32, wide: f64}
    time: {field: at, monotonous: true, emit: every_record}
  - {id: tumbling, from: in, key_by: user, window: {tumbling: 1h}, aggregate: {made: MADE}}
  - {id: sliding, from: in, key_by: user, window: {sliding: {size: 1h, slide: 10min}}, aggregate: {made: SLID}}
  - {id: sessions, from: in, key_by: user, window: {session: 30s}, aggregate: {made: MADE}}
  - {id: running, from: in, key_by: user, process: {rolling_max: {field: FIELD}}}
  - {id: out, from: [tumbling], sink: discard}
  - {id: out2, from: [sliding], sink: discard}
  - {id: out3, from: [sessions], sink: discard}
  - {id: out4, from: [running], sink: discard}
"""


class Inputs(Comparisons):
    """Accumulators of one layout that were made of inputs of another type: they are never taken for what they are not."""

    STATES = ("windows", "slices", "accumulators")
    test_diff_says_what_the_job_will_do = test_diff_says_what_is_refused = None
    test_components_migrate_values_lists_and_maps_on_every_backend = None
    test_a_component_that_will_not_migrate_is_told_before_the_job_starts = None

    def rows(self):
        return "".join(f"u{i % 5},{i - 20},{'abc'[i % 3]},2026-01-01T00:00:{i // 5:02}Z,{i - 7},{i / 4},{i / 3}\n"
                       for i in range(self.ROWS))

    def keep(self, made, field="n", slid=None):
        return self.job(KEEPERS.replace("MADE", made).replace("FIELD", field).replace("SLID", slid or made))

    def windows(self, told):
        """The words of `diff` for each way to keep accumulators."""
        return [told[node, state] for node, state in zip(("tumbling", "sliding", "sessions"), self.STATES, strict=True)]

    def test_of_other_types_they_are_refused(self):
        self.keep("max(n)")
        old = self.savepoint(self.rows(), self.ROWS, "--fresh")
        self.assertEqual(self.windows(self.diff(old)), [("restored", None)] * 3)
        for made, now in (("max(word)", "'value' was i64 and is string now"),
                          ("max(wide)", "'value' was i64 and is f64 now")):
            self.keep(made)
            for result, why in self.windows(self.diff(old, code=1)):
                self.assertEqual(result, "refused")
                self.assertIn(now, why)
            self.check_is_refused(old, now)
            self.check_is_refused(old, "state 'windows' cannot be restored: made: 'value' was i64")
        self.keep("max(n)", "word")
        self.assertEqual(self.diff(old, code=1)["running", "kept"],
                         ("refused", "it was kept for input of i64, which is string now"))
        self.check_is_refused(old, "it was kept for input of i64, which is string now")

    def test_of_wider_types_they_are_migrated(self):
        for was, now, result in (("max(small)", "max(n)", lambda v: v), ("max(single)", "max(wide)", lambda v: v),
                                 ("max(n)", "max(at)", None), ("count_of(n)", "count_of(word)", lambda v: v),
                                 ("min(small)", "min(wide)", lambda v: {**v, "made.f": v["made.i"], "made.i": 0}),
                                 ("sum(small)", "sum(wide)", self.float_sum), ("avg(small)", "avg(wide)", self.float_sum)):
            slid = "count" if result == self.float_sum else None  # float sums do not share slices
            self.keep(was, slid=slid)
            old = self.savepoint(self.rows(), self.ROWS, "--fresh")
            self.keep(now, slid=slid)
            expected = ("migrated", "made is migrated by the component") if result else ("restored", None)
            self.assertEqual(self.windows(self.diff(old))[::2], [expected] * 2, (was, now))
            new = self.savepoint("", 0, "--from", old)
            for node, state in list(zip(("tumbling", "sliding", "sessions"), self.STATES, strict=True))[::2 if slid else 1]:
                before, after = self.dump_of(old, node, state), self.dump_of(new, node, state)
                self.assertGreater(len(before), 4)
                for line in before:
                    line["value"] = result(line["value"]) if result else line["value"]
                self.assertEqual(after, before, (was, now, node))

    def test_an_aggregate_that_is_new_begins_in_the_windows_that_are_there(self):
        self.keep("count")
        old = self.savepoint(self.rows(), self.ROWS, "--fresh")
        self.job(KEEPERS.replace("job: hoarding", f"job: hoarding\nplugins: [{STARTS}]").replace("FIELD", "n")
                 .replace("{made: SLID}", "{made: count}").replace("{made: MADE}", "{made: count, more: starts(n)}"))
        told = self.diff(old)
        starts = "'more.{}' is new and starts as the component makes it"
        new = self.savepoint("", 0, "--from", old)
        for node, state in (("tumbling", "windows"), ("sessions", "accumulators")):
            self.assertEqual(told[node, state], ("migrated", "; ".join(map(starts.format, ("sum", "word")))))
            before, after = self.dump_of(old, node, state), self.dump_of(new, node, state)
            self.assertGreater(len(before), 4)
            for line in before:
                line["value"].update({"more.sum": 100, "more.word": "there from the start"})
            self.assertEqual(after, before)

    def test_a_node_without_its_key_does_not_lose_its_state_without_a_word(self):
        self.keep("count")
        old = self.savepoint(self.rows(), self.ROWS, "--fresh")
        self.job(KEEPERS.replace("MADE", "count").replace("SLID", "count").replace(
            "key_by: user, process: {rolling_max: {field: FIELD}}", "filter: {compare: {field: n, op: ge, value: 0}}"))
        result, why = self.diff(old, code=1)["running", None]
        self.assertEqual(result, "refused")
        self.assertIn("there is state that was saved for it by key, and it has no key_by now", why)
        self.check_is_refused(old, "node 'running'")
        self.check_is_refused(old, "it has no key_by now")
        told = self.diff(old, "--allow-non-restored")
        self.assertEqual(told["running", "kept"], ("dropped", "the node has no key_by now"))
        self.check_goes_on(old, "--allow-non-restored")

    def test_packed_rows_of_a_window_function_go_on_only_with_their_fields(self):
        packing = "{global: {}, trigger: {purging: {count: 2}}, function: packs}"  # no rows are left in the windows
        text = KEEPERS.replace("job: hoarding", f"job: hoarding\nplugins: [{STARTS}]").replace("FIELD", "n").replace(
            "{tumbling: 1h}, aggregate: {made: MADE}", packing).replace("MADE", "count").replace("SLID", "count")
        self.job(text)
        old = self.savepoint(self.rows(), self.ROWS, "--fresh")
        self.assertEqual(len(self.dump_of(old, "tumbling", "function.last")), 5)
        self.assertEqual(self.dump_of(old, "tumbling", "rows"), [])
        new = self.savepoint("", 0, "--from", old)
        for path in old, new:
            dump = self.weir("savepoint", "dump", path, "tumbling").out
            self.assertIn('"row schema of function","item":"user: string', dump)
        self.job(text.replace("small: i32", "small: i64"))
        for path in old, new:
            self.check_is_refused(path, "node 'tumbling'")
            self.check_is_refused(path, "the saved state keeps rows of (user: string")

    @staticmethod
    def float_sum(value):
        total = value["made.high"] * 2**64 + (value["made.low"] % 2**64)
        return {**value, "made.f": float(total), "made.low": 0, "made.high": 0}


# ---- the types of a header, as a dump writes them ----


def time_text(ms):
    at = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=ms)
    return at.isoformat(timespec="milliseconds") + "Z"


def plain(value):
    if isinstance(value, savepoint_reader.Text):
        return value.decode()
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def typed(fields, values):
    def one(kind, value):
        if kind == "timestamp":
            return time_text(value)
        if kind == "f32":  # the fewest digits that are this number: six are, here
            return float(f"{value:.6g}")
        if kind == "f64" and not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        return plain(value)
    assert len(fields) == len(values)
    return {field["name"].decode(): one(field["type"], value) for field, value in zip(fields, values)}
