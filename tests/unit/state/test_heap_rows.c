/* value_edit_rows against value_edit: every type of key, batches with and without picks, several namespaces. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "data/builder.h"
#include "data/key.h"
#include "harness/memory_store.h"
#include "harness/suite.h"
#include "state/heap_internal.h"
#include "state/store.h"

#define MAX_PARALLELISM 16
#define MAX_ROWS        300

struct sum {
    int64_t n, total;
};
static const weir_field sum_members[] = {{.name = "n", .type = WEIR_I64, .offset = 0, .size = 8},
                                         {.name = "total", .type = WEIR_I64, .offset = 8, .size = 8}};
static const weir_state sum_state = {.name = "sum",
                                     .kind = WEIR_VALUE,
                                     .version = 1,
                                     .size = sizeof(struct sum),
                                     .n_fields = 2,
                                     .fields = sum_members,
                                     .field_stride = sizeof(weir_field)};

/* ---- batches: one column of every type that can be a key --------------------------------------------------------- */

static const weir_type types[] = {WEIR_BOOL, WEIR_I32, WEIR_I64, WEIR_F32, WEIR_F64, WEIR_TIMESTAMP, WEIR_STRING};
#define N_TYPES WEIR_LEN(types)

static void put_text(struct weir_builder *b, uint32_t c, uint64_t v)
{
    char text[64];
    int n = v % 7 == 0 ? 0 : snprintf(text, sizeof text, "%0*llu", (int)(v % 5 * 8), (unsigned long long)v);
    CU_ASSERT_FATAL(weir_builder_reserve_bytes(b, c, (size_t)n) == WEIR_OK);
    weir_out_column *k = &b->out.columns[c];
    int32_t at = k->offsets[b->out.length];
    memcpy((char *)k->data + at, text, (size_t)n);
    k->offsets[b->out.length + 1] = at + n;
}

static void put_row(struct weir_builder *b, struct weir_random *random, uint64_t n_keys)
{
    int64_t row = b->out.length;
    uint64_t v = weir_random_below(random, n_keys);
    for (uint32_t c = 0; c < N_TYPES; c++) {
        void *data = b->out.columns[c].data;
        switch (types[c]) {
        case WEIR_BOOL: ((uint8_t *)data)[row / 8] |= (uint8_t)((v & 1) << (row % 8)); break;
        case WEIR_I32: ((int32_t *)data)[row] = (int32_t)v - 3; break;
        case WEIR_I64:
        case WEIR_TIMESTAMP: ((int64_t *)data)[row] = (int64_t)(v * 0x123456789u) - 3; break;
        case WEIR_F32: ((float *)data)[row] = v == 0 ? NAN : v == 1 ? -0.0f : v == 2 ? 0.0f : (float)v; break;
        case WEIR_F64: ((double *)data)[row] = v == 0 ? -NAN : v == 1 ? -0.0 : v == 2 ? 0.0 : (double)v / 3; break;
        default: put_text(b, c, v);
        }
    }
    b->out.time[row] = (int64_t)v;
    b->out.length++;
}

static struct weir_rows *random_rows(struct weir_random *random, uint64_t n_keys)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g"};
    struct weir_schema_builder fields = {0};
    struct weir_builder b;
    int32_t forgotten;
    for (size_t i = 0; i < N_TYPES; i++) weir_schema_builder_add(&fields, names[i], types[i], false);
    struct weir_schema *schema = weir_schema_build(&fields);
    CU_ASSERT_FATAL(weir_builder_init(&b, NULL, schema, NULL, 0, MAX_ROWS, true, false, NULL) == WEIR_OK);
    for (uint64_t n = 1 + weir_random_below(random, MAX_ROWS - 1); n > 0; n--) put_row(&b, random, n_keys);
    struct weir_rows *rows = weir_builder_take(&b, 2, NULL, &forgotten);
    CU_ASSERT_FATAL(rows && forgotten == -1);
    weir_builder_finish(&b);
    weir_schema_release(schema);
    return rows;
}

/* ---- the same changes one row at a time and as a batch ----------------------------------------------------------- */

struct pair {
    struct weir_state_set *rows, *single;
    struct weir_key_bytes key;
    int64_t ns; /* mostly that of the batch before: what was learnt of it must still be true */
};

