/* ttl.c - see the header. Subtask's thread.
 *
 * Invariant: what is expired and was read is gone or has the time WEIR_TTL_GONE; the latter while the component may still
 * look at it, and until somebody comes across it.
 */
#include "state/ttl.h"

#include <string.h>

#include "base/alloc.h"
#include "data/key.h"

#define WALK 64 /* entries looked at in one go */

struct expiring {
    uint64_t seen;   /* the hold in which its list was last read */
    uint64_t credit; /* entries to look at */
    uint32_t group;  /* where the sweep is, from the first on */
    weir_cursor at;
};
struct found_key { /* in keys */
    size_t at;
    uint32_t n;
    uint64_t hash;
};
struct weir_ttl {
    const struct weir_state_layout *layouts;
    uint32_t n;
    const struct weir_platform *platform;
    struct expiring *states;
    uint64_t hold;
    int64_t now;
    bool knows_now; /* in this hold */
    uint8_t *room;  /* structs with their time */
    size_t capacity;
    struct weir_key_bytes keys;
    struct found_key *found;
    size_t n_found, found_capacity;
};

/* ---- layouts ----------------------------------------------------------------------------------------------------- */

static void add_time(struct weir_state_layout *l)
{
    weir_field *fields = weir_alloc_array(l->n_fields + 1, sizeof *fields);
    if (l->n_fields > 0) memcpy(fields, l->fields, l->n_fields * sizeof *fields);
    l->is_timed = true;
    l->plain_size = l->size;
    l->ttl_at = (l->size + 7) / 8 * 8;
    l->size = l->ttl_at + (uint32_t)sizeof(int64_t);
    fields[l->n_fields++] = (weir_field){
        .name = WEIR_TTL_MEMBER, .type = WEIR_TIMESTAMP, .offset = l->ttl_at, .size = (uint32_t)sizeof(int64_t)};
    l->fields = fields;
}

struct weir_state_layout *weir_ttl_layouts(const struct weir_state_layout *layouts, uint32_t n,
                                           const struct weir_state_ttl *rules)
{
    bool any = false;
    for (uint32_t i = 0; i < n; i++) any |= (rules ? rules[i].ms : layouts[i].ttl_ms) > 0;
    if (!any) return NULL;
    struct weir_state_layout *copy = weir_alloc_array(n, sizeof *copy);
    for (uint32_t i = 0; i < n; i++) {
        struct weir_state_layout *l = &copy[i];
        *l = layouts[i];
        if (rules) {
            l->ttl_ms = rules[i].ms;
            l->ttl_flags = rules[i].flags;
            l->ttl_sweep = rules[i].sweep;
        }
        if (l->ttl_ms > 0) add_time(l);
    }
    return copy;
}

void weir_ttl_layouts_free(struct weir_state_layout *layouts, uint32_t n)
{
    for (uint32_t i = 0; layouts && i < n; i++) {
        if (layouts[i].is_timed) weir_free(layouts[i].fields);
    }
    weir_free(layouts);
}

/* ---- one operator's ---------------------------------------------------------------------------------------------- */

struct weir_ttl *weir_ttl_create(const struct weir_state_layout *layouts, uint32_t n, const struct weir_platform *platform)
{
    struct weir_ttl *t = weir_alloc(sizeof *t);
    *t = (struct weir_ttl){.layouts = layouts, .n = n, .platform = platform, .hold = 1};
    t->states = weir_alloc_array(n, sizeof *t->states);
    return t;
}

void weir_ttl_destroy(struct weir_ttl *t)
{
    if (!t) return;
    weir_free(t->states);
    weir_free(t->room);
    weir_free(t->found);
    weir_key_bytes_finish(&t->keys);
    weir_free(t);
}

bool weir_ttl_has(const struct weir_ttl *t, uint32_t state)
{
    return state < t->n && t->layouts[state].is_timed;
}

void weir_ttl_hold(struct weir_ttl *t)
{
    t->hold++;
    t->knows_now = false;
}

static int64_t now_of(struct weir_ttl *t)
{
    if (!t->knows_now) t->now = t->platform->wall_ms(t->platform->self);
    t->knows_now = true;
    return t->now;
}

/* ---- one struct -------------------------------------------------------------------------------------------------- */

