/* bench/plugins/bench.c - both ends of the benchmarks, through the plugin ABI like anyone's: a source of rows, and a sink
 * that hashes its rows so that results can be compared whatever their order.
 */
#include <inttypes.h>
#include <stdio.h>
#include <weir/udf.h>

#include "../work.h"

/* ---- source: rows by their number, or from memory ---------------------------------------------------------------- */

typedef struct {
    int64_t rows, keys, memory;
    int64_t first, step; /* blocks: this one's first, and from one to its next */
    int64_t next;        /* row */
} bench_rows;
typedef bench_rows bench_texts;
static const weir_option bench_rows_options[] = {
    WEIR_OPTION(bench_rows, rows, .def = "1000000", .min = "0", .doc = "How many rows"),
    WEIR_OPTION(bench_rows, keys, .def = "1000", .min = "1", .doc = "How many different keys"),
    WEIR_OPTION(bench_rows, memory, .def = "0", .doc = "Address of a struct bench_memory of this process; 0: rows are made"),
};
/* A split for each subtask: "2 of 3" has the blocks 1, 4, 7, ... */
static weir_status bench_rows_discover(void *self, weir_ctx *cx, weir_add_split *add, void *to)
{
    (void)self;
    uint32_t n = weir_about(cx)->parallelism;
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; i < n && s == WEIR_OK; i++) {
        char text[32];
        int length = snprintf(text, sizeof text, "%u of %u", i + 1, n);
        const weir_split split = {.struct_size = sizeof split, .id = i, .description = {text, (size_t)length}};
        s = add(to, &split);
    }
    return s;
}
static weir_status bench_rows_add_split(void *self, weir_ctx *cx, const weir_split *s, const void *position, size_t n)
{
    bench_rows *me = self;
    char text[32] = {0};
    unsigned number, of;
    (void)position;
    (void)n;
    memcpy(text, s->description.p, s->description.n < sizeof text ? s->description.n : sizeof text - 1);
    if (me->step != 0 || sscanf(text, "%u of %u", &number, &of) != 2)
        return weir_fail(cx, WEIR_E_CONFIG, "bench_rows reads one split in each subtask");
    me->first = number - 1;
    me->step = of;
    me->next = me->first * BENCH_BLOCK;
    return cx->host->split_begin(cx, s->id);
}

/* Rows from .. from + n of one block. */
static void make_rows(const bench_rows *me, int64_t from, int64_t n, int64_t *key, double *value)
{
    const struct bench_memory *memory = (const void *)(uintptr_t)me->memory;
    if (memory) {
        memcpy(key, memory->key + from % memory->n, (size_t)n * sizeof *key);
        memcpy(value, memory->value + from % memory->n, (size_t)n * sizeof *value);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        struct bench_row row = bench_row_at(from + i, me->keys);
        key[i] = row.key;
        value[i] = row.value;
    }
}
static bool put_texts(const struct bench_memory *memory, int64_t from, int64_t n, weir_ctx *cx, weir_out *o)
{
    weir_out_column *k = &o->columns[0];
    const int64_t *ref = memory->key + from % memory->n;
    int32_t *offsets = k->offsets + o->length;
    int64_t at = offsets[0], most = n * BENCH_MOST_TEXT + BENCH_MOST_TEXT;
    if (most > k->bytes_capacity - at && cx->host->reserve_bytes(cx, 0, 0, (size_t)most) != WEIR_OK) return false;
    for (int64_t i = 0; i < n; i++) {
        memcpy((char *)k->data + at, bench_text_at(memory, ref[i]), BENCH_MOST_TEXT);
        offsets[i + 1] = (int32_t)(at += bench_text_length(ref[i]));
    }
    return true;
}
static bool put_rows(const bench_rows *me, weir_ctx *cx, weir_out *o, int64_t n)
{
    const struct bench_memory *memory = (const void *)(uintptr_t)me->memory;
    double *value = (double *)o->columns[2].data + o->length;
    if (!o->columns[0].offsets) {
        make_rows(me, me->next, n, (int64_t *)o->columns[0].data + o->length, value);
        return true;
    }
    memcpy(value, memory->value + me->next % memory->n, (size_t)n * sizeof *value);
    return put_texts(memory, me->next, n, cx, o);
}
static weir_progress bench_rows_poll(void *self, weir_ctx *cx, int64_t max)
{
    bench_rows *me = self;
    weir_out *o = cx->out[0];
    int64_t n = BENCH_BLOCK - me->next % BENCH_BLOCK, room = o->capacity - o->length;
    if (n > max) n = max;
    if (n > room) n = room;
    if (n > me->rows - me->next) n = me->rows > me->next ? me->rows - me->next : 0;
    int64_t *at = (int64_t *)o->columns[1].data + o->length;
    if (!put_rows(me, cx, o, n)) return WEIR_FAILED;
    for (int64_t i = 0; i < n; i++) at[i] = me->next + i;
    memcpy(o->time + o->length, at, (size_t)n * sizeof *at);
    o->length += n;
    me->next += n;
    if (me->next % BENCH_BLOCK == 0) me->next += (me->step - 1) * BENCH_BLOCK;
    if (n > 0 && cx->host->flush(cx, 0) != WEIR_OK) return WEIR_FAILED;
    if (me->next < me->rows) return WEIR_MADE;
    return cx->host->split_done(cx, (uint64_t)me->first) == WEIR_OK ? WEIR_DONE : WEIR_FAILED;
}
static const weir_source bench_rows_vtable = {.struct_size = sizeof(weir_source),
                                              .discover = bench_rows_discover,
                                              .add_split = bench_rows_add_split,
                                              .poll = bench_rows_poll};
