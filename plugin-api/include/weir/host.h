/* weir/host.h - what the host offers a component: the context and the table of services.
 *
 * Thread tags: [load] while the file is being described; [task] on the thread of the subtask, one call at a time per
 * instance; [coordinator] on the thread that deploys the job; [any] from any thread, at any time between open and close.
 *
 * The inline wrappers below (weir_emit, weir_edit, weir_set_timer ...) are what components call; the table is what a host
 * implements. No service blocks.
 */
#ifndef WEIR_HOST_H
#define WEIR_HOST_H

#include <stdarg.h>
#include <weir/arrow.h>
#include <weir/component.h>
#include <weir/data.h>

typedef struct weir_ctx weir_ctx;

typedef enum weir_clock { WEIR_EVENT_TIME = 0, WEIR_PROCESSING_TIME = 1 } weir_clock;
typedef enum weir_log_level { WEIR_ERROR = 0, WEIR_WARN = 1, WEIR_INFO = 2, WEIR_DEBUG = 3 } weir_log_level;

/* The timer that fires. Identity of a timer: (clock, key, ns, at). */
typedef struct weir_timer {
    uint32_t struct_size;
    uint32_t clock; /* enum weir_clock */
    int64_t at;     /* ms */
    uint64_t ns;    /* the component's own namespace, given to weir_set_timer */
} weir_timer;

/* A place in a map or list iteration; zero it to start. */
typedef struct weir_cursor {
    uint64_t at, reserved;
} weir_cursor;

/* weir_info.flags. CHECKPOINTS: they are taken while the job runs, and a last one at its end. */
#define WEIR_JOB_CHECKPOINTS (1u << 0)
#define WEIR_JOB_RESTORED (1u << 1) /* the job goes on from a checkpoint or a savepoint */

/* Who and where this instance is. Valid as long as the instance. */
typedef struct weir_info {
    uint32_t struct_size;
    uint32_t subtask, parallelism, max_parallelism; /* subtask: 0 .. parallelism-1 */
    uint32_t attempt;                               /* 0 at the first start of the job */
    uint32_t flags;                                 /* WEIR_JOB_... */
    const char *job, *node;                         /* manifest ids */
    const char *base_dir; /* absolute; paths of WEIR_PATH options were resolved against it already */
} weir_info;

/* A growing run of bytes; encoders append to it. Zeroed is empty. data comes from blob_reserve, and the component that holds
 * the blob gives it back with release (a sink in its close). */
typedef struct weir_blob {
    uint8_t *data;
    size_t length, capacity;
} weir_blob;