static int64_t touched(const struct weir_state_layout *l, const void *value)
{
    return *(const int64_t *)(const void *)((const uint8_t *)value + l->ttl_at);
}

static void touch(const struct weir_state_layout *l, void *value, int64_t at)
{
    *weir_layout_touched(l, value) = at;
}

enum fate {
    LIVES,     /* to be seen */
    RENEWED,   /* the same, and touched by that */
    LAST_SEEN, /* to be seen once more, and then WEIR_TTL_GONE */
    DELETED
};
static enum fate fate_of(const struct weir_state_layout *l, const void *value, int64_t now)
{
    if (weir_layout_lives(l, value, now))
        return l->ttl_flags & WEIR_TTL_ON_READ && touched(l, value) != now ? RENEWED : LIVES;
    return l->ttl_flags & WEIR_TTL_SHOWN && touched(l, value) != WEIR_TTL_GONE ? LAST_SEEN : DELETED;
}

static bool is_seen(const struct weir_state_layout *l, const void *value, int64_t now)
{
    return fate_of(l, value, now) != DELETED;
}

static const struct weir_state_layout *access(struct weir_ttl *t, uint32_t state)
{
    const struct weir_state_layout *l = &t->layouts[state];
    t->states[state].credit += l->ttl_sweep;
    return l;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

const void *weir_ttl_value_get(struct weir_ttl *t, struct weir_state_set *set, uint32_t state,
                               const struct weir_key_ref *key)
{
    const struct weir_state_layout *l = access(t, state);
    const void *value = set->ops->value_get(set, state, key, 0);
    if (!value) return NULL;
    enum fate fate = fate_of(l, value, now_of(t));
    if (fate == LIVES) return value;
    if (fate == DELETED) {
        set->ops->clear(set, state, key, 0);
        return NULL;
    }
    void *changed = set->ops->value_edit(set, state, key, 0);
    if (changed) touch(l, changed, fate == RENEWED ? now_of(t) : WEIR_TTL_GONE);
    return changed;
}

bool weir_ttl_value_is_seen(struct weir_ttl *t, struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key)
{
    const void *value = set->ops->value_get(set, state, key, 0);
    return value && is_seen(&t->layouts[state], value, now_of(t));
}

void *weir_ttl_value_edit(struct weir_ttl *t, struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key)
{
    const struct weir_state_layout *l = access(t, state);
    const void *old = set->ops->value_get(set, state, key, 0);
    if (old && !is_seen(l, old, now_of(t))) set->ops->clear(set, state, key, 0);
    void *value = set->ops->value_edit(set, state, key, 0);
    if (value) touch(l, value, now_of(t));
    return value;
}

/* ---- lists ------------------------------------------------------------------------------------------------------- */

/* Room for n structs with their time; NULL: no memory. */
static uint8_t *room_for(struct weir_ttl *t, const struct weir_state_layout *l, size_t n)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, l->size, &bytes)) return NULL;
    if (bytes > t->capacity) {
        uint8_t *room = weir_try_realloc(t->room, bytes);
        if (!room) return NULL;
        t->room = room;
        t->capacity = bytes;
    }
    return t->room;
}

/* The items that stay, whose texts are still the list's. False: no memory, the list is as it was. */
static bool keep_items(struct weir_ttl *t, struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key,
                       bool reading)
{
    const struct weir_state_layout *l = &t->layouts[state];
    size_t n = set->ops->list_size(set, state, key, 0), kept = 0, changed = 0;
    int64_t now = now_of(t);
    uint8_t *room = n > 0 ? room_for(t, l, n) : NULL;
    if (!room) return n == 0;
    for (size_t i = 0; i < n; i++) {
        const void *item = set->ops->list_at(set, state, key, 0, i);
        enum fate fate = reading ? fate_of(l, item, now) : weir_layout_lives(l, item, now) ? LIVES : DELETED;
        changed += fate != LIVES;
        if (fate == DELETED) continue;
        uint8_t *to = room + kept++ * l->size;
        memcpy(to, item, l->size);
        if (fate != LIVES) touch(l, to, fate == RENEWED ? now : WEIR_TTL_GONE);
    }
    return changed == 0 || set->ops->list_update(set, state, key, 0, room, kept) == WEIR_OK;
}

