/* Sources, sinks, and what else a job has besides operators, for the tests of the runtime. */
#include <stdio.h>
#include <stdlib.h>
#include <weir/udf.h>

/* ---- a source that does what it is told -------------------------------------------------------------------------
 *
 * Words: b1 begins split 1, r5@100 emits n 5 at 100 (-1: null), w1:50 says split 1's watermark, i1 it is idle, a1 it is
 * active again, d1 it is done, x7 rejects a record at byte 7, n ends the poll with NONE, | ends it with MADE, ! fails.
 * After the last word: DONE. */

typedef struct script {
    const char *script;
    int64_t splits;
    const char *at;
} script;

static weir_status script_discover(void *self, weir_ctx *cx, weir_add_split *add, void *to)
{
    const script *me = self;
    char text[32];
    (void)cx;
    for (int64_t i = 1; i <= me->splits; i++) {
        int n = snprintf(text, sizeof text, "split %d", (int)i);
        const weir_split split = {.struct_size = sizeof split, .id = (uint64_t)i, .description = {text, (size_t)n}};
        weir_status s = add(to, &split);
        if (s != WEIR_OK) return s;
    }
    return WEIR_OK;
}
static weir_status script_add_split(void *self, weir_ctx *cx, const weir_split *split, const void *position, size_t n)
{
    script *me = self;
    (void)cx;
    (void)position;
    (void)n;
    if (split->description.n < 7) return weir_fail(cx, WEIR_E_BUG, "a split without its description");
    me->at = me->script;
    return WEIR_OK;
}
static weir_status script_row(weir_ctx *cx, int64_t n, int64_t at)
{
    weir_put_i64(cx, 0, 0, n);
    if (at < 0)
        weir_put_null(cx, 0, 1);
    else
        weir_put_i64(cx, 0, 1, at);
    return weir_emit(cx, 0, WEIR_NO_TIME);
}
static weir_status script_word(weir_ctx *cx, char word, int64_t first, int64_t second)
{
    uint64_t split = (uint64_t)first;
    switch (word) {
    case 'b': return cx->host->split_begin(cx, split);
    case 'r': return script_row(cx, first, second);
    case 'w': return cx->host->split_watermark(cx, split, second);
    case 'i': return cx->host->split_idle(cx, split, true);
    case 'a': return cx->host->split_idle(cx, split, false);
    case 'd': return cx->host->split_done(cx, split);
    case 'x':
        return cx->host->reject(cx, (weir_str){"b\0d", 3}, "script", first, "not what record %d should be", (int)first);
    case '!': return weir_fail(cx, WEIR_E_IO, "the script says so");
    default: return weir_fail(cx, WEIR_E_BUG, "no such word: %c", word);
    }
}
static weir_progress script_poll(void *self, weir_ctx *cx, int64_t max_rows)
{
    script *me = self;
    (void)max_rows;
    while (me->at && *me->at) {
        char word = *me->at++;
        if (word == ' ') continue;
        if (word == 'n') return WEIR_NONE;
        if (word == '|') return WEIR_MADE;
        char *end;
        int64_t first = strtoll(me->at, &end, 10), second = 0;
        if (*end == '@' || *end == ':') second = strtoll(end + 1, &end, 10);
        me->at = end;
        if (script_word(cx, word, first, second) != WEIR_OK) return WEIR_FAILED;
    }
    return WEIR_DONE;
}
static const weir_source script_vtable = {
    .struct_size = sizeof(weir_source), .discover = script_discover, .add_split = script_add_split, .poll = script_poll};
static const weir_option script_options[] = {
    WEIR_OPTION(script, script, .doc = "what to do"),
    WEIR_OPTION(script, splits, .def = "1", .doc = "how many splits there are"),
};
WEIR_COMPONENT(script, WEIR_SOURCE, script_vtable, .id = "script", .doc = "does what it is told",
               .out = "n:i64, at:timestamp?", WEIR_OPTIONS(script_options));

/* ---- a source that never ends --------------------------------------------------------------------------------- */

