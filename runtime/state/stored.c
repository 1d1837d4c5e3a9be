/* stored.c - keyed state in a store: the set, its entries, and struct weir_state_ops over them.
 *
 * One thread. See stored_internal.h. An operation brings the entry into the cache, marks it changed, and lets the heap do
 * the rest there. Most entries that are new belong to a namespace that the store has never heard of, which is asked first.
 */
#include "state/stored_internal.h"

#include "base/alloc.h"

/* ---- the store --------------------------------------------------------------------------------------------------- */

void weir__stored_fail(struct weir_state_store *store, weir_status status, const char *what, const char *why)
{
    if (store->failure.status != WEIR_OK) return;
    weir_error_set(&store->failure, status, "keyed state in %s could not be %s: %s", store->directory, what, why);
}

/* An eighth of the cache, between these, is on its way to the disk. */
#define LEAST_WAITING ((size_t)1 << 20)
#define MOST_WAITING  ((size_t)8 << 20)

/* Fewer keys than these are read faster than handed to another thread. Where there are no threads, any number shows that
 * results do not depend on it. */
#define FETCH_LEAST 8

static size_t fetch_least(const struct weir_state_store_options *o)
{
    if (o->fetch_least > 0) return o->fetch_least;
    return o->platform && o->platform->run_later ? 1 : FETCH_LEAST;
}

static weir_status put_writer(struct weir_state_store *store, const struct weir_state_store_options *o,
                              struct weir_error *error)
{
    size_t limit = o->cache_bytes / 8;
    if (limit < LEAST_WAITING) limit = LEAST_WAITING;
    if (limit > MOST_WAITING) limit = MOST_WAITING;
    const struct weir_store_writer_options wo = {
        .backend = o->backend, .self = o->self, .limit_bytes = limit, .platform = o->platform};
    weir_status s = weir_store_writer_create(&wo, &store->writer, error);
    if (s != WEIR_OK) return s;
    store->backend = &weir_store_writer;
    store->self = store->writer;
    return WEIR_OK;
}

weir_status weir_state_store_create(const struct weir_state_store_options *o, struct weir_state_store **to,
                                    struct weir_error *error)
{
    weir_io_error why = {0};
    struct weir_state_store *store = weir_alloc(sizeof *store);
    *store = (struct weir_state_store){.backend = o->backend,
                                       .self = o->self,
                                       .read_self = o->self,
                                       .directory = weir_strdup(o->directory),
                                       .cache_bytes = o->cache_bytes,
                                       .platform = o->platform,
                                       .fetch_least = fetch_least(o)};
    if (o->platform && WEIR_HAS(weir_backend, o->backend, get_beside) && o->backend->get_beside) store->read = o->backend;
    weir_status s = o->platform && !o->platform->run_later ? put_writer(store, o, error) : WEIR_OK;
    bool has_begun = s == WEIR_OK;
    if (has_begun) s = store->backend->open(store->self, store->directory, &why);
    *to = s >= 0 ? store : NULL;
    if (s >= 0) return WEIR_OK;
    if (has_begun) weir_error_set(error, s, "no store for keyed state could be opened in %s: %s", o->directory, why.message);
    weir_state_store_destroy(store);
    return s;
}

bool weir_state_store_is_read(const struct weir_state_store *store)
{
    return atomic_load_explicit(&store->n_images, memory_order_acquire) > 0;
}

void weir_state_store_destroy(struct weir_state_store *store)
{
    if (!store) return;
    WEIR_ASSERT(!weir_state_store_is_read(store)); /* snapshots are finished before */
    store->backend->close(store->self);
    weir_store_writer_destroy(store->writer);
    weir_free(store->directory);
    weir_free(store);
}

const struct weir_error *weir_state_store_failure(const struct weir_state_store *store)
{
    return store->failure.status != WEIR_OK ? &store->failure : NULL;
}

void weir_state_store_stats(const struct weir_state_store *store, weir_store_stats *stats)
{
    *stats = (weir_store_stats){.struct_size = sizeof *stats, .memory_bytes = -1, .disk_bytes = -1};
    if (store->backend->stats) store->backend->stats(store->self, stats);
}

/* ---- what the store may have ------------------------------------------------------------------------------------- */

