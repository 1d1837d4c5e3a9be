/* restore_entry.c - one entry of a snapshot after the other, from its packed bytes into a set and timers. Any one thread.
 *
 * Nothing is built in between: a value's members go to their places in a struct, whose texts are borrowed from the bytes
 * until the set copies them. Form of an entry: snapshot_write.c.
 */
#include <string.h>

#include "base/alloc.h"
#include "data/msgpack_get.h"
#include "state/evolve.h"
#include "state/snapshot.h"
#include "state/snapshot_internal.h"

struct entry {
    const struct weir_restore *restore;
    const struct weir__saved_state *saved;
    struct weir_state_set *set;
    struct weir_timers *timers;
    uint32_t state;
    struct weir_key_ref key;
    int64_t ns;
    void *value; /* room for one struct of any state of the set, with borrowed texts */
    void *old;   /* room for those that are migrated; NULL: none are */
    struct weir_msgpack in;
    struct weir_error *error;
};

static weir_status no_memory(struct weir_error *error)
{
    return weir_error_set(error, WEIR_E_MEMORY, "no memory for restored state");
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static bool take_integer(struct weir_msgpack *in, int64_t *v)
{
    uint8_t tag;
    return weir_msgpack_get_tag(in, &tag) && weir_msgpack_get_integer(in, tag, v);
}

static bool take_small(struct weir_msgpack *in, int32_t *v)
{
    int64_t whole;
    if (!take_integer(in, &whole) || whole != (int32_t)whole) return false;
    *v = (int32_t)whole;
    return true;
}

static bool take_bool(struct weir_msgpack *in, bool *v)
{
    uint8_t tag;
    if (!weir_msgpack_get_tag(in, &tag)) return false;
    *v = tag == 0xc3;
    return tag == 0xc2 || tag == 0xc3;
}

/* Integers too: a member may have been widened. */
static bool take_number(struct weir_msgpack *in, double *v)
{
    uint8_t tag;
    uint64_t bits;
    int64_t whole;
    float narrow;
    if (!weir_msgpack_get_tag(in, &tag)) return false;
    if (tag == 0xca || tag == 0xcb) {
        if (!weir_msgpack_get_be(in, tag == 0xca ? 4 : 8, &bits)) return false;
        if (tag == 0xcb) {
            memcpy(v, &bits, sizeof *v);
        } else {
            memcpy(&narrow, &(uint32_t){(uint32_t)bits}, sizeof narrow);
            *v = (double)narrow;
        }
        return true;
    }
    if (!weir_msgpack_get_integer(in, tag, &whole)) return false;
    *v = (double)whole;
    return true;
}

static bool take_single(struct weir_msgpack *in, float *v)
{
    double number;
    if (!take_number(in, &number)) return false;
    *v = (float)number;
    return true;
}

static bool take_text(struct weir_msgpack *in, weir_str *v)
{
    uint8_t tag;
    return weir_msgpack_get_tag(in, &tag) && (weir_msgpack_get_string(in, tag, v) || weir_msgpack_get_bytes(in, tag, v));
}

bool weir__take_member(struct weir_msgpack *in, weir_type type, void *to)
{
    switch (type) {
    case WEIR_BOOL: return take_bool(in, to);
    case WEIR_I32: return take_small(in, to);
    case WEIR_I64:
    case WEIR_TIMESTAMP: return take_integer(in, to);
    case WEIR_F32: return take_single(in, to);
    case WEIR_F64: return take_number(in, to);
    case WEIR_STRING:
    case WEIR_BYTES:
    case WEIR_ANY: return take_text(in, to);
    }
    return false;
}

static bool take_array(struct weir_msgpack *in, uint64_t expected)
{
    uint64_t n;
    return weir_msgpack_get_array_head(in, &n) && n == expected;
}

static bool take_struct(struct weir_msgpack *in, const struct weir__saved_fields *saved, const weir_field *fields, void *to)
{
    bool ok = take_array(in, saved->n);
    for (uint32_t i = 0; ok && i < saved->n; i++) {
        int32_t member = saved->all[i].member;
        ok = member == WEIR__DROPPED
                 ? weir_msgpack_skip(in)
                 : weir__take_member(in, (weir_type)fields[member].type, (uint8_t *)to + fields[member].offset);
    }
    return ok;
}

/* ---- structs of a state ------------------------------------------------------------------------------------------ */

static void *room_for_values(const struct weir_state_set *set)
{
    uint32_t most = 1;
    for (uint32_t i = 0; set && i < set->n_states; i++) {
        if (set->layouts[i].size > most) most = set->layouts[i].size;
    }
    return weir_alloc(most);
}

static void *room_for_old(const struct weir_restore *r)
{
    size_t most = 0;
    for (size_t i = 0; i < r->n_states; i++) {
        size_t size = weir__migration_room(&r->states[i]);
        if (size > most) most = size;
    }
    return most > 0 ? weir_alloc(most) : NULL;
}

/* What was read since `from`. */
static weir_str bytes_since(const struct entry *e, const uint8_t *from)
{
    return (weir_str){(const char *)from, (size_t)(e->in.p - from)};
}

/* One struct of the state into e->value, by the rules. */
static bool take_value(struct entry *e)
{
    const struct weir_state_layout *l = &e->set->layouts[e->state];
    memset(e->value, 0, l->size);
    if (l->defaults) memcpy(e->value, l->defaults, l->is_timed ? l->plain_size : l->size);
    if (e->saved->gains_time) *weir_layout_touched(l, e->value) = e->set->now_ms;
    return take_struct(&e->in, &e->saved->value, l->fields, e->value);
}

/* What the rules cannot read of it. key, now_key: of a map; else NULL. */
static weir_status migrate(struct entry *e, weir_str value, const weir_str *key, void *now_key)
{
    if (e->saved->n_migrants == 0) return WEIR_OK;
    return weir__migrate(e->saved, value, key, e->value, now_key, e->old, e->error);
}

/* With what the rules cannot read. */
static weir_status take_whole_value(struct entry *e, const char *what)
{
    const uint8_t *from = e->in.p;
    if (!take_value(e)) return weir__not_ours(e->error, what);
    return migrate(e, bytes_since(e, from), NULL, NULL);
}

/* e->value into an entry, which gets copies of its texts. */
static weir_status store_value(struct entry *e, void *value)
{
    const struct weir_state_layout *l = &e->set->layouts[e->state];
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; s == WEIR_OK && i < l->n_fields; i++) {
        uint8_t *member = (uint8_t *)value + l->fields[i].offset;
        const uint8_t *saved = (const uint8_t *)e->value + l->fields[i].offset;
        if (weir_type_is_variable((weir_type)l->fields[i].type))
            s = e->set->ops->assign(e->set, e->state, (weir_str *)(void *)member, *(const weir_str *)(const void *)saved);
        else
            memcpy(member, saved, l->fields[i].size);
    }
    return s;
}

