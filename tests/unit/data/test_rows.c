/* test_rows.c - slices, projections, choices and bitmaps, against tables of plain cells. */
#include "data/rows.h"

#include "data/bits_internal.h"
#include "data/key.h"
#include "data/unread.h"
#include "unit/data/random_rows.h"

struct fixture {
    size_t blocks;
    struct weir_random r;
    struct weir_pool *pool;
    struct table t;
    struct weir_rows *rows;
};

static void begin(struct fixture *f, uint64_t seed)
{
    static const int64_t lengths[] = {0, 1, 7, 8, 63, 64, 65, 200};
    static const unsigned nulls[] = {0, 2, 50, 100};
    f->blocks = weir_allocated_blocks();
    f->r = (struct weir_random){seed};
    f->pool = seed % 3 ? weir_pool_create() : NULL;
    f->t = random_table(&f->r, schema_of_all_types(), lengths[seed % WEIR_LEN(lengths)],
                        nulls[weir_random_below(&f->r, WEIR_LEN(nulls))]);
    f->rows = rows_of(f->pool, &f->t);
    f->rows->split = seed;
}

static void end(struct fixture *f)
{
    weir_rows_release(f->rows);
    finish_table(&f->t);
    weir_pool_close(f->pool);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), f->blocks);
}

static void add_keys(struct fixture *f)
{
    uint32_t field = 4, bad_field; /* i64_x */
    int64_t bad_row;
    CU_ASSERT_EQUAL(weir_key_rows(f->pool, f->rows, &field, 1, 128, &bad_row, &bad_field), WEIR_OK);
}

static bool keys_follow(const struct weir_rows *got, const struct weir_rows *all, const uint32_t *origin, int64_t from)
{
    for (int64_t i = 0; i < got->view.length; i++) {
        int64_t k = origin ? origin[i] : from + i;
        if (got->keys.hash[i] != all->keys.hash[k] || got->keys.key_group[i] != all->keys.key_group[k]) return false;
    }
    return true;
}

static void slices(void)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct fixture f;
        begin(&f, seed);
        add_keys(&f);
        int64_t from = (int64_t)weir_random_below(&f.r, (uint64_t)f.t.n_rows + 1);
        int64_t n = (int64_t)weir_random_below(&f.r, (uint64_t)(f.t.n_rows - from) + 1);
        struct weir_rows *a = weir_rows_slice(f.pool, f.rows, from, n);
        CU_ASSERT_TRUE(holds_rows(&a->view, &f.t, NULL, from, n, true));
        CU_ASSERT_TRUE(keys_follow(a, f.rows, NULL, from));
        CU_ASSERT_EQUAL(a->split, seed);
        CU_ASSERT_EQUAL(a->view.selected, n);
        struct weir_rows *b = weir_rows_slice(f.pool, a, n / 3, n - n / 3); /* a slice of a slice */
        weir_rows_release(a);
        CU_ASSERT_TRUE(holds_rows(&b->view, &f.t, NULL, from + n / 3, n - n / 3, true));
        weir_rows_release(weir_rows_retain(b));
        weir_rows_release(b);
        end(&f);
    }
    weir_rows_release(NULL);
}

static void projects(void)
{
    struct fixture f;
    begin(&f, 7);
    add_keys(&f);
    uint32_t picks[] = {13, 2, 2};
    uint8_t selection[32] = {5};
    f.rows->view.selection = selection;
    f.rows->view.selected = 2;
    struct weir_rows *p = weir_rows_project(f.pool, f.rows, picks, 3);
    CU_ASSERT_EQUAL(p->view.n_columns, 3);
    for (int64_t row = 0; row < f.t.n_rows; row++) {
        for (uint32_t c = 0; c < 3; c++) CU_ASSERT_TRUE(holds_cell(&p->view, c, row, cell_at(&f.t, row, picks[c])));
    }
    CU_ASSERT_PTR_EQUAL(p->view.selection, selection);
    CU_ASSERT_EQUAL(p->view.selected, 2);
    CU_ASSERT_PTR_EQUAL(p->view.time, f.rows->view.time);
    CU_ASSERT_TRUE(keys_follow(p, f.rows, NULL, 0));
    weir_rows_release(p);
    p = weir_rows_project(f.pool, f.rows, picks, 0);
    CU_ASSERT_EQUAL(p->view.n_columns, 0);
    weir_rows_release(p);
    end(&f);
}

