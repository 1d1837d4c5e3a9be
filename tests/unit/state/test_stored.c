/* Keyed state in a store: what test_heap.c does not say of it. Failures of the store, the room the cache takes, and what
 * is asked of the store at all. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "data/key.h"
#include "harness/memory_store.h"
#include "harness/suite.h"
#include "state/stored_internal.h"

#define N_GROUPS 4

struct count {
    int64_t n;
    weir_str note;
};
static const weir_field members[] = {
    {.name = "n", .type = WEIR_I64, .offset = offsetof(struct count, n), .size = sizeof(int64_t)},
    {.name = "note", .type = WEIR_STRING, .offset = offsetof(struct count, note), .size = sizeof(weir_str)}};
static const weir_state states[] = {{.name = "count",
                                     .kind = WEIR_VALUE,
                                     .version = 1,
                                     .size = sizeof(struct count),
                                     .n_fields = 2,
                                     .fields = members,
                                     .field_stride = sizeof(weir_field)},
                                    {.name = "notes",
                                     .kind = WEIR_LIST,
                                     .version = 1,
                                     .size = sizeof(struct count),
                                     .n_fields = 2,
                                     .fields = members,
                                     .field_stride = sizeof(weir_field)}};

static struct fixture {
    struct weir_state_layout layouts[2];
    struct memory_store memory;
    struct weir_state_store *store;
    struct weir_state_set *set;
} f;

static void set_up(size_t cache_bytes)
{
    struct weir_state_store_options o = {
        .backend = &memory_store_backend, .self = &f.memory, .directory = "/state/0", .cache_bytes = cache_bytes};
    f = (struct fixture){.store = NULL};
    for (int i = 0; i < 2; i++) CU_ASSERT_EQUAL_FATAL(weir_state_layout_init(&f.layouts[i], &states[i], NULL), WEIR_OK);
    CU_ASSERT_EQUAL_FATAL(weir_state_store_create(&o, &f.store, NULL), WEIR_OK);
    f.set = weir_stored_state_create(f.store, f.layouts, 2, 0, N_GROUPS - 1);
}

static void tear_down(void)
{
    f.set->ops->destroy(f.set);
    weir_state_store_destroy(f.store);
    for (int i = 0; i < 2; i++) weir_state_layout_finish(&f.layouts[i]);
}

static struct weir_key_ref key_of(const uint64_t *i)
{
    return (struct weir_key_ref){(const uint8_t *)i, 8, (uint32_t)(*i % N_GROUPS), weir_key_hash64(i, 8)};
}

static struct count *edit(uint64_t i, int64_t ns)
{
    struct weir_key_ref key = key_of(&i);
    return f.set->ops->value_edit(f.set, 0, &key, ns);
}

static const struct count *get(uint64_t i, int64_t ns)
{
    struct weir_key_ref key = key_of(&i);
    return f.set->ops->value_get(f.set, 0, &key, ns);
}

/* ---- the cache --------------------------------------------------------------------------------------------------- */

static void the_cache_keeps_to_its_size(void)
{
    enum { CACHE = 200000, N = 40000 };
    set_up(CACHE);
    size_t most = 0;
    for (uint64_t round = 0; round < 2; round++) {
        for (uint64_t i = 0; i < N; i++) {
            struct count *c = edit(i, 0);
            CU_ASSERT_FATAL(c && c->n == (int64_t)round);
            c->n++;
            f.set->ops->settle(f.set);
            size_t held = weir__stored_of(f.set)->cache->bytes;
            if (held > most) most = held;
        }
    }
    CU_ASSERT(most < CACHE + 70000); /* one entry beyond it, whose page may be 64 KiB */
    CU_ASSERT_EQUAL(f.set->ops->entries(f.set, 0), N);
    CU_ASSERT(f.memory.writes < 200);
    tear_down();
}