static struct sum *edit_single(struct pair *p, const struct weir_rows *rows, const uint32_t *fields, uint32_t n_fields,
                               int64_t row, int64_t ns, bool *is_new)
{
    p->key.n = 0;
    if (weir_key_encode(&p->key, &rows->view, fields, n_fields, row) != WEIR_OK) return NULL;
    struct weir_key_ref key = {.p = p->key.p,
                               .n = (uint32_t)p->key.n,
                               .group = rows->keys.key_group[row],
                               .hash = weir_key_hash64(p->key.p, p->key.n)};
    if (key.hash != rows->keys.hash[row]) return NULL;
    *is_new = !p->single->ops->value_get(p->single, 0, &key, ns);
    return p->single->ops->value_edit(p->single, 0, &key, ns);
}

static bool edit_both(struct pair *p, struct weir_random *random, struct weir_rows *rows, const uint32_t *fields,
                      uint32_t n_fields)
{
    void *values[MAX_ROWS];
    uint8_t created[MAX_ROWS / 8 + 1];
    uint32_t picks[MAX_ROWS];
    bool picking = weir_random_below(random, 2), ok = true;
    if (weir_random_below(random, 3) == 0) p->ns = (int64_t)weir_random_below(random, 3) * 60000 - 60000;
    int64_t ns = p->ns, n = 0, length = rows->view.length;
    for (uint32_t i = 0; i < length; i++) {
        if (weir_random_below(random, 3)) picks[n++] = i;
    }
    if (!picking) n = length;
    memset(created, 0xff, sizeof created);
    ok = p->rows->ops->value_edit_rows(p->rows, 0, rows, fields, n_fields, picking ? picks : NULL, n, ns, values, created) ==
         WEIR_OK;
    for (int64_t i = 0; i < n && ok; i++) { /* only now: the pointers are valid together */
        struct sum *sum = values[i];
        sum->n++;
        sum->total += i;
    }
    for (int64_t i = 0; i < n && ok; i++) {
        bool is_new = false;
        struct sum *sum = edit_single(p, rows, fields, n_fields, picking ? picks[i] : i, ns, &is_new);
        ok = sum && weir_bit(created, i) == is_new;
        if (!ok) break;
        sum->n++;
        sum->total += i;
    }
    return ok;
}

/* Entries go, and others move. */
static void clear_both(struct pair *p, struct weir_random *random, const struct weir_rows *rows, const uint32_t *fields,
                       uint32_t n_fields)
{
    uint64_t one_in = 1 + weir_random_below(random, 20);
    for (int64_t row = 0; row < rows->view.length; row++) {
        if (weir_random_below(random, one_in) > 0) continue;
        p->key.n = 0;
        if (weir_key_encode(&p->key, &rows->view, fields, n_fields, row) != WEIR_OK) return;
        struct weir_key_ref key = {
            .p = p->key.p, .n = (uint32_t)p->key.n, .group = rows->keys.key_group[row], .hash = rows->keys.hash[row]};
        p->rows->ops->clear(p->rows, 0, &key, p->ns);
        p->single->ops->clear(p->single, 0, &key, p->ns);
    }
}

static bool same_keys(struct pair *p, uint32_t group, int64_t ns)
{
    weir_cursor a = {0}, b = {0};
    struct weir_key_ref x, y;
    void *v, *w;
    for (;;) {
        bool more = p->rows->ops->next_key(p->rows, 0, group, ns, &a, &x, &v);
        if (p->single->ops->next_key(p->single, 0, group, ns, &b, &y, &w) != more) return false;
        if (!more) return true;
        if (x.n != y.n || memcmp(x.p, y.p, x.n) != 0 || memcmp(v, w, sizeof(struct sum)) != 0) return false;
    }
}

static bool same_sets(struct pair *p)
{
    bool ok = p->rows->ops->entries(p->rows, 0) == p->single->ops->entries(p->single, 0);
    for (uint32_t group = 0; group < MAX_PARALLELISM; group++) {
        for (int64_t ns = -60000; ns <= 60000; ns += 60000) ok = ok && same_keys(p, group, ns);
    }
    return ok;
}

/* One batch asks the store once, for all keys that are not at hand. */
static bool asks_once(const struct memory_store *memory, size_t gets_before)
{
    return memory->gets <= gets_before + 1;
}

