#!/usr/bin/env python3
"""Every header compiles by itself, and twice; those of the plugin ABI and of libweir compile as C11, C17 and C++17
without a warning.

A header that is for C alone (weir/udf.h and what includes it) must say so when used from C++: it has to fail there
with its #error.
"""

import concurrent.futures
import os
import re
import subprocess

import lint

STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Werror")
ABI = "plugin-api/include/"
PUBLIC = (ABI, "runtime/embed/weir.h")
FOLDERS = ("plugin-api", "runtime", "loader", "cli", "tests/harness")
C_ONLY = "C only"


def included_as(path):
    return re.sub(r"^(?:plugin-api/include|runtime|tests)/", "", path)


def is_c_only(root, path, depth=0):
    """True when the header has an #error against C++, itself or through what it includes."""
    text = lint.read(root, path)
    if re.search(r"#ifdef __cplusplus\s+#error", text):
        return True
    below = [ABI + name for name in re.findall(r"#include <(weir/[\w/.]+)>", text)]
    return depth < 8 and any(is_c_only(root, p, depth + 1) for p in below if os.path.exists(os.path.join(root, p)))


def compile_header(root, path, command, flags):
    """None, or the first lines of what the compiler says."""
    include = f'#include "{included_as(path)}"\n' * 2
    paths = [f"-I{os.path.join(root, p)}" for p in (ABI, "runtime", "tests", "")]
    try:
        done = subprocess.run(
            [command, "-fsyntax-only", *flags, *paths, "-"], input=include, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return f"{command} is not installed; install it (Debian: apt-get install g++) or name another with --cc, --cxx"
    return None if done.returncode == 0 else done.stderr


def first_error(path, flags, said):
    match = re.search(r"^.*?:(\d+)(?::\d+)?: (?:fatal )?error: (.*)$", said, re.MULTILINE)
    standard = next((f for f in flags if f.startswith("-std=")), "")
    return lint.Finding(
        path, int(match.group(1)) if match else 1, f"{standard}: {match.group(2) if match else said.strip()[:200]}"
    )


def check_cxx(root, path, arguments):
    flags = ("-x", "c++", "-std=c++17", *STRICT)
    said = compile_header(root, path, arguments.cxx, flags)
    if not is_c_only(root, path):
        return [first_error(path, flags, said)] if said else []
    if said and C_ONLY in said:
        return []
    return [lint.Finding(path, 1, f"is for C alone: from C++ it must fail with an #error that says '{C_ONLY}'")]


def check_header(root, path, arguments):
    is_public = path.startswith(PUBLIC)
    runs = (
        [("-x", "c", f"-std={s}", *STRICT) for s in ("c11", "c17")]
        if is_public
        else [("-x", "c", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror")]
    )
    findings = []
    for flags in runs:
        said = compile_header(root, path, arguments.cc, flags)
        if said:
            findings.append(first_error(path, flags, said))
    return findings + (check_cxx(root, path, arguments) if is_public else [])


def check(root, arguments):
    paths = lint.files(root, FOLDERS, (".h",))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        results = list(pool.map(lambda path: check_header(root, path, arguments), paths))
    return [finding for result in results for finding in result]


def add_arguments(parser):
    parser.add_argument("--cc", default="cc", help="the C compiler")
    parser.add_argument("--cxx", default="c++", help="the C++ compiler")


GUARD = "#ifndef A_H\n#define A_H\n"
CASES = [
    (
        {
            "runtime/a/a.h": GUARD + "#include <stddef.h>\nstruct a {\n    size_t n;\n};\n#endif\n",
            ABI
            + "weir/abi.h": "#ifndef W_H\n#define W_H\n#include <stdint.h>\ntypedef struct w { uint32_t n; } w;\n#endif\n",
            ABI + "weir/udf.h": '#ifndef U_H\n#define U_H\n#ifdef __cplusplus\n#error "C only"\n#endif\nint u;\n#endif\n',
            ABI + "weir/lines.h": "#ifndef L_H\n#define L_H\n#include <weir/udf.h>\nint l;\n#endif\n",
        },
        [],
    ),
    (
        {"runtime/a/a.h": GUARD + "struct a {\n    size_t n;\n};\n#endif\n"},
        ["runtime/a/a.h:4: -std=c11: unknown type name"],
    ),
    ({"runtime/a/a.h": "struct a {\n    int n;\n};\n"}, ["runtime/a/a.h:1: -std=c11: redefinition of"]),
    (
        {ABI + "weir/a.h": GUARD + "static inline int *f(void *p)\n{\n    return p;\n}\n#endif\n"},
        ["weir/a.h:5: -std=c++17: invalid conversion"],
    ),
    (
        {ABI + "weir/a.h": GUARD + "static inline int f(int a)\n{\n    return 0;\n}\n#endif\n"},
        ["-std=c11: unused parameter", "-std=c17: unused parameter", "-std=c++17: unused parameter"],
    ),
    (
        {ABI + "weir/a.h": GUARD + "struct a {\n    int n;\n    int rest[0];\n};\n#endif\n"},
        ["-std=c11: ISO C", "-std=c17: ISO C", "-std=c++17: ISO C++"],
    ),
    (
        {ABI + "weir/a.h": GUARD + "#ifdef __cplusplus\n#error no\n#endif\nint a;\n#endif\n"},
        ["must fail with an #error that says"],
    ),
    ({"runtime/embed/weir.h": GUARD + "int f(int class);\n#endif\n"}, ["weir.h:3: -std=c++17:"]),
]

if __name__ == "__main__":
    lint.main(__doc__, check, CASES, add_arguments)
