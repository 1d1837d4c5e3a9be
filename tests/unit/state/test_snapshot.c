/* Snapshots: whatever is cut and restored is the same when it is cut again, at any split of the key groups; and what becomes
 * of states whose declaration has changed. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/random.h"
#include "harness/memory_store.h"
#include "harness/suite.h"
#include "state/snapshot.h"
#include "state/store.h"

struct value {
    int64_t count;
    weir_str text;
    int32_t small;
    bool yes;
    double real;
};
struct map_key {
    weir_str name;
};
#define MEMBER(T, m, t)                                                              \
    {                                                                                \
        .name = #m, .type = t, .offset = offsetof(T, m), .size = sizeof(((T *)0)->m) \
    }
static const weir_field members[] = {MEMBER(struct value, count, WEIR_I64), MEMBER(struct value, text, WEIR_STRING),
                                     MEMBER(struct value, small, WEIR_I32), MEMBER(struct value, yes, WEIR_BOOL),
                                     MEMBER(struct value, real, WEIR_F64)};
static const weir_field key_members[] = {MEMBER(struct map_key, name, WEIR_BYTES)};
#define MEMBERS \
    .size = sizeof(struct value), .fields = members, .n_fields = WEIR_LEN(members), .field_stride = sizeof(weir_field)
static const weir_state states[] = {
    {.name = "value", .kind = WEIR_VALUE, .version = 1, MEMBERS},
    {.name = "list", .kind = WEIR_LIST, .version = 1, MEMBERS},
    {.name = "map",
     .kind = WEIR_MAP,
     .version = 1,
     MEMBERS,
     .key_size = sizeof(struct map_key),
     .key_fields = key_members,
     .n_key_fields = 1},
};
#define N_STATES WEIR_LEN(states)
#define N_GROUPS 16

struct stage {
    struct weir_state_layout layouts[N_STATES];
    struct weir_schema *key;
    struct weir_random random;
};

static void init(struct stage *g, uint64_t seed)
{
    struct weir_error error;
    struct weir_schema_builder key = {0};
    for (size_t i = 0; i < N_STATES; i++)
        CU_ASSERT_EQUAL_FATAL(weir_state_layout_init(&g->layouts[i], &states[i], &error), WEIR_OK);
    weir_schema_builder_add(&key, "user", WEIR_STRING, false);
    weir_schema_builder_add(&key, "n", WEIR_I32, false);
    weir_schema_builder_add(&key, "at", WEIR_TIMESTAMP, false);
    weir_schema_builder_add(&key, "big", WEIR_BOOL, false);
    g->key = weir_schema_build(&key);
    g->random = (struct weir_random){seed};
}

static void finish(struct stage *g)
{
    for (size_t i = 0; i < N_STATES; i++) weir_state_layout_finish(&g->layouts[i]);
    weir_schema_release(g->key);
}

/* ---- random content ---------------------------------------------------------------------------------------------- */

static uint8_t key_bytes[64];

static struct weir_key_ref make_key(uint32_t i)
{
    uint32_t length = i % 9;
    int32_t n = (int32_t)i - 20;
    int64_t at = (int64_t)i * 1000000007;
    uint8_t *p = key_bytes;
    memcpy(p, &length, 4), p += 4;
    memset(p, 'a' + (int)(i % 26), length), p += length;
    memcpy(p, &n, 4), p += 4;
    memcpy(p, &at, 8), p += 8;
    *p++ = i & 1;
    uint32_t size = (uint32_t)(p - key_bytes);
    return (struct weir_key_ref){key_bytes, size, i * 7 % N_GROUPS, weir_key_hash64(key_bytes, size)};
}

static weir_str make_text(struct stage *g)
{
    static char bytes[300];
    size_t n = weir_random_below(&g->random, 4) ? weir_random_below(&g->random, 20) : weir_random_below(&g->random, 300);
    for (size_t i = 0; i < n; i++) bytes[i] = (char)('a' + weir_random_below(&g->random, 26));
    return (weir_str){bytes, n};
}

