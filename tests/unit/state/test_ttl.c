/* Keyed state that expires: semantics A6. A random differential test against arrays of what was touched when, on every
 * backend, with cuts and restores in between; and each rule by itself. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "harness/memory_store.h"
#include "harness/suite.h"
#include "state/snapshot.h"
#include "state/store.h"
#include "state/ttl.h"

#define TTL      10
#define N_KEYS   8
#define N_GROUPS 4
#define N_PAIRS  6

enum { VALUE, LIST, MAP, N_STATES };
struct note {
    weir_str text;
    int64_t n;
};
struct item { /* shorter than what its time is aligned to */
    int32_t n;
};
#define MEMBER(T, m, t)                                                              \
    {                                                                                \
        .name = #m, .type = t, .offset = offsetof(T, m), .size = sizeof(((T *)0)->m) \
    }
static const weir_field note_members[] = {MEMBER(struct note, text, WEIR_STRING), MEMBER(struct note, n, WEIR_I64)};
static const weir_field item_members[] = {MEMBER(struct item, n, WEIR_I32)};
static const weir_state states[N_STATES] = {
    {.name = "value",
     .kind = WEIR_VALUE,
     .version = 1,
     .size = sizeof(struct note),
     .fields = note_members,
     .n_fields = 2,
     .field_stride = sizeof(weir_field)},
    {.name = "list",
     .kind = WEIR_LIST,
     .version = 1,
     .size = sizeof(struct item),
     .fields = item_members,
     .n_fields = 1,
     .field_stride = sizeof(weir_field)},
    {.name = "map",
     .kind = WEIR_MAP,
     .version = 1,
     .size = sizeof(struct note),
     .fields = note_members,
     .n_fields = 2,
     .field_stride = sizeof(weir_field),
     .key_size = sizeof(struct item),
     .key_fields = item_members,
     .n_key_fields = 1},
};

/* ---- the stage --------------------------------------------------------------------------------------------------- */

static struct stage {
    struct weir_state_layout plain[N_STATES];
    struct weir_state_layout *layouts; /* with times */
    struct weir_schema *key;
    struct memory_store memory;
    struct weir_state_store *store; /* NULL: the heap */
    struct weir_state_set *set;
    struct weir_ttl *ttl;
    struct weir_platform platform;
    int64_t now;
} g;

static int64_t clock_of(void *self)
{
    (void)self;
    return g.now;
}

static void make_set(const struct weir_state_layout *layouts, bool stored)
{
    struct weir_state_store_options o = {
        .backend = &memory_store_backend, .self = &g.memory, .directory = "/state", .cache_bytes = 4096};
    g.memory = (struct memory_store){.n = 0};
    g.store = NULL;
    if (stored) CU_ASSERT_EQUAL_FATAL(weir_state_store_create(&o, &g.store, NULL), WEIR_OK);
    g.set = stored ? weir_stored_state_create(g.store, layouts, N_STATES, 0, N_GROUPS - 1)
                   : weir_heap_state_create(layouts, N_STATES, 0, N_GROUPS - 1);
}

static void drop_set(void)
{
    g.set->ops->destroy(g.set);
    weir_state_store_destroy(g.store);
}

static void set_up(bool stored, uint32_t flags, uint32_t sweep)
{
    struct weir_state_ttl rules[N_STATES];
    struct weir_schema_builder key = {0};
    g = (struct stage){.now = 1000};
    g.platform.wall_ms = clock_of;
    weir_schema_builder_add(&key, "id", WEIR_I64, false);
    g.key = weir_schema_build(&key);
    for (int i = 0; i < N_STATES; i++) {
        CU_ASSERT_EQUAL_FATAL(weir_state_layout_init(&g.plain[i], &states[i], NULL), WEIR_OK);
        rules[i] = (struct weir_state_ttl){.ms = TTL, .flags = flags, .sweep = sweep};
    }
    g.layouts = weir_ttl_layouts(g.plain, N_STATES, rules);
    make_set(g.layouts, stored);
    g.ttl = weir_ttl_create(g.layouts, N_STATES, &g.platform);
}

static void tear_down(void)
{
    drop_set();
    weir_ttl_destroy(g.ttl);
    weir_ttl_layouts_free(g.layouts, N_STATES);
    weir_schema_release(g.key);
    for (int i = 0; i < N_STATES; i++) weir_state_layout_finish(&g.plain[i]);
}

