/* stored_cache.c - writing changed entries back, and letting entries go. One thread; the writing itself may be another's.
 *
 * What is DIRTY is written when it leaves, or for a cut. When the cache is full, a hand goes round over the key groups, and
 * of each the entries leave that are among the oldest quarter of all, until there is some room: so a little is written all
 * the time, and no pause is long. What is oldest is told by counts of the entries of each age, which change with an entry's
 * own, once in an age: to find an entry again costs nothing.
 */
#include "state/stored_internal.h"

#include "base/alloc.h"
#include "data/key.h"

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
    size_t batch_bytes;
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
    return d->records.n < w->batch_bytes || write_batch(w);
}

/* One that is DIRTY. */
static bool write_entry(struct writing *w, struct heap_key *entry, struct stored_meta *meta)
{
    bool is_needed = !(meta->flags & WEIR__ABSENT) || meta->flags & WEIR__IN_STORE;
    if (is_needed && !add_change(w, entry, weir__heap_value(entry))) return false;
    meta->flags &= ~(uint32_t)(WEIR__DIRTY | WEIR__IN_STORE);
    if (!(meta->flags & WEIR__ABSENT)) meta->flags |= WEIR__IN_STORE;
    return true;
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
        if (meta->flags & WEIR__DIRTY) ok = write_entry(w, entry, meta);
    }
    return ok;
}

/* ---- what is changed --------------------------------------------------------------------------------------------- */

#define FEW_OF_ALL 16 /* one of so many */
#define FEW        64

static size_t entries_at_hand(const struct stored *d)
{
    size_t n = 0;
    for (uint32_t i = 0; i < d->set.n_states; i++) n += d->cache->states[i].n_entries;
    return n;
}

static void list_none(struct stored *d, bool are_many)
{
    weir_key_bytes_finish(&d->dirty.keys);
    d->dirty = (struct stored_dirty){.are_many = are_many};
}

void weir__stored_list_dirty(struct stored *d, uint32_t state, uint32_t group, int64_t ns, const struct heap_key *entry)
{
    struct stored_dirty *list = &d->dirty;
    uint32_t n = 0;
    if (list->are_many) return;
    size_t at = list->keys.n;
    bool ok = list->n < entries_at_hand(d) / FEW_OF_ALL + FEW && weir_key_bytes_add(&list->keys, &n, sizeof n) &&
              weir__stored_prefix(d, &list->keys, state, group, ns) &&
              weir_key_bytes_add(&list->keys, weir__heap_key_bytes(entry), entry->n);
    if (!ok) {
        list_none(d, true);
        return;
    }
    n = (uint32_t)(list->keys.n - at - sizeof n);
    memcpy(list->keys.p + at, &n, sizeof n);
    list->n++;
}

/* The entry of a record, if it is still at hand and DIRTY. */
static bool write_listed(struct writing *w, weir_str record_key)
{
    struct stored *d = w->d;
    weir_str key = weir__stored_key_of(record_key);
    w->state = weir__stored_state_of(record_key);
    w->group = weir__stored_group_of(record_key);
    w->ns = weir__stored_ns(record_key);
    const struct heap_state *s = &d->cache->states[w->state];
    struct heap_table *t = weir__heap_find_table(&s->groups[w->group - d->set.first_group], w->ns);
    const uint8_t *p = (const uint8_t *)key.p;
    uint64_t hash = weir_key_hash64(p, key.n);
    struct heap_key *entry = t ? weir__heap_find(d->cache, s, t, p, (uint32_t)key.n, hash) : NULL;
    struct stored_meta *meta = entry ? weir__stored_meta(s, weir__heap_value(entry)) : NULL;
    return !meta || !(meta->flags & WEIR__DIRTY) || write_entry(w, entry, meta);
}

static bool write_list(struct writing *w)
{
    const struct weir_key_bytes *keys = &w->d->dirty.keys;
    uint32_t n;
    bool ok = true;
    for (size_t at = 0; ok && at < keys->n; at += sizeof n + n) {
        memcpy(&n, keys->p + at, sizeof n);
        ok = write_listed(w, (weir_str){(const char *)keys->p + at + sizeof n, n});
    }
    return ok;
}

static bool write_all(struct writing *w)
{
    const struct stored *d = w->d;
    bool ok = true;
    for (w->state = 0; ok && w->state < d->set.n_states; w->state++) {
        for (w->group = d->set.first_group; ok && w->group <= d->set.last_group; w->group++) {
            const struct heap_group *g = &d->cache->states[w->state].groups[w->group - d->set.first_group];
            for (uint32_t i = 0; ok && i < g->n; i++) ok = write_table(w, g->tables[i]);
        }
    }
    return ok;
}

/* In batches that are not too many to wait together. */
bool weir__stored_write_back(struct stored *d)
{
    size_t part = weir__stored_room(d) / 32;
    struct writing w = {.d = d, .batch_bytes = part > BATCH_BYTES ? part : BATCH_BYTES};
    bool ok = !weir__stored_failed(d);
    d->records.n = 0;
    if (d->store->writer) weir_store_writer_cut(d->store->writer, true);
    ok = ok && (d->dirty.are_many ? write_all(&w) : write_list(&w));
    ok = ok && write_batch(&w);
    if (d->store->writer) weir_store_writer_cut(d->store->writer, false);
    if (ok) list_none(d, false);
    weir_free(w.changes);
    return ok;
}

/* ---- ages -------------------------------------------------------------------------------------------------------- */

#define AGES_OF_A_CACHE 16
#define PART_THAT_GOES  4
#define MOST_AT_ONCE    262144 /* bytes that are made free */

static uint32_t age_before(uint32_t now, uint32_t by)
{
    return now > by ? now - by : now + WEIR__AGES - by;
}