static void fill_value(struct stage *g, struct weir_state_set *set, uint32_t state, struct value *v)
{
    v->count = (int64_t)weir_random_next(&g->random) >> weir_random_below(&g->random, 64);
    v->small = (int32_t)weir_random_next(&g->random);
    v->yes = weir_random_below(&g->random, 2);
    v->real = (double)v->count / 3;
    CU_ASSERT_EQUAL(set->ops->assign(set, state, &v->text, make_text(g)), WEIR_OK);
}

static void fill(struct stage *g, struct weir_state_set *set, struct weir_timers *timers, int n)
{
    for (int i = 0; i < n; i++) {
        struct weir_key_ref key = make_key(weir_random_below(&g->random, 60));
        int64_t ns = weir_random_below(&g->random, 3) ? 0 : (int64_t)weir_random_below(&g->random, 5) - 2;
        struct value item = {.count = i, .text = make_text(g)};
        struct map_key name;
        struct value *v;
        switch (weir_random_below(&g->random, 6)) {
        case 0:
        case 1:
            v = set->ops->value_edit(set, 0, &key, ns);
            fill_value(g, set, 0, v);
            break;
        case 2: CU_ASSERT_EQUAL(set->ops->list_add(set, 1, &key, ns, &item), WEIR_OK); break;
        case 3:
            name.name = (weir_str){"abcdef", weir_random_below(&g->random, 7)};
            v = set->ops->map_edit(set, 2, &key, ns, &name);
            fill_value(g, set, 2, v);
            break;
        case 4: set->ops->clear(set, weir_random_below(&g->random, 3), &key, ns); break;
        case 5:
            CU_ASSERT_EQUAL(weir_timers_set(timers, i % 2 ? WEIR_EVENT_TIME : WEIR_PROCESSING_TIME, &key, (uint64_t)ns,
                                            (int64_t)weir_random_below(&g->random, 1000) - 500),
                            WEIR_OK);
            break;
        }
        set->ops->settle(set);
    }
}

/* ---- what holds the state: the heap, or a store with a cache of so many bytes ------------------------------------- */

struct holder {
    struct memory_store memory;
    struct weir_state_store *store;
};
enum { IN_HEAP = 0, ENTRY_BY_ENTRY = 1, SMALL = 3000, N_HOLDERS = 3 };
static const size_t holders[N_HOLDERS] = {IN_HEAP, ENTRY_BY_ENTRY, SMALL};

static struct weir_state_set *make_set(struct stage *g, struct holder *h, size_t cache_bytes, uint32_t first, uint32_t last)
{
    *h = (struct holder){0};
    if (cache_bytes == IN_HEAP) return weir_heap_state_create(g->layouts, N_STATES, first, last);
    struct weir_state_store_options o = {
        .backend = &memory_store_backend, .self = &h->memory, .directory = "memory", .cache_bytes = cache_bytes};
    CU_ASSERT_EQUAL_FATAL(weir_state_store_create(&o, &h->store, NULL), WEIR_OK);
    return weir_stored_state_create(h->store, g->layouts, N_STATES, first, last);
}

static void destroy_set(struct weir_state_set *set, struct holder *h)
{
    set->ops->destroy(set);
    if (h->store) CU_ASSERT_PTR_NULL(weir_state_store_failure(h->store));
    weir_state_store_destroy(h->store);
}

/* ---- cutting and restoring --------------------------------------------------------------------------------------- */

static void cut(struct stage *g, struct weir_state_set *set, struct weir_timers *timers, uint32_t first, uint32_t last,
                struct weir_snapshot *to)
{
    struct weir_error error;
    CU_ASSERT_EQUAL(weir_snapshot_keyed(to, set, timers, g->key, first, last, &error), WEIR_OK);
}

