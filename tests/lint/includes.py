#!/usr/bin/env python3
"""Includes go down only: each folder is a floor, and a file includes its own folder, lower floors, or neighbours that do
not include it back. Plugins and examples are strangers: they see <weir/...> and libraries. Private headers stay in
their folder. A .c includes its own header first.
"""

import os
import re

import lint

FLOORS = {
    "weir": 0,
    "base": 1,
    "data": 2,
    "graph": 2,
    "metrics": 2,
    "channel": 3,
    "time": 3,
    "state": 3,
    "expr": 3,
    "loader": 4,
    "checkpoint": 4,
    "operator": 5,
    "window": 6,
    "task": 7,
    "job": 8,
    "embed": 9,
    "cli": 10,
}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def includes_of(text):
    """(offset, quote, path) of each include that is not in a comment."""
    code = lint.strip(text)
    return [
        (m.start(), m.group(1), m.group(2))
        for m in INCLUDE.finditer(text)
        if code[m.start() : m.end()].lstrip()[:1] == "#"
    ]


def folder_of(path):
    parts = path.split("/")
    return parts[1] if parts[0] == "runtime" and len(parts) > 2 else parts[0]


def check_floor(path, line, included, seen):
    """An include of a file of our own folders, from a file of one of them."""
    own, other = folder_of(path), included.split("/")[0]
    if own not in FLOORS:
        return [lint.Finding(path, line, f"the folder '{own}' has no floor: name it in tests/lint/includes.py")]
    seen.setdefault((own, other), (path, line))
    if FLOORS[other] > FLOORS[own]:
        return [
            lint.Finding(
                path, line, f"'{own}' is floor {FLOORS[own]} and must not include '{included}' of floor {FLOORS[other]}"
            )
        ]
    if included.endswith("_internal.h") and other != own:
        return [lint.Finding(path, line, f"'{included}' is private to '{other}'")]
    return []


def check_stranger(root, path, line, quote, included):
    first = included.split("/")[0]
    if first != "weir" and first in FLOORS and "/" in included:
        return [
            lint.Finding(path, line, f"plugins and examples include only <weir/...> and libraries, not '{included}'")
        ]
    if quote == '"' and not os.path.exists(os.path.join(root, os.path.dirname(path), included)):
        return [lint.Finding(path, line, f'"{included}" is not a file of this folder')]
    return []


def check_own_header_first(root, path, includes, text):
    own = re.sub(r"^runtime/", "", path)[:-2] + ".h"
    exists = os.path.exists(os.path.join(root, path[:-2] + ".h"))
    if not exists or not includes or includes[0][2] == own:
        return []
    return [
        lint.Finding(path, lint.line_of(text, includes[0][0]), f'the first include must be its own header, "{own}"')
    ]


def check_neighbours(seen):
    """Folders of one floor may use each other in one direction."""
    found = []
    for (a, b), (path, line) in sorted(seen.items()):
        if a < b and (b, a) in seen:
            other = seen[(b, a)]
            found.append(lint.Finding(path, line, f"'{a}' and '{b}' include each other ({other[0]}:{other[1]})"))
    return found


def check(root):
    findings, seen = [], {}
    for path in lint.files(root, ("plugin-api", "runtime", "loader", "cli", "plugins", "examples"), (".c", ".h")):
        text = lint.read(root, path)
        includes = includes_of(text)
        is_stranger = path.split("/")[0] in ("plugins", "examples")
        for offset, quote, included in includes:
            line, first = lint.line_of(text, offset), included.split("/")[0]
            if is_stranger:
                findings += check_stranger(root, path, line, quote, included)
            elif path.startswith("plugin-api/"):
                if "/" in included and first in FLOORS and first != "weir" or quote == '"':
                    findings.append(lint.Finding(path, line, f"ABI headers need libc alone, not '{included}'"))
            elif "/" in included and first in FLOORS:
                findings += check_floor(path, line, included, seen)
            elif quote == '"':
                findings.append(lint.Finding(path, line, f'write "folder/file.h", not "{included}"'))
        if path.endswith(".c") and not is_stranger:
            findings += check_own_header_first(root, path, includes, text)
    return findings + check_neighbours(seen)


CASES = [
    (
        {
            "runtime/data/rows.c": '#include "data/rows.h"\n\n#include <weir/data.h>\n#include "base/alloc.h"\n',
            "runtime/data/rows.h": "",
            "plugins/a/plugin.c": '#include <weir/udf.h>\n#include <zlib.h>\n#include "table.h"\n',
            "plugins/a/table.h": "",
            "runtime/channel/gate.h": '#include "time/watermark.h"\n',
            "cli/main.c": '#include "embed/weir.h"\n',
        },
        [],
    ),
    (
        {"runtime/base/text.c": '#include "data/rows.h"\n'},
        ["text.c:1: 'base' is floor 1 and must not include 'data/rows.h' of floor 2"],
    ),
    (
        {"loader/job.c": '/* #include "task/chain.h" */\n#include "task/chain.h"\n'},
        ["loader/job.c:2: 'loader' is floor 4 and must not"],
    ),
    (
        {"runtime/time/a.h": '#include "channel/b.h"\n', "runtime/channel/b.h": '#include "time/a.h"\n'},
        ["runtime/channel/b.h:1: 'channel' and 'time' include each other (runtime/time/a.h:1)"],
    ),
    ({"runtime/task/a.c": '#include "data/rows_internal.h"\n'}, ["'data/rows_internal.h' is private to 'data'"]),
    ({"plugins/a/plugin.c": '#include "base/alloc.h"\n'}, ["plugins and examples include only <weir/...>"]),
    (
        {"examples/a/plugin.c": "#include <runtime.h>\n#include <data/rows.h>\n"},
        ["plugin.c:2: plugins and examples include only"],
    ),
    ({"plugins/a/plugin.c": '#include "../b/table.h"\n'}, ["is not a file of this folder"]),
    (
        {"plugin-api/include/weir/x.h": "#include <weir/abi.h>\n#include <base/text.h>\n"},
        ["x.h:2: ABI headers need libc alone"],
    ),
    (
        {"runtime/data/rows.c": '#include <string.h>\n#include "data/rows.h"\n', "runtime/data/rows.h": ""},
        ['rows.c:1: the first include must be its own header, "data/rows.h"'],
    ),
    ({"runtime/data/rows.c": '#include "rows.h"\n'}, ['write "folder/file.h"']),
    ({"runtime/newcomer/a.c": '#include "base/alloc.h"\n'}, ["the folder 'newcomer' has no floor"]),
]

if __name__ == "__main__":
    lint.main(__doc__, check, CASES)
