/* test_builder.c - output rows under construction, against tables of plain cells. */
#include "data/builder.h"

#include "unit/data/random_rows.h"

static struct table table_of(uint64_t seed, int64_t n)
{
    struct weir_random r = {seed};
    return random_table(&r, schema_of_all_types(), n, (unsigned)(seed % 5) * 25);
}

/* Batch after batch from recycled buffers: nothing of one shows in the next. */
static void builds_batch_after_batch(void)
{
    size_t blocks = weir_allocated_blocks();
    struct weir_pool *pool = weir_pool_create();
    struct table t = table_of(1, 3000);
    struct weir_builder b;
    struct weir_random r = {9};
    CU_ASSERT_EQUAL_FATAL(weir_builder_init(&b, pool, t.schema, NULL, 0, 100, true, false, NULL), WEIR_OK);
    for (int64_t done = 0; done < t.n_rows;) {
        int64_t n = (int64_t)weir_random_below(&r, 101), at = done;
        int32_t forgotten;
        if (n > t.n_rows - done) n = t.n_rows - done;
        for (; done < at + n; done++) put_row(&b, &t, done);
        struct weir_rows *rows = weir_builder_take(&b, 0, NULL, &forgotten);
        CU_ASSERT_PTR_NOT_NULL_FATAL(rows);
        CU_ASSERT_EQUAL(forgotten, -1);
        CU_ASSERT_EQUAL(b.out.length, 0);
        CU_ASSERT_TRUE(holds_rows(&rows->view, &t, NULL, at, n, true));
        weir_rows_release(rows);
    }
    weir_builder_finish(&b);
    weir_builder_finish(&b); /* zeroed is fine */
    weir_pool_close(pool);
    finish_table(&t);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

static void allocates_nothing_when_warm(void)
{
    struct weir_pool *pool = weir_pool_create();
    struct table t = table_of(2, 100);
    struct weir_builder b;
    int32_t forgotten;
    size_t blocks = 0;
    CU_ASSERT_EQUAL_FATAL(weir_builder_init(&b, pool, t.schema, NULL, 0, 100, true, false, NULL), WEIR_OK);
    for (int k = 0; k < 20; k++) {
        for (int64_t i = 0; i < 100; i++) put_row(&b, &t, i);
        weir_rows_release(weir_builder_take(&b, 0, NULL, &forgotten));
        if (k == 2) blocks = weir_allocated_blocks();
    }
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
    weir_builder_finish(&b);
    weir_pool_close(pool);
    finish_table(&t);
}

static bool is_aligned(const void *p)
{
    return (uintptr_t)p % 64 == 0;
}

/* A batch costs a header and a buffer, and two more for each string. Bits have their own: they are preset. */
static void puts_what_is_of_fixed_size_together(void)
{
    struct weir_schema_builder sb = {0};
    weir_schema_builder_add(&sb, "a", WEIR_I32, false);
    weir_schema_builder_add(&sb, "b", WEIR_I64, false);
    weir_schema_builder_add(&sb, "s", WEIR_STRING, false);
    weir_schema_builder_add(&sb, "c", WEIR_F64, false);
    weir_schema_builder_add(&sb, "d", WEIR_BOOL, false);
    struct weir_schema *schema = weir_schema_build(&sb);
    struct weir_builder b;
    int32_t forgotten;
    CU_ASSERT_EQUAL_FATAL(weir_builder_init(&b, NULL, schema, NULL, 0, 5, true, false, NULL), WEIR_OK);
    for (int64_t capacity = 5; capacity < 1000; capacity = capacity * 3 + 1) {
        CU_ASSERT_EQUAL(weir_builder_reserve_rows(&b, capacity), WEIR_OK);
        for (uint32_t i = 0; i < 5; i++) CU_ASSERT(is_aligned(b.columns[i].data));
        CU_ASSERT(is_aligned(b.out.time));
        struct weir_rows *rows = weir_builder_take(&b, 0, NULL, &forgotten);
        CU_ASSERT_EQUAL(rows->n_owned, 4);
        CU_ASSERT_PTR_NOT_EQUAL(rows->view.time, b.out.time);
        CU_ASSERT_PTR_NOT_EQUAL(rows->columns[1].data, b.columns[1].data);
        weir_rows_release(rows);
    }
    weir_builder_finish(&b);
    weir_schema_release(schema);
}

static void writes_some_of_the_columns(void)
{
    struct weir_pool *pool = weir_pool_create();
    struct table t = table_of(3, 50);
    struct weir_builder b;
    const uint32_t written[] = {13, 0, 9}, *origin;
    int32_t forgotten;
    CU_ASSERT_EQUAL_FATAL(weir_builder_init(&b, pool, t.schema, written, 3, 50, false, true, NULL), WEIR_OK);
    CU_ASSERT_PTR_NULL(b.out.time);
    CU_ASSERT_EQUAL(b.out.n_columns, 3);
    for (int64_t i = 0; i < 50; i++) {
        b.out.origin[i] = (uint32_t)(i * 3);
        put_row(&b, &t, i);
    }
    struct weir_rows *rows = weir_builder_take(&b, 2, &origin, &forgotten);
    CU_ASSERT_EQUAL(rows->view.n_columns, t.n_columns);
    CU_ASSERT_PTR_NULL(rows->view.time);
    for (int64_t i = 0; i < 50; i++) {
        CU_ASSERT_EQUAL(origin[i], i * 3);
        for (int k = 0; k < 3; k++) CU_ASSERT_TRUE(holds_cell(&rows->view, written[k], i, cell_at(&t, i, written[k])));
    }
    CU_ASSERT_PTR_NULL(rows->columns[1].data);
    CU_ASSERT_EQUAL(rows->columns[1].type, 0);
    weir_rows_own(rows, weir_buffer_create(1));
    weir_rows_own(rows, weir_buffer_create(1));
    weir_rows_release(rows);
    weir_builder_finish(&b);
    weir_pool_close(pool);
    finish_table(&t);
}

static void presets_memory(void)
{
    struct table t = table_of(0, 1);
    struct weir_builder b;
    CU_ASSERT_EQUAL_FATAL(weir_builder_init(&b, NULL, t.schema, NULL, 0, 77, false, false, NULL), WEIR_OK);
    for (uint32_t i = 0; i < b.n_written; i++) {
        weir_out_column *c = &b.columns[i];
        CU_ASSERT_EQUAL(c->validity != NULL, i % 2 == 1);
        for (int k = 0; c->validity && k < 10; k++) CU_ASSERT_EQUAL(c->validity[k], 0xff);
        for (int k = 0; c->type == WEIR_BOOL && k < 10; k++) CU_ASSERT_EQUAL(((uint8_t *)c->data)[k], 0);
        for (int k = 0; c->offsets && k < 78; k++) CU_ASSERT_EQUAL(c->offsets[k], k ? -1 : 0);
        CU_ASSERT_EQUAL(c->offsets != NULL, c->bytes_capacity > 0);
    }
    weir_builder_finish(&b);
    finish_table(&t);
}

static void makes_room_for_bytes(void)
{
    struct weir_pool *pool = weir_pool_create();
    struct weir_schema_builder sb = {0};
    weir_schema_builder_add(&sb, "s", WEIR_STRING, false);
    struct weir_schema *schema = weir_schema_build(&sb);
    struct weir_builder b;
    int32_t forgotten;
    CU_ASSERT_EQUAL_FATAL(weir_builder_init(&b, pool, schema, NULL, 0, 20, false, false, NULL), WEIR_OK);
    size_t sizes[20], total = 0;
    for (int i = 0; i < 20; i++) {
        sizes[i] = (size_t)1 << i;
        CU_ASSERT_EQUAL(weir_builder_reserve_bytes(&b, 0, sizes[i]), WEIR_OK);
        CU_ASSERT((size_t)b.out.columns[0].bytes_capacity >= total + sizes[i]);
        memset((char *)b.out.columns[0].data + total, 'a' + i, sizes[i]);
        total += sizes[i];
        b.out.columns[0].offsets[i + 1] = (int32_t)total;
        if (i == 10) {
            CU_ASSERT_EQUAL(weir_builder_reserve_bytes(&b, 0, 5000), WEIR_OK); /* the row being written is put already */
        }
        b.out.length++;
    }
    CU_ASSERT_EQUAL(weir_builder_reserve_bytes(&b, 0, (size_t)INT32_MAX), WEIR_E_MEMORY);
    CU_ASSERT_EQUAL(weir_builder_reserve_bytes(&b, 0, SIZE_MAX), WEIR_E_MEMORY);
    struct weir_rows *rows = weir_builder_take(&b, 0, NULL, &forgotten);
    for (int i = 0; i < 20; i++) {
        weir_str s = weir_text((weir_row){&rows->view, i}, 0);
        CU_ASSERT(s.n == sizes[i] && s.p[0] == 'a' + i && s.p[s.n - 1] == 'a' + i);
    }
    weir_rows_release(rows);
    weir_builder_finish(&b);
    weir_schema_release(schema);
    weir_pool_close(pool);
}

static void raises_its_capacity(void)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct table t = table_of(seed, 700);
        struct weir_pool *pool = seed % 2 ? weir_pool_create() : NULL;
        struct weir_builder b;
        int32_t forgotten;
        CU_ASSERT_EQUAL_FATAL(weir_builder_init(&b, pool, t.schema, NULL, 0, 3, true, true, NULL), WEIR_OK);
        for (int64_t i = 0; i < t.n_rows; i++) {
            if (b.out.length == b.out.capacity) {
                CU_ASSERT_EQUAL(weir_builder_reserve_rows(&b, b.out.capacity * 2 + 1), WEIR_OK);
            }
            put_row(&b, &t, i);
        }
        CU_ASSERT_EQUAL(weir_builder_reserve_rows(&b, 5), WEIR_OK); /* never less */
        CU_ASSERT(b.out.capacity >= 700);
        struct weir_rows *rows = weir_builder_take(&b, 0, NULL, &forgotten);
        CU_ASSERT_EQUAL(forgotten, -1);
        CU_ASSERT_TRUE(holds_rows(&rows->view, &t, NULL, 0, t.n_rows, true));
        weir_rows_release(rows);
        weir_builder_finish(&b);
        weir_pool_close(pool);
        finish_table(&t);
    }
}

