/* Sets of keyed state, whatever holds them: every kind of state against plain arrays, random histories over keys, groups and
 * namespaces; with settling at random, after which a set in a store has let go of every pointer it gave. And the heap. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/platform.h"
#include "base/random.h"
#include "data/key.h"
#include "harness/leveldb_store.h"
#include "harness/memory_store.h"
#include "harness/suite.h"
#include "state/heap_internal.h"
#include "state/snapshot.h"
#include "state/stored_internal.h"
#include "state/unkeyed.h"

enum { VALUE, LIST, MAP, SET_OF, N_STATES };

struct value {
    int64_t count;
    weir_str text;
    int32_t small;
};
struct item {
    weir_str text;
    int32_t number;
};
struct map_key {
    int32_t number;
    weir_str text;
};

#define MEMBER(T, m, t)                                                              \
    {                                                                                \
        .name = #m, .type = t, .offset = offsetof(T, m), .size = sizeof(((T *)0)->m) \
    }
static const weir_field value_members[] = {MEMBER(struct value, count, WEIR_I64), MEMBER(struct value, text, WEIR_STRING),
                                           MEMBER(struct value, small, WEIR_I32)};
static const weir_field item_members[] = {MEMBER(struct item, text, WEIR_BYTES), MEMBER(struct item, number, WEIR_I32)};
static const weir_field key_members[] = {MEMBER(struct map_key, number, WEIR_I32),
                                         MEMBER(struct map_key, text, WEIR_STRING)};
#define MEMBERS(T, array) \
    .size = sizeof(T), .fields = array, .n_fields = WEIR_LEN(array), .field_stride = sizeof(weir_field), .version = 1
#define KEYED .key_size = sizeof(struct map_key), .key_fields = key_members, .n_key_fields = WEIR_LEN(key_members)
static const weir_state states[N_STATES] = {
    {.name = "value", .kind = WEIR_VALUE, MEMBERS(struct value, value_members)},
    {.name = "list", .kind = WEIR_LIST, MEMBERS(struct item, item_members)},
    {.name = "map", .kind = WEIR_MAP, MEMBERS(struct value, value_members), KEYED},
    {.name = "set", .kind = WEIR_MAP, .version = 1, .field_stride = sizeof(weir_field), KEYED},
};

#define FIRST_GROUP 5
#define N_GROUPS    3
#define N_KEYS      60
#define MAX_ITEMS   90
#define MAX_TEXT    40

/* ---- keys, namespaces, texts ------------------------------------------------------------------------------------- */

static uint8_t key_bytes[N_KEYS][40];
static struct weir_key_ref key_refs[N_KEYS];
static const int64_t namespaces[] = {INT64_MIN, -3, 0, 7, INT64_MAX};

static void make_keys(void)
{
    for (uint32_t i = 0; i < N_KEYS; i++) {
        uint32_t n = 1 + i * 5 % 37; /* around the in-place limit, 8 bytes among them */
        memset(key_bytes[i], 'k', n);
        key_bytes[i][n - 1] = (uint8_t)i;
        key_refs[i] = (struct weir_key_ref){
            .p = key_bytes[i], .n = n, .group = FIRST_GROUP + i % N_GROUPS, .hash = weir_key_hash64(key_bytes[i], n)};
    }
}

struct text { /* owned by the model */
    char p[MAX_TEXT];
    size_t n;
};
static struct text random_text(struct weir_random *r)
{
    struct text t = {.n = weir_random_below(r, 3) ? weir_random_below(r, MAX_TEXT / 2) : 0};
    for (size_t i = 0; i < t.n; i++) t.p[i] = (char)weir_random_next(r);
    return t;
}
static bool same_text(weir_str a, const struct text *b)
{
    return a.n == b->n && (a.n == 0 || memcmp(a.p, b->p, a.n) == 0);
}
static weir_str view(const struct text *t)
{
    return (weir_str){t->p, t->n};
}

/* ---- the model: entries in order of insertion -------------------------------------------------------------------- */

struct model_item {
    int32_t number;  /* list: the item's; map: the key's, which with `key` tells pairs apart */
    struct text key; /* map */
    struct text text;
    int64_t count;
};
struct model_entry {
    uint32_t key;
    int64_t ns;
    uint32_t n;
    struct model_item items[MAX_ITEMS]; /* a value has one */
};
struct model_state {
    struct model_entry entries[N_KEYS * WEIR_LEN(namespaces)];
    uint32_t n;
};
/* What holds the state. THREAD and LEVELDB: written by a thread of the store. MOCK: a host that copies every value in and
 * out: nothing stays at hand, and what was is poisoned. */
