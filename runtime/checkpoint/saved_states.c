/* saved_states.c - see the header. */
#include "checkpoint/saved_states.h"

#include <msgpack.h>
#include <string.h>

#include "base/alloc.h"
#include "data/msgpack_get.h"

static const msgpack_object *get(const msgpack_object *map, const char *name, msgpack_object_type type)
{
    size_t n = strlen(name);
    for (uint32_t i = 0; map->type == MSGPACK_OBJECT_MAP && i < map->via.map.size; i++) {
        const msgpack_object_kv *pair = &map->via.map.ptr[i];
        bool found = pair->key.type == MSGPACK_OBJECT_STR && pair->key.via.str.size == n &&
                     memcmp(pair->key.via.str.ptr, name, n) == 0;
        if (found) return pair->val.type == type ? &pair->val : NULL;
    }
    return NULL;
}

static char *get_text(const msgpack_object *map, const char *name)
{
    const msgpack_object *text = get(map, name, MSGPACK_OBJECT_STR);
    return text ? weir_strndup(text->via.str.ptr, text->via.str.size) : NULL;
}

static bool read_fields(const msgpack_object *described, struct weir_saved_fields *to)
{
    if (!described) return false;
    to->all = weir_alloc_array(described->via.array.size + 1, sizeof *to->all);
    while (to->n < described->via.array.size) {
        const msgpack_object *field = &described->via.array.ptr[to->n];
        char *type = get_text(field, "type");
        struct weir_saved_field *f = &to->all[to->n++];
        f->name = get_text(field, "name");
        bool known = type && f->name && weir_type_parse(type, &f->type);
        weir_free(type);
        if (!known) return false;
    }
    return true;
}

/* Slices number the keys of a key group as they come: docs/formats/savepoint.md. */
static void hide_arrival(struct weir_saved_state_info *state)
{
    struct weir_saved_field *last = state->value.n > 0 ? &state->value.all[state->value.n - 1] : NULL;
    if (last && strcmp(state->name, "slices") == 0 && strcmp(last->name, "arrival") == 0) last->hidden = true;
}

static bool read_state(const msgpack_object *described, struct weir_saved_state_info *state)
{
    state->name = get_text(described, "name");
    state->kind = get_text(described, "kind");
    weir_state_kind kind;
    if (!state->kind || !weir_state_kind_parse(state->kind, &kind)) return false;
    state->shape = weir_state_shape(kind);
    state->keyed = weir_state_is_keyed(kind);
    return state->name && read_fields(get(described, "key_fields", MSGPACK_OBJECT_ARRAY), &state->key) &&
           read_fields(get(described, "fields", MSGPACK_OBJECT_ARRAY), &state->value);
}

static bool read_header(const msgpack_object *root, struct weir_saved_header *to)
{
    const msgpack_object *states = get(root, "states", MSGPACK_OBJECT_ARRAY);
    if (!states || !read_fields(get(root, "key", MSGPACK_OBJECT_ARRAY), &to->key)) return false;
    to->states = weir_alloc_array(states->via.array.size + 1, sizeof *to->states);
    while (to->n < states->via.array.size) {
        size_t i = to->n++;
        if (!read_state(&states->via.array.ptr[i], &to->states[i])) return false;
        hide_arrival(&to->states[i]);
    }
    return true;
}

weir_status weir_saved_header_read(const uint8_t *bytes, size_t n, struct weir_saved_header *to, struct weir_error *error)
{
    msgpack_unpacked tree;
    msgpack_unpacked_init(&tree);
    bool read = weir_msgpack_size(bytes, n) == n &&
                msgpack_unpack_next(&tree, (const char *)bytes, n, NULL) == MSGPACK_UNPACK_SUCCESS &&
                read_header(&tree.data, to);
    msgpack_unpacked_destroy(&tree);
    if (read) return WEIR_OK;
    weir_saved_header_finish(to);
    return weir_error_set(error, WEIR_E_DATA, "expected a header of states, found something else");
}

static void finish_fields(struct weir_saved_fields *fields)
{
    for (size_t i = 0; i < fields->n; i++) weir_free(fields->all[i].name);
    weir_free(fields->all);
}

void weir_saved_header_finish(struct weir_saved_header *h)
{
    finish_fields(&h->key);
    for (size_t i = 0; i < h->n; i++) {
        weir_free(h->states[i].name);
        weir_free(h->states[i].kind);
        finish_fields(&h->states[i].key);
        finish_fields(&h->states[i].value);
    }
    weir_free(h->states);
    *h = (struct weir_saved_header){0};
}
