/* stored_expect.c - entries that a batch is going to ask for are read on other threads before it is processed. One thread,
 * but for the reading itself (store_fetch.c).
 *
 * A hint and no more: what has come goes into the cache as if it had been asked for, and what is missing there is read when
 * it is asked for. Nothing of the set is touched while the answer is under way, but for what others than the batch do
 * there; when that wrote anything, the answer may be old, and is not used.
 *
 * Not worth a question: sets that have let nothing go, since the store knows nothing that the cache does not; few keys, for
 * which another thread costs more than it spares; states that a component declares and seldom touches, which is counted.
 *
 * What came is pinned until other rows are expected: it stays in the cache, however full that is, and takes a quarter of
 * it at most. If nobody has asked for it by then, it is the first to go.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "state/stored_internal.h"

#define FAIR_TRIAL  1024 /* entries of a state; */
#define NOT_FOR_NOW 256  /* batches in which it is left alone when less than half of them were asked for */
#define PINNED_PART 4    /* of the cache */

/* ---- what to ask for --------------------------------------------------------------------------------------------- */

struct collecting {
    struct stored *d;
    uint32_t state;
    int64_t ns;
};

/* The bytes of a key behind those of the others: their places are set when there are no more. What is at hand is going to
 * stay. */
static bool collect(void *arg, uint32_t group, const uint8_t *key, uint32_t n, void *value)
{
    struct collecting *c = arg;
    struct stored_expected *e = &c->d->expected;
    if (value) {
        weir__stored_meet(c->d, c->state, weir__stored_meta(&c->d->cache->states[c->state], value));
        return true;
    }
    if (!WEIR_TRY_GROW(e->keys, e->capacity, e->n + 1)) return false;
    size_t before = e->bytes.n;
    bool ok = weir__stored_prefix(c->d, &e->bytes, c->state, group, c->ns) && weir_key_bytes_add(&e->bytes, key, n);
    e->keys[e->n++].n = e->bytes.n - before;
    return ok;
}