static void gathers(void)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct fixture f;
        begin(&f, seed);
        add_keys(&f);
        int64_t n = f.t.n_rows ? (int64_t)weir_random_below(&f.r, 300) : 0;
        uint32_t origin[300];
        for (int64_t i = 0; i < n; i++) { /* runs and jumps, duplicates among them */
            bool next = i > 0 && origin[i - 1] + 1 < f.t.n_rows && weir_random_below(&f.r, 2);
            origin[i] = next ? origin[i - 1] + 1 : (uint32_t)weir_random_below(&f.r, (uint64_t)f.t.n_rows);
        }
        struct weir_rows *from = weir_rows_slice(f.pool, f.rows, 0, f.t.n_rows);
        struct weir_rows *g = weir_rows_gather(f.pool, from, origin, n);
        weir_rows_release(from);
        CU_ASSERT_TRUE(holds_rows(&g->view, &f.t, origin, 0, n, true));
        CU_ASSERT_TRUE(keys_follow(g, f.rows, origin, 0));
        CU_ASSERT_EQUAL(g->split, seed);
        weir_rows_release(g);
        end(&f);
    }
}

/* Gathering from a slice that begins inside a byte of every bitmap. */
static void gathers_from_slices(void)
{
    struct fixture f;
    begin(&f, 15); /* 200 rows */
    for (int64_t from = 0; from < 20; from++) {
        uint32_t origin[] = {0, 3, 4, 5, 5, 11, 2}, expected[7];
        for (size_t i = 0; i < 7; i++) expected[i] = origin[i] + (uint32_t)from;
        struct weir_rows *s = weir_rows_slice(f.pool, f.rows, from, 50), *g = weir_rows_gather(f.pool, s, origin, 7);
        CU_ASSERT_TRUE(holds_rows(&g->view, &f.t, expected, 0, 7, true));
        weir_rows_release(s);
        weir_rows_release(g);
    }
    end(&f);
}

static void compacts(void)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct fixture f;
        begin(&f, seed);
        uint8_t selection[32] = {0};
        uint32_t origin[256];
        int64_t n = 0;
        unsigned percent = (unsigned[]){0, 3, 50, 97, 100}[seed % 5];
        for (int64_t i = 0; i < f.t.n_rows; i++) {
            bool keep = weir_random_below(&f.r, 100) < percent;
            weir__bits_put(selection, i, keep);
            if (keep) origin[n++] = (uint32_t)i;
        }
        f.rows->view.selection = selection;
        f.rows->view.selected = n;
        struct weir_rows *c = weir_rows_compact(f.pool, f.rows);
        CU_ASSERT_PTR_NULL(c->view.selection);
        CU_ASSERT_EQUAL(c->view.selected, n);
        CU_ASSERT_TRUE(holds_rows(&c->view, &f.t, origin, 0, n, true));
        struct weir_rows *same = weir_rows_compact(f.pool, c);
        CU_ASSERT_PTR_EQUAL(same, c);
        weir_rows_release(same);
        weir_rows_release(c);
        end(&f);
    }
}

/* Cut anywhere, some parts empty, and put together again. */
static void joins(void)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct fixture f;
        struct weir_rows *parts[8];
        uint32_t n = 1 + (uint32_t)(seed % WEIR_LEN(parts));
        int64_t from = 0;
        begin(&f, seed);
        if (seed % 2) add_keys(&f);
        for (uint32_t i = 0; i < n; i++) {
            int64_t left = f.t.n_rows - from, length = (int64_t)weir_random_below(&f.r, (uint64_t)left + 1);
            parts[i] = weir_rows_slice(f.pool, f.rows, from, i + 1 < n ? length : left);
            from += parts[i]->view.length;
        }
        struct weir_rows *joined = weir_rows_join(f.pool, parts, n);
        CU_ASSERT_PTR_NOT_NULL_FATAL(joined);
        for (uint32_t i = 0; i < n; i++) weir_rows_release(parts[i]);
        CU_ASSERT(holds_rows(&joined->view, &f.t, NULL, 0, f.t.n_rows, true));
        CU_ASSERT(joined->view.selected == f.t.n_rows && joined->split == seed);
        CU_ASSERT(seed % 2 ? keys_follow(joined, f.rows, NULL, 0) : !joined->keys.hash);
        weir_rows_release(joined);
        end(&f);
    }
}