WEIR_COMPONENT(bench_rows, WEIR_SOURCE, bench_rows_vtable, .id = "bench_rows",
               .doc = "Rows made from their number, or from memory", .out = "key:i64, at:timestamp, value:f64",
               WEIR_OPTIONS(bench_rows_options));
WEIR_COMPONENT(bench_texts, WEIR_SOURCE, bench_rows_vtable, .id = "bench_texts",
               .doc = "Rows from memory whose keys are texts", .out = "key:string, at:timestamp, value:f64",
               WEIR_OPTIONS(bench_rows_options));

/* ---- sink: count and hash of {key, number} ----------------------------------------------------------------------- */

typedef struct {
    const char *path;
    struct bench_sum sum;
} bench_hash_sink;
static const weir_option bench_hash_options[] = {
    WEIR_OPTION(bench_hash_sink, path,
                .doc = "Where count and hash are written at the end, with .0, .1 ... for each subtask"),
};
static double number_at(const weir_column *column, int64_t i)
{
    return column->type == WEIR_I64 ? (double)((const int64_t *)column->data)[i] : ((const double *)column->data)[i];
}
/* Each bit of the selection becomes a mask, four at a time, so that the loop over rows is the one without a selection. */
#define BIT_MASKS(b)                                                                                        \
    {                                                                                                       \
        -(uint64_t)((b)&1), -(uint64_t)((b) >> 1 & 1), -(uint64_t)((b) >> 2 & 1), -(uint64_t)((b) >> 3 & 1) \
    }