/* Groups first .. last of the snapshot into new state, which is cut again and compared. */
static void expect_same_in(struct stage *g, const struct weir_snapshot *from, uint32_t first, uint32_t last,
                           size_t cache_bytes)
{
    struct holder holder;
    struct weir_state_set *set = make_set(g, &holder, cache_bytes, first, last);
    struct weir_timers *timers = weir_timers_create(first, last);
    struct weir_snapshot again = {0};
    struct weir_restore *restore;
    struct weir_error error = {0};
    CU_ASSERT_EQUAL_FATAL(
        weir_restore_create(from->header.p, from->header.n, g->layouts, N_STATES, g->key, &restore, &error), WEIR_OK);
    for (size_t i = 0; i < from->n_groups; i++) {
        const struct weir_snapshot_group *part = &from->groups[i];
        if (part->group < first || part->group > last) continue;
        weir_status s =
            weir_restore_group(restore, from->keyed.p + part->offset, part->length, part->group, set, timers, &error);
        if (s != WEIR_OK) fprintf(stderr, "%s\n", error.text);
        CU_ASSERT_EQUAL(s, WEIR_OK);
    }
    cut(g, set, timers, first, last, &again);
    for (size_t i = 0, k = 0; i < from->n_groups; i++) {
        const struct weir_snapshot_group *a = &from->groups[i], *b = &again.groups[k];
        if (a->group < first || a->group > last) continue;
        k++;
        CU_ASSERT_FATAL(k <= again.n_groups && a->group == b->group && a->length == b->length);
        CU_ASSERT_EQUAL(memcmp(from->keyed.p + a->offset, again.keyed.p + b->offset, a->length), 0);
    }
    weir_snapshot_finish(&again);
    weir_restore_destroy(restore);
    destroy_set(set, &holder);
    weir_timers_destroy(timers);
}

/* Whatever holds it: heap to store to heap gives the same bytes. */
static void expect_same(struct stage *g, const struct weir_snapshot *from, uint32_t first, uint32_t last)
{
    for (size_t i = 0; i < N_HOLDERS; i++) expect_same_in(g, from, first, last, holders[i]);
}

static void what_is_restored_is_what_was_cut(void)
{
    size_t blocks = weir_allocated_blocks();
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct stage g;
        struct weir_snapshot all = {0};
        struct holder holder;
        init(&g, seed);
        struct weir_state_set *set = make_set(&g, &holder, holders[seed % N_HOLDERS], 0, N_GROUPS - 1);
        struct weir_timers *timers = weir_timers_create(0, N_GROUPS - 1);
        fill(&g, set, timers, 600);
        cut(&g, set, timers, 0, N_GROUPS - 1, &all);
        CU_ASSERT(all.n_entries > 50 && all.n_groups > 8);
        expect_same(&g, &all, 0, N_GROUPS - 1);
        uint32_t middle = 1 + weir_random_below(&g.random, N_GROUPS - 2);
        expect_same(&g, &all, 0, middle - 1); /* restored by two where one was */
        expect_same(&g, &all, middle, N_GROUPS - 1);
        weir_snapshot_finish(&all);
        destroy_set(set, &holder);
        weir_timers_destroy(timers);
        finish(&g);
    }
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

/* The same history leaves the same bytes, whatever holds it. */
static void the_holder_does_not_show(void)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct weir_snapshot cuts[N_HOLDERS] = {{.n_groups = 0}};
        for (size_t i = 0; i < N_HOLDERS; i++) {
            struct stage g;
            struct holder holder;
            init(&g, seed);
            struct weir_state_set *set = make_set(&g, &holder, holders[i], 0, N_GROUPS - 1);
            struct weir_timers *timers = weir_timers_create(0, N_GROUPS - 1);
            fill(&g, set, timers, 600);
            cut(&g, set, timers, 0, N_GROUPS - 1, &cuts[i]);
            fill(&g, set, timers, 200); /* a cut changes nothing */
            destroy_set(set, &holder);
            weir_timers_destroy(timers);
            finish(&g);
            CU_ASSERT_FATAL(cuts[i].keyed.n == cuts[0].keyed.n);
            CU_ASSERT_EQUAL(memcmp(cuts[i].keyed.p, cuts[0].keyed.p, cuts[0].keyed.n), 0);
        }
        for (size_t i = 0; i < N_HOLDERS; i++) weir_snapshot_finish(&cuts[i]);
    }
}