enum holder { HEAP, MOCK, SMALL_CACHE, LARGE_CACHE, THREAD, LEVELDB, LEVELDB_SMALL, N_HOLDERS };
static const size_t cache_bytes[N_HOLDERS] = {
    [SMALL_CACHE] = 40000, [LARGE_CACHE] = 64 << 20, [THREAD] = 20000, [LEVELDB_SMALL] = 2048, [LEVELDB] = 40000};

struct fixture {
    enum holder holder;
    struct memory_store memory;
    struct weir_state_store *store;
    struct leveldb_store leveldb;
    struct weir_state_layout layouts[N_STATES];
    struct weir_state_set *set;
    struct model_state model[N_STATES];
    struct weir_random random;
};
static struct fixture f;

static struct model_entry *find(uint32_t state, uint32_t key, int64_t ns)
{
    struct model_state *m = &f.model[state];
    for (uint32_t i = 0; i < m->n; i++) {
        if (m->entries[i].key == key && m->entries[i].ns == ns) return &m->entries[i];
    }
    return NULL;
}
static struct model_entry *find_or_add(uint32_t state, uint32_t key, int64_t ns)
{
    struct model_entry *e = find(state, key, ns);
    if (e) return e;
    e = &f.model[state].entries[f.model[state].n++];
    memset(e, 0, sizeof *e);
    e->key = key;
    e->ns = ns;
    return e;
}
static void forget(uint32_t state, struct model_entry *e)
{
    struct model_state *m = &f.model[state];
    if (!e) return;
    memmove(e, e + 1, (size_t)(m->entries + m->n - (e + 1)) * sizeof *e);
    m->n--;
}

/* A set in a store of its own, on the stage's layouts. */
static struct weir_state_set *open_set(enum holder holder)
{
    struct weir_state_store_options o = {.cache_bytes = cache_bytes[holder], .directory = "memory"};
    struct weir_error error = {0};
    f.holder = holder;
    f.store = NULL;
    f.leveldb = (struct leveldb_store){0};
    f.memory = (struct memory_store){0};
    if (holder == HEAP) return weir_heap_state_create(f.layouts, N_STATES, FIRST_GROUP, FIRST_GROUP + N_GROUPS - 1);
    o.backend = &memory_store_backend;
    o.self = &f.memory;
    if (holder == THREAD || holder == LEVELDB) o.platform = weir_platform_os();
    if (holder >= LEVELDB) {
        leveldb_store_begin(&f.leveldb, WEIR_TEST_FOLDER);
        o.backend = f.leveldb.backend;
        o.self = f.leveldb.self;
        o.directory = f.leveldb.directory;
    }
    CU_ASSERT_EQUAL_FATAL(weir_state_store_create(&o, &f.store, &error), WEIR_OK);
    struct weir_state_set *set =
        weir_stored_state_create(f.store, f.layouts, N_STATES, FIRST_GROUP, FIRST_GROUP + N_GROUPS - 1);
    weir__stored_of(set)->cache->poisons = holder == MOCK;
    return set;
}

static void close_set(void)
{
    f.set->ops->destroy(f.set);
    if (f.store) CU_ASSERT_PTR_NULL(weir_state_store_failure(f.store));
    weir_state_store_destroy(f.store);
    if (f.leveldb.self) leveldb_store_end(&f.leveldb);
}

static void open_fixture(enum holder holder, uint64_t seed)
{
    make_keys();
    f.random.state = seed;
    for (uint32_t i = 0; i < N_STATES; i++) {
        f.model[i].n = 0;
        CU_ASSERT_FATAL(weir_state_layout_init(&f.layouts[i], &states[i], NULL) == WEIR_OK);
    }
    f.set = open_set(holder);
}
static void close_fixture(void)
{
    close_set();
    for (uint32_t i = 0; i < N_STATES; i++) weir_state_layout_finish(&f.layouts[i]);
}

/* ---- comparing --------------------------------------------------------------------------------------------------- */

static bool same_value(const struct value *v, const struct model_item *m)
{
    return v->count == m->count && v->small == m->number && same_text(v->text, &m->text);
}

static bool same_list(const struct weir_key_ref *key, int64_t ns, const struct model_entry *e)
{
    const struct weir_state_ops *ops = f.set->ops;
    uint32_t n = e ? e->n : 0;
    bool ok = ops->list_size(f.set, LIST, key, ns) == n && !ops->list_at(f.set, LIST, key, ns, n);
    for (uint32_t i = 0; i < n && ok; i++) {
        const struct item *item = ops->list_at(f.set, LIST, key, ns, i);
        ok = item && item->number == e->items[i].number && same_text(item->text, &e->items[i].text);
    }
    return ok;
}

