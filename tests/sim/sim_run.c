/* Any manifests under the seeded scheduler and its virtual clock (harness/sim.h), one after the other in one process.
 *
 *   sim_run [--plugins DIR]... [--exact] [--late] MANIFEST [OPTION]...   one job
 *   sim_run [--plugins DIR]... [--exact] [--late] --list                 a job per line of standard input, in those words
 *
 *   --seed N, -p N, --set NAME=VALUE, -D PATH=VALUE                      of each job
 *   --crash AT,WAIT,THEN,PARALLELISM,ROWS[,BACKEND]                      of each job, any number (struct weir_sim_crash); it
 *               has checkpoints, in a directory of its own
 *   --ask AT,WAIT,WHAT                                                   of each job, any number (struct weir_sim_ask)
 *   --exact     the clock starts at 0 and stands still while anything can move; sources are polled every half millisecond
 *   --late      prints "late NODE COUNT" for every node that windows
 *
 * For each job: "run MANIFEST", what it prints, lines that say why it failed if it did, and "end ok" or "end failed". The
 * code is 1 when a job failed. A job that keeps memory fails.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "harness/sim_job.h"

#define MOST_PLUGINS     8
#define MOST_ARGUMENTS   64
#define MOST_ASSIGNMENTS 16
#define MOST_CRASHES     16
#define MOST_ASKS        16

struct tool {
    struct weir_sim_stage stage;
    const char *directories[MOST_PLUGINS + 2];
    size_t n_directories;
    bool exact, late;
    struct weir_text late_counts;
};

static int usage(void)
{
    fprintf(stderr, "usage: sim_run [--plugins DIR]... [--exact] [--late] (MANIFEST [--seed N] [-p N] [--set NAME=VALUE] "
                    "[-D PATH=VALUE] [--crash AT,WAIT,THEN,PARALLELISM,ROWS[,BACKEND]]... "
                    "[--ask AT,WAIT,WHAT]... | --list)\n");
    return 2;
}

static bool is(const char *word, const char *option)
{
    return strcmp(word, option) == 0;
}

/* ---- one job ------------------------------------------------------------------------------------------------------- */

struct request {
    struct weir_sim_job job;
    struct weir_assignment sets[MOST_ASSIGNMENTS], overrides[MOST_ASSIGNMENTS];
    struct weir_sim_crash crashes[MOST_CRASHES];
    struct weir_sim_ask asks[MOST_ASKS];
};

/* "a=b", which is cut in two. */
static bool add_assignment(struct weir_assignment *to, size_t *n, char *text)
{
    char *equals = strchr(text, '=');
    if (!equals || *n == MOST_ASSIGNMENTS) return false;
    *equals = '\0';
    to[(*n)++] = (struct weir_assignment){text, equals + 1};
    return true;
}

static bool add_crash(struct request *r, const char *text)
{
    if (r->job.n_crashes == MOST_CRASHES) return false;
    struct weir_sim_crash *c = &r->crashes[r->job.n_crashes++];
    return sscanf(text, "%" SCNd64 ",%" SCNu64 ",%" SCNu64 ",%" SCNu32 ",%" SCNu32 ",%15s", &c->at_ms, &c->wait, &c->then,
                  &c->parallelism, &c->batch_rows, c->state) >= 5;
}

static bool add_ask(struct request *r, const char *text)
{
    if (r->job.n_asks == MOST_ASKS) return false;
    struct weir_sim_ask *a = &r->asks[r->job.n_asks++];
    return sscanf(text, "%" SCNd64 ",%" SCNu64 ",%15s", &a->at_ms, &a->wait, a->what) == 3;
}

static bool read_request(struct request *r, char **words, int n)
{
    *r = (struct request){.job = {.manifest = n > 0 ? words[0] : NULL}};
    bool ok = n > 0;
    for (int i = 1; ok && i < n; i += 2) {
        char *value = i + 1 < n ? words[i + 1] : NULL;
        if (!value)
            ok = false;
        else if (is(words[i], "--seed"))
            r->job.seed = strtoull(value, NULL, 10);
        else if (is(words[i], "-p"))
            r->job.parallelism = (uint32_t)strtoul(value, NULL, 10);
        else if (is(words[i], "--set"))
            ok = add_assignment(r->sets, &r->job.n_sets, value);
        else if (is(words[i], "--crash"))
            ok = add_crash(r, value);
        else if (is(words[i], "--ask"))
            ok = add_ask(r, value);
        else
            ok = is(words[i], "-D") && add_assignment(r->overrides, &r->job.n_overrides, value);
    }
    r->job.sets = r->sets;
    r->job.overrides = r->overrides;
    r->job.crashes = r->crashes;
    r->job.asks = r->asks;
    return ok;
}

