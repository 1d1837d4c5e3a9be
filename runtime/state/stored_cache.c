/* stored_cache.c - writing changed entries back, and letting entries go. One thread; the writing itself may be another's.
 *
 * Changes are written some hundred KiB at a time. What is let go was written before, so letting go is forgetting.
 */
#include "state/stored_internal.h"

#include "base/alloc.h"

#define BATCH_BYTES 524288

/* ---- writing back ------------------------------------------------------------------------------------------------ */

struct change { /* offsets in records, until it is written */
    size_t key, value, end;
    bool goes;
};
struct writing {
    struct stored *d;
    uint32_t state, group;
    int64_t ns;
    struct change *changes;
    size_t n, capacity;
};

static bool write_batch(struct writing *w)
{
    struct stored *d = w->d;
    weir_io_error why = {0};
    if (w->n == 0) return true;
    weir_store_change *list = weir_try_alloc(w->n * sizeof *list);
    const char *bytes = (const char *)d->records.p;
    for (size_t i = 0; list && i < w->n; i++) {
        const struct change *c = &w->changes[i];
        list[i].key = (weir_str){bytes + c->key, c->value - c->key};
        if (!c->goes) list[i].value = (weir_str){bytes + c->value, c->end - c->value};
    }
    weir_status s = list ? d->store->backend->write(d->store->self, list, w->n, &why) : WEIR_E_MEMORY;
    d->n_written++;
    if (s < 0) weir__stored_fail(d->store, s, "written", why.message[0] ? why.message : "no memory");
    weir_free(list);
    w->n = 0;
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

static bool add_change(struct writing *w, const struct heap_key *entry, void *value)
{
    struct stored *d = w->d;
    const struct heap_state *s = &d->cache->states[w->state];
    struct stored_meta *meta = weir__stored_meta(s, value);
    struct change change = {.key = d->records.n, .goes = meta->flags & WEIR__ABSENT};
    bool ok = weir__stored_prefix(d, &d->records, w->state, w->group, w->ns) &&
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
    WEIR_GROW(w->changes, w->capacity, w->n + 1);
    w->changes[w->n++] = change;
    weir__stored_outdate(d, w->state, w->group, w->ns, meta->order);
    if (!change.goes) add_space(&d->states[w->state].spaces, w->ns);
    return d->records.n < BATCH_BYTES || write_batch(w);
}

static bool write_table(struct writing *w, const struct heap_table *t)
{
    const struct heap_state *s = &w->d->cache->states[w->state];
    bool ok = true;
    w->ns = t->ns;
    for (uint32_t id = 0; ok && id < t->used; id++) {
        struct heap_key *entry = weir__heap_entry(s, t, id);
        if (entry->n == WEIR__HEAP_DEAD) continue;
        struct stored_meta *meta = weir__stored_meta(s, weir__heap_value(entry));
        if (!(meta->flags & WEIR__DIRTY)) continue;
        bool needed = !(meta->flags & WEIR__ABSENT) || meta->flags & WEIR__IN_STORE;
        if (needed) ok = add_change(w, entry, weir__heap_value(entry));
        meta->flags &= ~(uint32_t)(WEIR__DIRTY | WEIR__IN_STORE);
        if (!(meta->flags & WEIR__ABSENT)) meta->flags |= WEIR__IN_STORE;
    }
    return ok;
}

bool weir__stored_write_back(struct stored *d)
{
    struct writing w = {.d = d};
    bool ok = !weir__stored_failed(d);
    d->records.n = 0;
    for (w.state = 0; ok && w.state < d->set.n_states; w.state++) {
        for (w.group = d->set.first_group; ok && w.group <= d->set.last_group; w.group++) {
            const struct heap_group *g = &d->cache->states[w.state].groups[w.group - d->set.first_group];
            for (uint32_t i = 0; ok && i < g->n; i++) ok = write_table(&w, g->tables[i]);
        }
    }
    ok = ok && write_batch(&w);
    weir_free(w.changes);
    return ok;
}

/* ---- letting go -------------------------------------------------------------------------------------------------- */

struct leaving {
    const struct heap_state *s;
    uint32_t before; /* those last asked for before this sweep */
    bool pins;       /* what was read ahead stays; else it was not asked for */
};

static bool leaves(void *arg, void *value)
{
    const struct leaving *l = arg;
    uint32_t used = weir__stored_meta(l->s, value)->used;
    if (used == WEIR__PINNED) return !l->pins;
    return used < l->before;
}

static void let_go(struct stored *d, uint32_t before)
{
    d->has_let_go = true;
    for (uint32_t state = 0; state < d->set.n_states; state++) {
        struct heap_state *s = &d->cache->states[state];
        struct leaving l = {s, before, d->expected.pins};
        for (uint32_t i = 0; i <= d->set.last_group - d->set.first_group; i++) {
            struct heap_group *g = &s->groups[i];
            for (uint32_t t = g->n; t-- > 0;) {
                weir__heap_remove_if(d->cache, s, g->tables[t], leaves, &l);
                if (g->tables[t]->live == 0) weir__heap_drop_table(d->cache, s, g, g->tables[t]->ns);
            }
        }
        weir__heap_free_indexes(d->cache, s);
    }
}

/* A quarter of the room is free afterwards, so that sweeps are rare. */
static size_t after_a_sweep(const struct stored *d)
{
    return d->cache_base + d->store->cache_bytes / d->store->n_sets / 4 * 3;
}

static bool has_room(const struct stored *d)
{
    return d->cache->bytes <= after_a_sweep(d);
}

/* What is changed while the last quarter fills is written in four parts. State that does not fill it is not written. */
static void set_write_at(struct stored *d)
{
    size_t from = has_room(d) ? after_a_sweep(d) : d->cache->bytes;
    d->write_at = from + d->store->cache_bytes / d->store->n_sets / 16;
}

void weir__stored_write_ahead(struct stored *d)
{
    if (weir__stored_write_back(d)) set_write_at(d);
}

void weir__stored_shrink(struct stored *d)
{
    if (!weir__stored_write_back(d)) return;
    let_go(d, 1);
    if (!has_room(d)) {
        let_go(d, d->sweep);
        if (!has_room(d)) let_go(d, UINT32_MAX);
        d->sweep++;
    }
    set_write_at(d);
}
