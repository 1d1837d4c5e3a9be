/* What a batch is going to ask for is read before, by work that the seed runs when it likes. Against the same changes on the
 * heap: whatever was read ahead, was old when it came, was refused or never came, nobody sees a difference. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "data/builder.h"
#include "data/key.h"
#include "harness/memory_store.h"
#include "harness/suite.h"
#include "state/stored_internal.h"

#define MAX_PARALLELISM 8
#define MAX_ROWS        64

struct item {
    int64_t n;
    weir_str note;
};
static const weir_field members[] = {
    {.name = "n", .type = WEIR_I64, .offset = offsetof(struct item, n), .size = sizeof(int64_t)},
    {.name = "note", .type = WEIR_STRING, .offset = offsetof(struct item, note), .size = sizeof(weir_str)}};
static const weir_field map_key[] = {{.name = "k", .type = WEIR_I64, .offset = 0, .size = sizeof(int64_t)}};
#define STATE(n, k)                                                                                        \
    {                                                                                                      \
        .name = n, .kind = k, .version = 1, .size = sizeof(struct item), .n_fields = 2, .fields = members, \
        .field_stride = sizeof(weir_field)                                                                 \
    }
static const weir_state states[] = {STATE("value", WEIR_VALUE),
                                    STATE("list", WEIR_LIST),
                                    {.name = "map",
                                     .kind = WEIR_MAP,
                                     .version = 1,
                                     .size = sizeof(struct item),
                                     .n_fields = 2,
                                     .fields = members,
                                     .field_stride = sizeof(weir_field),
                                     .key_size = sizeof(int64_t),
                                     .n_key_fields = 1,
                                     .key_fields = map_key}};
enum { VALUE, LIST, MAP, N_STATES };

struct work {
    void (*run)(void *arg, void *piece);
    void *arg, *piece;
};

static struct fixture {
    struct weir_platform platform; /* first: its own self */
    struct weir_random random;
    struct work works[WEIR_STORE_FETCH_PARTS];
    uint32_t n_works, n_come;
    struct weir_state_layout layouts[N_STATES];
    struct memory_store memory;
    struct weir_state_store *store;
    struct weir_state_set *set, *heap;
    struct weir_schema *schema;
    int64_t spaces[MAX_ROWS]; /* of rows */
    bool by_key, goes_on;     /* how they are expected */
} f;

static void run_later(void *self, void (*run)(void *arg, void *piece), void *arg, void *piece)
{
    (void)self;
    CU_ASSERT_FATAL(f.n_works < WEIR_LEN(f.works));
    f.works[f.n_works++] = (struct work){run, arg, piece};
}

static void run_one(void)
{
    uint32_t i = (uint32_t)weir_random_below(&f.random, f.n_works);
    struct work w = f.works[i];
    f.works[i] = f.works[--f.n_works];
    w.run(w.arg, w.piece);
}

static void come(void *arg)
{
    (void)arg;
    f.n_come++;
}

static void set_up(uint64_t seed, size_t cache_bytes, size_t least)
{
    struct weir_schema_builder fields = {0};
    f = (struct fixture){.platform = *weir_platform_os(), .random = {seed * 0x9e3779b97f4a7c15u}};
    f.platform.run_later = run_later;
    const struct weir_state_store_options o = {.backend = &memory_store_backend,
                                               .self = &f.memory,
                                               .directory = "/state/0",
                                               .cache_bytes = cache_bytes,
                                               .platform = &f.platform,
                                               .fetch_least = least};
    for (int i = 0; i < N_STATES; i++)
        CU_ASSERT_EQUAL_FATAL(weir_state_layout_init(&f.layouts[i], &states[i], NULL), WEIR_OK);
    CU_ASSERT_EQUAL_FATAL(weir_state_store_create(&o, &f.store, NULL), WEIR_OK);
    f.set = weir_stored_state_create(f.store, f.layouts, N_STATES, 0, MAX_PARALLELISM - 1);
    f.heap = weir_heap_state_create(f.layouts, N_STATES, 0, MAX_PARALLELISM - 1);
    weir_schema_builder_add(&fields, "k", WEIR_I64, false);
    f.schema = weir_schema_build(&fields);
}