typedef struct weir_host {
    uint32_t struct_size;
    uint16_t abi_major, abi_minor; /* of the host */

    /* Memory. alloc/resize return NULL when there is none. scratch lives until the callback returns. */
    void *(*alloc)(weir_ctx *, size_t size);             /* [any] released by the component */
    void *(*resize)(weir_ctx *, void *, size_t size);    /* [any] */
    void (*release)(weir_ctx *, void *);                 /* [any] NULL is fine */
    void *(*scratch)(weir_ctx *, size_t size);           /* [task] */
    weir_status (*blob_reserve)(weir_ctx *, weir_blob *, size_t more); /* [task] room for `more` bytes after length */

    /* Errors and log lines. fail returns the status it was given; the host adds node, component, file and record. */
    weir_status (*fail)(weir_ctx *, weir_status, const char *format, ...) __attribute__((format(printf, 3, 4))); /* [any] */
    void (*log)(weir_ctx *, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));           /* [any] */

    /* Output. flush takes the rows of a port away; reserve_bytes makes room in a variable-length column. [task] */
    weir_status (*flush)(weir_ctx *, uint32_t port);
    weir_status (*reserve_bytes)(weir_ctx *, uint32_t port, uint32_t column, size_t more);
    weir_status (*copy)(weir_ctx *, uint32_t port, uint32_t column, weir_row from, uint32_t from_column);

    /* The current key. use_key makes row `row` of the input batch's key current; key is a row of the key's fields, valid
     * until the current key changes. In timers the host has set it. [task] */
    weir_status (*use_key)(weir_ctx *, int64_t row);
    weir_row (*key)(weir_ctx *);

    /* Keyed state of the current key. Pointers are valid until the callback returns, the current key changes or the same
     * state is modified, whichever is first. get returns NULL when absent and creates nothing; edit creates a zeroed one
     * and marks it changed; both edits return NULL (after fail) when there is no memory. [task] */
    const void *(*value_get)(weir_ctx *, uint32_t state);
    void *(*value_edit)(weir_ctx *, uint32_t state);
    weir_status (*clear)(weir_ctx *, uint32_t state);
    weir_status (*list_add)(weir_ctx *, uint32_t state, const void *item); /* copies the bytes of string members too */
    size_t (*list_size)(weir_ctx *, uint32_t state); /* lists that belong to no key need no current one */
    const void *(*list_at)(weir_ctx *, uint32_t state, size_t i);                           /* NULL beyond the end */
    weir_status (*list_update)(weir_ctx *, uint32_t state, const void *items, size_t n);    /* replaces all */
    const void *(*map_get)(weir_ctx *, uint32_t state, const void *key);
    void *(*map_edit)(weir_ctx *, uint32_t state, const void *key);
    weir_status (*map_remove)(weir_ctx *, uint32_t state, const void *key); /* WEIR_OK when absent */
    size_t (*map_size)(weir_ctx *, uint32_t state);
    /* No edits meanwhile. */
    bool (*map_next)(weir_ctx *, uint32_t state, weir_cursor *, const void **key, const void **value);
    /* Sets a weir_str member of a struct that value_edit, map_edit or an aggregate's `acc` gave: the host frees the old
     * bytes and keeps a copy of `bytes`. resize_bytes does the same for a member used as a buffer: old bytes are kept up
     * to the smaller size, new ones are zero, the result is writable; NULL after fail. */
    weir_status (*assign)(weir_ctx *, uint32_t state, weir_str *member, weir_str bytes);
    void *(*resize_bytes)(weir_ctx *, uint32_t state, weir_str *member, size_t size);

    /* Timers of the current key, and the two clocks in ms. An event timer at or before the watermark fires at the next
     * advance of the watermark, not at once. They fire in the order of `at`, those of a key for one moment in the order of
     * `ns`. Setting one twice is one timer; dropping a missing one is fine. [task] */
    weir_status (*set_timer)(weir_ctx *, uint32_t clock, uint64_t ns, int64_t at);
    weir_status (*drop_timer)(weir_ctx *, uint32_t clock, uint64_t ns, int64_t at);
    int64_t (*now)(weir_ctx *);
    int64_t (*watermark)(weir_ctx *); /* INT64_MIN before the first */

    /* Sources. Rows emitted after split_begin belong to that split. [task] */
    weir_status (*split_begin)(weir_ctx *, uint64_t split);
    weir_status (*split_watermark)(weir_ctx *, uint64_t split, int64_t watermark);
    weir_status (*split_idle)(weir_ctx *, uint64_t split, bool idle);
    weir_status (*split_done)(weir_ctx *, uint64_t split); /* no more rows: it leaves the watermark minimum */
    void (*wake)(weir_ctx *);                              /* [any] poll me again */

    /* A record that cannot be decoded: the job's policy (fail, skip, side output) decides. Not WEIR_OK = stop. [task] */
    weir_status (*reject)(weir_ctx *, weir_str raw, const char *file, int64_t offset, const char *format, ...)
        __attribute__((format(printf, 5, 6)));

    /* Whole rows as bytes (the msgpack row codec), for components whose state holds records. pack's bytes are scratch;
     * unpack writes all the columns of the row being written on `port`, whose out-schema must be "@in". [task] */
    weir_status (*pack_row)(weir_ctx *, weir_row, weir_str *packed);
    weir_status (*unpack_row)(weir_ctx *, uint32_t port, weir_str packed);

    const weir_info *(*info)(weir_ctx *);                                /* [any] */
    /* [any] The columns of input batches. A field that `in` names has that name, whatever the stream calls it. */
    const weir_schema_view *(*input_schema)(weir_ctx *, uint32_t port);
    const weir_schema_view *(*output_schema)(weir_ctx *, uint32_t port); /* [any] the columns the component writes */

    /* A batch as an Arrow struct array of its columns. The result owns its memory; release it as Arrow says. [task] */
    weir_status (*export_arrow)(weir_ctx *, const weir_batch *, struct ArrowSchema *, struct ArrowArray *);

    const void *(*extension)(weir_ctx *, const char *id); /* [any] "weir.io/1", "weir.metrics/1"; NULL: the host has none */

    /* Makes each key that has an entry in `state` current in turn and calls fn, which may use and change all keyed state
     * and timers of that key. Only while rows of a broadcast input are processed; no key is current afterwards. Stops when
     * fn does not return WEIR_OK, and returns that. [task] */
    weir_status (*each_key)(weir_ctx *, uint32_t state, weir_status (*fn)(void *self, weir_ctx *, void *arg), void *arg);

    /* Reducing and aggregating states of the current key. value_add folds a value in by the state's `add`, and copies what
     * it keeps of it; value_result puts what an aggregating state comes to into `out`: of a key that has nothing, what a
     * zeroed accumulator comes to. value_get gives the reduced value, or the accumulator, and NULL when absent. [task] */
    weir_status (*value_add)(weir_ctx *, uint32_t state, const void *value);
    weir_status (*value_result)(weir_ctx *, uint32_t state, void *out);
} weir_host;

