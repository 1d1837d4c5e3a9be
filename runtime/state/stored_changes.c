/* stored_changes.c - what changed since an earlier cut, for checkpoints that hold no more than that. One thread.
 *
 * At a cut all that is DIRTY is written back; so what changed between two cuts is what was written to the store between
 * them, and that is where it is noted: nothing is paid for a record. Each cut begins a journal, of the keys of records that
 * are written and of ranges that are removed. The changes since cut B are the journals of B and of all later cuts, so what
 * belongs to a checkpoint that failed or was given up is in the next one by itself. Once a checkpoint is built upon, the
 * journals before it go.
 *
 * Of several notes of a key the first one tells whether it was there at the base, the last one whether it is there now, and
 * its order: an order beyond the base's last one means that it went and came back, which puts it behind the others.
 *
 * Memory: keys, in journals of at most half the room of the cache, at least 1 MiB. When there are more, they are forgotten
 * and the next cut is whole, as it is after every N cuts, and when the changes since the last whole one would be as many as
 * there are entries.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "state/stored_internal.h"

#define LEAST_LIMIT (1 << 20)
#define AT_ONCE     64 /* entries that are asked for together */

/* What stands before a key in a journal. */
struct head {
    uint64_t order;
    uint32_t n, flags;
};

/* ---- journals ---------------------------------------------------------------------------------------------------- */

static struct weir_key_bytes *journal(struct stored_changes *c)
{
    return &c->seals[c->n_seals - 1].journal;
}

static void forget_notes(struct stored_changes *c)
{
    weir_free(c->notes);
    c->notes = NULL;
    c->n_notes = c->next = 0;
}

static void drop_seals(struct stored_changes *c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        c->bytes -= c->seals[i].journal.n;
        weir_key_bytes_finish(&c->seals[i].journal);
    }
    c->n_seals -= n;
    if (n > 0) memmove(c->seals, c->seals + n, c->n_seals * sizeof *c->seals);
}

void weir__stored_changes_finish(struct stored_changes *c)
{
    forget_notes(c);
    drop_seals(c, c->n_seals);
    weir_free(c->seals);
}

static bool add_note(struct weir_key_bytes *to, struct head head, const uint8_t *key)
{
    return weir_key_bytes_add(to, &head, sizeof head) && weir_key_bytes_add(to, key, head.n);
}