static int by_bytes(const void *a, const void *b)
{
    const weir_str *x = a, *y = b;
    int order = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

/* In the order of the store, each once, but for those that are on their way to it: they are at hand. */
static void sort_keys(struct stored *d)
{
    struct stored_expected *e = &d->expected;
    const char *p = (const char *)e->bytes.p;
    size_t n = 0;
    for (size_t i = 0; i < e->n; p += e->keys[i++].n) e->keys[i].p = p;
    if (e->n > 1) qsort(e->keys, e->n, sizeof *e->keys, by_bytes);
    for (size_t i = 0; i < e->n; i++) {
        if (n > 0 && by_bytes(&e->keys[n - 1], &e->keys[i]) == 0) continue;
        if (d->store->writer && weir_store_writer_has(d->store->writer, e->keys[i])) continue;
        e->keys[n++] = e->keys[i];
    }
    e->n = n;
}

static bool is_worth_it(struct stored_state *s)
{
    if (s->n_expected < FAIR_TRIAL || s->n_met >= s->n_expected / 2) return true;
    if (++s->n_unasked < NOT_FOR_NOW) return false;
    s->n_expected = s->n_met = s->n_unasked = 0;
    return true;
}

static bool collect_keys(struct collecting *c, const struct weir_state_expected *what, const struct weir_state_wanted *which)
{
    const struct heap_state *s = &c->d->cache->states[c->state];
    bool ok = true;
    for (int64_t i = which->from; ok && i < which->until; i++) {
        const struct weir_key_ref *key = &what->keys[i];
        struct heap_table *t = weir__heap_find_table(&s->groups[key->group - c->d->set.first_group], c->ns);
        struct heap_key *entry = t ? weir__heap_find(c->d->cache, s, t, key->p, key->n, key->hash) : NULL;
        ok = collect(c, key->group, key->p, key->n, entry ? weir__heap_value(entry) : NULL);
    }
    return ok;
}

static bool collect_some(struct collecting *c, const struct weir_state_expected *what, const struct weir_state_wanted *which)
{
    c->ns = which->ns;
    if (!what->rows) return collect_keys(c, what, which);
    return weir__heap_each_row(&c->d->cache->set, c->state, what->rows, what->fields, what->n_fields, which, collect, c) >=
           0;
}

static bool collect_state(struct collecting *c, const struct weir_state_expected *what)
{
    struct stored *d = c->d;
    bool is_asked = false;
    for (size_t i = 0; i < what->n_wanted; i++) {
        const struct weir_state_wanted *which = &what->wanted[i];
        if (which->state != c->state && which->state != WEIR_EVERY_STATE) continue;
        if (!weir__stored_may_hold(d, c->state, which->ns)) continue;
        if (!is_asked && !is_worth_it(&d->states[c->state])) return true;
        is_asked = true;
        if (!collect_some(c, what, which)) return false;
    }
    return true;
}

static bool collect_all(struct stored *d, const struct weir_state_expected *what)
{
    struct collecting c = {.d = d};
    d->expected.n = d->expected.bytes.n = 0;
    for (; c.state < d->set.n_states; c.state++) {
        if (!collect_state(&c, what)) return false;
    }
    if (d->expected.n >= d->store->fetch_least) sort_keys(d);
    return d->expected.n >= d->store->fetch_least;
}

/* ---- what has come ----------------------------------------------------------------------------------------------- */

struct arriving {
    struct stored *d;
    size_t most; /* bytes of the cache */
};

static weir_status arrive(void *arg, size_t i, weir_str record)
{
    const struct arriving *a = arg;
    struct stored *d = a->d;
    weir_str record_key = d->expected.keys[i], key = weir__stored_key_of(record_key);
    uint32_t state = weir__stored_state_of(record_key);
    struct weir_key_ref ref = {.p = (const uint8_t *)key.p,
                               .n = (uint32_t)key.n,
                               .group = weir__stored_group_of(record_key),
                               .hash = weir_key_hash64(key.p, key.n)};
    uint64_t order = 0;
    const struct heap_state *s = &d->cache->states[state];
    if (d->cache->bytes > a->most) return WEIR_OK;
    void *value =
        weir__heap_edit(&d->cache->set, state, weir_layout_shape(&d->set.layouts[state]), &ref, weir__stored_ns(record_key));
    if (!value) return WEIR_E_MEMORY;
    struct stored_meta *meta = weir__stored_meta(s, value);
    if (meta->flags & WEIR__LOADED) return WEIR_OK; /* asked for meanwhile */
    weir_status status = record.p ? weir__stored_decode(d, s, record, &order, value) : WEIR_OK;
    if (status != WEIR_OK) return status;
    meta->order = order;
    meta->flags = WEIR__LOADED | WEIR__EXPECTED | (record.p ? WEIR__IN_STORE : WEIR__ABSENT);
    weir__stored_pin(d, meta);
    d->states[state].n_expected++;
    return WEIR_OK;
}

static void take_in(struct stored *d)
{
    struct stored_expected *e = &d->expected;
    struct arriving a = {d, d->cache->bytes + d->store->cache_bytes / d->store->n_sets / PINNED_PART};
    weir_io_error why = {0};
    e->is_out = false;
    if (e->n_written != d->n_written || weir__stored_failed(d)) return;
    e->pins = true;
    weir_status s = weir_store_fetch_take(e->fetch, arrive, &a, &why);
    if (s < 0) weir__stored_unread(d, s, &why);
    d->set.ops->settle(&d->set);
}

/* ---- the hint ---------------------------------------------------------------------------------------------------- */

static bool begin(struct stored *d, const struct weir_state_expected *what)
{
    struct stored_expected *e = &d->expected;
    const struct weir_state_store *store = d->store;
    const struct weir_store_fetch_options o = {
        .backend = store->read, .self = store->read_self, .platform = store->platform};
    struct weir_error why;
    if (!e->fetch && weir_store_fetch_create(&o, &e->fetch, &why) != WEIR_OK) return false;
    e->n_written = d->n_written;
    e->is_out = weir_store_fetch_begin(e->fetch, e->keys, e->n, what->come, what->arg);
    return e->is_out;
}

void weir__stored_expected_finish(struct stored_expected *e)
{
    weir_store_fetch_destroy(e->fetch);
    weir_key_bytes_finish(&e->bytes);
    weir_free(e->keys);
    *e = (struct stored_expected){0};
}

weir_status weir__stored_expect(struct weir_state_set *set, const struct weir_state_expected *what)
{
    struct stored *d = weir__stored_of(set);
    struct stored_expected *e = &d->expected;
    if (!what) {
        weir__stored_expected_finish(e);
        return WEIR_OK;
    }
    if (e->is_out) {
        if (!weir_store_fetch_is_done(e->fetch)) return WEIR_MORE;
        take_in(d);
        return WEIR_OK;
    }
    e->pins = e->pins && what->goes_on;
    if (!set->is_partial || !d->store->read || weir__stored_failed(d)) return WEIR_OK;
    return collect_all(d, what) && begin(d, what) ? WEIR_MORE : WEIR_OK;
}