/* What decides who leaves: the counts of ages are those of the entries at hand. */
static void ages_are_counted(void)
{
    struct weir_random random = {7};
    set_up(30000);
    const struct stored *d = weir__stored_of(f.set);
    for (int i = 0; i < 40000; i++) {
        uint64_t key = weir_random_below(&random, weir_random_below(&random, 2) ? 3000 : 30);
        int64_t ns = (int64_t)weir_random_below(&random, 3);
        struct weir_key_ref ref = key_of(&key);
        if (weir_random_below(&random, 4) > 0)
            edit(key, ns)->n++;
        else
            f.set->ops->clear(f.set, 0, &ref, ns);
        if (i % 3000 == 0) f.set->ops->drop_namespace(f.set, 0, ns);
        f.set->ops->settle(f.set);
    }
    uint32_t n[256] = {0}, all = 0;
    for (uint32_t g = 0; g < N_GROUPS; g++) {
        const struct heap_state *s = &d->cache->states[0];
        for (uint32_t t = 0; t < s->groups[g].n; t++) {
            for (uint32_t id = 0; id < s->groups[g].tables[t]->used; id++) {
                struct heap_key *entry = weir__heap_entry(s, s->groups[g].tables[t], id);
                if (entry->n != WEIR__HEAP_DEAD) n[weir__stored_meta(s, weir__heap_value(entry))->age]++;
            }
        }
    }
    for (int age = 1; age < 256; age++) {
        CU_ASSERT_EQUAL(n[age], d->ages.n[age]);
        all += n[age];
    }
    CU_ASSERT_EQUAL(all, d->ages.all);
    tear_down();
}

/* One key is changed all the time, others once. */
static void what_is_hot_stays(void)
{
    set_up(100000);
    for (uint64_t i = 0; i < 20000; i++) {
        edit(i, 0)->n = 1;
        edit(7, 0)->n++;
        f.set->ops->settle(f.set);
    }
    size_t gets = f.memory.gets;
    CU_ASSERT_EQUAL(get(7, 0)->n, 20000 - 7 + 1);
    CU_ASSERT_EQUAL(f.memory.gets, gets);
    tear_down();
}

/* What a snapshot or a firing window reads does not push out what is hot. */
static void enumerations_leave_the_cache_alone(void)
{
    set_up(100000);
    for (uint64_t i = 0; i < 20000; i++) {
        edit(i, 0)->n = (int64_t)i;
        f.set->ops->settle(f.set);
    }
    for (uint64_t i = 0; i < 100; i++) CU_ASSERT_EQUAL(get(i, 0)->n, (int64_t)i);
    f.set->ops->settle(f.set);
    size_t most = 0, seen = 0;
    for (uint32_t group = 0; group < N_GROUPS; group++) {
        weir_cursor at = {0};
        struct weir_key_ref key;
        void *value;
        while (f.set->ops->next_key(f.set, 0, group, 0, &at, &key, &value)) {
            seen++;
            if (weir__stored_of(f.set)->cache->bytes > most) most = weir__stored_of(f.set)->cache->bytes;
        }
    }
    CU_ASSERT_EQUAL(seen, 20000);
    CU_ASSERT(most < 180000);
    size_t gets = f.memory.gets;
    for (uint64_t i = 0; i < 100; i++) CU_ASSERT_EQUAL(get(i, 0)->n, (int64_t)i);
    CU_ASSERT_EQUAL(f.memory.gets, gets);
    tear_down();
}

/* Windows come and go: a new one is nothing to ask the store about, and a dropped one is nothing to write. */
static void new_namespaces_cost_no_question(void)
{
    set_up(1 << 20);
    for (int64_t ns = 0; ns < 50; ns++) {
        for (uint64_t i = 0; i < 20; i++) CU_ASSERT(!get(i, ns) && edit(i, ns));
        f.set->ops->settle(f.set);
        f.set->ops->drop_namespace(f.set, 0, ns);
    }
    CU_ASSERT_EQUAL(f.memory.gets + f.memory.scans + f.memory.writes, 0);
    tear_down();
}

/* An enumeration goes on where it was after others came between, and sees what was changed since it began. */
static void enumerations_go_on(void)
{
    set_up(1); /* nothing stays */
    for (uint64_t i = 0; i < 400; i++) edit(i, 5)->n = (int64_t)i;
    f.set->ops->settle(f.set);
    weir_cursor at = {0};
    struct weir_key_ref key;
    void *value;
    for (int64_t i = 0; i < 100; i++) {
        CU_ASSERT_FATAL(f.set->ops->next_key(f.set, 0, 1, 5, &at, &key, &value));
        CU_ASSERT_EQUAL(((struct count *)value)->n, i * 4 + 1 + (i > 0 ? 1000 : 0));
        f.set->ops->settle(f.set);
        if (i < 99) edit((uint64_t)i * 4 + 5, 5)->n += 1000; /* the next one */
        f.set->ops->settle(f.set);
        weir_cursor other = {0};
        if (i % 3 == 0) CU_ASSERT(f.set->ops->next_key(f.set, 0, 2, 5, &other, &key, &value));
    }
    CU_ASSERT(!f.set->ops->next_key(f.set, 0, 1, 5, &at, &key, &value));
    tear_down();
}

