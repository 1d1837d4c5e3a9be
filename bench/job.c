/* job.c - the nodes that the benchmarks' jobs have in common. Mistakes in them are found by weir_job_check, all at once, so
 * nothing is checked here. */
#include "job.h"

#include <inttypes.h>
#include <stdio.h>

static void set(struct weir_node *node, const char *path, const char *value)
{
    if (weir_node_set(node, path, value) != WEIR_OK) weir_bench_die(path, "cannot be set");
}

struct weir_node *weir_bench_node(struct weir_job *job, const char *id, const char *from)
{
    struct weir_node *node = weir_job_add_node(job, id);
    if (from) set(node, "from", from);
    return node;
}

void weir_bench_set(struct weir_node *node, const char *path, int64_t number, const char *unit)
{
    char text[64];
    snprintf(text, sizeof text, "%" PRId64 "%s", number, unit);
    set(node, path, text);
}

static bool has_texts(const struct weir_bench_run *run)
{
    return run->bench->flags & WEIR_BENCH_TEXTS;
}
static void set_option(struct weir_node *node, const char *kind, const char *component, const char *option, int64_t number)
{
    char path[64];
    snprintf(path, sizeof path, "%s.%s.%s", kind, component, option);
    weir_bench_set(node, path, number, "");
}
struct weir_node *weir_bench_source(struct weir_job *job, const struct weir_bench_run *run, bool timed)
{
    struct weir_node *node = weir_bench_node(job, "rows", NULL);
    const char *source = has_texts(run) ? "bench_texts" : "bench_rows";
    set_option(node, "source", source, "rows", run->rows);
    set_option(node, "source", source, "keys", run->bench->keys ? run->bench->keys : 1000);
    if (run->prepared) set_option(node, "source", source, "memory", (int64_t)(uintptr_t)run->prepared);
    if (!timed) return node;
    set(node, "time.field", "at");
    set(node, "time.monotonous", "true");
    set(node, "time.interval", "5ms");
    return node;
}

struct weir_node *weir_bench_sink(struct weir_job *job, const struct weir_bench_run *run, const char *from,
                                  const char *value)
{
    struct weir_node *node = weir_bench_node(job, "hash", from);
    set(node, has_texts(run) ? "sink.bench_hash_texts.path" : "sink.bench_hash.path", run->result);
    set(node, "args.value", value);
    return node;
}