#define RUN 256 /* rows; a multiple of eight */
static uint64_t hash_selected(const int64_t *key, const double *value, const uint8_t *selection, int64_t n)
{
    static const uint64_t masks[16][4] = {BIT_MASKS(0),  BIT_MASKS(1),  BIT_MASKS(2),  BIT_MASKS(3),
                                          BIT_MASKS(4),  BIT_MASKS(5),  BIT_MASKS(6),  BIT_MASKS(7),
                                          BIT_MASKS(8),  BIT_MASKS(9),  BIT_MASKS(10), BIT_MASKS(11),
                                          BIT_MASKS(12), BIT_MASKS(13), BIT_MASKS(14), BIT_MASKS(15)};
    uint64_t hash = 0, mask[RUN];
    for (int64_t from = 0; from < n; from += RUN) {
        int64_t rows = n - from < RUN ? n - from : RUN;
        for (int64_t i = 0; i < rows; i += 8) {
            memcpy(mask + i, masks[selection[(from + i) >> 3] & 15], sizeof masks[0]);
            memcpy(mask + i + 4, masks[selection[(from + i) >> 3] >> 4], sizeof masks[0]);
        }
        for (int64_t i = 0; i < rows; i++) hash += bench_hash(key[from + i], value[from + i]) & mask[i];
    }
    return hash;
}
static uint64_t hash_all(const int64_t *key, const weir_column *number, int64_t n)
{
    uint64_t hash = 0;
    if (number->type == WEIR_F64) {
        const double *value = number->data;
        for (int64_t i = 0; i < n; i++) hash += bench_hash(key[i], value[i]);
    } else {
        for (int64_t i = 0; i < n; i++) hash += bench_hash(key[i], number_at(number, i));
    }
    return hash;
}
static weir_status bench_hash_write(void *self, weir_ctx *cx, const weir_batch *b, int64_t *row)
{
    bench_hash_sink *me = self;
    const int64_t *key = b->columns[0].data;
    const weir_column *number = &b->columns[1];
    (void)cx;
    if (b->selection && number->type == WEIR_F64) {
        me->sum.hash += hash_selected(key, number->data, b->selection, b->length);
    } else if (b->selection) {
        for (int64_t i = 0; i < b->length; i++)
            if (weir_bit(b->selection, i)) me->sum.hash += bench_hash(key[i], number_at(number, i));
    } else {
        me->sum.hash += hash_all(key, number, b->length);
    }
    me->sum.rows += (uint64_t)b->selected;
    *row = b->length;
    return WEIR_OK;
}
static weir_status bench_hash_texts_write(void *self, weir_ctx *cx, const weir_batch *b, int64_t *row)
{
    bench_hash_sink *me = self;
    const weir_column *key = &b->columns[0];
    (void)cx;
    for (int64_t i = 0; i < b->length; i++) {
        if (b->selection && !weir_bit(b->selection, i)) continue;
        const char *p = (const char *)key->data + key->offsets[i];
        uint64_t hash = bench_text_hash(p, (uint32_t)(key->offsets[i + 1] - key->offsets[i]));
        bench_sum_add(&me->sum, (int64_t)hash, number_at(&b->columns[1], i));
    }
    *row = b->length;
    return WEIR_OK;
}
static weir_status bench_hash_finish(void *self, weir_ctx *cx)
{
    bench_hash_sink *me = self;
    const weir_io *io = weir_io_of(cx);
    weir_io_error error;
    weir_file *file;
    char path[4096], text[64];
    snprintf(path, sizeof path, "%s.%u", me->path, weir_about(cx)->subtask);
    int n = snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64 "\n", me->sum.rows, me->sum.hash);
    if (io->open(cx, path, WEIR_FILE_CREATE, &file, &error) != WEIR_OK)
        return weir_fail(cx, error.status, "%s", error.message);
    weir_status s = io->write(cx, file, text, (size_t)n, &error);
    io->close(cx, file, NULL);
    return s == WEIR_OK ? s : weir_fail(cx, error.status, "%s", error.message);
}
static const weir_sink bench_hash_vtable = {
    .struct_size = sizeof(weir_sink), .write = bench_hash_write, .finish = bench_hash_finish};
WEIR_COMPONENT(bench_hash_sink, WEIR_SINK, bench_hash_vtable, .id = "bench_hash", .doc = "Counts and hashes rows",
               .in = "key:i64, value:number", .flags = WEIR_ACCEPTS_SELECTION, WEIR_OPTIONS(bench_hash_options));

typedef bench_hash_sink bench_hash_texts;
static const weir_sink bench_hash_texts_vtable = {
    .struct_size = sizeof(weir_sink), .write = bench_hash_texts_write, .finish = bench_hash_finish};
WEIR_COMPONENT(bench_hash_texts, WEIR_SINK, bench_hash_texts_vtable, .id = "bench_hash_texts",
               .doc = "Counts and hashes rows whose keys are texts", .in = "key:string, value:number",
               .flags = WEIR_ACCEPTS_SELECTION, WEIR_OPTIONS(bench_hash_options));

WEIR_PLUGIN("weir.bench", "0.1.0", &bench_rows_component, &bench_texts_component, &bench_hash_sink_component,
            &bench_hash_texts_component);
