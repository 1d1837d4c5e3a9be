#!/usr/bin/env python3
"""Style is a test, with a ratchet: lines, files and functions have a largest size, and what is over it today may only
shrink.

Rules by name: long_line (125 columns), long_file (800 lines), long_function (80 lines), tab, trailing_space,
no_final_newline, no_comment (a source starts with one), unfinished (words that promise later work), machine_path.
Known excess is listed in tidy_limits.txt as "rule path count # reason"; functions as "long_function path:name lines #
reason". `tidy.py --lower` writes smaller numbers where the tree has become better; `tidy.py --accept REASON` records
all of today's excess, which is a decision, not a habit.
"""

import os
import re

import lint

MAX_COLUMNS, MAX_FILE_LINES, MAX_FUNCTION_LINES = 125, 800, 80
LIMITS = os.path.join("tests", "lint", "tidy_limits.txt")
C_SUFFIXES = (".c", ".h")
TEXT_SUFFIXES = C_SUFFIXES + (".py", ".cmake", "CMakeLists.txt", ".sh", ".yaml", ".md")
FOLDERS = lint.C_FOLDERS + ("cmake", "docs")
SCRIPT_FOLDERS = ("scripts", ".ci")  # their files need no suffix
UNFINISHED = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")
MACHINE_PATH = re.compile(r"(?<![\w.$}/-])/(?:work|tmp|home|root)/")
FUNCTION_NAME = re.compile(r"([A-Za-z_]\w*)\s*\(")


def functions_of(text):
    """(line, name, lines) of each function: with our braces a body stands between '{' and '}' in the first column."""
    lines = lint.strip(text).split("\n")
    found, start = [], None
    for i, line in enumerate(lines):
        if line.startswith("{"):
            start = i
        elif line.startswith("}") and start is not None:
            head = start
            while head > 0 and lines[head - 1].strip() and not lines[head - 1].startswith(("}", "#")):
                head -= 1
            name = FUNCTION_NAME.search(" ".join(lines[head:start]))
            found.append((head + 1, name.group(1) if name else "?", i - start + 1))
            start = None
    return found


def line_findings(path, text):
    """(rule, what, line, size, message) of everything that is wrong in one line."""
    is_code, is_test = path.endswith(C_SUFFIXES + (".py",)), path.startswith("tests/")
    for number, line in enumerate(text.split("\n"), 1):
        if is_code and len(line) > MAX_COLUMNS:
            yield "long_line", path, number, 1, f"{len(line)} columns, expected at most {MAX_COLUMNS}"
        if "\t" in line and not path.endswith(".md"):
            yield "tab", path, number, 1, "a tab; indent by four spaces"
        if line != line.rstrip():
            yield "trailing_space", path, number, 1, "space at the end of the line"
        if UNFINISHED.search(line):
            yield "unfinished", path, number, 1, "finish it, or open an issue and name the limit in the docs"
        if not is_test and MACHINE_PATH.search(line):
            yield "machine_path", path, number, 1, "a path of one machine"


def file_findings(path, text):
    n_lines = text.count("\n")
    if not path.endswith(C_SUFFIXES):
        return
    if n_lines > MAX_FILE_LINES:
        yield "long_file", path, 1, n_lines, f"{n_lines} lines, expected at most {MAX_FILE_LINES}"
    if text and not text.endswith("\n"):
        yield "no_final_newline", path, n_lines + 1, 1, "no newline at the end of the file"
    if not text.startswith("/*"):
        yield "no_comment", path, 1, 1, "the file does not start with a comment that says what it is"
    for line, name, size in functions_of(text):
        if size > MAX_FUNCTION_LINES:
            message = f"{name} has {size} lines, expected at most {MAX_FUNCTION_LINES}"
            yield "long_function", f"{path}:{name}", line, size, message


