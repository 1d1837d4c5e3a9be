/* A set with every kind of state, on the heap or in a store, random histories of it, and cuts. */
#ifndef IMAGE_STAGE_H
#define IMAGE_STAGE_H

#include "state/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/platform.h"
#include "base/random.h"
#include "data/builder.h"
#include "harness/leveldb_store.h"
#include "harness/memory_store.h"
#include "harness/suite.h"
#include "state/heap_internal.h"
#include "state/snapshot.h"
#include "state/stored_internal.h"
#include "state/ttl.h"

/* ---- the states -------------------------------------------------------------------------------------------------- */

enum { PLAIN, TEXTS, LISTS, MAPS, LARGE, HUGE_ONES, N_STATES };
struct plain {
    int64_t n, total;
};
struct texts {
    int64_t n;
    weir_str text;
};
struct large {
    int64_t n;
    uint8_t undeclared[3000];
};
struct huge {
    int64_t n;
    uint8_t undeclared[25000];
};
#define MEMBER(T, m, t)                                                              \
    {                                                                                \
        .name = #m, .type = t, .offset = offsetof(T, m), .size = sizeof(((T *)0)->m) \
    }
static const weir_field plain_members[] = {MEMBER(struct plain, n, WEIR_I64), MEMBER(struct plain, total, WEIR_I64)};
static const weir_field texts_members[] = {MEMBER(struct texts, n, WEIR_I64), MEMBER(struct texts, text, WEIR_STRING)};
static const weir_field large_members[] = {MEMBER(struct large, n, WEIR_I64)};
static const weir_field huge_members[] = {MEMBER(struct huge, n, WEIR_I64)};
#define STATE(T, k, f) \
    .kind = k, .version = 1, .size = sizeof(T), .fields = f, .n_fields = WEIR_LEN(f), .field_stride = sizeof(weir_field)
static const weir_state states[N_STATES] = {
    [PLAIN] = {.name = "plain", STATE(struct plain, WEIR_VALUE, plain_members)},
    [TEXTS] = {.name = "texts", STATE(struct texts, WEIR_VALUE, texts_members)},
    [LISTS] = {.name = "lists", STATE(struct texts, WEIR_LIST, texts_members)},
    [MAPS] = {.name = "maps",
              STATE(struct plain, WEIR_MAP, plain_members),
              .key_size = sizeof(struct texts),
              .key_fields = texts_members,
              .n_key_fields = WEIR_LEN(texts_members)},
    [LARGE] = {.name = "large", STATE(struct large, WEIR_VALUE, large_members)},
    [HUGE_ONES] = {.name = "huge", STATE(struct huge, WEIR_VALUE, huge_members)},
};

#define N_GROUPS 6
#define N_KEYS   400
#define MAX_ROWS 100
#define TTL      10

struct stage {
    struct weir_state_layout plain[N_STATES];
    struct weir_state_layout *layouts; /* plain, or with times */
    struct weir_schema *key;
    struct weir_random random;
    struct weir_state_set *set;
    struct weir_timers *timers;
    struct memory_store memory;
    struct leveldb_store leveldb;
    struct weir_state_store *store; /* NULL: the heap */
};

enum holder { HEAP, MEMORY, LEVELDB }; /* of stores, one seed in two writes with a thread */

/* All states expire but for one. */
static inline void lay_out(struct stage *g, bool expiring)
{
    struct weir_state_ttl rules[N_STATES];
    struct weir_error error;
    for (size_t i = 0; i < N_STATES; i++) {
        CU_ASSERT_EQUAL_FATAL(weir_state_layout_init(&g->plain[i], &states[i], &error), WEIR_OK);
        rules[i] = (struct weir_state_ttl){.ms = i == HUGE_ONES ? 0 : TTL};
    }
    g->layouts = expiring ? weir_ttl_layouts(g->plain, N_STATES, rules) : g->plain;
}

static inline void open_store(struct stage *g, enum holder holder, size_t cache_bytes, bool has_thread)
{
    struct weir_state_store_options o = {
        .backend = &memory_store_backend, .self = &g->memory, .directory = "/state", .cache_bytes = cache_bytes};
    struct weir_error error;
    if (has_thread) o.platform = weir_platform_os();
    g->memory = (struct memory_store){0};
    g->leveldb = (struct leveldb_store){0};
    if (holder == LEVELDB) {
        leveldb_store_begin(&g->leveldb, WEIR_TEST_FOLDER);
        o.backend = g->leveldb.backend;
        o.self = g->leveldb.self;
        o.directory = g->leveldb.directory;
    }
    CU_ASSERT_EQUAL_FATAL(weir_state_store_create(&o, &g->store, &error), WEIR_OK);
    g->set = weir_stored_state_create(g->store, g->layouts, N_STATES, 0, N_GROUPS - 1);
}

