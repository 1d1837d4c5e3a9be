#!/usr/bin/env python3
"""Checks that what the documentation shows is true.

    check_examples.py BUILD [--cc gcc] [PAGE...]      default: all pages of the project

In each page, in order, in a folder of the page's own that has plugin-api/ and examples/ in it:

  ```c and ```yaml    blocks whose first line is "// file: NAME" or "# file: NAME" are written there under that name; a NAME
                      below examples/ must be what that file of the project holds, word for word
  .c files            are compiled without warnings; plugins among them are described by `weir inspect`
  .yaml files         must be valid for `weir validate`
  ```console          lines with "$ " are run by a shell that finds `weir`; what is printed on standard output must be the
                      lines that follow, and the exit code 0. "$ weir ... # exit code 2" says another one, and then what is
                      on standard error is compared too, and a .yaml block just before need not be valid

Links to files of the project must lead somewhere.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
NAMED = re.compile(r"(?://|#) file: (\S+)\n")
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Wshadow", "-Wstrict-prototypes", "-Wmissing-prototypes", "-Werror"]
PLUGIN = ["-shared", "-fPIC", "-fvisibility=hidden", "-Wl,-z,defs,-z,now,--build-id"]


class Page:
    def __init__(self, path, build, compiler):
        self.path, self.compiler, self.problems = path, compiler, []
        self.text = path.read_text(encoding="utf-8")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-docs-"))
        for name in ("plugin-api", "examples"):
            (self.folder / name).symlink_to(ROOT / name)
        path_list = f"{build / 'bin'}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path_list, "WEIR_CONFIG": os.devnull,
                            "WEIR_HOME": str(self.folder / "home")}
        for name in ("WEIR_RUN", "WEIR_LOG", "WEIR_PLUGINS", "WEIR_PLUGIN_PATH"):
            self.environment.pop(name, None)

    def problem(self, where, text):
        line = self.text.count("\n", 0, where) + 1
        self.problems.append(f"{self.path.relative_to(ROOT)}:{line}: {text}")

    def run(self, command, **options):
        return subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL, **options)

    def check(self):
        try:
            blocks = list(BLOCK.finditer(self.text))
            for i, block in enumerate(blocks):
                following = blocks[i + 1][2] if i + 1 < len(blocks) else ""
                self.check_block(block.start(), block[1], block[2], following)
            for link in LINK.finditer(BLOCK.sub(lambda block: "\n" * block[0].count("\n"), self.text)):
                if not (self.path.parent / link[1]).exists():
                    self.problem(link.start(), f"there is no {link[1]}")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
        return self.problems

    def check_block(self, where, language, text, following):
        named = NAMED.match(text)
        if language == "console":
            self.check_session(where, text)
        elif named and named[1].startswith("examples/"):
            if (ROOT / named[1]).read_text(encoding="utf-8") != text[named.end():]:
                self.problem(where, f"this is not what {named[1]} holds")
        elif named:
            file = self.folder / named[1]
            file.write_text(text[named.end():], encoding="utf-8")
            if language == "c":
                self.check_code(where, file, following)
            elif language == "yaml" and "# exit code" not in following:
                self.expect(where, ["weir", "validate", file.name])

    def check_code(self, where, file, following):
        include = ["-I", str(ROOT / "plugin-api" / "include"), "-I", str(ROOT / "runtime" / "embed")]
        is_plugin = "WEIR_PLUGIN(" in file.read_text(encoding="utf-8")
        output = ["-o", file.stem + ".so"] if is_plugin else ["-fsyntax-only"]
        self.expect(where, [self.compiler, *WARNINGS, *(PLUGIN if is_plugin else []), *include, *output, file.name])
        if is_plugin and "weir inspect" not in following:
            self.expect(where, ["weir", "inspect", "--manifest", "--write", file.stem + ".so"])

    def expect(self, where, command):
        done = self.run(command)
        if done.returncode:
            self.problem(where, f"`{' '.join(command)}` gave exit code {done.returncode}:\n{done.stdout}{done.stderr}")

    def check_session(self, where, text):
        for step in re.split(r"^\$ ", text, flags=re.M)[1:]:
            command, _, expected = step.partition("\n")
            command, _, code = command.partition(" # exit code ")
            done = self.run(command, shell=True)
            printed = done.stdout + (done.stderr if code else "")
            if done.returncode != int(code or 0) or printed.strip() != expected.strip():
                self.problem(where, f"`{command}` gave exit code {done.returncode} and printed:\n{done.stdout}{done.stderr}")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("build", type=lambda path: pathlib.Path(path).resolve())
    options.add_argument("--cc", default="cc")
    options.add_argument("pages", nargs="*", type=lambda path: pathlib.Path(path).resolve())
    given = options.parse_args()
    pages = given.pages or [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]
    problems = [problem for path in sorted(pages) for problem in Page(path, given.build, given.cc).check()]
    print("\n".join(problems) if problems else f"{len(pages)} pages are true")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
