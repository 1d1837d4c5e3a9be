/* heap_list.c - list state of the heap backend: a growing array per key. One thread. */
#include "state/heap_internal.h"

void weir__heap_free_list(struct heap *h, const struct heap_state *s, struct heap_list *list)
{
    for (size_t i = 0; s->texts.n > 0 && i < list->n; i++)
        weir__heap_free_texts(h, &s->texts, list->items + i * s->layout->size);
    weir__heap_free(h, list->items, list->capacity * s->layout->size);
    *list = (struct heap_list){0};
}

static const struct heap_state *state_of(struct weir_state_set *set, uint32_t state)
{
    return &weir__heap_of(set)->states[state];
}

static bool reserve(struct heap *h, struct heap_list *list, size_t size)
{
    if (list->n < list->capacity) return true;
    size_t capacity = list->capacity ? list->capacity * 2 : 4, bytes;
    if (__builtin_mul_overflow(capacity, size, &bytes)) return false;
    uint8_t *items = weir__heap_resize(h, list->items, list->capacity * size, bytes);
    if (!items) return false;
    list->items = items;
    list->capacity = capacity;
    return true;
}

bool weir__heap_list_append(struct heap *h, const struct heap_state *s, struct heap_list *list, const void *item)
{
    size_t size = s->layout->size, own = (size_t)((uintptr_t)item - (uintptr_t)list->items);
    bool is_own = list->items && own < list->n * size; /* an item of this very list, which may move now */
    if (!reserve(h, list, size)) return false;
    uint8_t *to = list->items + list->n * size;
    memcpy(to, is_own ? list->items + own : item, size);
    if (!weir__heap_own_texts(h, &s->texts, to)) return false;
    list->n++;
    return true;
}

weir_status weir__heap_list_add(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key, int64_t ns,
                                const void *item)
{
    struct heap_list *list = weir__heap_edit(set, state, WEIR_SHAPE_LIST, key, ns);
    if (!list) return WEIR_E_MEMORY;
    if (weir__heap_list_append(weir__heap_of(set), state_of(set, state), list, item)) return WEIR_OK;
    if (list->n == 0) weir__heap_clear(set, state, key, ns);
    return WEIR_E_MEMORY;
}

size_t weir__heap_list_size(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key, int64_t ns)
{
    const struct heap_list *list = weir__heap_get(set, state, WEIR_SHAPE_LIST, key, ns);
    return list ? list->n : 0;
}

const void *weir__heap_list_at(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key, int64_t ns,
                               size_t i)
{
    const struct heap_list *list = weir__heap_get(set, state, WEIR_SHAPE_LIST, key, ns);
    return list && i < list->n ? list->items + i * state_of(set, state)->layout->size : NULL;
}

/* The new items are copied before the old ones go: they may be the same. */
static bool copy_items(struct heap *h, const struct heap_state *s, const void *items, size_t n, struct heap_list *copy)
{
    size_t size = s->layout->size, bytes;
    *copy = (struct heap_list){0};
    if (__builtin_mul_overflow(n, size, &bytes)) return false;
    copy->items = weir__heap_alloc(h, bytes);
    if (!copy->items) return false;
    copy->capacity = n;
    memcpy(copy->items, items, bytes);
    while (copy->n < n && weir__heap_own_texts(h, &s->texts, copy->items + copy->n * size)) copy->n++;
    if (copy->n == n) return true;
    weir__heap_free_list(h, s, copy);
    return false;
}

weir_status weir__heap_list_update(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key, int64_t ns,
                                   const void *items, size_t n)
{
    struct heap *h = weir__heap_of(set);
    const struct heap_state *s = state_of(set, state);
    struct heap_list copy;
    if (n == 0) {
        weir__heap_clear(set, state, key, ns);
        return WEIR_OK;
    }
    if (!copy_items(h, s, items, n, &copy)) return WEIR_E_MEMORY;
    struct heap_list *list = weir__heap_edit(set, state, WEIR_SHAPE_LIST, key, ns);
    if (!list) {
        weir__heap_free_list(h, s, &copy);
        return WEIR_E_MEMORY;
    }
    weir__heap_free_list(h, s, list);
    *list = copy;
    return WEIR_OK;
}
