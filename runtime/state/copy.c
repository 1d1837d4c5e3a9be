/* copy.c - see the header. */
#include "state/copy.h"

#include <string.h>

void weir_state_copy_begin(struct weir_state_copy *c, struct weir_state_set *from, struct weir_state_set *to)
{
    WEIR_ASSERT(from->n_states == to->n_states && from->first_group == to->first_group &&
                from->last_group == to->last_group);
    *c = (struct weir_state_copy){.from = from, .to = to, .group = from->first_group};
}

/* ---- what an entry holds ----------------------------------------------------------------------------------------- */

/* Into a zeroed struct of `to`, which copies the bytes that are behind its texts. */
static weir_status copy_struct(struct weir_state_copy *c, const weir_field *fields, uint32_t n, uint32_t size, void *value,
                               const void *from)
{
    static const weir_str none;
    memcpy(value, from, size);
    for (uint32_t i = 0; i < n; i++) {
        if (weir_type_is_variable((weir_type)fields[i].type)) memcpy((char *)value + fields[i].offset, &none, sizeof none);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (!weir_type_is_variable((weir_type)fields[i].type)) continue;
        weir_str *member = (weir_str *)(void *)((char *)value + fields[i].offset), bytes;
        memcpy(&bytes, (const char *)from + fields[i].offset, sizeof bytes);
        weir_status s = bytes.n > 0 ? c->to->ops->assign(c->to, c->state, member, bytes) : WEIR_OK;
        if (s != WEIR_OK) return s;
    }
    return WEIR_OK;
}

static weir_status copy_value(struct weir_state_copy *c, const struct weir_key_ref *key, const void *from)
{
    const struct weir_state_layout *l = &c->from->layouts[c->state];
    void *value = c->to->ops->value_edit(c->to, c->state, key, c->ns);
    return value ? copy_struct(c, l->fields, l->n_fields, l->size, value, from) : WEIR_E_MEMORY;
}

static weir_status copy_list(struct weir_state_copy *c, const struct weir_key_ref *key, size_t *items)
{
    const struct weir_state_ops *from = c->from->ops, *to = c->to->ops;
    size_t n = from->list_size(c->from, c->state, key, c->ns);
    weir_status s = WEIR_OK;
    for (size_t i = 0; s == WEIR_OK && i < n; i++) {
        const void *item = from->list_at(c->from, c->state, key, c->ns, i);
        if (item) s = to->list_add(c->to, c->state, key, c->ns, item);
    }
    *items += n;
    return s;
}

static weir_status copy_map(struct weir_state_copy *c, const struct weir_key_ref *key, size_t *items)
{
    const struct weir_state_layout *l = &c->from->layouts[c->state];
    weir_cursor at = {0};
    const void *k, *v;
    weir_status s = WEIR_OK;
    while (s == WEIR_OK && c->from->ops->map_next(c->from, c->state, key, c->ns, &at, &k, &v)) {
        void *value = c->to->ops->map_edit(c->to, c->state, key, c->ns, k);
        s = value ? copy_struct(c, l->fields, l->n_fields, l->size, value, v) : WEIR_E_MEMORY;
        ++*items;
    }
    return s;
}

static weir_status copy_entry(struct weir_state_copy *c, const struct weir_key_ref *key, const void *value, size_t *items)
{
    weir_status s = WEIR_OK;
    switch (weir_layout_shape(&c->from->layouts[c->state])) {
    case WEIR_SHAPE_VALUE: s = copy_value(c, key, value); break;
    case WEIR_SHAPE_LIST: s = copy_list(c, key, items); break;
    case WEIR_SHAPE_MAP: s = copy_map(c, key, items); break;
    }
    c->to->ops->settle(c->to);
    c->entries++;
    ++*items;
    return s;
}

/* ---- where it stands --------------------------------------------------------------------------------------------- */

/* False: there is none left. */
static bool next_namespace(struct weir_state_copy *c)
{
    for (; c->state < c->from->n_states; c->state++, c->group = c->from->first_group) {
        for (; c->group <= c->from->last_group; c->group++) {
            int64_t after = c->ns;
            c->in_namespace = c->from->ops->next_namespace(c->from, c->state, c->group, !c->in_group, after, &c->ns);
            c->in_group = c->in_namespace;
            c->at = (weir_cursor){0};
            if (c->in_namespace) return true;
        }
    }
    return false;
}

weir_status weir_state_copy_step(struct weir_state_copy *c, size_t items)
{
    struct weir_key_ref key;
    void *value;
    weir_status s = WEIR_OK;
    for (size_t done = 0; s == WEIR_OK && done < items;) {
        if (!c->in_namespace && !next_namespace(c)) return WEIR_OK;
        c->in_namespace = c->from->ops->next_key(c->from, c->state, c->group, c->ns, &c->at, &key, &value);
        if (c->in_namespace) s = copy_entry(c, &key, value, &done);
    }
    return s == WEIR_OK ? WEIR_MORE : s;
}
