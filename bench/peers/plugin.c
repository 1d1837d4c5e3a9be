/* peers - the sink of the comparisons with other systems: keeps nothing of the records but their number and the sum of
 * their hashes, which each subtask writes to a file of its own at the end. */
#include <inttypes.h>
#include <stdio.h>
#include <weir/udf.h>

#include "hash.h"

typedef struct peer_hash {
    const char *path;
    bool count_only;
    uint64_t rows, hash;
} peer_hash;

/* A few rows at a time, one column after the other: the hashes of several rows are under way at once. */
enum { AT_ONCE = 64 };

/* The values of one column in rows[0..n) into their hashes. */
static void hash_column(const weir_column *c, const int64_t *rows, int n, uint64_t *h)
{
    if (c->type == WEIR_STRING) {
        for (int k = 0; k < n; k++) {
            const int32_t *at = c->offsets + rows[k];
            h[k] = peers_hash_text(h[k], (const char *)c->data + at[0], (size_t)(at[1] - at[0]));
        }
    } else {
        const uint64_t *values = c->data; /* i64, timestamp, and the bits of f64 */
        for (int k = 0; k < n; k++) h[k] = peers_hash(h[k], values[rows[k]]);
    }
}

/* The next rows from *row on, up to AT_ONCE; *row moves behind them. */
static int next_rows(const weir_batch *b, int64_t *row, int64_t *rows)
{
    int n = 0;
    for (; *row < b->length && n < AT_ONCE; ++*row) {
        rows[n] = *row;
        n += b->selection ? weir_bit(b->selection, *row) : 1;
    }
    return n;
}

static weir_status peer_hash_open(void *self, weir_ctx *cx)
{
    const weir_schema_view *in = cx->host->input_schema(cx, 0);
    (void)self;
    for (uint32_t k = 0; k < in->n_fields; k++) {
        uint32_t type = weir_schema_at(in, k)->type;
        if (type != WEIR_STRING && type != WEIR_I64 && type != WEIR_TIMESTAMP && type != WEIR_F64)
            return weir_fail(cx, WEIR_E_CONFIG, "'%s' is no string, i64, timestamp or f64", weir_schema_at(in, k)->name);
    }
    return WEIR_OK;
}

static weir_status peer_hash_write(void *self, weir_ctx *cx, const weir_batch *b, int64_t *row)
{
    peer_hash *me = self;
    (void)cx;
    while (*row < b->length) {
        int64_t rows[AT_ONCE];
        uint64_t h[AT_ONCE] = {0};
        int n = next_rows(b, row, rows);
        me->rows += (uint64_t)n;
        for (uint32_t k = 0; k < b->n_columns && !me->count_only; k++) hash_column(&b->columns[k], rows, n, h);
        for (int k = 0; k < n; k++) me->hash += h[k];
    }
    return WEIR_OK;
}

static weir_status peer_hash_finish(void *self, weir_ctx *cx)
{
    const peer_hash *me = self;
    const weir_io *io = weir_io_of(cx);
    weir_io_error error;
    weir_file *file;
    char path[4096], text[64];
    snprintf(path, sizeof path, "%s.%" PRIu32, me->path, weir_about(cx)->subtask);
    int n = snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64 "\n", me->rows, me->hash);
    if (io->open(cx, path, WEIR_FILE_CREATE, &file, &error) != WEIR_OK)
        return weir_fail(cx, error.status, "%s", error.message);
    weir_status s = io->write(cx, file, text, (size_t)n, &error);
    io->close(cx, file, NULL);
    return s == WEIR_OK ? s : weir_fail(cx, error.status, "%s", error.message);
}

static const weir_option peer_hash_options[] = {
    WEIR_OPTION(peer_hash, path, .doc = "where number and hash go; the number of the subtask is appended"),
    WEIR_OPTION(peer_hash, count_only, .def = "false", .doc = "no hash"),
};
static const weir_sink peer_hash_vtable = {
    .struct_size = sizeof(weir_sink), .open = peer_hash_open, .write = peer_hash_write, .finish = peer_hash_finish};
WEIR_COMPONENT(peer_hash, WEIR_SINK, peer_hash_vtable, .id = "peer_hash", .doc = "counts and hashes records", .in = "*",
               .flags = WEIR_ACCEPTS_SELECTION, WEIR_OPTIONS(peer_hash_options));
WEIR_PLUGIN("weir.peers", "0.1.0", &peer_hash_component);