/* Every cut-off, and every changed byte, is either told or read as something; nothing is read beyond the end. */
static void damage_is_told_or_harmless(void)
{
    struct stage g;
    struct weir_snapshot all = {0};
    init(&g, 7);
    struct weir_state_set *set = weir_heap_state_create(g.layouts, N_STATES, 0, N_GROUPS - 1);
    struct weir_timers *timers = weir_timers_create(0, N_GROUPS - 1);
    fill(&g, set, timers, 200);
    cut(&g, set, timers, 0, N_GROUPS - 1, &all);
    struct weir_restore *restore;
    struct weir_error error;
    for (size_t n = 0; n < all.header.n; n++) {
        uint8_t *copy = weir_alloc(n + 1); /* a block of its own, so that a read beyond it is seen */
        memcpy(copy, all.header.p, n);
        CU_ASSERT_NOT_EQUAL(weir_restore_create(copy, n, g.layouts, N_STATES, g.key, &restore, &error), WEIR_OK);
        weir_free(copy);
    }
    CU_ASSERT_EQUAL_FATAL(weir_restore_create(all.header.p, all.header.n, g.layouts, N_STATES, g.key, &restore, &error),
                          WEIR_OK);
    const struct weir_snapshot_group *part = &all.groups[0];
    for (size_t i = 0; i < part->length; i++) {
        uint8_t *copy = weir_alloc(part->length);
        struct weir_state_set *other = weir_heap_state_create(g.layouts, N_STATES, 0, N_GROUPS - 1);
        memcpy(copy, all.keyed.p + part->offset, part->length);
        copy[i] ^= (uint8_t)(1 + weir_random_below(&g.random, 255));
        (void)!weir_restore_group(restore, copy, part->length, part->group, other, NULL, &error);
        other->ops->destroy(other);
        weir_free(copy);
    }
    weir_restore_destroy(restore);
    weir_snapshot_finish(&all);
    set->ops->destroy(set);
    weir_timers_destroy(timers);
    finish(&g);
}

static void a_key_keeps_its_types(void)
{
    struct stage g;
    struct weir_snapshot all = {0};
    struct weir_restore *restore;
    struct weir_error error;
    struct weir_schema_builder other = {0};
    init(&g, 1);
    cut(&g, NULL, NULL, 0, 0, &all);
    weir_schema_builder_add(&other, "user", WEIR_STRING, false);
    struct weir_schema *key = weir_schema_build(&other);
    CU_ASSERT_EQUAL(weir_restore_create(all.header.p, all.header.n, g.layouts, N_STATES, key, &restore, &error),
                    WEIR_E_CONFIG);
    CU_ASSERT_STRING_EQUAL(error.text, "the saved key has 4 fields, the operator's has 1");
    weir_schema_release(key);
    weir_snapshot_finish(&all);
    finish(&g);
}

static void keep_line(void *arg, const char *line)
{
    snprintf(arg, 200, "%s", strstr(line, "the key was"));
}

