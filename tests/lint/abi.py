#!/usr/bin/env python3
"""The plugin ABI only grows: what tests/lint/abi.txt lists is where it was.

The list has every struct that crosses the border with the offset, size and type of its members, every value of an enum,
and every flag and name of the headers that <weir/plugin.h> includes. The compiler says where things are. Not a finding:
a member behind the end of a struct that may grow, a new value, struct or flag. Anything else is one: a member that moved,
changed its type, or is gone; one in the padding of what there was, which an older plugin's struct_size would cover;
growth of a struct that has no struct_size and no stride. `abi.py --write` writes the list anew, after additions, or
before 1.0.
"""

import os
import re
import subprocess
import sys
import tempfile

import lint

ABI = "plugin-api/include/"
LIST = "tests/lint/abi.txt"
STRIDED = {"weir_option", "weir_state", "weir_field", "weir_schema_field"}  # elements of arrays with a stride
HOSTS_OWN = {"struct weir_ctx"}  # made by hosts alone: plugins see a pointer


def headers(root):
    text = lint.read(root, ABI + "weir/plugin.h")
    return [ABI + name for name in re.findall(r"#include <(weir/\w+\.h)>", text)]


def squeezed(text):
    return re.sub(r"\s*([(),*\[\]])\s*", r"\1", re.sub(r"\s+", " ", text.strip()))


def members(body):
    """Name and type of each member of a struct, as they are declared."""
    for declaration in re.sub(r"__attribute__\(\(.*?\)\)\)?(?=;)|__attribute__\(\(format\([^)]*\)\)\)", "", body).split(";"):
        declaration = declaration.strip()
        if not declaration:
            continue
        pointer = re.search(r"\(\*(\w+)\)\(", declaration)
        if pointer:
            yield pointer.group(1), squeezed(declaration)
            continue
        base, *others = declaration.split(",")
        kind = re.match(r"(?:const |unsigned |struct |enum )*\w+(?: const)?", base).group()
        for declarator in [base[len(kind):], *others]:
            name = re.search(r"(\w+)\s*(?:\[[^\]]*\])?\s*$", declarator).group(1)
            yield name, squeezed(kind + " " + declarator.strip())


def described(root):
    """What the headers declare: structs as (name, members), constants, and texts."""
    structs, numbers, texts = [], [], []
    for path in headers(root):
        code = re.sub(r'//[^\n]*|/\*.*?\*/', " ", lint.read(root, path), flags=re.DOTALL)
        for typedef, name, body in re.findall(r"(typedef )?struct (\w+) \{(.*?)\n\}", code, re.DOTALL):
            structs.append((name if typedef else "struct " + name, list(members(body))))
        for body in re.findall(r"enum(?: \w+)? \{(.*?)\}", code, re.DOTALL):
            numbers += re.findall(r"\b(WEIR_\w+)\s*=", body)
        numbers += re.findall(r"^#define (WEIR_\w+) \(1u << \d+\)", code, re.MULTILINE)
        texts += re.findall(r'^#define (WEIR_\w+) "', code, re.MULTILINE)
    return structs, numbers, texts


def program(structs, numbers, texts):
    lines = ["#include <stdio.h>", "#include <weir/plugin.h>", "int main(void)", "{"]
    for name, all_members in structs:
        lines.append(f'printf("{name} size %zu\\n", sizeof({name}));')
        for member, kind in all_members:
            place = f"offsetof({name}, {member}), sizeof((({name} *)0)->{member})"
            lines.append(f'printf("{name}.{member} %zu %zu {kind}\\n", {place});')
    lines += [f'printf("{name} = %lld\\n", (long long){name});' for name in numbers]
    lines += [f'printf("{name} = \\"%s\\"\\n", {name});' for name in texts]
    return "\n".join([*lines, "return 0;", "}"])


def measured(root, arguments):
    with tempfile.TemporaryDirectory() as folder:
        source, binary = os.path.join(folder, "abi.c"), os.path.join(folder, "abi")
        with open(source, "w", encoding="utf-8") as file:
            file.write(program(*described(root)))
        subprocess.run([arguments.cc, "-std=c11", "-I", os.path.join(root, ABI), "-o", binary, source], check=True)
        return subprocess.run([binary], check=True, capture_output=True, text=True).stdout.splitlines()


def parsed(lines):
    sizes, places, values = {}, {}, {}
    for line in lines:
        if " = " in line:
            name, value = line.split(" = ", 1)
            values[name] = value
        elif " size " in line:
            name, size = line.rsplit(" size ", 1)
            sizes[name] = int(size)
        else:
            name, rest = re.match(r"((?:struct )?\w+\.\w+) (.*)", line).groups()
            places[name] = rest
    return sizes, places, values