/* A column that all batches lack is lacked by the whole; one that some have is copied, with zeros for the others. */
static void joins_columns_that_nobody_reads(void)
{
    static const weir_type types[] = {WEIR_I64, WEIR_STRING, WEIR_BOOL};
    static const int64_t numbers[2] = {7, 8};
    for (uint32_t t = 0; t < WEIR_LEN(types); t++) {
        struct weir_rows *parts[2];
        for (uint32_t i = 0; i < 2; i++) {
            parts[i] = weir_rows_create(NULL, 1, 0);
            parts[i]->view.length = parts[i]->view.selected = 2;
            parts[i]->columns[0] = weir_column_unread(types[t]);
        }
        struct weir_rows *joined = weir_rows_join(NULL, parts, 2);
        CU_ASSERT(joined->view.length == 4 && joined->columns[0].type == types[t]);
        CU_ASSERT(weir_column_is_unread(&joined->columns[0]));
        weir_rows_release(joined);
        if (types[t] == WEIR_I64) {
            parts[1]->columns[0].data = numbers;
            joined = weir_rows_join(NULL, parts, 2);
            for (int64_t i = 0; i < 4; i++) {
                CU_ASSERT_EQUAL(weir_i64((weir_row){&joined->view, i}, 0), i < 2 ? 0 : numbers[i - 2]);
            }
            weir_rows_release(joined);
        }
        for (uint32_t i = 0; i < 2; i++) weir_rows_release(parts[i]);
    }
}

/* What two others lend is there for as long as the rows that point into it. */
static void keeps_what_it_points_into(void)
{
    struct fixture f;
    begin(&f, 7);
    struct weir_rows *copy = rows_of(f.pool, &f.t), *rows = weir_rows_create(f.pool, 2, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rows);
    rows->columns[0] = f.rows->columns[4];
    rows->columns[1] = copy->columns[4];
    for (int i = 0; i < 2; i++) {
        weir_rows_keep(rows, f.rows);
        weir_rows_keep(rows, copy);
    }
    CU_ASSERT_EQUAL(rows->bytes, f.rows->bytes + copy->bytes);
    weir_rows_release(copy);
    weir_rows_release(f.rows);
    f.rows = rows;
    CU_ASSERT_EQUAL(memcmp(rows->columns[0].data, rows->columns[1].data, (size_t)f.t.n_rows * sizeof(int64_t)), 0);
    end(&f);
}

/* However often what is left is sliced, there is one reference to follow. */
static void a_slice_of_a_slice_keeps_the_whole(void)
{
    struct fixture f;
    begin(&f, 8);
    struct weir_rows *rest = weir_rows_retain(f.rows);
    for (int i = 0; i < 3; i++) {
        struct weir_rows *less = weir_rows_slice(f.pool, rest, 0, rest->view.length / 2);
        CU_ASSERT_PTR_NOT_NULL_FATAL(less);
        CU_ASSERT_PTR_EQUAL(less->kept[0], f.rows);
        CU_ASSERT_EQUAL(less->bytes, f.rows->bytes);
        weir_rows_release(rest);
        rest = less;
    }
    weir_rows_release(rest);
    end(&f);
}

static void handles_bits(void)
{
    struct weir_random r = {5};
    for (int k = 0; k < 2000; k++) {
        uint8_t a[40], b[40], before[40];
        uint32_t indexes[320 + WEIR_INDEXES_MORE];
        for (int i = 0; i < 40; i++) {
            a[i] = k % 4 ? (uint8_t)weir_random_next(&r) : 0xff, b[i] = before[i] = (uint8_t)weir_random_next(&r);
        }
        int64_t from = (int64_t)weir_random_below(&r, 90), to = (int64_t)weir_random_below(&r, 90),
                n = (int64_t)weir_random_below(&r, 200), count = 0;
        bool fine = true;
        for (int64_t i = 0; i < n; i++) count += weir_bit(a, from + i);
        CU_ASSERT_EQUAL(weir__bits_count(a, from, n), count);
        if (from == 0) CU_ASSERT_EQUAL(weir_bits_count(a, n), count);
        CU_ASSERT_EQUAL(weir__bits_all(a, from, n), count == n);
        weir__bits_copy(b, to, a, from, n);
        for (int64_t i = 0; i < 320; i++) {
            fine &= weir_bit(b, i) == (i >= to && i < to + n ? weir_bit(a, from + i - to) : weir_bit(before, i));
        }
        CU_ASSERT_TRUE(fine);
        int64_t found = weir_bits_indexes(a, n, indexes), at = 0;
        for (int64_t i = 0; i < n; i++) {
            if (weir_bit(a, i)) fine &= at < found && indexes[at++] == i;
        }
        CU_ASSERT_TRUE(fine && at == found);
    }
}

WEIR_SUITE(rows) = {
    {"slices, and slices of slices", slices},
    {"projects columns", projects},
    {"gathers rows in any order", gathers},
    {"gathers from slices with a bit offset", gathers_from_slices},
    {"compacts by selection", compacts},
    {"joins batches", joins},
    {"joins columns that nobody reads", joins_columns_that_nobody_reads},
    {"keeps what it points into", keeps_what_it_points_into},
    {"a slice of a slice keeps the whole", a_slice_of_a_slice_keeps_the_whole},
    {"loads, counts, copies and lists bits", handles_bits},
    {NULL, NULL},
};
