"""What the lints share: finding sources, blanking comments and strings, exceptions, and the self-test.

A lint is a function check(root) that returns findings, and a list of self-test cases: a small tree of files, and what
must be found in it (nothing, for the good ones). Without a case that goes red a lint proves nothing.
"""

import argparse
import os
import re
import sys
import tempfile

C_FOLDERS = ("plugin-api", "runtime", "loader", "plugins", "cli", "examples", "tests", "bench")


class Finding:
    def __init__(self, path, line, message):
        self.path, self.line, self.message = path, line, message

    def __str__(self):
        return f"{self.path}:{self.line}: {self.message}"


def files(root, folders, suffixes):
    """Paths below the folders, relative to root, sorted."""
    found = []
    for folder in folders:
        for place, subfolders, names in os.walk(os.path.join(root, folder)):
            subfolders[:] = sorted(n for n in subfolders if not n.startswith(".") and n != "__pycache__")
            found += [os.path.relpath(os.path.join(place, n), root) for n in names if n.endswith(tuple(suffixes))]
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()


_TOKENS = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def strip(text):
    """C source with comments, strings and character constants blanked; lines keep their numbers."""
    return _TOKENS.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def exceptions(root, name):
    """Lines of tests/lint/<name>: "path what  # reason". A reason is required: {(path, what): line number}."""
    path = os.path.join("tests", "lint", name)
    known, findings = {}, []
    if not os.path.exists(os.path.join(root, path)):
        return known, findings
    for number, line in enumerate(read(root, path).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        entry, _, reason = line.partition("#")
        words = entry.split()
        if len(words) != 2 or not reason.strip():
            findings.append(Finding(path, number, "expected 'path what  # reason'"))
        else:
            known[tuple(words)] = number
    return known, findings


def unused(name, known, used):
    """An exception that nothing needs any more is a finding too: what became good stays good."""
    path = os.path.join("tests", "lint", name)
    return [
        Finding(path, known[e], f"'{' '.join(e)}' is not needed any more: remove it")
        for e in sorted(set(known) - set(used))
    ]


def _self_test(check, cases):
    failed = 0
    for i, (tree, expected) in enumerate(cases):
        with tempfile.TemporaryDirectory() as root:
            for path, text in tree.items():
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            found = [str(f) for f in check(root)]
        ok = len(found) == len(expected) and all(e in f for e, f in zip(expected, found))
        if not ok:
            failed += 1
            print(
                f"case {i + 1} ({', '.join(tree)}): expected",
                *expected or ["nothing"],
                "found",
                *found or ["nothing"],
                sep="\n  ",
            )
    bad = sum(1 for _, expected in cases if expected)
    print(f"self-test: {len(cases)} cases, {bad} of them bad on purpose, {failed} failed")
    return 1 if failed or not bad else 0


def main(description, check, cases, add_arguments=None):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--root", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    parser.add_argument(
        "--self-test", action="store_true", help="check that bad snippets are found and good ones are not"
    )
    if add_arguments:
        add_arguments(parser)
    arguments = parser.parse_args()
    if add_arguments:
        run = lambda root: check(root, arguments)
    else:
        run = check
    if arguments.self_test:
        sys.exit(_self_test(run, cases))
    findings = run(os.path.abspath(arguments.root))
    for finding in findings:
        print(finding)
    print(f"{len(findings)} finding{'' if len(findings) == 1 else 's'}")
    sys.exit(1 if findings else 0)
