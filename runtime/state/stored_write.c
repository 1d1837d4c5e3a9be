/* stored_write.c - writing changed entries to the store, and cuts. One thread; the writing itself may be another's.
 *
 * What is DIRTY is written when it leaves the cache, or for a cut. A cut takes the list of what is DIRTY and changes sides:
 * from then on entries become DIRTY with WEIR__ODD, or without it, as those of the cut are not; so it costs nothing, however
 * many they are. They are written in steps between batches, in any order. One that is about to be changed is encoded first
 * (weir__stored_keep); one that leaves is written then. What was changed behind the cut is not written before its end, so
 * the store has at the end what the set had at the cut. Whoever has to write something else, or cuts again, finishes it.
 *
 * Changes are encoded one behind the other and handed to the store when they are enough, when entries leave, and at the
 * end. Until then the cache has the entries of all of them.
 */
#include "state/stored_internal.h"

#include "base/alloc.h"
#include "data/key.h"

#define BATCH_BYTES      524288
#define MOST_BATCH_BYTES 1048576

/* ---- changes ----------------------------------------------------------------------------------------------------- */

static weir_status write_list(struct stored *d, const weir_store_change *list, weir_io_error *why)
{
    struct weir_state_store *store = d->store;
    if (store->writer) weir_store_writer_cut(store->writer, d->cut.is_on);
    weir_status s = store->backend->write(store->self, list, d->pending.n, why);
    if (store->writer) weir_store_writer_cut(store->writer, false);
    return s;
}

bool weir__stored_flush(struct stored *d)
{
    struct stored_pending *p = &d->pending;
    weir_io_error why = {0};
    if (p->n == 0) return true;
    weir_store_change *list = weir_try_alloc(p->n * sizeof *list);
    const char *bytes = (const char *)d->records.p;
    for (size_t i = 0; list && i < p->n; i++) {
        const struct stored_change *c = &p->changes[i];
        list[i].key = (weir_str){bytes + c->key, c->value - c->key};
        if (!c->goes) list[i].value = (weir_str){bytes + c->value, c->end - c->value};
    }
    weir_status s = list ? write_list(d, list, &why) : WEIR_E_MEMORY;
    d->n_written++;
    if (s < 0) weir__stored_fail(d->store, s, "written", why.message[0] ? why.message : "no memory");
    weir_free(list);
    weir_free(p->changes);
    *p = (struct stored_pending){0};
    d->records.n = 0;
    return s >= 0;
}

/* The store has, or may have, records of the namespace from now on. */
static void add_space(struct stored_spaces *spaces, int64_t ns)
{
    size_t i = spaces->n;
    while (i > 0 && spaces->ns[i - 1] > ns) i--;
    if (spaces->any || (i > 0 && spaces->ns[i - 1] == ns)) return;
    if (spaces->n == WEIR__STORED_SPACES) {
        spaces->any = true;
        return;
    }
    WEIR_GROW(spaces->ns, spaces->capacity, spaces->n + 1);
    memmove(&spaces->ns[i + 1], &spaces->ns[i], (spaces->n - i) * sizeof *spaces->ns);
    spaces->ns[i] = ns;
    spaces->n++;
}

/* Those of a cut are not too many to wait together. */
static size_t enough_for_a_batch(const struct stored *d)
{
    size_t part = d->cut.is_on ? weir__stored_room(d) / 32 : 0;
    if (part < BATCH_BYTES) return BATCH_BYTES;
    return part < MOST_BATCH_BYTES ? part : MOST_BATCH_BYTES;
}

static bool add_change(struct stored *d, const struct stored_place *at, const struct heap_key *entry, void *value)
{
    const struct heap_state *s = &d->cache->states[at->state];
    struct stored_meta *meta = weir__stored_meta(s, value);
    struct stored_change change = {.key = d->records.n, .goes = meta->flags & WEIR__ABSENT};
    bool ok = weir__stored_prefix(d, &d->records, at->state, at->group, at->ns) &&
              weir_key_bytes_add(&d->records, weir__heap_key_bytes(entry), entry->n);
    change.value = d->records.n;
    if (ok && !change.goes) ok = weir__stored_encode(s, meta->order, value, &d->records);
    change.end = d->records.n;
    if (!ok) {
        weir__stored_fail(d->store, WEIR_E_MEMORY, "written", "no memory");
        return false;
    }
    weir__stored_note(d, d->records.p + change.key, change.value - change.key,
                      (meta->flags & WEIR__IN_STORE ? WEIR__NOTE_WAS_THERE : 0) | (change.goes ? WEIR__NOTE_GONE : 0),
                      meta->order);
    WEIR_GROW(d->pending.changes, d->pending.capacity, d->pending.n + 1);
    d->pending.changes[d->pending.n++] = change;
    weir__stored_outdate(d, at->state, at->group, at->ns, meta->order);
    if (!change.goes) add_space(&d->states[at->state].spaces, at->ns);
    return d->records.n < enough_for_a_batch(d) || weir__stored_flush(d);
}