typedef struct endless {
    bool silent;
    int64_t n;
} endless;
static weir_status endless_discover(void *self, weir_ctx *cx, weir_add_split *add, void *to)
{
    (void)self;
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; i < weir_about(cx)->parallelism && s == WEIR_OK; i++) {
        s = add(to, &(weir_split){.struct_size = sizeof(weir_split), .id = i, .description = {"endless", 7}});
    }
    return s;
}
static weir_status endless_add_split(void *self, weir_ctx *cx, const weir_split *split, const void *position, size_t n)
{
    (void)self;
    (void)position;
    (void)n;
    return cx->host->split_begin(cx, split->id);
}
static weir_progress endless_poll(void *self, weir_ctx *cx, int64_t max_rows)
{
    endless *me = self;
    if (me->silent) return WEIR_NONE;
    for (int64_t i = 0; i < max_rows && !weir_full(cx); i++) {
        weir_put_i64(cx, 0, 0, me->n++);
        if (weir_emit(cx, 0, me->n) != WEIR_OK) return WEIR_FAILED;
    }
    return WEIR_MADE;
}
static const weir_source endless_vtable = {
    .struct_size = sizeof(weir_source), .discover = endless_discover, .add_split = endless_add_split, .poll = endless_poll};
static const weir_option endless_options[] = {WEIR_OPTION(endless, silent, .def = "false", .doc = "gives nothing at all")};
WEIR_COMPONENT(endless, WEIR_SOURCE, endless_vtable, .id = "endless", .doc = "never ends", .out = "n:i64",
               .flags = WEIR_UNBOUNDED, WEIR_OPTIONS(endless_options));

/* ---- a sink that tells everything ----------------------------------------------------------------------------- */

typedef struct teller {
    int64_t room;   /* rows per call; 0: all */
    int64_t refuse; /* calls per batch that take nothing */
    bool quiet;
    int64_t refused, finishes;
} teller;
static weir_status tell(weir_ctx *cx, const char *text, int64_t n)
{
    char line[64];
    weir_io_error error;
    int length = n >= 0 ? snprintf(line, sizeof line, "%s %d\n", text, (int)n) : snprintf(line, sizeof line, "%s\n", text);
    weir_status s = weir_io_of(cx)->print(cx, WEIR_STDOUT, line, (size_t)length, &error);
    return s == WEIR_OK ? s : weir_fail(cx, s, "%s", error.message);
}
static weir_status teller_open(void *self, weir_ctx *cx)
{
    (void)self;
    return tell(cx, "open", -1);
}
static weir_status teller_write(void *self, weir_ctx *cx, const weir_batch *b, int64_t *row)
{
    teller *me = self;
    if (me->refused < me->refuse) return me->refused++, WEIR_MORE;
    me->refused = 0;
    for (int64_t taken = 0; *row < b->length; ++*row, taken++) {
        if (me->room && taken == me->room) return WEIR_MORE;
        weir_status s = me->quiet ? WEIR_OK : tell(cx, "row", weir_i64((weir_row){b, *row}, 0));
        if (s != WEIR_OK) return s;
    }
    return WEIR_OK;
}
static weir_status teller_flush(void *self, weir_ctx *cx)
{
    return ((teller *)self)->quiet ? WEIR_OK : tell(cx, "flush", -1);
}
static weir_status teller_finish(void *self, weir_ctx *cx)
{
    teller *me = self;
    return me->finishes++ ? tell(cx, "finish", -1) : WEIR_MORE;
}
static void teller_close(void *self, weir_ctx *cx)
{
    (void)self;
    (void)tell(cx, "close", -1);
}
static const weir_sink teller_vtable = {.struct_size = sizeof(weir_sink),
                                        .open = teller_open,
                                        .write = teller_write,
                                        .flush = teller_flush,
                                        .finish = teller_finish,
                                        .close = teller_close};
static const weir_option teller_options[] = {
    WEIR_OPTION(teller, room, .def = "0", .doc = "rows per call; 0: all"),
    WEIR_OPTION(teller, refuse, .def = "0", .doc = "calls per batch that take nothing"),
    WEIR_OPTION(teller, quiet, .def = "false", .doc = "tells of opening, finishing and closing alone"),
};
WEIR_COMPONENT(teller, WEIR_SINK, teller_vtable, .id = "teller", .doc = "prints every call", .in = "n:i64",
               WEIR_OPTIONS(teller_options));

/* ---- a sink that tells of its transactions ---------------------------------------------------------------------- */