static void a_key_of_another_name_is_told(void)
{
    static const char *const names[] = {"user", "m", "at", "big"};
    static const weir_type types[] = {WEIR_STRING, WEIR_I32, WEIR_TIMESTAMP, WEIR_BOOL};
    struct stage g;
    struct weir_snapshot all = {0};
    struct weir_restore *restore;
    struct weir_error error;
    struct weir_schema_builder other = {0};
    char told[200] = "";
    init(&g, 1);
    cut(&g, NULL, NULL, 0, 0, &all);
    for (size_t i = 0; i < WEIR_LEN(names); i++) weir_schema_builder_add(&other, names[i], types[i], false);
    struct weir_schema *key = weir_schema_build(&other);
    weir_log_redirect(keep_line, told);
    CU_ASSERT_EQUAL(weir_restore_create(all.header.p, all.header.n, g.layouts, N_STATES, g.key, &restore, &error), WEIR_OK);
    weir_restore_destroy(restore);
    CU_ASSERT_STRING_EQUAL(told, "");
    CU_ASSERT_EQUAL(weir_restore_create(all.header.p, all.header.n, g.layouts, N_STATES, key, &restore, &error), WEIR_OK);
    weir_restore_destroy(restore);
    WEIR_ASSERT_CONTAINS(told, "the key was 'n' when the state was saved, and is 'm'");
    weir_log_redirect(NULL, NULL);
    weir_schema_release(key);
    weir_snapshot_finish(&all);
    finish(&g);
}

/* ---- lists ------------------------------------------------------------------------------------------------------- */

struct dealt {
    uint32_t owners[32];
    char text[128];
};

static weir_status note_item(void *arg, const struct weir_saved_bytes *item)
{
    struct dealt *d = arg;
    d->owners[item->index] = item->owner;
    strncat(d->text, item->bytes.p, item->bytes.n);
    return WEIR_OK;
}

/* Semantics A6: all in the order of subtask, in contiguous runs, of which the first total % p have one more; each keeps its
 * own where nothing changed. */
static void lists_are_dealt_in_contiguous_runs(void)
{
    static const char *const items[4] = {"abc", "", "defg", "h"};
    struct weir_snapshot parts[4] = {0};
    struct weir_error error;
    for (uint32_t i = 0; i < 4; i++) {
        struct weir_snapshot_list *list = weir_snapshot_list(&parts[i], "things", WEIR_DEAL_SPLIT);
        for (const char *c = items[i]; *c; c++) CU_ASSERT_EQUAL(weir_snapshot_add_bytes(list, c, 1), WEIR_OK);
    }
    static const struct {
        uint32_t parallelism;
        uint32_t owners[8];
    } cases[] = {{1, {0}},
                 {2, {0, 0, 0, 0, 1, 1, 1, 1}},
                 {3, {0, 0, 0, 1, 1, 1, 2, 2}},
                 {4, {0, 0, 0, 2, 2, 2, 2, 3}},
                 {5, {0, 0, 1, 1, 2, 2, 3, 4}},
                 {9, {0, 1, 2, 3, 4, 5, 6, 7}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dealt d = {{0}, ""};
        CU_ASSERT_EQUAL(weir_restore_bytes(parts, 4, cases[i].parallelism, "things", note_item, &d, &error), WEIR_OK);
        CU_ASSERT_STRING_EQUAL(d.text, "abcdefgh");
        CU_ASSERT_EQUAL(memcmp(d.owners, cases[i].owners, sizeof cases[i].owners), 0);
    }
    struct dealt none = {{0}, ""};
    CU_ASSERT_EQUAL(weir_restore_bytes(parts, 4, 2, "others", note_item, &none, &error), WEIR_OK);
    parts[0].lists[0].bytes.n--; /* damaged */
    CU_ASSERT_EQUAL(weir_restore_bytes(parts, 4, 2, "things", note_item, &none, &error), WEIR_E_DATA);
    for (uint32_t i = 0; i < 4; i++) weir_snapshot_finish(&parts[i]);
}

WEIR_SUITE(snapshot) = {{"lists are dealt in contiguous runs", lists_are_dealt_in_contiguous_runs},
                        {"the same history leaves the same bytes, whatever holds the state", the_holder_does_not_show},
                        {"what is restored is what was cut", what_is_restored_is_what_was_cut},
                        {"damage is told or harmless", damage_is_told_or_harmless},
                        {"a key keeps its types", a_key_keeps_its_types},
                        {"a key of another name is told", a_key_of_another_name_is_told},
                        {NULL, NULL}};