/* A key that went and came again comes last, and once, though the store has its old record still. */
static void what_is_at_hand_hides_its_record(void)
{
    set_up(100000);
    for (uint64_t i = 0; i < 5; i++) edit(i * N_GROUPS, 0)->n = (int64_t)i;
    CU_ASSERT(weir__stored_write_back(weir__stored_of(f.set)));
    uint64_t first = 0, second = N_GROUPS;
    struct weir_key_ref a = key_of(&first), b = key_of(&second);
    f.set->ops->clear(f.set, 0, &a, 0);
    f.set->ops->clear(f.set, 0, &b, 0);
    edit(0, 0)->n = 5;
    static const int64_t expected[] = {2, 3, 4, 5};
    weir_cursor at = {0};
    struct weir_key_ref key;
    void *value;
    for (size_t i = 0; i < WEIR_LEN(expected); i++) {
        CU_ASSERT_FATAL(f.set->ops->next_key(f.set, 0, 0, 0, &at, &key, &value));
        CU_ASSERT_EQUAL(((struct count *)value)->n, expected[i]);
    }
    CU_ASSERT(!f.set->ops->next_key(f.set, 0, 0, 0, &at, &key, &value));
    CU_ASSERT_EQUAL(f.memory.n, 5);
    CU_ASSERT_EQUAL(f.set->ops->entries(f.set, 0), 4);
    f.set->ops->drop_namespace(f.set, 0, 0);
    CU_ASSERT_EQUAL(f.set->ops->entries(f.set, 0), 0);
    tear_down();
}

/* More namespaces than are remembered. */
static void many_namespaces(void)
{
    set_up(1);
    enum { N = WEIR__STORED_SPACES + 100 };
    for (int64_t ns = 0; ns < N; ns++) edit((uint64_t)ns, ns * 3 - 1000)->n = ns;
    f.set->ops->settle(f.set);
    for (int64_t ns = 0; ns < N; ns += 97) {
        CU_ASSERT_EQUAL(get((uint64_t)ns, ns * 3 - 1000)->n, ns);
        CU_ASSERT(!get((uint64_t)ns, ns * 3 - 999));
        f.set->ops->settle(f.set);
    }
    int64_t ns = 0, seen = 0;
    for (bool more = f.set->ops->next_namespace(f.set, 0, 0, true, 0, &ns); more; seen++) {
        CU_ASSERT_EQUAL(ns, seen * 12 - 1000);
        more = f.set->ops->next_namespace(f.set, 0, 0, false, ns, &ns);
    }
    CU_ASSERT_EQUAL(seen, N / N_GROUPS);
    tear_down();
}

/* ---- failures ---------------------------------------------------------------------------------------------------- */