static inline void init_with(struct stage *g, uint64_t seed, enum holder holder, size_t cache_bytes, bool expiring)
{
    struct weir_schema_builder key = {0};
    lay_out(g, expiring);
    weir_schema_builder_add(&key, "k", WEIR_STRING, false);
    g->key = weir_schema_build(&key);
    g->random = (struct weir_random){seed};
    g->store = NULL;
    if (holder == HEAP)
        g->set = weir_heap_state_create(g->layouts, N_STATES, 0, N_GROUPS - 1);
    else
        open_store(g, holder, cache_bytes, seed / 2 % 2);
    g->timers = weir_timers_create(0, N_GROUPS - 1);
}

static inline void init(struct stage *g, uint64_t seed)
{
    init_with(g, seed, HEAP, 0, false);
}

static inline void finish(struct stage *g)
{
    if (g->set) g->set->ops->destroy(g->set);
    if (g->store) {
        CU_ASSERT_PTR_NULL(weir_state_store_failure(g->store));
        weir_state_store_destroy(g->store);
        if (g->leveldb.self) leveldb_store_end(&g->leveldb);
    }
    weir_timers_destroy(g->timers);
    if (g->layouts != g->plain) weir_ttl_layouts_free(g->layouts, N_STATES);
    for (size_t i = 0; i < N_STATES; i++) weir_state_layout_finish(&g->plain[i]);
    weir_schema_release(g->key);
}

/* ---- random changes ---------------------------------------------------------------------------------------------- */

static inline uint32_t below(struct stage *g, uint32_t n)
{
    return weir_random_below(&g->random, n);
}

/* In place and longer ones; few keys are used much, for removals and for long lists. */
static inline struct weir_rows *make_rows(struct stage *g, uint32_t n)
{
    struct weir_builder b;
    int32_t forgotten;
    int64_t bad_row;
    uint32_t bad_field, field = 0;
    CU_ASSERT_FATAL(weir_builder_init(&b, NULL, g->key, NULL, 0, MAX_ROWS, true, false, NULL) == WEIR_OK);
    for (uint32_t i = 0; i < n; i++) {
        char text[64];
        uint32_t k = below(g, 2) ? below(g, N_KEYS) : below(g, 20);
        int length = snprintf(text, sizeof text, "%0*u", (int)(3 + k % 9 * 5), k);
        CU_ASSERT_FATAL(weir_builder_reserve_bytes(&b, 0, (size_t)length) == WEIR_OK);
        weir_out_column *c = &b.out.columns[0];
        int32_t at = c->offsets[b.out.length];
        memcpy((char *)c->data + at, text, (size_t)length);
        c->offsets[b.out.length + 1] = at + length;
        b.out.time[b.out.length++] = 0;
    }
    struct weir_rows *rows = weir_builder_take(&b, 2, NULL, &forgotten);
    CU_ASSERT_FATAL(rows && weir_key_rows(NULL, rows, &field, 1, N_GROUPS, &bad_row, &bad_field) == WEIR_OK);
    weir_builder_finish(&b);
    return rows;
}