bool weir__stored_write(struct stored *d, const struct stored_place *at, struct heap_key *entry, struct stored_meta *meta)
{
    bool is_needed = !(meta->flags & WEIR__ABSENT) || meta->flags & WEIR__IN_STORE;
    if (is_needed && !add_change(d, at, entry, weir__heap_value(entry))) return false;
    meta->flags &= ~(uint32_t)(WEIR__DIRTY | WEIR__ODD | WEIR__IN_STORE);
    if (!(meta->flags & WEIR__ABSENT)) meta->flags |= WEIR__IN_STORE;
    return true;
}

/* ---- what is changed --------------------------------------------------------------------------------------------- */

#define FEW_OF_ALL 16 /* one of so many */
#define FEW        64

static void list_none(struct stored_dirty *list, bool are_many)
{
    weir_key_bytes_finish(&list->keys);
    *list = (struct stored_dirty){.are_many = are_many};
}

void weir__stored_list_dirty(struct stored *d, uint32_t state, uint32_t group, int64_t ns, const struct heap_key *entry)
{
    struct stored_dirty *list = &d->dirty;
    uint32_t n = 0;
    if (list->are_many) return;
    size_t at = list->keys.n;
    bool ok = list->n < weir__stored_at_hand(d) / FEW_OF_ALL + FEW && weir_key_bytes_add(&list->keys, &n, sizeof n) &&
              weir__stored_prefix(d, &list->keys, state, group, ns) &&
              weir_key_bytes_add(&list->keys, weir__heap_key_bytes(entry), entry->n);
    if (!ok) {
        list_none(list, true);
        return;
    }
    n = (uint32_t)(list->keys.n - at - sizeof n);
    memcpy(list->keys.p + at, &n, sizeof n);
    list->n++;
}

/* ---- steps of a cut ---------------------------------------------------------------------------------------------- */

#define LOOKS_FOR_ONE 16 /* an entry is found by its key while so many are passed */

/* False: the step is over. */
static bool take(struct stored_step *left, size_t looks)
{
    if (left->looks == 0 || left->bytes == 0) return false;
    left->looks -= left->looks < looks ? left->looks : looks;
    return true;
}

static bool write_of_cut(struct stored *d, const struct stored_place *at, struct heap_key *entry, struct stored_step *left)
{
    struct stored_meta *meta = weir__stored_meta(&d->cache->states[at->state], weir__heap_value(entry));
    size_t before = d->records.n;
    if (!weir__stored_is_of_cut(d, meta)) return true;
    if (!weir__stored_write(d, at, entry, meta)) return false;
    size_t bytes = d->records.n > before ? d->records.n - before : BATCH_BYTES; /* or it went with the rest */
    left->bytes -= left->bytes < bytes ? left->bytes : bytes;
    return true;
}

/* The entry of a record, if it is still at hand. */
static bool write_listed(struct stored *d, weir_str record_key, struct stored_step *left)
{
    weir_str key = weir__stored_key_of(record_key);
    const struct stored_place at = {weir__stored_state_of(record_key), weir__stored_group_of(record_key),
                                    weir__stored_ns(record_key)};
    const struct heap_state *s = &d->cache->states[at.state];
    struct heap_table *t = weir__heap_find_table(&s->groups[at.group - d->set.first_group], at.ns);
    const uint8_t *p = (const uint8_t *)key.p;
    struct heap_key *entry = t ? weir__heap_find(d->cache, s, t, p, (uint32_t)key.n, weir_key_hash64(p, key.n)) : NULL;
    return !entry || write_of_cut(d, &at, entry, left);
}