static size_t space_from(const struct stored_spaces *spaces, int64_t ns)
{
    size_t low = 0, high = spaces->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (spaces->ns[middle] < ns) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool weir__stored_may_hold(const struct stored *d, uint32_t state, int64_t ns)
{
    const struct stored_spaces *spaces = &d->states[state].spaces;
    size_t i = space_from(spaces, ns);
    return spaces->any || (i < spaces->n && spaces->ns[i] == ns);
}

/* ---- loading ----------------------------------------------------------------------------------------------------- */

struct loading {
    struct stored *d;
    const struct heap_state *s;
    const struct stored_wanted *wanted;
};

static weir_status loaded(void *arg, size_t i, weir_str record)
{
    struct loading *l = arg;
    struct stored_meta *meta = weir__stored_meta(l->s, l->wanted[i].value);
    uint64_t order;
    weir_status s = weir__stored_decode(l->d, l->s, record, &order, l->wanted[i].value);
    if (s != WEIR_OK) return s;
    meta->order = order;
    meta->flags = WEIR__LOADED | WEIR__IN_STORE;
    return WEIR_OK;
}

static bool no_memory(struct stored *d)
{
    weir__stored_fail(d->store, WEIR_E_MEMORY, "kept", "no memory");
    return false;
}

void weir__stored_unread(struct stored *d, weir_status s, const weir_io_error *why)
{
    const char *reason = why->message[0] ? why->message : s == WEIR_E_MEMORY ? "no memory" : "a record is damaged";
    weir__stored_fail(d->store, s, "read", reason);
}

/* The records' keys one after the other into d->keys, as `keys`. */
static bool record_keys(struct stored *d, uint32_t state, int64_t ns, const struct stored_wanted *wanted, size_t n,
                        weir_str *keys)
{
    d->keys.n = 0;
    for (size_t i = 0; i < n; i++) {
        size_t before = d->keys.n;
        if (!weir__stored_prefix(d, &d->keys, state, wanted[i].group, ns) ||
            !weir_key_bytes_add(&d->keys, wanted[i].key, wanted[i].n))
            return no_memory(d);
        keys[i].n = d->keys.n - before;
    }
    const char *p = (const char *)d->keys.p;
    for (size_t i = 0; i < n; p += keys[i++].n) keys[i].p = p;
    return true;
}

static bool ask(struct stored *d, uint32_t state, int64_t ns, const struct stored_wanted *wanted, size_t n, weir_str *keys)
{
    struct loading l = {d, &d->cache->states[state], wanted};
    weir_io_error why = {0};
    if (!record_keys(d, state, ns, wanted, n, keys)) return false;
    weir_status s = d->store->backend->get(d->store->self, keys, n, loaded, &l, &why);
    if (s >= 0) return true;
    weir__stored_unread(d, s, &why);
    return false;
}

bool weir__stored_load(struct stored *d, uint32_t state, int64_t ns, const struct stored_wanted *wanted, size_t n)
{
    const struct heap_state *s = &d->cache->states[state];
    weir_str few[64], *keys = few;
    if (weir__stored_failed(d)) return false;
    if (weir__stored_may_hold(d, state, ns)) {
        if (n > WEIR_LEN(few)) keys = weir_try_alloc(n * sizeof *keys);
        bool ok = keys ? ask(d, state, ns, wanted, n, keys) : no_memory(d);
        if (keys != few) weir_free(keys);
        if (!ok) return false;
    }
    for (size_t i = 0; i < n; i++) {
        struct stored_meta *meta = weir__stored_meta(s, wanted[i].value);
        if (!(meta->flags & WEIR__LOADED)) meta->flags = WEIR__LOADED | WEIR__ABSENT;
    }
    return true;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

static enum weir_state_shape shape_of(const struct stored *d, uint32_t state)
{
    WEIR_ASSERT(state < d->set.n_states);
    return weir_layout_shape(&d->set.layouts[state]);
}

/* The entry in the cache, LOADED; NULL: it failed. */
static void *reach(struct stored *d, uint32_t state, const struct weir_key_ref *key, int64_t ns)
{
    void *value = weir__heap_edit(&d->cache->set, state, shape_of(d, state), key, ns);
    if (!value) {
        no_memory(d);
        return NULL;
    }
    struct stored_meta *meta = weir__stored_meta(&d->cache->states[state], value);
    struct stored_wanted wanted = {value, key->p, key->n, key->group};
    if (!(meta->flags & WEIR__LOADED) && !weir__stored_load(d, state, ns, &wanted, 1)) return NULL;
    weir__stored_touch(d, state, meta);
    return value;
}

/* NULL: absent, or it failed. */
static void *find(struct stored *d, uint32_t state, const struct weir_key_ref *key, int64_t ns)
{
    void *value = weir__heap_get(&d->cache->set, state, shape_of(d, state), key, ns);
    if (!value && !weir__stored_may_hold(d, state, ns)) return NULL;
    value = reach(d, state, key, ns);
    if (!value || weir__stored_meta(&d->cache->states[state], value)->flags & WEIR__ABSENT) return NULL;
    return value;
}

/* Where there is none; marks it changed. */
static bool insert(struct stored *d, uint32_t state, uint32_t group, int64_t ns, void *value)
{
    struct stored_meta *meta = weir__stored_meta(&d->cache->states[state], value);
    bool is_new = meta->flags & WEIR__ABSENT;
    weir__stored_mark(d, state, group, ns, value);
    if (is_new) {
        meta->order = ++d->order;
        meta->flags &= ~(uint32_t)WEIR__ABSENT;
        d->states[state].n_entries++;
    }
    return is_new;
}

/* As find, but makes it where it is absent, zeroed, and marks it changed. */
static void *edit(struct stored *d, uint32_t state, const struct weir_key_ref *key, int64_t ns)
{
    void *value = reach(d, state, key, ns);
    if (value) insert(d, state, key->group, ns, value);
    return value;
}

/* From the cache, whose entries may move. */
static void forget_entry(struct stored *d, uint32_t state, const struct weir_key_ref *key, int64_t ns)
{
    struct heap_group *g = &d->cache->states[state].groups[key->group - d->set.first_group];
    uint32_t before = d->cut.is_on ? weir__heap_find_table(g, ns)->used : 0;
    weir__heap_clear(&d->cache->set, state, key, ns);
    if (!d->cut.is_on) return;
    const struct heap_table *t = weir__heap_find_table(g, ns);
    weir__stored_moved(d, &(struct stored_place){state, key->group, ns}, t ? before - t->used : before);
}

static void clear(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key, int64_t ns)
{
    struct stored *d = weir__stored_of(set);
    const struct heap_state *s = &d->cache->states[state];
    void *value = find(d, state, key, ns);
    if (!value) return;
    struct stored_meta *meta = weir__stored_meta(s, value);
    weir__stored_keep(d, state, key->group, ns, value);
    d->states[state].n_entries--;
    if (!(meta->flags & WEIR__IN_STORE)) {
        weir__stored_forget(d, meta);
        forget_entry(d, state, key, ns);
        return;
    }
    weir__stored_mark(d, state, key->group, ns, value);
    weir__heap_free_value(d->cache, s, value);
    memset(value, 0, s->value_size);
    meta->flags |= WEIR__ABSENT;
}

static const void *value_get(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key, int64_t ns)
{
    return find(weir__stored_of(set), state, key, ns);
}

static void *value_edit(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key, int64_t ns)
{
    return edit(weir__stored_of(set), state, key, ns);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* Those that the cache did not know, each once: the heap counted them as new. */
static bool load_rows(struct stored *d, uint32_t state, const struct weir_rows *rows, const uint32_t *picks, int64_t n,
                      int64_t ns, void **values, const uint8_t *unknown, size_t n_unknown)
{
    struct stored_wanted *wanted = n_unknown ? weir_try_alloc(n_unknown * sizeof *wanted) : NULL;
    size_t k = 0;
    if (n_unknown == 0) return true;
    if (!wanted) return no_memory(d);
    for (int64_t i = 0; i < n; i++) {
        if (!weir_bit(unknown, i)) continue;
        const struct heap_key *entry = (const struct heap_key *)values[i] - 1;
        uint32_t group = rows->keys.key_group[picks ? picks[i] : i];
        wanted[k++] = (struct stored_wanted){values[i], weir__heap_key_bytes(entry), entry->n, group};
    }
    bool ok = weir__stored_load(d, state, ns, wanted, k);
    weir_free(wanted);
    return ok;
}

static size_t count_bits(const uint8_t *bits, int64_t n)
{
    size_t count = 0;
    for (int64_t i = 0; i < (n + 7) / 8; i++) count += (size_t)__builtin_popcount(bits[i]);
    return count;
}

static weir_status value_edit_rows(struct weir_state_set *set, uint32_t state, const struct weir_rows *rows,
                                   const uint32_t *fields, uint32_t n_fields, const uint32_t *picks, int64_t n, int64_t ns,
                                   void **values, uint8_t *created)
{
    struct stored *d = weir__stored_of(set);
    const struct heap_state *s = &d->cache->states[state];
    size_t bytes = (size_t)(n + 7) / 8;
    if (n == 0) return WEIR_OK;
    uint8_t *unknown = weir_try_alloc(bytes);
    weir_status status = unknown ? WEIR_OK : WEIR_E_MEMORY;
    if (status == WEIR_OK)
        status = weir__heap_edit_rows(&d->cache->set, state, rows, fields, n_fields, picks, n, ns, values, unknown);
    if (status == WEIR_OK && !load_rows(d, state, rows, picks, n, ns, values, unknown, count_bits(unknown, n)))
        status = d->store->failure.status;
    if (created) memset(created, 0, bytes);
    for (int64_t i = 0; status == WEIR_OK && i < n; i++) {
        uint32_t group = rows->keys.key_group[picks ? picks[i] : i];
        weir__stored_touch(d, state, weir__stored_meta(s, values[i]));
        bool is_new = insert(d, state, group, ns, values[i]);
        if (is_new && created) created[i >> 3] |= (uint8_t)(1u << (i & 7));
    }
    weir_free(unknown);
    return status;
}

/* ---- lists and maps ---------------------------------------------------------------------------------------------- */

static weir_status list_add(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key, int64_t ns,
                            const void *item)
{
    struct stored *d = weir__stored_of(set);
    if (!edit(d, state, key, ns)) return d->store->failure.status;
    return weir__heap_list_add(&d->cache->set, state, key, ns, item);
}

static size_t list_size(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key, int64_t ns)
{
    const struct heap_list *list = find(weir__stored_of(set), state, key, ns);
    return list ? list->n : 0;
}

static const void *list_at(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key, int64_t ns, size_t i)
{
    const struct heap_list *list = find(weir__stored_of(set), state, key, ns);
    return list && i < list->n ? list->items + i * set->layouts[state].size : NULL;
}

static weir_status list_update(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key, int64_t ns,
                               const void *items, size_t n)
{
    struct stored *d = weir__stored_of(set);
    if (n == 0) {
        clear(set, state, key, ns);
        return d->store->failure.status;
    }
    if (!edit(d, state, key, ns)) return d->store->failure.status;
    return weir__heap_list_update(&d->cache->set, state, key, ns, items, n);
}

static const void *map_get(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *k, int64_t ns,
                           const void *key)
{
    struct stored *d = weir__stored_of(set);
    return find(d, state, k, ns) ? weir__heap_map_get(&d->cache->set, state, k, ns, key) : NULL;
}

static void *map_edit(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *k, int64_t ns, const void *key)
{
    struct stored *d = weir__stored_of(set);
    return edit(d, state, k, ns) ? weir__heap_map_edit(&d->cache->set, state, k, ns, key) : NULL;
}

static void map_remove(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *k, int64_t ns, const void *key)
{
    struct stored *d = weir__stored_of(set);
    const struct heap_state *s = &d->cache->states[state];
    struct heap_map *map = find(d, state, k, ns);
    if (!map || !weir__heap_map_has(s, map, key)) return;
    if (map->live == 1) {
        clear(set, state, k, ns);
        return;
    }
    weir__stored_mark(d, state, k->group, ns, map);
    weir__heap_map_remove(&d->cache->set, state, k, ns, key);
}

static size_t map_size(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *k, int64_t ns)
{
    const struct heap_map *map = find(weir__stored_of(set), state, k, ns);
    return map ? map->live : 0;
}

static bool map_next(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *k, int64_t ns,
                     weir_cursor *cursor, const void **key, const void **value)
{
    struct stored *d = weir__stored_of(set);
    const struct heap_map *map = find(d, state, k, ns);
    return map && weir__heap_map_step(&d->cache->states[state], map, cursor, key, value);
}

static weir_status assign(struct weir_state_set *set, uint32_t state, weir_str *member, weir_str bytes)
{
    return weir__heap_assign(&weir__stored_of(set)->cache->set, state, member, bytes);
}

static void *resize_bytes(struct weir_state_set *set, uint32_t state, weir_str *member, size_t size)
{
    return weir__heap_resize_bytes(&weir__stored_of(set)->cache->set, state, member, size);
}

/* ---- the set ----------------------------------------------------------------------------------------------------- */

static void settle(struct weir_state_set *set)
{
    struct stored *d = weir__stored_of(set);
    weir__stored_grow_older(d);
    if (weir__stored_is_over(d)) weir__stored_shrink(d);
}

static size_t memory(const struct weir_state_set *set)
{
    const struct stored *d = (const struct stored *)(const void *)set;
    return d->cache->bytes + d->keys.capacity + d->records.capacity + d->run.bytes.capacity +
           d->run.capacity * sizeof *d->run.items + d->changes.bytes + d->dirty.keys.capacity + d->cut.dirty.keys.capacity +
           d->pending.capacity * sizeof *d->pending.changes + d->expected.bytes.capacity +
           d->expected.capacity * sizeof *d->expected.keys;
}

static size_t entries(const struct weir_state_set *set, uint32_t state)
{
    return ((const struct stored *)(const void *)set)->states[state].n_entries;
}

static void destroy(struct weir_state_set *set)
{
    struct stored *d = weir__stored_of(set);
    if (d->cut.image) (void)!weir__stored_finish_cut(d); /* whose failure the image tells */
    for (uint32_t i = 0; i < set->n_states; i++) weir_free(d->states[i].spaces.ns);
    d->cache->set.ops->destroy(&d->cache->set);
    weir_key_bytes_finish(&d->keys);
    weir_key_bytes_finish(&d->records);
    weir_key_bytes_finish(&d->dirty.keys);
    weir_key_bytes_finish(&d->cut.dirty.keys);
    weir_free(d->pending.changes);
    weir_key_bytes_finish(&d->run.bytes);
    weir_free(d->run.items);
    weir__stored_changes_finish(&d->changes);
    weir__stored_expected_finish(&d->expected);
    weir_free(d->states);
    weir_free(d->room);
    weir_free(d);
}

static const struct weir_state_ops stored_ops = {
    .name = "stored",
    .destroy = destroy,
    .settle = settle,
    .value_get = value_get,
    .value_edit = value_edit,
    .value_edit_rows = value_edit_rows,
    .clear = clear,
    .list_add = list_add,
    .list_size = list_size,
    .list_at = list_at,
    .list_update = list_update,
    .map_get = map_get,
    .map_edit = map_edit,
    .map_remove = map_remove,
    .map_size = map_size,
    .map_next = map_next,
    .assign = assign,
    .resize_bytes = resize_bytes,
    .next_key = weir__stored_next_key,
    .next_namespace = weir__stored_next_namespace,
    .drop_namespace = weir__stored_drop_namespace,
    .expect = weir__stored_expect,
    .freeze = weir__stored_freeze,
    .begin_cut = weir__stored_begin_cut,
    .each_change = weir__stored_each_change,
    .memory = memory,
    .entries = entries,
};

/* Of a cut: together about 2 ms. Where there are no threads, an entry shows that results do not depend on it. */
#define STEP_BYTES 262144
#define STEP_LOOKS 32768

static struct stored_step step_of(const struct weir_state_store *store)
{
    bool is_small = store->platform && store->platform->run_later;
    return (struct stored_step){is_small ? 1 : STEP_BYTES, STEP_LOOKS};
}

static uint32_t largest_struct(const struct weir_state_layout *layouts, uint32_t n)
{
    uint32_t most = 1;
    for (uint32_t i = 0; i < n; i++) {
        if (layouts[i].size > most) most = layouts[i].size;
        if (layouts[i].key_size > most) most = layouts[i].key_size;
    }
    return most;
}

struct weir_state_set *weir_stored_state_create(struct weir_state_store *store, const struct weir_state_layout *layouts,
                                                uint32_t n_states, uint32_t first_group, uint32_t last_group)
{
    WEIR_ASSERT(store->n_sets < WEIR__STORED_MAX_SETS);
    struct stored *d = weir_alloc(sizeof *d);
    d->set = (struct weir_state_set){
        .ops = &stored_ops, .layouts = layouts, .n_states = n_states, .first_group = first_group, .last_group = last_group};
    d->store = store;
    d->number = store->n_sets++;
    d->ages.now = 1;
    d->dirty_now = WEIR__DIRTY;
    d->step = step_of(store);
    d->cache = weir__heap_create(layouts, n_states, first_group, last_group, sizeof(struct stored_meta));
    d->cache_base = d->cache->bytes;
    d->states = weir_alloc_array(n_states + 1, sizeof *d->states);
    d->room = weir_alloc(largest_struct(layouts, n_states));
    d->ages.seen = d->cache_base;
    return &d->set;
}