static struct weir_key_ref key_of(const int64_t *id)
{
    return (struct weir_key_ref){.p = (const uint8_t *)id,
                                 .n = 8,
                                 .group = (uint32_t)*id % N_GROUPS,
                                 .hash = weir_key_hash64((const uint8_t *)id, 8)};
}
#define AT(state)                                             \
    g.ttl, g.set, state, &(struct weir_key_ref)               \
    {                                                         \
        key_of(&id).p, 8, key_of(&id).group, key_of(&id).hash \
    }

/* Between two calls of a component. */
static void rest(void)
{
    weir_ttl_sweep(g.ttl, g.set);
    g.set->ops->settle(g.set);
}

static void wait_for(int64_t ms)
{
    g.now += ms;
    weir_ttl_hold(g.ttl);
}

/* In a store, a cut that is read when the set is gone is as the one made at once, though the clock has gone on. */
static void drop_and_cut_later(const struct weir_snapshot *now, struct weir_snapshot *later)
{
    struct weir_error error;
    if (!g.store) {
        drop_set();
        return;
    }
    CU_ASSERT_EQUAL_FATAL(weir_snapshot_keyed(later, g.set, NULL, g.key, 0, N_GROUPS - 1, &error), WEIR_OK);
    CU_ASSERT_PTR_NOT_NULL(later->pending);
    g.set->now_ms += TTL * 2;
    g.set->ops->destroy(g.set);
    while (later->pending) CU_ASSERT_EQUAL_FATAL(weir_snapshot_read(later, &error), WEIR_OK);
    CU_ASSERT_EQUAL(later->n_entries, now->n_entries);
    CU_ASSERT_FATAL(later->keyed.n == now->keyed.n);
    CU_ASSERT(now->keyed.n == 0 || memcmp(later->keyed.p, now->keyed.p, now->keyed.n) == 0);
    weir_snapshot_finish(later);
    weir_state_store_destroy(g.store);
}

/* Cut, and restored into a new set of these layouts. Returns how many entries were cut. */
static uint64_t cut_into(const struct weir_state_layout *layouts)
{
    struct weir_snapshot snapshot = {0}, later = {.later = true};
    struct weir_error error;
    bool stored = g.store != NULL;
    g.set->now_ms = g.now;
    CU_ASSERT_EQUAL_FATAL(weir_snapshot_keyed(&snapshot, g.set, NULL, g.key, 0, N_GROUPS - 1, &error), WEIR_OK);
    drop_and_cut_later(&snapshot, &later);
    make_set(layouts, stored);
    g.set->now_ms = g.now;
    CU_ASSERT_EQUAL_FATAL(weir_restore_keyed(&snapshot, 1, g.set, NULL, layouts, N_STATES, g.key, 0, N_GROUPS - 1, &error),
                          WEIR_OK);
    uint64_t n = snapshot.n_entries;
    weir_snapshot_finish(&snapshot);
    weir_ttl_hold(g.ttl);
    return n;
}

/* ---- the words of the tests -------------------------------------------------------------------------------------- */

static int64_t value(int64_t id) /* 0: none */
{
    const struct note *v = weir_ttl_value_get(AT(VALUE));
    return v ? v->n : 0;
}

static void put_value(int64_t id, int64_t n)
{
    struct note *v = weir_ttl_value_edit(AT(VALUE));
    char text[24];
    snprintf(text, sizeof text, "text %lld", (long long)n);
    v->n = n;
    CU_ASSERT_EQUAL(g.set->ops->assign(g.set, VALUE, &v->text, (weir_str){text, strlen(text)}), WEIR_OK);
}

static void add_item(int64_t id, int32_t n)
{
    CU_ASSERT_EQUAL(weir_ttl_list_add(AT(LIST), &(struct item){n}), WEIR_OK);
}

/* "3 4 5" */
static const char *list(int64_t id)
{
    static char text[512];
    size_t n = weir_ttl_list_size(AT(LIST)), used = 0;
    text[0] = 0;
    for (size_t i = 0; i < n; i++) {
        const struct item *item = weir_ttl_list_at(AT(LIST), i);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%d", i ? " " : "", item->n);
    }
    CU_ASSERT_PTR_NULL(weir_ttl_list_at(AT(LIST), n));
    return text;
}

static void put_pair(int64_t id, int32_t key, int64_t n)
{
    struct note *v = weir_ttl_map_edit(AT(MAP), &(struct item){key});
    v->n = n;
    CU_ASSERT_EQUAL(g.set->ops->assign(g.set, MAP, &v->text, WEIR_STR("a pair")), WEIR_OK);
}

