/* test_arrow.c - batches out to Arrow and back, and the arrays that must be refused. */
#include "data/arrow.h"

#include "data/bits_internal.h"
#include "unit/data/random_rows.h"

static struct table table_of(uint64_t seed, int64_t n)
{
    struct weir_random r = {seed};
    return random_table(&r, schema_of_all_types(), n, (unsigned)(seed % 4) * 33);
}

static void says_the_formats(void)
{
    static const char *const formats[] = {"b", "b",       "i",       "i", "l", "l", "f", "f", "g",
                                          "g", "tsm:UTC", "tsm:UTC", "u", "u", "z", "z", "z", "z"};
    static const char metadata[] = "\1\0\0\0\x09\0\0\0weir.type\3\0\0\0any";
    size_t blocks = weir_allocated_blocks();
    struct weir_schema *s = schema_of_all_types();
    struct ArrowSchema a;
    CU_ASSERT_EQUAL(weir_arrow_export_schema(s, &a, NULL), WEIR_OK);
    CU_ASSERT_STRING_EQUAL(a.format, "+s");
    CU_ASSERT_EQUAL_FATAL(a.n_children, 18);
    for (int i = 0; i < 18; i++) {
        CU_ASSERT_STRING_EQUAL(a.children[i]->format, formats[i]);
        CU_ASSERT_STRING_EQUAL(a.children[i]->name, weir_schema_field_at(s, (uint32_t)i)->name);
        CU_ASSERT_EQUAL(a.children[i]->flags, i % 2 ? ARROW_FLAG_NULLABLE : 0);
        CU_ASSERT_EQUAL(a.children[i]->metadata != NULL, i >= 16);
        if (i >= 16) CU_ASSERT_EQUAL(memcmp(a.children[i]->metadata, metadata, sizeof metadata - 1), 0);
    }
    weir_schema_release(s);
    struct ArrowSchema child = *a.children[3]; /* moved out, as the specification allows */
    a.children[3]->release = NULL;
    a.release(&a);
    CU_ASSERT_PTR_NULL(a.release);
    CU_ASSERT_STRING_EQUAL(child.name, "i32_q");
    child.release(&child);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

/* Exports rows and imports them again; the caller releases both. */
static void round_trip(struct weir_rows *rows, struct weir_schema *schema, struct weir_schema **schema_back,
                       struct weir_rows **back)
{
    struct ArrowSchema as;
    struct ArrowArray aa;
    struct weir_error e = {0};
    CU_ASSERT_EQUAL_FATAL(weir_arrow_export_schema(schema, &as, &e), WEIR_OK);
    CU_ASSERT_EQUAL_FATAL(weir_arrow_export(rows, schema, &aa, &e), WEIR_OK);
    CU_ASSERT_EQUAL_FATAL(weir_arrow_import(&as, &aa, schema_back, back, &e), WEIR_OK);
    CU_ASSERT_PTR_NULL(as.release);
    CU_ASSERT_PTR_NULL(aa.release);
}

static void round_trips_slices(void)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        size_t blocks = weir_allocated_blocks();
        struct weir_pool *pool = weir_pool_create();
        struct table t = table_of(seed, 150);
        struct weir_rows *all = rows_of(pool, &t), *back;
        struct weir_random r = {seed};
        int64_t from = (int64_t)weir_random_below(&r, 20), n = (int64_t)weir_random_below(&r, 131);
        struct weir_rows *slice = weir_rows_slice(pool, all, from, n);
        struct weir_schema *schema;
        weir_rows_release(all);
        round_trip(slice, t.schema, &schema, &back);
        weir_rows_release(slice); /* the import alone keeps the buffers */
        CU_ASSERT_TRUE(weir_schema_equal(schema, t.schema));
        CU_ASSERT_TRUE(holds_rows(&back->view, &t, NULL, from, n, false));
        for (int64_t i = 0; i < n; i++) CU_ASSERT_EQUAL(back->view.time[i], WEIR_NO_TIME);
        struct weir_rows *part = weir_rows_slice(pool, back, n / 2, n - n / 2);
        weir_rows_release(back);
        CU_ASSERT_TRUE(holds_rows(&part->view, &t, NULL, from + n / 2, n - n / 2, false));
        weir_rows_release(part);
        weir_schema_release(schema);
        weir_pool_close(pool);
        finish_table(&t);
        CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
    }
}

