/* source_sequence - the whole numbers from..to, one per record.
 *
 * One split per subtask, each a contiguous run, described as "first..last". A position is the next number.
 */
#include <inttypes.h>
#include <stdio.h>
#include <weir/udf.h>

typedef struct run {
    uint64_t id;
    int64_t next, last;
    bool done; /* after `last`: next cannot say so when last is INT64_MAX */
} run;

typedef struct sequence {
    int64_t from, to;
    const char *field;

    run *runs;
    uint32_t n_runs, current;
} sequence;

static weir_status sequence_discover(void *self, weir_ctx *cx, weir_add_split *add, void *to)
{
    const sequence *me = self;
    if (me->to < me->from) {
        return weir_fail(cx, WEIR_E_CONFIG, "'to' is %" PRId64 ", before 'from', which is %" PRId64, me->to, me->from);
    }
    uint64_t n = (uint64_t)me->to - (uint64_t)me->from; /* one less than there are */
    uint64_t parts = weir_about(cx)->parallelism;
    if (parts > n) parts = n + 1;
    uint64_t each = n / parts, rest = n % parts + 1; /* the first `rest` runs have one more */
    int64_t first = me->from;
    for (uint64_t i = 0; i < parts; i++) {
        char text[64];
        int64_t last = i + 1 == parts ? me->to : (int64_t)((uint64_t)first + each - (i < rest ? 0 : 1));
        int length = snprintf(text, sizeof text, "%" PRId64 "..%" PRId64, first, last);
        weir_split split = {.struct_size = sizeof split, .id = i, .description = {text, (size_t)length}};
        weir_status s = add(to, &split);
        if (s != WEIR_OK) return s;
        first = last + (i + 1 < parts);
    }
    return WEIR_OK;
}

static weir_status sequence_add_split(void *self, weir_ctx *cx, const weir_split *split, const void *position, size_t n)
{
    sequence *me = self;
    char text[64] = "";
    run r = {.id = split->id};
    if (split->description.n < sizeof text) memcpy(text, split->description.p, split->description.n);
    if (sscanf(text, "%" SCNd64 "..%" SCNd64, &r.next, &r.last) != 2) {
        return weir_fail(cx, WEIR_E_BUG, "'%.*s' is no split of a sequence", (int)split->description.n,
                         split->description.p);
    }
    if (n == sizeof r.next) {
        memcpy(&r.next, position, n);
        r.done = r.next > r.last;
    } else if (n > 0) { /* one byte: the end */
        r.done = true;
    }
    run *grown = cx->host->resize(cx, me->runs, (me->n_runs + 1) * sizeof(run));
    if (!grown) return weir_fail(cx, WEIR_E_MEMORY, "no memory for %u splits", me->n_runs + 1);
    me->runs = grown;
    me->runs[me->n_runs++] = r;
    return WEIR_OK;
}

/* Fills the output column up to `most` numbers, and moves the run on. */
static weir_status emit_run(weir_ctx *cx, run *r, int64_t most)
{
    weir_out *out = cx->out[0];
    uint64_t left = (uint64_t)r->last - (uint64_t)r->next; /* one less than there are */
    int64_t n = out->capacity - out->length;
    if (n > most) n = most;
    if ((uint64_t)n > left) {
        n = (int64_t)left + 1;
        r->done = true;
    }
    int64_t *values = (int64_t *)out->columns[0].data + out->length, *times = out->time + out->length;
    for (int64_t i = 0; i < n; i++) {
        values[i] = (int64_t)((uint64_t)r->next + (uint64_t)i);
        times[i] = WEIR_NO_TIME;
    }
    out->length += n;
    if (!r->done) r->next += n;
    return out->length < out->capacity ? WEIR_OK : cx->host->flush(cx, 0);
}

static weir_progress sequence_poll(void *self, weir_ctx *cx, int64_t max_rows)
{
    sequence *me = self;
    while (me->current < me->n_runs) {
        run *r = &me->runs[me->current];
        if (!r->done) {
            if (cx->host->split_begin(cx, r->id) != WEIR_OK || emit_run(cx, r, max_rows) != WEIR_OK) return WEIR_FAILED;
            return WEIR_MADE;
        }
        if (cx->host->split_done(cx, r->id) != WEIR_OK) return WEIR_FAILED;
        me->current++;
    }
    return WEIR_DONE;
}

static weir_status sequence_position(void *self, weir_ctx *cx, int64_t checkpoint, const weir_split *split, void *buf,
                                     size_t cap, size_t *n)
{
    const sequence *me = self;
    (void)cx;
    (void)checkpoint;
    *n = 0;
    for (uint32_t i = 0; i < me->n_runs; i++) {
        const run *r = &me->runs[i];
        if (r->id != split->id || cap < sizeof r->next) continue;
        *n = r->done ? 1 : sizeof r->next;
        memcpy(buf, &r->next, *n);
    }
    return WEIR_OK;
}

static void sequence_close(void *self, weir_ctx *cx)
{
    sequence *me = self;
    cx->host->release(cx, me->runs);
    me->runs = NULL;
}

static const weir_source sequence_vtable = {
    .struct_size = sizeof(weir_source),
    .discover = sequence_discover,
    .add_split = sequence_add_split,
    .poll = sequence_poll,
    .position = sequence_position,
    .close = sequence_close,
};
static const weir_option sequence_options[] = {
    WEIR_OPTION(sequence, from, .def = "1", .doc = "first number"),
    WEIR_OPTION(sequence, to, .doc = "last number, included"),
    WEIR_OPTION(sequence, field, .def = "value", .doc = "name of the field"),
};
WEIR_COMPONENT(sequence, WEIR_SOURCE, sequence_vtable, .id = "sequence",
               .doc = "the whole numbers from .. to, one per record", .out = "{field}:i64", .flags = WEIR_REPLAYABLE,
               WEIR_OPTIONS(sequence_options));
WEIR_PLUGIN("weir.source_sequence", "0.1.0", &sequence_component);