static void add_late(void *arg, struct weir_run *run)
{
    struct weir_run_status status;
    weir_run_status_take(run, &status);
    for (uint32_t i = 0; i < status.n_nodes; i++) {
        if (status.nodes[i].kind == WEIR_NODE_WINDOW)
            weir_text_add(arg, "late %s %" PRIu64 "\n", status.nodes[i].id, status.nodes[i].late);
    }
    weir_run_status_finish(&status);
}

/* False: the job failed. Otherwise *kept is how many blocks of memory it did not give back. */
static bool play(struct tool *t, struct request *r, struct weir_text *trouble, size_t *kept)
{
    weir_text_finish(&t->stage.printed);
    weir_text_finish(&t->late_counts);
    size_t before = weir_allocated_blocks();
    weir_status s = weir_sim_job_run(&t->stage, &r->job, trouble);
    if (s != WEIR_OK) return false;
    size_t texts = (t->stage.printed.p != NULL) + (t->late_counts.p != NULL);
    *kept = weir_allocated_blocks() - before - texts;
    return true;
}

static bool run(struct tool *t, struct request *r)
{
    static const struct weir_sim_clock exact = {.start_ms = 0, .drift_ns = 0, .poll_ns = 500000};
    struct weir_text trouble = {0};
    size_t kept = 0;
    if (t->exact) r->job.clock = &exact;
    if (t->late) r->job.look = add_late;
    r->job.look_arg = &t->late_counts;
    bool ok = play(t, r, &trouble, &kept);
    if (ok && kept > 0) ok = play(t, r, &trouble, &kept); /* plugin files stay open: a job may be the first to open some */
    if (ok && kept > 0) weir_text_add(&trouble, "%zu blocks of memory were not given back\n", kept);
    ok &= kept == 0;
    printf("run %s\n%s%s%send %s\n", r->job.manifest, weir_text_get(&t->stage.printed), weir_text_get(&t->late_counts),
           weir_text_get(&trouble), ok ? "ok" : "failed");
    fflush(stdout);
    weir_text_finish(&trouble);
    weir_text_finish(&t->stage.printed);
    weir_text_finish(&t->late_counts);
    return ok;
}

/* ---- many ---------------------------------------------------------------------------------------------------------- */

static int split_words(char *line, char **words)
{
    int n = 0;
    for (char *word = strtok(line, " \n"); word && n < MOST_ARGUMENTS; word = strtok(NULL, " \n")) words[n++] = word;
    return n;
}

static int run_list(struct tool *t)
{
    char *line = NULL, *words[MOST_ARGUMENTS];
    size_t capacity = 0;
    int code = 0;
    while (code != 2 && getline(&line, &capacity, stdin) > 0) {
        struct request r;
        int n = split_words(line, words);
        if (n == 0) continue;
        code = !read_request(&r, words, n) ? usage() : run(t, &r) ? code : 1;
    }
    free(line);
    return code;
}

static int run_one(struct tool *t, char **words, int n)
{
    struct request r;
    if (!read_request(&r, words, n)) return usage();
    return run(t, &r) ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct tool t = {.directories = {WEIR_BUILD_DIR "/plugins"}, .n_directories = 1};
    struct weir_error error;
    bool list = false;
    int i = 1;
    for (; i < argc && !list && argv[i][0] == '-'; i++) {
        if (is(argv[i], "--plugins") && i + 1 < argc && t.n_directories <= MOST_PLUGINS)
            t.directories[t.n_directories++] = argv[++i];
        else if (is(argv[i], "--exact"))
            t.exact = true;
        else if (is(argv[i], "--late"))
            t.late = true;
        else if (is(argv[i], "--list"))
            list = true;
        else
            return usage();
    }
    if (list != (i == argc)) return usage();
    const char *log = getenv("WEIR_LOG");
    if (weir_log_configure(log ? log : "error", &error) != WEIR_OK ||
        weir_sim_stage_init(&t.stage, t.directories, &error) != WEIR_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    int code = list ? run_list(&t) : run_one(&t, argv + i, argc - i);
    weir_sim_stage_finish(&t.stage);
    return code;
}