static weir_status put_value(struct entry *e)
{
    weir_status s = take_whole_value(e, "the members of a value");
    if (s != WEIR_OK) return s;
    void *value = e->set->ops->value_edit(e->set, e->state, &e->key, e->ns);
    bool stored = value && store_value(e, value) == WEIR_OK;
    return stored ? weir__create_newcomers(e->saved, value, e->error) : no_memory(e->error);
}

static weir_status put_item(struct entry *e)
{
    weir_status s = take_whole_value(e, "the members of a list's item");
    if (s != WEIR_OK) return s;
    /* copies the texts too */
    return e->set->ops->list_add(e->set, e->state, &e->key, e->ns, e->value) == WEIR_OK ? WEIR_OK : no_memory(e->error);
}

static weir_status put_list(struct entry *e)
{
    uint64_t n;
    weir_status s = weir_msgpack_get_array_head(&e->in, &n) ? WEIR_OK : weir__not_ours(e->error, "a list");
    for (uint64_t i = 0; s == WEIR_OK && i < n; i++) s = put_item(e);
    return s;
}

/* Entries whose keys were different and are the same now would be fewer, without a word. */
static bool is_there(struct entry *e, const void *key)
{
    return e->saved->n_migrants > 0 && e->set->ops->map_get(e->set, e->state, &e->key, e->ns, key);
}