static bool same_map(uint32_t state, const struct weir_key_ref *key, int64_t ns, const struct model_entry *e)
{
    const struct weir_state_ops *ops = f.set->ops;
    uint32_t n = e ? e->n : 0;
    weir_cursor cursor = {0};
    const void *k, *v;
    bool ok = ops->map_size(f.set, state, key, ns) == n;
    for (uint32_t i = 0; i < n && ok; i++) {
        ok = ops->map_next(f.set, state, key, ns, &cursor, &k, &v);
        const struct map_key *mk = k;
        ok = ok && mk->number == e->items[i].number && same_text(mk->text, &e->items[i].key);
        ok = ok && ops->map_get(f.set, state, key, ns, k) == v;
        if (state == MAP)
            ok = ok && ((const struct value *)v)->count == e->items[i].count &&
                 same_text(((const struct value *)v)->text, &e->items[i].text);
    }
    return ok && !ops->map_next(f.set, state, key, ns, &cursor, &k, &v);
}

static bool same_entry(uint32_t state, uint32_t key, int64_t ns)
{
    const struct model_entry *e = find(state, key, ns);
    if (state == LIST) return same_list(&key_refs[key], ns, e);
    if (state != VALUE) return same_map(state, &key_refs[key], ns, e);
    const struct value *v = f.set->ops->value_get(f.set, VALUE, &key_refs[key], ns);
    return e ? v && same_value(v, &e->items[0]) : !v;
}

/* next_key: the entries of one group and namespace, in order of insertion. */
static bool same_keys(uint32_t state, uint32_t group, int64_t ns)
{
    const struct model_state *m = &f.model[state];
    struct weir_key_ref key;
    weir_cursor cursor = {0};
    void *value;
    for (uint32_t i = 0; i < m->n; i++) {
        const struct model_entry *e = &m->entries[i];
        const struct weir_key_ref *want = &key_refs[e->key];
        if (e->ns != ns || want->group != group) continue;
        if (!f.set->ops->next_key(f.set, state, group, ns, &cursor, &key, &value)) return false;
        if (key.n != want->n || memcmp(key.p, want->p, key.n) || key.hash != want->hash || key.group != group) return false;
        if (state == VALUE ? !same_value(value, &e->items[0]) : value != NULL) return false;
    }
    return !f.set->ops->next_key(f.set, state, group, ns, &cursor, &key, &value);
}

static bool has_namespace(uint32_t state, uint32_t group, int64_t ns)
{
    for (uint32_t i = 0; i < f.model[state].n; i++) {
        const struct model_entry *e = &f.model[state].entries[i];
        if (e->ns == ns && key_refs[e->key].group == group) return true;
    }
    return false;
}

static bool same_everything(void)
{
    bool ok = true;
    for (uint32_t s = 0; s < N_STATES; s++) {
        ok = ok && f.set->ops->entries(f.set, s) == f.model[s].n;
        for (uint32_t k = 0; k < N_KEYS; k++) {
            for (size_t n = 0; n < WEIR_LEN(namespaces); n++) ok = ok && same_entry(s, k, namespaces[n]);
        }
        for (uint32_t g = FIRST_GROUP; g < FIRST_GROUP + N_GROUPS; g++) {
            int64_t ns = 77;
            bool first = true;
            for (size_t n = 0; n < WEIR_LEN(namespaces); n++) {
                ok = ok && same_keys(s, g, namespaces[n]);
                if (!has_namespace(s, g, namespaces[n])) continue;
                ok = ok && f.set->ops->next_namespace(f.set, s, g, first, ns, &ns) && ns == namespaces[n];
                first = false;
            }
            ok = ok && !f.set->ops->next_namespace(f.set, s, g, first, ns, &ns);
        }
    }
    return ok;
}

/* ---- random changes ---------------------------------------------------------------------------------------------- */

