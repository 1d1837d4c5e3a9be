"""What `cmake --install` puts into a folder is enough to build plugins and run jobs with them."""
import os
import shlex
import shutil
import subprocess
import unittest

from support import BUILD, TIMEOUT_S, WeirTest

PLUGIN = """#include <weir/udf.h>

typedef struct even {
    char unused;
} even;
static bool even_keep(even *me, weir_ctx *cx, weir_row in)
{
    (void)me;
    (void)cx;
    return weir_i64(in, 0) % 2 == 0;
}
WEIR_FILTER(even, .id = "even", .doc = "keeps even n", .in = "n:i64");
WEIR_PLUGIN("test.even", "1.0.0", &even_component);
"""

JOB = """
job: evens
plugins: [./even.so]
nodes:
  - {id: numbers, source: {sequence: {from: 1, to: 10, field: n}}}
  - {id: even, from: numbers, filter: even}
  - {id: out, from: even, sink: print}
"""


@unittest.skipUnless(shutil.which("cmake") and shutil.which("pkg-config") and shutil.which("cc"),
                     "cmake, pkg-config or cc is not here")
class Install(WeirTest):
    def run_in_folder(self, *words, **environment):
        done = subprocess.run([str(word) for word in words], capture_output=True, timeout=TIMEOUT_S, cwd=self.folder,
                              env={**self.environment, **environment}, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_a_plugin_is_built_with_what_pkg_config_says(self):
        self.run_in_folder("cmake", "--install", BUILD, "--prefix", self.folder / "first")
        installed = self.folder / "moved"  # it may be
        os.rename(self.folder / "first", installed)
        folder = next(installed.rglob("weir-plugin.pc")).parent
        flags = self.run_in_folder("pkg-config", "--cflags", "--libs", "weir-plugin", PKG_CONFIG_PATH=str(folder))
        (self.folder / "even.c").write_text(PLUGIN)
        self.run_in_folder("cc", "-Wall", "-Wextra", "-Werror", "-o", "even.so", "even.c", *shlex.split(flags))
        os.chmod(self.folder / "even.so", 0o755)
        program = installed / "bin" / "weir"
        self.run_in_folder(program, "inspect", "--manifest", "--write", "even.so")
        said = self.run_in_folder(program, "run", "--quiet", self.job(JOB))
        self.assertEqual([line.split("> ")[-1] for line in said.splitlines()], ["2", "4", "6", "8", "10"])