static inline weir_str make_text(struct stage *g)
{
    static const char bytes[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
    return (weir_str){bytes + below(g, 20), below(g, 30)};
}

/* Where it expires; a cut at any time from TTL on has a part of what was touched. */
static inline void touch(struct stage *g, uint32_t state, void *value)
{
    if (g->layouts[state].is_timed) *weir_layout_touched(&g->layouts[state], value) = below(g, 2 * TTL);
}

static inline void edit_value(struct stage *g, uint32_t state, const struct weir_key_ref *key, int64_t ns)
{
    const struct weir_state_ops *ops = g->set->ops;
    int64_t *n = ops->value_edit(g->set, state, key, ns);
    CU_ASSERT_PTR_NOT_NULL_FATAL(n);
    *n += 1 + below(g, 1000);
    touch(g, state, n);
    if (state != TEXTS) return;
    struct texts *t = (void *)n;
    bool ok = below(g, 2) ? ops->assign(g->set, state, &t->text, make_text(g)) == WEIR_OK
                          : ops->resize_bytes(g->set, state, &t->text, below(g, 40)) != NULL;
    CU_ASSERT(ok);
}

static inline void edit_list(struct stage *g, const struct weir_key_ref *key, int64_t ns)
{
    _Alignas(16) uint8_t items[5 * (sizeof(struct texts) + 16)] = {0};
    size_t size = g->layouts[LISTS].size;
    CU_ASSERT_FATAL(5 * size <= sizeof items);
    for (uint32_t i = 0; i < 5; i++) {
        struct texts item = {below(g, 99), make_text(g)};
        memcpy(items + i * size, &item, sizeof item);
        touch(g, LISTS, items + i * size);
    }
    weir_status s = below(g, 4) ? g->set->ops->list_add(g->set, LISTS, key, ns, items)
                                : g->set->ops->list_update(g->set, LISTS, key, ns, items, below(g, 6));
    CU_ASSERT_EQUAL(s, WEIR_OK);
}

static inline void edit_map(struct stage *g, const struct weir_key_ref *key, int64_t ns)
{
    struct texts k = {below(g, 9), {"map key", below(g, 8)}};
    if (below(g, 3) == 0) {
        g->set->ops->map_remove(g->set, MAPS, key, ns, &k);
        return;
    }
    struct plain *v = g->set->ops->map_edit(g->set, MAPS, key, ns, &k);
    CU_ASSERT_PTR_NOT_NULL_FATAL(v);
    v->n += 1 + below(g, 9);
    touch(g, MAPS, v);
}

static inline void edit_one(struct stage *g, const struct weir_key_ref *key, int64_t ns)
{
    uint32_t state = below(g, N_STATES);
    weir_clock clock = (weir_clock)below(g, 2);
    if (state == LISTS)
        edit_list(g, key, ns);
    else if (state == MAPS)
        edit_map(g, key, ns);
    else
        edit_value(g, state, key, ns);
    if (below(g, 3) == 0) g->set->ops->clear(g->set, below(g, N_STATES), key, ns);
    if (below(g, 4) == 0) CU_ASSERT_EQUAL(weir_timers_set(g->timers, clock, key, (uint64_t)ns, below(g, 50)), WEIR_OK);
    if (below(g, 4) == 0) CU_ASSERT_EQUAL(weir_timers_drop(g->timers, clock, key, (uint64_t)ns, below(g, 50)), WEIR_OK);
}

static inline void edit_rows(struct stage *g, struct weir_rows *rows, int64_t ns)
{
    void *values[MAX_ROWS];
    static const uint32_t whole[] = {PLAIN, LARGE};
    uint32_t field = 0, state = whole[below(g, 4) == 0];
    CU_ASSERT_EQUAL_FATAL(
        g->set->ops->value_edit_rows(g->set, state, rows, &field, 1, NULL, rows->view.length, ns, values, NULL), WEIR_OK);
    for (int64_t i = 0; i < rows->view.length; i++) {
        *(int64_t *)values[i] += i + 1;
        touch(g, state, values[i]);
    }
}

/* Namespace 0 stays and is filled and emptied; the others come and go as windows do. */
static inline void change(struct stage *g)
{
    struct weir_rows *rows = make_rows(g, 1 + below(g, MAX_ROWS - 1));
    int64_t ns = below(g, 3) ? 0 : (int64_t)below(g, 4) * 1000 - 1000;
    struct weir_key_bytes bytes = {0};
    uint32_t field = 0;
    if (below(g, 2)) edit_rows(g, rows, ns);
    for (int64_t i = 0; i < rows->view.length && i < 12; i++) {
        bytes.n = 0;
        CU_ASSERT_EQUAL_FATAL(weir_key_encode(&bytes, &rows->view, &field, 1, i), WEIR_OK);
        const struct weir_key_ref key = {bytes.p, (uint32_t)bytes.n, rows->keys.key_group[i], rows->keys.hash[i]};
        edit_one(g, &key, ns);
        g->set->ops->settle(g->set);
    }
    if (below(g, 25) == 0) g->set->ops->drop_namespace(g->set, below(g, N_STATES), ns);
    weir_key_bytes_finish(&bytes);
    weir_rows_release(rows);
}

/* Most of the keys go: tables are compacted. */
static inline void thin_out(struct stage *g, uint32_t state)
{
    for (uint32_t group = 0; group < N_GROUPS; group++) {
        for (uint32_t left = 3;;) {
            struct weir_key_ref key;
            weir_cursor at = {0};
            void *value;
            bool any = g->set->ops->next_key(g->set, state, group, 0, &at, &key, &value);
            if (!any || left-- == 0) break;
            uint8_t copy[64];
            memcpy(copy, key.p, key.n);
            key.p = copy;
            g->set->ops->clear(g->set, state, &key, 0);
        }
    }
}

/* ---- cuts -------------------------------------------------------------------------------------------------------- */

static inline void cut(struct stage *g, struct weir_snapshot *to, bool later)
{
    struct weir_error error;
    *to = (struct weir_snapshot){.later = later};
    CU_ASSERT_EQUAL_FATAL(weir_snapshot_keyed(to, g->set, g->timers, g->key, 0, N_GROUPS - 1, &error), WEIR_OK);
}

static inline void read_group(struct weir_snapshot *s)
{
    struct weir_error error;
    CU_ASSERT_EQUAL_FATAL(weir_snapshot_read(s, &error), WEIR_OK);
}

static inline void expect_same(const struct weir_snapshot *a, const struct weir_snapshot *b)
{
    CU_ASSERT_EQUAL(a->n_entries, b->n_entries);
    CU_ASSERT_FATAL(a->keyed.n == b->keyed.n && a->n_groups == b->n_groups);
    CU_ASSERT(a->n_groups == 0 || memcmp(a->groups, b->groups, a->n_groups * sizeof *a->groups) == 0);
    CU_ASSERT(a->keyed.n == 0 || memcmp(a->keyed.p, b->keyed.p, a->keyed.n) == 0);
    CU_ASSERT(a->header.n == b->header.n && memcmp(a->header.p, b->header.p, a->header.n) == 0);
}

#endif