static bool change_value(uint32_t key, int64_t ns)
{
    const struct weir_state_ops *ops = f.set->ops;
    bool is_new = !find(VALUE, key, ns);
    struct model_item *m = &find_or_add(VALUE, key, ns)->items[0];
    struct value *v = ops->value_edit(f.set, VALUE, &key_refs[key], ns);
    if (!v || (is_new && (v->count || v->small || v->text.p || v->text.n))) return false;
    v->count = m->count = (int64_t)weir_random_next(&f.random);
    v->small = m->number = (int32_t)weir_random_next(&f.random);
    uint64_t dice = weir_random_below(&f.random, 4);
    if (dice == 0) { /* a part of itself */
        size_t from = weir_random_below(&f.random, m->text.n + 1);
        memmove(m->text.p, m->text.p + from, m->text.n - from);
        m->text.n -= from;
        return ops->assign(f.set, VALUE, &v->text, (weir_str){v->text.p + (v->text.p ? from : 0), m->text.n}) == WEIR_OK;
    }
    if (dice == 1) { /* used as a buffer */
        size_t size = weir_random_below(&f.random, MAX_TEXT);
        if (size > m->text.n) memset(m->text.p + m->text.n, 0, size - m->text.n);
        m->text.n = size;
        char *p = ops->resize_bytes(f.set, VALUE, &v->text, size);
        if (p && size > 0) p[size - 1] = m->text.p[size - 1] = 'x';
        return p != NULL;
    }
    m->text = random_text(&f.random);
    return ops->assign(f.set, VALUE, &v->text, view(&m->text)) == WEIR_OK;
}

static struct model_item random_item(void)
{
    return (struct model_item){.number = (int32_t)weir_random_next(&f.random), .text = random_text(&f.random)};
}

static bool add_to_list(uint32_t key, int64_t ns)
{
    struct model_entry *e = find_or_add(LIST, key, ns);
    if (e->n == MAX_ITEMS) return true;
    if (e->n > 0 && weir_random_below(&f.random, 4) == 0) { /* one of its own */
        uint32_t i = (uint32_t)weir_random_below(&f.random, e->n);
        e->items[e->n++] = e->items[i];
        return f.set->ops->list_add(f.set, LIST, &key_refs[key], ns,
                                    f.set->ops->list_at(f.set, LIST, &key_refs[key], ns, i)) == WEIR_OK;
    }
    struct model_item *m = &e->items[e->n++];
    *m = random_item();
    return f.set->ops->list_add(f.set, LIST, &key_refs[key], ns, &(struct item){view(&m->text), m->number}) == WEIR_OK;
}

static bool update_list(uint32_t key, int64_t ns)
{
    struct item items[8];
    struct model_entry *e = find_or_add(LIST, key, ns);
    uint32_t n = (uint32_t)weir_random_below(&f.random, 8), before = e->n;
    if (before > 0 && weir_random_below(&f.random, 2)) { /* the first n of its own */
        e->n = n < before ? n : before;
        n = e->n;
        const void *own = f.set->ops->list_at(f.set, LIST, &key_refs[key], ns, 0);
        if (n == 0) forget(LIST, e);
        return f.set->ops->list_update(f.set, LIST, &key_refs[key], ns, own, n) == WEIR_OK;
    }
    for (uint32_t i = 0; i < n; i++) {
        e->items[i] = random_item();
        items[i] = (struct item){view(&e->items[i].text), e->items[i].number};
    }
    e->n = n;
    bool ok = f.set->ops->list_update(f.set, LIST, &key_refs[key], ns, items, n) == WEIR_OK;
    if (n == 0) forget(LIST, e);
    return ok;
}

static struct model_item *find_pair(struct model_entry *e, int32_t number, const struct text *key)
{
    for (uint32_t i = 0; i < e->n; i++) {
        if (e->items[i].number == number && e->items[i].key.n == key->n && memcmp(e->items[i].key.p, key->p, key->n) == 0)
            return &e->items[i];
    }
    return NULL;
}

static bool change_map(uint32_t state, uint32_t key, int64_t ns)
{
    struct model_entry *e = find_or_add(state, key, ns);
    int32_t number = (int32_t)weir_random_below(&f.random, 40);
    struct text text = {.p = "ab", .n = weir_random_below(&f.random, 2) * 2};
    struct map_key k = {number, view(&text)};
    struct model_item *m = find_pair(e, number, &text);
    if (!m) {
        m = &e->items[e->n++];
        *m = (struct model_item){.number = number, .key = text};
    }
    struct value *v = f.set->ops->map_edit(f.set, state, &key_refs[key], ns, &k);
    if (!v || state != MAP) return v != NULL;
    m->count++;
    v->count++; /* zero at first, what it was later */
    m->text = random_text(&f.random);
    return f.set->ops->assign(f.set, MAP, &v->text, view(&m->text)) == WEIR_OK;
}