static bool agrees_in(uint64_t seed, const uint32_t *fields, uint32_t n_fields, bool in_store, size_t cache_bytes)
{
    struct weir_random random = {seed};
    struct weir_state_layout layout;
    CU_ASSERT_FATAL(weir_state_layout_init(&layout, &sum_state, NULL) == WEIR_OK);
    struct memory_store memory = {0};
    struct weir_state_store *store = NULL;
    struct weir_state_store_options o = {
        .backend = &memory_store_backend, .self = &memory, .directory = "memory", .cache_bytes = cache_bytes};
    if (in_store) CU_ASSERT_EQUAL_FATAL(weir_state_store_create(&o, &store, NULL), WEIR_OK);
    struct pair p = {.rows = in_store ? weir_stored_state_create(store, &layout, 1, 0, MAX_PARALLELISM - 1)
                                      : weir_heap_state_create(&layout, 1, 0, MAX_PARALLELISM - 1),
                     .single = weir_heap_state_create(&layout, 1, 0, MAX_PARALLELISM - 1)};
    bool ok = true;
    for (int batch = 0; batch < 20 && ok; batch++) {
        int64_t bad_row;
        uint32_t bad_field;
        struct weir_rows *rows = random_rows(&random, batch % 2 ? 2000 : 20);
        ok = weir_key_rows(NULL, rows, fields, n_fields, MAX_PARALLELISM, &bad_row, &bad_field) == WEIR_OK;
        size_t gets = memory.gets;
        ok = ok && edit_both(&p, &random, rows, fields, n_fields) && asks_once(&memory, gets);
        if (ok && weir_random_below(&random, 4) == 0) clear_both(&p, &random, rows, fields, n_fields);
        int64_t drop = batch % 5 == 4 ? p.ns : 0;
        if (batch == 10 || drop != 0) p.rows->ops->drop_namespace(p.rows, 0, drop);
        if (batch == 10 || drop != 0) p.single->ops->drop_namespace(p.single, 0, drop);
        p.rows->ops->settle(p.rows);
        weir_rows_release(rows);
    }
    ok = ok && same_sets(&p);
    p.rows->ops->destroy(p.rows);
    weir_state_store_destroy(store);
    p.single->ops->destroy(p.single);
    weir_key_bytes_finish(&p.key);
    weir_state_layout_finish(&layout);
    return ok;
}

static bool agrees_for(uint64_t seed, const uint32_t *fields, uint32_t n_fields)
{
    return agrees_in(seed, fields, n_fields, false, 0) && agrees_in(seed, fields, n_fields, true, 0) &&
           agrees_in(seed, fields, n_fields, true, 65536);
}