static int64_t pair(int64_t id, int32_t key)
{
    const struct note *v = weir_ttl_map_get(AT(MAP), &(struct item){key});
    return v ? v->n : 0;
}

static size_t map_size(int64_t id)
{
    struct weir_key_ref key = key_of(&id);
    return g.set->ops->map_size(g.set, MAP, &key, 0);
}

/* "2=7 3=8" */
static const char *map(int64_t id)
{
    static char text[512];
    weir_cursor at = {0};
    const void *k, *v;
    size_t used = 0;
    text[0] = 0;
    while (weir_ttl_map_next(AT(MAP), &at, &k, &v))
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%d=%d", used ? " " : "", ((const struct item *)k)->n,
                                 (int)((const struct note *)v)->n);
    return text;
}

static size_t entries(void)
{
    size_t n = 0;
    for (uint32_t i = 0; i < N_STATES; i++) n += g.set->ops->entries(g.set, i);
    return n;
}

/* ---- each rule --------------------------------------------------------------------------------------------------- */

static void TRAP_expired_iff_ts_plus_ttl_is_at_most_now(void)
{
    set_up(false, 0, 0);
    put_value(1, 7);
    wait_for(TTL - 1);
    CU_ASSERT_EQUAL(value(1), 7);
    wait_for(1); /* exactly ttl */
    CU_ASSERT_EQUAL(value(1), 0);
    tear_down();
}

static void TRAP_reading_an_expired_value_deletes_it(void)
{
    set_up(false, 0, 0);
    put_value(1, 7);
    wait_for(TTL);
    CU_ASSERT_EQUAL(entries(), 1);
    CU_ASSERT_EQUAL(value(1), 0);
    CU_ASSERT_EQUAL(entries(), 0);
    tear_down();

    set_up(false, WEIR_TTL_SHOWN, 0); /* seen once more, not twice */
    put_value(1, 7);
    put_pair(1, 2, 8);
    add_item(1, 9);
    wait_for(TTL);
    CU_ASSERT_EQUAL(value(1), 7);
    CU_ASSERT_EQUAL(pair(1, 2), 8);
    CU_ASSERT_STRING_EQUAL(list(1), "9");
    weir_ttl_hold(g.ttl);
    CU_ASSERT_EQUAL(value(1), 0);
    CU_ASSERT_EQUAL(pair(1, 2), 0);
    CU_ASSERT_STRING_EQUAL(list(1), "");
    CU_ASSERT_EQUAL(entries(), 0);
    tear_down();
}

static void TRAP_reading_does_not_renew_unless_it_is_said(void)
{
    for (uint32_t flags = 0; flags <= WEIR_TTL_ON_READ; flags += WEIR_TTL_ON_READ) {
        set_up(false, flags, 0);
        put_value(1, 7);
        put_pair(1, 2, 8);
        add_item(1, 9);
        wait_for(TTL - 1);
        CU_ASSERT_EQUAL(value(1), 7);
        CU_ASSERT_EQUAL(pair(1, 2), 8);
        CU_ASSERT_STRING_EQUAL(list(1), "9");
        wait_for(TTL - 1);
        CU_ASSERT_EQUAL(value(1), flags ? 7 : 0);
        CU_ASSERT_EQUAL(pair(1, 2), flags ? 8 : 0);
        CU_ASSERT_STRING_EQUAL(list(1), flags ? "9" : "");
        tear_down();
    }
}

static void TRAP_lists_expire_per_element_maps_per_entry(void)
{
    set_up(false, 0, 0);
    add_item(1, 1);
    put_pair(1, 1, 10);
    wait_for(6);
    add_item(1, 2);
    put_pair(1, 2, 20);
    CU_ASSERT_STRING_EQUAL(list(1), "1 2");
    CU_ASSERT_STRING_EQUAL(map(1), "1=10 2=20");
    wait_for(4);
    CU_ASSERT_STRING_EQUAL(list(1), "2");
    CU_ASSERT_STRING_EQUAL(map(1), "2=20");
    wait_for(6);
    CU_ASSERT_STRING_EQUAL(list(1), "");
    CU_ASSERT_STRING_EQUAL(map(1), "");
    tear_down();
}

static void the_size_of_a_map_is_what_is_there(void)
{
    set_up(false, 0, 0);
    put_pair(1, 1, 10);
    wait_for(TTL);
    CU_ASSERT_EQUAL(map_size(1), 1);
    CU_ASSERT_EQUAL(pair(1, 1), 0);
    CU_ASSERT_EQUAL(map_size(1), 0);
    tear_down();
}