static void tear_down(void)
{
    f.set->ops->destroy(f.set);
    f.heap->ops->destroy(f.heap);
    weir_state_store_destroy(f.store);
    for (int i = 0; i < N_STATES; i++) weir_state_layout_finish(&f.layouts[i]);
    weir_schema_release(f.schema);
}

static const uint32_t key_field = 0;

static struct weir_rows *rows_of(const int64_t *keys, uint32_t n)
{
    struct weir_builder b;
    int32_t forgotten;
    int64_t bad_row;
    uint32_t bad_field;
    CU_ASSERT_FATAL(weir_builder_init(&b, NULL, f.schema, NULL, 0, MAX_ROWS, true, false, NULL) == WEIR_OK);
    memcpy(b.out.columns[0].data, keys, n * sizeof *keys);
    for (uint32_t i = 0; i < n; i++) b.out.time[i] = WEIR_NO_TIME;
    b.out.length = n;
    struct weir_rows *rows = weir_builder_take(&b, 1, NULL, &forgotten);
    weir_builder_finish(&b);
    CU_ASSERT_FATAL(rows && weir_key_rows(NULL, rows, &key_field, 1, MAX_PARALLELISM, &bad_row, &bad_field) == WEIR_OK);
    return rows;
}

static struct weir_key_ref key_of(const struct weir_rows *rows, int64_t row)
{
    const int64_t *key = (const int64_t *)rows->view.columns[0].data + row;
    return (struct weir_key_ref){(const uint8_t *)key, 8, rows->keys.key_group[row], rows->keys.hash[row]};
}

static weir_status expect(const struct weir_rows *rows)
{
    struct weir_state_wanted wanted[MAX_ROWS];
    struct weir_key_ref keys[MAX_ROWS];
    struct weir_state_expected what = {
        .rows = f.by_key ? NULL : rows, .fields = &key_field, .n_fields = 1, .keys = keys, .goes_on = f.goes_on};
    for (int64_t i = 0, from = 0; i < rows->view.length; i++) {
        keys[i] = key_of(rows, i);
        if (i + 1 < rows->view.length && f.spaces[i + 1] == f.spaces[i]) continue;
        wanted[what.n_wanted++] = (struct weir_state_wanted){WEIR_EVERY_STATE, f.spaces[i], from, i + 1};
        from = i + 1;
    }
    what.wanted = wanted;
    what.come = come;
    return f.set->ops->expect(f.set, &what);
}

/* As a chain does: asks until there is nothing to wait for. False: there was nothing to wait for. */
static bool prepare(const struct weir_rows *rows)
{
    bool waited = false;
    while (expect(rows) == WEIR_MORE) {
        uint32_t before = f.n_come;
        CU_ASSERT_EQUAL_FATAL(expect(rows), WEIR_MORE); /* however often it is asked */
        while (f.n_works > 0) run_one();
        CU_ASSERT_EQUAL(f.n_come, before + 1);
        waited = true;
    }
    return waited;
}

/* ---- one row, on both sides -------------------------------------------------------------------------------------- */

static bool same_item(const struct item *a, const struct item *b)
{
    if (!a || !b) return a == b;
    return a->n == b->n && a->note.n == b->note.n && (a->note.n == 0 || memcmp(a->note.p, b->note.p, a->note.n) == 0);
}

