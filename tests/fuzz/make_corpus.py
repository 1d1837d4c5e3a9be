#!/usr/bin/env python3
"""Writes the files of corpus/ that are made and not written by hand: savepoints of small jobs, the manifests of the examples
and of the built-in plugins, a small shared object, the savepoint that the
documentation shows, expressions and lines. usage: make_corpus.py [BUILD_FOLDER]

Files with other names, such as what a fuzzer found, stay. Savepoints of other jobs than these may be added by hand: any
`_metadata` and any file that ends in `.state` will do.
"""
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CORPUS = HERE / "corpus"
MOST_BYTES = 8000  # of a file: small ones are tried more often

# Every kind of state, key and list, in few entries. The sources go on until the job is suspended.
SAVED = """
job: saved
plugins: [HOARDS]
checkpoint: {every: 20ms, directory: checkpoints, savepoints: savepoints}
defaults: {max_parallelism: 16, state: BACKEND}
nodes:
  - id: orders
    source: {datagen_orders: {count: 1000000, rate: 100, users: 4, step: 6s, jitter: 20s, seed: 3}}
    time: {field: at, out_of_orderness: 20s}
  - id: payments
    source: {datagen_orders: {count: 1000000, rate: 100, users: 4, step: 6s, start: "2024-01-01T00:05:00Z", seed: 3}}
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
    key_by: item
    window: {tumbling: 7min, lateness: 1min}
    aggregate: {start: window_start, items: count_distinct(item), least: min(item)}
  - id: merged
    from: ordered
    key_by: user
    window: {session: 3min}
    aggregate: {start: window_start, end: window_end, n: count}
  - id: panes
    from: ordered
    key_by: {even: order % 2 = 0}
    window: {tumbling: 5min, trigger: event_time}
    aggregate: {start: window_start, n: count}
  - {id: timers, from: {orders: ordered, payments: paid}, key_by: order, process: {reconcile: {patience: 2min, haste: 5s}}}
  - id: near
    from: {orders: ordered, payments: paid}
    key_by: user
    join: {interval: {from: 0s, to: 1min}}
    select: {user: orders.user, order: orders.order, payment: payments.order}
  - id: joined
    from: {orders: ordered, payments: paid}
    key_by: user
    window: {tumbling: 12min}
    join: {type: left, where: payments.order = orders.order}
    select: {user: orders.user, order: orders.order, paid: payments.cents}
  - {id: words, from: ordered, filter: order < 12, select: {n: order, word: item}}
  - {id: hoards, from: words, key_by: word, process: hoard}
  - {id: events, from: ordered, select: {event: order, user: item, action: item, at: at}}
  - {id: rules, from: payments, filter: order < 8, select: {rule: item, first: item, second: item, at: at}}
  - {id: matches, from: {events: events, rules: rules}, key_by: {events: user}, process: action_rules}
  - {id: parts, from: merged, sink: {file: {path: out/, roll_size: 100B, format: csv}}}
  - {id: rest, from: [sliced], sink: discard}
  - {id: rest2, from: [whole], sink: discard}
  - {id: rest3, from: [panes], sink: discard}
  - {id: rest4, from: [timers], sink: discard}
  - {id: rest5, from: [near], sink: discard}
  - {id: rest6, from: [joined], sink: discard}
  - {id: rest7, from: [hoards], sink: discard}
  - {id: rest8, from: [matches], sink: discard}
"""

