/* snapshot_read.c - restoring: a saved header is matched with the operator's layouts once, then entries are read by it. Any
 * one thread; the sets and timers are not in use yet.
 *
 * Saved states find theirs by name; what becomes of their members is judged in evolve.c.
 */
#include <msgpack.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "data/row_codec.h"
#include "state/evolve.h"
#include "state/snapshot.h"
#include "state/snapshot_internal.h"

struct weir_restore {
    struct weir__saved_state *states;
    size_t n_states;
    weir_type *key;
    uint32_t n_key;
};

/* ---- msgpack trees ----------------------------------------------------------------------------------------------- */

static weir_status not_ours(struct weir_error *error, const char *what)
{
    return weir_error_set(error, WEIR_E_DATA, "expected %s, found something else; the file is damaged, or not one of weir's",
                          what);
}

bool weir__next_value(msgpack_unpacked *tree, const uint8_t *bytes, size_t n, size_t *at)
{
    size_t size = weir_msgpack_size(bytes + *at, n - *at);
    return size > 0 && msgpack_unpack_next(tree, (const char *)bytes, *at + size, at) == MSGPACK_UNPACK_SUCCESS;
}

const msgpack_object *weir__saved_get(const msgpack_object *map, const char *name)
{
    size_t n = strlen(name);
    for (uint32_t i = 0; map->type == MSGPACK_OBJECT_MAP && i < map->via.map.size; i++) {
        const msgpack_object *key = &map->via.map.ptr[i].key;
        if (key->type == MSGPACK_OBJECT_STR && key->via.str.size == n && memcmp(key->via.str.ptr, name, n) == 0)
            return &map->via.map.ptr[i].val;
    }
    return NULL;
}

static const msgpack_object *get_array(const msgpack_object *map, const char *name)
{
    const msgpack_object *value = weir__saved_get(map, name);
    return value && value->type == MSGPACK_OBJECT_ARRAY ? value : NULL;
}

/* A copy of a string member; NULL: it is not there. */
static char *get_text(const msgpack_object *map, const char *name)
{
    const msgpack_object *value = weir__saved_get(map, name);
    return value && value->type == MSGPACK_OBJECT_STR ? weir_strndup(value->via.str.ptr, value->via.str.size) : NULL;
}

static bool get_type(const msgpack_object *map, weir_type *type)
{
    char *name = get_text(map, "type");
    bool known = name && weir_type_parse(name, type);
    weir_free(name);
    return known;
}

/* ---- matching ---------------------------------------------------------------------------------------------------- */

static bool read_fields(const msgpack_object *saved, struct weir__saved_fields *to)
{
    if (!saved) return false;
    to->all = weir_alloc_array(saved->via.array.size + 1, sizeof *to->all);
    while (to->n < saved->via.array.size) {
        struct weir__saved_field *f = &to->all[to->n];
        f->name = get_text(&saved->via.array.ptr[to->n++], "name");
        if (!f->name || !get_type(&saved->via.array.ptr[to->n - 1], &f->type)) return false;
    }
    return true;
}

static bool read_kind(const msgpack_object *saved, weir_state_kind *kind)
{
    char *name = get_text(saved, "kind");
    bool known = name && weir_state_kind_parse(name, kind);
    weir_free(name);
    return known;
}

static bool match_state(struct weir__saved_state *s, const msgpack_object *saved, const struct weir_state_layout *layouts,
                        uint32_t n)
{
    s->state = WEIR__DROPPED;
    s->told.name = get_text(saved, "name");
    if (!s->told.name || !read_kind(saved, &s->told.kind) || !read_fields(get_array(saved, "fields"), &s->value) ||
        !read_fields(get_array(saved, "key_fields"), &s->key))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(layouts[i].name, s->told.name) == 0) s->state = (int32_t)i;
    }
    if (s->state != WEIR__DROPPED)
        weir__evolve(s, saved, &layouts[s->state]);
    else
        s->told.result = WEIR_DROPPED;
    return true;
}