static void change(struct weir_state_set *set, const struct weir_key_ref *key, int64_t ns, uint64_t what, int64_t n)
{
    const struct item item = {.n = n, .note = {"a longer text than others", (size_t)n % 20 + 1}};
    int64_t at = n % 3;
    struct item *to = what % 8 < 3 ? set->ops->value_edit(set, VALUE, key, ns) : NULL;
    switch (what % 8) {
    case 0:
    case 1:
    case 2:
        to->n += n;
        CU_ASSERT_EQUAL(set->ops->assign(set, VALUE, &to->note, item.note), WEIR_OK);
        break;
    case 3: CU_ASSERT_EQUAL(set->ops->list_add(set, LIST, key, ns, &item), WEIR_OK); break;
    case 4: ((struct item *)set->ops->map_edit(set, MAP, key, ns, &at))->n += n; break;
    case 5: set->ops->map_remove(set, MAP, key, ns, &at); break;
    case 6: set->ops->clear(set, (uint32_t)n % N_STATES, key, ns); break;
    default: break;
    }
}

static bool same(const struct weir_key_ref *key, int64_t ns)
{
    struct weir_state_set *a = f.set, *b = f.heap;
    size_t n = b->ops->list_size(b, LIST, key, ns);
    bool ok = same_item(a->ops->value_get(a, VALUE, key, ns), b->ops->value_get(b, VALUE, key, ns)) &&
              a->ops->list_size(a, LIST, key, ns) == n;
    for (size_t i = 0; ok && i < n; i++)
        ok = same_item(a->ops->list_at(a, LIST, key, ns, i), b->ops->list_at(b, LIST, key, ns, i));
    for (int64_t i = 0; ok && i < 3; i++)
        ok = same_item(a->ops->map_get(a, MAP, key, ns, &i), b->ops->map_get(b, MAP, key, ns, &i));
    return ok;
}