static weir_status put_in_map(struct entry *e, const void *key)
{
    if (is_there(e, key))
        return weir_error_set(e->error, WEIR_E_PLUGIN,
                              "state '%s' cannot be restored: the component migrates two entries of a map to the same key",
                              e->saved->told.name);
    void *value = e->set->ops->map_edit(e->set, e->state, &e->key, e->ns, key);
    return value && store_value(e, value) == WEIR_OK ? WEIR_OK : no_memory(e->error);
}

static weir_status take_pair(struct entry *e, void *key)
{
    if (!take_array(&e->in, 2)) return weir__not_ours(e->error, "a map's key and value");
    const uint8_t *at_key = e->in.p;
    bool ok = take_struct(&e->in, &e->saved->key, e->set->layouts[e->state].key_fields, key);
    const uint8_t *at_value = e->in.p;
    if (!ok || !take_value(e)) return weir__not_ours(e->error, "the members of a map's key and value");
    const weir_str saved_key = {(const char *)at_key, (size_t)(at_value - at_key)};
    return migrate(e, bytes_since(e, at_value), &saved_key, key);
}

static weir_status put_pair(struct entry *e)
{
    const struct weir_state_layout *l = &e->set->layouts[e->state];
    void *key = weir_alloc(l->key_size);
    if (l->key_defaults) memcpy(key, l->key_defaults, l->key_size);
    weir_status s = take_pair(e, key);
    if (s == WEIR_OK) s = put_in_map(e, key);
    weir_free(key);
    return s;
}

static weir_status put_map(struct entry *e)
{
    uint64_t n;
    weir_status s = weir_msgpack_get_array_head(&e->in, &n) ? WEIR_OK : weir__not_ours(e->error, "a map");
    for (uint64_t i = 0; s == WEIR_OK && i < n; i++) s = put_pair(e);
    return s;
}

/* ---- keys -------------------------------------------------------------------------------------------------------- */

static bool take_key_field(struct weir_msgpack *in, weir_type type, struct weir_key_bytes *to)
{
    union {
        bool yes;
        int32_t small;
        int64_t whole;
        float single;
        double real;
    } v;
    weir_str text;
    switch (type) {
    case WEIR_BOOL: return take_bool(in, &v.yes) && weir_key_bytes_add(to, &(uint8_t){v.yes}, 1);
    case WEIR_I32: return take_small(in, &v.small) && weir_key_bytes_add(to, &v.small, 4);
    case WEIR_I64:
    case WEIR_TIMESTAMP: return take_integer(in, &v.whole) && weir_key_bytes_add(to, &v.whole, 8);
    case WEIR_F32: return take_single(in, &v.single) && weir_key_bytes_add(to, &v.single, 4);
    case WEIR_F64: return take_number(in, &v.real) && weir_key_bytes_add(to, &v.real, 8);
    case WEIR_STRING:
        return take_text(in, &text) && weir_key_bytes_add(to, &(uint32_t){(uint32_t)text.n}, 4) &&
               weir_key_bytes_add(to, text.p, text.n);
    case WEIR_BYTES:
    case WEIR_ANY: break;
    }
    return false;
}

