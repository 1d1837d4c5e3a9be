#!/usr/bin/env python3
"""The table of docs/semantics-traps.md and the tests agree: each test that it names exists, and each test that bears TRAP
is in it.

A C test is "suite: name", as its program lists it with -l; a Python test of tests/integration is "module.Class.method",
as ctest names it, and bears TRAP when its docstring or its name does.
"""

import ast
import os
import re

import lint

TABLE = "docs/semantics-traps.md"
SUITE = re.compile(r"^WEIR_SUITE\((\w+)\)\s*=\s*\{(.*?)\{NULL,\s*NULL\}", re.DOTALL | re.MULTILINE)
STRING = r'"(?:\\.|[^"\\])*"'
ENTRY = re.compile(rf"\{{\s*({STRING}(?:\s*{STRING})*)\s*,\s*\w+\s*\}}")
NAMED = re.compile(r"`([^`]+)`\s*\|[^|]*\|\s*\Z")  # in the last column but one


def c_tests(text):
    """(line, "suite: name") of a file of unit tests."""
    for suite in SUITE.finditer(text):
        for entry in ENTRY.finditer(suite.group(2)):
            name = "".join(ast.literal_eval(s) for s in re.findall(STRING, entry.group(1)))
            yield lint.line_of(text, suite.start(2) + entry.start()), f"{suite.group(1)}: {name}"


def python_tests(module, text):
    """(line, "module.Class.method", whether it bears TRAP)."""
    for node in ast.parse(text).body:
        if not isinstance(node, ast.ClassDef):
            continue
        for method in node.body:
            if isinstance(method, ast.FunctionDef) and method.name.startswith("test_"):
                bears = "TRAP" in (ast.get_docstring(method) or "") or "trap" in method.name
                yield method.lineno, f"{module}.{node.name}.{method.name}", bears


def tests(root):
    """{name: (path, line, whether it bears TRAP)}"""
    found = {}
    for path in lint.files(root, ("tests/unit",), (".c",)):
        for line, name in c_tests(lint.read(root, path)):
            found[name] = (path, line, "TRAP" in name)
    for path in lint.files(root, ("tests/integration",), (".py",)):
        module = os.path.basename(path)[:-3]
        if module.startswith("test_"):
            for line, name, bears in python_tests(module, lint.read(root, path)):
                found[name] = (path, line, bears)
    return found


def table(root):
    """[(line, name)] of the tests that the table names."""
    rows = lint.read(root, TABLE).splitlines()
    return [(n, m.group(1)) for n, row in enumerate(rows, 1) if row.startswith("|") and (m := NAMED.search(row))]


def check(root):
    known, named = tests(root), table(root)
    findings = [lint.Finding(TABLE, line, f"no test is called '{name}'") for line, name in named if name not in known]
    listed = {name for _, name in named}
    for name, (path, line, bears) in sorted(known.items()):
        if bears and name not in listed:
            findings.append(lint.Finding(path, line, f"'{name}' bears TRAP and is not in {TABLE}"))
    return findings


C_SUITE = """WEIR_SUITE(timers) = {{"TRAP a timer "
    "waits", waits}, {"more", f},
    {"TRAP late", late},
    {NULL, NULL}};
"""
CLASS = 'class A(T):\n    def test_gap(self):\n        """TRAP: touching."""\n    def test_plain(self):\n        pass\n'
HEAD = "| section | trap | test | broken by |\n|---|---|---|---|\n"
GOOD = HEAD + "| A5 | x | `timers: TRAP a timer waits` | y |\n| A5 | x | `timers: TRAP late` | no `wait` |\n"
CASES = [
    (
        {
            "tests/unit/time/test_timers.c": C_SUITE,
            "tests/integration/test_a.py": CLASS,
            TABLE: GOOD + "| A5 | `z` | `test_a.A.test_gap` | y |\n| A5 | z | `timers: more` | |\n",
        },
        [],
    ),
    (
        {"tests/unit/time/test_timers.c": C_SUITE, TABLE: GOOD + "| A5 | x | `timers: TRAP gone` | y |\n"},
        [f"{TABLE}:5: no test is called 'timers: TRAP gone'"],
    ),
    (
        {"tests/unit/time/test_timers.c": C_SUITE, TABLE: HEAD + "| A5 | x | `timers: TRAP a timer waits` | y |\n"},
        [f"tests/unit/time/test_timers.c:3: 'timers: TRAP late' bears TRAP and is not in {TABLE}"],
    ),
    (
        {"tests/integration/test_a.py": CLASS, TABLE: HEAD},
        [f"tests/integration/test_a.py:2: 'test_a.A.test_gap' bears TRAP and is not in {TABLE}"],
    ),
]

if __name__ == "__main__":
    lint.main(__doc__, check, CASES)
