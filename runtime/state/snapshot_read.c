/* snapshot_read.c - restoring: a saved header is matched with the operator's layouts once, then entries are read by it
 * (restore_entry.c). Any one thread; the sets and timers are not in use yet.
 *
 * Saved states find theirs by name; what becomes of their members is judged in evolve.c.
 */
#include <msgpack.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"
#include "data/msgpack_get.h"
#include "state/evolve.h"
#include "state/snapshot.h"
#include "state/snapshot_internal.h"

/* ---- msgpack trees ----------------------------------------------------------------------------------------------- */

weir_status weir__not_ours(struct weir_error *error, const char *what)
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

/* A key may be given another name; whether it is another key only the author knows. */
static void compare_name(const msgpack_object *saved, const char *now)
{
    char *was = get_text(saved, "name");
    if (was && strcmp(was, now) != 0)
        weir_log(WEIR_WARN, "state",
                 "the key was '%s' when the state was saved, and is '%s': state is found by the key's value alone", was,
                 now);
    weir_free(was);
}

static weir_status match_key(struct weir_restore *r, const msgpack_object *saved, const struct weir_schema *key,
                             struct weir_error *error)
{
    if (!saved) return weir__not_ours(error, "the fields of the key");
    r->n_key = saved->via.array.size;
    if (r->n_key == 0) return WEIR_OK; /* it had none, and so no entries */
    r->key = weir_alloc_array(r->n_key + 1, sizeof *r->key);
    if (r->n_key != weir_schema_count(key))
        return weir_error_set(error, WEIR_E_CONFIG, "the saved key has %u fields, the operator's has %u", r->n_key,
                              weir_schema_count(key));
    for (uint32_t i = 0; i < r->n_key; i++) {
        const weir_schema_field *f = weir_schema_field_at(key, i);
        if (!get_type(&saved->via.array.ptr[i], &r->key[i])) return weir__not_ours(error, "a type of the key");
        if (r->key[i] != (weir_type)f->type)
            return weir_error_set(error, WEIR_E_CONFIG,
                                  "field %u of the saved key is %s, but '%s' is %s; a key keeps its types", i + 1,
                                  weir_type_name(r->key[i]), f->name, weir_type_name((weir_type)f->type));
        compare_name(&saved->via.array.ptr[i], f->name);
    }
    return WEIR_OK;
}

static weir_status match_header(struct weir_restore *r, const msgpack_object *root, const struct weir_state_layout *layouts,
                                uint32_t n, const struct weir_schema *key, struct weir_error *error)
{
    const msgpack_object *version = weir__saved_get(root, "version"), *states = get_array(root, "states");
    if (!version || version->type != MSGPACK_OBJECT_POSITIVE_INTEGER || !states)
        return weir__not_ours(error, "a header of states");
    if (version->via.u64 != WEIR__SNAPSHOT_VERSION)
        return weir_error_set(error, WEIR_E_CONFIG, "the states are of format version %llu, this weir reads %d",
                              (unsigned long long)version->via.u64, WEIR__SNAPSHOT_VERSION);
    weir_status s = key ? match_key(r, get_array(root, "key"), key, error) : WEIR_OK;
    if (s != WEIR_OK) return s;
    r->states = weir_alloc_array(states->via.array.size + 1, sizeof *r->states);
    for (uint32_t i = 0; i < states->via.array.size; i++) {
        if (!match_state(&r->states[r->n_states++], &states->via.array.ptr[i], layouts, n))
            return weir__not_ours(error, "a state with its fields");
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
                        : weir__not_ours(error, "a header of states");
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
            s = read && read_split(&tree.data, &split) ? fn(arg, &split) : weir__not_ours(error, "a split");
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
                s = weir__not_ours(error, "an item of a list");
                break;
            }
            item.owner = weir__deal_owner(&deal, item.subtask, item.index);
            s = fn(arg, &item);
        }
    }
    msgpack_unpacked_destroy(&tree);
    return s;
}