static void TRAP_incremental_cleanup_looks_at_5_entries_for_each_access(void)
{
    CU_ASSERT_EQUAL(WEIR_TTL_SWEEP, 5);
    set_up(false, 0, WEIR_TTL_SWEEP);
    CU_ASSERT_EQUAL(g.plain[0].ttl_sweep, 5);
    for (int64_t id = 0; id < 1000; id++) put_value(id, 7);
    wait_for(TTL);
    g.ttl = (weir_ttl_destroy(g.ttl), weir_ttl_create(g.layouts, N_STATES, &g.platform));
    for (int i = 0; i < 100; i++) (void)value(-8); /* nobody's key */
    rest();
    CU_ASSERT_EQUAL(g.set->ops->entries(g.set, VALUE), 500);
    for (int i = 0; i < 20; i++) (void)value(-8);
    rest();
    CU_ASSERT_EQUAL(g.set->ops->entries(g.set, VALUE), 400);
    for (int i = 0; i < 100; i++) (void)value(-8);
    rest();
    CU_ASSERT_EQUAL(g.set->ops->entries(g.set, VALUE), 0);
    tear_down();
}

static void in_a_store_a_key_group_is_swept_at_a_time(void)
{
    set_up(true, 0, WEIR_TTL_SWEEP);
    for (int64_t id = 0; id < 1000; id++) {
        put_value(id, 7);
        add_item(id, 1);
        put_pair(id, 1, 1);
    }
    rest();
    wait_for(TTL);
    for (int round = 0; round < 1000 && entries() > 0; round++) {
        for (int i = 0; i < 20; i++) (void)value(-8), (void)pair(-8, 1), add_item(-8, 1), (void)list(-8);
        wait_for(TTL);
        rest();
    }
    CU_ASSERT_EQUAL(entries(), 0);
    tear_down();
}

static void TRAP_full_snapshots_leave_out_what_has_expired(void)
{
    set_up(false, 0, 0);
    put_value(1, 7);
    add_item(1, 1);
    put_pair(1, 1, 10);
    wait_for(6);
    put_value(2, 8);
    add_item(2, 1);
    add_item(1, 2);
    put_pair(1, 2, 20);
    wait_for(5);
    CU_ASSERT_EQUAL(cut_into(g.layouts), 4); /* value of 2, the lists, the map of 1 */
    CU_ASSERT_EQUAL(entries(), 4);
    CU_ASSERT_EQUAL(map_size(1), 1);
    CU_ASSERT_STRING_EQUAL(list(1), "2");
    CU_ASSERT_STRING_EQUAL(map(1), "2=20");
    CU_ASSERT_EQUAL(value(2), 8);
    wait_for(4); /* the times went along */
    CU_ASSERT_EQUAL(value(2), 8);
    wait_for(1);
    CU_ASSERT_EQUAL(value(2), 0);
    CU_ASSERT_STRING_EQUAL(list(1), "");
    tear_down();
}

static void TRAP_turning_TTL_on_or_off_across_a_restore_migrates(void)
{
    set_up(false, 0, 0);
    put_value(1, 7);
    add_item(1, 1);
    put_pair(1, 1, 10);
    wait_for(8);
    CU_ASSERT_EQUAL(cut_into(g.plain), 3); /* off */
    int64_t id = 1;
    struct weir_key_ref key = key_of(&id);
    g.now += 100 * TTL;
    CU_ASSERT_EQUAL(((const struct note *)g.set->ops->value_get(g.set, VALUE, &key, 0))->n, 7);
    CU_ASSERT_EQUAL(cut_into(g.layouts), 3); /* on: all of it touched now */
    wait_for(TTL - 1);
    CU_ASSERT_EQUAL(value(1), 7);
    CU_ASSERT_STRING_EQUAL(list(1), "1");
    CU_ASSERT_STRING_EQUAL(map(1), "1=10");
    wait_for(1);
    CU_ASSERT_EQUAL(value(1), 0);
    CU_ASSERT_STRING_EQUAL(list(1), "");
    CU_ASSERT_STRING_EQUAL(map(1), "");
    tear_down();
}