static weir_status match_key(struct weir_restore *r, const msgpack_object *saved, const struct weir_schema *key,
                             struct weir_error *error)
{
    if (!saved) return not_ours(error, "the fields of the key");
    r->n_key = saved->via.array.size;
    if (r->n_key == 0) return WEIR_OK; /* it had none, and so no entries */
    r->key = weir_alloc_array(r->n_key + 1, sizeof *r->key);
    if (r->n_key != weir_schema_count(key))
        return weir_error_set(error, WEIR_E_CONFIG, "the saved key has %u fields, the operator's has %u", r->n_key,
                              weir_schema_count(key));
    for (uint32_t i = 0; i < r->n_key; i++) {
        const weir_schema_field *f = weir_schema_field_at(key, i);
        if (!get_type(&saved->via.array.ptr[i], &r->key[i])) return not_ours(error, "a type of the key");
        if (r->key[i] != (weir_type)f->type)
            return weir_error_set(error, WEIR_E_CONFIG,
                                  "field %u of the saved key is %s, but '%s' is %s; a key keeps its types", i + 1,
                                  weir_type_name(r->key[i]), f->name, weir_type_name((weir_type)f->type));
    }
    return WEIR_OK;
}

static weir_status match_header(struct weir_restore *r, const msgpack_object *root, const struct weir_state_layout *layouts,
                                uint32_t n, const struct weir_schema *key, struct weir_error *error)
{
    const msgpack_object *version = weir__saved_get(root, "version"), *states = get_array(root, "states");
    if (!version || version->type != MSGPACK_OBJECT_POSITIVE_INTEGER || !states)
        return not_ours(error, "a header of states");
    if (version->via.u64 != WEIR__SNAPSHOT_VERSION)
        return weir_error_set(error, WEIR_E_CONFIG, "the states are of format version %llu, this weir reads %d",
                              (unsigned long long)version->via.u64, WEIR__SNAPSHOT_VERSION);
    weir_status s = key ? match_key(r, get_array(root, "key"), key, error) : WEIR_OK;
    if (s != WEIR_OK) return s;
    r->states = weir_alloc_array(states->via.array.size + 1, sizeof *r->states);
    for (uint32_t i = 0; i < states->via.array.size; i++) {
        if (!match_state(&r->states[r->n_states++], &states->via.array.ptr[i], layouts, n))
            return not_ours(error, "a state with its fields");
    }
    return WEIR_OK;
}

weir_status weir_restore_create(const uint8_t *header, size_t n, const struct weir_state_layout *layouts, uint32_t n_states,
                                const struct weir_schema *key, struct weir_restore **restore, struct weir_error *error)
{
    msgpack_unpacked tree;
    msgpack_unpacked_init(&tree);
    *restore = weir_alloc(sizeof **restore);
    size_t at = 0;
    weir_status s = weir__next_value(&tree, header, n, &at)
                        ? match_header(*restore, &tree.data, layouts, n_states, key, error)
                        : not_ours(error, "a header of states");
    msgpack_unpacked_destroy(&tree);
    if (s == WEIR_OK) return s;
    weir_restore_destroy(*restore);
    *restore = NULL;
    return s;
}

void weir_restore_destroy(struct weir_restore *r)
{
    if (!r) return;
    for (size_t i = 0; i < r->n_states; i++) weir__saved_state_finish(&r->states[i]);
    weir_free(r->states);
    weir_free(r->key);
    weir_free(r);
}

size_t weir_restore_count(const struct weir_restore *r)
{
    return r->n_states;
}

