/* strings.c - lists of names in host memory. */
#include "sink.h"

weir_status sink_no_memory(weir_ctx *cx)
{
    return weir_fail(cx, WEIR_E_MEMORY, "no memory for the names of parts");
}

weir_status sink_grow(weir_ctx *cx, void **items, size_t *capacity, size_t n)
{
    if (n < *capacity) return WEIR_OK;
    size_t more = *capacity ? 2 * *capacity : 16;
    void *grown = cx->host->resize(cx, *items, more * sizeof(void *));
    if (!grown) return sink_no_memory(cx);
    *items = grown;
    *capacity = more;
    return WEIR_OK;
}

bool strings_have(const struct strings *s, const char *p, size_t n)
{
    for (size_t i = 0; i < s->n; i++) {
        if (strlen(s->all[i]) == n && memcmp(s->all[i], p, n) == 0) return true;
    }
    return false;
}

weir_status strings_add(struct strings *s, weir_ctx *cx, const char *p, size_t n)
{
    if (strings_have(s, p, n)) return WEIR_OK;
    weir_status status = sink_grow(cx, (void **)(void *)&s->all, &s->capacity, s->n);
    char *copy = status == WEIR_OK ? cx->host->alloc(cx, n + 1) : NULL;
    if (!copy) return status == WEIR_OK ? sink_no_memory(cx) : status;
    memcpy(copy, p, n);
    copy[n] = 0;
    s->all[s->n++] = copy;
    return WEIR_OK;
}

void strings_clear(struct strings *s, weir_ctx *cx)
{
    for (size_t i = 0; i < s->n; i++) cx->host->release(cx, s->all[i]);
    cx->host->release(cx, s->all);
    *s = (struct strings){0};
}