/* The store fails at its nth call: no operation crashes, none gives something wrong, and the failure says where and why. */
static void failures_are_told(void)
{
    size_t blocks = weir_allocated_blocks();
    bool failed = true;
    int n = 1;
    for (; failed; n++) {
        set_up(2000);
        f.memory.calls_left = (size_t)n;
        for (uint64_t i = 0; i < 300; i++) {
            uint64_t k = i * 7 % 100;
            struct weir_key_ref key = key_of(&k);
            struct count *c = edit(k, (int64_t)(i % 2)), item = {.n = 1};
            if (c) c->n++;
            const struct count *seen = get(k + 1, 0);
            CU_ASSERT(!seen || (seen->n > 0 && seen->n <= 3));
            weir_status s = f.set->ops->list_add(f.set, 1, &key, 0, &item);
            CU_ASSERT(s == WEIR_OK || weir_state_store_failure(f.store));
            if (i % 5 == 0) f.set->ops->clear(f.set, 1, &key, 0);
            if (i == 250) f.set->ops->drop_namespace(f.set, 0, 1);
            weir_cursor at = {0};
            void *value;
            while (i % 90 == 0 && f.set->ops->next_key(f.set, 0, 1, 0, &at, &key, &value)) CU_ASSERT(value != NULL);
            f.set->ops->settle(f.set);
        }
        failed = weir_state_store_failure(f.store);
        if (failed) {
            CU_ASSERT_EQUAL(weir_state_store_failure(f.store)->status, WEIR_E_IO);
            CU_ASSERT_PTR_NOT_NULL(strstr(weir_state_store_failure(f.store)->text, "/state/0"));
            CU_ASSERT_PTR_NOT_NULL(strstr(weir_state_store_failure(f.store)->text, "the disk is full"));
        }
        tear_down();
    }
    CU_ASSERT(n > 100);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

/* A record that is cut off or has a byte changed is told, or read as something; nothing is read beyond its end. */
static void damaged_records_are_told(void)
{
    for (int cut = 0; cut < 40; cut++) {
        set_up(1);
        uint64_t i = 3;
        struct weir_key_ref key = key_of(&i);
        struct count item = {.n = 5, .note = {"hello", 5}};
        for (int k = 0; k < 2; k++) CU_ASSERT_EQUAL(f.set->ops->list_add(f.set, 1, &key, 0, &item), WEIR_OK);
        f.set->ops->settle(f.set);
        CU_ASSERT_FATAL(f.memory.n == 1);
        struct memory_record *r = &f.memory.records[0];
        size_t n = r->n - r->n_key;
        if ((size_t)cut < n) r->n -= (size_t)cut + 1;
        size_t size = f.set->ops->list_size(f.set, 1, &key, 0);
        const struct weir_error *failure = weir_state_store_failure(f.store);
        CU_ASSERT_EQUAL(size, (size_t)cut < n ? 0 : 2);
        if ((size_t)cut < n) CU_ASSERT(failure && strstr(failure->text, "a record is damaged"));
        tear_down();
    }
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

static int compare_bytes(weir_str a, weir_str b)
{
    int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int sign(int x)
{
    return (x > 0) - (x < 0);
}

/* Bytes before keys compare as state and namespace do, whatever the keys are, and tell them. */
static void prefixes_are_ranges(void)
{
    static const uint32_t some[] = {0, 1, 254, 255, 256, 65535};
    static const char *const keys[] = {"", "a", "\xff\xff\xff"};
    int64_t numbers[64 * 4 + 3], n = 0;
    set_up(100000);
    const struct stored *d = weir__stored_of(f.set);
    for (int bit = 0; bit < 63; bit++) {
        numbers[n++] = INT64_C(1) << bit;
        numbers[n++] = (INT64_C(1) << bit) - 1;
        numbers[n++] = -(INT64_C(1) << bit);
        numbers[n++] = -(INT64_C(1) << bit) - 1;
    }
    numbers[n++] = INT64_MIN;
    numbers[n++] = INT64_MAX;
    struct weir_key_bytes a = {0}, b = {0};
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) {
            uint32_t x = some[i % 6], y = some[j / 7 % 6];
            a.n = b.n = 0;
            CU_ASSERT(weir__stored_prefix(d, &a, x, 7, numbers[i]) && weir__stored_prefix(d, &b, y, 7, numbers[j]));
            size_t n_a = a.n, n_b = b.n;
            CU_ASSERT(weir_key_bytes_add(&a, keys[i % 3], strlen(keys[i % 3])));
            CU_ASSERT(weir_key_bytes_add(&b, keys[j % 3], strlen(keys[j % 3])));
            weir_str p = {(const char *)a.p, a.n}, q = {(const char *)b.p, b.n};
            CU_ASSERT_FATAL(weir__stored_state_of(p) == x && weir__stored_ns(p) == numbers[i]);
            CU_ASSERT_FATAL(weir__stored_group_of(p) == 7 && weir__stored_prefix_size(p) == n_a &&
                            n_a <= WEIR__STORED_PREFIX);
            if (x == y && numbers[i] == numbers[j]) continue;
            int order = x != y ? compare_numbers(x, y) : compare_numbers(numbers[i], numbers[j]);
            CU_ASSERT_EQUAL(sign(compare_bytes(p, q)), order);
            weir__stored_until(b.p, n_b);
            CU_ASSERT_EQUAL(sign(compare_bytes(p, (weir_str){(const char *)b.p, n_b})) < 0, order < 0);
        }
    }
    weir_key_bytes_finish(&a);
    weir_key_bytes_finish(&b);
    tear_down();
}

WEIR_SUITE(stored) = {
    {"ages are counted", ages_are_counted},
    {"prefixes are ranges", prefixes_are_ranges},
    {"the cache keeps to its size", the_cache_keeps_to_its_size},
    {"what is hot stays", what_is_hot_stays},
    {"enumerations leave the cache alone", enumerations_leave_the_cache_alone},
    {"new namespaces cost no question", new_namespaces_cost_no_question},
    {"enumerations go on", enumerations_go_on},
    {"what is at hand hides its record", what_is_at_hand_hides_its_record},
    {"more namespaces than are remembered", many_namespaces},
    {"failures are told", failures_are_told},
    {"damaged records are told", damaged_records_are_told},
    {NULL, NULL},
};