const struct weir_restored_state *weir_restore_state(const struct weir_restore *r, size_t i)
{
    return &r->states[i].told;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static bool as_integer(const msgpack_object *o, int64_t *v)
{
    if (o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
        *v = o->via.i64;
    else if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER && o->via.u64 <= INT64_MAX)
        *v = (int64_t)o->via.u64;
    else
        return false;
    return true;
}

static bool as_number(const msgpack_object *o, double *v)
{
    int64_t whole;
    if (o->type == MSGPACK_OBJECT_FLOAT32 || o->type == MSGPACK_OBJECT_FLOAT64)
        *v = o->via.f64;
    else if (as_integer(o, &whole))
        *v = (double)whole;
    else
        return false;
    return true;
}

static bool as_text(const msgpack_object *o, weir_str *v)
{
    if (o->type == MSGPACK_OBJECT_STR)
        *v = (weir_str){o->via.str.ptr, o->via.str.size};
    else if (o->type == MSGPACK_OBJECT_BIN)
        *v = (weir_str){o->via.bin.ptr, o->via.bin.size};
    else
        return false;
    return true;
}

/* Strings are borrowed from the tree; who stores the struct copies them. */
bool weir__put_member(const msgpack_object *o, weir_type type, uint8_t *p)
{
    int64_t whole;
    double number;
    weir_str text;
    switch (type) {
    case WEIR_BOOL:
        if (o->type != MSGPACK_OBJECT_BOOLEAN) return false;
        *(bool *)(void *)p = o->via.boolean;
        return true;
    case WEIR_I32:
        if (!as_integer(o, &whole) || whole != (int32_t)whole) return false;
        *(int32_t *)(void *)p = (int32_t)whole;
        return true;
    case WEIR_I64:
    case WEIR_TIMESTAMP:
        if (!as_integer(o, &whole)) return false;
        *(int64_t *)(void *)p = whole;
        return true;
    case WEIR_F32:
        if (!as_number(o, &number)) return false;
        *(float *)(void *)p = (float)number;
        return true;
    case WEIR_F64:
        if (!as_number(o, &number)) return false;
        *(double *)(void *)p = number;
        return true;
    case WEIR_STRING:
    case WEIR_BYTES:
    case WEIR_ANY:
        if (!as_text(o, &text)) return false;
        memcpy(p, &text, sizeof text);
        return true;
    }
    return false;
}

static bool put_struct(const msgpack_object *o, const struct weir__saved_fields *saved, const weir_field *fields,
                       void *value)
{
    if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size != saved->n) return false;
    for (uint32_t i = 0; i < saved->n; i++) {
        if (saved->all[i].member == WEIR__DROPPED) continue;
        const weir_field *f = &fields[saved->all[i].member];
        if (!weir__put_member(&o->via.array.ptr[i], (weir_type)f->type, (uint8_t *)value + f->offset)) return false;
    }
    return true;
}

/* A struct with borrowed texts into an entry, which gets copies of them. */
static weir_status store_struct(struct weir_state_set *set, uint32_t state, void *value, const void *from)
{
    const struct weir_state_layout *l = &set->layouts[state];
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; s == WEIR_OK && i < l->n_fields; i++) {
        uint8_t *member = (uint8_t *)value + l->fields[i].offset;
        const uint8_t *saved = (const uint8_t *)from + l->fields[i].offset;
        if (weir_type_is_variable((weir_type)l->fields[i].type))
            s = set->ops->assign(set, state, (weir_str *)(void *)member, *(const weir_str *)(const void *)saved);
        else
            memcpy(member, saved, l->fields[i].size);
    }
    return s;
}

struct entry {
    const struct weir_restore *restore;
    const struct weir__saved_state *saved;
    struct weir_state_set *set;
    uint32_t state;
    struct weir_key_ref key;
    int64_t ns;
    void *value; /* room for one struct of any state of the set, with texts borrowed from the tree */
    void *old;   /* room for those that are migrated; NULL: none are */
    struct weir_error *error;
};

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

/* One struct of the state into e->value, by the rules. */
static bool read_value(struct entry *e, const msgpack_object *o)
{
    const struct weir_state_layout *l = &e->set->layouts[e->state];
    memset(e->value, 0, l->size);
    if (l->defaults) memcpy(e->value, l->defaults, l->is_timed ? l->plain_size : l->size);
    if (e->saved->gains_time) *weir_layout_touched(l, e->value) = e->set->now_ms;
    return put_struct(o, &e->saved->value, l->fields, e->value);
}