/* Host-owned; it lives as long as the instance, at the same address. `full` is not zero while some output has no room: a
 * callback that loops over rows stops between two rows and returns WEIR_MORE. `row` is the input row that emitted rows come
 * from. */
struct weir_ctx {
    const weir_host *host;
    weir_out *const *out; /* by port */
    uint32_t full;
    uint32_t row;
    void *host_data;
};

/* ---- output ------------------------------------------------------------------------------------------------------ */

static inline bool weir_full(const weir_ctx *cx)
{
    return cx->full != 0;
}
static inline void weir_put_i32(weir_ctx *cx, uint32_t port, uint32_t c, int32_t v)
{
    weir_out *o = cx->out[port];
    ((int32_t *)o->columns[c].data)[o->length] = v;
}
static inline void weir_put_i64(weir_ctx *cx, uint32_t port, uint32_t c, int64_t v) /* i64 and timestamp */
{
    weir_out *o = cx->out[port];
    ((int64_t *)o->columns[c].data)[o->length] = v;
}
static inline void weir_put_f32(weir_ctx *cx, uint32_t port, uint32_t c, float v)
{
    weir_out *o = cx->out[port];
    ((float *)o->columns[c].data)[o->length] = v;
}
static inline void weir_put_f64(weir_ctx *cx, uint32_t port, uint32_t c, double v)
{
    weir_out *o = cx->out[port];
    ((double *)o->columns[c].data)[o->length] = v;
}
static inline void weir_put_bool(weir_ctx *cx, uint32_t port, uint32_t c, bool v)
{
    weir_out *o = cx->out[port];
    uint8_t *byte = (uint8_t *)o->columns[c].data + (o->length >> 3);
    uint8_t bit = (uint8_t)(1u << (o->length & 7));
    *byte = (uint8_t)(v ? *byte | bit : *byte & ~bit);
}
/* memcpy for the short texts that most are, without the call: two loads and two stores that overlap. */
static inline void weir_copy_text_(char *to, const char *from, size_t n)
{
    char first[16], last[16];
    if (n > 32) {
        memcpy(to, from, n);
    } else if (n >= 16) {
        memcpy(first, from, 16);
        memcpy(last, from + n - 16, 16);
        memcpy(to, first, 16);
        memcpy(to + n - 16, last, 16);
    } else if (n >= 8) {
        memcpy(first, from, 8);
        memcpy(last, from + n - 8, 8);
        memcpy(to, first, 8);
        memcpy(to + n - 8, last, 8);
    } else if (n >= 4) {
        memcpy(first, from, 4);
        memcpy(last, from + n - 4, 4);
        memcpy(to, first, 4);
        memcpy(to + n - 4, last, 4);
    } else {
        for (size_t i = 0; i < n; i++) to[i] = from[i];
    }
}
static inline weir_status weir_put_text(weir_ctx *cx, uint32_t port, uint32_t c, weir_str v) /* string, bytes, any */
{
    weir_out *o = cx->out[port];
    weir_out_column *k = &o->columns[c];
    int32_t at = k->offsets[o->length];
    if ((int64_t)v.n > k->bytes_capacity - at) {
        weir_status s = cx->host->reserve_bytes(cx, port, c, v.n);
        if (s != WEIR_OK) return s;
    }
    weir_copy_text_((char *)k->data + at, v.p, v.n);
    k->offsets[o->length + 1] = at + (int32_t)v.n;
    return WEIR_OK;
}
/* Only for a column declared with '?'. The value slot may be left unwritten. */
static inline void weir_put_null(weir_ctx *cx, uint32_t port, uint32_t c)
{
    weir_out *o = cx->out[port];
    weir_out_column *k = &o->columns[c];
    k->validity[o->length >> 3] &= (uint8_t)~(1u << (o->length & 7));
    if (k->offsets) k->offsets[o->length + 1] = k->offsets[o->length];
}
/* Takes a weir_put_null of the row being written back: a value put afterwards does not do that by itself. */
static inline void weir_put_present(weir_ctx *cx, uint32_t port, uint32_t c)
{
    weir_out *o = cx->out[port];
    weir_out_column *k = &o->columns[c];
    if (k->validity) k->validity[o->length >> 3] |= (uint8_t)(1u << (o->length & 7));
}
/* Forgets what was put into the row being written: for a record that turns out to be wrong half-way. */
static inline void weir_unput(weir_ctx *cx, uint32_t port)
{
    for (uint32_t c = 0; c < cx->out[port]->n_columns; c++) weir_put_present(cx, port, c);
}
static inline weir_status weir_copy(weir_ctx *cx, uint32_t port, uint32_t c, weir_row from, uint32_t from_column)
{
    return cx->host->copy(cx, port, c, from, from_column);
}
/* Ends the row being written, after every column was put. Never blocks: see weir_full. */
static inline weir_status weir_emit(weir_ctx *cx, uint32_t port, int64_t time)
{
    weir_out *o = cx->out[port];
    if (o->time) o->time[o->length] = time;
    if (o->origin) o->origin[o->length] = cx->row;
    return ++o->length < o->capacity ? WEIR_OK : cx->host->flush(cx, port);
}
/* The same for so many rows at once, each of whose columns was put; there must be room for them. */
static inline weir_status weir_emit_rows(weir_ctx *cx, uint32_t port, int64_t rows, int64_t time)
{
    weir_out *o = cx->out[port];
    for (int64_t i = 0; i < rows; i++) {
        if (o->time) o->time[o->length + i] = time;
        if (o->origin) o->origin[o->length + i] = cx->row;
    }
    o->length += rows;
    return o->length < o->capacity ? WEIR_OK : cx->host->flush(cx, port);
}

