/* stored_scan.c - enumerating keys and namespaces, from cache and store together. One thread.
 *
 * A run holds what there is of one namespace in one key group, by order; for entries that are in the cache, their keys
 * alone. It stays what it was when the enumeration began, but for entries that were written since: those are asked for
 * again. A cursor holds the order of the entry visited last, so a run that was lost to another enumeration is made anew.
 */
#include "state/stored_internal.h"

#include <stdlib.h>

#include "base/alloc.h"

/* ---- runs -------------------------------------------------------------------------------------------------------- */

static bool no_memory(struct stored *d)
{
    weir__stored_fail(d->store, WEIR_E_MEMORY, "enumerated", "no memory");
    return false;
}

static struct heap_group *group_of(const struct stored *d, uint32_t state, uint32_t group)
{
    return &d->cache->states[state].groups[group - d->set.first_group];
}

bool weir__stored_run_add(struct stored_run *run, uint64_t order, const void *key, size_t n_key, weir_str record)
{
    if (!WEIR_TRY_GROW(run->items, run->capacity, run->n + 1)) return false;
    struct stored_item item = {.order = order, .key = run->bytes.n, .n_key = n_key};
    if (!weir_key_bytes_add(&run->bytes, key, n_key)) return false;
    item.value = run->bytes.n;
    item.n_value = record.n;
    if (record.n > 0 && !weir_key_bytes_add(&run->bytes, record.p, record.n)) return false;
    run->items[run->n++] = item;
    return true;
}

static bool add_item(struct stored *d, uint64_t order, const void *key, size_t n_key, weir_str record)
{
    return weir__stored_run_add(&d->run, order, key, n_key, record) || no_memory(d);
}

static bool add_cached(struct stored *d)
{
    struct stored_run *run = &d->run;
    const struct heap_state *s = &d->cache->states[run->state];
    const struct heap_table *t = weir__heap_find_table(group_of(d, run->state, run->group), run->ns);
    bool ok = true;
    for (uint32_t id = 0; ok && t && id < t->used; id++) {
        struct heap_key *entry = weir__heap_entry(s, t, id);
        if (entry->n == WEIR__HEAP_DEAD) continue;
        const struct stored_meta *meta = weir__stored_meta(s, weir__heap_value(entry));
        if ((meta->flags & (WEIR__LOADED | WEIR__ABSENT)) != WEIR__LOADED) continue;
        ok = add_item(d, meta->order, weir__heap_key_bytes(entry), entry->n, (weir_str){0});
    }
    return ok;
}

/* What the cache knows of the entry of a record; NULL: nothing. */
static const struct stored_meta *known(struct stored *d, uint32_t state, uint32_t group, weir_str key)
{
    const struct heap_state *s = &d->cache->states[state];
    struct heap_table *t = weir__heap_find_table(group_of(d, state, group), weir__stored_ns(key));
    weir_str own = weir__stored_key_of(key);
    uint64_t hash = weir_key_hash64(own.p, own.n);
    struct heap_key *entry = t ? weir__heap_find(d->cache, s, t, (const uint8_t *)own.p, (uint32_t)own.n, hash) : NULL;
    const struct stored_meta *meta = entry ? weir__stored_meta(s, weir__heap_value(entry)) : NULL;
    return meta && meta->flags & WEIR__LOADED ? meta : NULL;
}

static weir_status add_record(void *arg, weir_str key, weir_str record)
{
    struct stored *d = arg;
    if (known(d, d->run.state, d->run.group, key)) return WEIR_OK; /* add_cached has it, or it is gone */
    weir_str own = weir__stored_key_of(key);
    return add_item(d, weir__stored_order(record), own.p, own.n, record) ? WEIR_OK : WEIR_E_MEMORY;
}

struct range {
    weir_str from, until;
};

static bool scan(struct stored *d, const struct range *range, weir_store_visit *visit, void *arg)
{
    weir_io_error why = {0};
    weir_status s = d->store->backend->scan(d->store->self, NULL, range->from, range->until, visit, arg, &why);
    if (s < 0) weir__stored_fail(d->store, s, "read", why.message[0] ? why.message : "no memory");
    return s >= 0;
}

/* The namespaces from .. to of a key group; the bounds are in d->keys. False: no memory. */
static bool make_range(struct stored *d, uint32_t state, uint32_t group, int64_t from, int64_t to, struct range *range)
{
    d->keys.n = 0;
    if (!weir__stored_prefix(d, &d->keys, state, group, from)) return no_memory(d);
    size_t n = d->keys.n;
    if (!weir__stored_prefix(d, &d->keys, state, group, to)) return no_memory(d);
    weir__stored_until(d->keys.p + n, d->keys.n - n);
    const char *p = (const char *)d->keys.p;
    *range = (struct range){{p, n}, {p + n, d->keys.n - n}};
    return true;
}

static int by_order(const void *a, const void *b)
{
    uint64_t x = ((const struct stored_item *)a)->order, y = ((const struct stored_item *)b)->order;
    return (x > y) - (x < y);
}