/* What the rules cannot read of it. key, now_key: of a map; else NULL. */
static weir_status migrate(struct entry *e, const msgpack_object *value, const msgpack_object *key, void *now_key)
{
    if (e->saved->n_migrants == 0) return WEIR_OK;
    return weir__migrate(e->saved, value, key, e->value, now_key, e->old, e->error);
}

static weir_status no_memory(struct weir_error *error)
{
    return weir_error_set(error, WEIR_E_MEMORY, "no memory for restored state");
}

static weir_status put_value(struct entry *e, const msgpack_object *o)
{
    if (!read_value(e, o)) return not_ours(e->error, "the members of a value");
    weir_status s = migrate(e, o, NULL, NULL);
    if (s != WEIR_OK) return s;
    void *value = e->set->ops->value_edit(e->set, e->state, &e->key, e->ns);
    bool stored = value && store_struct(e->set, e->state, value, e->value) == WEIR_OK;
    return stored ? weir__create_newcomers(e->saved, value, e->error) : no_memory(e->error);
}

static weir_status put_item(struct entry *e, const msgpack_object *o)
{
    if (!read_value(e, o)) return not_ours(e->error, "the members of a list's item");
    weir_status s = migrate(e, o, NULL, NULL);
    if (s != WEIR_OK) return s;
    /* copies the texts too */
    return e->set->ops->list_add(e->set, e->state, &e->key, e->ns, e->value) == WEIR_OK ? WEIR_OK : no_memory(e->error);
}

static weir_status put_list(struct entry *e, const msgpack_object *o)
{
    if (o->type != MSGPACK_OBJECT_ARRAY) return not_ours(e->error, "a list");
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; s == WEIR_OK && i < o->via.array.size; i++) s = put_item(e, &o->via.array.ptr[i]);
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
    bool stored = value && store_struct(e->set, e->state, value, e->value) == WEIR_OK;
    return stored ? WEIR_OK : no_memory(e->error);
}

static weir_status put_pair(struct entry *e, const msgpack_object *o)
{
    const struct weir_state_layout *l = &e->set->layouts[e->state];
    if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size != 2) return not_ours(e->error, "a map's key and value");
    const msgpack_object *saved = o->via.array.ptr;
    void *key = weir_alloc(l->key_size);
    if (l->key_defaults) memcpy(key, l->key_defaults, l->key_size);
    weir_status s = WEIR_OK;
    if (!put_struct(&saved[0], &e->saved->key, l->key_fields, key) || !read_value(e, &saved[1]))
        s = not_ours(e->error, "the members of a map's key and value");
    if (s == WEIR_OK) s = migrate(e, &saved[1], &saved[0], key);
    if (s == WEIR_OK) s = put_in_map(e, key);
    weir_free(key);
    return s;
}

static weir_status put_map(struct entry *e, const msgpack_object *o)
{
    if (o->type != MSGPACK_OBJECT_ARRAY) return not_ours(e->error, "a map");
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; s == WEIR_OK && i < o->via.array.size; i++) s = put_pair(e, &o->via.array.ptr[i]);
    return s;
}

/* ---- keys -------------------------------------------------------------------------------------------------------- */

static bool add_key_field(struct weir_key_bytes *to, weir_type type, const msgpack_object *o)
{
    int64_t whole;
    double number;
    weir_str text;
    switch (type) {
    case WEIR_BOOL: return o->type == MSGPACK_OBJECT_BOOLEAN && weir_key_bytes_add(to, &(uint8_t){o->via.boolean}, 1);
    case WEIR_I32: return as_integer(o, &whole) && weir_key_bytes_add(to, &(int32_t){(int32_t)whole}, 4);
    case WEIR_I64:
    case WEIR_TIMESTAMP: return as_integer(o, &whole) && weir_key_bytes_add(to, &whole, 8);
    case WEIR_F32: return as_number(o, &number) && weir_key_bytes_add(to, &(float){(float)number}, 4);
    case WEIR_F64: return as_number(o, &number) && weir_key_bytes_add(to, &number, 8);
    case WEIR_STRING:
        return as_text(o, &text) && weir_key_bytes_add(to, &(uint32_t){(uint32_t)text.n}, 4) &&
               weir_key_bytes_add(to, text.p, text.n);
    case WEIR_BYTES:
    case WEIR_ANY: break;
    }
    return false;
}

