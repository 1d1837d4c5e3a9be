/* stored_cache.c - letting entries go. One thread.
 *
 * What is DIRTY is written when it leaves (stored_write.c). When the cache is full, a hand goes round over the key groups,
 * and of each the entries leave that are among the oldest quarter of all, until there is some room: so a little is written
 * all the time, and no pause is long. What is oldest is told by counts of the entries of each age, which change with an
 * entry's own, once in an age: to find an entry again costs nothing.
 */
#include "state/stored_internal.h"

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

size_t weir__stored_at_hand(const struct stored *d)
{
    size_t n = 0;
    for (uint32_t i = 0; i < d->set.n_states; i++) n += d->cache->states[i].n_entries;
    return n;
}

/* From how many ages on an entry is among the oldest quarter. */
static uint32_t old_enough(const struct stored *d)
{
    const struct stored_ages *a = &d->ages;
    size_t all = weir__stored_at_hand(d), older = all - a->all + (d->expected.pins ? 0 : a->n[WEIR__PINNED]);
    uint32_t ages = WEIR__AGES;
    while (ages > 0 && older < (all + PART_THAT_GOES - 1) / PART_THAT_GOES) older += a->n[age_before(a->now, --ages)];
    return ages;
}

/* ---- letting go -------------------------------------------------------------------------------------------------- */

struct leaving {
    struct stored *d;
    struct stored_place place;
    const struct heap_state *s;
    uint32_t old; /* ages */
    bool failed;
};

static bool is_old(const struct leaving *l, const struct stored_meta *meta)
{
    const struct stored *d = l->d;
    if (meta->age == WEIR__UNASKED) return true;
    if (meta->age == WEIR__PINNED) return !d->expected.pins;
    return how_old(d->ages.now, meta->age) >= l->old;
}

/* What was changed behind a cut stays until that is written. */
static bool leaves(void *arg, void *value)
{
    struct leaving *l = arg;
    struct stored_meta *meta = weir__stored_meta(l->s, value);
    bool is_dirty = meta->flags & WEIR__DIRTY;
    if (l->failed || !is_old(l, meta)) return false;
    if (is_dirty && l->d->cut.is_on && !weir__stored_is_of_cut(l->d, meta)) return false;
    l->failed = is_dirty && !weir__stored_write(l->d, &l->place, (struct heap_key *)value - 1, meta);
    if (l->failed) return false;
    weir__stored_forget(l->d, meta);
    return true;
}

/* Those of one key group of a state; the hand goes on to the next. */
static void let_group_go(struct stored *d, struct leaving *l)
{
    struct heap_state *s = &d->cache->states[d->hand_state];
    struct heap_group *g = &s->groups[d->hand_group];
    l->s = s;
    l->place.state = d->hand_state;
    l->place.group = d->set.first_group + d->hand_group;
    for (uint32_t t = g->n; t-- > 0 && !l->failed;) {
        uint32_t used = g->tables[t]->used;
        l->place.ns = g->tables[t]->ns;
        weir__heap_remove_if(d->cache, s, g->tables[t], leaves, l);
        weir__stored_moved(d, &l->place, used - g->tables[t]->used);
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
static bool let_go(struct stored *d, struct leaving *l)
{
    size_t enough = d->cache_base + weir__stored_room(d) - some_of(weir__stored_room(d));
    size_t round = (size_t)d->set.n_states * (d->set.last_group - d->set.first_group + 1);
    for (size_t i = 0; i < 2 * round && d->cache->bytes > enough && !l->failed; i++) {
        if (i == round && !weir__stored_is_over(d)) break;
        l->old = i < round ? old_enough(d) : 0;
        let_group_go(d, l);
    }
    return !l->failed;
}

void weir__stored_shrink(struct stored *d)
{
    struct leaving l = {.d = d};
    d->set.is_partial = d->cache->has_no_index = true;
    for (uint32_t i = 0; i < d->set.n_states; i++) weir__heap_free_indexes(d->cache, &d->cache->states[i]);
    bool ok = !weir__stored_failed(d) && let_go(d, &l);
    if (ok && d->cut.is_on && weir__stored_is_over(d)) ok = weir__stored_finish_cut(d) && let_go(d, &l);
    if (ok) (void)!weir__stored_flush(d); /* also what was encoded before, of entries that have left now */
    d->ages.seen = d->cache->bytes;
}