/* Column 15 is string_q... the schema alternates: 12 string_x, 13 string_q, 14 bytes_x, 15 bytes_q, 16 any_x, 17 any_q. */
static void finds_forgotten_puts(void)
{
    struct table t = table_of(4, 30);
    for (uint32_t column = 12; column < 18; column++) {
        for (int64_t forget = 0; forget < 30; forget += 29) {
            struct weir_builder b;
            int32_t forgotten;
            CU_ASSERT_EQUAL_FATAL(weir_builder_init(&b, NULL, t.schema, NULL, 0, 30, true, false, NULL), WEIR_OK);
            for (int64_t i = 0; i < 30; i++) {
                for (uint32_t c = 0; c < b.n_written; c++) {
                    if (c != column || i != forget) put_cell(&b, c, cell_at(&t, i, c));
                }
                b.out.length++;
            }
            weir_rows_release(weir_builder_take(&b, 0, NULL, &forgotten));
            CU_ASSERT_EQUAL(forgotten, (int32_t)column);
            weir_builder_finish(&b);
        }
    }
    finish_table(&t);
}

static void copies_cells(void)
{
    struct table t = table_of(2, 100);
    struct weir_rows *all = rows_of(NULL, &t), *from = weir_rows_slice(NULL, all, 5, 90);
    struct weir_builder b;
    int32_t forgotten;
    CU_ASSERT_EQUAL_FATAL(weir_builder_init(&b, NULL, t.schema, NULL, 0, 90, false, false, NULL), WEIR_OK);
    for (int64_t i = 0; i < 90; i++) {
        for (uint32_t c = 0; c < b.n_written; c++) { /* twice: the second put of a row stands */
            CU_ASSERT_EQUAL(weir_builder_copy_cell(&b, c, &from->columns[c], 89 - i), WEIR_OK);
            CU_ASSERT_EQUAL(weir_builder_copy_cell(&b, c, &from->columns[c], i), WEIR_OK);
        }
        b.out.length++;
    }
    struct weir_rows *rows = weir_builder_take(&b, 0, NULL, &forgotten);
    CU_ASSERT_TRUE(holds_rows(&rows->view, &t, NULL, 5, 90, false));
    weir_rows_release(rows);
    weir_column nulls = from->columns[5]; /* i64_q has nulls; i64_x may not */
    for (int64_t i = 0; i < 90; i++) {
        weir_status s = weir_builder_copy_cell(&b, 4, &nulls, i);
        CU_ASSERT_EQUAL(s, weir_null((weir_row){&from->view, i}, 5) ? WEIR_E_DATA : WEIR_OK);
    }
    weir_rows_release(from);
    weir_rows_release(all);
    weir_builder_finish(&b);
    finish_table(&t);
}