typedef struct phased {
    const char *persist; /* what persist says: an error, or nothing */
    int64_t rows;
} phased;
static weir_status phased_open(void *self, weir_ctx *cx)
{
    (void)self;
    return tell(cx, "open", -1);
}
static weir_status phased_write(void *self, weir_ctx *cx, const weir_batch *b, int64_t *row)
{
    (void)cx;
    ((phased *)self)->rows += b->length - *row;
    *row = b->length;
    return WEIR_OK;
}
static weir_status phased_snapshot(void *self, weir_ctx *cx, int64_t checkpoint, weir_add_transaction *add, void *to)
{
    char text[40];
    weir_status s = tell(cx, "snapshot", checkpoint);
    int n = snprintf(text, sizeof text, "%d rows", (int)((phased *)self)->rows);
    if (s == WEIR_OK) s = add(to, text, (size_t)n);
    return s == WEIR_OK ? add(to, "", 0) : s;
}
static weir_status phased_committed(void *self, weir_ctx *cx, int64_t checkpoint)
{
    (void)self;
    return tell(cx, "committed", checkpoint);
}
static weir_status phased_restore(void *self, weir_ctx *cx, const weir_transaction *t)
{
    char line[80];
    (void)self;
    snprintf(line, sizeof line, "restore '%.*s' of %u, %s, checkpoint", (int)t->n, (const char *)t->bytes, t->subtask,
             t->own ? "own" : "another's");
    return tell(cx, line, t->checkpoint);
}
static weir_status phased_persist(void *self, weir_ctx *cx, const weir_str *transactions, size_t n)
{
    const phased *me = self;
    weir_status s = me->rows == 0 ? WEIR_OK : weir_fail(cx, WEIR_E_BUG, "persist runs on the task's instance");
    for (size_t i = 0; s == WEIR_OK && i < n; i++) s = tell(cx, transactions[i].n ? "persist text" : "persist nothing", -1);
    return s == WEIR_OK && me->persist[0] ? weir_fail(cx, WEIR_E_IO, "%s", me->persist) : s;
}
static const weir_sink phased_vtable = {.struct_size = sizeof(weir_sink),
                                        .open = phased_open,
                                        .write = phased_write,
                                        .snapshot = phased_snapshot,
                                        .committed = phased_committed,
                                        .restore = phased_restore,
                                        .persist = phased_persist};
static const weir_option phased_options[] = {
    WEIR_OPTION(phased, persist, .def = "", .doc = "what persist fails with"),
};
WEIR_COMPONENT(phased, WEIR_SINK, phased_vtable, .id = "phased", .doc = "prints its phases", .in = "n:i64",
               .flags = WEIR_TWO_PHASE, WEIR_OPTIONS(phased_options));

/* ---- sinks that declare what a crash does ------------------------------------------------------------------------ */

typedef teller lossy;
typedef teller upsert;
typedef teller logged;
WEIR_COMPONENT(lossy, WEIR_SINK, teller_vtable, .id = "lossy", .doc = "may lose records", .in = "n:i64",
               .flags = WEIR_AT_MOST_ONCE, WEIR_OPTIONS(teller_options));
WEIR_COMPONENT(upsert, WEIR_SINK, teller_vtable, .id = "upsert", .doc = "replaces what it wrote", .in = "n:i64",
               .flags = WEIR_IDEMPOTENT, WEIR_OPTIONS(teller_options));
WEIR_COMPONENT(logged, WEIR_SINK, teller_vtable, .id = "logged", .doc = "writes ahead", .in = "n:i64",
               .flags = WEIR_WRITE_AHEAD, WEIR_OPTIONS(teller_options));

/* ---- the rest ------------------------------------------------------------------------------------------------- */

/* A timestamp that ends in 0 is a punctuation: the watermark is that time. */
typedef struct punctuated {
    char unused;
} punctuated;
static weir_status punctuated_on_rows(void *self, weir_ctx *cx, const weir_batch *b, int64_t *row, int64_t *watermark)
{
    (void)self;
    (void)cx;
    for (int64_t i = *row; i < b->length; i++) {
        if (b->time[i] % 10 != 0) continue;
        *watermark = b->time[i];
        *row = i + 1;
        return WEIR_OK;
    }
    *row = b->length;
    return WEIR_OK;
}
static const weir_watermark_generator punctuated_vtable = {.struct_size = sizeof(weir_watermark_generator),
                                                           .on_rows = punctuated_on_rows};