static void agrees_for_every_type_of_key(void)
{
    size_t blocks = weir_allocated_blocks();
    for (uint32_t c = 0; c < N_TYPES; c++) {
        for (uint64_t seed = 0; seed < 5; seed++) CU_ASSERT(agrees_for(seed, &c, 1));
    }
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

static void agrees_for_keys_of_several_fields(void)
{
    const uint32_t pairs[][3] = {{1, 0, 0}, {2, 6, 0}, {6, 4, 3}, {6, 6, 1}};
    for (size_t i = 0; i < WEIR_LEN(pairs); i++) {
        for (uint64_t seed = 0; seed < 5; seed++) CU_ASSERT(agrees_for(seed, pairs[i], i < 2 ? 2 : 3));
    }
}

/* A number whose hash has the tag of 0's, and its slot in an index of 256 to 1024. */
static int64_t number_like_zero(void)
{
    int64_t zero = 0, v = 1;
    for (uint64_t hash = weir_key_hash64(&zero, sizeof zero), other;; v++) {
        other = weir_key_hash64(&v, sizeof v);
        if (((hash ^ other) & UINT64_C(0xffff0000000000ff)) == 0) return v;
    }
}

static struct weir_rows *numbers(const int64_t *values, int64_t n)
{
    struct weir_schema_builder fields = {0};
    struct weir_builder b;
    int32_t forgotten;
    weir_schema_builder_add(&fields, "n", WEIR_I64, false);
    struct weir_schema *schema = weir_schema_build(&fields);
    CU_ASSERT_FATAL(weir_builder_init(&b, NULL, schema, NULL, 0, MAX_ROWS, true, false, NULL) == WEIR_OK);
    for (int64_t i = 0; i < n; i++) {
        ((int64_t *)b.out.columns[0].data)[i] = values[i];
        b.out.time[b.out.length++] = i;
    }
    struct weir_rows *rows = weir_builder_take(&b, 2, NULL, &forgotten);
    CU_ASSERT_FATAL(rows && forgotten == -1);
    weir_builder_finish(&b);
    weir_schema_release(schema);
    return rows;
}

static void keys_whose_hashes_are_alike_are_told_apart(void)
{
    struct weir_state_layout layout;
    const uint32_t field = 0;
    int64_t keys[100] = {0}, bad_row; /* zeroes, so that the index knows it, then the other */
    uint32_t bad_field;
    void *values[100];
    keys[99] = number_like_zero();
    CU_ASSERT_FATAL(weir_state_layout_init(&layout, &sum_state, NULL) == WEIR_OK);
    struct weir_state_set *set = weir_heap_state_create(&layout, 1, 0, 0);
    struct weir_rows *rows = numbers(keys, 100);
    CU_ASSERT_EQUAL(weir_key_rows(NULL, rows, &field, 1, 1, &bad_row, &bad_field), WEIR_OK);
    CU_ASSERT_EQUAL(set->ops->value_edit_rows(set, 0, rows, &field, 1, NULL, 100, 7, values, NULL), WEIR_OK);
    CU_ASSERT_EQUAL(set->ops->entries(set, 0), 2);
    CU_ASSERT_PTR_EQUAL(values[0], values[98]);
    CU_ASSERT_PTR_NOT_EQUAL(values[0], values[99]);
    weir_rows_release(rows);
    set->ops->destroy(set);
    weir_state_layout_finish(&layout);
}

/* The rows of one window after the other: what went with the first serves the next. */
static void pages_of_a_window_that_went_are_used_again(void)
{
    enum { KEYS = 20000, STEP = 250 };
    struct weir_state_layout layout;
    const uint32_t field = 0;
    int64_t keys[STEP], bad_row;
    uint32_t bad_field;
    void *values[STEP];
    size_t memory = 0;
    CU_ASSERT_FATAL(weir_state_layout_init(&layout, &sum_state, NULL) == WEIR_OK);
    struct weir_state_set *set = weir_heap_state_create(&layout, 1, 0, 0);
    for (int64_t ns = 1; ns <= 4; ns++) {
        for (int64_t from = 0; from < KEYS; from += STEP) {
            for (int64_t i = 0; i < STEP; i++) keys[i] = from + i;
            struct weir_rows *rows = numbers(keys, STEP);
            CU_ASSERT_EQUAL(weir_key_rows(NULL, rows, &field, 1, 1, &bad_row, &bad_field), WEIR_OK);
            CU_ASSERT_EQUAL(set->ops->value_edit_rows(set, 0, rows, &field, 1, NULL, STEP, ns, values, NULL), WEIR_OK);
            weir_rows_release(rows);
        }
        if (ns == 1) memory = set->ops->memory(set);
        CU_ASSERT_EQUAL(set->ops->entries(set, 0), KEYS);
        CU_ASSERT_EQUAL(set->ops->memory(set), memory);
        set->ops->drop_namespace(set, 0, ns);
    }
    set->ops->destroy(set);
    weir_state_layout_finish(&layout);
}

/* Rows of the keys 0 .. n - 1, in one key group. */
static struct weir_rows *keyed_numbers(int64_t n)
{
    int64_t keys[MAX_ROWS], bad_row;
    uint32_t field = 0, bad_field;
    for (int64_t i = 0; i < n; i++) keys[i] = i;
    struct weir_rows *rows = numbers(keys, n);
    CU_ASSERT_EQUAL(weir_key_rows(NULL, rows, &field, 1, 1, &bad_row, &bad_field), WEIR_OK);
    return rows;
}

/* Two inputs are at different times, so that windows of either come in turn. Of each of them the index knows every key, and
 * no table is ever searched. */
static void windows_of_inputs_at_different_times_are_all_indexed(void)
{
    enum { KEYS = 200, BATCHES = 30, WINDOWS = 6 };
    struct weir_state_layout layout;
    const uint32_t field = 0;
    void *values[KEYS];
    CU_ASSERT_FATAL(weir_state_layout_init(&layout, &sum_state, NULL) == WEIR_OK);
    struct weir_state_set *set = weir_heap_state_create(&layout, 1, 0, 0);
    struct weir_rows *rows = keyed_numbers(KEYS);
    for (int64_t window = 0; window < WINDOWS; window++) {
        for (int64_t i = 0; i < BATCHES; i++) {
            int64_t ns = window + (i % 2 ? 100 : 0);
            CU_ASSERT_EQUAL(set->ops->value_edit_rows(set, 0, rows, &field, 1, NULL, KEYS, ns, values, NULL), WEIR_OK);
        }
    }
    const struct heap_group *group = &weir__heap_of(set)->states[0].groups[0];
    CU_ASSERT_EQUAL(group->n, 2 * WINDOWS);
    for (uint32_t i = 0; i < group->n; i++) {
        CU_ASSERT_EQUAL(group->tables[i]->live, KEYS);
        CU_ASSERT_EQUAL(group->tables[i]->n_slots, 0);
    }
    weir_rows_release(rows);
    set->ops->destroy(set);
    weir_state_layout_finish(&layout);
}

/* A sum of the aggregates has 32 bytes: with its key it is shorter than a line of the cache. */
static void a_value_lies_in_one_line_of_the_cache(void)
{
    enum { KEYS = MAX_ROWS, LINE = 64 };
    weir_state wide = sum_state;
    wide.size = 2 * sizeof(struct sum);
    struct weir_state_layout layout;
    const uint32_t field = 0;
    void *values[KEYS];
    CU_ASSERT_FATAL(weir_state_layout_init(&layout, &wide, NULL) == WEIR_OK);
    struct weir_state_set *set = weir_heap_state_create(&layout, 1, 0, 0);
    struct weir_rows *rows = keyed_numbers(KEYS);
    CU_ASSERT_EQUAL(set->ops->value_edit_rows(set, 0, rows, &field, 1, NULL, KEYS, 0, values, NULL), WEIR_OK);
    size_t n_split = 0;
    for (int64_t i = 0; i < KEYS; i++) n_split += (uintptr_t)values[i] % LINE + wide.size > LINE;
    CU_ASSERT_EQUAL(n_split, 0);
    weir_rows_release(rows);
    set->ops->destroy(set);
    weir_state_layout_finish(&layout);
}

/* A table has no slots while no key of it is asked for. From then on each new key gets one. */
static void keys_that_come_after_one_was_asked_for_are_found(void)
{
    enum { KEYS = 100 };
    struct weir_state_layout layout;
    const uint32_t field = 0;
    int64_t keys[KEYS], bad_row;
    uint32_t bad_field;
    void *values[KEYS];
    CU_ASSERT_FATAL(weir_state_layout_init(&layout, &sum_state, NULL) == WEIR_OK);
    struct weir_state_set *set = weir_heap_state_create(&layout, 1, 0, 0);
    for (int64_t first = 0; first < 5 * KEYS; first += KEYS) {
        for (int64_t i = 0; i < KEYS; i++) keys[i] = first + i;
        struct weir_rows *rows = numbers(keys, KEYS);
        CU_ASSERT_EQUAL(weir_key_rows(NULL, rows, &field, 1, 1, &bad_row, &bad_field), WEIR_OK);
        CU_ASSERT_EQUAL(set->ops->value_edit_rows(set, 0, rows, &field, 1, NULL, KEYS, 7, values, NULL), WEIR_OK);
        for (int64_t i = 0; i < KEYS; i++) {
            const struct weir_key_ref key = {
                .p = (const uint8_t *)&keys[i], .n = sizeof keys[i], .hash = rows->keys.hash[i]};
            CU_ASSERT_PTR_EQUAL(set->ops->value_get(set, 0, &key, 7), values[i]);
        }
        weir_rows_release(rows);
    }
    set->ops->destroy(set);
    weir_state_layout_finish(&layout);
}

WEIR_SUITE(heap_rows) = {
    {"agrees with value_edit for every type of key", agrees_for_every_type_of_key},
    {"agrees with value_edit for keys of several fields", agrees_for_keys_of_several_fields},
    {"keys whose hashes are alike are told apart", keys_whose_hashes_are_alike_are_told_apart},
    {"windows of inputs at different times are all indexed", windows_of_inputs_at_different_times_are_all_indexed},
    {"keys that come after one was asked for are found", keys_that_come_after_one_was_asked_for_are_found},
    {"a value lies in one line of the cache", a_value_lies_in_one_line_of_the_cache},
    {"pages of a window that went are used again", pages_of_a_window_that_went_are_used_again},
    {NULL, NULL},
};