static void remove_pair(uint32_t state, uint32_t key, int64_t ns)
{
    struct model_entry *e = find(state, key, ns);
    struct text text = {.p = "ab", .n = weir_random_below(&f.random, 2) * 2};
    struct map_key k = {(int32_t)weir_random_below(&f.random, 40), view(&text)};
    struct model_item *m = e ? find_pair(e, k.number, &text) : NULL;
    f.set->ops->map_remove(f.set, state, &key_refs[key], ns, &k);
    if (!m) return;
    memmove(m, m + 1, (size_t)(e->items + e->n - (m + 1)) * sizeof *m);
    if (--e->n == 0) forget(state, e);
}

static bool change(void)
{
    uint32_t state = (uint32_t)weir_random_below(&f.random, N_STATES), key = (uint32_t)weir_random_below(&f.random, N_KEYS);
    int64_t ns = namespaces[weir_random_below(&f.random, WEIR_LEN(namespaces))];
    uint64_t dice = weir_random_below(&f.random, 1000);
    if (dice < 3) {
        f.set->ops->drop_namespace(f.set, state, ns);
        for (uint32_t i = f.model[state].n; i-- > 0;) {
            if (f.model[state].entries[i].ns == ns) forget(state, &f.model[state].entries[i]);
        }
    } else if (dice < 300) {
        f.set->ops->clear(f.set, state, &key_refs[key], ns);
        forget(state, find(state, key, ns));
    } else if (state == VALUE) {
        return change_value(key, ns);
    } else if (state == LIST) {
        return dice < 400 ? update_list(key, ns) : add_to_list(key, ns);
    } else if (dice < 500) {
        remove_pair(state, key, ns);
    } else {
        return change_map(state, key, ns);
    }
    return true;
}

static bool history_agrees(enum holder holder, uint64_t seed, int steps)
{
    bool ok = true;
    open_fixture(holder, seed);
    size_t baseline = f.set->ops->memory(f.set);
    for (int step = 0; step < steps && ok; step++) {
        ok = change() && (step % 400 || same_everything());
        if (weir_random_below(&f.random, 8) == 0) f.set->ops->settle(f.set);
        if (!ok) printf("holder %d seed %llu step %d\n", (int)holder, (unsigned long long)seed, step);
    }
    ok = ok && same_everything();
    for (uint32_t s = 0; s < N_STATES; s++) {
        for (size_t n = 0; n < WEIR_LEN(namespaces); n++) f.set->ops->drop_namespace(f.set, s, namespaces[n]);
        ok = ok && f.set->ops->entries(f.set, s) == 0;
    }
    if (holder == HEAP) ok = ok && f.set->ops->memory(f.set) == baseline;
    if (holder == MOCK) ok = ok && f.memory.n == 0;
    close_fixture();
    return ok;
}