WEIR_COMPONENT(punctuated, WEIR_WATERMARK_GENERATOR, punctuated_vtable, .id = "punctuated",
               .doc = "watermarks at round times");

typedef struct stuck {
    char unused;
} stuck;
static weir_status stuck_on_rows(void *self, weir_ctx *cx, const weir_batch *b, int64_t *row, int64_t *watermark)
{
    (void)self;
    (void)cx;
    (void)b;
    (void)row;
    (void)watermark;
    return WEIR_OK;
}
static const weir_watermark_generator stuck_vtable = {.struct_size = sizeof(weir_watermark_generator),
                                                      .on_rows = stuck_on_rows};
WEIR_COMPONENT(stuck, WEIR_WATERMARK_GENERATOR, stuck_vtable, .id = "stuck", .doc = "never looks at a row");

/* The first field decides: n modulo the targets; a negative n goes wrong. */
typedef struct by_n {
    char unused;
} by_n;
static weir_status by_n_partition(void *self, weir_ctx *cx, const weir_batch *b, uint32_t n_targets, uint32_t *targets)
{
    (void)self;
    for (int64_t i = 0; i < b->length; i++) {
        int64_t n = weir_i64((weir_row){b, i}, 0);
        cx->row = (uint32_t)i;
        if (n == -13) return weir_fail(cx, WEIR_E_DATA, "nobody wants %d", -13);
        targets[i] = n < 0 ? n_targets + 4 : (uint32_t)(n % n_targets);
    }
    return WEIR_OK;
}
static const weir_partitioner by_n_vtable = {.struct_size = sizeof(weir_partitioner), .partition = by_n_partition};
WEIR_COMPONENT(by_n, WEIR_PARTITIONER, by_n_vtable, .id = "by_n", .doc = "n modulo the number of targets", .in = "n:i64");

/* Adds n, keeps the first word: "word: string, n: i64". */
typedef struct add_up {
    char unused;
} add_up;
static weir_status add_up_reduce(void *self, weir_ctx *cx, weir_row so_far, weir_row next)
{
    (void)self;
    if (weir_i64(next, 1) == 13) return weir_fail(cx, WEIR_E_DATA, "will not add 13");
    weir_status s = weir_copy(cx, 0, 0, so_far, 0);
    weir_put_i64(cx, 0, 1, weir_i64(so_far, 1) + weir_i64(next, 1));
    return s;
}
static const weir_reducer add_up_vtable = {.struct_size = sizeof(weir_reducer), .reduce = add_up_reduce};
WEIR_COMPONENT(add_up, WEIR_REDUCER, add_up_vtable, .id = "add_up", .doc = "adds n", .in = "*", .out = "@in");

/* Takes much scratch memory for each result: the host must give it back between them. */
typedef struct wasteful {
    int64_t results;
} wasteful;
typedef struct total {
    int64_t n;
} total;
static const weir_field total_members[] = {WEIR_MEMBER(total, n)};
static const weir_state total_states[] = {WEIR_VALUE_STATE("total", total, total_members)};
static weir_status wasteful_add(void *self, weir_ctx *cx, void *acc, weir_row row)
{
    (void)self;
    (void)cx;
    ((total *)acc)->n += weir_i64(row, 0);
    return WEIR_OK;
}
static weir_status wasteful_result(void *self, weir_ctx *cx, const void *acc, uint32_t column)
{
    (void)self;
    if (!weir_scratch(cx, 60000)) return weir_fail(cx, WEIR_E_MEMORY, "no scratch");
    weir_put_i64(cx, 0, column, ((const total *)acc)->n);
    return WEIR_OK;
}
static const weir_aggregate wasteful_vtable = {
    .struct_size = sizeof(weir_aggregate), .add = wasteful_add, .result = wasteful_result};
WEIR_COMPONENT(wasteful, WEIR_AGGREGATE, wasteful_vtable, .id = "wasteful", .doc = "a sum that wastes scratch memory",
               .in = "n:i64", .out = "result:i64", WEIR_STATES(total_states));

WEIR_PLUGIN("test.toy_ends", "1.0.0", &script_component, &endless_component, &teller_component,
            &phased_component, &lossy_component, &upsert_component, &logged_component,
            &punctuated_component, &stuck_component, &by_n_component, &add_up_component, &wasteful_component);