/* Of both: OK: all is written; MORE: the step is over. */
static weir_status write_listed_ones(struct stored *d, struct stored_step *left)
{
    struct stored_cut *c = &d->cut;
    const struct weir_key_bytes *keys = &c->dirty.keys;
    while (c->listed < keys->n) {
        uint32_t n;
        if (!take(left, LOOKS_FOR_ONE)) return WEIR_MORE;
        memcpy(&n, keys->p + c->listed, sizeof n);
        if (!write_listed(d, (weir_str){(const char *)keys->p + c->listed + sizeof n, n}, left)) return WEIR_E_IO;
        c->listed += sizeof n + n;
    }
    return WEIR_OK;
}

static weir_status write_table(struct stored *d, const struct heap_table *t, struct stored_step *left)
{
    struct stored_cut *c = &d->cut;
    const struct heap_state *s = &d->cache->states[c->state];
    const struct stored_place at = {c->state, d->set.first_group + c->group, t->ns};
    if (c->ns != t->ns) c->id = 0;
    c->ns = t->ns;
    for (; c->id < t->used; c->id++) {
        if (!take(left, 1)) return WEIR_MORE;
        struct heap_key *entry = weir__heap_entry(s, t, c->id);
        if (entry->n != WEIR__HEAP_DEAD && !write_of_cut(d, &at, entry, left)) return WEIR_E_IO;
    }
    return WEIR_OK;
}

/* From the namespace on that the last step came to, if it is still there. */
static weir_status write_group(struct stored *d, struct stored_step *left)
{
    const struct heap_group *g = &d->cache->states[d->cut.state].groups[d->cut.group];
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; s == WEIR_OK && i < g->n; i++) {
        if (g->tables[i]->ns >= d->cut.ns) s = write_table(d, g->tables[i], left);
    }
    return s;
}

static weir_status write_all(struct stored *d, struct stored_step *left)
{
    struct stored_cut *c = &d->cut;
    for (; c->state < d->set.n_states; c->state++, c->group = 0) {
        for (; c->group <= d->set.last_group - d->set.first_group; c->group++) {
            weir_status s = write_group(d, left);
            if (s != WEIR_OK) return s;
            c->ns = INT64_MIN;
            c->id = 0;
        }
    }
    return WEIR_OK;
}

/* Entries keep their order when they move, so none of those behind comes before the one that is next. */
void weir__stored_moved(struct stored *d, const struct stored_place *at, uint32_t by)
{
    struct stored_cut *c = &d->cut;
    if (!c->is_on || at->state != c->state || at->group != d->set.first_group + c->group || at->ns != c->ns) return;
    c->id -= by < c->id ? by : c->id;
}

/* ---- cuts -------------------------------------------------------------------------------------------------------- */

static void end_cut(struct stored *d)
{
    struct stored_image *image = d->cut.image;
    list_none(&d->cut.dirty, false);
    d->cut = (struct stored_cut){0};
    if (image) weir__stored_complete(image, weir_state_store_failure(d->store));
}

static void cut_on(struct stored *d, struct stored_step left)
{
    weir_status s = weir__stored_failed(d) ? WEIR_E_IO : WEIR_OK;
    if (s == WEIR_OK) s = d->cut.dirty.are_many ? write_all(d, &left) : write_listed_ones(d, &left);
    if (s == WEIR_MORE) return;
    if (s == WEIR_OK) (void)!weir__stored_flush(d); /* whose failure is the store's */
    end_cut(d);
}

bool weir__stored_cut_on(struct stored *d)
{
    if (d->cut.is_on) cut_on(d, d->step);
    return d->cut.is_on;
}

bool weir__stored_finish_cut(struct stored *d)
{
    if (d->cut.is_on) cut_on(d, (struct stored_step){SIZE_MAX, SIZE_MAX});
    return !weir__stored_failed(d);
}

bool weir__stored_begin_to_cut(struct stored *d)
{
    if (!weir__stored_finish_cut(d)) return false;
    d->cut = (struct stored_cut){.is_on = true, .dirty = d->dirty, .ns = INT64_MIN};
    d->dirty = (struct stored_dirty){0};
    d->dirty_now ^= WEIR__ODD;
    return true;
}

bool weir__stored_write_back(struct stored *d)
{
    return weir__stored_begin_to_cut(d) && weir__stored_finish_cut(d);
}
