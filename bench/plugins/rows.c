/* bench/plugins/rows.c - a sink that hashes whole rows, whatever their fields, so that results can be compared whatever
 * their order.
 */
#include <inttypes.h>
#include <stdio.h>
#include <weir/udf.h>

#define BLOCK 1024 /* rows whose hashes are made a column at a time */

typedef struct {
    const char *path;
    uint64_t rows, hash;
} hash_rows;
static const weir_option hash_rows_options[] = {
    WEIR_OPTION(hash_rows, path, .doc = "Where count and hash are written at the end"),
};

static inline uint64_t mixed(uint64_t h, uint64_t value)
{
    h = (h ^ value) * 0x9e3779b97f4a7c15u;
    return h ^ (h >> 29);
}
static uint64_t mixed_bytes(uint64_t h, const char *p, size_t n)
{
    uint64_t word;
    for (; n >= sizeof word; p += sizeof word, n -= sizeof word) {
        memcpy(&word, p, sizeof word);
        h = mixed(h, word);
    }
    word = n;
    for (size_t i = 0; i < n; i++) word = word << 8 | (unsigned char)p[i];
    return mixed(h, word);
}

/* Rows from .. from + n of a column, into the hash of each. */
static weir_status add_column(weir_ctx *cx, const weir_column *c, int64_t from, int64_t n, uint64_t *hash)
{
    switch (c->type) {
    case WEIR_I64:
    case WEIR_F64:
    case WEIR_TIMESTAMP:
        for (int64_t i = 0; i < n; i++) hash[i] = mixed(hash[i], ((const uint64_t *)c->data)[from + i]);
        return WEIR_OK;
    case WEIR_STRING:
        for (int64_t i = 0; i < n; i++) {
            int32_t at = c->offsets[from + i];
            hash[i] = mixed_bytes(hash[i], (const char *)c->data + at, (size_t)(c->offsets[from + i + 1] - at));
        }
        return WEIR_OK;
    default: return weir_fail(cx, WEIR_E_CONFIG, "this sink has no hash for fields of type %u", c->type);
    }
}

static weir_status hash_rows_write(void *self, weir_ctx *cx, const weir_batch *b, int64_t *row)
{
    hash_rows *me = self;
    uint64_t hash[BLOCK];
    for (int64_t from = *row; from < b->length; from += BLOCK) {
        int64_t n = b->length - from < BLOCK ? b->length - from : BLOCK;
        for (int64_t i = 0; i < n; i++) hash[i] = 0;
        for (uint32_t c = 0; c < b->n_columns; c++) {
            weir_status s = add_column(cx, &b->columns[c], from, n, hash);
            if (s != WEIR_OK) return s;
        }
        for (int64_t i = 0; i < n; i++) me->hash += hash[i];
    }
    me->rows += (uint64_t)(b->length - *row);
    *row = b->length;
    return WEIR_OK;
}

static weir_status hash_rows_finish(void *self, weir_ctx *cx)
{
    const hash_rows *me = self;
    const weir_io *io = weir_io_of(cx);
    weir_io_error error;
    weir_file *file;
    char text[64];
    int n = snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64 "\n", me->rows, me->hash);
    if (io->open(cx, me->path, WEIR_FILE_CREATE, &file, &error) != WEIR_OK)
        return weir_fail(cx, error.status, "%s", error.message);
    weir_status s = io->write(cx, file, text, (size_t)n, &error);
    io->close(cx, file, NULL);
    return s == WEIR_OK ? s : weir_fail(cx, error.status, "%s", error.message);
}
static const weir_sink hash_rows_vtable = {
    .struct_size = sizeof(weir_sink), .write = hash_rows_write, .finish = hash_rows_finish};
WEIR_COMPONENT(hash_rows, WEIR_SINK, hash_rows_vtable, .id = "hash_rows", .doc = "Counts and hashes rows of any fields",
               .in = "*", WEIR_OPTIONS(hash_rows_options));

WEIR_PLUGIN("weir.bench_rows", "0.1.0", &hash_rows_component);