static void appends_rows(void)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct weir_random r = {seed};
        struct table t = table_of(seed, 150);
        struct weir_rows *all = rows_of(NULL, &t);
        struct weir_pool *pool = weir_pool_create();
        struct weir_builder b;
        uint32_t expected[200], picks[60];
        int64_t n = 0;
        int32_t forgotten;
        CU_ASSERT_EQUAL_FATAL(weir_builder_init(&b, pool, t.schema, NULL, 0, 200, true, true, NULL), WEIR_OK);
        while (n < 200) { /* picks in any order, and whole slices, until it is full */
            int64_t k = (int64_t)weir_random_below(&r, 60), from = (int64_t)weir_random_below(&r, 90), done;
            bool whole = weir_random_below(&r, 2);
            for (int64_t i = 0; i < k; i++) picks[i] = (uint32_t)weir_random_below(&r, 60);
            struct weir_rows *slice = weir_rows_slice(NULL, all, from, 60);
            done = weir_builder_append(&b, &slice->view, whole ? NULL : picks, k);
            CU_ASSERT_EQUAL(done, k < 200 - n ? k : 200 - n);
            for (int64_t i = 0; i < done; i++) {
                expected[n] = (uint32_t)from + (whole ? (uint32_t)i : picks[i]);
                CU_ASSERT_EQUAL(b.out.origin[n], expected[n] - (uint32_t)from);
                n++;
            }
            weir_rows_release(slice);
        }
        struct weir_rows *rows = weir_builder_take(&b, 0, NULL, &forgotten);
        CU_ASSERT_EQUAL(forgotten, -1);
        CU_ASSERT_TRUE(holds_rows(&rows->view, &t, expected, 0, 200, true));
        weir_rows_release(rows);
        weir_builder_finish(&b);
        weir_rows_release(all);
        weir_pool_close(pool);
        finish_table(&t);
    }
}

WEIR_SUITE(builder) = {
    {"builds batch after batch from recycled buffers", builds_batch_after_batch},
    {"allocates nothing when warm", allocates_nothing_when_warm},
    {"puts what is of fixed size together", puts_what_is_of_fixed_size_together},
    {"writes some of the columns, with origins", writes_some_of_the_columns},
    {"presets validity, bits and offsets", presets_memory},
    {"makes room for bytes and keeps what is there", makes_room_for_bytes},
    {"raises its capacity and keeps what is there", raises_its_capacity},
    {"finds forgotten puts", finds_forgotten_puts},
    {"copies cells, the later put winning", copies_cells},
    {"appends picked rows and slices until full", appends_rows},
    {NULL, NULL},
};