EXPRESSIONS = """
amount >= 100 and user is not null
i + l * 2 - d / f % 3
-9223372036854775808 - 1
9223372036854775807 + l
2147483647 + i
i / 0
d / 0
t + 15min
t - timestamp '2024-01-01T00:00:00Z'
s like '%ell_ W%' escape '\\'
s in ('a', 'b', null) or l not in (1, 2, 3)
l between -1 and 7
case when i > 0 then 'a' when i is null then s else 'c' end
case i when 1 then 1.5 else null end
if(b, l, i)
coalesce(s, 'x', 'y')
nullif(l, 0)
least(i, l, d)
greatest(f, 1.5)
cast(s as timestamp)
cast(s as i64)
try_cast(s as f64)
try_cast(d as i32)
cast(l as timestamp)
cast(y as string)
cast(t as string)
k + 1
not (b and true) or not b
'it''s' || s || cast(i as string)
((((((((((i))))))))))
abs(i) + round(d, 2) + floor(f) + ceil(d) + sqrt(l) + pow(d, 3) + hash(s)
concat(s, '-', lower(upper(trim(s))))
substring(s, l, i)
substring(s, 2)
starts_with(s, 'a') and ends_with(s, 'b') or contains(s, '')
matches(s, '^(?<year>\\d+)-\\p{L}*|a{1,3}$')
replace(s, '-', '')
split(s, '-', i)
length(s) + length(y)
truncate(t, 'week', 'Europe/Berlin')
extract(day_of_week from t, 'America/New_York')
extract(t, 'quarter')
format(t, '%Y-%m-%d %H:%M:%S.%f %z %b %%', 'Asia/Kolkata')
parse(s, '%Y-%m-%dT%H:%M:%S.%fZ')
parse('31/12/1999 23:59', '%d/%m/%Y %H:%M', 'Europe/Berlin')
"""


# The first digit is the variant of the options in the target.
LINES = {
    "csv": [
        '0true,-7,9223372036854775807,0.5,1e300,1970-01-01T00:00:01Z,abc,xyz\n0,1,2,-1,-2.5,1234,"",""\n,,,,,,,\n',
        '0"tr""ue",1\n"two\nlines"z,2\n"open,3\n',
        '1\ufeff"l",x,s,i\n\n1,junk,"q,r",2\n,,,\n3\n',
        '1y,t\r\nxyz,2024-02-29T23:59:60.5+02:00\r\n',
        '2 true , "a", 3\n"open,1\n0,1,2,3,4,5,6,7,8\n',
        "3'a;b';7;31/12/1999 23:59\nNULL;NULL;NULL\n'NULL';-0;\n",
        '4"x\t1.5\n\t-62135596800\nend\t99999999999999999999',
    ],
    "json_lines": [
        '0{"b":true,"i":-7,"l":9223372036854775807,"f":0.5,"d":1e300,"t":"1970-01-01T00:00:01Z","s":"abc","y":"eHl6"}\n',
        '0 { "y" : "" , "s" : "\\u00e9\\uD83D\\ude00\\n" , "t":1234, "d":-0, "l":null } \r\n{}\n\n[]\n{"s":"',
        '1{"a":{"x":[1,-2.5,true,null,{"y":{}}],"z":"\\""},"s":"abcdefghijklmnopqrst\u00e9"}\n',
        '1{"s":"x","a":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}\n{"s":"\\ud800","a":1}\n',
        '2{"n":1.0e2,"x":1e999,"d":0.1}\n{"n":18446744073709551616,"d":1}\n{"n":1,"n":2,"d":1e-400}\n',
    ],
    "log_lines": [
        '0127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326\n',
        '1::1 id ann lee [01/Jan/1970:01:00:00 +0100] "POST /x HTTP/1.0" 304 - "-" "say \\"hi\\" \\\\"\r\n',
        '1a b c [31/Feb/2015:25:61:61 +9999] "" 99999999999 1 "" ""\nshort\n',
        '2ann 5 @1970-01-01T00:00:01Z hello \u00e9\r\nbob -7\ncy 1 @ \n12 99999999999999999999\n',
        '3aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac\naab\n',
    ],
}