static bool read_key(const struct weir_restore *r, const msgpack_object *o, struct weir_key_bytes *bytes)
{
    bytes->n = 0;
    if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size != r->n_key) return false;
    for (uint32_t i = 0; i < r->n_key; i++) {
        if (!add_key_field(bytes, r->key[i], &o->via.array.ptr[i])) return false;
    }
    return true;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

static weir_status put_timer(struct entry *e, struct weir_timers *timers, int64_t clock, const msgpack_object *o)
{
    int64_t at;
    if (!as_integer(o, &at)) return not_ours(e->error, "the time of a timer");
    weir_clock which = clock == WEIR__EVENT_TIMER ? WEIR_EVENT_TIME : WEIR_PROCESSING_TIME;
    if (!timers || weir_timers_set(timers, which, &e->key, (uint64_t)e->ns, at) == WEIR_OK) return WEIR_OK;
    return no_memory(e->error);
}

static weir_status put_state(struct entry *e, int64_t state, const msgpack_object *o)
{
    if (state < 0 || (uint64_t)state >= e->restore->n_states) return not_ours(e->error, "a state of the header");
    e->saved = &e->restore->states[state];
    if (e->saved->told.result == WEIR_REFUSED)
        return weir_error_set(e->error, WEIR_E_CONFIG, "state '%s' cannot be restored: %s", e->saved->told.name,
                              e->saved->told.why);
    if (e->saved->state == WEIR__DROPPED || !e->set) return WEIR_OK;
    e->state = (uint32_t)e->saved->state;
    switch (weir_state_shape(e->saved->told.kind)) {
    case WEIR_SHAPE_VALUE: return put_value(e, o);
    case WEIR_SHAPE_LIST: return put_list(e, o);
    case WEIR_SHAPE_MAP: break;
    }
    return put_map(e, o);
}

static weir_status put_entry(struct entry *e, const msgpack_object *o, uint32_t group, struct weir_timers *timers,
                             struct weir_key_bytes *key)
{
    int64_t in_group, state;
    if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size != 5) return not_ours(e->error, "an entry of five");
    const msgpack_object *at = o->via.array.ptr;
    if (!as_integer(&at[0], &in_group) || in_group != group || !as_integer(&at[1], &state) || !as_integer(&at[2], &e->ns) ||
        !read_key(e->restore, &at[3], key))
        return not_ours(e->error, "an entry of this key group");
    e->key =
        (struct weir_key_ref){.p = key->p, .n = (uint32_t)key->n, .group = group, .hash = weir_key_hash64(key->p, key->n)};
    weir_status s = state == WEIR__EVENT_TIMER || state == WEIR__PROCESSING_TIMER ? put_timer(e, timers, state, &at[4])
                                                                                  : put_state(e, state, &at[4]);
    if (e->set) e->set->ops->settle(e->set);
    return s;
}

weir_status weir_restore_group(const struct weir_restore *r, const uint8_t *entries, size_t n, uint32_t group,
                               struct weir_state_set *set, struct weir_timers *timers, struct weir_error *error)
{
    struct entry e = {.restore = r, .set = set, .value = room_for_values(set), .old = room_for_old(r), .error = error};
    struct weir_key_bytes key = {0};
    msgpack_unpacked tree;
    weir_status s = WEIR_OK;
    size_t at = 0;
    msgpack_unpacked_init(&tree);
    while (s == WEIR_OK && at < n) {
        if (!weir__next_value(&tree, entries, n, &at))
            s = not_ours(error, "an entry");
        else
            s = put_entry(&e, &tree.data, group, timers, &key);
    }
    msgpack_unpacked_destroy(&tree);
    weir_key_bytes_finish(&key);
    weir_free(e.value);
    weir_free(e.old);
    return s;
}

