"""Plain C functions as steps of a job: of the system's libraries and of one that is compiled here."""
import math
import os
import shutil
import subprocess

from support import WeirTest

OWN = r"""
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

char *shout(const char *text) /* to be freed */
{
    char *loud = strdup(text);
    for (char *p = loud; *p; p++) *p = (char)toupper((unsigned char)*p);
    return loud;
}
static char place[64]; /* one result at a time */
const char *label(int64_t n, const char *who, bool vip)
{
    if (n < 0) return NULL;
    strcpy(place, who ? who : "nobody");
    strcat(place, vip ? "!" : ".");
    return place;
}
static char shelf[] = "LENT";
char *lend(int64_t n)
{
    return n % 2 ? shelf : NULL;
}
void give_back(char *text)
{
    if (text != shelf) abort();
}
bool is_even(int64_t n)
{
    return n % 2 == 0;
}
double area(float w, float h, int32_t n)
{
    return (double)w * (double)h * n;
}
int64_t crash(int64_t n)
{
    return n < 500 ? n : *(volatile int64_t *)n;
}
int counter = 1;
"""

HEAD = """
job: calls
nodes:
  - id: in
    source: {elements: {rows: ["3,4,ann,true", "6,8,,false", "-5,12,bob,false", "0,1,eve,"]}}
    schema: {n: i64, y: f64, who: "string?", vip: "bool?"}
"""
OUT = "  - {id: out, from: last, sink: print}\n"


