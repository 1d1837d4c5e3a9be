/* Random streams through a writer: random schemas, rows, cuts, selections, rings and rhythms of the consumers.
 *
 * A row's cells are a function of its number, which column 0 carries, so whoever receives a row can check all of it. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "channel/writer.h"
#include "data/key.h"
#include "data/unread.h"
#include "harness/suite.h"

#define MAX_RINGS   12
#define MAX_COLUMNS 6
#define N_ROWS      400

struct stream {
    struct weir_pool *pool;
    struct weir_schema *schema;
    uint32_t n_columns, key_fields[2], n_key_fields;
    enum weir_partition_kind partition;
    uint32_t n_rings;
    uint64_t seed;
    bool unread[MAX_COLUMNS + 1]; /* by column */
};
struct arrivals {
    int64_t rows[MAX_RINGS][N_ROWS];
    uint32_t n[MAX_RINGS], marks[MAX_RINGS];
};

/* ---- rows -------------------------------------------------------------------------------------------------------- */

struct cell {
    bool is_null;
    uint64_t bits;
    char text[24];
    uint32_t n;
};
static struct cell cell_of(const struct stream *s, int64_t row, uint32_t column)
{
    const weir_schema_field *f = weir_schema_field_at(s->schema, column);
    struct weir_random r = {s->seed ^ (uint64_t)row * 31 ^ (uint64_t)column << 32};
    struct cell c = {.bits = column == 0 ? (uint64_t)row : weir_random_below(&r, 50)};
    c.is_null = f->nullable && weir_random_below(&r, 4) == 0;
    c.n = (uint32_t)weir_random_below(&r, sizeof c.text);
    memset(c.text, 'a' + (int)(c.bits % 26), c.n);
    return c;
}

static void put_cell(struct weir_builder *b, uint32_t column, const struct cell *c)
{
    int64_t at = b->out.length;
    weir_out_column *k = &b->out.columns[column];
    if (c->is_null) k->validity[at / 8] &= (uint8_t) ~(1u << (at % 8));
    switch ((weir_type)k->type) {
    case WEIR_BOOL: ((uint8_t *)k->data)[at / 8] |= (uint8_t)((c->bits & 1) << (at % 8)); return;
    case WEIR_I32:
    case WEIR_F32: ((uint32_t *)k->data)[at] = (uint32_t)c->bits; return;
    case WEIR_I64:
    case WEIR_F64:
    case WEIR_TIMESTAMP: ((uint64_t *)k->data)[at] = c->bits; return;
    default: break;
    }
    uint32_t n = c->is_null ? 0 : c->n;
    CU_ASSERT_FATAL(weir_builder_reserve_bytes(b, column, n) == WEIR_OK);
    memcpy((char *)k->data + k->offsets[at], c->text, n);
    k->offsets[at + 1] = k->offsets[at] + (int32_t)n;
}

static bool is_cell(weir_row row, uint32_t column, const struct cell *c)
{
    if (weir_null(row, column) != c->is_null) return false;
    if (c->is_null) return true;
    switch ((weir_type)row.batch->columns[column].type) {
    case WEIR_BOOL: return weir_bool(row, column) == (c->bits & 1);
    case WEIR_I32:
    case WEIR_F32: return weir_i32(row, column) == (int32_t)c->bits;
    case WEIR_I64:
    case WEIR_F64:
    case WEIR_TIMESTAMP: return weir_i64(row, column) == (int64_t)c->bits;
    default: break;
    }
    weir_str text = weir_text(row, column);
    return text.n == c->n && memcmp(text.p, c->text, c->n) == 0;
}

/* Rows first .. first + n - 1, sometimes with rows in between that a selection hides. */
static struct weir_rows *make_rows(const struct stream *s, struct weir_random *random, int64_t first, int64_t n)
{
    struct weir_builder b;
    int32_t forgotten;
    bool hides = weir_random_below(random, 3) == 0;
    struct weir_buffer *bits = weir_pool_take(s->pool, (size_t)n + 1);
    memset(bits->bytes, 0, bits->capacity);
    CU_ASSERT_FATAL(weir_builder_init(&b, s->pool, s->schema, NULL, 0, 2 * n + 8, true, false, NULL) == WEIR_OK);
    for (int64_t row = first; row < first + n;) {
        bool hidden = hides && b.out.length < 2 * n && b.out.length - (row - first) < n && weir_random_below(random, 2);
        for (uint32_t c = 0; c < s->n_columns; c++) {
            struct cell cell = cell_of(s, hidden ? -1 : row, c);
            put_cell(&b, c, &cell);
        }
        b.out.time[b.out.length] = hidden ? -1 : row * 3;
        if (!hidden) bits->bytes[b.out.length / 8] |= (uint8_t)(1u << (b.out.length % 8));
        b.out.length++;
        row += !hidden;
    }
    struct weir_rows *rows = weir_builder_take(&b, 1, NULL, &forgotten);
    CU_ASSERT_FATAL(rows && forgotten == -1);
    weir_builder_finish(&b);
    weir_rows_own(rows, bits);
    if (hides) {
        rows->view.selection = bits->bytes;
        rows->view.selected = n;
    }
    return rows;
}