static void what_a_key_has_stays_the_same_until_the_next_hold(void)
{
    set_up(false, 0, 0);
    add_item(1, 1);
    add_item(1, 2);
    wait_for(TTL - 1);
    CU_ASSERT_STRING_EQUAL(list(1), "1 2");
    g.now++; /* no hold */
    CU_ASSERT_STRING_EQUAL(list(1), "1 2");
    weir_ttl_hold(g.ttl);
    CU_ASSERT_STRING_EQUAL(list(1), "");
    tear_down();
}

static void a_time_far_away_never_comes(void)
{
    struct weir_state_ttl rules[N_STATES] = {{.ms = INT64_MAX}, {.ms = 0}, {.ms = INT64_MAX}};
    set_up(false, 0, 0);
    struct weir_state_layout *far = weir_ttl_layouts(g.plain, N_STATES, rules);
    drop_set();
    make_set(far, false);
    weir_ttl_destroy(g.ttl);
    g.ttl = weir_ttl_create(far, N_STATES, &g.platform);
    CU_ASSERT_FALSE(weir_ttl_has(g.ttl, LIST));
    put_value(1, 7);
    wait_for(INT64_MAX / 2);
    CU_ASSERT_EQUAL(value(1), 7);
    tear_down();
    weir_ttl_layouts_free(far, N_STATES);
}

/* ---- at random, against a model ---------------------------------------------------------------------------------- */

struct model_entry {
    int32_t key;
    int64_t n, at;
};
struct model_run {
    struct model_entry e[600];
    size_t n;
};
static struct model {
    struct model_run value[N_KEYS], list[N_KEYS], map[N_KEYS]; /* at most one; in order; in order of insertion */
} m;
static uint32_t flags;

static bool has_expired(const struct model_entry *e)
{
    return e->at == WEIR_TTL_GONE || e->at + TTL <= g.now;
}

static void take_out(struct model_run *r, size_t i)
{
    memmove(&r->e[i], &r->e[i + 1], (--r->n - i) * sizeof r->e[0]);
}

/* What a read of entry i does; false: it is not seen, and gone. */
static bool model_read(struct model_run *r, size_t i)
{
    struct model_entry *e = &r->e[i];
    if (!has_expired(e)) {
        if (flags & WEIR_TTL_ON_READ) e->at = g.now;
        return true;
    }
    if (flags & WEIR_TTL_SHOWN && e->at != WEIR_TTL_GONE) {
        e->at = WEIR_TTL_GONE;
        return true;
    }
    take_out(r, i);
    return false;
}

static void model_read_all(struct model_run *r, bool is_map, char *text, size_t size)
{
    size_t used = 0;
    text[0] = 0;
    for (size_t i = 0; i < r->n;) {
        if (!model_read(r, i)) continue;
        if (is_map)
            used += (size_t)snprintf(text + used, size - used, "%s%d=%d", used ? " " : "", r->e[i].key, (int)r->e[i].n);
        else
            used += (size_t)snprintf(text + used, size - used, "%s%d", used ? " " : "", (int)r->e[i].n);
        i++;
    }
}

static size_t model_find(const struct model_run *r, int32_t key)
{
    size_t i = 0;
    while (i < r->n && r->e[i].key != key) i++;
    return i;
}

static void model_put(struct model_run *r, int32_t key, int64_t n)
{
    size_t i = model_find(r, key);
    bool shown = flags & WEIR_TTL_SHOWN;
    if (i < r->n && has_expired(&r->e[i]) && (!shown || r->e[i].at == WEIR_TTL_GONE)) {
        take_out(r, i);
        i = r->n;
    }
    r->n += i == r->n;
    r->e[i] = (struct model_entry){key, n, g.now};
}

static int64_t model_get(struct model_run *r, int32_t key)
{
    size_t i = model_find(r, key);
    if (i == r->n) return 0;
    int64_t n = r->e[i].n;
    return model_read(r, i) ? n : 0;
}

static void model_cut(struct model_run *r)
{
    for (size_t i = 0; i < r->n;) {
        if (has_expired(&r->e[i]))
            take_out(r, i);
        else
            i++;
    }
}

static void clear(int64_t id, uint32_t state)
{
    struct weir_key_ref key = key_of(&id);
    g.set->ops->clear(g.set, state, &key, 0);
}

static void cut_both(void)
{
    (void)cut_into(g.layouts);
    for (int i = 0; i < N_KEYS; i++) {
        model_cut(&m.value[i]);
        model_cut(&m.list[i]);
        model_cut(&m.map[i]);
    }
}