static bool take_key(struct entry *e, struct weir_key_bytes *bytes)
{
    bytes->n = 0;
    bool ok = take_array(&e->in, e->restore->n_key);
    for (uint32_t i = 0; ok && i < e->restore->n_key; i++) ok = take_key_field(&e->in, e->restore->key[i], bytes);
    return ok;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

static weir_status put_timer(struct entry *e, int64_t clock)
{
    int64_t at;
    if (!take_integer(&e->in, &at)) return weir__not_ours(e->error, "the time of a timer");
    weir_clock which = clock == WEIR__EVENT_TIMER ? WEIR_EVENT_TIME : WEIR_PROCESSING_TIME;
    if (!e->timers || weir_timers_set(e->timers, which, &e->key, (uint64_t)e->ns, at) == WEIR_OK) return WEIR_OK;
    return no_memory(e->error);
}

static weir_status put_state(struct entry *e, int64_t state)
{
    if (state < 0 || (uint64_t)state >= e->restore->n_states) return weir__not_ours(e->error, "a state of the header");
    e->saved = &e->restore->states[state];
    if (e->saved->told.result == WEIR_REFUSED)
        return weir_error_set(e->error, WEIR_E_CONFIG, "state '%s' cannot be restored: %s", e->saved->told.name,
                              e->saved->told.why);
    if (e->saved->state == WEIR__DROPPED || !e->set)
        return weir_msgpack_skip(&e->in) ? WEIR_OK : weir__not_ours(e->error, "a value");
    e->state = (uint32_t)e->saved->state;
    switch (weir_state_shape(e->saved->told.kind)) {
    case WEIR_SHAPE_VALUE: return put_value(e);
    case WEIR_SHAPE_LIST: return put_list(e);
    case WEIR_SHAPE_MAP: break;
    }
    return put_map(e);
}

static weir_status put_entry(struct entry *e, uint32_t group, struct weir_key_bytes *key)
{
    int64_t in_group, state;
    if (!take_array(&e->in, 5)) return weir__not_ours(e->error, "an entry of five");
    if (!take_integer(&e->in, &in_group) || in_group != group || !take_integer(&e->in, &state) ||
        !take_integer(&e->in, &e->ns) || !take_key(e, key))
        return weir__not_ours(e->error, "an entry of this key group");
    e->key =
        (struct weir_key_ref){.p = key->p, .n = (uint32_t)key->n, .group = group, .hash = weir_key_hash64(key->p, key->n)};
    bool is_timer = state == WEIR__EVENT_TIMER || state == WEIR__PROCESSING_TIMER;
    weir_status s = is_timer ? put_timer(e, state) : put_state(e, state);
    if (e->set) e->set->ops->settle(e->set);
    return s;
}

weir_status weir_restore_group(const struct weir_restore *r, const uint8_t *entries, size_t n, uint32_t group,
                               struct weir_state_set *set, struct weir_timers *timers, struct weir_error *error)
{
    struct entry e = {.restore = r,
                      .set = set,
                      .timers = timers,
                      .value = room_for_values(set),
                      .old = room_for_old(r),
                      .in = {entries, entries + n},
                      .error = error};
    struct weir_key_bytes key = {0};
    weir_status s = WEIR_OK;
    while (s == WEIR_OK && e.in.p < e.in.end) s = put_entry(&e, group, &key);
    weir_key_bytes_finish(&key);
    weir_free(e.value);
    weir_free(e.old);
    return s;
}

/* ---- states that belong to no key: state/unkeyed.h --------------------------------------------------------------- */

/* Raw items are bytes, not structs of them. */
static weir_status put_raw(struct entry *e)
{
    weir_str bytes;
    if (!take_text(&e->in, &bytes)) return weir__not_ours(e->error, "bytes");
    return e->set->ops->list_add(e->set, e->state, &e->key, 0, &bytes) == WEIR_OK ? WEIR_OK : no_memory(e->error);
}

weir_status weir__restore_item(const struct weir_restore *r, struct weir_state_set *set, uint32_t state,
                               const struct weir_key_ref *key, weir_str packed, void *room, struct weir_error *error)
{
    struct entry e = {.restore = r,
                      .set = set,
                      .state = state,
                      .key = *key,
                      .value = room,
                      .in = {(const uint8_t *)packed.p, (const uint8_t *)packed.p + packed.n},
                      .error = error};
    for (size_t i = 0; i < r->n_states; i++) {
        if (r->states[i].state == (int32_t)state) e.saved = &r->states[i];
    }
    if (!e.saved) return weir__not_ours(error, "a list that the header tells of");
    if (set->layouts[state].kind == WEIR_RAW) return put_raw(&e);
    if (e.saved->n_migrants > 0) e.old = weir_alloc(weir__migration_room(e.saved) + 1);
    weir_status s = weir_layout_shape(&set->layouts[state]) == WEIR_SHAPE_MAP ? put_pair(&e) : put_item(&e);
    weir_free(e.old);
    return s;
}