/* ---- streams ----------------------------------------------------------------------------------------------------- */

static void open_stream(struct stream *s, uint64_t seed)
{
    struct weir_random random = {seed};
    struct weir_schema_builder fields = {0};
    *s = (struct stream){.pool = weir_pool_create(), .seed = seed, .partition = (enum weir_partition_kind)(1 + seed % 8)};
    s->n_columns = 1 + (uint32_t)weir_random_below(&random, MAX_COLUMNS);
    s->n_rings = 1 + (uint32_t)weir_random_below(&random, MAX_RINGS);
    s->n_key_fields = s->n_columns > 1 ? 1 + (uint32_t)weir_random_below(&random, 2) : 1;
    s->key_fields[0] = s->n_columns - 1; /* the last columns are the key's */
    for (uint32_t c = 0; c < s->n_columns; c++) {
        char name[2] = {(char)('a' + c), 0};
        bool may_be_key = c + 2 >= s->n_columns;
        weir_type type =
            c == 0 ? WEIR_I64 : (weir_type)(1 + weir_random_below(&random, may_be_key ? WEIR_STRING : WEIR_ANY));
        weir_schema_builder_add(&fields, name, type, !may_be_key && c > 0 && weir_random_below(&random, 2));
        s->unread[c] = !may_be_key && c > 0 && weir_random_below(&random, 3) == 0;
    }
    s->schema = weir_schema_build(&fields);
}
static void close_stream(struct stream *s)
{
    weir_schema_release(s->schema);
    weir_pool_close(s->pool);
}

/* What nobody reads stays behind where rows are dealt; a batch that goes as a whole has it. */
static bool leaves_out(const struct stream *s, uint32_t column)
{
    switch (s->partition) {
    case WEIR_PARTITION_KEY:
    case WEIR_PARTITION_REBALANCE:
    case WEIR_PARTITION_RESCALE:
    case WEIR_PARTITION_SHUFFLE:
    case WEIR_PARTITION_CUSTOM: return s->n_rings > 1 && s->unread[column];
    default: return false;
    }
}

static bool has_its_groups(const struct stream *s, struct weir_rows *rows)
{
    int64_t bad_row;
    uint32_t bad_field;
    struct weir_rows *again = weir_rows_slice(s->pool, rows, 0, rows->view.length);
    CU_ASSERT_EQUAL(weir_key_rows(s->pool, again, s->key_fields, s->n_key_fields, 128, &bad_row, &bad_field), WEIR_OK);
    size_t bytes = (size_t)rows->view.length * sizeof *rows->keys.key_group;
    bool same = memcmp(again->keys.key_group, rows->keys.key_group, bytes) == 0;
    weir_rows_release(again);
    return same;
}

static bool take(const struct stream *s, struct weir_ring *ring, uint32_t channel, struct arrivals *a)
{
    struct weir_element e;
    if (!weir_ring_pop(ring, &e)) return true;
    if (e.kind != WEIR_ELEMENT_ROWS) { /* marks count up */
        bool in_order = e.value == a->marks[channel]++;
        return in_order && e.kind == WEIR_ELEMENT_WATERMARK;
    }
    bool ok = e.rows->view.length > 0 && !e.rows->view.selection &&
              (e.rows->keys.hash != NULL) == (s->partition == WEIR_PARTITION_KEY);
    ok = ok && (!e.rows->keys.hash || has_its_groups(s, e.rows));
    for (int64_t i = 0; i < e.rows->view.length && ok; i++) {
        weir_row row = {&e.rows->view, i};
        int64_t id = weir_i64(row, 0);
        for (uint32_t c = 0; c < s->n_columns; c++) {
            bool is_left_out = leaves_out(s, c);
            struct cell cell = is_left_out ? (struct cell){0} : cell_of(s, id, c);
            ok = ok && is_cell(row, c, &cell) && weir_column_is_unread(&e.rows->columns[c]) == is_left_out;
        }
        ok = ok && weir_time(row) == id * 3;
        if (s->partition == WEIR_PARTITION_KEY) {
            struct weir_key_bytes key = {0};
            ok = ok && weir_key_encode(&key, &e.rows->view, s->key_fields, s->n_key_fields, i) == WEIR_OK;
            ok = ok && e.rows->keys.hash[i] == weir_key_hash64(key.p, key.n);
            ok = ok && weir_key_group_subtask(e.rows->keys.key_group[i], s->n_rings, 128) == channel;
            weir_key_bytes_finish(&key);
        }
        a->rows[channel][a->n[channel]++] = id;
    }
    weir_rows_release(e.rows);
    return ok;
}

static weir_status by_id(void *arg, struct weir_rows *rows, uint32_t n_targets, uint32_t *targets, struct weir_error *error)
{
    (void)arg, (void)error;
    for (int64_t i = 0; i < rows->view.length; i++)
        targets[i] = (uint32_t)(weir_i64((weir_row){&rows->view, i}, 0) / 3) % n_targets;
    return WEIR_OK;
}