void weir__stored_run_sort(struct stored_run *run)
{
    for (size_t i = 1; i < run->n; i++) {
        if (run->items[i].order > run->items[i - 1].order) continue;
        qsort(run->items, run->n, sizeof *run->items, by_order);
        return;
    }
}

static bool make_run(struct stored *d, uint32_t state, uint32_t group, int64_t ns)
{
    struct stored_run *run = &d->run;
    run->is_valid = false;
    run->state = state;
    run->group = group;
    run->ns = ns;
    run->n = run->bytes.n = 0;
    if (weir__stored_failed(d) || !add_cached(d)) return false;
    if (weir__stored_may_hold(d, state, ns)) {
        struct range range;
        if (!make_range(d, state, group, ns, ns, &range) || !scan(d, &range, add_record, d)) return false;
    }
    weir__stored_run_sort(run);
    return run->is_valid = true;
}

static bool is_run(const struct stored_run *run, uint32_t state, uint32_t group, int64_t ns)
{
    return run->is_valid && run->state == state && run->group == group && run->ns == ns;
}

/* The first item behind an order. */
static size_t item_after(const struct stored_run *run, uint64_t order)
{
    size_t low = 0, high = run->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (run->items[middle].order <= order) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void weir__stored_outdate(struct stored *d, uint32_t state, uint32_t group, int64_t ns, uint64_t order)
{
    if (!is_run(&d->run, state, group, ns)) return;
    size_t i = item_after(&d->run, order - 1);
    if (i < d->run.n && d->run.items[i].order == order) d->run.items[i].n_value = 0;
}

/* ---- keys -------------------------------------------------------------------------------------------------------- */

/* From the run's own record, or the store's. */
static bool read_item(struct stored *d, const struct stored_item *item, const struct weir_key_ref *key, void *value)
{
    const struct stored_run *run = &d->run;
    const struct heap_state *s = &d->cache->states[run->state];
    struct stored_meta *meta = weir__stored_meta(s, value);
    if (item->n_value == 0)
        return weir__stored_load(d, run->state, run->ns, &(struct stored_wanted){value, key->p, key->n, key->group}, 1);
    weir_str record = {(const char *)run->bytes.p + item->value, item->n_value};
    uint64_t order;
    weir_status status = weir__stored_decode(d, s, record, &order, value);
    if (status != WEIR_OK) {
        weir__stored_fail(d->store, status, "read", status == WEIR_E_MEMORY ? "no memory" : "a record is damaged");
        return false;
    }
    meta->order = order;
    meta->flags = WEIR__LOADED | WEIR__IN_STORE;
    return true;
}

/* The item's value in the cache; NULL: it is gone, or it failed. */
static void *visit(struct stored *d, const struct stored_item *item, const struct weir_key_ref *key)
{
    const struct stored_run *run = &d->run;
    void *value = weir__heap_edit(&d->cache->set, run->state, weir_layout_shape(&d->set.layouts[run->state]), key, run->ns);
    if (!value) {
        no_memory(d);
        return NULL;
    }
    const struct stored_meta *meta = weir__stored_meta(&d->cache->states[run->state], value);
    if (!(meta->flags & WEIR__LOADED) && !read_item(d, item, key, value)) return NULL;
    return meta->flags & WEIR__ABSENT ? NULL : value;
}

bool weir__stored_next_key(struct weir_state_set *set, uint32_t state, uint32_t group, int64_t ns, weir_cursor *cursor,
                           struct weir_key_ref *key, void **value)
{
    struct stored *d = weir__stored_of(set);
    const struct stored_run *run = &d->run;
    if (weir__stored_is_over(d)) {
        d->hand_state = state; /* where most are that nobody asked for */
        d->hand_group = group - set->first_group;
        weir__stored_shrink(d);
    }
    if ((cursor->at == 0 || !is_run(run, state, group, ns)) && !make_run(d, state, group, ns)) return false;
    for (size_t i = item_after(run, cursor->at); i < run->n && !weir__stored_failed(d); i++) {
        const struct stored_item *item = &run->items[i];
        const uint8_t *p = run->bytes.p + item->key;
        cursor->at = item->order;
        *key = (struct weir_key_ref){
            .p = p, .n = (uint32_t)item->n_key, .group = group, .hash = weir_key_hash64(p, item->n_key)};
        void *found = visit(d, item, key);
        if (!found) continue;
        *value = weir_layout_shape(&set->layouts[state]) == WEIR_SHAPE_VALUE ? found : NULL;
        return true;
    }
    return false;
}

/* ---- namespaces -------------------------------------------------------------------------------------------------- */

struct first_space {
    struct stored *d;
    uint32_t state, group;
    bool found;
    int64_t ns;
};

static weir_status note_space(void *arg, weir_str key, weir_str record)
{
    struct first_space *f = arg;
    const struct stored_meta *meta = known(f->d, f->state, f->group, key);
    (void)record;
    if (meta && meta->flags & WEIR__ABSENT) return WEIR_OK;
    f->found = true;
    f->ns = weir__stored_ns(key);
    return WEIR_MORE;
}

static bool has_entries(const struct heap_state *s, const struct heap_table *t)
{
    for (uint32_t id = 0; id < t->used; id++) {
        struct heap_key *entry = weir__heap_entry(s, t, id);
        if (entry->n == WEIR__HEAP_DEAD) continue;
        uint32_t flags = weir__stored_meta(s, weir__heap_value(entry))->flags;
        if ((flags & (WEIR__LOADED | WEIR__ABSENT)) == WEIR__LOADED) return true;
    }
    return false;
}

/* From `from` on, in the cache. */
static void first_cached(struct first_space *f, int64_t from)
{
    const struct heap_group *g = group_of(f->d, f->state, f->group);
    for (uint32_t i = 0; i < g->n && !f->found; i++) {
        if (g->tables[i]->ns < from || !has_entries(&f->d->cache->states[f->state], g->tables[i])) continue;
        f->found = true;
        f->ns = g->tables[i]->ns;
    }
}

/* In the store, below `limit` where there is one; the range ends with the last namespace of the key group. */
static bool first_stored(struct first_space *f, int64_t from)
{
    struct range range;
    return make_range(f->d, f->state, f->group, from, INT64_MAX, &range) && scan(f->d, &range, note_space, f);
}

bool weir__stored_next_namespace(struct weir_state_set *set, uint32_t state, uint32_t group, bool first, int64_t after,
                                 int64_t *ns)
{
    struct stored *d = weir__stored_of(set);
    const struct stored_spaces *spaces = &d->states[state].spaces;
    struct first_space cached = {.d = d, .state = state, .group = group}, stored = cached;
    if (weir__stored_failed(d) || (!first && after == INT64_MAX)) return false;
    int64_t from = first ? INT64_MIN : after + 1;
    first_cached(&cached, from);
    if ((spaces->n > 0 || spaces->any) && !first_stored(&stored, from)) return false;
    if (!cached.found && !stored.found) return false;
    *ns = stored.found && (!cached.found || stored.ns < cached.ns) ? stored.ns : cached.ns;
    return true;
}

/* ---- dropping a namespace ---------------------------------------------------------------------------------------- */

/* The table is going to be dropped. How many entries it has more than records. */
static int64_t forget_table(struct stored *d, const struct heap_state *s, const struct heap_table *t)
{
    int64_t n = 0;
    for (uint32_t id = 0; id < t->used; id++) {
        struct heap_key *entry = weir__heap_entry(s, t, id);
        if (entry->n == WEIR__HEAP_DEAD) continue;
        struct stored_meta *meta = weir__stored_meta(s, weir__heap_value(entry));
        uint32_t flags = meta->flags;
        weir__stored_forget(d, meta);
        n += (flags & WEIR__LOADED) && !(flags & WEIR__ABSENT);
        n -= (flags & WEIR__IN_STORE) != 0;
    }
    return n;
}

static bool drop_records(struct stored *d, uint32_t state, uint32_t group, int64_t ns)
{
    weir_io_error why = {0};
    size_t removed = 0;
    struct range range;
    if (!make_range(d, state, group, ns, ns, &range)) return false;
    weir_status s = d->store->backend->remove(d->store->self, range.from, range.until, &removed, &why);
    if (s < 0) weir__stored_fail(d->store, s, "written", why.message);
    d->states[state].n_entries -= removed;
    if (removed > 0) weir__stored_note(d, (const uint8_t *)range.from.p, range.from.n, WEIR__NOTE_RANGE, 0);
    return s >= 0;
}

static void forget_space(struct stored_spaces *spaces, int64_t ns)
{
    for (size_t i = 0; i < spaces->n; i++) {
        if (spaces->ns[i] != ns) continue;
        spaces->n--;
        memmove(&spaces->ns[i], &spaces->ns[i + 1], (spaces->n - i) * sizeof *spaces->ns);
        return;
    }
}

void weir__stored_drop_namespace(struct weir_state_set *set, uint32_t state, int64_t ns)
{
    struct stored *d = weir__stored_of(set);
    struct heap_state *s = &d->cache->states[state];
    bool ok = weir__stored_finish_cut(d), stored = weir__stored_may_hold(d, state, ns);
    for (uint32_t group = set->first_group; ok && group <= set->last_group; group++) {
        struct heap_group *g = group_of(d, state, group);
        const struct heap_table *t = weir__heap_find_table(g, ns);
        if (t) d->states[state].n_entries -= (size_t)forget_table(d, s, t);
        weir__heap_drop_table(d->cache, s, g, ns);
        if (stored) ok = drop_records(d, state, group, ns);
    }
    if (ok) forget_space(&d->states[state].spaces, ns);
    d->n_written++;
    if (d->run.state == state && d->run.ns == ns) d->run.is_valid = false;
}