static void shares_buffers(void)
{
    struct table t = table_of(1, 100);
    struct weir_rows *rows = rows_of(NULL, &t), *slice = weir_rows_slice(NULL, rows, 3, 90);
    struct ArrowArray a, b;
    CU_ASSERT_EQUAL_FATAL(weir_arrow_export(rows, t.schema, &a, NULL), WEIR_OK);
    CU_ASSERT_EQUAL_FATAL(weir_arrow_export(slice, t.schema, &b, NULL), WEIR_OK);
    CU_ASSERT_EQUAL(a.n_buffers, 1);
    CU_ASSERT_EQUAL(a.length, 100);
    for (uint32_t c = 0; c < t.n_columns; c++) {
        const struct ArrowArray *x = a.children[c], *y = b.children[c];
        const weir_column *k = &slice->columns[c];
        int64_t nulls = 0;
        for (int64_t i = 0; i < 100; i++) nulls += cell_at(&t, i, c)->null;
        CU_ASSERT_EQUAL(x->null_count, nulls);
        CU_ASSERT_EQUAL(x->n_buffers, k->offsets ? 3 : 2);
        CU_ASSERT_EQUAL(x->offset, 0);
        CU_ASSERT_PTR_EQUAL(x->buffers[0], rows->columns[c].validity);
        CU_ASSERT_PTR_EQUAL(x->buffers[k->offsets ? 2 : 1], rows->columns[c].data);
        if (k->type != WEIR_BOOL) CU_ASSERT_PTR_EQUAL(y->buffers[1], k->offsets ? (const void *)k->offsets : k->data);
    }
    weir_rows_release(slice);
    weir_rows_release(rows);
    struct ArrowArray child = *b.children[4]; /* moved out of its parent, it outlives it */
    b.children[4]->release = NULL;
    a.release(&a);
    b.release(&b);
    for (int64_t i = 0; i < 90; i++) CU_ASSERT_EQUAL(((const uint64_t *)child.buffers[1])[i], cell_at(&t, i + 3, 4)->bits);
    child.release(&child);
    CU_ASSERT_PTR_NULL(child.release);
    finish_table(&t);
}

/* What a producer may do and weir never does: offsets in the parent and in the children. */
static void imports_offsets(void)
{
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct table t = table_of(seed, 100);
        struct weir_rows *rows = rows_of(NULL, &t), *back;
        struct ArrowSchema as;
        struct ArrowArray aa;
        struct weir_schema *schema;
        struct weir_error e = {0};
        int64_t outer = (int64_t)seed % 11, inner = (int64_t)seed % 7;
        CU_ASSERT_EQUAL(weir_arrow_export_schema(t.schema, &as, &e), WEIR_OK);
        CU_ASSERT_EQUAL(weir_arrow_export(rows, t.schema, &aa, &e), WEIR_OK);
        weir_rows_release(rows);
        aa.offset = outer;
        aa.length = 100 - outer - inner;
        for (uint32_t c = 0; c < t.n_columns; c++) {
            aa.children[c]->offset = inner;
            aa.children[c]->length = 100 - inner;
            if (seed % 2) aa.children[c]->null_count = -1; /* unknown */
        }
        CU_ASSERT_EQUAL_FATAL(weir_arrow_import(&as, &aa, &schema, &back, &e), WEIR_OK);
        CU_ASSERT_TRUE(holds_rows(&back->view, &t, NULL, outer + inner, 100 - outer - inner, false));
        struct weir_schema *schema2; /* and out again, from bitmaps that begin inside a byte */
        struct weir_rows *again;
        round_trip(back, schema, &schema2, &again);
        weir_rows_release(back);
        CU_ASSERT_TRUE(holds_rows(&again->view, &t, NULL, outer + inner, 100 - outer - inner, false));
        weir_rows_release(again);
        weir_schema_release(schema2);
        weir_schema_release(schema);
        finish_table(&t);
    }
}