/* Sends all rows in batches cut by `rhythm`, a mark now and then, while consumers take something now and then. */
static bool run(const struct stream *s, uint64_t rhythm, struct arrivals *a)
{
    struct weir_random random = {rhythm};
    bool large = weir_random_below(&random, 2);
    struct weir_ring *rings[MAX_RINGS];
    struct weir_writer *w;
    struct weir_error error;
    uint32_t marks = 0;
    memset(a, 0, sizeof *a);
    for (uint32_t i = 0; i < s->n_rings; i++) {
        rings[i] = weir_try_alloc_aligned(128, sizeof *rings[i]);
        CU_ASSERT_FATAL(weir_ring_init(rings[i], 1 + (uint32_t)weir_random_below(&random, 3), NULL) == WEIR_OK);
    }
    struct weir_writer_options o = {.partition = s->partition,
                                    .pool = s->pool,
                                    .schema = s->schema,
                                    .rings = rings,
                                    .n_rings = s->n_rings,
                                    .batch_rows = 1 + (uint32_t)weir_random_below(&random, large ? 200 : 20),
                                    .key_fields = s->key_fields,
                                    .n_key_fields = s->n_key_fields,
                                    .max_parallelism = 128,
                                    .receivers = s->n_rings,
                                    .unread = s->unread,
                                    .seed = s->seed,
                                    .custom = by_id,
                                    .where = "node 'x'"};
    CU_ASSERT_FATAL(weir_writer_create(&o, &w, &error) == WEIR_OK);
    bool ok = true;
    for (int64_t sent = 0; ok && (sent < N_ROWS || !weir_writer_accepts(w) || weir_writer_has_partial(w));) {
        uint64_t dice = weir_random_below(&random, 10);
        if (dice < 3 && weir_writer_accepts(w) && sent < N_ROWS) {
            int64_t n = 1 + (int64_t)weir_random_below(&random, large ? N_ROWS : 40);
            if (n > N_ROWS - sent) n = N_ROWS - sent;
            struct weir_rows *rows = make_rows(s, &random, sent, n);
            ok = weir_writer_put_rows(w, rows, &error) == WEIR_OK;
            weir_rows_release(rows);
            sent += n;
        } else if (dice == 3 && weir_writer_accepts(w)) {
            ok = weir_writer_put_mark(w, WEIR_ELEMENT_WATERMARK, marks++, &error) == WEIR_OK && !weir_writer_has_partial(w);
        } else if (dice == 4) {
            ok = weir_writer_flush(w, weir_random_below(&random, 2), &error) == WEIR_OK;
        } else if (dice == 5) {
            ok = weir_writer_drain(w) == weir_writer_accepts(w);
        } else {
            uint32_t i = (uint32_t)weir_random_below(&random, s->n_rings);
            ok = take(s, rings[i], i, a);
        }
    }
    for (uint32_t i = 0; i < s->n_rings; i++) {
        while (ok && !weir_ring_is_empty(rings[i])) ok = take(s, rings[i], i, a);
        ok = ok && a->marks[i] == marks;
        weir_ring_finish(rings[i]);
        weir_free(rings[i]);
    }
    weir_writer_destroy(w);
    return ok;
}

/* Every row arrived once (with broadcast, once per channel), in order per channel. */
static bool is_complete(const struct stream *s, const struct arrivals *a)
{
    bool seen[N_ROWS] = {false};
    uint32_t total = 0;
    for (uint32_t c = 0; c < s->n_rings; c++) {
        for (uint32_t i = 0; i < a->n[c]; i++, total++) {
            if (i > 0 && a->rows[c][i] <= a->rows[c][i - 1]) return false;
            seen[a->rows[c][i]] = true;
        }
    }
    for (uint32_t i = 0; i < N_ROWS; i++) {
        if (!seen[i]) return false;
    }
    return total == N_ROWS * (s->partition == WEIR_PARTITION_BROADCAST ? s->n_rings : 1);
}

static bool same_rows(const struct stream *s, const struct arrivals *a, const struct arrivals *b)
{
    for (uint32_t c = 0; c < s->n_rings; c++) {
        if (a->n[c] != b->n[c] || memcmp(a->rows[c], b->rows[c], a->n[c] * sizeof a->rows[c][0]) != 0) return false;
    }
    return true;
}

static void rows_arrive_whatever_the_cuts(void)
{
    static struct arrivals first, other;
    size_t blocks = weir_allocated_blocks();
    bool ok = true;
    for (uint64_t seed = 0; seed < 160 && ok; seed++) {
        struct stream s;
        open_stream(&s, seed);
        if (s.n_key_fields == 2) s.key_fields[1] = s.n_columns - 2;
        ok = run(&s, seed, &first) && is_complete(&s, &first);
        for (uint64_t cut = 1; cut < 4 && ok; cut++)
            ok = run(&s, seed + cut * 1000, &other) && same_rows(&s, &first, &other);
        if (!ok) printf("seed %llu\n", (unsigned long long)seed);
        close_stream(&s);
    }
    CU_ASSERT(ok);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

WEIR_SUITE(writer_random) = {
    {"every row arrives in order, at the same channel whatever the cuts", rows_arrive_whatever_the_cuts},
    {NULL, NULL},
};