/* What has expired goes once for each hold, so that a loop over a list is one. */
static void read_list(struct weir_ttl *t, struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key)
{
    struct expiring *e = &t->states[state];
    if (e->seen == t->hold) return;
    (void)access(t, state);
    if (keep_items(t, set, state, key, true)) e->seen = t->hold;
}

size_t weir_ttl_list_size(struct weir_ttl *t, struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key)
{
    read_list(t, set, state, key);
    return set->ops->list_size(set, state, key, 0);
}

const void *weir_ttl_list_at(struct weir_ttl *t, struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key,
                             size_t i)
{
    read_list(t, set, state, key);
    return set->ops->list_at(set, state, key, 0, i);
}

weir_status weir_ttl_list_add(struct weir_ttl *t, struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key,
                              const void *item)
{
    const struct weir_state_layout *l = access(t, state);
    uint8_t *room = room_for(t, l, 1);
    if (!room) return WEIR_E_MEMORY;
    memset(room, 0, l->size);
    memcpy(room, item, l->plain_size);
    touch(l, room, now_of(t));
    return set->ops->list_add(set, state, key, 0, room);
}

weir_status weir_ttl_list_update(struct weir_ttl *t, struct weir_state_set *set, uint32_t state,
                                 const struct weir_key_ref *key, const void *items, size_t n)
{
    const struct weir_state_layout *l = access(t, state);
    uint8_t *room = n > 0 ? room_for(t, l, n) : NULL;
    if (n > 0 && !room) return WEIR_E_MEMORY;
    for (size_t i = 0; i < n; i++) {
        uint8_t *to = room + i * l->size;
        memset(to, 0, l->size);
        memcpy(to, (const uint8_t *)items + i * l->plain_size, l->plain_size);
        touch(l, to, now_of(t));
    }
    return set->ops->list_update(set, state, key, 0, room, n);
}

/* ---- maps -------------------------------------------------------------------------------------------------------- */

/* What becomes of an entry that is read; NULL: it is deleted, or there is no memory. */
static const void *read_pair(struct weir_ttl *t, struct weir_state_set *set, uint32_t state, const struct weir_key_ref *k,
                             const void *key, const void *value)
{
    const struct weir_state_layout *l = &t->layouts[state];
    enum fate fate = fate_of(l, value, now_of(t));
    if (fate == LIVES) return value;
    if (fate == DELETED) {
        set->ops->map_remove(set, state, k, 0, key);
        return NULL;
    }
    void *changed = set->ops->map_edit(set, state, k, 0, key);
    if (changed) touch(l, changed, fate == RENEWED ? now_of(t) : WEIR_TTL_GONE);
    return changed;
}

const void *weir_ttl_map_get(struct weir_ttl *t, struct weir_state_set *set, uint32_t state, const struct weir_key_ref *k,
                             const void *key)
{
    (void)access(t, state);
    const void *value = set->ops->map_get(set, state, k, 0, key);
    return value ? read_pair(t, set, state, k, key, value) : NULL;
}

void *weir_ttl_map_edit(struct weir_ttl *t, struct weir_state_set *set, uint32_t state, const struct weir_key_ref *k,
                        const void *key)
{
    const struct weir_state_layout *l = access(t, state);
    const void *old = set->ops->map_get(set, state, k, 0, key);
    if (old && !is_seen(l, old, now_of(t))) set->ops->map_remove(set, state, k, 0, key);
    void *value = set->ops->map_edit(set, state, k, 0, key);
    if (value) touch(l, value, now_of(t));
    return value;
}

bool weir_ttl_map_next(struct weir_ttl *t, struct weir_state_set *set, uint32_t state, const struct weir_key_ref *k,
                       weir_cursor *cursor, const void **key, const void **value)
{
    (void)access(t, state);
    while (set->ops->map_next(set, state, k, 0, cursor, key, value)) {
        *value = read_pair(t, set, state, k, *key, *value);
        if (*value) return true;
    }
    return false;
}

/* ---- sweeping ---------------------------------------------------------------------------------------------------- */