static bool process(const struct weir_rows *rows)
{
    bool ok = true;
    for (int64_t i = 0; i < rows->view.length; i++) {
        struct weir_key_ref key = key_of(rows, i);
        uint64_t what = weir_random_next(&f.random) >> 8;
        int64_t n = (int64_t)weir_random_below(&f.random, 100);
        ok = ok && same(&key, f.spaces[i]);
        change(f.set, &key, f.spaces[i], what, n);
        change(f.heap, &key, f.spaces[i], what, n);
        if (weir_random_below(&f.random, 4) == 0) f.set->ops->settle(f.set);
    }
    return ok;
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static struct weir_rows *random_batch(uint64_t n_keys)
{
    static const uint32_t sizes[] = {1, 7, MAX_ROWS};
    int64_t keys[MAX_ROWS];
    uint32_t n = sizes[weir_random_below(&f.random, 3)];
    for (uint32_t i = 0; i < n; i++) {
        bool stays = i > 0 && weir_random_below(&f.random, 4);
        keys[i] = (int64_t)weir_random_below(&f.random, n_keys);
        f.spaces[i] = stays ? f.spaces[i - 1] : (int64_t)weir_random_below(&f.random, 3) - 1;
    }
    f.by_key = weir_random_below(&f.random, 2);
    f.goes_on = weir_random_below(&f.random, 4) == 0;
    return rows_of(keys, n);
}

/* Somebody else than the batch touches the set while the answer is under way, or forgets the question. */
static void interfere(void)
{
    struct weir_rows *rows = random_batch(400);
    struct weir_key_ref key = key_of(rows, 0);
    while (f.n_works > 0 && weir_random_below(&f.random, 4)) run_one(); /* the answer is as old as that */
    switch (weir_random_below(&f.random, 4)) {
    case 0: CU_ASSERT(process(rows)); break;
    case 1:
        f.set->ops->clear(f.set, VALUE, &key, 0);
        f.heap->ops->clear(f.heap, VALUE, &key, 0);
        CU_ASSERT(weir__stored_write_back(weir__stored_of(f.set)));
        break;
    case 2:
        f.set->ops->drop_namespace(f.set, LIST, 0);
        f.heap->ops->drop_namespace(f.heap, LIST, 0);
        break;
    default:
        f.n_works = 0; /* what is left waits for ever: the threads have ended */
        CU_ASSERT_EQUAL(f.set->ops->expect(f.set, NULL), WEIR_OK);
    }
    weir_rows_release(rows);
}

static void nobody_sees_a_difference(void)
{
    static const size_t caches[] = {1, 20000, 60000, 1 << 20};
    size_t blocks = weir_allocated_blocks();
    uint64_t waited = 0;
    for (uint64_t seed = 1; seed <= 24; seed++) {
        set_up(seed, caches[seed % 4], seed % 3 ? 1 : 8);
        bool ok = true;
        for (int i = 0; ok && i < 250; i++) {
            struct weir_rows *rows = random_batch(400);
            if (weir_random_below(&f.random, 4) == 0 && expect(rows) == WEIR_MORE) interfere();
            waited += prepare(rows);
            ok = process(rows);
            f.set->ops->settle(f.set);
            weir_rows_release(rows);
        }
        for (uint32_t i = 0; i < N_STATES; i++)
            CU_ASSERT_EQUAL(f.set->ops->entries(f.set, i), f.heap->ops->entries(f.heap, i));
        if (!ok) fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
        CU_ASSERT(ok);
        tear_down();
    }
    CU_ASSERT(waited > 500);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

#define N_KEYS 2048

/* All keys get a value; what the cache can hold is the newest of them. */
static void fill(size_t cache_bytes)
{
    set_up(1, cache_bytes, 8);
    for (int64_t from = 0; from < N_KEYS; from += MAX_ROWS) {
        int64_t keys[MAX_ROWS];
        for (int64_t i = 0; i < MAX_ROWS; i++) keys[i] = from + i;
        struct weir_rows *rows = rows_of(keys, MAX_ROWS);
        for (int64_t i = 0; i < MAX_ROWS; i++) {
            struct weir_key_ref key = key_of(rows, i);
            ((struct item *)f.set->ops->value_edit(f.set, VALUE, &key, 0))->n = from + i;
            f.set->ops->settle(f.set);
        }
        weir_rows_release(rows);
    }
}

static struct weir_rows *keys_from(int64_t first, uint32_t n)
{
    int64_t keys[MAX_ROWS];
    for (uint32_t i = 0; i < n; i++) keys[i] = first - i / 2; /* each twice, descending */
    return rows_of(keys, n);
}

static int64_t value_of(const struct weir_rows *rows, int64_t row)
{
    struct weir_key_ref key = key_of(rows, row);
    const struct item *item = f.set->ops->value_get(f.set, VALUE, &key, 0);
    return item ? item->n : -1;
}

/* What has come stays until the batch has been processed, though the cache gets full meanwhile. */
static void what_was_read_ahead_is_at_hand(void)
{
    fill(170000);
    struct weir_rows *rows = keys_from(100, MAX_ROWS), *others = keys_from(2047, MAX_ROWS);
    CU_ASSERT_FALSE(prepare(others)); /* in the cache */
    CU_ASSERT(prepare(rows));
    size_t gets = f.memory.gets;
    for (int64_t i = 0; i < 3000; i++) { /* an operator that needs more than its batch's keys */
        struct weir_key_ref key = key_of(others, 0);
        key.hash = weir_key_hash64(&i, 8);
        key.p = (const uint8_t *)&i;
        key.n = 7; /* other keys: of seven bytes */
        key.hash = weir_key_hash64(&i, 7);
        ((struct item *)f.set->ops->value_edit(f.set, VALUE, &key, 0))->n = i;
        f.set->ops->settle(f.set);
    }
    gets = f.memory.gets - gets;
    CU_ASSERT(gets >= 3000);
    gets = f.memory.gets;
    for (int64_t i = 0; i < MAX_ROWS; i++) CU_ASSERT_EQUAL(value_of(rows, i), 100 - i / 2);
    CU_ASSERT_EQUAL(f.memory.gets, gets);
    weir_rows_release(rows);
    weir_rows_release(others);
    tear_down();
}

static void what_is_not_worth_it_is_not_asked(void)
{
    fill(1 << 20);
    struct weir_rows *rows = keys_from(100, MAX_ROWS);
    CU_ASSERT_FALSE(prepare(rows)); /* all is in the cache */
    weir_rows_release(rows);
    tear_down();
    fill(100000);
    size_t gets = f.memory.gets;
    rows = keys_from(100, 14);
    CU_ASSERT_FALSE(prepare(rows)); /* seven keys */
    weir_rows_release(rows);
    CU_ASSERT_EQUAL(f.memory.gets, gets);
    rows = keys_from(100, 16);
    CU_ASSERT(prepare(rows));
    CU_ASSERT_EQUAL(f.memory.gets, gets + 1);
    CU_ASSERT_FALSE(prepare(rows));
    weir_rows_release(rows);
    tear_down();
}

/* A state that is there and never touched is not read for long, and tried again later. */
static void a_state_that_nobody_asks_for_is_left_alone(void)
{
    fill(100000);
    uint32_t waited = 0, last = 0;
    for (uint32_t i = 0; i < 400; i++) {
        struct weir_rows *rows = keys_from(100 + (int64_t)i * 37 % 1800, MAX_ROWS);
        if (prepare(rows)) {
            waited++;
            last = i;
        }
        for (int k = 0; k < 32; k++) { /* the cache fills with something else */
            int64_t other = i * 32 + k;
            struct weir_key_ref key = {(const uint8_t *)&other, 7, 0, weir_key_hash64(&other, 7)};
            ((struct item *)f.set->ops->value_edit(f.set, VALUE, &key, 0))->n = 1;
            f.set->ops->settle(f.set);
        }
        weir_rows_release(rows);
    }
    CU_ASSERT(waited > 20 && waited < 100 && last > 256);
    tear_down();
}

static void a_read_that_fails_is_the_stores_failure(void)
{
    fill(100000);
    struct weir_rows *rows = keys_from(100, MAX_ROWS);
    CU_ASSERT_EQUAL(expect(rows), WEIR_MORE);
    f.memory.calls_left = 1;
    while (f.n_works > 0) run_one();
    CU_ASSERT_PTR_NULL(weir_state_store_failure(f.store)); /* it comes to light where the store is used */
    CU_ASSERT_EQUAL(expect(rows), WEIR_OK);
    const struct weir_error *failure = weir_state_store_failure(f.store);
    CU_ASSERT_FATAL(failure && failure->status == WEIR_E_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(failure->text, "/state/0 could not be read: the disk is full"));
    CU_ASSERT_EQUAL(expect(rows), WEIR_OK);
    weir_rows_release(rows);
    tear_down();
}

static void a_damaged_record_is_told(void)
{
    fill(100000);
    struct weir_rows *rows = keys_from(100, MAX_ROWS);
    for (size_t i = 0; i < f.memory.n; i++) f.memory.records[i].n = f.memory.records[i].n_key + 5;
    CU_ASSERT(prepare(rows));
    const struct weir_error *failure = weir_state_store_failure(f.store);
    CU_ASSERT(failure && strstr(failure->text, "a record is damaged"));
    weir_rows_release(rows);
    tear_down();
}

WEIR_SUITE(stored_expect) = {
    {"nobody sees a difference", nobody_sees_a_difference},
    {"what was read ahead is at hand", what_was_read_ahead_is_at_hand},
    {"what is not worth it is not asked", what_is_not_worth_it_is_not_asked},
    {"a state that nobody asks for is left alone", a_state_that_nobody_asks_for_is_left_alone},
    {"a read that fails is the store's failure", a_read_that_fails_is_the_stores_failure},
    {"a damaged record is told", a_damaged_record_is_told},
    {NULL, NULL},
};