def may_grow(name, places):
    return name in STRIDED | HOSTS_OWN or f"{name}.struct_size" in places


def compare(listed, found):
    """Sentences about what is not as it was."""
    (sizes, places, values), (sizes_now, places_now, values_now) = parsed(listed), parsed(found)
    for name, place in places.items():
        if places_now.get(name) != place:
            yield f"{name} was at {place}, and is {'at ' + places_now[name] if name in places_now else 'gone'}"
    for name, value in values.items():
        if values_now.get(name) != value:
            yield f"{name} was {value}, and is {values_now.get(name, 'gone')}"
    for name, size in sizes.items():
        now = sizes_now.get(name)
        if now is None or now < size:
            yield f"{name} had {size} bytes, and has {now or 'gone'}"
        elif now > size and not may_grow(name, places):
            yield f"{name} had {size} bytes, and has {now}; it has no struct_size: plugins index it, or pass it by value"
    for name, place in places_now.items():
        struct = name.rsplit(".", 1)[0]
        if name not in places and struct in sizes and int(place.split()[0]) < sizes[struct]:
            yield f"{name} is new, at {place}, which is not behind the {sizes[struct]} bytes that {struct} had"


def check(root, arguments):
    if arguments.write:
        with open(os.path.join(root, LIST), "w", encoding="utf-8") as file:
            file.write("\n".join(measured(root, arguments)) + "\n")
        return []
    listed = lint.read(root, LIST).splitlines()
    return [lint.Finding(LIST, 1, sentence) for sentence in compare(listed, measured(root, arguments))]


def add_arguments(parser):
    parser.add_argument("--cc", default="cc", help="the C compiler")
    parser.add_argument("--write", action="store_true", help="write the list anew")


HEADER = """#include <stddef.h>
#include <stdint.h>
typedef enum weir_e { WEIR_A = 1, WEIR_B = 2%s } weir_e;
#define WEIR_F (1u << 3)
#define WEIR_NAME "x/1"
typedef struct weir_s { /* grows */
    uint32_t struct_size, kind;
    const char *id, *doc;
    int (*call)(void *self, int64_t at); /* a comment; with one */
    uint32_t flags;
%s
} weir_s;
typedef struct weir_pair {
    uint64_t at, reserved;%s
} weir_pair;
"""
LISTED = """weir_s size 40
weir_s.struct_size 0 4 uint32_t struct_size
weir_s.kind 4 4 uint32_t kind
weir_s.id 8 8 const char*id
weir_s.doc 16 8 const char*doc
weir_s.call 24 8 int(*call)(void*self,int64_t at)
weir_s.flags 32 4 uint32_t flags
weir_pair size 16
weir_pair.at 0 8 uint64_t at
weir_pair.reserved 8 8 uint64_t reserved
WEIR_A = 1
WEIR_B = 2
WEIR_F = 8
WEIR_NAME = "x/1"
"""


def tree(header):
    return {ABI + "weir/plugin.h": "#include <weir/a.h>\n", ABI + "weir/a.h": header, LIST: LISTED}


SAME = HEADER % ("", "", "")
CASES = [
    (tree(SAME), []),
    (
        tree(HEADER % (", WEIR_C = 3", "    uint32_t reserved_;\n    uint64_t more;\n", "")),
        ["weir_s.reserved_ is new, at 36 4"],
    ),
    (tree(HEADER % (", WEIR_C = 3", "    uint64_t more;\n", "")), []),
    (tree(SAME + "typedef struct weir_t {\n    uint32_t struct_size;\n} weir_t;\n"), []),
    (
        tree(SAME.replace("uint32_t struct_size, kind", "uint32_t kind, struct_size")),
        ["weir_s.struct_size was", "weir_s.kind"],
    ),
    (tree(SAME.replace("int64_t at)", "int32_t at)")), ["weir_s.call was at 24 8"]),
    (tree(SAME.replace("WEIR_B = 2", "WEIR_B = 5")), ["WEIR_B was 2, and is 5"]),
    (tree(SAME.replace("(1u << 3)", "(1u << 4)")), ["WEIR_F was 8, and is 16"]),
    (tree(SAME.replace('"x/1"', '"x/2"')), ['WEIR_NAME was "x/1"']),
    (tree(SAME.replace("    uint32_t flags;\n", "")), ["weir_s.flags was at 32", "weir_s had 40 bytes, and has 32"]),
    (tree(HEADER % ("", "", " uint64_t third;")), ["weir_pair had 16 bytes, and has 24"]),
]

if __name__ == "__main__":
    lint.main(__doc__, check, CASES, add_arguments)