/* ---- keyed state, timers and the rest, in the words components use ----------------------------------------------- */

static inline weir_row weir_key(weir_ctx *cx)
{
    return cx->host->key(cx);
}
static inline const void *weir_get(weir_ctx *cx, uint32_t state)
{
    return cx->host->value_get(cx, state);
}
static inline void *weir_edit(weir_ctx *cx, uint32_t state)
{
    return cx->host->value_edit(cx, state);
}
static inline weir_status weir_add(weir_ctx *cx, uint32_t state, const void *value)
{
    return cx->host->value_add(cx, state, value);
}
static inline weir_status weir_result(weir_ctx *cx, uint32_t state, void *out)
{
    return cx->host->value_result(cx, state, out);
}
static inline weir_status weir_clear(weir_ctx *cx, uint32_t state)
{
    return cx->host->clear(cx, state);
}
static inline weir_status weir_assign(weir_ctx *cx, uint32_t state, weir_str *member, weir_str bytes)
{
    return cx->host->assign(cx, state, member, bytes);
}
static inline weir_status weir_list_add(weir_ctx *cx, uint32_t state, const void *item)
{
    return cx->host->list_add(cx, state, item);
}
static inline size_t weir_list_size(weir_ctx *cx, uint32_t state)
{
    return cx->host->list_size(cx, state);
}
static inline const void *weir_list_at(weir_ctx *cx, uint32_t state, size_t i)
{
    return cx->host->list_at(cx, state, i);
}
static inline weir_status weir_list_update(weir_ctx *cx, uint32_t state, const void *items, size_t n)
{
    return cx->host->list_update(cx, state, items, n);
}
static inline const void *weir_map_get(weir_ctx *cx, uint32_t state, const void *key)
{
    return cx->host->map_get(cx, state, key);
}
static inline void *weir_map_edit(weir_ctx *cx, uint32_t state, const void *key)
{
    return cx->host->map_edit(cx, state, key);
}
static inline weir_status weir_map_remove(weir_ctx *cx, uint32_t state, const void *key)
{
    return cx->host->map_remove(cx, state, key);
}
static inline size_t weir_map_size(weir_ctx *cx, uint32_t state)
{
    return cx->host->map_size(cx, state);
}
static inline bool weir_map_next(weir_ctx *cx, uint32_t state, weir_cursor *at, const void **key, const void **value)
{
    return cx->host->map_next(cx, state, at, key, value);
}
static inline weir_status weir_each_key(weir_ctx *cx, uint32_t state,
                                        weir_status (*fn)(void *self, weir_ctx *, void *arg), void *arg)
{
    return cx->host->each_key(cx, state, fn, arg);
}
static inline weir_status weir_set_timer(weir_ctx *cx, weir_clock clock, uint64_t ns, int64_t at)
{
    return cx->host->set_timer(cx, (uint32_t)clock, ns, at);
}
static inline weir_status weir_drop_timer(weir_ctx *cx, weir_clock clock, uint64_t ns, int64_t at)
{
    return cx->host->drop_timer(cx, (uint32_t)clock, ns, at);
}
static inline int64_t weir_now(weir_ctx *cx)
{
    return cx->host->now(cx);
}
static inline int64_t weir_watermark(weir_ctx *cx)
{
    return cx->host->watermark(cx);
}
static inline void *weir_scratch(weir_ctx *cx, size_t size)
{
    return cx->host->scratch(cx, size);
}
static inline const weir_info *weir_about(weir_ctx *cx)
{
    return cx->host->info(cx);
}
#define weir_fail(cx, status, ...) ((cx)->host->fail((cx), (status), __VA_ARGS__))

/* Appends to a blob; encoders write with it. */
static inline weir_status weir_blob_add(weir_ctx *cx, weir_blob *b, const void *bytes, size_t n)
{
    if (b->capacity - b->length < n) {
        weir_status s = cx->host->blob_reserve(cx, b, n);
        if (s != WEIR_OK) return s;
    }
    if (n) memcpy(b->data + b->length, bytes, n);
    b->length += n;
    return WEIR_OK;
}

#endif
