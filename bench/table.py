#!/usr/bin/env python3
"""Runs benchmarks, keeps what came out in bench/results.json, and writes the tables of docs/performance.md from that.

usage: bench/table.py BUILD [--only-write] [ARGUMENTS OF weir_bench]

What was measured before on the same CPU stays, so a suite that takes long can be run piece by piece; each figure has its
date and commit. Called by scripts/bench --write.
"""
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
PAGE = HERE.parent / "docs" / "performance.md"
BEGIN, END = "<!-- begin: written by scripts/bench --write -->\n", "<!-- end -->\n"


def run(program, arguments):
    """What it says: the machine, and a list of figures."""
    process = subprocess.Popen([program, "--json", *arguments], stdout=subprocess.PIPE, text=True)
    lines = []
    for line in process.stdout:
        lines.append(json.loads(line))
        figure = lines[-1]
        if len(lines) > 1:
            print(f"{figure['name']}: ratio {figure['ratio']:.2f}", file=sys.stderr, flush=True)
    if process.wait() != 0:
        sys.exit(process.returncode)
    return lines[0], lines[1:]


def merge(old, machine, figures, order):
    """One document, in the order in which the benchmarks are listed; those that are no more fall out."""
    key = {name: i for i, name in enumerate(order)}
    known = old.get("figures", []) if old.get("cpu") == machine["cpu"] else []
    for figure in figures:
        figure["date"], figure["commit"] = machine["date"], machine["commit"]
    new = {(f["name"], f.get("figure")) for f in figures}
    rest = [f for f in known if (f["name"], f.get("figure")) not in new]
    every = sorted((f for f in rest + figures if f["name"] in key), key=lambda f: key[f["name"]])
    return {"cpu": machine["cpu"], "cores": machine["cores"], "compiler": machine["compiler"], "figures": every}


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def ratio_of(figure):
    return f"{figure['ratio']:.2f}" if figure["ratio"] >= 0.1 else f"{figure['ratio']:.3f}"


def target_of(figure):
    return f"{figure['target']:.2f}" if figure.get("target") else ""


def rates(figures):
    yield "| name | work | slots | rows/s | ns per row | loop, ns | ratio | target | CPU s per M rows | loop's | peak MB |"
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for f in figures:
        yield (f"| `{f['name']}` | {f['title']} | {f['slots']} | {number(f['rows_per_second'] / 1e6)} M | "
               f"{number(f['ns_per_row'])} | {number(f['loop_ns_per_row'])} | {ratio_of(f)} | {target_of(f)} | "
               f"{f['cpu_seconds_per_million']:.4f} | {f['loop_cpu_seconds_per_million']:.4f} | {f['peak_kb'] / 1024:.0f} |")


def scaling(figures):
    """Two slots over one, beside what the loop gains by its second thread: of names that differ by _2x2."""
    one = {f["name"]: f for f in figures}
    pairs = [(one[f["name"][:-4]], f) for f in figures if f["name"].endswith("_2x2") and f["name"][:-4] in one]
    if not pairs:
        return
    yield "| work | two slots over one | the loop's two threads over one | of that |"
    yield "|---|---|---|---|"
    for a, b in pairs:
        job, loop = a["ns_per_row"] / b["ns_per_row"], a["loop_ns_per_row"] / b["loop_ns_per_row"]
        yield f"| {a['title']} | {job:.2f} | {loop:.2f} | {job / loop:.2f} |"


def others(figures):
    if not figures:
        return
    yield "| name | work | figure | weir | limit | ratio |"
    yield "|---|---|---|---|---|---|"
    for f in figures:
        limit, ratio = (f"{number(f['limit'])} {f['unit']}", ratio_of(f)) if f["limit"] else ("", "")
        yield f"| `{f['name']}` | {f['title']} | {f['figure']} | {number(f['weir'])} {f['unit']} | {limit} | {ratio} |"


def text_of(results):
    figures = results["figures"]
    dates = sorted({f["date"] for f in figures})
    commits = list(dict.fromkeys(f["commit"] for f in figures))
    yield (f"{results['cpu']}, {results['cores']} cores, GCC {results['compiler']} -O3; "
           f"{' to '.join(dict.fromkeys([dates[0], dates[-1]]))}; commits {', '.join(commits)}.")
    rows = [f for f in figures if "figure" not in f]
    for table in (rates(rows), scaling(rows), others([f for f in figures if "figure" in f])):
        lines = list(table)
        if lines:
            yield ""
            yield from lines


def write(results):
    page = PAGE.read_text(encoding="utf-8")
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    if not tail:
        sys.exit(f"{PAGE}: the marks {BEGIN.strip()} and {END.strip()} are not there")
    PAGE.write_text(head + BEGIN + "\n".join(text_of(results)) + "\n" + END + tail, encoding="utf-8")


def main():
    build, arguments = sys.argv[1], sys.argv[2:]
    program = os.path.join(build, "bin", "weir_bench")
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    if arguments != ["--only-write"]:
        listed = subprocess.run([program, "--list"], stdout=subprocess.PIPE, text=True, check=True).stdout
        results = merge(results, *run(program, arguments), [line.split()[0] for line in listed.splitlines()])
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    write(results)


main()