class Calls(WeirTest):
    def library(self, name="libown.so", source=OWN):
        compiler = os.environ.get("CC", "cc")
        if not shutil.which(compiler):
            self.skipTest("there is no C compiler")
        path = self.file("own.c", source)
        subprocess.run([compiler, "-shared", "-fPIC", "-o", self.folder / name, path], check=True)
        (self.folder / name).chmod(0o755)
        return self.folder / name

    def results(self, steps, *options):
        printed = self.run_job(self.job(HEAD + steps), *options)["printed"]
        return sorted(line.split("> ")[-1] for line in printed)

    def check(self, steps, expected, parallel=True):
        """Results do not depend on where batches are cut, nor, for functions without a place of their own, on the slots."""
        cuts = [["-p", "1", "-D", f"defaults.batch_rows={rows}"] for rows in (1, 7, 1024)]
        for options in cuts + [["-p", "3"]] * parallel:
            with self.subTest(options=options):
                self.assertEqual(self.results(steps, *options), sorted(expected))

    def test_libm(self):
        self.check("""
  - id: far
    from: in
    map: {call: "libm.so.6:hypot", signature: "f64(f64, f64)", args: [cast(n as f64), y], into: far}
  - id: last
    from: far
    map: {call: "libm.so.6:ldexp", signature: "f64(f64, i32)", args: [far, 3], into: y}
    select: [n, y, far]
""" + OUT, [f"{n},{math.hypot(n, y) * 8},{math.hypot(n, y)}" for n, y in ((3, 4), (6, 8), (-5, 12), (0, 1))])

    def test_libc(self):
        self.check("""
  - id: last
    from: in
    map: {call: "libc.so.6:strlen", signature: "i64(string)", args: who, into: length}
    select: [who, length]
""" + OUT, ["ann,3", ",", "bob,3", "eve,3"])

    def test_a_library_of_ones_own(self):
        self.library()
        self.check("""
  - id: loud
    from: in
    map: {call: "./libown.so:shout", signature: "owned string(string)", args: [who], into: who}
  - id: even
    from: loud
    filter: {call: "./libown.so:is_even", signature: "bool(i64)", args: [n]}
  - id: last
    from: even
    map: {call: "./libown.so:area", signature: "f64(f32, f32, i32)", args: [cast(y as f32), 0.5, cast(n as i32)], into: a}
    select: [n, who, a]
""" + OUT, ["6,,24.0", "0,EVE,0.0"])

    def test_strings_that_come_back(self):
        self.library()
        self.check("""
  - id: named
    from: in
    map:
      call: "./libown.so:label"
      signature: "string?(i64, string?, bool)"
      args: [n, who, "coalesce(vip, false)"]
      into: label
  - id: last
    from: named
    map: {call: "./libown.so:lend", signature: "owned(give_back) string?(i64)", args: [n], into: lent}
    select: [n, label, lent]
""" + OUT, ["3,ann!,LENT", "6,nobody.,", "-5,,LENT", "0,eve.,"], parallel=False)

    def test_record_errors(self):
        self.library()
        steps = """
  - id: last
    from: in
    map: {call: "./libown.so:label", signature: "string(i64, string?, bool)", args: [n, who, true], into: label}
    errors: POLICY
    select: [n, label]
  - {id: out, from: last, sink: print}
"""
        self.check(steps.replace("POLICY", "skip"), ["3,ann!", "6,nobody!", "0,eve!"], parallel=False)
        bad = '-5,12.0,bob,false,"the function returned NULL; for one that may, the signature says string?"'
        self.check(steps.replace("POLICY", "side_output") + "  - {id: bad, from: last.errors, sink: print}\n",
                   ["3,ann!", "6,nobody!", "0,eve!", bad], parallel=False)
        done = self.weir("run", self.job(HEAD + steps.replace("POLICY", "fail")), code=1)
        for words in ("the function returned NULL", "label(n, who, true)", "in the record {n: -5,"):
            self.assertIn(words, done.err)

    def test_a_blocking_function_has_a_thread_of_its_own(self):
        steps = """
  - id: last
    from: in
    map: {call: "libc.so.6:usleep", signature: "i32(i32)", args: [1000], into: slept, blocking: true}
    select: [n, slept]
"""
        self.check(steps + OUT, ["3,0", "6,0", "-5,0", "0,0"])
        self.assertIn("blocks: own thread", self.weir("plan", self.job(HEAD + steps + OUT), "--graph", "stream").out)

    def test_the_plan_shows_calls(self):
        job = self.job(HEAD + """
  - {id: last, from: in, map: {call: "libm.so.6:exp", signature: "f64(f64)", args: "y / 2", into: e}}
""" + OUT)
        self.assertIn("map exp of libm.so.6", self.weir("plan", job).out)
        plan = self.weir("plan", job, "--graph", "stream", "--format", "json").out.replace("\n", " ")
        for part in ('"library": "libm.so.6"', '"function": "exp"', '"signature": "f64(f64)"', '"y / 2"', '"into": "e"'):
            self.assertIn(part, plan)

    def refused(self, call, *words, code=3):
        job = self.job(HEAD + f"""
  - {{id: last, from: in, map: {{call: "{call}", signature: "i64(i64)", args: n, into: n}}}}
""" + OUT)
        done = self.weir("validate", job, code=code)
        for word in ("job.yaml:8:38: error: ", *words):
            self.assertIn(word, done.err)

    def test_what_is_not_there_is_found_by_validate(self):
        library = self.library()
        self.refused("libm.so.6:hypo", "libm.so.6: expected a function 'hypo', found none")
        self.refused("libm.so.6:signgam", "expected 'signgam' to be a function, found a variable")
        self.refused("libnothing.so.9:f", "expected a library that the system's loader finds", "ldconfig -p")
        self.refused("./libown.so:place", "expected a function 'place', found none")
        self.refused("./libown.so:counter", "found a variable")
        self.refused("./libother.so:f", "libother.so: expected a file, found none")
        library.chmod(0o777)
        self.refused("./libown.so:is_even", "expected a file that only its owner can write, found mode 777")

    def test_a_library_that_dies_when_it_is_opened(self):
        self.library("libbad.so", "#include <stdlib.h>\n__attribute__((constructor)) static void f(void) { abort(); }\n"
                                  "long g(long x) { return x; }\n")
        self.refused("./libbad.so:g", "the helper process that opened it was killed by signal 6", "constructors")

    def test_a_crash_names_the_function(self):
        self.library()
        done = self.weir("run", self.job("""
job: calls
nodes:
  - {id: in, source: {sequence: {from: 1, to: 1000}}}
  - {id: bad, from: in, map: {call: "./libown.so:crash", signature: "i64(i64)", args: value, into: x}}
  - {id: out, from: bad, sink: discard}
"""), code=1)
        for words in ("bad", "crash of libown.so", "signal 11"):
            self.assertIn(words, done.err)