static void update_list(int64_t id, struct weir_random *random)
{
    struct item items[4];
    size_t n = weir_random_below(random, 5);
    for (size_t i = 0; i < n; i++) {
        items[i].n = (int32_t)weir_random_below(random, 100);
        m.list[id].e[i] = (struct model_entry){0, items[i].n, g.now};
    }
    m.list[id].n = n;
    CU_ASSERT_EQUAL(weir_ttl_list_update(AT(LIST), items, n), WEIR_OK);
}

static void step(struct weir_random *random, bool counts)
{
    char expected[512];
    int64_t id = (int64_t)weir_random_below(random, N_KEYS), n = 1 + (int64_t)weir_random_below(random, 100);
    int32_t key = (int32_t)weir_random_below(random, N_PAIRS);
    switch (weir_random_below(random, 13)) {
    case 0: put_value(id, n), model_put(&m.value[id], 0, n); break;
    case 1:
    case 2: CU_ASSERT_EQUAL(value(id), model_get(&m.value[id], 0)); break;
    case 3:
        if (m.list[id].n < 30) add_item(id, (int32_t)n), m.list[id].e[m.list[id].n++] = (struct model_entry){0, n, g.now};
        break;
    case 4:
    case 5:
        model_read_all(&m.list[id], false, expected, sizeof expected);
        CU_ASSERT_STRING_EQUAL(list(id), expected);
        break;
    case 6: update_list(id, random); break;
    case 7:
    case 8: put_pair(id, key, n), model_put(&m.map[id], key, n); break;
    case 9: CU_ASSERT_EQUAL(pair(id, key), model_get(&m.map[id], key)); break;
    case 10:
        model_read_all(&m.map[id], true, expected, sizeof expected);
        CU_ASSERT_STRING_EQUAL(map(id), expected);
        break;
    case 11:
        if (counts) CU_ASSERT_EQUAL(map_size(id), m.map[id].n);
        break;
    case 12:
        if (n > 30) break;
        clear(id, (uint32_t)n % N_STATES);
        if (n % N_STATES == VALUE) m.value[id].n = 0;
        if (n % N_STATES == LIST) m.list[id].n = 0;
        if (n % N_STATES == MAP) m.map[id].n = 0;
    }
}

/* Cleaning up is not seen where what has expired is not; where it is, there is none here but that of cuts. */
static void run_random(bool stored, uint32_t with, uint32_t sweep, uint64_t seed)
{
    struct weir_random random = {seed};
    flags = with;
    memset(&m, 0, sizeof m);
    set_up(stored, flags, sweep);
    for (int i = 0; i < 3000 && CU_get_number_of_failures() == 0; i++) {
        step(&random, sweep == 0);
        rest();
        if (weir_random_below(&random, 2)) wait_for((int64_t)weir_random_below(&random, 5));
        if (weir_random_below(&random, 200) == 0) cut_both();
    }
    tear_down();
}

static void random_states_are_as_a_model_says(void)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        for (uint32_t with = 0; with < 4; with++) {
            run_random(seed % 2, with, 0, seed);
            run_random(!(seed % 2), with, 0, seed);
            if (with & WEIR_TTL_SHOWN) continue;
            run_random(false, with, 5, seed);
            run_random(true, with, 100, seed);
        }
    }
}

WEIR_SUITE(ttl) = {
    {"TRAP expired iff ts + ttl <= now", TRAP_expired_iff_ts_plus_ttl_is_at_most_now},
    {"TRAP reading an expired value deletes it", TRAP_reading_an_expired_value_deletes_it},
    {"TRAP reading does not renew, unless OnReadAndWrite", TRAP_reading_does_not_renew_unless_it_is_said},
    {"TRAP lists expire per ELEMENT, maps per ENTRY", TRAP_lists_expire_per_element_maps_per_entry},
    {"the size of a map is what is there", the_size_of_a_map_is_what_is_there},
    {"TRAP incremental cleanup looks at 5 entries per access", TRAP_incremental_cleanup_looks_at_5_entries_for_each_access},
    {"in a store a key group is swept at a time", in_a_store_a_key_group_is_swept_at_a_time},
    {"TRAP a full snapshot filters what has expired", TRAP_full_snapshots_leave_out_what_has_expired},
    {"TRAP turning TTL on or off across a restore migrates", TRAP_turning_TTL_on_or_off_across_a_restore_migrates},
    {"what a key has stays the same until the next hold", what_a_key_has_stays_the_same_until_the_next_hold},
    {"a time far away never comes", a_time_far_away_never_comes},
    {"random states are as a model says", random_states_are_as_a_model_says},
    {NULL, NULL},
};