static void exports_the_selected(void)
{
    struct table t = table_of(2, 80);
    struct weir_rows *rows = rows_of(NULL, &t), *back;
    struct weir_schema *schema;
    struct ArrowSchema as;
    struct ArrowArray copy;
    uint8_t selection[10];
    uint32_t origin[80 + WEIR_INDEXES_MORE];
    struct weir_random r = {6};
    for (int i = 0; i < 10; i++) selection[i] = (uint8_t)weir_random_next(&r);
    int64_t n = weir_bits_indexes(selection, 80, origin);
    rows->view.selection = selection;
    rows->view.selected = n;
    CU_ASSERT_EQUAL(weir_arrow_export_copy(&rows->view, &copy, NULL), WEIR_OK);
    round_trip(rows, t.schema, &schema, &back);
    CU_ASSERT_TRUE(holds_rows(&back->view, &t, origin, 0, n, false));
    weir_rows_release(back);
    weir_schema_release(schema);
    weir_rows_release(rows); /* the copy owns its memory */
    CU_ASSERT_EQUAL(weir_arrow_export_schema(t.schema, &as, NULL), WEIR_OK);
    CU_ASSERT_EQUAL(weir_arrow_import(&as, &copy, &schema, &back, NULL), WEIR_OK);
    CU_ASSERT_TRUE(holds_rows(&back->view, &t, origin, 0, n, false));
    weir_rows_release(back);
    weir_schema_release(schema);
    finish_table(&t);
}

/* ---- what must be refused ---------------------------------------------------------------------------------------- */

struct broken {
    struct table t;
    struct ArrowSchema schema;
    struct ArrowArray array;
    int32_t offsets[21];
    char bytes[64];
};

enum { COLUMN_I64 = 4, COLUMN_STRING = 12, COLUMN_ANY_Q = 17 };

static void break_format(struct broken *b)
{
    b->schema.children[COLUMN_I64]->format = "L";
}
static void break_timestamp(struct broken *b)
{
    b->schema.children[COLUMN_I64]->format = "tsu:UTC";
}
static void break_struct(struct broken *b)
{
    b->schema.format = "l";
}
static void add_dictionary(struct broken *b)
{
    b->schema.children[COLUMN_STRING]->dictionary = &b->schema;
}
static void lose_column(struct broken *b)
{
    b->array.n_children--;
    b->array.children[17]->release(b->array.children[17]);
}
static void shorten_column(struct broken *b)
{
    b->array.children[COLUMN_I64]->length--;
}
static void lose_buffer(struct broken *b)
{
    b->array.children[COLUMN_STRING]->n_buffers = 2;
}
static void lose_data(struct broken *b)
{
    b->array.children[COLUMN_I64]->buffers[1] = NULL;
}
static void misalign(struct broken *b)
{
    b->array.children[COLUMN_I64]->buffers[1] = (const char *)b->array.children[COLUMN_I64]->buffers[1] + 1;
}
static void negate_length(struct broken *b)
{
    b->array.length = -1;
}
static void go_back(struct broken *b)
{
    b->offsets[7] = 5, b->offsets[8] = 4;
    for (int i = 9; i < 21; i++) b->offsets[i] = 5;
    b->array.children[COLUMN_STRING]->buffers[1] = b->offsets;
    b->array.children[COLUMN_STRING]->buffers[2] = b->bytes;
}
static void begin_below_zero(struct broken *b)
{
    b->offsets[0] = -1;
    b->array.children[COLUMN_STRING]->buffers[1] = b->offsets;
}
static void spoil_text(struct broken *b)
{
    memcpy(b->bytes, "ab\xc3", 3);
    for (int i = 3; i < 21; i++) b->offsets[i] = 3;
    b->array.children[COLUMN_STRING]->buffers[1] = b->offsets;
    b->array.children[COLUMN_STRING]->buffers[2] = b->bytes;
}
static void spoil_any(struct broken *b)
{
    memcpy(b->bytes, "\x92\x01", 2);
    for (int i = 1; i < 21; i++) b->offsets[i] = 2;
    b->array.children[COLUMN_ANY_Q]->null_count = 0;
    b->array.children[COLUMN_ANY_Q]->buffers[1] = b->offsets;
    b->array.children[COLUMN_ANY_Q]->buffers[2] = b->bytes;
}
static void null_in_required(struct broken *b)
{
    b->array.children[COLUMN_I64]->buffers[0] = b->bytes; /* all zero */
    b->array.children[COLUMN_I64]->null_count = 20;
}
static void null_row(struct broken *b)
{
    b->array.buffers[0] = b->bytes;
    b->array.null_count = 20;
}