static void agrees_with_arrays(void)
{
    size_t blocks = weir_allocated_blocks();
    for (uint64_t seed = 0; seed < 8; seed++) CU_ASSERT(history_agrees(HEAP, seed, 8000));
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

static void agrees_in_a_store(void)
{
    size_t blocks = weir_allocated_blocks();
    for (uint64_t seed = 0; seed < 4; seed++) {
        CU_ASSERT(history_agrees(MOCK, seed, 4000));
        CU_ASSERT(history_agrees(SMALL_CACHE, seed, 6000));
        CU_ASSERT(history_agrees(LARGE_CACHE, seed, 8000));
        CU_ASSERT(history_agrees(THREAD, seed, 6000));
    }
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

static void agrees_in_leveldb(void)
{
    size_t blocks = weir_allocated_blocks();
    for (uint64_t seed = 10; seed < 12; seed++) {
        CU_ASSERT(history_agrees(LEVELDB, seed, 6000));
        CU_ASSERT(history_agrees(LEVELDB_SMALL, seed, 3000));
    }
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

/* Few keys at a time over few entries: tables that empty, fill and are compacted all the time. */
static void clearing_all_entries_gives_memory_back(void)
{
    open_fixture(HEAP, 1);
    size_t baseline = f.set->ops->memory(f.set);
    for (int round = 0; round < 3; round++) {
        for (uint32_t k = 0; k < N_KEYS; k++) {
            for (size_t n = 0; n < WEIR_LEN(namespaces); n++) {
                CU_ASSERT(change_value(k, namespaces[n]) && add_to_list(k, namespaces[n]) &&
                          change_map(MAP, k, namespaces[n]));
            }
        }
        for (uint32_t k = 0; k < N_KEYS; k++) {
            for (uint32_t s = 0; s < N_STATES; s++) {
                for (size_t n = 0; n < WEIR_LEN(namespaces); n++) f.set->ops->clear(f.set, s, &key_refs[k], namespaces[n]);
            }
        }
        for (uint32_t s = 0; s < N_STATES; s++) {
            f.model[s].n = 0;
            CU_ASSERT_EQUAL(f.set->ops->entries(f.set, s), 0);
        }
        CU_ASSERT(f.set->ops->memory(f.set) - baseline < N_GROUPS * 4096); /* what namespace 0 keeps at hand */
    }
    close_fixture();
}

static void large_tables_keep_values_in_place(void)
{
    enum { N = 50000 };
    open_fixture(HEAP, 1);
    struct value **places = weir_alloc_array(N, sizeof *places);
    bool ok = true;
    for (uint64_t i = 0; i < N; i++) {
        struct weir_key_ref key = {.p = (const uint8_t *)&i, .n = 8, .group = FIRST_GROUP, .hash = weir_key_hash64(&i, 8)};
        places[i] = f.set->ops->value_edit(f.set, VALUE, &key, 0);
        places[i]->count = (int64_t)i;
    }
    for (uint64_t i = 0; i < N; i++) {
        struct weir_key_ref key = {.p = (const uint8_t *)&i, .n = 8, .group = FIRST_GROUP, .hash = weir_key_hash64(&i, 8)};
        ok = ok && places[i]->count == (int64_t)i && f.set->ops->value_get(f.set, VALUE, &key, 0) == places[i];
    }
    CU_ASSERT(ok);
    for (uint64_t i = 0; i < N - 10; i++) { /* down to a few, which are still there, in order */
        struct weir_key_ref key = {.p = (const uint8_t *)&i, .n = 8, .group = FIRST_GROUP, .hash = weir_key_hash64(&i, 8)};
        f.set->ops->clear(f.set, VALUE, &key, 0);
    }
    struct weir_key_ref key;
    weir_cursor cursor = {0};
    void *value;
    for (int64_t i = N - 10; i < N; i++) {
        ok = ok && f.set->ops->next_key(f.set, VALUE, FIRST_GROUP, 0, &cursor, &key, &value) &&
             ((struct value *)value)->count == i;
    }
    CU_ASSERT(ok && !f.set->ops->next_key(f.set, VALUE, FIRST_GROUP, 0, &cursor, &key, &value));
    CU_ASSERT(f.set->ops->memory(f.set) < 16 * 1024);
    weir_free(places);
    close_fixture();
}

/* 128 key groups and 60 slices of a sliding window with three keys each. */
static void small_tables_are_small(void)
{
    struct weir_state_layout layout;
    CU_ASSERT_FATAL(weir_state_layout_init(&layout, &states[VALUE], NULL) == WEIR_OK);
    struct weir_state_set *set = weir_heap_state_create(&layout, 1, 0, 127);
    size_t baseline = set->ops->memory(set);
    for (uint32_t group = 0; group < 128; group++) {
        for (int64_t ns = 0; ns < 60; ns++) {
            for (uint64_t k = 0; k < 3; k++) {
                struct weir_key_ref key = {.p = (const uint8_t *)&k, .n = 8, .group = group, .hash = weir_key_hash64(&k, 8)};
                CU_ASSERT(set->ops->value_edit(set, 0, &key, ns * 60000) != NULL);
            }
        }
    }
    CU_ASSERT((set->ops->memory(set) - baseline) / (128 * 60) < 512);
    set->ops->destroy(set);
    weir_state_layout_finish(&layout);
}

/* A struct so large that a page holds one, and pages of all sizes up to that. */
static void pages_hold_structs_of_any_size(void)
{
    static const weir_field member[] = {{.name = "first", .type = WEIR_I64, .offset = 0, .size = 8}};
    for (uint32_t size = 8; size <= 32768; size *= 2) {
        weir_state state = {.name = "s",
                            .kind = WEIR_VALUE,
                            .version = 1,
                            .size = size,
                            .n_fields = 1,
                            .fields = member,
                            .field_stride = sizeof *member};
        struct weir_state_layout layout;
        CU_ASSERT_FATAL(weir_state_layout_init(&layout, &state, NULL) == WEIR_OK);
        struct weir_state_set *set = weir_heap_state_create(&layout, 1, 0, 0);
        uint8_t *values[200];
        bool ok = true;
        for (uint64_t k = 0; k < 200; k++) {
            struct weir_key_ref key = {.p = (const uint8_t *)&k, .n = 8, .group = 0, .hash = weir_key_hash64(&k, 8)};
            values[k] = set->ops->value_edit(set, 0, &key, 0);
            memset(values[k], (int)k, size);
        }
        for (uint64_t k = 0; k < 200; k++) ok = ok && values[k][0] == k && values[k][size - 1] == k;
        CU_ASSERT(ok);
        set->ops->destroy(set);
        weir_state_layout_finish(&layout);
    }
}

/* A loop of map_next may remove what it stands on. */
static void removing_while_iterating(void)
{
    open_fixture(HEAP, 3);
    const struct weir_state_ops *ops = f.set->ops;
    for (int32_t i = 0; i < 100; i++)
        CU_ASSERT(ops->map_edit(f.set, SET_OF, &key_refs[0], 0, &(struct map_key){.number = i}) != NULL);
    weir_cursor cursor = {0};
    const void *key, *value;
    int seen = 0;
    while (ops->map_next(f.set, SET_OF, &key_refs[0], 0, &cursor, &key, &value)) {
        seen++;
        if (((const struct map_key *)key)->number % 2) ops->map_remove(f.set, SET_OF, &key_refs[0], 0, key);
    }
    CU_ASSERT_EQUAL(seen, 100);
    CU_ASSERT_EQUAL(ops->map_size(f.set, SET_OF, &key_refs[0], 0), 50);
    close_fixture();
}

/* Gaps of an indexed map are closed when it is full, and the index with them. */
static void maps_close_their_gaps(void)
{
    open_fixture(HEAP, 4);
    const struct weir_state_ops *ops = f.set->ops;
    size_t memory = 0;
    for (int32_t i = 0; i < 5000; i++) { /* a window of 30 keys moves on */
        struct value *v = ops->map_edit(f.set, MAP, &key_refs[0], 0, &(struct map_key){.number = i});
        CU_ASSERT_FATAL(v != NULL);
        v->count = i;
        if (i >= 30) ops->map_remove(f.set, MAP, &key_refs[0], 0, &(struct map_key){.number = i - 30});
        if (i == 200) memory = ops->memory(f.set);
    }
    CU_ASSERT_EQUAL(ops->memory(f.set), memory);
    CU_ASSERT_EQUAL(ops->map_size(f.set, MAP, &key_refs[0], 0), 30);
    for (int32_t i = 4900; i < 5000; i++) {
        const struct value *v = ops->map_get(f.set, MAP, &key_refs[0], 0, &(struct map_key){.number = i});
        CU_ASSERT(i < 4970 ? !v : v && v->count == i);
    }
    close_fixture();
}

/* Maps whose key is one number of eight bytes, which are hashed in their own way: against an array, with numbers that lie
 * together or far apart. */
static void maps_by_one_number(void)
{
    struct number {
        int64_t before, number; /* only the second one is the key */
    };
    static const weir_field key = {.name = "n", .type = WEIR_I64, .offset = offsetof(struct number, number), .size = 8};
    static const weir_field count = {.name = "count", .type = WEIR_I64, .offset = 0, .size = 8};
    const weir_state state = {.name = "s",
                              .kind = WEIR_MAP,
                              .version = 1,
                              .size = 8,
                              .n_fields = 1,
                              .fields = &count,
                              .field_stride = sizeof count,
                              .key_size = sizeof(struct number),
                              .n_key_fields = 1,
                              .key_fields = &key};
    struct weir_state_layout layout;
    CU_ASSERT_FATAL(weir_state_layout_init(&layout, &state, NULL) == WEIR_OK);
    for (uint32_t shift = 0; shift < 64; shift += 7) {
        enum { N = 128 };
        int64_t counts[N] = {0}, number;
        struct weir_random r = {shift};
        struct weir_state_set *set = weir_heap_state_create(&layout, 1, 0, 0);
        bool ok = true;
        for (int step = 0; step < 3000; step++) {
            uint64_t i = weir_random_below(&r, shift > 57 ? 1 << (64 - shift) : N);
            number = (int64_t)(i << shift);
            const struct number k = {(int64_t)weir_random_next(&r), number};
            const int64_t *had = set->ops->map_get(set, 0, &weir_no_key, 0, &k);
            ok = ok && (had ? *had : 0) == counts[i];
            counts[i] = step % 3 ? step : 0;
            if (counts[i])
                *(int64_t *)set->ops->map_edit(set, 0, &weir_no_key, 0, &k) = step;
            else
                set->ops->map_remove(set, 0, &weir_no_key, 0, &k);
        }
        CU_ASSERT(ok);
        set->ops->destroy(set);
    }
    weir_state_layout_finish(&layout);
}

/* A table of one key is not searched; what is asked for may be another. */
static void the_only_key_is_told_from_others(void)
{
    open_fixture(HEAP, 6);
    const struct weir_state_ops *ops = f.set->ops;
    struct weir_key_ref keys[] = {{.p = (const uint8_t *)"", .n = 0, .group = FIRST_GROUP, .hash = 1},
                                  {.p = (const uint8_t *)"a", .n = 1, .group = FIRST_GROUP, .hash = 1},
                                  {.p = (const uint8_t *)"b", .n = 1, .group = FIRST_GROUP, .hash = 1}};
    for (uint32_t only = 0; only < WEIR_LEN(keys); only++) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(ops->value_edit(f.set, VALUE, &keys[only], 0));
        for (uint32_t i = 0; i < WEIR_LEN(keys); i++)
            CU_ASSERT_EQUAL(ops->value_get(f.set, VALUE, &keys[i], 0) != NULL, i == only);
        ops->clear(f.set, VALUE, &keys[only], 0);
        CU_ASSERT_PTR_NULL(ops->value_get(f.set, VALUE, &keys[only], 0));
    }
    close_fixture();
}

/* The memory of short texts is kept for the next ones, but little of it when there are few left. */
static void texts_that_are_gone_leave_their_memory(void)
{
    enum { FEW = 1000, MANY = 100000 };
    open_fixture(HEAP, 7);
    const struct weir_state_ops *ops = f.set->ops;
    size_t blocks[2][2], baseline = weir_allocated_blocks();
    for (int round = 0; round < 4; round++) {
        uint64_t n = round < 2 ? FEW : MANY;
        for (uint64_t k = 0; k < 2 * n; k++) { /* come, and go */
            uint64_t number = k % n;
            struct weir_key_ref key = {.p = (const uint8_t *)&number, .n = 8, .group = FIRST_GROUP};
            key.hash = weir_key_hash64(key.p, 8);
            struct value *v = k < n ? ops->value_edit(f.set, VALUE, &key, 0) : NULL;
            if (v) CU_ASSERT_EQUAL(ops->assign(f.set, VALUE, &v->text, WEIR_STR("some thirty bytes of text")), WEIR_OK);
            if (!v) ops->clear(f.set, VALUE, &key, 0);
            if (k == n - 1 && round < 2) blocks[round][0] = weir_allocated_blocks() - baseline;
        }
        if (round < 2) blocks[round][1] = weir_allocated_blocks() - baseline;
    }
    CU_ASSERT_EQUAL(blocks[0][1], blocks[1][1]);
#ifndef WEIR_SANITIZED
    CU_ASSERT(blocks[0][1] >= FEW);
#endif
    CU_ASSERT(blocks[1][0] - FEW < 100);
    CU_ASSERT(weir_allocated_blocks() - baseline < 6000); /* 256 KiB of 48 bytes, and tables */
    close_fixture();
}

/* Hashes only find the way: keys that share one are told apart by their bytes. */
static void keys_of_equal_hash_stay_apart(void)
{
    open_fixture(HEAP, 5);
    const char *texts[] = {"12345678",      "1234567x",      "123456789012", "12345678901x",
                           "1234567890123", "123456789012x", "1234",         "123456"};
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < WEIR_LEN(texts); i++) {
            struct weir_key_ref key = {
                .p = (const uint8_t *)texts[i], .n = (uint32_t)strlen(texts[i]), .group = FIRST_GROUP, .hash = 42};
            struct value *v = f.set->ops->value_edit(f.set, VALUE, &key, 0);
            CU_ASSERT_EQUAL(v->count, round ? i + 1 : 0);
            v->count = i + 1;
        }
    }
    CU_ASSERT_EQUAL(f.set->ops->entries(f.set, VALUE), WEIR_LEN(texts));
    close_fixture();
}

WEIR_SUITE(heap) = {
    {"agrees with arrays, random histories", agrees_with_arrays},
    {"a store with a cache, and a host that copies in and out, agree with arrays", agrees_in_a_store},
    {"leveldb agrees with arrays", agrees_in_leveldb},
    {"clearing all entries gives memory back", clearing_all_entries_gives_memory_back},
    {"large tables keep values in place, and shrink", large_tables_keep_values_in_place},
    {"small tables are small", small_tables_are_small},
    {"pages hold structs of any size", pages_hold_structs_of_any_size},
    {"removing while iterating a map", removing_while_iterating},
    {"maps close their gaps", maps_close_their_gaps},
    {"keys of equal hash stay apart", keys_of_equal_hash_stay_apart},
    {"maps by one number", maps_by_one_number},
    {"the only key of a table is told from others", the_only_key_is_told_from_others},
    {"texts that are gone leave their memory to others", texts_that_are_gone_leave_their_memory},
    {NULL, NULL},
};