/* Ages that have passed since. */
static uint32_t how_old(uint32_t now, uint32_t age)
{
    return age <= now ? now - age : now + WEIR__AGES - age;
}

void weir__stored_forget(struct stored *d, struct stored_meta *meta)
{
    if (meta->age == WEIR__UNASKED) return;
    d->ages.n[meta->age]--;
    d->ages.all--;
    meta->age = WEIR__UNASKED;
}

static void set_age(struct stored *d, struct stored_meta *meta, uint32_t age)
{
    weir__stored_forget(d, meta);
    meta->age = (uint8_t)age;
    d->ages.n[age]++;
    d->ages.all++;
}

void weir__stored_pin(struct stored *d, struct stored_meta *meta)
{
    set_age(d, meta, WEIR__PINNED);
}

void weir__stored_ask(struct stored *d, uint32_t state, struct stored_meta *meta)
{
    bool is_first = meta->age == WEIR__UNASKED || meta->age == WEIR__PINNED;
    set_age(d, meta, is_first ? age_before(d->ages.now, AGES_OF_A_CACHE / 2) : d->ages.now);
    if (!(meta->flags & WEIR__EXPECTED)) return;
    meta->flags &= ~(uint32_t)WEIR__EXPECTED;
    d->states[state].n_met++;
}

/* One that was read ahead has not been asked for yet: as young as may be, but that asking for it shows. */
void weir__stored_meet(struct stored *d, uint32_t state, struct stored_meta *meta)
{
    if (meta->flags & WEIR__EXPECTED)
        set_age(d, meta, age_before(d->ages.now, 1));
    else
        weir__stored_touch(d, state, meta);
}

void weir__stored_grow_older(struct stored *d)
{
    struct stored_ages *a = &d->ages;
    if (d->cache->bytes > a->seen) a->grown += d->cache->bytes - a->seen;
    a->seen = d->cache->bytes;
    if (a->grown < weir__stored_room(d) / AGES_OF_A_CACHE) return;
    a->grown = 0;
    a->now = a->now % WEIR__AGES + 1;
}

/* From how many ages on an entry is among the oldest quarter. */
static uint32_t old_enough(const struct stored *d)
{
    const struct stored_ages *a = &d->ages;
    size_t all = entries_at_hand(d), older = all - a->all + (d->expected.pins ? 0 : a->n[WEIR__PINNED]);
    uint32_t ages = WEIR__AGES;
    while (ages > 0 && older < (all + PART_THAT_GOES - 1) / PART_THAT_GOES) older += a->n[age_before(a->now, --ages)];
    return ages;
}

/* ---- letting go -------------------------------------------------------------------------------------------------- */

struct leaving {
    struct writing writing;
    const struct heap_state *s;
    uint32_t old; /* ages */
    bool failed;
};

static bool is_old(const struct leaving *l, const struct stored_meta *meta)
{
    const struct stored *d = l->writing.d;
    if (meta->age == WEIR__UNASKED) return true;
    if (meta->age == WEIR__PINNED) return !d->expected.pins;
    return how_old(d->ages.now, meta->age) >= l->old;
}

static bool leaves(void *arg, void *value)
{
    struct leaving *l = arg;
    struct stored_meta *meta = weir__stored_meta(l->s, value);
    if (l->failed || !is_old(l, meta)) return false;
    l->failed = meta->flags & WEIR__DIRTY && !write_entry(&l->writing, (struct heap_key *)value - 1, meta);
    if (l->failed) return false;
    weir__stored_forget(l->writing.d, meta);
    return true;
}

/* Those of one key group of a state; the hand goes on to the next. */
static void let_group_go(struct stored *d, struct leaving *l)
{
    struct heap_state *s = &d->cache->states[d->hand_state];
    struct heap_group *g = &s->groups[d->hand_group];
    l->s = s;
    l->writing.state = d->hand_state;
    l->writing.group = d->set.first_group + d->hand_group;
    for (uint32_t t = g->n; t-- > 0 && !l->failed;) {
        l->writing.ns = g->tables[t]->ns;
        weir__heap_remove_if(d->cache, s, g->tables[t], leaves, l);
        if (g->tables[t]->live == 0) weir__heap_drop_table(d->cache, s, g, g->tables[t]->ns);
    }
    if (d->hand_group++ < d->set.last_group - d->set.first_group) return;
    d->hand_group = 0;
    d->hand_state = (d->hand_state + 1) % d->set.n_states;
}

static size_t some_of(size_t room)
{
    return room / 8 < MOST_AT_ONCE ? room / 8 : MOST_AT_ONCE;
}

/* One round takes what is old as such, the next one whatever may go: what came last is more than the room. */
void weir__stored_shrink(struct stored *d)
{
    struct leaving l = {.writing = {.d = d, .batch_bytes = BATCH_BYTES}, .failed = weir__stored_failed(d)};
    size_t enough = d->cache_base + weir__stored_room(d) - some_of(weir__stored_room(d));
    size_t round = (size_t)d->set.n_states * (d->set.last_group - d->set.first_group + 1);
    d->records.n = 0;
    d->set.is_partial = d->cache->has_no_index = true;
    for (uint32_t i = 0; i < d->set.n_states; i++) weir__heap_free_indexes(d->cache, &d->cache->states[i]);
    for (size_t i = 0; i < 2 * round && d->cache->bytes > enough && !l.failed; i++) {
        if (i == round && !weir__stored_is_over(d)) break;
        l.old = i < round ? old_enough(d) : 0;
        let_group_go(d, &l);
    }
    if (!l.failed) (void)write_batch(&l.writing);
    weir_free(l.writing.changes);
    d->ages.seen = d->cache->bytes;
}