static void refuses_what_it_cannot_trust(void)
{
    static const struct {
        void (*spoil)(struct broken *);
        const char *message;
    } cases[] = {
        {break_format, "Arrow field 'i64_x' has the format \"L\"; weir reads b, i, l, f, g, tsm:, u and z"},
        {break_timestamp, "has the format \"tsu:UTC\""},
        {break_struct, "expected a struct (format \"+s\"), found \"l\""},
        {add_dictionary, "with a dictionary"},
        {lose_column, "it has 17 columns, its schema 18"},
        {shorten_column, "Arrow field 'i64_x': expected at least 20 rows, found 19 from offset 0"},
        {lose_buffer, "Arrow field 'string_x': expected 3 buffers, found 2"},
        {lose_data, "Arrow field 'i64_x': its buffer 1 is missing"},
        {misalign, "Arrow field 'i64_x': its buffer 1 is not aligned to 8 bytes"},
        {negate_length, "-1 rows"},
        {go_back, "Arrow field 'string_x': row 7: its offsets go back from 5 to 4"},
        {begin_below_zero, "its first offset is -1"},
        {spoil_text, "Arrow field 'string_x': row 2 is not valid UTF-8"},
        {spoil_any, "Arrow field 'any_q': row 0 is not one msgpack value"},
        {null_in_required, "Arrow field 'i64_x': it has nulls"},
        {null_row, "a whole row is null"},
    };
    for (size_t i = 0; i < WEIR_LEN(cases); i++) {
        size_t blocks = weir_allocated_blocks();
        struct broken b = {.t = table_of(3, 20)};
        struct weir_rows *rows = rows_of(NULL, &b.t), *back;
        struct weir_schema *schema;
        struct weir_error e = {0};
        CU_ASSERT_EQUAL(weir_arrow_export_schema(b.t.schema, &b.schema, &e), WEIR_OK);
        CU_ASSERT_EQUAL(weir_arrow_export(rows, b.t.schema, &b.array, &e), WEIR_OK);
        weir_rows_release(rows);
        cases[i].spoil(&b);
        CU_ASSERT_EQUAL(weir_arrow_import(&b.schema, &b.array, &schema, &back, &e), WEIR_E_DATA);
        WEIR_ASSERT_CONTAINS(e.text, cases[i].message);
        CU_ASSERT_TRUE(!schema && !back && !b.schema.release && !b.array.release);
        finish_table(&b.t);
        CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
    }
}

static void imports_no_rows(void)
{
    struct table t = table_of(1, 0);
    struct weir_rows *rows = rows_of(NULL, &t), *back;
    struct ArrowSchema as;
    struct ArrowArray aa;
    struct weir_schema *schema;
    struct weir_error e = {0};
    CU_ASSERT_EQUAL(weir_arrow_export_schema(t.schema, &as, &e), WEIR_OK);
    CU_ASSERT_EQUAL(weir_arrow_export(rows, t.schema, &aa, &e), WEIR_OK);
    weir_rows_release(rows);
    for (uint32_t c = 0; c < t.n_columns; c++) { /* without rows, buffers may be missing */
        for (int64_t k = 0; k < aa.children[c]->n_buffers; k++) aa.children[c]->buffers[k] = NULL;
    }
    as.children[10]->format = "tsm:Europe/Vienna";
    CU_ASSERT_EQUAL_FATAL(weir_arrow_import(&as, &aa, &schema, &back, &e), WEIR_OK);
    CU_ASSERT_EQUAL(back->view.length, 0);
    CU_ASSERT_EQUAL(weir_schema_field_at(schema, 10)->type, WEIR_TIMESTAMP);
    struct weir_rows *none = weir_rows_gather(NULL, back, NULL, 0);
    weir_rows_release(none);
    weir_rows_release(back);
    weir_schema_release(schema);
    finish_table(&t);
}

WEIR_SUITE(arrow) = {
    {"says each type's format; moved fields live on", says_the_formats},
    {"round trips slices of all types", round_trips_slices},
    {"shares buffers; moved columns live on", shares_buffers},
    {"imports offsets of parent and children", imports_offsets},
    {"exports the selected rows, shared or copied", exports_the_selected},
    {"refuses what it cannot trust", refuses_what_it_cannot_trust},
    {"imports no rows", imports_no_rows},
    {NULL, NULL},
};