def read_limits(root):
    """{(rule, what): (count, line number, reason)}"""
    limits, findings = {}, []
    if not os.path.exists(os.path.join(root, LIMITS)):
        return limits, findings
    for number, line in enumerate(lint.read(root, LIMITS).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        entry, _, reason = line.partition("#")
        words = entry.split()
        if len(words) != 3 or not words[2].isdigit() or not reason.strip():
            findings.append(lint.Finding(LIMITS, number, "expected 'rule path count  # reason'"))
        else:
            limits[(words[0], words[1])] = (int(words[2]), number, reason.strip())
    return limits, findings


def write_limits(root, entries):
    """entries: {(rule, what): (count, reason)}; the comments at the top stay."""
    lines = []
    if os.path.exists(os.path.join(root, LIMITS)):
        lines = [l for l in lint.read(root, LIMITS).splitlines() if l.startswith("#") or not l.strip()]
    lines += [
        f"{rule} {what} {count}  # {reason}" for (rule, what), (count, reason) in sorted(entries.items()) if count > 0
    ]
    with open(os.path.join(root, LIMITS), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def text_files(root):
    top = [n for n in sorted(os.listdir(root)) if n.endswith(TEXT_SUFFIXES) and os.path.isfile(os.path.join(root, n))]
    return top + lint.files(root, FOLDERS, TEXT_SUFFIXES) + lint.files(root, SCRIPT_FOLDERS, ("",))


def check(root, arguments):
    limits, findings = read_limits(root)
    sizes, places = {}, {}
    for path in text_files(root):
        text = lint.read(root, path)
        for rule, what, line, size, message in [*line_findings(path, text), *file_findings(path, text)]:
            sizes[(rule, what)] = sizes.get((rule, what), 0) + size
            places.setdefault((rule, what), []).append(lint.Finding(path, line, f"{message} [{rule}]"))
    if arguments.lower:
        write_limits(root, {key: (min(count, sizes.get(key, 0)), reason) for key, (count, _, reason) in limits.items()})
        limits, findings = read_limits(root)
    elif arguments.accept:
        write_limits(
            root, {key: (size, limits[key][2] if key in limits else arguments.accept) for key, size in sizes.items()}
        )
        limits, findings = read_limits(root)
    for key, found in places.items():
        if sizes[key] > limits.get(key, (0,))[0]:
            findings += found
    for key, (count, number, _) in sorted(limits.items()):
        if sizes.get(key, 0) < count:
            findings.append(
                lint.Finding(
                    LIMITS,
                    number,
                    f"'{key[0]} {key[1]}' is down to {sizes.get(key, 0)}: run tests/lint/tidy.py --lower",
                )
            )
    return findings


def add_arguments(parser):
    parser.add_argument("--lower", action="store_true", help="write smaller limits where the tree has become better")
    parser.add_argument("--accept", metavar="REASON", help="record all of today's excess, for this reason")


def body(n):
    return "/* a.c */\nstatic int f(int a)\n{\n" + "    a++;\n" * (n - 2) + "}\n"


GOOD = "/* a.c - good. */\nint f(void)\n{\n    return 1;\n}\n"
LONG = "/* a */\n" + "x" * 126 + "\n"
CASES = [
    (
        {
            "runtime/a/a.c": GOOD,
            "runtime/a/b.c": body(80),
            "tests/unit/a.c": '/* */\nchar *p = "/tmp/x";\n',
            "docs/a.md": "a\tb\n",
            "runtime/a/c.c": "/* mkstemp: XX" + "XXXX; http://a/work/b */\n" + "x" * 125 + "\n",
        },
        [],
    ),
    ({"runtime/a/a.c": LONG}, ["a.c:2: 126 columns, expected at most 125 [long_line]"]),
    ({"runtime/a/a.c": body(81)}, ["a.c:2: f has 81 lines, expected at most 80 [long_function]"]),
    ({"runtime/a/a.h": "/* a */\n" + "int a;\n" * 800}, ["a.h:1: 801 lines, expected at most 800 [long_file]"]),
    ({"runtime/a/a.c": "/* a */\n\tint a;\n"}, ["a.c:2: a tab"]),
    ({"runtime/a/a.c": "/* a */\nint a; \n"}, ["a.c:2: space at the end"]),
    ({"runtime/a/a.c": "/* a */\nint a;"}, ["a.c:2: no newline"]),
    ({"runtime/a/a.c": "int a;\n"}, ["a.c:1: the file does not start with a comment"]),
    (
        {"docs/a.md": "TO" + "DO: write\n", "cmake/a.cmake": "# FIX" + "ME\n", "README.md": "XX" + "X\n"},
        ["README.md:1: finish it", "a.cmake:1: finish it", "a.md:1: finish it"],
    ),
    (
        {"runtime/a/a.c": "/* /tm" + "p/x */\n", "scripts/a": "cd /wor" + "k/main\n"},
        ["a.c:1: a path of one", "scripts/a:1: a path of one"],
    ),
    ({"runtime/a/a.c": LONG, LIMITS: "long_line runtime/a/a.c 1  # a table\n"}, []),
    (
        {"runtime/a/a.c": LONG + "y" * 126 + "\n", LIMITS: "long_line runtime/a/a.c 1  # a table\n"},
        ["a.c:2: 126", "a.c:3: 126"],
    ),
    ({"runtime/a/a.c": body(90), LIMITS: "long_function runtime/a/a.c:f 90  # a table of states\n"}, []),
    (
        {"runtime/a/a.c": GOOD, LIMITS: "long_line runtime/a/a.c 1  # was\n"},
        ["is down to 0: run tests/lint/tidy.py --lower"],
    ),
    (
        {"runtime/a/a.c": LONG, LIMITS: "long_line runtime/a/a.c 1\n"},
        ["tidy_limits.txt:1: expected 'rule", "a.c:2: 126"],
    ),
]

if __name__ == "__main__":
    lint.main(__doc__, check, CASES, add_arguments)