/* By key, what came first before what came later. A range stands before the keys in it. */
static int by_key(const void *a, const void *b)
{
    const struct stored_note *x = a, *y = b;
    int order = memcmp(x->key, y->key, x->n < y->n ? x->n : y->n);
    if (order == 0) order = (x->n > y->n) - (x->n < y->n);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* One note for each key, in order of keys, of journals `first` and later. False: no memory. */
static bool collect(struct stored_changes *c, size_t first)
{
    size_t n = 0, left = 0;
    forget_notes(c);
    for (size_t i = first; i < c->n_seals; i++) n += c->seals[i].n_notes;
    if (n > 0 && !(c->notes = weir_try_alloc(n * sizeof *c->notes))) return false;
    for (size_t i = first; i < c->n_seals; i++) {
        const struct weir_key_bytes *from = &c->seals[i].journal;
        struct head head;
        for (size_t at = 0; at < from->n; at += sizeof head + head.n) {
            memcpy(&head, from->p + at, sizeof head);
            c->notes[left] = (struct stored_note){from->p + at + sizeof head, head.order, left, head.n, head.flags};
            left++;
        }
    }
    if (n > 1) qsort(c->notes, n, sizeof *c->notes, by_key);
    left = 0;
    for (size_t i = 0; i < n; i++) {
        struct stored_note *note = &c->notes[i], *last = left > 0 ? &c->notes[left - 1] : NULL;
        if (last && last->n == note->n && memcmp(last->key, note->key, note->n) == 0) {
            last->at = note->at;
            last->order = note->order;
            last->flags = (last->flags & WEIR__NOTE_WAS_THERE) | (note->flags & ~(uint32_t)WEIR__NOTE_WAS_THERE);
        } else {
            c->notes[left++] = *note;
        }
    }
    c->n_notes = left;
    return true;
}

static int by_time(const void *a, const void *b)
{
    const struct stored_note *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

/* The last journal again, each key once, in order of time: of a key and its range, which came later counts. */
static bool compact(struct stored_changes *c)
{
    struct weir_key_bytes shorter = {0};
    struct stored_seal *seal = &c->seals[c->n_seals - 1];
    bool ok = collect(c, c->n_seals - 1);
    if (ok && c->n_notes > 1) qsort(c->notes, c->n_notes, sizeof *c->notes, by_time);
    for (size_t i = 0; ok && i < c->n_notes; i++) {
        const struct stored_note *note = &c->notes[i];
        ok = add_note(&shorter, (struct head){note->order, note->n, note->flags}, note->key);
    }
    if (ok) {
        c->bytes -= seal->journal.n - shorter.n;
        seal->n_notes = c->n_notes;
        weir_key_bytes_finish(&seal->journal);
        seal->journal = shorter;
    } else {
        weir_key_bytes_finish(&shorter);
    }
    forget_notes(c);
    return ok;
}

static size_t limit_of(const struct stored *d)
{
    size_t half = d->store->cache_bytes / d->store->n_sets / 2;
    return half > LEAST_LIMIT ? half : LEAST_LIMIT;
}

void weir__stored_note(struct stored *d, const uint8_t *key, size_t n, uint32_t flags, uint64_t order)
{
    struct stored_changes *c = &d->changes;
    if (c->n_seals == 0) return;
    size_t before = journal(c)->n;
    bool ok = add_note(journal(c), (struct head){order, (uint32_t)n, flags}, key);
    c->bytes += journal(c)->n - before;
    c->seals[c->n_seals - 1].n_notes++;
    if (ok && c->bytes > limit_of(d)) ok = compact(c) && c->bytes <= limit_of(d) / 2;
    if (!ok) drop_seals(c, c->n_seals);
}

/* ---- cuts -------------------------------------------------------------------------------------------------------- */

static size_t all_entries(const struct stored *d)
{
    size_t n = 0;
    for (uint32_t i = 0; i < d->set.n_states; i++) n += d->states[i].n_entries;
    return n;
}

/* The place of the base among the cuts; n_seals: it is none of them. */
static size_t find_base(const struct stored_changes *c, int64_t base)
{
    size_t at = 0;
    while (at < c->n_seals && c->seals[at].number != base) at++;
    return base > 0 ? at : c->n_seals;
}

int64_t weir__stored_begin_cut(struct weir_state_set *set, const struct weir_cut_order *order)
{
    struct stored *d = weir__stored_of(set);
    struct stored_changes *c = &d->changes;
    struct stored_seal seal = {.number = order->number};
    if (!weir__stored_write_back(d)) return -1;
    seal.order = d->order;
    size_t base = find_base(c, order->base);
    bool is_delta = base < c->n_seals;
    if (is_delta) {
        drop_seals(c, base);
        is_delta = c->seals[0].depth < order->most && collect(c, 0);
        seal.depth = c->seals[0].depth + 1;
        seal.weight = c->seals[0].weight + c->n_notes;
        c->base_order = c->seals[0].order;
        is_delta = is_delta && seal.weight < all_entries(d);
    }
    if (!is_delta) {
        forget_notes(c);
        seal.depth = 0;
        seal.weight = 0;
    }
    WEIR_GROW(c->seals, c->seals_capacity, c->n_seals + 1);
    c->seals[c->n_seals++] = seal;
    return is_delta ? order->base : 0;
}

/* ---- telling ----------------------------------------------------------------------------------------------------- */

typedef weir_status tell(void *arg, const struct weir_state_change *);

struct run { /* the notes of one namespace of a key group, in order of keys */
    struct stored *d;
    struct stored_note *notes;
    size_t n;
    uint32_t state, group;
    int64_t ns;
    tell *fn;
    void *arg;
};

static weir_str record_key(const struct stored_note *note)
{
    return (weir_str){(const char *)note->key, note->n};
}

static struct weir_state_change change_of(const struct run *r, const struct stored_note *note, enum weir_change_kind kind)
{
    weir_str key = weir__stored_key_of(record_key(note));
    const uint8_t *p = (const uint8_t *)key.p;
    uint32_t n = (uint32_t)key.n;
    return (struct weir_state_change){.kind = kind,
                                      .state = r->state,
                                      .ns = r->ns,
                                      .key = {.p = p, .n = n, .group = r->group, .hash = weir_key_hash64(p, n)}};
}

/* Entries that are there, by order: at most AT_ONCE, read together. */
static weir_status tell_changed(const struct run *r, const struct stored_note *notes, size_t n)
{
    struct stored *d = r->d;
    const struct heap_state *s = &d->cache->states[r->state];
    enum weir_state_shape shape = weir_layout_shape(&d->set.layouts[r->state]);
    struct weir_state_change changes[AT_ONCE];
    struct stored_wanted wanted[AT_ONCE];
    size_t n_wanted = 0;
    for (size_t i = 0; i < n; i++) {
        changes[i] = change_of(r, &notes[i], WEIR_ENTRY_CHANGED);
        const struct weir_key_ref *key = &changes[i].key;
        void *value = weir__heap_edit(&d->cache->set, r->state, shape, key, r->ns);
        if (!value) return WEIR_E_MEMORY;
        changes[i].value = value;
        if (!(weir__stored_meta(s, value)->flags & WEIR__LOADED))
            wanted[n_wanted++] = (struct stored_wanted){value, key->p, key->n, key->group};
    }
    if (n_wanted > 0 && !weir__stored_load(d, r->state, r->ns, wanted, n_wanted)) return d->store->failure.status;
    weir_status status = WEIR_OK;
    for (size_t i = 0; status == WEIR_OK && i < n; i++) {
        WEIR_ASSERT(!(weir__stored_meta(s, changes[i].value)->flags & WEIR__ABSENT));
        if (shape != WEIR_SHAPE_VALUE) changes[i].value = NULL;
        status = r->fn(r->arg, &changes[i]);
    }
    d->set.ops->settle(&d->set);
    return status;
}

static int by_order(const void *a, const void *b)
{
    const struct stored_note *x = a, *y = b;
    return (x->order > y->order) - (x->order < y->order);
}

/* The range first; then what went, where the range has not taken it along; then what is there. */
static weir_status tell_run(struct run *r)
{
    bool has_range = r->notes[0].flags & WEIR__NOTE_RANGE;
    size_t range_at = r->notes[0].at, n = 0;
    weir_status status = WEIR_OK;
    if (has_range) {
        struct weir_state_change gone = {.kind = WEIR_NAMESPACE_GONE, .state = r->state, .ns = r->ns};
        status = r->fn(r->arg, &gone);
    }
    for (size_t i = has_range; status == WEIR_OK && i < r->n; i++) {
        struct stored_note note = r->notes[i];
        bool is_there = !(note.flags & WEIR__NOTE_GONE) && (!has_range || note.at > range_at);
        bool went = !is_there || note.order > r->d->changes.base_order;
        if (went && !has_range && note.flags & WEIR__NOTE_WAS_THERE) {
            struct weir_state_change gone = change_of(r, &note, WEIR_ENTRY_GONE);
            status = r->fn(r->arg, &gone);
        }
        if (is_there) r->notes[n++] = note;
    }
    if (n > 1) qsort(r->notes, n, sizeof *r->notes, by_order);
    for (size_t i = 0; status == WEIR_OK && i < n; i += AT_ONCE)
        status = tell_changed(r, r->notes + i, n - i < AT_ONCE ? n - i : AT_ONCE);
    return status;
}

/* Of the same namespace: no prefix begins another one. */
static bool is_beside(const struct stored_note *first, const struct stored_note *other)
{
    size_t n = weir__stored_prefix_size(record_key(first));
    return other->n >= n && memcmp(first->key, other->key, n) == 0;
}

weir_status weir__stored_each_change(struct weir_state_set *set, uint32_t group, tell *fn, void *arg)
{
    struct stored *d = weir__stored_of(set);
    struct stored_changes *c = &d->changes;
    weir_status status = WEIR_OK;
    while (status == WEIR_OK && c->next < c->n_notes) {
        struct stored_note *first = &c->notes[c->next];
        size_t n = 1;
        weir_str key = record_key(first);
        if (weir__stored_group_of(key) > group) break;
        while (c->next + n < c->n_notes && is_beside(first, &first[n])) n++;
        c->next += n;
        struct run run = {.d = d,
                          .notes = first,
                          .n = n,
                          .state = weir__stored_state_of(key),
                          .group = group,
                          .ns = weir__stored_ns(key),
                          .fn = fn,
                          .arg = arg};
        status = tell_run(&run);
    }
    if (group == set->last_group) forget_notes(c);
    return status;
}