/* ---- whole operators --------------------------------------------------------------------------------------------- */

/* From memory, or into `room` from where they are. */
static weir_status restore_entries(const struct weir_restore *r, const struct weir_snapshot *from, size_t i,
                                   struct weir_key_bytes *room, struct weir_state_set *set, struct weir_timers *timers,
                                   struct weir_error *error)
{
    const struct weir_snapshot_group *g = &from->groups[i];
    if (!from->source) return weir_restore_group(r, from->keyed.p + g->offset, g->length, g->group, set, timers, error);
    room->n = 0;
    weir_status s = from->source->read(from->source, from, i, room, error);
    return s == WEIR_OK ? weir_restore_group(r, room->p, room->n, g->group, set, timers, error) : s;
}

static weir_status restore_part(const struct weir_snapshot *from, struct weir_state_set *set, struct weir_timers *timers,
                                const struct weir_state_layout *layouts, uint32_t n_states, const struct weir_schema *key,
                                uint32_t first_group, uint32_t last_group, struct weir_error *error)
{
    struct weir_restore *r;
    struct weir_key_bytes room = {0};
    weir_status s = weir_restore_create(from->header.p, from->header.n, layouts, n_states, key, &r, error);
    if (s == WEIR_OK && from->watch) from->watch->header(from->watch->arg, r, layouts, n_states);
    for (size_t i = 0; s == WEIR_OK && i < from->n_groups; i++) {
        if (from->groups[i].group < first_group || from->groups[i].group > last_group) continue;
        s = restore_entries(r, from, i, &room, set, timers, error);
    }
    weir_key_bytes_finish(&room);
    weir_restore_destroy(r);
    return s;
}

weir_status weir_restore_keyed(const struct weir_snapshot *from, uint32_t n, struct weir_state_set *set,
                               struct weir_timers *timers, const struct weir_state_layout *layouts, uint32_t n_states,
                               const struct weir_schema *key, uint32_t first_group, uint32_t last_group,
                               struct weir_error *error)
{
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; s == WEIR_OK && i < n; i++) {
        if (from[i].header.n > 0)
            s = restore_part(&from[i], set, timers, layouts, n_states, key, first_group, last_group, error);
    }
    return s;
}

static const struct weir_snapshot_list *find_list(const struct weir_snapshot *s, const char *name)
{
    for (size_t i = 0; i < s->n_lists; i++) {
        if (strcmp(s->lists[i].name, name) != 0) continue;
        if (s->watch) s->watch->list(s->watch->arg, name);
        return &s->lists[i];
    }
    return NULL;
}

/* ---- states that belong to no key: state/unkeyed.h --------------------------------------------------------------- */

static void as_it_is(struct weir__saved_state *s, const struct weir_state_layout *l, uint32_t state)
{
    s->state = (int32_t)state;
    s->told = (struct weir_restored_state){.name = weir_strdup(l->name), .kind = l->kind};
    for (uint32_t k = 0; k < 2; k++) {
        struct weir__saved_fields *fields = k ? &s->key : &s->value;
        fields->n = k ? l->n_key_fields : l->n_fields;
        fields->all = weir_alloc_array(fields->n + 1, sizeof *fields->all);
        for (uint32_t i = 0; i < fields->n; i++) fields->all[i].member = (int32_t)i;
    }
}

struct weir_restore *weir__restore_as_it_is(const struct weir_state_layout *layouts, uint32_t n)
{
    struct weir_restore *r = weir_alloc(sizeof *r);
    r->states = weir_alloc_array(n + 1, sizeof *r->states);
    for (; r->n_states < n; r->n_states++) as_it_is(&r->states[r->n_states], &layouts[r->n_states], (uint32_t)r->n_states);
    return r;
}