/* Whether the entry at hand has something that expired. */
static bool is_due(struct weir_ttl *t, struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key,
                   const void *value)
{
    const struct weir_state_layout *l = &t->layouts[state];
    weir_cursor at = {0};
    const void *k, *v;
    bool due = false;
    if (weir_layout_shape(l) == WEIR_SHAPE_VALUE) return !weir_layout_lives(l, value, t->now);
    if (weir_layout_shape(l) == WEIR_SHAPE_MAP) {
        while (!due && set->ops->map_next(set, state, key, 0, &at, &k, &v)) due = !weir_layout_lives(l, v, t->now);
        return due;
    }
    size_t n = set->ops->list_size(set, state, key, 0);
    for (size_t i = 0; !due && i < n; i++) due = !weir_layout_lives(l, set->ops->list_at(set, state, key, 0, i), t->now);
    return due;
}

static void delete_due(struct weir_ttl *t, struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key)
{
    const struct weir_state_layout *l = &t->layouts[state];
    weir_cursor at = {0};
    const void *k, *v;
    if (weir_layout_shape(l) == WEIR_SHAPE_VALUE) set->ops->clear(set, state, key, 0);
    if (weir_layout_shape(l) == WEIR_SHAPE_LIST) (void)keep_items(t, set, state, key, false);
    while (weir_layout_shape(l) == WEIR_SHAPE_MAP && set->ops->map_next(set, state, key, 0, &at, &k, &v)) {
        if (!weir_layout_lives(l, v, t->now)) set->ops->map_remove(set, state, key, 0, k);
    }
}

/* Keys are copied: entries may not go while they are enumerated. */
static void note(struct weir_ttl *t, const struct weir_key_ref *key)
{
    size_t at = t->keys.n;
    if (!weir_key_bytes_add(&t->keys, key->p, key->n)) return; /* the next time round */
    WEIR_GROW(t->found, t->found_capacity, t->n_found + 1);
    t->found[t->n_found++] = (struct found_key){.at = at, .n = key->n, .hash = key->hash};
}

static void delete_found(struct weir_ttl *t, struct weir_state_set *set, uint32_t state, uint32_t group)
{
    for (size_t i = 0; i < t->n_found; i++) {
        const struct found_key *f = &t->found[i];
        struct weir_key_ref key = {.p = t->keys.p + f->at, .n = f->n, .group = group, .hash = f->hash};
        delete_due(t, set, state, &key);
        set->ops->settle(set);
    }
    t->n_found = t->keys.n = 0;
}

/* Up to `limit` entries of the group that the sweep is in; false: it is at its end. */
static bool sweep_group(struct weir_ttl *t, struct weir_state_set *set, uint32_t state, uint64_t *limit)
{
    struct expiring *e = &t->states[state];
    uint32_t group = set->first_group + e->group;
    struct weir_key_ref key;
    void *value;
    bool more = true;
    while (more && *limit > 0) {
        more = set->ops->next_key(set, state, group, 0, &e->at, &key, &value);
        if (more && is_due(t, set, state, &key, value)) note(t, &key);
        *limit -= more;
    }
    delete_found(t, set, state, group);
    if (more) return true;
    e->at = (weir_cursor){0};
    e->group = group == set->last_group ? 0 : e->group + 1;
    return false;
}

static void sweep(struct weir_ttl *t, struct weir_state_set *set, uint32_t state)
{
    struct expiring *e = &t->states[state];
    uint32_t n_groups = set->last_group - set->first_group + 1;
    uint64_t a_group = set->ops->entries(set, state) / n_groups, all = UINT64_MAX;
    if (e->credit < (set->ops->walks || a_group < WALK ? WALK : a_group)) return;
    uint64_t limit = e->credit;
    e->credit = 0;
    (void)now_of(t);
    if (!set->ops->walks) {
        (void)sweep_group(t, set, state, &all);
        return;
    }
    for (uint32_t i = 0; i < n_groups && limit > 0; i++) (void)sweep_group(t, set, state, &limit);
}

void weir_ttl_sweep(struct weir_ttl *t, struct weir_state_set *set)
{
    weir_ttl_hold(t);
    for (uint32_t i = 0; i < t->n; i++) {
        if (weir_ttl_has(t, i)) sweep(t, set, i);
    }
    weir_ttl_hold(t);
}
