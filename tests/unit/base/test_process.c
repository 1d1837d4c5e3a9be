/* Helper programs: how they end, what they say, and that none outlives its welcome. */
#include "base/process.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "harness/suite.h"

enum { PATIENCE_MS = 30000, IMPATIENCE_MS = 100, ROOM = 1000 };

static struct weir_process_result run(const char *script, int64_t timeout_ms)
{
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    struct weir_process_limits limits = {.timeout_ms = timeout_ms, .max_output_bytes = ROOM};
    struct weir_process_result r;
    struct weir_error error;
    CU_ASSERT_EQUAL(weir_process_run(argv, &limits, &r, &error), WEIR_OK);
    return r;
}

static void gives_exit_code_and_both_streams(void)
{
    struct weir_process_result r = run("echo out; echo err >&2; exit 7", PATIENCE_MS);
    CU_ASSERT(r.exited && r.exit_code == 7 && r.signal == 0 && !r.timed_out && !r.cut);
    CU_ASSERT_STRING_EQUAL(r.out, "out\n");
    CU_ASSERT_STRING_EQUAL(r.err, "err\n");
    CU_ASSERT_STRING_EQUAL(r.how, "exited with code 7");
    weir_process_result_finish(&r);
}

static void names_the_signal(void)
{
    struct weir_process_result r = run("kill -SEGV $$", PATIENCE_MS);
    CU_ASSERT(!r.exited && r.signal == 11);
    CU_ASSERT_STRING_EQUAL(r.how, "was killed by signal 11 (SIGSEGV, Segmentation fault)");
    CU_ASSERT_STRING_EQUAL(r.out, "");
    weir_process_result_finish(&r);
}

static void gives_no_input(void)
{
    struct weir_process_result r = run("cat; echo done", PATIENCE_MS);
    CU_ASSERT_STRING_EQUAL(r.out, "done\n");
    weir_process_result_finish(&r);
}

static void keeps_only_so_much(void)
{
    struct weir_process_result r =
        run("i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done; exit 3",
            PATIENCE_MS);
    CU_ASSERT(r.exited && r.exit_code == 3 && r.cut); /* it was not stopped by a full pipe */
    CU_ASSERT_EQUAL(r.n_out, ROOM);
    CU_ASSERT_EQUAL(r.out[ROOM], 0);
    weir_process_result_finish(&r);
}

static void ends_what_does_not_end(void)
{
    struct weir_process_result r = run("echo started; while :; do :; done", IMPATIENCE_MS);
    CU_ASSERT(r.timed_out && !r.exited);
    CU_ASSERT_STRING_EQUAL(r.how, "had not ended after 0.1 s and was killed");
    weir_process_result_finish(&r);
    r = run("exec >&- 2>&-; while :; do :; done", IMPATIENCE_MS); /* not taken in by closed pipes */
    CU_ASSERT(r.timed_out);
    weir_process_result_finish(&r);
}

static void does_not_wait_for_grandchildren(void)
{
    struct weir_process_result r = run("(while :; do :; done) & echo left behind", PATIENCE_MS);
    CU_ASSERT(r.exited && r.exit_code == 0 && !r.timed_out);
    CU_ASSERT_STRING_EQUAL(r.out, "left behind\n");
    weir_process_result_finish(&r);
}

static void says_what_cannot_be_run(void)
{
    const char *argv[] = {"/no/such/program", NULL};
    struct weir_process_limits limits = {.timeout_ms = PATIENCE_MS, .max_output_bytes = ROOM};
    struct weir_process_result r;
    struct weir_error error;
    CU_ASSERT_EQUAL(weir_process_run(argv, &limits, &r, &error), WEIR_E_IO);
    CU_ASSERT_STRING_EQUAL(error.text, "/no/such/program: cannot be run: No such file or directory");
    weir_process_result_finish(&r);
}

static void knows_itself(void)
{
    struct weir_error error;
    char *self = weir_process_executable(), *real = NULL;
    CU_ASSERT_PTR_NOT_NULL_FATAL(self);
    CU_ASSERT_EQUAL(weir_path_resolve("/proc/self/exe", &real, &error), WEIR_OK);
    CU_ASSERT_STRING_EQUAL(self, real);
    weir_free(real);
    weir_free(self);
    CU_ASSERT_EQUAL(weir_path_resolve("/no/such/file", &real, &error), WEIR_E_IO);
    CU_ASSERT_STRING_EQUAL(error.text, "/no/such/file: No such file or directory");
    CU_ASSERT_PTR_NULL(real);
}

WEIR_SUITE(process) = {
    {"gives exit code and both streams", gives_exit_code_and_both_streams},
    {"names the signal", names_the_signal},
    {"gives no input", gives_no_input},
    {"keeps only so much", keeps_only_so_much},
    {"ends what does not end", ends_what_does_not_end},
    {"does not wait for grandchildren", does_not_wait_for_grandchildren},
    {"says what cannot be run", says_what_cannot_be_run},
    {"knows itself", knows_itself},
    {NULL, NULL},
};