/* Raw items are bytes, not structs of them. */
static weir_status put_raw(struct entry *e, const msgpack_object *o)
{
    weir_str bytes;
    if (!as_text(o, &bytes)) return not_ours(e->error, "bytes");
    return e->set->ops->list_add(e->set, e->state, &e->key, 0, &bytes) == WEIR_OK ? WEIR_OK : no_memory(e->error);
}

weir_status weir__restore_item(const struct weir_restore *r, struct weir_state_set *set, uint32_t state,
                               const struct weir_key_ref *key, const msgpack_object *o, void *room, struct weir_error *error)
{
    struct entry e = {.restore = r, .set = set, .state = state, .key = *key, .value = room, .error = error};
    for (size_t i = 0; i < r->n_states; i++) {
        if (r->states[i].state == (int32_t)state) e.saved = &r->states[i];
    }
    if (!e.saved) return not_ours(error, "a list that the header tells of");
    if (set->layouts[state].kind == WEIR_RAW) return put_raw(&e, o);
    if (e.saved->n_migrants > 0) e.old = weir_alloc(weir__migration_room(e.saved) + 1);
    weir_status s = weir_layout_shape(&set->layouts[state]) == WEIR_SHAPE_MAP ? put_pair(&e, o) : put_item(&e, o);
    weir_free(e.old);
    return s;
}

static bool read_split(const msgpack_object *o, struct weir_saved_split *split)
{
    if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size != 4) return false;
    const msgpack_object *at = o->via.array.ptr;
    if (at[0].type != MSGPACK_OBJECT_POSITIVE_INTEGER || at[2].type != MSGPACK_OBJECT_BOOLEAN) return false;
    split->id = at[0].via.u64;
    split->done = at[2].via.boolean;
    return as_text(&at[1], &split->description) && as_text(&at[3], &split->position);
}

weir_status weir_restore_splits(const struct weir_snapshot *from, uint32_t n,
                                weir_status (*fn)(void *arg, const struct weir_saved_split *), void *arg, bool *any,
                                struct weir_error *error)
{
    msgpack_unpacked tree;
    weir_status s = WEIR_OK;
    *any = false;
    msgpack_unpacked_init(&tree);
    for (uint32_t i = 0; i < n; i++) {
        const struct weir_snapshot_list *list = find_list(&from[i], WEIR_SPLITS_LIST);
        size_t at = 0;
        *any |= list != NULL;
        while (s == WEIR_OK && list && at < list->bytes.n) {
            struct weir_saved_split split;
            bool read = weir__next_value(&tree, list->bytes.p, list->bytes.n, &at);
            s = read && read_split(&tree.data, &split) ? fn(arg, &split) : not_ours(error, "a split");
        }
    }
    msgpack_unpacked_destroy(&tree);
    return s;
}

weir_status weir_restore_bytes(const struct weir_snapshot *from, uint32_t n, uint32_t parallelism, const char *name,
                               weir_status (*fn)(void *arg, const struct weir_saved_bytes *), void *arg,
                               struct weir_error *error)
{
    struct weir_saved_bytes item = {0};
    struct weir__deal deal;
    msgpack_unpacked tree;
    weir_status s = WEIR_OK;
    weir__deal_begin(&deal, from, n, parallelism, name);
    item.total = deal.total;
    msgpack_unpacked_init(&tree);
    for (item.subtask = 0; s == WEIR_OK && item.subtask < n; item.subtask++) {
        const struct weir_snapshot_list *list = find_list(&from[item.subtask], name);
        for (size_t at = 0; s == WEIR_OK && list && at < list->bytes.n; item.index++) {
            bool read = weir__next_value(&tree, list->bytes.p, list->bytes.n, &at) && as_text(&tree.data, &item.bytes);
            if (!read || item.index >= item.total) {
                s = not_ours(error, "an item of a list");
                break;
            }
            item.owner = weir__deal_owner(&deal, item.subtask, item.index);
            s = fn(arg, &item);
        }
    }
    msgpack_unpacked_destroy(&tree);
    return s;
}