def put(target, name, data):
    if len(data) <= MOST_BYTES:
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def run(weir, manifest, folder, words, suspend):
    """One life of a job: to its fourth checkpoint, and then to a savepoint; or killed there."""
    environment = {**os.environ, "WEIR_CONFIG": os.devnull, "WEIR_HOME": str(folder / "home")}
    process = subprocess.Popen([weir, "run", manifest, "--quiet", "--log", "checkpoint:debug", *words], cwd=folder,
                               env=environment, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "checkpoint 4 is complete" in line:
            break
        if "is complete" not in line:
            print(line, end="", file=sys.stderr)
    process.send_signal(signal.SIGTERM if suspend else signal.SIGKILL)
    process.communicate()


def savepoints(build):
    weir, seen = build / "bin" / "weir", set()
    for backend, parallelism, suspend in (("heap", "1", True), ("leveldb", "2", True), ("heap", "3", False)):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            hoards = build / "tests" / "integration" / "plugins" / "hoards.so"
            (folder / "job.yaml").write_text(SAVED.replace("HOARDS", f"'{hoards}'").replace("BACKEND", backend))
            run(weir, "job.yaml", folder, ["-p", parallelism], suspend)
            saved = folder / "savepoints" if suspend else folder / "checkpoints"
            saved = sorted(path for path in saved.iterdir() if (path / "_metadata").exists() and path.suffix != ".tmp")[-1]
            put("metadata", f"saved-{backend}-{parallelism}", (saved / "_metadata").read_bytes())
            for path in sorted(saved.glob("*.state")):
                node = path.stem.rsplit("-", 1)[0]
                if (node, backend) not in seen and path.stat().st_size <= MOST_BYTES:
                    seen.add((node, backend))
                    put("state", f"{node}-{backend}", path.read_bytes())


def documented():
    """The savepoint that docs/formats/savepoint.md shows byte by byte."""
    text = (ROOT / "docs" / "formats" / "savepoint.md").read_text(encoding="utf-8")
    for name, block in re.findall(r"```hex (\S+)\n(.*?)```", text, re.S):
        words = [re.match(r"[0-9a-f]{4}  ((?:[0-9a-f]{2} ?)+)", line) for line in block.splitlines()]
        data = bytes.fromhex("".join(match.group(1) for match in words if match))
        put("metadata" if name == "_metadata" else "state", "documented-" + name.lstrip("_"), data)


def plugin_files():
    """A shared object that is as small as one gets: no debug information, no padding between segments."""
    source = "#include <weir/udf.h>\ntypedef struct f { int64_t n; } f;\n" \
             "static bool f_keep(f *me, weir_ctx *cx, weir_row in) { (void)me, (void)cx; return weir_i64(in, 0) > 0; }\n" \
             "WEIR_FILTER(f, .id = \"f\", .doc = \"positive\", .in = \"n:i64\");\n" \
             "WEIR_PLUGIN(\"test.small\", \"1.0.0\", &f_component);\n"
    with tempfile.TemporaryDirectory() as name:
        path = pathlib.Path(name) / "small.so"
        subprocess.run(["gcc", "-x", "c", "-", "-shared", "-fPIC", "-Os", "-s", "-fvisibility=hidden",
                        "-fno-stack-protector", "-nostartfiles", "-fno-asynchronous-unwind-tables",
                        "-Wl,--build-id=sha1,-z,noseparate-code", "-I", ROOT / "plugin-api" / "include", "-o", path],
                       input=source, text=True, check=True)
        data = path.read_bytes()
    put("plugin_file", "small", data)
    for n in (0, 3, 63, 64, 100, len(data) // 2, len(data) - 1):
        put("plugin_file", f"cut-{n}", data[:n])


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "dev").resolve()
    savepoints(build)
    documented()
    plugin_files()
    for target, texts in LINES.items():
        for i, line in enumerate(texts, 1):
            put(target, f"{i:02}", line.encode())
    for path in sorted(ROOT.glob("examples/*/*.yaml")) + [ROOT / "tests" / "soak" / "job.yaml"]:
        text = re.sub(r" *# .*", "", path.read_text(encoding="utf-8"))
        if "nodes:" in text:
            put("manifest", f"{path.parent.name}-{path.name}", text.lstrip().encode())
    for path in sorted((build / "plugins").glob("*.weir.yaml")):
        if not path.name.startswith("example_"):
            put("plugin_manifest", path.name, path.read_bytes())
    for i, text in enumerate(EXPRESSIONS.strip().splitlines(), 1):
        put("expression", f"{i:02}", text.encode())


if __name__ == "__main__":
    main()
